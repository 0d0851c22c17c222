"""A watershed over lists of pixels, which all are flooded at once.

Elevations are ordered so that no two tie, see :func:`total_order`; then a queue of
pixels (scikit-image's `watershed`) gives the same, only slower.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import reduce

import numpy as np

# Elevations closer than this count as equal. Levels are less than HIGHEST, and that
# times 2**31 pixels fits 63 bits.
LEVELS = 2.0**20
HIGHEST = 2**30
PIECE = 2**14

Shape = tuple[int, ...]
OfPixels = Callable[[np.ndarray], np.ndarray]


def flood(
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
