"""A place in a labels layer as the core knows it: a frame, and a point of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_unet.gui.layers.axes import shape_of
from napari_unet.gui.layers.pairing import axes_on, image_under, is_preview
from napari_unet.segmentation.editing import Edit, Point

Pixel = Sequence[float] | np.ndarray  # a place in a layer


@dataclass(frozen=True, eq=False)
class Frame:
    """One time point of a labels layer, with the axes ``[Z,] Y, X``.

    labels : a view of the layer's data
    axes : of the layer, those of `labels` in order
    fixed : of the layer's other axes, where the time point lies
    time : index of the time point
    """

    layer: Labels
    image: Image
    labels: Any
    axes: tuple[int, ...]
    fixed: dict[int, int]
    time: int

    def point(self, pixel: Pixel) -> Point | None:
        """Return a pixel of the layer as one of the frame; None: it is beside it."""
        at = tuple(round(float(pixel[a])) for a in self.axes)
        sizes = zip(at, self.labels.shape, strict=True)
        return at if all(0 <= i < n for i, n in sizes) else None

    def plane(self, shown: Sequence[int]) -> tuple[int, int] | None:
        """Return which axes of the frame two axes of the layer are; None: not both."""
        if not set(shown) <= set(self.axes):
            return None
        first, second = (self.axes.index(a) for a in shown)
        return first, second

    def apply(self, edit: Edit) -> None:
        """Write an edit into the layer, as one step of its history."""
        count = len(edit.values)
        indices = [np.empty(0, int)] * self.layer.ndim
        for axis, places in zip(self.axes, edit.indices, strict=True):
            indices[axis] = places
        for axis, index in self.fixed.items():
            indices[axis] = np.full(count, index)
        self.layer.data_setitem(tuple(indices), edit.values)


def why_not(layer: Any) -> str:
    """Return why objects of a layer cannot be corrected; "": they can."""
    if not isinstance(layer, Labels) or is_preview(layer):
        return "select a labels layer first"
    data = layer.data
    writeable = isinstance(data, np.ndarray) and data.flags.writeable
    if layer.multiscale or not writeable:
        return (
            f"{layer.name}: these labels cannot be edited in place; save them, open "
            "the file, and correct those"
        )
    return ""


def frame_at(viewer: Viewer, layer: Labels, pixel: Pixel) -> Frame | None:
    """Return the frame of a labels layer around a pixel.

    None if the pixel is in no frame, or the layer lies on no image.
    """
    image = image_under(layer, viewer.layers)
    letters = None if image is None else axes_on(layer, image)
    if image is None or letters is None:
        return None
    shape = shape_of(layer)
    axes = tuple(
        letters.index(a)
        for a in "ZYX"
        if a in letters and (a in "YX" or shape[letters.index(a)] > 1)
    )
    fixed = {a: round(float(pixel[a])) for a in range(layer.ndim) if a not in axes}
    if any(not 0 <= i < shape[a] for a, i in fixed.items()):
        return None
    view = layer.data[tuple(fixed.get(a, slice(None)) for a in range(layer.ndim))]
    # What is left has its axes in the order of the layer.
    left = sorted(axes)
    view = view.transpose([left.index(a) for a in axes])
    time = fixed.get(letters.find("T"), 0)
    return Frame(layer, image, view, axes, fixed, time)
