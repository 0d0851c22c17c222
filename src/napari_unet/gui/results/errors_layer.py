"""A comparison of a result with a truth layer, and the layer that shows its errors."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet.gui.layers.axes import KEY
from napari_unet.gui.layers.edits import Edits
from napari_unet.gui.layers.pairing import our_layer
from napari_unet.gui.layers.placement import (
    go_to,
    placement,
    point_on,
    show_other,
    undisturbed,
    with_layer_axes,
)
from napari_unet.gui.results.comparison import ComparisonTable
from napari_unet.gui.results.result_layer import ResultLayer
from napari_unet.scoring.errors import COLOURS, Kind


class ShownComparison(QObject):
    """A comparison, from the moment when its labels were taken."""

    changed = Signal()  # the labels are no longer those that were compared

    def __init__(
        self, viewer: Viewer, result: ResultLayer, truth: Labels, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.result, self.truth = result, truth
        self.found: ComparisonTable | None = None
        self._viewer, self._score = viewer, result.score
        self._edited, self._outcome = False, result.outcome
        for layer, slot in ((truth, self._on_edit), (result.layer, self._on_rewritten)):
            edits = Edits(viewer, self)
            edits.edited.connect(self._on_edit)
            edits.rewritten.connect(slot)
            edits.follow(layer)

    @property
    def current(self) -> bool:
        """Whether the labels are still those that were compared."""
        return not self._edited and self.result.score == self._score

    @property
    def replaced(self) -> bool:
        """Whether the image is being segmented again, or was since."""
        return self.result.outcome is not self._outcome

    @property
    def there(self) -> bool:
        """Whether image and result are still in the viewer."""
        return self.result.there and self.result.image in self._viewer.layers

    def finish(self, found: ComparisonTable) -> Labels:
        """Show what was found, in the layer of an earlier comparison or a new one."""
        self.found = found
        result, image = self.result, self.result.image
        axes = result.axes
        data = with_layer_axes(found.comparison.image, image, axes)
        place = placement(image, axes)
        layer = our_layer(self._viewer.layers, "errors", str(image.unique_id))
        if layer is not None and layer.ndim == data.ndim:
            show_other(layer, data, place)
        else:
            layer = _add(self._viewer, image, data, place)
        shown: Labels = layer
        return shown

    def go_to(self, index: int) -> None:
        """Bring a row of the comparison into sight, and select its labels."""
        result = self.result
        if self.found is None or not self.there:
            return
        row = self.found.comparison.rows[index]
        for layer, ids in ((self.truth, row.truth), (result.layer, row.prediction)):
            if ids and layer is not None:
                layer.selected_label = ids[0]
        pixel = point_on(row.centre, result.image, result.axes)
        go_to(self._viewer, result.layer, pixel)

    def _on_edit(self) -> None:
        if not self._edited:
            self._edited = True
            self.changed.emit()

    def _on_rewritten(self) -> None:
        """Take note of an edit of the result, unless the score has hidden objects."""
        if self.replaced or not self.result.replaceable:
            self._on_edit()


def _add(
    viewer: Viewer, image: Image, data: np.ndarray, place: dict[str, Any]
) -> Labels:
    import pandas as pd  # a third of a second, which an opening dock has not

    # Like a preview it is nothing that anybody drew: no truth, nothing to train on.
    ours = {"preview": True, "errors": str(image.unique_id)}
    kinds = list(COLOURS)
    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    colours |= {int(kind): colour for kind, colour in COLOURS.items()}
    colours[int(Kind.MATCHED)] += "80"  # half clear: errors catch the eye
    words = {"index": [int(k) for k in kinds], "kind": [k.word for k in kinds]}
    with undisturbed(viewer):
        layer = viewer.add_labels(
            data,
            name=f"{image.name} errors",
            colormap=DirectLabelColormap(color_dict=colours),
            features=pd.DataFrame(words),  # the status bar tells the kind
            metadata={KEY: ours},
            **place,
        )
    layer.editable = False
    return layer
