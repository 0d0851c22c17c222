"""A mouse on the canvas of a viewer: real Qt events, at pixels of a layer."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

KEYS = {
    "": Qt.KeyboardModifier.NoModifier,
    "Control": Qt.KeyboardModifier.ControlModifier,
    "Alt": Qt.KeyboardModifier.AltModifier,
    "Shift": Qt.KeyboardModifier.ShiftModifier,
}


class Mouse:
    """Clicks and drags; pixels are those of a layer, all of its axes."""

    def __init__(self, viewer):
        self.viewer = viewer
        self.canvas = viewer.window._qt_viewer.canvas
        self.actions = 0
        # Or a press would be drawn once more, to find what lies below, which a window
        # that is not shown cannot do.
        self.canvas._scene_canvas.visual_at = lambda pos: None

    def place(self, layer, pixel):
        """Where the middle of a pixel is on the canvas."""
        world = np.zeros(self.viewer.dims.ndim)
        world[-layer.ndim :] = layer.data_to_world(pixel)
        goal = world[list(self.viewer.dims.displayed)]
        # The map from the canvas to the world is affine: three places give it.
        view, _ = self.canvas._get_viewbox_at((10, 10))
        corner, right, down = (
            np.array(self.canvas._map_canvas2world(p, view))[
                list(self.viewer.dims.displayed)
            ]
            for p in ((10, 10), (110, 10), (10, 110))
        )
        steps = np.stack([right - corner, down - corner], axis=1) / 100
        x, y = np.linalg.solve(steps, goal - corner) + 10
        return QPointF(x, y)

    def click(self, layer, pixel, key=""):
        self.drag(layer, pixel, pixel, key)

    def drag(self, layer, start, stop, key="", steps=4):
        """Press at a pixel, move to another with a key held, and let go."""
        self.actions += 1
        a, b = (self.place(layer, p) for p in (start, stop))
        self._send(QEvent.Type.MouseButtonPress, a, key)
        for step in range(1, steps + 1 if a != b else 1):
            self._send(QEvent.Type.MouseMove, a + (b - a) * step / steps, key)
        self._send(QEvent.Type.MouseButtonRelease, b, key)

    def double_click(self, layer, pixel):
        self.actions += 1
        place = self.place(layer, pixel)
        self._send(QEvent.Type.MouseButtonPress, place, "")
        self._send(QEvent.Type.MouseButtonRelease, place, "")
        self._send(QEvent.Type.MouseButtonDblClick, place, "")
        self._send(QEvent.Type.MouseButtonRelease, place, "")

    def point(self, layer, pixel):
        """Move the cursor to a pixel."""
        self.viewer.cursor.position = tuple(layer.data_to_world(pixel))

    def _send(self, kind, place, key):
        released = kind == QEvent.Type.MouseButtonRelease
        moving = kind == QEvent.Type.MouseMove
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        widget = self.canvas.native
        over = widget.mapToGlobal(place.toPoint() if place else QPoint())
        event = QMouseEvent(
            kind,
            place,
            QPointF(over),
            none if moving else left,
            none if released else left,
            KEYS[key],
        )
        QApplication.sendEvent(widget, event)


def press_key(viewer, key):
    """Press a key over the canvas, as a user does who has clicked into it."""
    viewer.window._qt_viewer.canvas._scene_canvas.events.key_press(key=key)
    viewer.window._qt_viewer.canvas._scene_canvas.events.key_release(key=key)
