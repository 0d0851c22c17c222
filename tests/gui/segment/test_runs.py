"""The Segment dock while it works: cancel, errors, and what users do meanwhile."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import tifffile

import napari_unet.segmentation.segment
from napari_unet.config import PredictConfig
from napari_unet.events import Progress
from napari_unet.gui import worker
from napari_unet.gui.layers.axes import KEY
from napari_unet.gui.pickers.model_picker import models
from napari_unet.gui.segment import dock as segment_widget
from support import segment_dock, waits
from support.segment_dock import Dock, begin, picture, usable

dock, slow = segment_dock.dock, segment_dock.slow
own_models = segment_dock.own_models


def test_blocks_are_shown_as_they_come_and_buttons_are_greyed(dock, slow):
    begin(dock, slow)
    (layer,) = dock.labels()
    assert layer.data[:64, :20].all() and not layer.data[64:].any()
    for button in (dock.form.image_button, dock.form.view_button, dock.form.score):
        assert not button.isEnabled()
    assert "is running" in dock.form.image_button.toolTip()
    slow.second.set()
    dock.wait()
    assert layer.data[64:, :20].all() and KEY in layer.metadata
    assert dock.form.image_button.isEnabled() and dock.form.score.isEnabled()


def test_cancel_keeps_what_is_done_and_says_so(dock, slow):
    begin(dock, slow)
    began = time.monotonic()
    dock.form.progress.cancelled.emit()
    dock.wait()
    assert time.monotonic() - began < 1
    (layer,) = dock.labels()
    assert layer.data[:64, :20].all() and not layer.data[64:].any()
    assert layer.metadata[KEY]["complete"] is False
    assert dock.form.summary.text().startswith("stopped before the end:   1 object")


def test_cancel_before_the_first_block_leaves_no_layer(dock, slow):
    dock.viewer.add_image(picture())
    dock.press()
    dock.form.progress.cancelled.emit()
    dock.wait()
    assert not dock.labels() and dock.form.image_button.isEnabled()


def test_cancel_before_the_first_block_leaves_the_older_result(dock, slow):
    dock.viewer.add_image(picture())
    slow.first.set()
    slow.second.set()
    dock.segment()
    before = dock.labels()[0].data.copy()
    slow.first.clear()
    slow.blocks = 0
    dock.press()
    dock.form.progress.cancelled.emit()
    dock.wait()
    assert len(dock.labels()) == 1
    assert np.array_equal(dock.labels()[0].data, before)
    assert dock.form.copy_button.isEnabled()


def test_a_removed_image_stops_its_run_with_one_notice(dock, slow, notices):
    image = begin(dock, slow)
    dock.viewer.layers.remove(image)
    dock.wait()
    assert len(notices) == 1 and "cells was removed" in notices[0]
    assert len(dock.labels()) == 1, "what is done stays"
    slow.second.set()
    dock.viewer.add_image(picture())
    assert usable(dock, notices)


def test_removing_everything_leaves_nothing(dock, slow, notices):
    begin(dock, slow)
    dock.viewer.layers.clear()
    dock.wait()
    assert not dock.viewer.layers and len(notices) == 1


def test_an_image_removed_before_its_turn_is_left_out(dock, slow, notices):
    one = dock.viewer.add_image(picture(), name="one")
    two = dock.viewer.add_image(picture(), name="two")
    dock.viewer.layers.selection.active = one
    dock.form.all_action.trigger()
    dock.viewer.layers.remove(two)
    slow.first.set()
    slow.second.set()
    dock.wait()
    assert [y.name for y in dock.labels()] == ["one labels"] and not notices


def test_cancel_ends_all_images(dock, slow):
    for name in ("one", "two"):
        dock.viewer.add_image(picture(), name=name)
    dock.form.all_action.trigger()
    dock.form.progress.cancelled.emit()
    dock.wait()
    assert not dock.labels()


def test_a_cancelled_folder_writes_nothing_by_halves(dock, slow, tmp_path, monkeypatch):
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for seed in (1, 2):
        tifffile.imwrite(source / f"b{seed}.tif", picture(seed))
    chosen = iter([source, output])
    monkeypatch.setattr(segment_widget, "ask_folder", lambda *_: next(chosen))
    dock.form.folder_action.trigger()
    slow.first.set()
    dock.qtbot.waitUntil(lambda: slow.blocks == 1)
    dock.form.progress.cancelled.emit()
    dock.wait()
    assert "stopped after 0 of 2 images" in dock.form.progress.text
    assert not output.exists() and not dock.labels()


def test_a_result_removed_meanwhile_is_made_again(dock, slow, notices):
    begin(dock, slow)
    dock.viewer.layers.remove(dock.labels()[0])
    slow.second.set()
    dock.wait()
    (layer,) = dock.labels()
    assert layer.data[:, :20].all() and not notices


def test_painting_meanwhile_is_never_overwritten(dock, slow):
    begin(dock, slow)
    (layer,) = dock.labels()
    layer.paint((100, 5), 77)
    mine = layer.data.copy()
    slow.second.set()
    dock.wait()
    first, second = dock.labels()
    assert first is layer and np.array_equal(layer.data, mine)
    assert second.data[:, :20].all()


def test_a_dock_that_is_closed_ends_its_job(dock, slow, notices):
    begin(dock, slow)
    (job,) = worker.running(worker.SEGMENTING)
    dock.close()
    dock.qtbot.waitUntil(lambda: not job.is_running)
    dock.viewer.layers.clear()
    assert job.control.stopped and not notices


def test_a_threshold_that_changes_meanwhile_is_decoded_at_the_end(
    dock, slow, monkeypatch
):
    used = []

    def core(model, image, config, **options):
        used.append(config.threshold)
        slow.blocks = 0
        return slow(model, image, config, **options)

    monkeypatch.setattr(napari_unet.segmentation.segment, "segment", core)
    begin(dock, slow)
    for threshold in (0.7, 0.9):
        dock.form.options_form.set_value(PredictConfig(threshold=threshold))
        dock.qtbot.waitUntil(lambda: not dock.widget._options.isActive())
    assert used == [None], "it has to wait"
    slow.second.set()
    dock.wait()
    assert used == [None, 0.9]
    (result,) = dock.runs.results
    assert result.press.config.threshold == 0.9
    waits.settle(dock.qtbot, dock.widget)
    assert used == [None, 0.9] and not dock.runs.running


@pytest.mark.own_viewer
def test_a_viewer_that_is_closed_ends_its_job(make_napari_viewer, qtbot, trained, slow):
    models().choose(trained)
    dock = Dock(make_napari_viewer(), qtbot)
    begin(dock, slow)
    (job,) = worker.running(worker.SEGMENTING)
    dock.viewer.close()
    qtbot.waitUntil(lambda: not job.is_running)


def test_the_menu_gives_a_dock_that_works(make_napari_viewer, qtbot, trained, slow):
    """Plugins are given a proxy of the viewer there, and proxies of its layers."""
    viewer = make_napari_viewer()
    models().choose(trained)
    _, widget = viewer.window.add_plugin_dock_widget("napari-unet-live", "Segment")
    image = viewer.add_image(picture(), name="cells")
    slow.first.set()
    slow.second.set()
    for _ in range(2):
        slow.blocks = 0
        widget.form.image_button.click()
        qtbot.waitUntil(lambda: not widget.runs.running)
    assert [y.name for y in viewer.layers] == ["cells", "cells labels"]
    widget.form.score.setValue(0.5)
    labels = viewer.layers[1]
    qtbot.waitUntil(lambda: set(np.unique(labels.data)) == {0, 2})
    labels.paint((100, 100), 9)
    qtbot.waitUntil(lambda: labels.features["index"].tolist() == [2, 9])
    viewer.layers.remove(image)
    assert not widget.form.copy_button.isEnabled()


def test_the_dock_opens_at_once_and_torch_comes_later(
    make_napari_viewer, qtbot, monkeypatch
):
    gate = threading.Event()

    def late(control):
        yield Progress("starting torch", 0)
        gate.wait(10)
        return {"device": ["auto", "cpu", "cuda:0"]}

    monkeypatch.setattr(worker, "_import_torch", late)
    viewer = make_napari_viewer()
    dock = Dock(viewer, qtbot)
    box = dock.form.device
    assert box.currentText() == "auto" and box.findText("cuda:0") < 0
    gate.set()
    qtbot.waitUntil(lambda: box.findText("cuda:0") >= 0)
    assert box.currentText() == "auto"
