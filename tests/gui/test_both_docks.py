"""What the two docks hand to each other, and leave to each other."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet import Model
from napari_unet.config import ModelConfig
from napari_unet.gui.docks import find_dock
from napari_unet.gui.pickers.model_picker import models
from support import segment_dock, train_dock
from support.segment_dock import begin, picture
from support.train_dock import LONG

own_models = train_dock.own_models
slow = segment_dock.slow


@pytest.fixture
def dock(make_napari_viewer, qtbot, trained):
    """The Segment dock with the trained model chosen."""
    models().choose(trained)
    return segment_dock.Dock(make_napari_viewer(), qtbot)


def test_labels_that_are_learnt_from_are_not_segmented_over(dock, qtbot, notices):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (layer,) = dock.labels()
    before = layer.data.copy()
    train = train_dock.Dock(dock.viewer, qtbot)
    train.widget.view_box.setChecked(False)
    train.set(LONG)
    train.press()
    train.wait_for_steps()
    for _ in range(2):  # the second time, the new layer is used again
        dock.segment()
        assert [y.name for y in dock.labels()] == ["cells labels", "cells labels [1]"]
        np.testing.assert_array_equal(layer.data, before)
    assert dock.labels()[1].data.any()
    assert train.table.pairs[0].labels == layer
    train.press("stop")
    train.wait()
    dock.viewer.layers.remove("cells labels [1]")
    dock.segment()
    assert dock.labels() == [layer] and not notices


def begin_training(dock, qtbot):
    train = train_dock.Dock(dock.viewer, qtbot)
    train.widget.view_box.setChecked(False)
    train.set(LONG)
    train.press()
    train.wait_for_steps()
    return train


@pytest.mark.parametrize("ends", ["done", "cancelled", "closed"])
def test_a_training_waits_for_what_is_segmented(dock, qtbot, slow, ends):
    train_dock.add_pair(dock.viewer, name="others")
    train = begin_training(dock, qtbot)
    begin(dock, slow)
    qtbot.waitUntil(lambda: train.text.startswith("paused: segmenting"))
    control, steps = train.widget._job.control, train.widget.presses.steps
    assert not control.paused, "the user has not paused it"
    qtbot.wait(100)
    assert train.widget.presses.steps == steps
    slow.second.set()
    if ends == "closed":
        dock.close()
    else:
        if ends == "cancelled":
            dock.runs.stop()
        dock.wait()
    train.wait_for_steps()
    assert train.text.startswith("training")
    train.press("stop")
    train.wait()


def correct_and_train(dock):
    dock.segment()
    dock.form.train_button.click()
    return find_dock(dock.viewer, "Train")


def test_a_classifier_is_fitted_anew(dock, qtbot, tmp_path, notices):
    forest = Model.create(ModelConfig(network="forest"), device="cpu")
    models().choose(forest.save(tmp_path / "grown"))
    dock.viewer.add_image(picture(), name="cells")
    form = correct_and_train(dock).form
    assert form.model_picker.path is None
    assert form.network_box.currentText() == "forest"
    qtbot.waitUntil(lambda: form.classifier, timeout=60_000)  # torch named them
    settings = form.settings()
    assert settings.init is None and settings.model.network == "forest"
    assert not notices


def test_the_channel_goes_along(dock, notices):
    planes = np.stack([np.zeros_like(picture()), picture()])
    image = dock.viewer.add_image(planes, name="cells", axis_labels=("c", "y", "x"))
    dock.form.picker.channel_box.setCurrentText("1")
    train = correct_and_train(dock)
    (row,) = train.table.pairs
    assert row.image == image and row.picker.channel == 1
    assert row.target().image.array.shape[0] == 1
    row.picker.channel_box.setCurrentText("0")
    dock.form.train_button.click()
    assert train.table.pairs == [row] and row.picker.channel == 1
    assert not notices


def test_further_layers_go_along(dock, slow, notices):
    other = dock.viewer.add_image(picture(1), name="other")
    image = dock.viewer.add_image(picture(), name="cells")
    dock.form.picker.add_button.click()
    slow.first.set()
    slow.second.set()
    train = correct_and_train(dock)
    (row,) = train.table.pairs
    assert row.image == image and row.picker.extra == (other,)
    assert row.target().image.channels == ("cells", "other")
    dock.form.train_button.click()
    assert row.picker.extra == (other,) and not notices
