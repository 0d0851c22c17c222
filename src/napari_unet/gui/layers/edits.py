"""What becomes of the labels in a layer: read once for all who follow them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal

from napari_unet.boxes import Box, around, bounds
from napari_unet.events import Control, Event, Progress
from napari_unet.gui import worker
from napari_unet.gui.layers.axes import full
from napari_unet.gui.parts.connections import Connections, debouncer

# After the last of several events.
READ_MS = 200
# Labels of more pixels are not read: each edit would read all of them again.
MOST_READ = 64 * 2**20
PIXELS_A_PART = 2**20
# By these napari tells of strokes, fills and other arrays.
EVENTS = ("paint", "labels_update", "data")


@dataclass(frozen=True, eq=False)
class Reading:
    """What was found in the labels of a layer.

    values : (N,) int64 array or None; those above 0; None: there are more than 64 Mpx,
        which are not read
    counts : (N,) int64 array, how many pixels have each of these values, or None
    box : the smallest one, in the axes of the layer at full resolution, that holds all
        that has changed since the reading before; None: nothing has
    told : whether napari told of edits since the reading before
    """

    values: np.ndarray | None
    counts: np.ndarray | None
    box: Box | None
    told: bool


class Edits(QObject):
    """Follows the labels in a layer.

    Undo, redo, and code that writes into the array bring nothing but a refresh. So do
    sliders, colours and the eye of the layer: reading the labels tells them apart. They
    are read in a job, once for all who follow the layer, and compared with a copy.
    """

    edited = Signal()  # napari told of it
    read = Signal(object)  # a Reading, at first and some time after edits and refreshes
    rewritten = Signal()  # the labels are others though napari told of no edit

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._of_layer = Connections(self)

    def follow(self, layer: Labels | None) -> None:
        """Follow a layer from now on; None: none."""
        self._of_layer.end()
        if layer is not None:
            if layer.unique_id not in _watches:
                _watches[layer.unique_id] = _Watch(self._viewer, layer)
            self._of_layer.connect(_watches[layer.unique_id], self._take)

    def _take(self, reading: Reading | None) -> None:
        if reading is None:
            self.edited.emit()
            return
        self.read.emit(reading)
        if reading.box is not None and not reading.told:
            self.rewritten.emit()


class _Watch(QObject):
    """Watches one layer, for as long as somebody follows it."""

    def __init__(self, viewer: Viewer, layer: Labels) -> None:
        super().__init__()
        self._viewer, self._layer = viewer, layer
        self._slots: list[Callable[[Reading | None], None]] = []
        self._copy = _Copy()
        self._told = False  # whether napari told of an edit since reading began
        self._reading: worker.Job | None = None
        self._timer = debouncer(self, READ_MS, self._start)
        self._place = self._here()
        self._of_layer = Connections()
        for name in EVENTS:
            self._of_layer.connect(getattr(layer.events, name), self._on_edit)
        self._of_layer.connect(layer.events.set_data, self._on_refresh)

    def connect(self, slot: Callable[[Reading | None], None]) -> None:
        """Call a slot at each edit with None, and later with what was read."""
        self._slots.append(slot)
        self._timer.start(0)

    def disconnect(self, slot: Callable[[Reading | None], None]) -> None:
        """Call a slot no more."""
        self._slots.remove(slot)
        if not self._slots:
            del _watches[self._layer.unique_id]
            self._of_layer.end()
            if isalive(self._timer):  # at the very end, Qt takes all in any order
                self._timer.stop()
                self.deleteLater()

    def _here(self) -> tuple[Any, ...]:
        dims = self._viewer.dims
        return (*dims.point, *dims.order, dims.ndisplay)

    def _on_edit(self, event: Any = None) -> None:
        self._told = True
        self._timer.start(READ_MS)
        self._tell(None)

    def _on_refresh(self, event: Any = None) -> None:
        place, self._place = self._place, self._here()
        if place == self._place:  # no slider was moved
            self._timer.start(READ_MS)
            if self._told:  # this may undo what nobody has read yet
                self._tell(None)

    def _start(self) -> None:
        if self._reading is not None:
            self._timer.start(READ_MS)  # once more, when it has ended
            return
        told, self._told = self._told, False
        self._reading = worker.start(
            *(self, "reading labels", _read, full(self._layer), self._copy, told),
            on_returned=self._take,
            on_finished=self._finished,
        )

    def _take(self, found: tuple[_Copy, Reading]) -> None:
        self._copy = found[0]
        self._tell(found[1])

    def _finished(self) -> None:
        self._reading = None

    def _tell(self, reading: Reading | None) -> None:
        for slot in list(self._slots):
            if slot in self._slots:
                slot(reading)


# By the layer's unique id; they have no parent, since any of several docks may go.
_watches: dict[object, _Watch] = {}


@dataclass(frozen=True, eq=False)
class _Copy:
    """Labels as they were read, in parts along the first axis, and their values."""

    shape: tuple[int, ...] = ()
    parts: tuple[np.ndarray, ...] = ()
    values: tuple[np.ndarray, ...] = ()
    counts: tuple[np.ndarray, ...] = ()


def _read(
    labels: Any, known: _Copy, told: bool, control: Control
) -> Generator[Event, None, tuple[_Copy, Reading]]:
    """Read labels part by part; what has not changed is not counted again."""
    shape = tuple(int(n) for n in labels.shape)
    if np.prod(shape, dtype=float) > MOST_READ:
        return _Copy(), Reading(None, None, None, told)
    rows = max(1, PIXELS_A_PART // max(1, int(np.prod(shape[1:]))))
    parts, values, counts, boxes = [], [], [], []
    for index, start in enumerate(range(0, shape[0], rows)):
        yield Progress("reading labels", start, shape[0])
        part = np.array(labels[start : start + rows])
        if shape == known.shape:
            box = bounds(part != known.parts[index])
            if box is None:
                parts.append(known.parts[index])
                values.append(known.values[index])
                counts.append(known.counts[index])
                continue
            boxes.append((slice(box[0].start + start, box[0].stop + start), *box[1:]))
        found, count = np.unique(part, return_counts=True)
        values.append(found)
        counts.append(count)
        parts.append(_small(part, values[-1]))
    if shape != known.shape and (known.shape or told):
        boxes = [tuple(slice(0, n) for n in shape)]
    box = around(boxes) if boxes else None
    reading = Reading(*_summed(values, counts), box, told)
    return _Copy(shape, tuple(parts), tuple(values), tuple(counts)), reading


def _summed(
    values: list[np.ndarray], counts: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the values above 0 of all parts, and how many pixels have each."""
    no = np.zeros(0, np.int64)
    every, places = np.unique(np.concatenate([no, *values]), return_inverse=True)
    sums = np.zeros(len(every), np.int64)
    np.add.at(sums, places, np.concatenate([no, *counts]).astype(np.int64))
    above = every > 0
    return every[above].astype(np.int64), sums[above]


def _small(labels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return labels in as few bytes as their sorted values need."""
    ends = [np.min_scalar_type(int(value)) for value in values[[0, -1]]]
    return labels.astype(np.result_type(*ends))
