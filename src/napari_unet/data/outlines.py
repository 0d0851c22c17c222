"""Labels <-> outlines: polygons along the edges of pixels, so that nothing is lost.

A pixel (y, x) covers y to y + 1 and x to x + 1, as in Fiji and QuPath.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_unet.data.regions import whole_objects

Polygon = list[np.ndarray]
"""A ring around, and rings around holes in it: (N, 2) arrays of y and x, not closed."""

# Outlines that are drawn at once.
BATCH = 4096


@dataclass(frozen=True, eq=False)
class Outline:
    """The outline of an object in a plane.

    number : of the object
    polygons : one for each of its parts
    frame, plane : where it lies, from 0; None where there is no such axis
    """

    number: int
    polygons: list[Polygon]
    frame: int | None = None
    plane: int | None = None


def outlines(
    labels: Any, axes: str | None = None, edge: int | None = None
) -> Iterator[Outline]:
    """Yield the outlines of the objects in labels.

    Parameters
    ----------
    labels : ([T,] [Z,] Y, X) integer array
        Anything with slicing; it is read by blocks, see
        :func:`~napari_unet.data.regions.whole_objects`.
    axes : str, optional
        Of the labels; None: YX, ZYX or TZYX.
    edge : int, optional
        Of the blocks, in px.
    """
    axes = axes or "TZYX"[4 - len(labels.shape) :]
    apart = axes[:-2]
    for index in np.ndindex(*labels.shape[: len(apart)]):
        place = dict(zip(apart, index, strict=True))
        plane = labels[index] if index else labels
        for box, objects in whole_objects(plane, edge):
            ids, start = objects.ids.tolist(), (box[0].start, box[1].start)
            for number, polygons in trace(objects.compact, start):
                where = place.get("T"), place.get("Z")
                yield Outline(ids[number - 1], polygons, *where)


def trace(
    labels: np.ndarray, start: tuple[int, int] = (0, 0)
) -> Iterator[tuple[int, list[Polygon]]]:
    """Yield the numbers in a plane, rising, with the polygons around their pixels.

    Parts that touch at a corner alone are apart.

    labels : (Y, X) unsigned array
    start : place of its first pixel in the image
    """
    owner, corners, ends = _rings(np.pad(labels, 1))
    corners += np.array(start) - 1
    rings = np.split(corners, ends[:-1]) if len(owner) else []
    twice = _visited_twice(corners, ends)
    order = np.argsort(owner, kind="stable")
    for number, group in itertools.groupby(order.tolist(), key=owner.__getitem__):
        found: list[np.ndarray] = []
        for ring in group:
            found += _simple(rings[ring]) if ring in twice else [rings[ring]]
        yield int(number), _polygons(found)


def _rings(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return of each ring the number, all corners (P, 2), and where each ring ends.

    Along the edges of pixels, with the object to the right.
    """
    width = labels.shape[1]
    flat = labels.ravel()
    steps = np.array([1, width, -1, -width])  # east, south, west, north
    # The edge that is walked towards a direction has its neighbour to the left.
    sides = [
        np.flatnonzero((flat != np.roll(flat, steps[d])) & (flat > 0))
        for d in (1, 2, 3, 0)
    ]
    counts = [len(side) for side in sides]
    first = np.cumsum([0, *counts[:-1]])
    pixel, way = np.concatenate(sides), np.repeat(np.arange(4), counts)
    following = _following(flat, steps, sides, first)
    ring, place = _walked(following)
    order = np.lexsort((place, ring))
    pixel, way, ring = pixel[order], way[order], ring[order]
    # Where an edge begins: at its pixel's corner, clockwise from the upper left one.
    corner = np.stack([pixel // width, pixel % width], axis=1)
    corner += np.array([[0, 0], [0, 1], [1, 1], [1, 0]])[way]
    begins = np.flatnonzero(np.diff(ring, prepend=-1))
    before = np.roll(way, 1)
    before[begins] = way[np.append(begins[1:], len(way)) - 1] if len(way) else []
    turns = before != way
    ends = np.cumsum(np.bincount(ring[turns], minlength=len(begins)))
    return flat[pixel[begins]], corner[turns], ends


def _following(
    flat: np.ndarray, steps: np.ndarray, sides: list[np.ndarray], first: np.ndarray
) -> np.ndarray:
    """Return which edge follows each: to the right, else ahead, else to the left."""
    found = []
    for d, side in enumerate(sides):
        own, ahead = flat[side], side + steps[d]
        beside = ahead + steps[d - 1]  # to the left of the pixel ahead
        goes_on = flat[ahead] == own
        left = goes_on & (flat[beside] == own)
        nexts = np.empty(len(side), np.int64)
        for chosen, way, pixel in (
            (~goes_on, (d + 1) % 4, side),
            (goes_on & ~left, d, ahead),
            (left, (d - 1) % 4, beside),
        ):
            at = np.searchsorted(sides[way], pixel[chosen])
            nexts[chosen] = first[way] + at
        found.append(nexts)
    return np.concatenate(found)


def _walked(following: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ring of each edge, numbered from 0, and its place in the ring."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    count = len(following)
    ones, ends = np.ones(count, np.int8), np.arange(count + 1)
    graph = csr_array((ones, following, ends), shape=(count, count))
    _, ring = connected_components(graph, directed=False)
    _, at, lengths = np.unique(ring, return_index=True, return_counts=True)
    place = np.zeros(count, np.int64)
    order = np.argsort(-lengths, kind="stable")
    at, lengths = at[order], lengths[order]
    for step in range(int(lengths[0]) if count else 0):
        # The longest ones come first, so that those still walked are in front.
        going = int(np.searchsorted(-lengths, -step, "left"))
        at = at[:going]
        place[at] = step
        at = following[at]
    return ring, place


def _visited_twice(corners: np.ndarray, ends: np.ndarray) -> set[int]:
    """Return the rings that come through a corner more than once."""
    if not len(ends):
        return set()
    ring = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    order = np.lexsort((corners[:, 1], corners[:, 0], ring))
    known = np.column_stack([ring, corners])[order]
    same = (known[1:] == known[:-1]).all(axis=1)
    return set(known[1:][same, 0].tolist())


def _simple(ring: np.ndarray) -> list[np.ndarray]:
    """Cut a ring where it meets itself."""
    found: list[np.ndarray] = []
    path: list[tuple[int, ...]] = []
    seen: dict[tuple[int, ...], int] = {}
    for point in map(tuple, ring.tolist()):
        if point in seen:
            start = seen[point]
            found.append(np.array(path[start:]))
            for gone in path[start + 1 :]:
                del seen[gone]
            del path[start + 1 :]
        else:
            seen[point] = len(path)
            path.append(point)
    return [*found, np.array(path)]


def _polygons(rings: list[np.ndarray]) -> list[Polygon]:
    """Put holes behind the rings that they lie in."""
    if len(rings) == 1:
        return [rings]
    areas = [_area(ring) for ring in rings]
    around = [[r] for r, area in zip(rings, areas, strict=True) if area > 0]
    for hole, area in zip(rings, areas, strict=True):
        if area < 0:
            some = len(around) > 1
            owners = [p for p in around if _holds(p[0], hole)] if some else around
            min(owners, key=lambda p: _area(p[0])).append(hole)
    return around


def _area(ring: np.ndarray) -> float:
    """Return twice the area within a ring, below 0 for a hole."""
    y, x = ring.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def _holds(ring: np.ndarray, hole: np.ndarray) -> bool:
    """Return whether a hole lies in a ring, by the pixel at its first edge."""
    a, b = hole[0], hole[1]
    step = np.sign(b - a)
    # The object is to the right of the way; a bit to the left lies the hole.
    y, x = a + step * 0.5 + np.array([-step[1], step[0]]) * 0.5
    before, behind = ring, np.roll(ring, -1, axis=0)
    crosses = (before[:, 0] > y) != (behind[:, 0] > y)
    right = before[crosses, 1] > x
    return bool(right.sum() % 2)


def fill(
    found: Iterable[Outline], shape: tuple[int, ...], axes: str | None = None
) -> tuple[np.ndarray, int]:
    """Return labels of outlines, and how many pixels belong to several.

    Those go to the outline that comes first. A pixel is inside if its middle is; what
    lies in an even number of rings of an outline is outside.

    Parameters
    ----------
    found : iterable of Outline
    shape : tuple of int
        Of the labels, ([T,] [Z,] Y, X); what lies beyond is cut off.
    axes : str, optional
        As of :func:`outlines`.
    """
    axes = axes or "TZYX"[4 - len(shape) :]
    labels = np.zeros(shape, np.int32)
    planes = labels.reshape(-1, *shape[-2:])
    inside = 0
    outlines = iter(found)
    while batch := list(itertools.islice(outlines, BATCH)):
        pixels, numbers = _inside(batch, shape, axes)
        flat = planes.reshape(-1)
        free = flat[pixels] == 0
        # What is written last stays: where there are several, the first of them.
        flat[pixels[free][::-1]] = numbers[free][::-1]
        inside += len(pixels)
    return labels, inside - int(np.count_nonzero(labels))


def _inside(
    batch: list[Outline], shape: tuple[int, ...], axes: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat places of the pixels in outlines, and the numbers there."""
    height, width = shape[-2:]
    sizes = dict(zip(axes, shape, strict=True))
    rings, owner, plane = [], [], []
    for i, outline in enumerate(batch):
        t, z = outline.frame or 0, outline.plane or 0
        if t >= sizes.get("T", 1) or z >= sizes.get("Z", 1):
            continue
        for ring in itertools.chain.from_iterable(outline.polygons):
            rings.append(np.concatenate([ring, ring[:1]]))
            owner.append(i)
            plane.append(t * sizes.get("Z", 1) + z)
    if not rings:
        return np.zeros(0, np.int64), np.zeros(0, np.int32)
    y, x = np.concatenate(rings).astype(float).T
    lengths = np.array([len(ring) for ring in rings])
    inner = np.ones(len(y) - 1, bool)
    inner[np.cumsum(lengths)[:-1] - 1] = False  # from one ring to the next
    which = np.repeat(np.arange(len(rings)), lengths)[:-1][inner]
    y0, y1, x0, x1 = (v[inner] for v in (y[:-1], y[1:], x[:-1], x[1:]))
    row, crossing, edge = _crossings(y0, y1, x0, x1, height)
    key = np.array(owner)[which[edge]]
    order = np.lexsort((crossing, row, key))
    row, crossing, key = row[order], crossing[order], key[order]
    first = np.clip(np.ceil(crossing[::2] - 0.5), 0, width).astype(np.int64)
    last = np.clip(np.ceil(crossing[1::2] - 0.5), 0, width).astype(np.int64)
    by_outline = np.zeros(len(batch), np.int64)
    by_outline[owner] = plane
    key, row = key[::2], row[::2]
    begin = (by_outline[key] * height + row) * width + first
    counts = np.maximum(last - first, 0)
    pixels = np.repeat(begin - np.cumsum(counts) + counts, counts)
    numbers = np.array([outline.number for outline in batch], np.int32)
    return pixels + np.arange(len(pixels)), np.repeat(numbers[key], counts)


def _crossings(
    y0: np.ndarray, y1: np.ndarray, x0: np.ndarray, x1: np.ndarray, height: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where edges cross the middles of rows: the row, x, and which edge."""
    low, high = np.minimum(y0, y1), np.maximum(y0, y1)
    first = np.clip(np.ceil(low - 0.5), 0, height).astype(np.int64)
    counts = np.clip(np.ceil(high - 0.5), 0, height).astype(np.int64) - first
    edge = np.repeat(np.arange(len(y0)), counts)
    row = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(len(edge))
    along = (row + 0.5 - y0[edge]) / (y1 - y0)[edge]
    return row, x0[edge] + along * (x1 - x0)[edge], edge
