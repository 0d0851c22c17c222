"""Telling when the labels in a layer have become others."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.events import Control, Event, Progress
from napari_unet.gui import worker
from napari_unet.gui.layers.axes import full
from napari_unet.gui.layers.pairing import MOST_COUNTED, PIXELS_A_PART
from napari_unet.gui.parts.connections import Connections

if TYPE_CHECKING:
    from napari.viewer import Viewer

# After the last of several events.
SUM_MS = 200
# By these napari tells of strokes, fills and other arrays.
EVENTS = ("paint", "labels_update", "data")


class Edits(QObject):
    """Watches the labels in a layer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    parent : QObject

    Notes
    -----
    Undo, redo, and code that writes into the array bring nothing but a refresh. So do
    sliders, colours and the eye of the layer: a sum of the labels, computed in a job,
    tells. Labels of more than 64 Mpx are not summed.
    """

    edited = Signal()  # napari told of it
    rewritten = Signal()  # their sum is another after a refresh

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Labels | None = None
        self._turn = 0  # a sum of an earlier turn is stale
        self._sum: int | None = None  # None: not known
        self._refreshed = False  # since the last sum
        self._place: tuple[Any, ...] = ()
        self._of_layer = Connections()
        self.destroyed.connect(self._of_layer.end)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SUM_MS)
        self._timer.timeout.connect(self._start)

    def follow(self, layer: Labels | None) -> None:
        """Watch a layer from now on, as it is now; None: none."""
        self._of_layer.end()
        self._timer.stop()
        self._layer, self._refreshed = layer, False
        self._forget()
        if layer is not None:
            for name in EVENTS:
                self._of_layer.connect(getattr(layer.events, name), self._on_edit)
            self._of_layer.connect(layer.events.set_data, self._on_refresh)
            self._place = self._here()
            self._timer.start(0)

    def _here(self) -> tuple[Any, ...]:
        dims = self._viewer.dims
        return (*dims.point, *dims.order, dims.ndisplay)

    def _forget(self) -> None:
        self._turn += 1
        self._sum = None

    def _on_edit(self, event: Any = None) -> None:
        del event
        self._refreshed = False
        self._forget()
        self._timer.start(SUM_MS)
        self.edited.emit()

    def _on_refresh(self, event: Any = None) -> None:
        del event
        place, self._place = self._place, self._here()
        if place == self._place:  # no slider was moved
            self._turn += 1
            self._refreshed = True
            self._timer.start(SUM_MS)

    def _start(self) -> None:
        if self._layer is not None:
            work = functools.partial(_sum, full(self._layer), self._turn)
            worker.start("summing", work, returned=self._on_sum)

    def _on_sum(self, found: tuple[int, int | None]) -> None:
        turn, value = found
        if turn != self._turn:
            return
        changed = self._refreshed and value is not None and value != self._sum
        self._sum, self._refreshed = value, False
        if changed:
            self.rewritten.emit()


def _sum(
    labels: Any, turn: int, control: Control
) -> Generator[Event, None, tuple[int, int | None]]:
    """Return the turn and a sum of all labels; None: there are too many pixels."""
    if np.prod(labels.shape, dtype=float) > MOST_COUNTED:
        return turn, None
    found = 0
    rows = max(1, PIXELS_A_PART // max(1, int(np.prod(labels.shape[1:]))))
    for start in range(0, labels.shape[0], rows):
        if control.stopped:
            return turn, None
        part = np.ascontiguousarray(labels[start : start + rows])
        found = zlib.crc32(part.data, found)
        yield Progress("summing", start, labels.shape[0])
    return turn, found
