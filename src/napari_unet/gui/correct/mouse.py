"""Corrections with the mouse: clicks and lines with a key held, on the canvas."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from napari.viewer import Viewer
from qtpy.QtCore import QLine, QPoint, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QApplication, QWidget

from napari_unet.colours import ORANGE
from napari_unet.gui.correct.corrections import Corrections

# On a Mac, Qt and with it napari say Control for the command key.
DELETE, MERGE, SPLIT = frozenset({"Control"}), frozenset({"Alt"}), frozenset({"Shift"})
CLICK = 5  # px on the screen that a click may move
# In these, a press draws nothing, or a gesture of napari's own is under way.
OTHER_MODES = ("polygon", "transform")
# With these of napari, the same presses zoom.
ZOOMS = ("drag_to_zoom", "double_click_to_zoom")

Event = Any  # of napari, with what it adds to that of vispy


class Mouse:
    """Tells corrections from everything else that is done with the mouse.

    Only what is a correction is kept from napari, whose own callbacks see all else.
    They are put back by :meth:`end`.
    """

    def __init__(self, viewer: Viewer, corrections: Corrections) -> None:
        self._viewer, self._corrections = viewer, corrections
        self._busy = False
        self._replaced: list[tuple[list[Any], Any, Any]] = []
        drags = viewer.mouse_drag_callbacks
        self._replace(drags, self._drag_unless_busy)
        self._replace(viewer.mouse_double_click_callbacks, self._double_unless_adding)
        drags.insert(0, self._on_press)

    def end(self) -> None:
        """Take part in nothing any more."""
        self._viewer.mouse_drag_callbacks.remove(self._on_press)
        for callbacks, ours, theirs in self._replaced:
            if ours in callbacks:
                callbacks[callbacks.index(ours)] = theirs

    def _replace(self, callbacks: list[Any], around: Callable[[Any], Any]) -> None:
        for index, theirs in enumerate(callbacks):
            if getattr(theirs, "__name__", "") in ZOOMS:
                callbacks[index] = around(theirs)
                self._replaced.append((callbacks, callbacks[index], theirs))

    def _drag_unless_busy(self, zoom: Any) -> Any:
        @functools.wraps(zoom)
        def drag(viewer: Any, event: Event) -> Generator[None, None, None]:
            if not self._busy:
                yield from zoom(viewer, event)

        return drag

    def _double_unless_adding(self, zoom: Any) -> Any:
        @functools.wraps(zoom)
        def double(viewer: Any, event: Event) -> None:
            pixel = self._background(event)
            if pixel is None:
                zoom(viewer, event)
            else:
                self._corrections.add(pixel)

        return double

    def _background(self, event: Event) -> np.ndarray | None:
        """Return the pixel of a double click that adds; None: it zooms."""
        layer = self._viewer.layers.selection.active
        if event.button != 1 or event.modifiers or not self._corrections.possible():
            return None
        if layer.mode != "pan_zoom":
            return None
        pixel = layer.world_to_data(event.position)
        value = layer.get_value(event.position, world=True)
        return pixel if value == 0 else None

    def _on_press(self, viewer: Any, event: Event) -> Generator[None, None, None]:
        """Follow a press to its end, if it is the beginning of a correction."""
        keys = frozenset(getattr(key, "name", key) for key in event.modifiers)
        layer = self._viewer.layers.selection.active
        self._busy = False
        if (
            event.type != "mouse_press"
            or event.button != 1
            or keys not in (DELETE, MERGE, SPLIT)
            or not self._corrections.possible()
            or layer.mode in OTHER_MODES
        ):
            return
        self._busy = True
        mode, layer.mode = layer.mode, "pan_zoom"  # or the press would draw
        begin, start = layer.world_to_data(event.position), event.pos
        line = None if keys == DELETE else _Line.above(event)
        yield
        while event.type == "mouse_move":
            if line is not None:
                line.show_to(event.pos)
            yield
        if line is not None:
            line.deleteLater()
        if layer.mode == "pan_zoom":  # nobody has chosen another one meanwhile
            layer.mode = mode
        self._busy = False
        end = layer.world_to_data(event.position)
        moved = math.dist(start[:2], event.pos[:2]) > CLICK
        if keys == DELETE and not moved:
            self._corrections.delete(begin)
        elif keys == MERGE and moved:
            self._corrections.merge(begin, end)
        elif keys == SPLIT and moved:
            self._corrections.split(begin, end)


class _Line(QWidget):
    """A line over the canvas, from where the mouse was pressed to where it is."""

    def __init__(self, canvas: QWidget, start: QPoint) -> None:
        super().__init__(canvas)
        self._line = QLine(start, start)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setGeometry(canvas.rect())
        self.show()

    @classmethod
    def above(cls, event: Event) -> _Line | None:
        """Return one over the canvas of an event; None where it is of no screen."""
        if event.native is None or not hasattr(event.native, "globalPosition"):
            return None
        canvas = QApplication.widgetAt(event.native.globalPosition().toPoint())
        return None if canvas is None else cls(canvas, _point(event.pos))

    def show_to(self, end: Any) -> None:
        """Draw the line to a place of the canvas."""
        self._line.setP2(_point(end))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(Qt.GlobalColor.black, 4))
        painter.drawLine(self._line)
        painter.setPen(QPen(QColor(ORANGE), 2))
        painter.drawLine(self._line)


def _point(place: Any) -> QPoint:
    return QPoint(round(float(place[0])), round(float(place[1])))
