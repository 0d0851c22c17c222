"""Labels of objects -> what their maps are to say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from napari_unet.labels import LabelledObjects

OCTAVES = 3.0
"""How far the map of sizes reaches to either side of the known one: 1/8 to 8 times."""


def touching_border(labels: np.ndarray, width: int) -> np.ndarray:
    """Return True where two different objects lie within `width` px (a square window).

    `labels` are unsigned integers of any number of axes.
    """
    highest = _extreme(labels, width, np.maximum)
    # One less, and background is the highest number of all.
    lowest = _extreme(labels - labels.dtype.type(1), width, np.minimum)
    near: np.ndarray = lowest + labels.dtype.type(1) != highest
    return near


def _extreme(
    values: np.ndarray, width: int, larger: Callable[..., object]
) -> np.ndarray:
    """Return the extreme in a square window, cut off at the edges of the image."""
    for axis in range(values.ndim):
        result = values.copy()
        one, other = np.moveaxis(values, axis, 0), np.moveaxis(result, axis, 0)
        for step in range(1, min(width + 1, len(one))):
            larger(other[step:], one[:-step], out=other[step:])
            larger(other[:-step], one[step:], out=other[:-step])
        values = result
    return values


def inner_distance(
    objects: LabelledObjects, spacing: tuple[float, ...] | None = None
) -> np.ndarray:
    """Return each pixel's distance to its object's edge, over the object's largest.

    The image's own edge is no edge of an object, which may go on outside.
    """
    compact = objects.compact
    result = np.zeros(compact.shape, np.float32)
    for number, box in enumerate(objects.boxes, start=1):
        grown = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in box)
        inside = compact[grown] == number
        if inside.all():
            result[grown] = 1
            continue
        distance = ndimage.distance_transform_edt(inside, sampling=spacing)
        result[grown] += distance / distance.max()  # which is 0 in all others
    return result


def relative_size(
    objects: LabelledObjects, known_size: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's object's diameter on the scale of the map of sizes, 0 to 1.

    `known_size`, in px, becomes 0.5; 8 times as much 1, an eighth 0. Also returned is
    where objects are whole, not cut by the image's edge.
    """
    index = objects.compact
    background = max(1, index.size - int(objects.areas.sum()))
    area = np.insert(objects.areas, 0, background)
    octaves = np.log2(2 * np.sqrt(area / np.pi) / known_size)
    size = np.clip(octaves / (2 * OCTAVES) + 0.5, 0, 1).astype(np.float32)
    whole = np.arange(len(area)) > 0
    for edge in (index[0], index[-1], index[:, 0], index[:, -1]):
        whole[edge] = False
    return np.take(size, index), np.take(whole, index)
