"""A watershed whose result does not depend on what is far away: no two pixels tie."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import ndimage

# Elevations closer than this count as equal. Levels are less than 2**30, and that
# times 2**31 pixels fits 63 bits.
LEVELS = 2.0**20
# The boxes of all parts may hold this many times as many pixels as are flooded: long
# ones that lie across the image would cost more one by one than all at once.
MOST_IN_BOXES = 8

Shape = tuple[int, ...]
OfPixels = Callable[[np.ndarray], np.ndarray]


def flood(
    shape: Shape, where: np.ndarray, markers: np.ndarray, elevation: OfPixels
) -> np.ndarray:
    """Return the marker, or 0, from which each of the pixels is flooded: a watershed.

    Parts that do not touch are flooded one by one: their queues of pixels stay in a
    core's cache.

    shape : of the image
    where : (P,) flat indices of the pixels, rising
    markers : (P,) numbers of the pixels where the water rises; 0 elsewhere
    elevation : takes flat indices, returns floats of -1 or more
    """
    from skimage.segmentation import watershed

    neighbours = np.ones((3,) * len(shape), bool)
    grown, height = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    grown.ravel()[where] = markers
    order = total_order(elevation(where))
    height.ravel()[where[order]] = np.arange(1, len(where) + 1)
    # What lies inside a marker floods nothing.
    height[~near(shape, where[markers == 0])] = 0
    parts, _ = ndimage.label(height, neighbours)
    boxes = ndimage.find_objects(parts)
    size = sum(math.prod(s.stop - s.start for s in box) for box in boxes)
    if size > MOST_IN_BOXES * len(where):
        parts, boxes = np.minimum(parts, 1), [(slice(None),) * len(shape)]
    for number, box in enumerate(boxes, start=1):
        mask = parts[box] == number
        found = watershed(  # type: ignore[no-untyped-call]
            height[box], grown[box], neighbours, mask=mask
        )
        grown[box][mask] = found[mask]
    flooded: np.ndarray = grown.ravel()[where]
    return flooded


def total_order(elevation: np.ndarray) -> np.ndarray:
    """Return the order of pixels by elevation, those that tie by their place.

    Equal values would be taken in an order that depends on all that is around.
    """
    levels = np.rint((elevation.astype(np.float64) + 1) * LEVELS).astype(np.int64)
    # Distinct numbers are sorted faster than equal ones are in a stable way.
    return np.argsort(levels * len(levels) + np.arange(len(levels)))


def near(shape: Shape, where: np.ndarray) -> np.ndarray:
    """Return an image that is True at these flat indices and all around them."""
    image = np.zeros(shape, bool)
    image.ravel()[where] = True
    for axis in range(len(shape)):
        here, there = (np.moveaxis(a, axis, 0) for a in (image, image.copy()))
        here[1:] |= there[:-1]
        here[:-1] |= there[1:]
    return image
