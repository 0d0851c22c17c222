"""Layers that are in the way of others: hidden for a while, or drawn as outlines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_unet.gui.layers.pairing import (
    fits,
    is_preview,
    labels_in,
    named_after,
    ours,
)
from napari_unet.gui.parts.connections import Connections

OUTLINE = 2  # px of the screen; 1 is lost on a fine one


def results_on(image: Image, layers: Iterable[Any]) -> list[Labels]:
    """Return the layers with results of an image, the oldest first."""
    own = str(image.unique_id)
    return [y for y in labels_in(layers) if ours(y).get("image") == own]


def drawn_on(image: Image, layers: Iterable[Any], axes: str) -> list[Labels]:
    """Return all labels on an image, previews and errors included.

    Of another image are those that are marked as its own, or named after it.
    """
    layers, own = list(layers), str(image.unique_id)
    images = [y for y in layers if isinstance(y, Image) and not is_preview(y)]
    found = []
    for layer in layers:
        if not isinstance(layer, Labels) or not fits(layer, image, axes):
            continue
        named = [i for i in images if named_after(layer, i)]
        owner = max(named, key=lambda i: len(i.name), default=image)
        marks = {str(ours(layer).get(key, "")) for key in ("image", "errors")} - {""}
        if own in marks or (not marks and owner == image):
            found.append(layer)
    return found


def outline(layers: Iterable[Labels], wanted: bool) -> None:
    """Draw labels as outlines, or filled."""
    for layer in layers:
        if (layer.contour > 0) != wanted:
            layer.contour = OUTLINE if wanted else 0


def hide_errors(image: Image, layers: Iterable[Any]) -> None:
    """Hide what a comparison made of an image; what it had hidden comes back."""
    for layer in layers:
        if ours(layer).get("errors") == str(image.unique_id):
            layer.visible = False


class Hidden:
    """Layers that were hidden since they were in the way, until :meth:`show`.

    One that somebody shows or hides meanwhile is left as it is from then on.

    owner : with which it ends
    """

    def __init__(self, viewer: Viewer, owner: QObject | None = None) -> None:
        self._viewer = viewer
        self._layers: list[Any] = []
        self._of_layers = Connections(owner)

    def hide(self, layers: Iterable[Any]) -> None:
        """Hide those that are in sight."""
        for layer in layers:
            if layer.visible:
                layer.visible = False
                self._layers.append(layer)
                self._of_layers.connect(layer.events.visible, self._forget)

    def show(self, *_: object) -> None:
        """Show what was hidden and is still there."""
        layers, self._layers = self._layers, []
        self._of_layers.end()
        for layer in layers:
            if layer in self._viewer.layers:
                layer.visible = True

    def _forget(self, event: Any) -> None:
        self._layers = [y for y in self._layers if y != event.source]


class Alone(QObject):
    """Keeps a layer alone: while it is in sight, the others of its image are hidden.

    They come back when it is hidden or removed, or when its owner ends.
    """

    def __init__(
        self, viewer: Viewer, layer: Labels, image: Image, axes: str, owner: QObject
    ) -> None:
        super().__init__(owner)
        self.layer = layer
        self._viewer, self._image, self._axes = viewer, image, axes
        self._folded = False
        self._others = Hidden(viewer)
        self._connections = Connections(self)
        self._connections.connect(layer.events.visible, self.arrange)
        self._connections.connect(viewer.layers.events.removed, self._on_removed)
        others = self._others

        def end() -> None:  # no method of this object, which is gone by then
            layer.visible = False
            others.show()

        self.destroyed.connect(end)

    def arrange(self, event: Any = None) -> None:
        """Hide the others if the layer is in sight, else show them."""
        if self.layer.visible:
            self._folded = False
            layers = drawn_on(self._image, self._viewer.layers, self._axes)
            self._others.hide(y for y in layers if y != self.layer)
        else:
            self._others.show()

    def fold(self, closed: bool) -> None:
        """Hide the layer while nobody sees what it is about; then show it again."""
        if closed and self.layer.visible:
            self.layer.visible, self._folded = False, True
        elif not closed and self._folded:
            self.layer.visible = True

    def _on_removed(self, event: Any) -> None:
        if event.value == self.layer:
            self._others.show()
            self.deleteLater()
