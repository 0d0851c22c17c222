"""Views in which all objects are labelled: rectangles in a layer that says so."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet.boxes import Box
from napari_unet.colours import GREEN
from napari_unet.gui.layers.axes import KEY, long_axes, shape_of
from napari_unet.gui.layers.pairing import our_layer, ours
from napari_unet.gui.layers.placement import add_edges, visible_box

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
    layer = our_layer(layers, "labels", labels.unique_id)
    return () if layer is None else tuple(ours(layer)["right"])


def add_right_box(
    viewer: Viewer, image: Image, axes: str, labels: Labels, box: Box
) -> None:
    """Take note that labels on an image are right in a box, and show it."""
    layer = our_layer(viewer.layers, "labels", labels.unique_id)
    edges = _edges(box, axes, shape_of(image))
    if layer is not None:
        known = ours(layer)
        layer.metadata[KEY] = {**known, "right": [*known["right"], box]}
        layer.data = np.concatenate([np.asarray(layer.data), edges])
    else:
        add_edges(
            *(viewer, edges, box[-2].stop - box[-2].start, image, axes),
            name=f"{labels.name}: right",
            edge_color=GREEN,
            metadata={KEY: {"right": [box], "labels": labels.unique_id}},
        )
    views.added.emit(labels)


def mark_view(viewer: Viewer, image: Image, axes: str, labels: Labels) -> None:
    """Take note that labels are right in sight; a ValueError if the image is not."""
    box = visible_box(viewer, image, axes)
    add_right_box(viewer, image, axes, labels, box)


def _edges(box: Box, axes: str, shape: Sequence[int]) -> np.ndarray:
    """Return the four edges on each plane of a box: (N, 2, axes), place and direction.

    An image with channels has them on each channel.
    """
    there = [a for a in "TZYX" if a in long_axes(axes, shape)]
    spans = dict(zip(there, box, strict=True))
    y, x = spans["Y"], spans["X"]
    rows, columns = (y.start, y.start, y.stop, y.stop), (x.start, x.stop)
    corners = list(zip(rows, (*columns, *columns[::-1]), strict=True))
    ranges = [
        range(spans[a].start, spans[a].stop) if a in spans else range(size)
        for a, size in zip(axes, shape, strict=True)
        if a not in "YX"
    ]
    at = np.array(corners, float) - 0.5
    steps = np.roll(at, -1, axis=0) - at
    edges, planar = [], [axes.index("Y"), axes.index("X")]
    for plane in itertools.product(*ranges):
        place = np.zeros((4, 2, len(axes)))
        place[:, 0, planar], place[:, 1, planar] = at, steps
        place[:, 0, [i for i in range(len(axes)) if i not in planar]] = plane
        edges.append(place)
    return np.concatenate(edges)
