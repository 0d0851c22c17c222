"""Images whose objects have another size than the model knows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_unet.config import ModelConfig
from napari_unet.data.images import Image

# A resampling blurs; for less than this it is not worth it.
LEAST_CHANGE = 0.02
# Values beyond which an image is not resampled at once, but where it is read.
AT_ONCE = 2**26


def as_float(part: np.ndarray) -> np.ndarray:
    """Return values as float32."""
    return part.astype(np.float32)


def resampled(picture: Image, config: ModelConfig, object_size: float | None) -> Image:
    """Resample an image so that its objects have the size that the model knows.

    `object_size` is their median diameter in px; None: as the model knows them. The
    image itself is returned where they have that size already; a ValueError where the
    model knows none.
    """
    known = config.object_size
    if object_size is None:
        return picture
    if known is None:
        raise ValueError(
            f"{picture.name}: object_size is {object_size:g} but the model knows no "
            "object size; leave it out"
        )
    shape = _zoomed_shape(picture.shape, known / object_size)
    if shape is None:
        return picture
    inside = None if picture.inside is None else on_grid(picture.inside, shape)
    return replace(picture, array=on_grid(picture.array, shape), inside=inside)


def zoomed(image: Any, zoom: float) -> Any:
    """Return an image at another magnification, or itself where that changes little.

    A `zoom` of 2 doubles the number of pixels along each axis of (C, [Z,] Y, X).
    """
    shape = _zoomed_shape(image.shape[1:], zoom)
    return image if shape is None else resize(as_float(np.asarray(image)), shape)


def _zoomed_shape(shape: Sequence[int], zoom: float) -> tuple[int, ...] | None:
    """Return the spatial shape at another magnification; None: as it is."""
    if abs(zoom - 1) < LEAST_CHANGE:
        return None
    return tuple(max(1, round(n * zoom)) for n in shape)


def on_grid(
    image: Any,
    shape: Sequence[int],
    values: Callable[[np.ndarray], np.ndarray] = as_float,
    channels: int | None = None,
) -> Any:
    """Return an image on another grid, at once or, where that is large, when read.

    Of (C, [Z,] Y, X), `shape` is spatial; `values` turns a part into float32. Whether
    it is large is asked as if it had so many `channels`, C by default.
    """
    most = max(math.prod(shape), math.prod(image.shape[1:]))
    if most * (channels or image.shape[0]) > AT_ONCE:
        return Resized(image, shape, values)
    return resize(values(np.asarray(image)), shape)


class Resized:
    """An image on another grid, of which only what is sliced is read and computed.

    Its values are those of :func:`resize`, to 1e-5. They are the same to the last bit
    whatever the slice: each is a sum of few others, taken in one order. The parameters
    are those of :func:`on_grid`.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        image: Any,
        shape: Sequence[int],
        values: Callable[[np.ndarray], np.ndarray] = as_float,
    ) -> None:
        self.shape = (image.shape[0], *shape)
        self._image, self._values = image, values
        pairs = zip(image.shape[1:], shape, strict=True)
        self._taps = [_taps(before, after) for before, after in pairs]
        # What shrinks comes first, so that the rest has less to do.
        ratios = [m / n for n, m in zip(image.shape[1:], shape, strict=True)]
        self._order = sorted(range(len(shape)), key=lambda axis: ratios[axis])

    def __getitem__(self, index: tuple[slice, ...]) -> np.ndarray:
        """Return a part: a slice per axis, channels first."""
        channels, *box = index
        spans = [s.indices(n) for s, n in zip(box, self.shape[1:], strict=True)]
        taps = [
            (places[start:stop], weights[start:stop])
            for (places, weights), (start, stop, _) in zip(
                self._taps, spans, strict=True
            )
        ]
        read = tuple(
            slice(places.min(), places.max() + 1) if places.size else slice(0)
            for places, _ in taps
        )
        found = self._values(np.asarray(self._image[(channels, *read)]))
        for axis in self._order:
            places, weights = taps[axis]
            first = read[axis].start or 0
            found = _summed(found, places - first, weights, axis + 1)
        return found


def _taps(before: int, after: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which pixels make a pixel of a new grid, and their weights.

    Both (after, taps): int64 and float32. A triangle as wide as two pixels of the
    coarser grid, cut at the edges of the image and then summing to 1.
    """
    scale = before / after
    reach = max(1.0, scale)
    centre = (np.arange(after) + 0.5) * scale
    first = np.floor(centre - reach + 0.5).astype(int)
    places = first[:, None] + np.arange(math.ceil(2 * reach))
    weights = 1 - np.abs(places + 0.5 - centre[:, None]) / reach
    weights[(places < 0) | (places >= before)] = 0
    weights = np.maximum(weights, 0)
    weights /= weights.sum(1, keepdims=True)
    return np.clip(places, 0, before - 1), weights.astype(np.float32)


def _summed(
    values: np.ndarray, places: np.ndarray, weights: np.ndarray, axis: int
) -> np.ndarray:
    """Return sums of weighted values along an axis, added in the order of the taps."""
    shape = [1] * values.ndim
    shape[axis] = -1
    total = np.zeros((), np.float32)
    for tap in range(places.shape[1]):
        # numpy takes along the last axis twenty times faster than torch.
        term = np.take(values, places[:, tap], axis)
        term *= weights[:, tap].reshape(shape)
        total = np.add(total, term, out=term if tap == 0 else total)
    return total


def resize(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Resample (C, [Z,] Y, X) float32 linearly, with antialiasing where it shrinks.

    Corners of the images meet, not centres of pixels.
    """
    channels = array.shape[0]
    # Planes first, then across them: torch has no antialiasing for three axes.
    planes = _resize_planes(array.reshape(-1, *array.shape[-2:]), shape[-2:])
    if len(shape) == 2:
        return planes
    flat = planes.reshape(channels, array.shape[1], -1)
    return _resize_planes(flat, (shape[0], flat.shape[2])).reshape(channels, *shape)


def _resize_planes(planes: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    import torch  # a second, which a dock that opens has not

    tensor = torch.from_numpy(np.ascontiguousarray(planes))[None]
    result = torch.nn.functional.interpolate(
        tensor, size=tuple(shape), mode="bilinear", align_corners=False, antialias=True
    )
    return result[0].numpy()
