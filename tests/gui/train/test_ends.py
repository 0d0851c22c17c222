"""The Train dock: bad input gives one notification; how trainings end otherwise."""

from __future__ import annotations

import threading
from datetime import date

import numpy as np
import pytest

import napari_unet.training.loop
from napari_unet import Model
from napari_unet.files.sample_data import folder
from napari_unet.gui import worker
from napari_unet.gui.pickers.model_picker import models
from support import train_dock
from support.made import blobs
from support.train_dock import LONG, SHORT, Dock, add_pair

dock, own_models = train_dock.dock, train_dock.own_models


def assert_usable(dock, notices, *texts):
    """One notification with these texts, and the next training works."""
    (message,) = notices
    for text in texts:
        assert text in message
    notices.clear()
    sample = blobs(0, (96, 128), 30)
    dock.viewer.layers["cells"].data = sample.image.array[0]
    dock.viewer.layers["cells labels"].data = sample.labels
    dock.set()
    dock.train()
    assert not notices
    assert "chosen in the Segment dock" in dock.text


def test_an_error_in_the_job(dock, notices, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("the device is on fire")
        yield

    with monkeypatch.context() as patch:
        patch.setattr(napari_unet.training.loop, "new_run", broken)
        dock.train()
    assert dock.text.endswith("RuntimeError: the device is on fire")
    assert_usable(dock, notices, "RuntimeError", "on fire")


BINARY = (blobs(0, (96, 128), 30).labels > 0).astype(int)
NAN = np.full((96, 128), np.nan)


@pytest.mark.parametrize(
    ("image", "labels", "texts"),
    [
        (None, np.zeros((96, 128), int), ["empty", "annotate"]),
        (None, BINARY, ["binary", "own id"]),
        (NAN, None, ["NaN", "cells"]),
        (np.ones((96, 128)), None, ["1.0 everywhere"]),
    ],
)
def test_data_that_teach_nothing(
    make_napari_viewer, qtbot, notices, image, labels, texts
):
    viewer = make_napari_viewer()
    add_pair(viewer, image, labels)
    dock = Dock(viewer, qtbot)
    dock.set()
    dock.train()
    assert_usable(dock, notices, *texts)


def test_labels_of_another_shape(dock, notices):
    labels = dock.viewer.add_labels(np.ones((96, 127), int), name="wrong")
    (row,) = dock.table.pairs
    row.labels_box.value = labels
    assert not dock.buttons.start.isEnabled()
    assert "(96, 127)" in dock.buttons.start.toolTip()
    dock.widget.start()  # by code, which a greyed button does not keep back
    dock.viewer.layers.remove(labels)
    row.labels_box.value = dock.viewer.layers["cells labels"]
    assert_usable(dock, notices, "(96, 127)", "(96, 128)")


def test_a_patch_that_is_too_large(dock, notices):
    dock.set(SHORT.replace(patch=256))
    dock.train()
    assert_usable(dock, notices, "256", "(96, 1")  # of the part that trains


def test_an_option_that_is_no_number(dock, notices):
    dock.form.train_form._rows["rate"]._editor.value = "fast"
    dock.press()
    assert dock.widget._job is None
    assert_usable(dock, notices, "rate")


def test_a_name_that_is_taken(dock, notices, own_models):
    (own_models / "mine").mkdir(parents=True)
    dock.form.name.edit.setText("mine")
    dock.press()
    dock.form.name.edit.setText("another")
    assert_usable(dock, notices, "mine", "choose another")


def test_a_name_that_is_none(dock, notices):
    for name in ("..", "a/b", "a:b", ""):
        notices.clear()
        dock.form.name.edit.setText(name)
        dock.press()
        assert dock.widget._job is None
        (message,) = notices
        assert "name of a model" in message, name
    dock.form.name.edit.setText("another")
    assert_usable(dock, notices, "name of a model")


def test_nothing_known_as_background(dock, notices):
    dock.form.labels_mean.unknown_button.click()
    start, reason = dock.buttons.start, dock.buttons.reason
    assert not start.isEnabled() and "[Paint background]" in start.toolTip()
    assert reason.isVisibleTo(dock.widget) and reason.text() == start.toolTip()
    dock.widget.start()
    dock.form.labels_mean.background_box.setValue(3)
    assert start.isEnabled()
    assert_usable(dock, notices, "Paint background")


def test_no_pair(dock, notices):
    dock.table.pairs[0].remove_button.click()
    assert not dock.buttons.start.isEnabled()
    assert dock.buttons.start.toolTip().startswith("Add an image")
    dock.widget.start()
    dock.widget.add_pair(*dock.viewer.layers)
    assert_usable(dock, notices, "add an image")


def test_stop_before_the_first_step_leaves_nothing(
    dock, notices, own_models, monkeypatch
):
    gate = threading.Event()
    step = napari_unet.training.loop._step

    def late(run):
        gate.wait(60)
        return (yield from step(run))

    monkeypatch.setattr(napari_unet.training.loop, "_step", late)
    dock.set(LONG)
    dock.press()
    # It holds an untrained model by then.
    dock.qtbot.waitUntil(lambda: any(own_models.glob("*/*")), timeout=60_000)
    dock.press("stop")
    gate.set()
    dock.wait()
    assert "no model" in dock.text and not dock.monitor.best.text()
    assert not list(own_models.iterdir())
    assert models().chosen_path is None
    assert not notices


def test_what_a_training_told_goes_with_its_data(dock):
    dock.train()
    told = dock.text, dock.monitor.best.text()
    assert all(told) and dock.monitor.plot._steps
    dock.form.options.expand()
    dock.viewer.add_points(np.zeros((1, 2)))
    dock.viewer.layers["cells labels"].paint((5, 5), 3)
    assert (dock.text, dock.monitor.best.text()) == told
    dock.table.add_folder(folder("nuclei"))
    assert not dock.text and not dock.monitor.best.text()
    assert not dock.monitor.plot._steps and not dock.widget.findings._notes


def test_what_changes_meanwhile_does_not_wipe_what_is_told(dock):
    dock.set(LONG)
    dock.press()
    dock.wait_for_steps()
    dock.viewer.layers.clear()
    dock.press("stop")
    dock.wait()
    assert "ready" in dock.text
    add_pair(dock.viewer, name="others")
    assert not dock.text


def test_a_layer_that_is_removed_is_still_trained_on(dock, notices, own_models):
    dock.set(LONG)
    dock.press()
    dock.wait_for_steps()
    dock.viewer.layers.clear()
    dock.wait_for_steps(3)
    dock.press("stop")
    dock.wait()
    (path,) = own_models.iterdir()
    assert Model.load(path).card["training"]["names"] == ["cells"]
    assert not notices


def test_labels_painted_meanwhile_do_not_disturb(dock, notices):
    dock.set(LONG)
    dock.press()
    dock.wait_for_steps()
    dock.viewer.layers["cells labels"].paint((5, 5), 3)
    dock.wait_for_steps(2)
    dock.press("stop")
    dock.wait()
    assert not notices


def test_a_dock_that_is_closed_ends_its_training(dock, qtbot, notices, own_models):
    dock.set(LONG)
    dock.press()
    dock.wait_for_steps()
    (job,) = worker.running("training")
    dock.close()
    qtbot.waitUntil(lambda: not job.is_running, timeout=60_000)
    dock.viewer.layers["cells labels"].paint((5, 5), 3)  # nobody listens any more
    dock.viewer.layers.clear()
    assert not notices
    path = own_models / f"cells {date.today():%Y-%m-%d}"
    assert Model.load(path).card["steps"] > 0


def test_a_dock_that_is_opened_again_can_train(dock, qtbot, notices, own_models):
    dock.set(LONG)
    dock.press()
    dock.wait_for_steps()
    dock.close()
    again = Dock(dock.viewer, qtbot)
    again.set()
    qtbot.waitUntil(again.buttons.start.isEnabled, timeout=60_000)
    again.train()
    assert "chosen in the Segment dock" in again.text and not notices
    assert len(list(own_models.iterdir())) == 2


@pytest.mark.own_viewer
def test_a_viewer_that_is_closed_ends_its_training(dock, qtbot, notices, own_models):
    dock.set(LONG)
    dock.press()
    dock.wait_for_steps()
    (job,) = worker.running("training")
    dock.viewer.close()
    qtbot.waitUntil(lambda: not job.is_running, timeout=60_000)
    assert not notices
    (path,) = own_models.iterdir()
    Model.load(path)
