"""The built-in model in the docks: one press segments, and training starts there."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.files import sample_data
from napari_unet.files.readers import read_image
from napari_unet.gui.segment.dock import SegmentWidget
from napari_unet.gui.train.dock import TrainWidget
from support import segment_dock
from support.made import blobs

own_models = segment_dock.own_models


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


def training(viewer):
    widget = TrainWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Train")
    return widget.form


def test_one_press_segments_a_dropped_image(built_in_model, viewer, qtbot, notices):
    path = sample_data.folder("nuclei") / "test" / "images" / "nuclei_08.tif"
    viewer.add_image(read_image(path).array, name="dropped")
    dock = SegmentWidget(viewer)
    viewer.window.add_dock_widget(dock, name="Segment")
    assert dock.form.model.path == built_in_model
    with qtbot.waitSignal(dock.runs.ended, timeout=120_000):
        dock.form.image_button.click()
    labels = viewer.layers["dropped labels"]
    assert len(np.unique(labels.data)) > 30
    assert dock.form.object_size.unit.text() == "px wide, estimated"
    about = labels.metadata["napari-unet-live"]
    assert about["object_size"] == pytest.approx(22, rel=0.4)
    assert about["options"]["object_size"] is None
    assert not notices


def test_training_is_proposed_to_start_from_it(built_in_model, viewer):
    sample = blobs(3, (96, 96), 12)
    viewer.add_image(sample.image.array[0])
    viewer.add_labels(sample.labels)
    form = training(viewer)
    assert form.model_picker.path == built_in_model
    assert form.classes_button.isVisibleTo(form)
    form.classes_button.setChecked(True)
    assert form.model_picker.path is None, "it knows objects, not classes"
    assert form.network_box.isVisibleTo(form)


def test_objects_are_learnt_where_it_is_chosen_again(built_in_model, viewer):
    sample = blobs(3, (96, 96), 12)
    viewer.add_image(sample.image.array[0])
    viewer.add_labels(sample.labels)
    form = training(viewer)
    form.classes_button.click()
    combo = form.model_picker.combo
    combo.setCurrentIndex(combo.findData(built_in_model))
    assert form.model_picker.path == built_in_model
    assert form.instances_button.isChecked() and not form.classes_button.isChecked()


def test_a_choice_of_the_user_is_kept(built_in_model, viewer):
    sample = blobs(3, (96, 96), 12)
    viewer.add_image(sample.image.array[0])
    viewer.add_labels(sample.labels)
    form = training(viewer)
    form.model_picker.set_path(None)
    viewer.add_image(sample.image.array[0], name="another")
    assert form.model_picker.path is None


@pytest.mark.parametrize("channels", [1, 2])
def test_stacks_and_several_channels_start_from_scratch(
    built_in_model, viewer, channels
):
    shape = (12, 40, 40) if channels == 1 else (2, 40, 40)
    names = ("z", "y", "x") if channels == 1 else ("c", "y", "x")
    viewer.add_image(np.random.default_rng(0).random(shape), axis_labels=names)
    viewer.add_labels(np.ones(shape[-3 if channels == 1 else -2 :], np.int32))
    form = training(viewer)
    assert form.model_picker.path is None
