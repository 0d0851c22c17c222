"""The whole loop in one go: segment, correct, train, go on the next day, compare."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.gui.docks import find_dock
from napari_unet.gui.keep import keeper
from napari_unet.gui.pickers.model_picker import models
from support import segment_dock, train_dock
from support.made import blobs
from support.mouse import Mouse
from support.train_dock import LONG

own_models = train_dock.own_models


def middle(labels, number):
    """A pixel of an object, near its middle."""
    at = np.argwhere(labels == number)
    away = ((at - at.mean(axis=0)) ** 2).sum(axis=1)
    return tuple(int(v) for v in at[away.argmin()])


def opened(viewer, qtbot):
    """The Train dock that is open, as tests drive it."""
    dock = train_dock.Dock.__new__(train_dock.Dock)
    dock.viewer, dock.qtbot, dock.widget = viewer, qtbot, find_dock(viewer, "Train")
    dock.table, dock.form = dock.widget.table, dock.widget.form
    dock.buttons, dock.monitor = dock.widget.buttons, dock.widget.monitor
    return dock


def correct(viewer, segment, layer):
    """Delete, split, merge, smooth and add, each by one action."""
    mouse = Mouse(viewer)
    first, second, third = (int(i) for i in np.unique(layer.data)[1:4])
    place = middle(layer.data, first)
    mouse.click(layer, place, "Control")
    assert first not in layer.data
    mouse.double_click(layer, place)
    segment.qtbot.waitUntil(lambda: bool(layer.data[place]))
    start = middle(layer.data, second)
    rows = np.nonzero(layer.data == second)[0]
    mouse.drag(layer, (rows.min() - 2, start[1]), (rows.max() + 2, start[1]), "Shift")
    new = int(layer.data.max())
    parts = {second, new}
    mouse.drag(layer, middle(layer.data, second), middle(layer.data, new), "Alt")
    assert len(parts & set(np.unique(layer.data).tolist())) == 1
    segment.widget.corrections.fill_and_smooth(middle(layer.data, third))
    assert "correction" in segment.form.correct.told.text()


def test_the_whole_loop(make_napari_viewer, qtbot, trained, notices, monkeypatch):
    monkeypatch.setattr(keeper, "WAIT", 0.01)
    monkeypatch.setattr(keeper, "LONGEST", 0.05)
    viewer = make_napari_viewer()
    models().choose(trained)
    sample = blobs(5, (128, 160), 40)
    image = viewer.add_image(sample.image.array[0], name="plate", rgb=False)

    segment = segment_dock.Dock(viewer, qtbot)
    segment.segment()
    (layer,) = segment.labels()
    viewer.layers.selection.active = layer
    correct(viewer, segment, layer)
    segment.form.right_button.click()
    segment.form.train_button.click()

    train = opened(viewer, qtbot)
    (row,) = train.table.pairs
    assert (row.image, row.labels) == (image, layer)
    assert train.form.model_picker.path == str(trained)
    train.form.labels_mean.unknown_button.click()
    train.form.labels_mean.paint_button.click()
    background = layer.selected_label
    layer.paint(tuple(int(v) for v in np.argwhere(layer.data == 0)[0]), background)
    train.form.train_form.set_value(LONG)
    qtbot.waitUntil(train.buttons.start.isEnabled)
    train.press()
    qtbot.waitUntil(lambda: "plate preview" in viewer.layers)
    train.wait_for_steps()
    train.press("pause")
    qtbot.waitUntil(lambda: train.text.startswith("paused"))
    segment.segment()  # meanwhile
    assert len(segment.labels()) == 3, "corrected labels and the preview stay"
    train.press("pause")
    train.wait_for_steps()

    own, folder = train.widget.kept.keeper, train.widget.presses.last.folder
    qtbot.waitUntil(lambda: not own.behind)
    painted = layer.data.copy()
    train.widget._job.abandon()  # as if it was killed
    train.wait()
    train.close()
    segment.close()
    viewer.layers.clear()

    train = train_dock.Dock(viewer, qtbot)
    combo = train.form.model_picker.combo
    train.form.model_picker.refresh()
    with qtbot.waitSignal(train.widget.kept.changed, timeout=60_000):
        combo.activated.emit(combo.count() - 1)
    (row,) = train.table.pairs
    np.testing.assert_array_equal(row.labels.data, painted)
    train.press("go_on")
    train.wait_for_steps()
    train.press("stop")
    train.wait()
    assert train.widget.presses.last.folder == folder

    models().choose(folder)
    segment = segment_dock.Dock(viewer, qtbot)
    segment.form.picker.set_layer(row.image)
    segment.segment()
    truth = viewer.add_labels(sample.labels, name="truth")
    segment.form.compare.truth_box.value = truth
    segment.form.compare.button.click()
    qtbot.waitUntil(lambda: segment.form.compare.figures.text().startswith("AP50"))
    assert not notices


@pytest.fixture(autouse=True)
def _choose_nothing():
    yield
    models().chosen_path = None
