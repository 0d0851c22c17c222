"""Regrowing objects from their seeds, so that a part decodes to what the whole would.

A part of an image cannot know what grows into it over its open edges. So it lets
everything unknown grow in from there as early as it possibly could: what the seeds
keep all the same, they keep in the whole image too. Floods are only that monotonic
where no two pixels tie, which :func:`total_order` sees to.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

# Elevations closer than this count as equal; 2**22 levels times 2**31 pixels are the
# 53 bits that the watershed's float64 holds.
LEVELS = 2.0**20


def regrow(
    seeds: np.ndarray,
    inside: np.ndarray,
    elevation: np.ndarray,
    frame: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Grow the components of `seeds` until they fill `inside`.

    A component of `inside` without a seed is dropped, one with a single seed is taken
    as it is; a watershed is run only where several seeds compete, or where something
    may grow in through the frame.

    Parameters
    ----------
    seeds, inside : ([Z,] Y, X) bool arrays
    elevation : ([Z,] Y, X) float array, -1 to 1
        Low pixels are taken first.
    frame : bool array, optional
        Pixels at the open edges of a part of an image.

    Returns
    -------
    index : int32 array
        1..N by component of `seeds`, 0 elsewhere.
    first : (N,) int array
        Flat index of each seed's first pixel.
    unsure : bool array or None
        Pixels of objects that may look otherwise in the whole image.
    """
    structure = np.ones((3,) * seeds.ndim, bool)
    markers, count = ndimage.label(seeds, structure)
    first = _first_pixels(markers, count)
    parts, number = ndimage.label(inside, structure)
    owner = parts.ravel()[first]
    contested = np.bincount(owner, minlength=number + 1) > 1
    if frame is not None:
        contested[parts[frame]] = True
        contested[0] = False
    single = np.zeros(number + 1, np.int32)
    single[owner] = np.arange(1, count + 1)
    single[contested] = 0
    index = single[parts]
    area = contested[parts]
    if not area.any():
        return index, first, None
    box = ndimage.find_objects(area.astype(np.uint8))[0]
    area, around = area[box], markers[box]
    order = total_order(elevation[box])
    if frame is None:
        index[box][area] = _flood(order, around, area)[area]
        return index, first, None
    grown, unsure = _flood_part(order, around, area, frame[box], count)
    index[box][area] = grown[area]
    everywhere = np.zeros(index.shape, bool)
    everywhere[box] = unsure
    return index, first, everywhere


def total_order(elevation: np.ndarray) -> np.ndarray:
    """Return distinct float64 values in the order of the elevation, then of raster.

    Equal values would be taken in an order that depends on all that is around.
    """
    levels = np.rint((elevation.astype(np.float64) + 1) * LEVELS)
    order: np.ndarray = levels * elevation.size
    order += np.arange(elevation.size).reshape(elevation.shape)
    return order


def open_frame(
    local: tuple[int, ...],
    origin: tuple[int, ...] | None,
    shape: tuple[int, ...] | None,
    width: int,
) -> np.ndarray | None:
    """Return True within `width` px of the edges that are not edges of the image.

    Parameters
    ----------
    local, origin : tuple of int
        Shape of a part of the image, and where it begins.
    shape : tuple of int
        Shape of the image.
    width : int

    Returns
    -------
    bool array, or None where no edge is open
    """
    if origin is None or shape is None:
        return None
    frame = np.zeros(local, bool)
    for axis, (o, n, m) in enumerate(zip(origin, local, shape, strict=True)):
        before = (slice(None),) * axis
        if o > 0:
            frame[(*before, slice(None, width))] = True
        if o + n < m:
            frame[(*before, slice(-width, None))] = True
    return frame if frame.any() else None


def global_ids(
    first: np.ndarray,
    local: tuple[int, ...],
    origin: tuple[int, ...] | None,
    shape: tuple[int, ...] | None,
) -> np.ndarray:
    """Return flat indices into the whole image, plus 1, of flat indices into a part."""
    if origin is None or shape is None:
        return first + 1
    place = np.unravel_index(first, local)
    moved = tuple(p + o for p, o in zip(place, origin, strict=True))
    return np.ravel_multi_index(moved, shape).astype(np.int64) + 1


def _first_pixels(markers: np.ndarray, count: int) -> np.ndarray:
    """Return the flat index of the first pixel of each of the markers 1..count."""
    flat = markers.ravel()
    where = np.flatnonzero(flat)
    first = np.zeros(count + 1, np.int64)
    first[flat[where[::-1]]] = where[::-1]  # the last to be written is the first pixel
    return first[1:]


def _flood(order: np.ndarray, markers: np.ndarray, area: np.ndarray) -> np.ndarray:
    from skimage.segmentation import watershed

    structure = np.ones((3,) * area.ndim, bool)
    grown: np.ndarray = watershed(  # type: ignore[no-untyped-call]
        order, markers * area, connectivity=structure, mask=area
    )
    return grown


def _flood_part(
    order: np.ndarray,
    markers: np.ndarray,
    area: np.ndarray,
    frame: np.ndarray,
    count: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Flood a part of an image from its seeds and, as one more, from its frame.

    Returns
    -------
    grown : int array
        What the frame took is shared out among the seeds, as the best guess.
    unsure : bool array
        What the frame took, and objects beside it: they may be larger than they look.
    """
    outside = count + 1
    grown = _flood(order, np.where(frame & area, outside, markers), area)
    taken = grown == outside
    if not taken.any():
        return grown, taken
    near = ndimage.binary_dilation(taken, np.ones((3,) * area.ndim, bool)) & area
    beside = np.zeros(count + 2, bool)
    beside[grown[near]] = True
    unsure = beside[grown] & area
    guess = _flood(order, np.where(taken, markers, grown), near)
    return np.where(taken, guess, grown), unsure
