"""The part of an image that is looked at inside a network; no Qt, no layers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.boxes import Box, context, grow, within
from napari_unet.data.images import Image, ImageSeries

if TYPE_CHECKING:
    from napari_unet.data.outside import Outside
    from napari_unet.models.model import Model
    from napari_unet.reports.inside import Features

# A network computes all its features of what is read at once: more px take gigabytes.
MOST_READ = 2 * 2**20
# A part that is too large shrinks by this at a time.
SHRINK = 1 / 16

Steps = dict[str, tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Part:
    """A part of an image, as a network sees it.

    seen : the part, with what is needed around it
    box : the part in `seen`
    place : frame, plane and box in the image, which tell it from other parts
    cut : whether it is less than what is in sight
    axes : of `seen`, without the channels
    steps : px of the image a pixel of `seen`, and where the first one is centred
    fixed : the same for the axes of which there is one index only
    """

    seen: Image
    box: Box
    place: tuple[Steps, Box]
    cut: bool
    axes: str
    steps: Steps
    fixed: Steps

    def placed(self, features: Features) -> tuple[np.ndarray, Steps]:
        """Return maps with all axes of the image, and their steps."""
        steps = dict(self.fixed)
        for axis, start, stride in zip(
            self.axes, features.start, features.stride, strict=True
        ):
            step, first = self.steps[axis]
            steps[axis] = (step * stride, first + step * (start + (stride - 1) / 2))
        at = features.maps.ndim - len(self.axes)
        new = tuple(range(at, at + len(self.fixed)))
        return np.expand_dims(features.maps, new), steps

    def told(self) -> str:
        """Return the size of the part in px of the image."""
        return " x ".join(f"{s.stop - s.start:,}" for s in self.place[1])


def part_of(
    model: Model,
    image: ImageSeries,
    box: Box,
    zoom: float,
    size: float | None,
    outside: Outside,
) -> Part:
    """Return the part of an image that is in sight, or its middle.

    box : in ([T,] [Z,] Y, X): one time point. Of several planes, a 2D model looks at
        the middle one; a 3D model looks at some around a single one.
    zoom : px of the network a px of the image
    size : of the objects, in px of the image; it gives the zoom
    """
    from napari_unet.data.outside import inside
    from napari_unet.data.resampling import resampled

    index = box[0].start if "T" in image.axes else 0
    fixed = {"T": (1.0, float(index))} if "T" in image.axes else {}
    picture = image.frame(index)
    axes = "".join(a for a in "ZYX" if a in image.axes)
    box = box[-len(axes) :]
    if len(axes) > model.config.ndim:
        plane = (box[0].start + box[0].stop) // 2
        fixed["Z"] = (1.0, float(plane))
        picture = picture.plane(plane)
        axes, box = axes[1:], box[1:]
    elif len(box) == 3 and box[0].stop - box[0].start == 1:
        box = (*grow(box[:1], model.divisor[0], picture.shape[:1]), *box[1:])
    halo = max(model.halo)
    part = _shrunk(box, zoom, halo, picture.shape)
    margin = math.ceil((halo + 2) / zoom)
    crop = context(part, margin, model.divisor, picture.shape)
    picture = picture.part(crop)
    picture = inside(replace(picture, array=np.asarray(picture.array)), outside)
    seen = resampled(picture, model.config, size)
    inner, steps = [], {}
    for axis, c, s, n, m in zip(
        axes, crop, within(part, crop), picture.shape, seen.shape, strict=True
    ):
        step = n / m  # corners of the images meet, not centres of pixels
        steps[axis] = (step, c.start + (step - 1) / 2)
        inner.append(slice(int(s.start / step), min(m, math.ceil(s.stop / step))))
    return Part(seen, tuple(inner), (fixed, part), part != box, axes, steps, fixed)


def zoom_of(model: Model, size: float | None) -> float:
    """Return px of the network a px of an image with objects of this size."""
    from napari_unet.data.resampling import LEAST_CHANGE

    if size is None or model.config.object_size is None:
        return 1.0
    zoom = model.config.object_size / size
    return 1.0 if abs(zoom - 1) < LEAST_CHANGE else zoom


def _shrunk(box: Box, zoom: float, halo: int, shape: tuple[int, ...]) -> Box:
    """Return the middle of a box, as much of it as can be looked at."""
    from napari_unet.reports.inside import MOST_PIXELS

    sizes = np.array([s.stop - s.start for s in box], float)
    most = np.array(shape) * zoom
    while sizes.max() > 1 and (
        np.prod(sizes * zoom + 2) > MOST_PIXELS
        or np.prod(np.minimum(sizes * zoom + 2 * halo, most)) > MOST_READ
    ):
        sizes[sizes.argmax()] *= 1 - SHRINK
    whole = np.maximum(1, np.floor(sizes)).astype(int)
    starts = [
        s.start + (s.stop - s.start - n) // 2 for s, n in zip(box, whole, strict=True)
    ]
    return tuple(slice(int(a), int(a + n)) for a, n in zip(starts, whole, strict=True))
