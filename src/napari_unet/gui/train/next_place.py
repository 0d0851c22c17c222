"""[Annotate here next]: the view goes to where a model is least certain."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
from napari.layers import Image, Labels
from napari.utils.notifications import show_info
from napari.viewer import Viewer
from qtpy.QtWidgets import QPushButton

from napari_unet.boxes import Box
from napari_unet.data.images import ImageSeries
from napari_unet.events import Control, Event, Progress
from napari_unet.gui import worker
from napari_unet.gui.layers.axes import shape_of, spatial
from napari_unet.gui.layers.images import Pair, labels_of
from napari_unet.gui.layers.placement import go_to
from napari_unet.gui.layers.right_views import RIGHT
from napari_unet.gui.pairs.pair_row import PairRow
from napari_unet.gui.pairs.table import PairsTable
from napari_unet.gui.parts.dock_widgets import enable

MARGIN = 0.95  # of the view is filled
NEXT = "Annotate here next"
LOOKING = "Looking... (stop)"
HELP = (
    "Go to where the model is least sure: labels teach it most there. It is the one "
    "trained here, also while it still learns, else the one to start from. What is "
    "annotated, and what was shown before, is left out."
)
STOP_HELP = "Press to go to the best place of those looked at so far."
NO_MODEL = (
    "there is no model yet that could be unsure: start to train, or choose a model "
    "under Start from"
)


@dataclass(frozen=True, eq=False)  # arrays have no one truth value
class Annotation:
    """An image, and what of it is annotated.

    known : ([T,] [Z,] Y, X) bool array; the axes of the image without its channels
    """

    image: ImageSeries
    known: np.ndarray


def find_next(
    images: Sequence[Annotation], model: str, device: str, control: Control
) -> Generator[Event, None, tuple[int, Box] | None]:
    """Find where a model is least certain: in which image, and the place in it.

    The place has the axes of `known`; None if all is known. A stop returns the best of
    what has been looked at. Long work.
    """
    yield Progress("loading the model", 0)
    from napari_unet.models.model import Model
    from napari_unet.segmentation.uncertainty import least_certain

    loaded = Model.load(model, device)
    best, most = None, 0.0
    for index, one in enumerate(images):
        timed = "T" in one.image.axes
        for time, frame in enumerate(one.image.frames()):
            if control.stopped:
                return best
            place = yield from least_certain(
                loaded,
                frame,
                known=one.known[time] if timed else one.known,
                control=control,
            )
            if place is not None and place.uncertainty > most:
                most = place.uncertainty
                before = (slice(time, time + 1),) if timed else ()
                best = (index, (*before, *place.box))
    return best


def fill_view(viewer: Viewer, layer: Image, axes: str, box: Box) -> None:
    """Fill the view with a part of an image; sliders of other axes stay.

    `box` is in the axes ``[T,][Z,]Y,X``, without those of length 1.
    """
    spans = dict(zip(spatial(layer, axes), box, strict=True))
    now = np.rint(layer.world_to_data(viewer.dims.point))
    first = np.clip(now, 0, np.array(shape_of(layer)) - 1)
    last = first.copy()
    for i, axis in enumerate(axes):
        if axis in spans:
            first[i], last[i] = spans[axis].start, spans[axis].stop - 1
    middle = (first + last) / 2
    sliders = [i for i, a in enumerate(axes) if a not in "YX"]
    middle[sliders] = np.floor(middle[sliders])
    go_to(viewer, layer, middle)
    shown = list(viewer.dims.displayed[-2:])
    corners = [np.zeros(viewer.dims.ndim) for _ in range(2)]
    for corner, at in zip(corners, (first - 0.5, last + 0.5), strict=True):
        corner[-layer.ndim :] = layer.data_to_world(at)
    extent = np.abs(corners[1] - corners[0])[shown]
    canvas = np.array(viewer.canvas.size, float)
    viewer.scene.camera.zoom = float(MARGIN * np.min(canvas / np.maximum(extent, 1e-9)))


class NextButton(QPushButton):
    """Looks for the place, in a job, and fills the view with it.

    table : the pairs of which a place is wanted
    model : returns the path of the model, "" if there is none, and the device
    """

    def __init__(
        self, viewer: Viewer, table: PairsTable, model: Callable[[], tuple[str, str]]
    ) -> None:
        super().__init__(NEXT)
        self._viewer, self._table, self._model = viewer, table, model
        self._job: worker.Job | None = None
        self._targets: list[Pair] = []
        self._shown: list[tuple[Labels, Box]] = []
        self._partly = False
        self.clicked.connect(self.press)

    def arrange(self, partly: bool | None = None) -> None:
        """Grey the button where it can do nothing, and say why.

        `partly` says whether 0 means not annotated yet; None: as before.
        """
        self._partly = self._partly if partly is None else partly
        reason = "" if self._job else self._why_not()
        self.setText(LOOKING if self._job else NEXT)
        enable(self, reason, STOP_HELP if self._job else HELP)

    def press(self) -> None:
        """Start to look, or take the best of what has been looked at."""
        if self._job is not None:
            self._job.quit()
            return
        with worker.reporting():
            if self._why_not():
                raise ValueError(self._why_not())
            rows = self._pairs()
            self._targets = [row.target() for row in rows]
            pairs = zip(rows, self._targets, strict=True)
            images = [self._annotation(*pair) for pair in pairs]
            self._job = worker.start(
                *(self, "looking", find_next, images, *self._model()),
                on_returned=self._found,
                on_finished=self._finished,
            )
            self.arrange()

    def _why_not(self) -> str:
        if not self._pairs():
            rows = self._table.pairs
            return rows[0].why_not() if rows else "add an image with its labels"
        return "" if self._model()[0] else NO_MODEL

    def _pairs(self) -> list[PairRow]:
        return [row for row in self._table.pairs if not row.why_not()]

    def _annotation(self, row: PairRow, target: Pair) -> Annotation:
        known = labels_of(target.labels, target.axes, target.image) != 0
        shown = [box for labels, box in self._shown if labels == target.labels]
        for box in (*row.right, *shown):
            if len(box) == known.ndim:  # the labels may have other axes by now
                known[box] = True
        return Annotation(target.image, known)

    def _found(self, found: tuple[int, Box] | None) -> None:
        if found is None:
            self._shown = []
            show_info("every place is annotated, or was shown; press again for more")
            return
        target, box = self._targets[found[0]], found[1]
        layers = self._viewer.layers
        if target.layer not in layers or target.labels not in layers:
            return
        self._shown.append((target.labels, box))
        fill_view(self._viewer, target.layer, target.axes, box)
        layers.selection.active = target.labels
        text = f"{target.layer.name}: the model is least sure here; "
        text += "correct what you see"
        if self._partly:
            text += f", then press [{RIGHT}]"
        show_info(text)

    def _finished(self) -> None:
        self._job, self._targets = None, []
        self.arrange()
