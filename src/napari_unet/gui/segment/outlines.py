"""Whether results are drawn as outlines; a key switches it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox

from napari_unet.gui.layers.hiding import outline
from napari_unet.gui.parts.connections import Connections

KEY = "U"  # neither napari nor its layers of any kind have a use for it
HELP = "Draw the results of this image as outlines, which cover nothing of it."


class OutlinesBox(QCheckBox):
    """A tick for the results of the chosen image, and for those to come."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__("outlines")
        self.setToolTip(HELP)
        self._layers: list[Labels] = []
        self._of_layers = Connections(self)
        self.toggled.connect(lambda wanted: outline(self._layers, wanted))
        try:
            viewer.bind_key(KEY, lambda _: self.toggle())
        except ValueError:  # somebody else's
            return
        self.setToolTip(f"{HELP} Key in the image: {KEY}.")
        self.destroyed.connect(lambda: viewer.bind_key(KEY, None))

    def follow(self, layers: Sequence[Labels]) -> None:
        """Show how these are drawn; without any the tick stays as it is."""
        if list(layers) != self._layers:
            self._of_layers.end()
            self._layers = list(layers)
            for layer in layers:
                self._of_layers.connect(layer.events.contour, self._take)
        self._take()

    def _take(self, event: Any = None) -> None:
        if self._layers:
            with QSignalBlocker(self):
                self.setChecked(self._layers[-1].contour > 0)
