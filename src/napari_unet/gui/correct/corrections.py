"""Corrections of the objects in labels layers of a viewer, whoever made them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet.gui import worker
from napari_unet.gui.correct.place import Frame, Pixel, frame_at, why_not
from napari_unet.gui.layers.pairing import image_under
from napari_unet.gui.parts.connections import Connections, debouncer
from napari_unet.segmentation import editing
from napari_unet.segmentation.editing import Edit, Point
from napari_unet.segmentation.growing import MapSource, cut_cost, grow_at

NO_IMAGE = "{name}: these labels lie on no image that is open; open it first"
NO_MAPS = (
    "{name} was not segmented here, so there are no maps to grow an object from; "
    "segment it, or paint the object"
)
ONLY_2D = "objects are split on the planes of the image; show its y and x axes"

ADDING = "adding an object"
SHOWN_MS = 200  # after the last of several refreshes

# Returns the maps of an image, or why there are none.
Source = Callable[[Image], "MapSource | str"]


class Corrections(QObject):
    """Deletes, merges, splits, adds and smooths objects; one step of undo each.

    What cannot be done becomes a notification of one sentence.

    Attributes
    ----------
    source : callable or None
        Where the maps of an image are; a dock that segments sets it.
    highest : callable or None
        Returns the highest number of a layer that is taken though its labels do not
        show it, as by an object that is hidden.
    """

    corrected = Signal(object)  # the labels layer
    changed = Signal()  # corrected, undone, or drawn over

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.source: Source | None = None
        self.highest: Callable[[Labels], int] | None = None
        self._viewer = viewer
        # By layer: a pixel of each correction, and its value since.
        self._done: dict[object, list[tuple[Point, int]]] = {}
        self._adding: list[tuple[Frame, Point, MapSource]] = []  # the first, now
        self._of_layers = Connections(self)
        self._timer = debouncer(self, SHOWN_MS, self.changed.emit)

    def possible(self) -> bool:
        """Return whether the active layer is one whose objects can be corrected."""
        layer = self._viewer.layers.selection.active
        if why_not(layer) or self._viewer.dims.ndisplay != 2:
            return False
        return self._frame([0] * layer.ndim, said=False) is not None

    def latest(self, image: Image | None) -> Labels | None:
        """Return the labels layer on an image that was corrected first; None: none."""
        layers = self._viewer.layers
        found = (y for y in layers if isinstance(y, Labels) and self.count(y))
        return next((y for y in found if image_under(y, layers) == image), None)

    def count(self, layer: Labels | None) -> int:
        """Return how many corrections of a layer stand: those undone do not."""
        if layer is None:
            return 0
        data, known = layer.data, self._done.get(layer.unique_id, ())
        return sum(
            int(data[at]) == value
            for at, value in known
            if len(at) == data.ndim and all(np.less(at, data.shape))
        )

    def delete(self, at: Pixel) -> None:
        """Delete the object at a pixel of the active layer."""
        with worker.reporting():
            frame, (point,) = self._places(at)
            self._apply(frame, editing.delete(frame.labels, point))

    def merge(self, a: Pixel, b: Pixel) -> None:
        """Give the object at `b` the number of the one at `a`."""
        with worker.reporting():
            frame, (first, second) = self._places(a, b)
            self._apply(frame, editing.merge(frame.labels, first, second))

    def split(self, a: Pixel, b: Pixel) -> None:
        """Split the object that the line from `a` to `b` crosses.

        The cut follows what the network said, where that is kept.
        """
        with worker.reporting():
            frame, (first, second) = self._places(a, b, beside=True)
            dims = self._viewer.dims
            shown = [d - dims.ndim + frame.layer.ndim for d in dims.displayed[-2:]]
            plane = frame.plane(shown)
            if plane is None:
                raise ValueError(ONLY_2D)
            flat = plane == (len(first) - 2, len(first) - 1)
            cost = self._cost(frame, first) if flat else None
            number = self._free(frame)
            line = first, second
            edit = editing.split(frame.labels, line, cost, number, plane)
            self._apply(frame, edit)

    def fill_and_smooth(self, at: Pixel) -> None:
        """Fill the holes of the object at a pixel, and smooth its edge."""
        with worker.reporting():
            frame, (point,) = self._places(at)
            self._apply(frame, editing.fill_and_smooth(frame.labels, point))

    def add(self, at: Pixel) -> None:
        """Add the object that the maps of the last segmentation hold at a pixel."""
        with worker.reporting():
            frame, (point,) = self._places(at)
            source = self._source(frame)
            if isinstance(source, str):
                raise ValueError(source)
            if frame.labels[point]:
                raise ValueError(
                    f"there is object {frame.labels[point]} already; point at the "
                    "background"
                )
            self._adding.append((frame, point, source))
            if len(self._adding) == 1:
                self._add_next()

    def _add_next(self) -> None:
        """Add the object that has waited for the longest time."""
        frame, point, source = self._adding[0]
        with worker.reporting():
            number = self._free(frame)
            worker.start(
                *(self, ADDING, grow_at, source, frame.time),
                *(frame.labels, point, number),
                on_returned=self._grown,
                on_finished=self._finished,
            )
            return
        self._finished()

    def _grown(self, edit: Edit) -> None:
        frame, *_ = self._adding[0]
        if frame.layer not in self._viewer.layers:
            return
        free = frame.labels[edit.indices] == 0  # somebody may have painted meanwhile
        indices = tuple(i[free] for i in edit.indices)
        self._apply(frame, Edit(indices, edit.values[free]))

    def _finished(self) -> None:
        del self._adding[0]
        if self._adding:
            self._add_next()

    def _places(
        self, *pixels: Pixel, beside: bool = False
    ) -> tuple[Frame, list[Point]]:
        """Return a frame and points of it; a ValueError where there are none.

        beside : whether points beside the image are moved to its edge
        """
        frame = self._frame(pixels[0])
        assert frame is not None
        points = []
        for pixel in pixels:
            if beside:
                most = np.array(frame.layer.data.shape) - 1
                pixel = np.clip(np.rint(pixel), 0, most)
            point = frame.point(pixel)
            if point is None:
                raise ValueError("there is no image; point at an object")
            points.append(point)
        return frame, points

    def _frame(self, pixel: Pixel, said: bool = True) -> Frame | None:
        """Return the frame around a pixel of the active layer."""
        layer = self._viewer.layers.selection.active
        reason = why_not(layer)
        frame = None
        if not reason:
            most = np.array(layer.data.shape) - 1
            frame = frame_at(self._viewer, layer, np.clip(np.rint(pixel), 0, most))
        if frame is None and said:
            raise ValueError(reason or NO_IMAGE.format(name=layer.name))
        return frame

    def _source(self, frame: Frame) -> MapSource | str:
        if self.source is None:
            return NO_MAPS.format(name=frame.image.name)
        return self.source(frame.image)

    def _cost(self, frame: Frame, point: Point) -> editing.Cost | None:
        source = self._source(frame)
        if isinstance(source, str):
            return None
        alone = any(known.plane is not None for known in source.maps)
        plane = point[0] if alone and len(point) == 3 else None
        return cut_cost(source, frame.time, plane)

    def _free(self, frame: Frame) -> int:
        """Return a number that no object of the layer has, shown or hidden."""
        highest = 0 if self.highest is None else self.highest(frame.layer)
        return editing.free_number(frame.layer.data, highest)

    def _apply(self, frame: Frame, edit: Edit) -> None:
        if not len(edit.values):
            return
        layer = frame.layer
        frame.apply(edit)
        pixel: list[Any] = [0] * layer.ndim
        for axis, places in zip(frame.axes, edit.indices, strict=True):
            pixel[axis] = int(places[0])
        for axis, index in frame.fixed.items():
            pixel[axis] = index
        if layer.unique_id not in self._done:
            self._done[layer.unique_id] = []
            self._of_layers.connect(layer.events.set_data, self._on_refresh)
        self._done[layer.unique_id].append((tuple(pixel), int(edit.values[0])))
        self.corrected.emit(layer)
        self.changed.emit()

    def _on_refresh(self, event: Any = None) -> None:
        self._timer.start()  # undone, maybe: napari tells of no more
