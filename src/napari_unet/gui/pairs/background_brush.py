"""Painting background: a label of its own, and a larger brush."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_unet.gui.layers.meanings import said_of
from napari_unet.gui.parts.connections import Connections

WIDER = 3  # times the brush for objects: there is more background


class BackgroundBrush(QObject):
    """Gives the label of the background a brush of its own, as large as it was left.

    It is there whenever that label is selected; all others have the one of before.
    """

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Labels | None = None
        self._wide, self._sizes = False, {False: 1, True: WIDER}
        self._of_layer = Connections(self)

    def take_up(self, layer: Labels, number: int) -> None:
        """Let the next stroke in the layer paint background; `number` is its label."""
        if layer != self._layer:
            self._of_layer.end()
            self._layer, self._wide = layer, False
            size = int(layer.brush_size)
            self._sizes = {False: size, True: WIDER * size}
            self._of_layer.connect(layer.events.selected_label, self._switch)
        layer.visible = True
        self._viewer.layers.selection.active = layer
        layer.mode = "paint"
        layer.selected_label = number
        self._switch()

    def _switch(self, event: Any = None) -> None:
        """Change the brush with the label."""
        layer = self._layer
        assert layer is not None
        wide = layer.selected_label == said_of(layer).background
        if wide != self._wide:
            self._sizes[self._wide] = int(layer.brush_size)
            self._wide = wide
            layer.brush_size = self._sizes[wide]


def next_free(layer: Labels, values: np.ndarray | None) -> int:
    """Return the number above all in a layer.

    values : those that were found in it; None: it was not read

    A ValueError if its type holds no such number, or nobody knows or can paint it.
    """
    data, name = layer.data, layer.name
    if isinstance(data, np.ndarray):
        highest = int(data.max(initial=0))  # what was read may be a stroke old
    elif values is not None and layer.editable:
        highest = int(values.max(initial=0))
    else:
        raise ValueError(
            f"{name}: these labels cannot be painted in; save them, open the file, and "
            "choose it as the labels"
        )
    if highest >= np.iinfo(layer.dtype).max:
        raise ValueError(
            f"{name}: {layer.dtype} holds no number above {highest}; convert the "
            "labels to a larger type, such as int32 (in the layer's menu)"
        )
    return highest + 1
