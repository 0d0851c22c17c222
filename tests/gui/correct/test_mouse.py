"""Corrections with the mouse and keys in a real viewer, each undone in one step."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.action_manager import action_manager
from qtpy.QtWidgets import QWidget
from vispy.util import keys

from napari_unet.gui.correct.keys import use_corrections
from support.mouse import Mouse, press_key

# Shape and axes of a labels layer, and the plane in sight, as places before y and x.
LAYERS = {
    "2D": ((60, 100), "YX", ()),
    "a plane of 3D": ((5, 60, 100), "ZYX", (2,)),
    "a time point": ((3, 60, 100), "TYX", (1,)),
    "an axis of one": ((1, 60, 100), "ZYX", (0,)),
    "time and depth": ((2, 5, 60, 100), "TZYX", (1, 2)),
    "x before y": ((60, 100), "XY", ()),
}
A, B = (20, 25), (20, 65)  # middles of two objects


class Desk:
    """A labels layer on an image, with a mouse."""

    def __init__(self, viewer, shape, axes, plane):
        self.viewer, self.plane, self.axes = viewer, plane, axes
        grid = np.mgrid[: shape[-2], : shape[-1]]
        labels = np.zeros(shape, np.int32)
        for number, (y, x) in ((3, A), (8, B)):
            disc = (grid[0] - y) ** 2 + (grid[1] - x) ** 2 < 12**2
            labels[..., disc] = number
        place = {"scale": (0.5,) * len(shape), "axis_labels": tuple(axes.lower())}
        self.image = viewer.add_image(labels > 0, name="cells", **place)
        self.layer = viewer.add_labels(labels.copy(), name="cells labels", **place)
        self.before = labels
        for axis, index in enumerate(plane):
            viewer.dims.set_current_step(axis, index)
        viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 15, 25), 8
        self.mouse = Mouse(viewer)
        self.owner = QWidget()
        self.corrections = use_corrections(viewer, self.owner)

    def at(self, place):
        return (*self.plane, *place)

    def click(self, place, key=""):
        self.mouse.click(self.layer, self.at(place), key)

    def drag(self, start, stop, key):
        self.mouse.drag(self.layer, self.at(start), self.at(stop), key)

    def key(self, place, key):
        self.mouse.point(self.layer, self.at(place))
        press_key(self.viewer, keys.Key(key))

    def here(self, labels):
        """The time point in sight: what one correction reaches."""
        time = self.axes.find("T")
        return labels if time < 0 else np.take(labels, self.plane[time], axis=time)

    def changed(self):
        """What changed, which is undone in one step and done again in one."""
        after = self.layer.data.copy()
        assert not np.array_equal(after, self.before)
        self.layer.undo()
        assert np.array_equal(self.layer.data, self.before), "one undo, bit-equal"
        self.layer.redo()
        assert np.array_equal(self.layer.data, after)
        if (time := self.axes.find("T")) >= 0:
            others = [t for t in range(after.shape[time]) if t != self.plane[time]]
            same = (np.take(y, others, axis=time) for y in (after, self.before))
            assert np.array_equal(*same), "another time point"
        return self.here(self.before), self.here(after)

    def leave(self, qtbot):
        self.owner.deleteLater()
        qtbot.waitUntil(lambda: len(self.viewer.mouse_drag_callbacks) == 1)


@pytest.fixture(params=LAYERS)
def desk(request, make_napari_viewer, qtbot):
    made = Desk(make_napari_viewer(), *LAYERS[request.param])
    yield made
    made.leave(qtbot)


@pytest.fixture
def flat(make_napari_viewer, qtbot):
    made = Desk(make_napari_viewer(), *LAYERS["2D"])
    yield made
    made.leave(qtbot)


def test_control_and_a_click_delete(desk):
    desk.click(A, "Control")
    before, after = desk.changed()
    assert np.array_equal(after, np.where(before == 3, 0, before))


def test_alt_and_a_drag_merge(desk):
    zoom = desk.viewer.scene.camera.zoom
    desk.drag(A, B, "Alt")
    before, after = desk.changed()
    assert np.array_equal(after, np.where(before == 8, 3, before))
    assert desk.viewer.scene.camera.zoom == zoom, "which napari would do"


def test_shift_and_a_line_split(desk):
    desk.drag((20, 10), (20, 42), "Shift")
    before, after = desk.changed()
    assert set(np.unique(after)) == {0, 3, 8, 9}
    assert np.array_equal(after > 0, before > 0)
    sizes = (after == 3).sum(), (after == 9).sum()
    assert max(sizes) < 1.3 * min(sizes)
    assert len(np.unique(after[..., 12, 25])) == len(np.unique(after[..., 28, 25])) == 1
    assert (after[..., 12, 25] != after[..., 28, 25]).all()


def test_a_key_fills_and_smooths(desk):
    hole = (..., slice(18, 22), slice(23, 27))
    desk.layer.data[hole] = 0
    desk.before = desk.layer.data.copy()
    desk.key((12, 25), "S")
    _, after = desk.changed()
    assert (after[hole] == 3).all()


def test_a_key_deletes(desk):
    desk.key(B, "D")
    before, after = desk.changed()
    assert np.array_equal(after, np.where(before == 8, 0, before))


@pytest.mark.parametrize("mode", ["paint", "erase", "fill", "pick", "pan_zoom"])
def test_in_every_mode_nothing_else_is_drawn(flat, mode):
    flat.layer.mode = mode
    flat.layer.selected_label = 5
    flat.click(A, "Control")
    before, after = flat.changed()
    assert np.array_equal(after, np.where(before == 3, 0, before))
    assert flat.layer.mode == mode and flat.layer.selected_label == 5
    flat.layer.undo()
    flat.drag(A, B, "Alt")
    assert set(np.unique(flat.layer.data)) == {0, 3}
    assert flat.layer.mode == mode


def test_what_is_no_correction_is_napari_s(flat):
    camera = flat.viewer.scene.camera
    flat.viewer.layers.selection.active = flat.image
    flat.drag((5, 5), (35, 80), "Alt")
    assert camera.zoom != 8, "a box to zoom into"
    flat.viewer.layers.selection.active = flat.layer
    zoom = camera.zoom
    flat.mouse.double_click(flat.layer, A)
    assert camera.zoom == 2 * zoom, "on an object"
    flat.layer.mode, flat.layer.selected_label = "paint", 6
    flat.click((40, 50))
    assert flat.layer.data[40, 50] == 6


def test_after_the_docks_are_gone_the_mouse_is_napari_s(flat, qtbot):
    flat.owner.deleteLater()
    qtbot.waitUntil(lambda: len(flat.viewer.mouse_drag_callbacks) == 1)
    names = [f.__name__ for f in flat.viewer.mouse_drag_callbacks]
    assert names == ["drag_to_zoom"]
    assert not hasattr(flat.viewer.mouse_drag_callbacks[0], "__wrapped__")
    flat.click(A, "Control")
    flat.key(A, "D")
    assert np.array_equal(flat.layer.data, flat.before)
    flat.owner = QWidget()
    use_corrections(flat.viewer, flat.owner)


def test_what_cannot_be_done_is_told_in_a_sentence(flat, notices):
    flat.click((50, 50), "Control")
    flat.drag(A, (50, 50), "Alt")
    flat.drag((45, 10), (45, 60), "Shift")
    flat.mouse.double_click(flat.layer, (50, 50))
    assert notices == [
        "there is no object at 50, 50; click on one",
        "there is no object at 50, 50; click on one",
        "the line crosses no object; draw it across the one to split",
        "cells was not segmented here, so there are no maps to grow an object from; "
        "segment it, or paint the object",
    ]
    assert np.array_equal(flat.layer.data, flat.before)


def test_labels_of_no_image_and_read_only_ones_are_left_alone(flat, notices):
    flat.viewer.layers.remove(flat.image)
    flat.click(A, "Control")
    assert np.array_equal(flat.layer.data, flat.before)
    flat.viewer.add_image(flat.before > 0, name="cells")
    flat.viewer.layers.selection.active = flat.layer
    flat.layer.data.flags.writeable = False
    flat.click(A, "Control")
    assert np.array_equal(flat.layer.data, flat.before) and not notices


def test_a_number_that_the_dtype_has_not_is_told(flat, notices):
    small = flat.before.astype(np.uint8)
    small[small == 8] = 255
    flat.layer.data = small.copy()
    flat.drag((20, 10), (20, 42), "Shift")
    assert "labels of uint8 have no number above 255" in notices[0]


def test_corrections_that_stand_are_counted(flat):
    counted = flat.corrections.count
    assert counted(flat.layer) == 0
    flat.click(A, "Control")
    flat.drag((20, 50), (20, 80), "Shift")
    assert counted(flat.layer) == 2
    flat.layer.undo()
    assert counted(flat.layer) == 1
    flat.layer.redo()
    assert counted(flat.layer) == 2
    assert flat.corrections.latest(flat.image) == flat.layer


def test_the_keys_are_in_napari_s_list_of_shortcuts(flat):
    ours = {
        name: action.description
        for name, action in action_manager._get_provider_actions(
            type(flat.layer)
        ).items()
        if name.startswith("napari-unet-live:")
    }
    assert set(ours) == {
        "napari-unet-live:delete_object",
        "napari-unet-live:add_object",
        "napari-unet-live:fill_and_smooth_object",
    }
    action_manager.unbind_shortcut("napari-unet-live:delete_object")
    action_manager.bind_shortcut("napari-unet-live:delete_object", "K")
    flat.key(A, "K")
    flat.changed()
    action_manager.unbind_shortcut("napari-unet-live:delete_object")
    action_manager.bind_shortcut("napari-unet-live:delete_object", "D")
