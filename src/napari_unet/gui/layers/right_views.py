"""Views in which all objects are labelled: rectangles in a layer that says so."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Vectors
from qtpy.QtCore import QObject, Signal

from napari_unet.boxes import Box
from napari_unet.colours import GREEN
from napari_unet.gui.layers.axes import KEY, long_axes, shape_of
from napari_unet.gui.layers.pairing import ours
from napari_unet.gui.layers.placement import LINE, place_part, undisturbed, visible_box

if TYPE_CHECKING:
    from napari.viewer import Viewer

RIGHT = "This view is right"
RIGHT_HELP = (
    "All objects in sight are labelled: what is 0 there counts as background, also "
    "where 0 means not annotated yet. A rectangle shows it, in a layer of its own; "
    "delete the layer to take that back."
)


class _Views(QObject):
    added = Signal(object)  # the labels layer


views = _Views()


def right_boxes(layers: Iterable[Any], labels: Labels) -> tuple[Box, ...]:
    """Return the parts of labels that are right, in their axes ``[T,][Z,]Y,X``."""
    layer = _layer_of(layers, labels)
    return () if layer is None else tuple(ours(layer)["right"])


def add_right_box(
    viewer: Viewer, image: Image, axes: str, labels: Labels, box: Box
) -> None:
    """Take note that labels are right in a box, and show it.

    Parameters
    ----------
    image : Image layer
        The one that the labels lie on.
    axes : str
        Of the image.
    box : tuple of slice
        As of :func:`napari_unet.gui.layers.placement.visible_box`.
    """
    layer = _layer_of(viewer.layers, labels)
    edges = _edges(box, axes, shape_of(image))
    if layer is not None:
        known = ours(layer)
        layer.metadata[KEY] = {**known, "right": [*known["right"], box]}
        layer.data = np.concatenate([np.asarray(layer.data), edges])
    else:
        with undisturbed(viewer):
            viewer.add_vectors(
                edges,
                name=f"{labels.name}: right",
                edge_color=GREEN,
                edge_width=max(0.5, LINE * (box[-2].stop - box[-2].start)),
                vector_style="line",
                metadata={KEY: {"right": [box], "labels": labels.unique_id}},
                **place_part(image, axes, dict.fromkeys(axes, (1.0, 0.0))),
            )
    views.added.emit(labels)


def mark_view(viewer: Viewer, image: Image, axes: str, labels: Labels) -> None:
    """Take note that labels are right in what is in sight.

    Raises
    ------
    ValueError
        If the image is not in sight.
    """
    box = visible_box(viewer, image, axes)
    add_right_box(viewer, image, axes, labels, box)


def _layer_of(layers: Iterable[Any], labels: Labels) -> Vectors | None:
    for layer in layers:
        if isinstance(layer, Vectors) and ours(layer).get("labels") == labels.unique_id:
            return layer
    return None


def _edges(box: Box, axes: str, shape: Sequence[int]) -> np.ndarray:
    """Return the four edges on each plane of a box: (N, 2, axes), place and direction.

    An image with channels has them on each channel.
    """
    there = [a for a in "TZYX" if a in long_axes(axes, shape)]
    spans = dict(zip(there, box, strict=True))
    y, x = spans["Y"], spans["X"]
    corners = [
        (y.start, x.start),
        (y.start, x.stop),
        (y.stop, x.stop),
        (y.stop, x.start),
    ]
    ranges = [
        range(spans[a].start, spans[a].stop) if a in spans else range(size)
        for a, size in zip(axes, shape, strict=True)
        if a not in "YX"
    ]
    at = np.array(corners, float) - 0.5
    steps = np.roll(at, -1, axis=0) - at
    edges = []
    for plane in itertools.product(*ranges):
        others = iter(plane)
        place = np.zeros((4, 2, len(axes)))
        for i, axis in enumerate(axes):
            if axis in "YX":
                place[:, 0, i] = at[:, "YX".index(axis)]
                place[:, 1, i] = steps[:, "YX".index(axis)]
            else:
                place[:, 0, i] = next(others)
        edges.append(place)
    return np.concatenate(edges)
