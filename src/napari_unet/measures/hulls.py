"""Convex hulls of objects: their pixels, and the widest and narrowest diameter.

A pixel counts with the middles of its edges, as in scikit-image.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from napari_unet.measures.groups import Groups, Lines

TINY = 1e-9
# Values that an array of a batch of objects may have.
BATCH = 2_000_000


def hulls(groups: Groups, spacing: tuple[float, ...]) -> dict[str, np.ndarray]:
    """Return pixels of the convex hulls and Feret diameters, one entry an object.

    Returns
    -------
    dict of (N,) arrays
        ``area_convex`` in px, ``feret_diameter_max`` and, of planes,
        ``feret_diameter_min`` in the unit of the spacing.
    """
    if len(spacing) == 3:
        return _bodies(groups, spacing)
    count = len(groups.ids)
    names = ("area_convex", "feret_diameter_max", "feret_diameter_min")
    found = {name: np.zeros(count) for name in names}
    for chosen, first, last in _batches(groups):
        left, right = _diamonds(first, last)
        _, low = _lower(left)
        _, high = _lower(-right)
        first = np.ceil(low[:, 1::2] - TINY)
        last = np.floor(-high[:, 1::2] + TINY)
        pixels = (last - first + 1).sum(axis=1, where=first < np.inf)
        found["area_convex"][chosen] = pixels
        widest, narrowest = _ferets(first, last, spacing)
        found["feret_diameter_max"][chosen] = widest
        found["feret_diameter_min"][chosen] = narrowest
    return found


def _batches(groups: Groups) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield objects of about one height: which, and (M, rows) where rows start and end.

    inf and -inf where an object has nothing on a row.
    """
    lines: Lines = groups.lines
    heights = (groups.high - groups.low)[:, 0]
    begins = np.searchsorted(lines.owner, np.arange(len(heights) + 1))
    order = np.argsort(heights, kind="stable")
    at = 0
    while at < len(order):
        low = heights[order[at]]
        end = int(np.searchsorted(heights[order], max(1.3 * low, low + 2), "right"))
        most = max(1, BATCH // (8 * int(heights[order[end - 1]]) ** 2 + 1))
        chosen = order[at : min(end, at + max(most, 16))]
        at += len(chosen)
        counts = begins[chosen + 1] - begins[chosen]
        rows = np.repeat(np.arange(len(chosen)), counts)
        offset = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        line = np.repeat(begins[chosen], counts) + offset
        shape = (len(chosen), int(heights[chosen].max()))
        first, last = np.full(shape, np.inf), np.full(shape, -np.inf)
        first[rows, lines.others[0][line]] = lines.first[line]
        last[rows, lines.others[0][line]] = lines.last[line]
        yield chosen, first, last


def _diamonds(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the outermost middles of edges, at half rows: (M, 2 * rows + 1) each."""
    height = first.shape[1]
    left = np.full((len(first), 2 * height + 1), np.inf)
    right = np.full(left.shape, -np.inf)
    left[:, 1::2], right[:, 1::2] = first - 0.5, last + 0.5
    for half in (slice(0, -1, 2), slice(2, None, 2)):
        left[:, half] = np.minimum(left[:, half], first)
        right[:, half] = np.maximum(right[:, half], last)
    return left, right


def _lower(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower convex envelope of each row: its corners, and its values.

    values : (M, K), inf where there is none
    The corners are (M, K) bool. Andrew's monotone chain, for all rows at once.
    """
    count, length = values.shape
    stack = np.zeros((count, length), np.int64)
    top = np.zeros(count, np.int64)
    rows = np.arange(count)
    for t in range(length):
        there = rows[np.isfinite(values[:, t])]
        todo = there[top[there] >= 2]
        while len(todo):
            a, b = stack[todo, top[todo] - 2], stack[todo, top[todo] - 1]
            rise = (values[todo, t] - values[todo, a]) * (b - a)
            pops = (values[todo, b] - values[todo, a]) * (t - a) >= rise - TINY
            todo = todo[pops]
            top[todo] -= 1
            todo = todo[top[todo] >= 2]
        stack[there, top[there]] = t
        top[there] += 1
    corners = np.zeros(values.shape, bool)
    used = np.arange(length) < top[:, None]
    corners[np.repeat(rows, top), stack[used]] = True
    return corners, _between(values, corners)


def _between(values: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return values at corners and between them; inf beyond."""
    length = values.shape[1]
    places = np.arange(length)
    before = np.maximum.accumulate(np.where(corners, places, -1), axis=1)
    after = np.where(corners, places, length)[:, ::-1]
    after = np.minimum.accumulate(after, axis=1)[:, ::-1]
    outside = (before < 0) | (after >= length)
    before, after = before.clip(0), after.clip(max=length - 1)
    start = np.take_along_axis(values, before, 1)
    end = np.take_along_axis(values, after, 1)
    span = np.maximum(after - before, 1)
    with np.errstate(invalid="ignore"):
        found = start + (end - start) * ((places - before) / span)
    return np.where(outside, np.inf, found)


def _ferets(
    first: np.ndarray, last: np.ndarray, spacing: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the widest and the narrowest diameter of convex rows of pixels."""
    left, right = _diamonds(first, np.where(np.isfinite(first), last, -np.inf))
    low, _ = _lower(left)
    high, _ = _lower(-right)
    y, x = _rings(low, high, left, right)
    y, x = y / 2 * spacing[0], x * spacing[1]
    widest, narrowest = np.zeros(len(y)), np.zeros(len(y))
    step = max(1, BATCH // y.shape[1] ** 2)
    for start in range(0, len(y), step):
        part = slice(start, start + step)
        dy = y[part, :, None] - y[part, None, :]
        dx = x[part, :, None] - x[part, None, :]
        widest[part] = np.sqrt((dy**2 + dx**2).max(axis=(1, 2)))
        # Along each edge of the hull, how far off the farthest corner lies.
        along_y, along_x = (np.roll(v[part], -1, 1) - v[part] for v in (y, x))
        length = np.hypot(along_y, along_x)
        off = np.abs(dy * along_x[:, :, None] - dx * along_y[:, :, None]).max(axis=2)
        width = np.where(length > TINY, off / np.maximum(length, TINY), np.inf)
        narrowest[part] = width.min(axis=1)
    return widest, narrowest


def _rings(
    low: np.ndarray, high: np.ndarray, left: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of hulls in their order, the last one repeated to the end."""
    length = low.shape[1]
    both = np.concatenate([low, high[:, ::-1]], axis=1)
    along = np.concatenate([left, right[:, ::-1]], axis=1)
    rows = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    counts = both.sum(axis=1)
    order = np.argsort(~both, axis=1, kind="stable")[:, : counts.max()]
    order = np.where(
        np.arange(order.shape[1]) < counts[:, None],
        order,
        np.take_along_axis(order, counts[:, None] - 1, 1),
    )
    return rows[order].astype(float), np.take_along_axis(along, order, 1)


def _bodies(groups: Groups, spacing: tuple[float, ...]) -> dict[str, np.ndarray]:
    lines = groups.lines
    ends = np.searchsorted(lines.owner, np.arange(len(groups.ids) + 1))
    area, widest = np.zeros(len(groups.ids)), np.zeros(len(groups.ids))
    for i, (a, b) in enumerate(itertools.pairwise(ends)):
        known = lines.others[0][a:b], lines.others[1][a:b]
        z, y, first, last = _convex(*known, lines.first[a:b], lines.last[a:b])
        area[i] = (last - first + 1).sum()
        corners = _hull(_octahedra(z, y, first, last))[0] * spacing
        widest[i] = _farthest(corners)
    return {"area_convex": area, "feret_diameter_max": widest}


def _convex(
    z: np.ndarray, y: np.ndarray, first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the lines of the convex hull of the lines of an object."""
    planes = _hull(_octahedra(z, y, first, last))[1]
    z, y = (v.ravel() for v in np.mgrid[: z.max() + 1, : y.max() + 1])
    rest = -(planes[:, :2] @ np.stack([z, y]) + planes[:, 3:])
    slope = planes[:, 2:3]
    with np.errstate(divide="ignore"):
        limit = (rest + TINY) / slope
    flat = np.abs(slope[:, 0]) < 1e-12
    inside = (rest[flat] > -TINY).all(axis=0)
    up, down = slope[:, 0] >= 1e-12, slope[:, 0] <= -1e-12
    low = np.ceil(limit[down].max(axis=0) - TINY)
    high = np.floor(limit[up].min(axis=0) + TINY)
    inside &= high >= low
    return z[inside], y[inside], low[inside], high[inside]


def _octahedra(
    z: np.ndarray, y: np.ndarray, first: np.ndarray, last: np.ndarray
) -> np.ndarray:
    """Return the middles of the faces of the voxels at the ends of lines, (P, 3)."""
    offsets = np.concatenate([np.eye(3), -np.eye(3)]) / 2
    ends = [np.stack([z, y, x], axis=1) for x in (first, last)]
    points: np.ndarray = np.concatenate(ends)[:, None] + offsets
    return np.unique(points.reshape(-1, 3), axis=0)


def _hull(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of a hull and its planes; points inside are below 0."""
    from scipy.spatial import ConvexHull

    hull = ConvexHull(points)
    return points[hull.vertices], np.unique(hull.equations.round(12), axis=0)


def _farthest(points: np.ndarray) -> float:
    from scipy.spatial.distance import pdist

    return float(pdist(points).max())
