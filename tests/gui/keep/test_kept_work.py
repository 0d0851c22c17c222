"""What was painted and trained comes back in another viewer."""

from __future__ import annotations

import json
import time

import numpy as np
import psutil
import pytest
import tifffile
from qtpy.QtWidgets import QDialog, QLabel

from napari_unet.events import Control, Progress, drain
from napari_unet.gui.keep import keeper, kept
from napari_unet.gui.layers.axes import set_axes
from napari_unet.gui.layers.right_views import add_right_box
from napari_unet.models.model import Model
from support import train_dock
from support.made import blobs
from support.train_dock import SHORT, SMALL, Dock
from support.trainings import assert_equal_weights

own_models = train_dock.own_models


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(keeper, "WAIT", 0.01)
    monkeypatch.setattr(keeper, "LONGEST", 0.05)


def kept_of(dock):
    """Wait until all is written; return it."""
    own = dock.widget.kept.keeper
    dock.qtbot.waitUntil(lambda: own.folder is not None and not own.behind)
    return kept.read(own.folder)


def end(dock):
    """End the dock and its layers, as a crash would, but for the process."""
    dock.close()
    dock.viewer.layers.clear()


def bring_back(dock):
    """Choose the first offer of "Start from"."""
    combo = dock.form.model_picker.combo
    dock.form.model_picker.refresh()
    offers = [i for i in range(combo.count()) if "go on" in combo.itemText(i)]
    assert offers, "nothing is offered"
    title = combo.itemText(offers[0])
    with dock.qtbot.waitSignal(dock.widget.kept.changed, timeout=60_000):
        combo.setCurrentIndex(offers[0])
        combo.activated.emit(offers[0])
    return title


def cut_off(dock, monkeypatch, after):
    """Train, and end the work after so many steps as a kill would."""

    def wait(run, control):
        while run.counters.step >= after:
            yield Progress("paused", 0)
            time.sleep(0.01)

    with monkeypatch.context() as patch:
        patch.setattr("napari_unet.training.loop._wait", wait)
        dock.press()
        kept_of(dock)
        dock.qtbot.waitUntil(lambda: dock.widget.presses.steps >= 1)
        dock.widget._job.abandon()
        dock.wait()


def paint(layer, number=77):
    """Paint a square with napari's brush."""
    at = tuple(n // 2 for n in layer.data.shape)
    layer.brush_size = 5
    layer.paint(at, number)


@pytest.mark.parametrize(
    ("axes", "from_file"), [("YX", False), ("ZYX", True), ("CYX", False)]
)
def test_painting_comes_back(make_napari_viewer, qtbot, tmp_path, axes, from_file):
    viewer = make_napari_viewer()
    shape = (40, 50) if axes == "YX" else (3, 40, 50)
    image = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    if from_file:
        tifffile.imwrite(tmp_path / "cells.tif", image, photometric="minisblack")
        (layer,) = viewer.open(tmp_path / "cells.tif", plugin="napari")
    else:
        layer = viewer.add_image(image, name="cells", rgb=False)
    set_axes(layer, axes)
    layer.scale = [0.5] * layer.ndim
    layer.colormap = "green"
    shown = np.zeros(shape[-2:] if axes == "CYX" else shape, np.int32)
    labels = viewer.add_labels(
        shown, name="cells labels", scale=layer.scale[-shown.ndim :]
    )
    dock = Dock(viewer, qtbot)
    dock.set(zero="unknown")
    row = dock.table.pairs[0]
    row.use_box.setCurrentText("training")
    if axes == "CYX":
        row.picker.choose_channels(1, ())
    box = tuple(slice(2, 30) for _ in shown.shape[-2:])
    box = (slice(0, 2), *box) if axes == "ZYX" else box
    paint(labels)
    add_right_box(viewer, layer, axes, labels, box)
    viewer.scene.camera.zoom = 3.5
    paint(labels, 78)
    work = kept_of(dock)
    assert not [p for p in work.folder.iterdir() if "part" in p.name]
    before = labels.data.copy()
    end(dock)

    again = Dock(viewer, qtbot)
    assert "painted" in bring_back(again)
    (row,) = again.table.pairs
    np.testing.assert_array_equal(row.labels.data, before)
    np.testing.assert_array_equal(row.image.data, image)
    assert row.picker.axes == axes and row.use == "training"
    assert row.picker.channel == (1 if axes == "CYX" else None)
    assert row.right == (box,)
    assert row.image.colormap.name == "green" and row.image.name == "cells"
    np.testing.assert_array_equal(row.image.scale, [0.5] * len(shape))
    assert again.form.labels_mean.zero == "unknown"
    assert viewer.scene.camera.zoom == 3.5
    assert not again.buttons.go_on.isVisibleTo(again.widget)
    paint(row.labels, 79)  # goes on in the same place
    assert kept_of(again).folder == work.folder
    again.form.model_picker.refresh()
    assert "go on" not in again.form.model_picker.combo.itemText(2), "it is open here"


def test_an_image_that_has_changed_is_told_of(
    make_napari_viewer, qtbot, tmp_path, notices
):
    viewer = make_napari_viewer()
    tifffile.imwrite(tmp_path / "cells.tif", np.eye(40, dtype=np.uint8))
    viewer.open(tmp_path / "cells.tif", plugin="napari")
    labels = viewer.add_labels(np.zeros((40, 40), int), name="cells labels")
    dock = Dock(viewer, qtbot)
    paint(labels)
    kept_of(dock)
    before = labels.data.copy()
    end(dock)
    tifffile.imwrite(tmp_path / "cells.tif", np.ones((40, 40), np.uint8))
    again = Dock(viewer, qtbot)
    combo = again.form.model_picker.combo
    combo.activated.emit(combo.count() - 1)
    qtbot.waitUntil(lambda: "cells labels" in viewer.layers)
    np.testing.assert_array_equal(viewer.layers["cells labels"].data, before)
    qtbot.waitUntil(lambda: bool(notices))
    assert "cells.tif has changed" in notices[0]


def test_images_that_are_too_large_are_told_of(make_napari_viewer, qtbot, monkeypatch):
    monkeypatch.setattr(kept, "MOST_COPIED", 100)
    viewer = make_napari_viewer()
    train_dock.add_pair(viewer)
    dock = Dock(viewer, qtbot)
    paint(viewer.layers["cells labels"])
    told = kept_of(dock).told
    assert "array" not in told["pairs"][0]["images"][0]
    assert "Cells is not kept" in dock.widget.unkept.text()


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_training_that_was_cut_off_goes_on(
    make_napari_viewer, qtbot, monkeypatch, ndim
):
    """It ends with the weights of one that nobody cut off."""
    viewer = make_napari_viewer()
    shape = (96, 128) if ndim == 2 else (12, 48, 64)
    sample = blobs(0, shape, 30)
    config = SHORT.replace(steps=30, patch=8)

    def dock_on_layers():
        layer = viewer.add_image(sample.image.array[0], name="cells", rgb=False)
        set_axes(layer, "ZYX"[-ndim:])
        viewer.add_labels(sample.labels.copy(), name="cells labels")
        dock = Dock(viewer, qtbot)
        dock.set(config, SMALL.replace(ndim=ndim))
        dock.form.model_picker.set_path(None)
        return dock

    undisturbed = dock_on_layers()
    undisturbed.train()
    whole = Model.load(undisturbed.widget.presses.last.folder)
    end(undisturbed)

    dock = dock_on_layers()
    cut_off(dock, monkeypatch, after=17)
    folder = dock.widget.presses.last.folder
    end(dock)

    again = Dock(viewer, qtbot)
    assert "%)" in bring_back(again)
    assert again.buttons.go_on.isVisibleTo(again.widget)
    again.press("go_on")
    again.wait()
    assert again.widget.presses.last.folder == folder
    assert_equal_weights(whole, Model.load(folder))
    assert not again.buttons.go_on.isVisibleTo(again.widget)
    assert "trained" in kept_of(again).title


def test_other_pairs_do_not_go_on(make_napari_viewer, qtbot, notices, monkeypatch):
    viewer = make_napari_viewer()
    train_dock.add_pair(viewer)
    dock = Dock(viewer, qtbot)
    dock.set(SHORT.replace(steps=30), SMALL)
    cut_off(dock, monkeypatch, after=2)
    dock.table.pairs[0].remove_button.click()
    dock.press("go_on")
    assert "began with 1 pairs, and 0 are here" in notices[0]


def test_the_question_before_closing_says_what_is_lost(make_napari_viewer, qtbot):
    from napari._qt.dialogs.confirm_close_dialog import ConfirmCloseDialog

    viewer = make_napari_viewer()
    train_dock.add_pair(viewer)
    Dock(viewer, qtbot)
    qtbot.wait(1)  # the dock has a window
    paint(viewer.layers["cells labels"])
    dialog = ConfirmCloseDialog(viewer.window._qt_window)
    try:
        assert isinstance(dialog, QDialog)
        label = dialog.findChild(QLabel)
        qtbot.waitUntil(lambda: "What was painted is kept" in label.text())
    finally:
        dialog.deleteLater()


def test_what_another_process_keeps_is_not_offered(own_models):
    folder = kept.new_folder("plate")
    told = {"name": "plate", "pairs": [], "folders": [], "training": None}
    for pid, offered in ((1, False), (2**22 + 1, True)):
        began = psutil.Process(pid).create_time() if not offered else 0.0
        owner = {"pid": pid, "began": began}
        drain(kept.write(folder, {**told, "owner": owner}, {}, {}, Control()))
        assert [k.folder for k in kept.entries()] == [folder] * offered
    (folder / kept.FILE).write_text(json.dumps({"format": 99}))
    assert kept.entries() == []


def test_what_could_not_be_written_is_written_later(
    make_napari_viewer, qtbot, monkeypatch
):
    viewer = make_napari_viewer()
    train_dock.add_pair(viewer)
    dock = Dock(viewer, qtbot)
    dock.set(SHORT.replace(steps=30), SMALL)

    def full(path, array):
        raise ValueError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(kept, "_write_array", full)
        dock.train()
        qtbot.waitUntil(lambda: "disk is full" in dock.widget.unkept.text())
        qtbot.waitUntil(lambda: not dock.widget.kept.keeper.behind)
    paint(viewer.layers["cells labels"])
    work = kept_of(dock)
    (item,) = work.told["training"]["items"]
    (pair,) = work.told["pairs"]
    for name in (item["array"], pair["labels"]["array"], pair["images"][0]["array"]):
        assert work.array(name).shape == (96, 128)
    assert not dock.widget.unkept.isVisibleTo(dock.widget)
