"""Regrowing objects from their seeds, so that a part decodes to what the whole would.

A part of an image cannot know what grows into it over its open edges. So it lets
everything unknown grow in from there as early as it possibly could: what the seeds
keep all the same, they keep in the whole image too. Floods are only that monotonic
where no two pixels tie, which :func:`total_order` sees to.

Pixels are kept as lists of their flat indices: most of an image is background.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import reduce

import numpy as np
from scipy import ndimage

# Elevations closer than this count as equal. Levels are less than HIGHEST, and that
# times 2**31 pixels fits 63 bits.
LEVELS = 2.0**20
HIGHEST = 2**30
PIECE = 2**14

Shape = tuple[int, ...]
OfPixels = Callable[[np.ndarray], np.ndarray]


def regrow(
    seeds: np.ndarray,
    inside: np.ndarray,
    elevation: OfPixels,
    frame: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Grow the components of `seeds` until they fill `inside`.

    A component of `inside` without a seed is dropped, one with a single seed is taken
    as it is; a watershed is run only where several seeds compete, or where something
    may grow in through the frame.

    Parameters
    ----------
    seeds, inside : ([Z,] Y, X) bool arrays
    elevation : callable
        Takes flat indices, returns these pixels' elevations, floats of -1 or more.
        Low pixels are taken first.
    frame : bool array, optional
        Pixels at the open edges of a part of an image.

    Returns
    -------
    where : (P,) int array
        Flat indices of the pixels inside, rising.
    index : (P,) int64 array
        Their component of `seeds`, 1..N, or 0.
    first : (N,) int array
        Flat index of each seed's first pixel.
    unsure : ([Z,] Y, X) bool array or None
        Pixels of objects that may look otherwise in the whole image.
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
        index[area] = _flood(shape, pixels, markers, elevation)
    elif len(area) and frame is not None:
        edge = frame.ravel()[pixels]
        index[area], doubt = _flood_part(shape, pixels, markers, elevation, edge, count)
        unsure = np.zeros(shape, bool)
        unsure.ravel()[pixels[doubt]] = True
    return where, index, first, unsure


def _flood(
    shape: Shape, where: np.ndarray, markers: np.ndarray, elevation: OfPixels
) -> np.ndarray:
    """Return the marker, or 0, from which each of the pixels is flooded: a watershed.

    Water reaches a pixel at the least height over which a way leads there from a
    marker: its own, or that of the pass into the lake that it lies in. It comes from
    the neighbour that was reached first, or from the pass. As no heights tie, a queue
    of pixels (scikit-image's `watershed`) gives just that; here all go at once.
    """
    height, mask = total_order(elevation(where))
    place = padded_places(where, shape, 1)
    steps = _steps([n + 2 for n in shape])
    image = np.full(math.prod(n + 2 for n in shape), height[-1])
    image[place] = height[:-1]
    # Downhill from each pixel lies a marker, or a lake: water has yet to fill that.
    dry = np.flatnonzero(markers == 0)
    source = np.arange(len(height))
    source[dry] = _least(image, steps, place[dry]) & mask
    bottom = _followed(source)
    lakes = dry[bottom[dry] == dry]
    if len(lakes):
        lake = np.zeros(len(height), np.int64)
        lake[lakes] = np.arange(1, len(lakes) + 1)
        lake[-1] = -1
        lake = lake[bottom]
        wet = np.flatnonzero(lake > 0)
        ways = _ways_out(image, steps, place[wet], lake, mask)
        level = _passes(ways, len(lakes), height[-1])[lake[wet]]
        raised = level > height[wet]
        wet = place[wet[raised]]
        # Neighbours of what the water reaches later may have another first one now.
        around = np.zeros(len(height), bool)
        for step in steps:
            around[image[wet + step] & mask] = True
        image[wet] = level[raised]
        dry = dry[around[dry]]
        source[dry] = _least(image, steps, place[dry]) & mask
        bottom = _followed(source)
    found: np.ndarray = np.append(markers, 0)[bottom[:-1]]
    return found


def total_order(elevation: np.ndarray) -> tuple[np.ndarray, int]:
    """Return distinct int64 values in the order of the elevation, then of the pixels.

    Equal values would be taken in an order that depends on all that is around. One
    more at the end is above all others. Values end in the bits, also returned, of
    their pixel's number: so the least of several says whose it is.
    """
    count = len(elevation)
    bits = count.bit_length()
    levels = np.rint((elevation.astype(np.float64) + 1) * LEVELS).astype(np.int64)
    order = np.arange(count + 1)
    order[:-1] += levels << bits
    order[-1] += HIGHEST << bits
    return order, 2**bits - 1


def padded_places(where: np.ndarray, shape: Shape, margin: int) -> np.ndarray:
    """Return the flat indices that pixels have once an image is padded by a margin."""
    place, size, padded = where.copy(), 1, 1
    for n in shape[:0:-1]:
        size *= n
        place += where // size * (2 * margin * padded) + margin * padded
        padded *= n + 2 * margin
    place += margin * padded
    return place


def piecewise(function: OfPixels, where: np.ndarray) -> np.ndarray:
    """Return the function of an array, taken by pieces that stay in a core's cache."""
    pieces = np.split(where, range(PIECE, len(where), PIECE))
    return np.concatenate([function(piece) for piece in pieces])


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


def _near(shape: Shape, where: np.ndarray) -> np.ndarray:
    """Return an image that is True at these flat indices and all around them."""
    near = np.zeros(shape, bool)
    near.ravel()[where] = True
    for axis in range(len(shape)):
        here, there = (np.moveaxis(a, axis, 0) for a in (near, near.copy()))
        here[1:] |= there[:-1]
        here[:-1] |= there[1:]
    return near


def _steps(shape: list[int]) -> list[int]:
    """Return how far in flat indices the pixels of a window of 3 px are."""
    strides = [math.prod(shape[axis:]) for axis in range(1, len(shape) + 1)]
    ways = itertools.product((-1, 0, 1), repeat=len(shape))
    return [int(np.dot(way, strides)) for way in ways]


def _least(image: np.ndarray, steps: list[int], place: np.ndarray) -> np.ndarray:
    """Return the least value of a flat image's window around each place."""
    return piecewise(
        lambda p: reduce(np.minimum, (image[p + step] for step in steps)), place
    )


def _followed(source: np.ndarray) -> np.ndarray:
    """Return where the way ends that leads from each one to its source, and on."""
    while True:
        further: np.ndarray = source[source]
        if np.array_equal(further, source):
            return further
        source = further


def _ways_out(
    image: np.ndarray, steps: list[int], place: np.ndarray, lake: np.ndarray, mask: int
) -> np.ndarray:
    """Return all steps out of the lakes: from which, into which, and how high.

    `place` are the pixels in lakes, `lake` by number of pixel: 0 the sea, -1 no pixel.
    """
    height, ways = image[place], []
    here = lake[height & mask]
    for step in steps:
        other = image[place + step]
        there = lake[other & mask]
        way = np.stack([here, there, np.maximum(height, other)])
        ways.append(way[:, (there != here) & (there >= 0)])
    return np.concatenate(ways, axis=1)


def _passes(ways: np.ndarray, lakes: int, never: int) -> np.ndarray:
    """Return how high water rises before it comes from the sea, 0, to each lake.

    The lowest way out of a lake is part of the lowest way from the sea. It makes lakes
    one, of which again the lowest way out is taken: Boruvka's spanning tree. `never`
    is the answer for lakes that nothing leads to.
    """
    a, b, height = ways[:, np.argsort(ways[2])]
    own = group = np.arange(lakes + 1)
    level = np.zeros(lakes + 1, np.int64)
    while len(a):
        low = np.full(lakes + 1, -1)
        low[a[::-1]] = np.arange(len(a))[::-1]  # the last to be written is the lowest
        out = np.flatnonzero(low >= 0)
        rise, to = np.zeros(lakes + 1, np.int64), own.copy()
        rise[out], to[out] = height[low[out]], b[low[out]]
        level = np.maximum(level, rise[group])
        # Of two lakes that run over into each other, one is the end of all ways.
        to = np.where((to[to] == own) & (own < to), own, to)
        joined = _followed(to)
        group, a, b = joined[group], joined[a], joined[b]
        left = (a != b) & (a > 0)
        a, b, height = a[left], b[left], height[left]
    level[group > 0] = never
    return level


def _flood_part(
    shape: Shape,
    where: np.ndarray,
    markers: np.ndarray,
    elevation: OfPixels,
    edge: np.ndarray,
    count: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Flood a part of an image from its seeds and, as one more, from its frame.

    What the frame took is unsure, the second result, and so are the objects beside
    it, which may be larger than they look. It is shared out as the best guess.
    """
    outside = np.int32(count + 1)
    grown = _flood(shape, where, np.where(edge, outside, markers), elevation)
    taken = grown == outside
    near = np.flatnonzero(_near(shape, where[taken]).ravel()[where])
    beside = np.zeros(count + 2, bool)
    beside[grown[near]] = True
    unsure = beside[grown]
    known = np.where(taken, markers, grown)
    grown[near] = _flood(shape, where[near], known[near], elevation)
    return grown, unsure
