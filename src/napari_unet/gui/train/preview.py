"""What the view looks like to a model that is being trained."""

from __future__ import annotations

import numpy as np
from napari.layers import Image
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_unet.boxes import middle
from napari_unet.data.images import frame_name
from napari_unet.events import Control, Preview, View
from napari_unet.gui.layers.axes import KEY
from napari_unet.gui.layers.hiding import OUTLINE, hide_errors
from napari_unet.gui.layers.images import Pair
from napari_unet.gui.layers.placement import (
    placement,
    undisturbed,
    visible_box,
    with_layer_axes,
)

LOOK_MS = 1000
# A larger view would make the training wait: its centre is shown.
MOST_PIXELS = 2**20
# Of the bright colours the one that differs most from greys and from stained tissue.
COLOUR = "#ffff00"


class _Shown:
    """The labels layer of one image, and what of it is filled."""

    def __init__(self, viewer: Viewer, target: Pair) -> None:
        self.labels = np.zeros(target.shape, np.int32)
        self.box: tuple[int | slice, ...] = ()
        self.ends: list[tuple[tuple[int | slice, ...], np.ndarray]] = []
        with undisturbed(viewer):  # who paints goes on with the brush
            self.layer = viewer.add_labels(
                with_layer_axes(self.labels, target.layer, target.axes),
                name=f"{target.layer.name} preview",
                metadata={KEY: {"preview": True, "image": str(target.layer.unique_id)}},
                colormap=DirectLabelColormap(
                    color_dict={None: COLOUR, 0: "transparent"}
                ),
                opacity=1.0,
                **placement(target.layer, target.axes),
            )
        # Beside the fill of what was painted, one could not tell whose is whose.
        self.layer.contour = OUTLINE
        self.layer.editable = False  # it is filled anew after each validation
        hide_errors(target.layer, viewer.layers)

    def take(self, box: tuple[int | slice, ...], labels: np.ndarray) -> None:
        """Show labels; remember the first of a training, and the newest."""
        self.ends = [*self.ends[:1], (box, labels)]
        self.fill(box, labels)

    @property
    def swaps(self) -> bool:
        """Whether the first and the newest are of one place."""
        return len(self.ends) == 2 and self.ends[0][0] == self.ends[1][0]

    def fill(self, box: tuple[int | slice, ...], labels: np.ndarray) -> None:
        """Show labels in a box, and nothing elsewhere."""
        if self.box:
            self.labels[self.box] = 0
        self.labels[box] = labels
        self.box = box
        self.layer.refresh(extent=False)


class LivePreview(QObject):
    """Asks a training for previews of the view, and shows them as a layer."""

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._targets: list[Pair] = []
        self._control: Control | None = None
        self._wanted = True
        self._places: dict[str, tuple[Pair, tuple[int, ...]]] = {}
        self._shown: dict[Image, _Shown] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.ask)

    def begin(self, control: Control, targets: list[Pair], again: bool) -> None:
        """Follow the view while a training runs, or a model is fitted `again`."""
        self._control, self._targets, self._places = control, targets, {}
        for shown in self._shown.values():
            shown.ends = []
            if self._wanted and not again:  # segmenting hides those of before
                shown.layer.visible = True
        self.set_wanted(self._wanted)
        for image in self._shown if self._wanted and not again else ():
            hide_errors(image, self._viewer.layers)

    def end(self) -> None:
        """Follow no more; the last preview stays."""
        self._timer.stop()
        self._control, self._targets = None, []

    def set_wanted(self, wanted: bool) -> None:
        """Say whether previews are wanted."""
        self._wanted = wanted
        if self._control is None:
            return
        if wanted:
            self._timer.start()
            self.ask()
        else:
            self._timer.stop()
            self._control.preview(None)

    def ask(self) -> None:
        """Ask for what is in sight now."""
        if self._control is not None:
            self._control.preview(self._view())

    def show(self, preview: Preview) -> None:
        """Show a preview on its image, if that is still there."""
        target, frame = self._places[preview.view.name]
        if not self._wanted or target.layer not in self._viewer.layers:
            return
        if target.layer.ndim != len(target.axes):
            return  # other pixels have taken the place of those that are learnt
        shown = self._shown.get(target.layer)
        if (
            shown is None
            or shown.layer not in self._viewer.layers
            or shown.labels.shape != target.shape
        ):
            shown = self._shown[target.layer] = _Shown(self._viewer, target)
        shown.take((*frame, *preview.view.box), preview.labels)

    @property
    def swaps(self) -> bool:
        """Whether the view can be shown as it was before the training, and after it."""
        layers = self._viewer.layers
        return any(s.swaps for s in self._shown.values() if s.layer in layers)

    def swap(self, before: bool) -> None:
        """Show the view as it was before the training, or as it is after it."""
        for image, shown in self._shown.items():
            if shown.swaps and shown.layer in self._viewer.layers:
                hide_errors(image, self._viewer.layers)
                shown.fill(*shown.ends[0 if before else 1])
                shown.layer.visible = True

    def _view(self) -> View | None:
        """Return what is in sight of the image that the user works on."""
        layers = self._viewer.layers
        there = [t for t in self._targets if t.layer in layers]
        active = layers.selection.active
        worked_on = [
            t for t in there if active is not None and active in (t.layer, t.labels)
        ]
        for target in (worked_on or there)[:1]:
            try:
                box = visible_box(self._viewer, target.layer, target.axes)
            except ValueError:
                return None  # nothing of it is in sight
            name = target.image.name
            frame: tuple[int, ...] = ()
            if "T" in target.image.axes:
                frame = (box[0].start,)
                name = frame_name(name, box[0].start, target.shape[0])
                box = box[1:]
            self._places[name] = (target, frame)
            return View(name, middle(box, MOST_PIXELS))
        return None
