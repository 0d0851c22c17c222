"""Labels of objects -> what their maps are to say."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

OCTAVES = 3.0
"""How far the map of sizes reaches to either side of the known one: 1/8 to 8 times."""


def touching_border(labels: np.ndarray, width: int) -> np.ndarray:
    """Return True where two different objects lie within `width` px (a square window).

    Parameters
    ----------
    labels : integer array of any number of axes
    width : int

    Returns
    -------
    bool array of the same shape
    """
    # Neighbouring numbers may be far apart or beyond int32; filters need neither.
    values, index = np.unique(labels, return_inverse=True)
    compact = index.reshape(labels.shape).astype(np.int32) + np.int32(values[0] > 0)
    size = 2 * width + 1
    highest = ndimage.maximum_filter(compact, size)
    lowest = ndimage.minimum_filter(
        np.where(compact > 0, compact, np.iinfo(np.int32).max), size
    )
    near: np.ndarray = (highest > 0) & (lowest != highest)
    return near


def inner_distance(
    labels: np.ndarray, spacing: tuple[float, ...] | None = None
) -> np.ndarray:
    """Return each pixel's distance to its object's edge, over the object's largest.

    The image's own edge is no edge of an object, which may go on outside.

    Parameters
    ----------
    labels : integer array of any number of axes
    spacing : tuple of float, optional
        µm per pixel along each axis.

    Returns
    -------
    float32 array of the same shape, 0 to 1
    """
    result = np.zeros(labels.shape, np.float32)
    values, compact = np.unique(labels, return_inverse=True)
    compact = compact.reshape(labels.shape) + int(values[0] > 0)
    for number, box in enumerate(ndimage.find_objects(compact), start=1):
        grown = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in box)
        inside = compact[grown] == number
        if inside.all():
            result[grown] = 1
            continue
        distance = ndimage.distance_transform_edt(inside, sampling=spacing)
        result[grown][inside] = (distance / distance.max())[inside]
    return result


def relative_size(
    labels: np.ndarray, known_size: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's object's diameter on the scale of the map of sizes.

    Parameters
    ----------
    labels : (Y, X) integer array
    known_size : float
        Diameter in px that becomes 0.5; 8 times as much 1, an eighth 0.

    Returns
    -------
    size : float32 array, 0 to 1
    whole : bool array
        Pixels of objects that the image's edge does not cut.
    """
    values, index, area = np.unique(labels, return_inverse=True, return_counts=True)
    index = index.reshape(labels.shape)
    octaves = np.log2(2 * np.sqrt(area / np.pi) / known_size)
    size = np.clip(octaves / (2 * OCTAVES) + 0.5, 0, 1).astype(np.float32)
    whole = values > 0
    for edge in (index[0], index[-1], index[:, 0], index[:, -1]):
        whole[edge] = False
    return size[index], whole[index]
