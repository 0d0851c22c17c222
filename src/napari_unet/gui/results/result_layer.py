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
from napari_unet.gui.layers.axes import KEY, full
from napari_unet.gui.layers.edits import MOST_READ, Edits, Reading
from napari_unet.gui.layers.hiding import Hidden, results_on
from napari_unet.gui.layers.meanings import MEANING
from napari_unet.gui.layers.pairing import ours
from napari_unet.gui.layers.placement import (
    go_to,
    placement,
    show_other,
    with_layer_axes,
)
from napari_unet.gui.layers.right_views import views
from napari_unet.gui.parts.connections import Connections
from napari_unet.gui.results.outcome import Outcome, Present

# Comparing more values would be felt when a result is replaced.
MOST_COMPARED = 64 * 2**20
PART = 2**18  # values that are looked up at once, few enough for the cache


class ResultLayer(QObject):
    """The Labels layer that holds the result of one image.

    ``begin``, any number of ``fill``, and ``finish``; then again while `replaceable`.
    """

    changed = Signal()  # edited, or what edits left was counted

    def __init__(
        self, viewer: Viewer, image: Image, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.image = image
        self.layer: Labels | None = None
        self.outcome: Outcome | None = None
        self.press: SegmentPress | None = None
        self.score = 0.0
        self.version = 0  # another one for each change of the labels that is known of
        self.edited = False
        self.adopted = False  # whether its labels were not segmented here
        self.present: Present | None = None  # what it holds, once it was edited
        self._right = False  # somebody found it right
        self._counted = True  # whether `present` is what it holds
        self._wanted: float | None = None  # score to show, once edits are counted
        self._shown: np.ndarray | None = None  # which objects are not hidden
        self._changed = np.zeros(0, bool)  # which objects were edited
        self._frames: dict[int, int] = {}  # time points of new objects
        self._edits = Edits(viewer, self)
        self._edits.edited.connect(self._not_counted)
        self._edits.read.connect(self._count)
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
    def axes(self) -> str:
        """The axes of the image's layer."""
        return self._axes

    def adopt(self, layer: Labels, axes: str, outcome: Outcome) -> None:
        """Take a layer that somebody else made; nothing of it is ever changed.

        axes : of the image's layer
        """
        self.layer, self._axes, self.outcome = layer, axes, outcome
        self._buffer = full(layer)
        self.adopted = self.edited = self._right = True
        self._counted = False
        self._edits.follow(layer)

    @property
    def there(self) -> bool:
        """Whether the layer is in the viewer."""
        return self.layer is not None and self.layer in self._viewer.layers

    @property
    def replaceable(self) -> bool:
        """Whether the layer is in the viewer as we wrote it."""
        return self.there and not self.edited and not self._was_touched()

    @property
    def slides(self) -> bool:
        """Whether objects of a low score can be hidden: all but edited ones."""
        if self.outcome is None or not self.outcome.instances or self._right:
            return False
        if not self.edited:
            return True
        assert self.layer is not None
        small = self._buffer.size <= MOST_READ
        return small and np.shares_memory(self.layer.data, self._buffer)

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
        self.edited, self._right = False, False
        self.present, self._wanted, self._shown = None, None, None
        self._frames.clear()
        self._edits.follow(None)
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
        said = {n: v for n, v in ours(self.layer).items() if n == MEANING}
        self.layer.metadata = {
            **self.layer.metadata,
            KEY: {
                **said,
                **copy.deepcopy(outcome.about),
                "axes": axes,
                "image": str(self.image.unique_id),
            },
        }
        self._show(score)

    def set_score(self, score: float) -> None:
        """Hide the objects of a lower score, but for those that were edited."""
        if not self.slides or score == self.score:
            return
        if self.replaceable:
            self._show(score)
        elif not self.edited:
            self._on_edit()
        if self.edited and self.slides:
            self._wanted = score
            if self._counted:
                self._show_unedited()

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
        self.version += 1
        for part, labels in self._expected():
            self._buffer[part] = labels
        self._tell_features()
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
        for part, labels in self._found():
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
            self._counted = False
            self._edits.follow(self.layer)
            self.changed.emit()

    def _not_counted(self) -> None:
        self._counted = False

    def _count(self, reading: Reading) -> None:
        """Take note of what the layer holds now."""
        if self.outcome is None or reading.values is None or reading.counts is None:
            return
        self._counted = True
        new = np.setdiff1d(reading.values, self.outcome.result.ids)
        self._find_frames([int(i) for i in new if int(i) not in self._frames])
        before = self.present
        self.present = Present(reading.values, reading.counts, self._frames)
        if self._wanted is not None:
            self._show_unedited()
        elif before is None or reading.box or not before.same(self.present):
            self.version += 1
            self._tell_features()
            self.changed.emit()

    def _find_frames(self, new: list[int]) -> None:
        """Find out in which time points new objects lie."""
        assert self.outcome is not None
        if not self.outcome.about["axes"].startswith("T") or not new:
            return
        for frame, labels in enumerate(self._buffer):
            here = np.intersect1d(np.unique(labels), new)
            self._frames.update(dict.fromkeys(here.tolist(), frame))

    def _show_unedited(self) -> None:
        """Hide and show objects that look as segmenting found them, or are hidden."""
        assert self.outcome is not None
        assert self.present is not None
        assert self._wanted is not None
        score, self._wanted = self._wanted, None
        outcome, present = self.outcome, self.present
        if self._shown is None:
            self._shown = outcome.passing(self.score)
            self._changed = np.zeros(len(self._shown), bool)
        before, after = self._shown, outcome.passing(score)
        counts = outcome.counted(present)
        # What is hidden now stays as it was known: deleted or not.
        self._changed = np.where(
            before, counts != outcome.pixels, self._changed | (counts > 0)
        )
        hide = outcome.result.ids[~self._changed & before & ~after]
        show = outcome.result.ids[~self._changed & ~before & after]
        show = np.setdiff1d(show, self._covered(show))
        gone, came = (np.isin(outcome.result.ids, ids) for ids in (hide, show))
        self._shown = before & ~gone | came
        change = self._lookup(hide, -1) + self._lookup(show, 1)
        for part, labels in self._found():
            buffer, todo = self._buffer[part], change.take(labels, mode="clip")
            buffer[(todo < 0) & (buffer == labels)] = 0
            np.copyto(buffer, labels, where=todo > 0)
        self.score = score
        self.version += 1
        left = ~np.isin(present.ids, hide)
        ids = np.concatenate([present.ids[left], outcome.result.ids[came]])
        pixels = np.concatenate([present.pixels[left], outcome.pixels[came]])
        order = np.argsort(ids)
        self.present = Present(ids[order], pixels[order], self._frames)
        self._tell_features()
        self._refresh()
        self.changed.emit()

    def _covered(self, ids: np.ndarray) -> np.ndarray:
        """Return which hidden objects have pixels that others have now."""
        wanted = self._lookup(ids, 1)
        found = [np.zeros(0, np.int64)]
        for part, labels in self._found():
            taken = (wanted.take(labels, mode="clip") > 0) & (self._buffer[part] != 0)
            found.append(np.unique(labels[taken]))
        return np.concatenate(found)

    def _lookup(self, ids: np.ndarray, value: int) -> np.ndarray:
        """Return a table of all numbers of the result with a value for some."""
        assert self.outcome is not None
        table = np.zeros(int(self.outcome.result.ids.max(initial=0)) + 2, np.int8)
        table[ids] = value
        return table

    def _found(self) -> Iterator[tuple[Box, np.ndarray]]:
        """Yield the labels as segmenting found them, part by part."""
        assert self.outcome is not None
        series = self.outcome.result
        box = series.box or tuple(slice(0, n) for n in series.labels.shape)
        for part in _parts(box):
            yield part, series.labels[part]

    def _tell_features(self) -> None:
        """Give the layer the table of what it holds, unless it has its own."""
        if self.adopted:
            return
        assert self.outcome is not None
        assert self.layer is not None
        features = self.outcome.features(self.score, self.present)
        self.layer.features = features
        if self.outcome.instances:
            about = self.layer.metadata[KEY]
            about["objects"] = len(features)
            about["options"]["score"] = self.score

    def _on_right(self, labels: Labels) -> None:
        """Keep what somebody found right as it is, as what somebody painted."""
        if labels == self.layer:
            self._right = True
            self._on_edit()
            self.changed.emit()


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
