"""Regrowing objects from their seeds, so that a part decodes to what the whole would.

A part of an image cannot know what grows into it over its open edges. So it lets
everything unknown grow in from there as early as it possibly could: what the seeds
keep all the same, they keep in the whole image too. Floods are only that monotonic
where no two pixels tie, as in :mod:`napari_unet.formulations.flood`.

Pixels are kept as lists of their flat indices: most of an image is background.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_unet.formulations.flood import OfPixels, Shape, flood, near


def regrow(
    seeds: np.ndarray,
    inside: np.ndarray,
    elevation: OfPixels,
    frame: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Grow the components of `seeds` until they fill `inside`.

    A component of `inside` without a seed is dropped, one with a single seed is taken
    as it is; a watershed is run only where several seeds compete, or where something
    may grow in through the frame, the pixels at the open edges of a part of an image.
    Pixels of low elevation, as for :func:`flood`, are taken first.

    Returns
    -------
    where : (P,) flat indices of the pixels inside, rising
    index : (P,) their component of `seeds`, 1..N, or 0
    first : (N,) flat index of each seed's first pixel
    unsure : True on objects that may look otherwise in the whole image, or None
    """
    shape, structure = inside.shape, np.ones((3,) * inside.ndim, bool)
    where = np.flatnonzero(inside)
    image, count = ndimage.label(seeds, structure)
    markers = image.ravel()[where]
    first = _first_places(markers, count)
    image, number = ndimage.label(inside, structure)
    parts = image.ravel()[where]
    owner = parts[first]
    contested = np.bincount(owner, minlength=number + 1) > 1
    if frame is not None:
        contested[parts[frame.ravel()[where]]] = True
    single = np.zeros(number + 1, np.int64)
    single[owner] = np.arange(1, count + 1)
    index, first = single[parts], where[first]
    area = np.flatnonzero(contested[parts])
    pixels, markers, unsure = where[area], markers[area], None
    if len(area) and frame is None:
        index[area] = flood(shape, pixels, markers, elevation)
    elif len(area) and frame is not None:
        edge = frame.ravel()[pixels]
        index[area], doubt = _flood_part(shape, pixels, markers, elevation, edge, count)
        unsure = np.zeros(shape, bool)
        unsure.ravel()[pixels[doubt]] = True
    return where, index, first, unsure


def open_frame(
    local: Shape, origin: Shape | None, shape: Shape | None, width: int
) -> np.ndarray | None:
    """Return True within `width` px of the edges that are not the image's, or None.

    `local` is the shape of a part of the image, which begins at `origin`.
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
    first: np.ndarray, local: Shape, origin: Shape | None, shape: Shape | None
) -> np.ndarray:
    """Return flat indices into the whole image, plus 1, of flat indices into a part."""
    if origin is None or shape is None:
        return first + 1
    place = np.unravel_index(first, local)
    moved = tuple(p + o for p, o in zip(place, origin, strict=True))
    return np.ravel_multi_index(moved, shape).astype(np.int64) + 1


def _first_places(markers: np.ndarray, count: int) -> np.ndarray:
    """Return the place in the list of the first of each of the markers 1..count."""
    first = np.zeros(count + 1, np.int64)
    starts = np.flatnonzero(markers[1:] != markers[:-1])[::-1] + 1
    first[markers[starts]] = starts  # the last to be written is the first of all
    first[markers[:1]] = 0
    return first[1:]


def _flood_part(
    shape: Shape,
    where: np.ndarray,
    markers: np.ndarray,
    elevation: OfPixels,
    edge: np.ndarray,
    count: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Flood a part of an image from its seeds and, as one more, from its frame.

    What the frame took is unsure, the second result, and so are the objects beside it,
    which may be larger than they look. It is shared out as the best guess.
    """
    outside = np.int32(count + 1)
    grown = flood(shape, where, np.where(edge, outside, markers), elevation)
    taken = grown == outside
    around = np.flatnonzero(near(shape, where[taken]).ravel()[where])
    beside = np.zeros(count + 2, bool)
    beside[grown[around]] = True
    unsure = beside[grown]
    known = np.where(taken, markers, grown)
    grown[around] = flood(shape, where[around], known[around], elevation)
    return grown, unsure
