"""Labels layers with results: placed on their image, never over what the user drew."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap, label_colormap
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet.boxes import Box
from napari_unet.colours import OKABE_ITO
from napari_unet.events import Block
from napari_unet.gui.copy_as.press import SegmentPress
from napari_unet.gui.layers.axes import KEY
from napari_unet.gui.layers.hiding import Hidden, results_on
from napari_unet.gui.layers.placement import (
    go_to,
    placement,
    show_other,
    with_layer_axes,
)
from napari_unet.gui.layers.right_views import views
from napari_unet.gui.parts.connections import Connections
from napari_unet.gui.results.outcome import Outcome

# Comparing more values would be felt when a result is replaced.
MOST_COMPARED = 64 * 2**20
PART = 2**18  # values that are looked up at once, few enough for the cache


class ResultLayer(QObject):
    """The Labels layer that holds the result of one image.

    ``begin``, any number of ``fill``, and ``finish``; then again while `replaceable`.
    """

    changed = Signal()  # edited

    def __init__(
        self, viewer: Viewer, image: Image, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.image = image
        self.layer: Labels | None = None
        self.outcome: Outcome | None = None
        self.press: SegmentPress | None = None
        self.score = 0.0
        self.edited = False
        self._viewer = viewer
        self._name = f"{image.name} labels"
        self._axes = ""
        self._writing = False
        self._buffer = np.zeros(0, np.int32)  # what the layer shows, a view of it
        self._of_layer = Connections(self)
        self._older = Hidden(viewer, self)
        views.added.connect(self._on_right)

    @property
    def name(self) -> str:
        """The name that the layer has now."""
        return self._name if self.layer is None else str(self.layer.name)

    @property
    def there(self) -> bool:
        """Whether the layer is in the viewer."""
        return self.layer is not None and self.layer in self._viewer.layers

    @property
    def replaceable(self) -> bool:
        """Whether the layer is in the viewer as we wrote it."""
        return self.there and not self.edited and not self._was_touched()

    def begin(self, shape: Sequence[int], axes: str) -> None:
        """Show an empty result: in the layer that is there, or in a new one.

        shape : of the image's ([T,] [Z,] Y, X)
        axes : of the image's layer
        """
        self._axes = axes
        # Pages of zeros take no memory until they are written to.
        self._buffer = np.zeros(tuple(shape), np.int32)
        self.outcome = None
        data = with_layer_axes(self._buffer, self.image, axes)
        place = placement(self.image, axes)
        self._writing = True
        if self.layer is not None and self.there and self.layer.ndim == data.ndim:
            show_other(self.layer, data, place)  # a comparison may have hidden it
        else:
            # The Train dock asks at once who drew them; finish() tells the rest.
            own = {"model": {}, "image": str(self.image.unique_id)}
            metadata: dict[str, Any] = {KEY: own}
            self.layer = self._viewer.add_labels(
                data, name=self._name, metadata=metadata, **place
            )
            self._of_layer.end()
            for event in (self.layer.events.paint, self.layer.events.data):
                self._of_layer.connect(event, self._on_edit)
        self._writing = False
        self.edited = False
        # What the dock counts is what the picture shows.
        found = results_on(self.image, self._viewer.layers)
        self._older.hide(layer for layer in found if layer != self.layer)

    def gone(self) -> None:
        """Show the older results again that this one, which was removed, has hidden."""
        self._older.show()

    def fill(self, blocks: Sequence[Block]) -> None:
        """Show blocks of the result, unless the user works on the layer."""
        if self.edited or not self.there:
            return
        for block in blocks:
            self._buffer[block.box] = block.labels
        self._refresh()

    def finish(self, outcome: Outcome, press: SegmentPress, score: float) -> None:
        """Write the final numbers, features and metadata."""
        self.press = press
        self.outcome = outcome
        assert self.layer is not None
        if outcome.instances:
            if isinstance(self.layer.colormap, DirectLabelColormap):
                self.layer.colormap = label_colormap()
        else:
            classes = [int(c) for c in outcome.about["classes"]]
            colours = _colours(classes) | outcome.colours
            self.layer.colormap = DirectLabelColormap(color_dict=colours)
        # An axes string of the labels: what placement() leaves in.
        axes = self._axes.removeprefix("C")
        self.layer.metadata = {
            **self.layer.metadata,
            KEY: {
                **copy.deepcopy(outcome.about),
                "axes": axes,
                "image": str(self.image.unique_id),
            },
        }
        self._show(score)

    def set_score(self, score: float) -> None:
        """Hide the objects of a lower score; nothing happens to an edited layer."""
        if self.outcome is None or not self.outcome.instances or score == self.score:
            return
        if self.replaceable:
            self._show(score)
        elif not self.edited:
            self._on_edit()

    def show_object(self, label: int) -> None:
        """Bring an object into sight, and select its label."""
        if self.layer is None or not self.there:
            return
        self.layer.selected_label = label
        data = self.layer.data
        found = np.array(np.unravel_index(np.flatnonzero(data == label), data.shape))
        if not found.size:
            return
        # The pixel of the object that is nearest to its centre: it may be a crescent.
        away = found - found.mean(axis=1, keepdims=True)
        pixel = found[:, np.argmin((away**2).sum(axis=0))]
        go_to(self._viewer, self.layer, pixel)

    def _show(self, score: float) -> None:
        assert self.layer is not None
        assert self.outcome is not None
        self.score = score
        for part, labels in self._expected():
            self._buffer[part] = labels
        features = self.outcome.features(score)
        self.layer.features = features
        if self.outcome.instances:
            about = self.layer.metadata[KEY]
            about["objects"] = len(features)
            about["options"]["score"] = score
        self._refresh()

    def _expected(self) -> Iterator[tuple[Box, np.ndarray]]:
        """Yield the labels to show, part by part."""
        assert self.outcome is not None
        series = self.outcome.result
        lookup, passing = None, self.outcome.passing(self.score)
        if not passing.all():  # else the labels are as they are
            lookup = np.zeros(int(series.ids.max(initial=0)) + 1, np.int32)
            shown = series.ids[passing]
            lookup[shown] = shown
        box = series.box or tuple(slice(0, n) for n in series.labels.shape)
        for part in _parts(box):
            labels = series.labels[part]
            yield part, labels if lookup is None else lookup.take(labels, mode="clip")

    def _was_touched(self) -> bool:
        """Whether the layer holds other values, edits that told nobody included."""
        if self.outcome is None or self._buffer.size > MOST_COMPARED:
            return False
        # Beyond the box of a view, everything is zero.
        left = int(np.count_nonzero(self._buffer))
        for part, labels in self._expected():
            if not np.array_equal(self._buffer[part], labels):
                return True
            left -= int(np.count_nonzero(labels))
        return left != 0

    def _refresh(self) -> None:
        assert self.layer is not None
        self.layer.refresh(extent=False)

    def _on_edit(self, event: Any = None) -> None:
        if not self._writing and not self.edited:
            self.edited = True
            self.changed.emit()

    def _on_right(self, labels: Labels) -> None:
        """Keep what somebody found right as it is, as what somebody painted."""
        if labels == self.layer:
            self._on_edit()


def _parts(box: Box) -> Iterator[Box]:
    """Cut a box along its first axis into parts that are not too large."""
    rows, *others = box
    row = math.prod(s.stop - s.start for s in others)
    step = max(1, PART // max(row, 1))
    for start in range(rows.start, rows.stop, step):
        yield (slice(start, min(start + step, rows.stop)), *others)


def _colours(classes: Sequence[int]) -> dict[int | None, str]:
    """Return a colour for each class; everything else is clear."""
    colours: dict[int | None, str] = {
        c: OKABE_ITO[i % len(OKABE_ITO)] for i, c in enumerate(classes)
    }
    return {None: "transparent", 0: "transparent", **colours}
