"""Layers with what is seen inside a network: each kind once, exactly on the image."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Vectors
from napari.viewer import Viewer

from napari_unet.colours import ORANGE
from napari_unet.gui.inside.work import MAPS, Maps
from napari_unet.gui.layers.axes import KEY, shape_of
from napari_unet.gui.layers.hiding import Hidden
from napari_unet.gui.layers.placement import (
    add_edges,
    place_part,
    show_other,
    undisturbed,
)
from napari_unet.gui.parts.connections import Connections


class InsideLayers:
    """The layers that a fold has made."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layers: dict[str, Image] = {}
        self._hidden = Hidden(viewer)

    def fold(self, closed: bool) -> None:
        """Hide the layers, which cover the image, or show again what was hidden."""
        if closed:
            there = (self._layers[kind] for kind in self._layers if self.there(kind))
            self._hidden.hide(there)
        else:
            self._hidden.show()

    def there(self, kind: str) -> bool:
        """Return whether the layer of a kind is in the viewer."""
        return self._layers.get(kind) in self._viewer.layers

    def show(self, maps: Maps, image: Image, axes: str) -> None:
        """Show maps on top of all layers: in our layer, or in a new one."""
        several = maps.kind == MAPS
        data = _in_order(maps, axes)
        place = place_part(image, axes, maps.steps, ("feature",) * several)
        layer: Any = self._layers.get(maps.kind)
        layers = self._viewer.layers
        with undisturbed(self._viewer):
            if layer in layers and layer.ndim != data.ndim:
                layers.remove(layer)
            if layer not in layers:
                self._layers[maps.kind] = self._add(maps.kind, data, maps.name, place)
                return
            show_other(layer, data, place)
            layer.name = maps.name
            layers.move(layers.index(layer), len(layers))

    def _add(
        self, kind: str, data: np.ndarray, name: str, place: dict[str, Any]
    ) -> Image:
        # Maps differ in how bright they are: each is stretched as it comes into sight.
        stretch = {"auto_contrast": True}
        return self._viewer.add_image(
            data,
            name=name,
            colormap="viridis",
            metadata={KEY: {"preview": True}},  # no image to segment or train on
            **(stretch if kind == MAPS else {"contrast_limits": (0, 1)}),
            **place,
        )


def _in_order(maps: Maps, axes: str) -> np.ndarray:
    """Return maps with all axes of the image, in the order of its layer."""
    more = maps.array.ndim - len(maps.steps)
    there = [a for a in "TZYX" if a in maps.steps]
    order = [more + there.index(a) for a in axes if a in maps.steps]
    view = maps.array.transpose(*range(more), *order)
    index = [slice(None) if a in maps.steps else None for a in axes]
    result: np.ndarray = view[(slice(None),) * more + tuple(index)]
    return result


class FieldBox(Connections):
    """The rectangle of what the result under the cursor depends on, as a layer."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.image: Image | None = None
        self.layer: Vectors | None = None
        self._axes = ""
        self._fields: list[list[tuple[int, int]]] = []
        self._zoom = 1.0
        self._shown: Any = None

    @property
    def there(self) -> bool:
        """Whether the layer is in the viewer."""
        return self.layer is not None and self.layer in self._viewer.layers

    def begin(
        self, image: Image, axes: str, fields: list[list[tuple[int, int]]], zoom: float
    ) -> None:
        """Show the rectangle, which follows the cursor from now on.

        `fields` are those of a Graph; `zoom` is px of the network a px of the image.
        """
        self.end()
        self._axes, self._shown = axes, None
        self._fields, self._zoom = fields[-2:], zoom
        edges = self._edges(image, [0.0] * len(axes))
        layer = add_edges(
            *(self._viewer, edges, self.size()[0], image, axes),
            name=f"{image.name} receptive field",
            edge_color=ORANGE,
            metadata={KEY: {"preview": True}},
        )
        self.image, self.layer = image, layer
        self.connect(self._viewer.cursor.events.position, self.move)
        self.connect(self._viewer.dims.events.point, self.move)
        self.move()

    def end(self) -> None:
        """Take the rectangle away."""
        super().end()
        layer = self.layer if self.there else None
        self.layer = self.image = None
        if layer is not None:
            self._viewer.layers.remove(layer)

    def size(self) -> tuple[int, int]:
        """Return the largest height and width that the rectangle has, in px."""
        sizes = [max(b - a + 1 for a, b in field) for field in self._fields]
        return round(sizes[0] / self._zoom), round(sizes[1] / self._zoom)

    def move(self, event: Any = None) -> None:
        """Show the rectangle of the pixel under the cursor; none beside the image."""
        if not self.there or self.image is None or self.layer is None:
            return
        dims = self._viewer.dims
        world = np.array(dims.point, float)
        displayed = list(dims.displayed)
        world[displayed] = np.array(self._viewer.cursor.position)[displayed]
        pixel = np.rint(self.image.world_to_data(world)).astype(int)
        inside = np.all((pixel >= 0) & (pixel < shape_of(self.image)))
        visible = bool(inside) and dims.ndisplay == 2
        if self.layer.visible != visible:
            self.layer.visible = visible
        if visible and tuple(pixel) != self._shown:
            self._shown = tuple(pixel)
            self.layer.data = self._edges(self.image, pixel)

    def _edges(self, image: Image, pixel: Any) -> np.ndarray:
        """Return the rectangle of a pixel: (4, 2, axes), where edges begin, how far."""
        corners = np.tile(np.asarray(pixel, float), (4, 1))
        shape = shape_of(image)
        for axis, field, high in zip("YX", self._fields, ([2, 3], [1, 2]), strict=True):
            at = self._axes.index(axis)
            seen = max(1, round(shape[at] * self._zoom))
            step = shape[at] / seen
            x = min(seen - 1, int((pixel[at] + 0.5) / step))
            start = x // len(field) * len(field)
            first, last = field[x % len(field)]
            corners[:, at] = (start + first) * step - 0.5
            corners[high, at] = (start + last + 1) * step - 0.5
        edges = np.roll(corners, -1, axis=0) - corners
        return np.stack([corners, edges], axis=1)
