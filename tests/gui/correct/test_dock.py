"""Corrections of a result, and the dock that follows them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.gui.docks import find_dock
from support import segment_dock
from support.made import blobs
from support.mouse import Mouse
from support.segment_dock import picture

dock, own_models = (
    segment_dock.dock,
    segment_dock.own_models,
)


class Result:
    """A result in the dock, and a mouse over it."""

    def __init__(self, dock, image=None):
        image = picture() if image is None else image
        self.dock, self.viewer = dock, dock.viewer
        self.image = self.viewer.add_image(image, name="cells")
        dock.segment()
        self.layer = dock.labels()[-1]
        self.mouse = Mouse(self.viewer)
        self.viewer.layers.selection.active = self.layer

    def middle(self, number):
        where = np.argwhere(self.layer.data == number)
        return tuple(int(v) for v in where[len(where) // 2])

    def delete(self, number):
        self.mouse.click(self.layer, self.middle(number), "Control")

    def rows(self):
        """Numbers in the table of the dock."""
        model = self.dock.form.table.view.model()
        rows = range(model.rowCount())
        return sorted(int(model.data(model.index(row, 0))) for row in rows)

    def follows(self):
        """Wait until table and count say what the layer holds."""
        held = np.unique(self.layer.data)[1:].tolist()
        self.dock.qtbot.waitUntil(lambda: self.rows() == held)
        shown = self.dock.form.summary.text()
        assert shown.startswith((f"{len(held)} objects", f"{len(held)} of ")), shown


@pytest.fixture
def result(dock):
    return Result(dock)


def test_the_table_and_the_count_follow(result):
    before = result.layer.data.copy()
    result.delete(3)
    result.follows()
    box = np.argwhere(result.layer.data == 5)
    low, high = box.min(axis=0) - 3, box.max(axis=0) + 3
    x = result.middle(5)[1]
    result.mouse.drag(result.layer, (low[0], x), (high[0], x), "Shift")
    result.follows()
    assert result.layer.data.max() == before.max() + 1
    for _ in range(2):
        result.layer.undo()
        result.follows()
    assert np.array_equal(result.layer.data, before)


def test_a_new_object_has_no_number_of_a_hidden_one(result):
    highest = int(result.layer.data.max())
    scores = result.layer.features["score"].to_numpy()
    result.dock.slide(float(scores[-1]) + 0.01 if scores[-1] < 0.99 else 1.0)
    assert result.layer.data.max() < highest
    shown = int(np.unique(result.layer.data)[1:][0]) if result.layer.data.any() else 0
    if shown:
        y, x = result.middle(shown)
        result.mouse.drag(result.layer, (y - 20, x), (y + 20, x), "Shift")
    assert result.dock.runs.highest(result.layer) == highest


def test_a_double_click_brings_a_deleted_object_back(result, notices):
    at, gone = result.middle(4), result.layer.data == 4
    highest = int(result.layer.data.max())
    result.delete(4)
    deleted = result.layer.data.copy()
    zoom = result.viewer.scene.camera.zoom
    result.mouse.double_click(result.layer, at)
    result.dock.qtbot.waitUntil(lambda: result.layer.data[at] != 0)
    new = result.layer.data == highest + 1
    assert (new & gone).sum() > 0.9 * (new | gone).sum()
    assert result.viewer.scene.camera.zoom == zoom and not notices
    result.layer.undo()
    assert np.array_equal(result.layer.data, deleted)


def test_where_the_model_sees_nothing_it_is_said(result, notices):
    result.layer.data[:] = 0
    image = picture()
    rows = [(y, x) for y in range(8, 120, 4) for x in range(8, 150, 4)]

    def brightest(p):
        return image[p[0] - 6 : p[0] + 7, p[1] - 6 : p[1] + 7].max()

    dark = min(rows, key=brightest)
    result.mouse.double_click(result.layer, dark)
    result.dock.qtbot.waitUntil(lambda: bool(notices))
    assert notices[0].startswith("the model sees no object here, even at 25% of its")


def test_five_corrections_are_enough_to_train_on(result):
    line, button = result.dock.form.correct, result.dock.form.train_button
    assert line.keys.text().startswith("Correct") and line.told.isHidden()
    for number in range(1, 5):
        result.delete(number)
    assert line.told.text() == "4 corrections" and not button.font().bold()
    result.delete(5)
    assert line.told.text() == "<b>5 corrections: train on them</b>"
    assert button.font().bold()
    result.layer.undo()
    result.dock.qtbot.waitUntil(lambda: line.told.text() == "4 corrections")
    assert not button.font().bold()


def test_labels_that_others_made_are_corrected_and_trained_on(dock, trained):
    sample = blobs(9, (128, 160), 30)
    image = dock.viewer.add_image(picture(), name="cells")
    assert not dock.form.train_button.isEnabled()
    layer = dock.viewer.add_labels(sample.labels.astype(np.int32), name="drawn")
    assert dock.form.train_button.isEnabled()
    where = np.argwhere(layer.data == 2)
    middle = tuple(int(v) for v in where[len(where) // 2])
    Mouse(dock.viewer).click(layer, middle, "Control")
    assert not layer.data[middle]
    assert dock.form.correct.told.text() == "1 correction"
    dock.press("train")
    train = find_dock(dock.viewer, "Train")
    (row,) = [row for row in train.table.pairs if row.image == image]
    assert row.labels == layer
    assert train.form.model_picker.path == str(trained)
