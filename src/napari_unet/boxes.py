"""Geometry of boxes, which are slices along the spatial axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

Box = tuple[slice, ...]


def nearest(before: Sequence[int], after: Sequence[int]) -> tuple[np.ndarray, ...]:
    """Return the index of the nearest pixel for each pixel of another grid.

    Corners of the images meet, not centres of pixels.

    Examples
    --------
    >>> np.arange(6)[nearest((6,), (3,))]
    array([1, 3, 5])
    """
    pairs = zip(before, after, strict=True)
    index: tuple[np.ndarray, ...] = np.ix_(
        *(((np.arange(m) + 0.5) * n / m).astype(int) for n, m in pairs)
    )
    return index


def blocks(shape: Sequence[int], edge: int) -> list[Box]:
    """Cut an image into boxes of at most `edge` px per axis, in raster order."""
    axes = [[slice(a, min(a + edge, n)) for a in range(0, n, edge)] for n in shape]
    return [tuple(box) for box in itertools.product(*axes)]


def grow(box: Box, margin: int, shape: Sequence[int]) -> Box:
    """Return the box with a margin on every side, cut to the image."""
    return tuple(
        slice(max(0, b.start - margin), min(n, b.stop + margin))
        for b, n in zip(box, shape, strict=True)
    )


def within(inner: Box, outer: Box) -> Box:
    """Return `inner` in coordinates of `outer`."""
    return tuple(
        slice(i.start - o.start, i.stop - o.start)
        for i, o in zip(inner, outer, strict=True)
    )


def context(
    box: Box, margin: int | Sequence[int], divisor: Sequence[int], shape: Sequence[int]
) -> Box:
    """Return a box with what the network needs around it, cut to the image.

    It begins on multiples of the divisor, so that poolings fall on the same pixels as
    in the whole image, and ends on them where the image does not end before.

    Examples
    --------
    >>> context((slice(20, 30),), 6, (4,), (35,))
    (slice(12, 35, None),)
    """
    margins = (margin,) * len(box) if isinstance(margin, int) else margin
    return tuple(
        slice(max(0, (b.start - m) // d * d), min(n, -(-(b.stop + m) // d) * d))
        for b, m, d, n in zip(box, margins, divisor, shape, strict=True)
    )


def moved(box: Box, outer: Box) -> Box:
    """Return a box in coordinates of `outer` as one of the whole image."""
    return tuple(
        slice(b.start + o.start, b.stop + o.start)
        for b, o in zip(box, outer, strict=True)
    )


def common(a: Box, b: Box) -> Box | None:
    """Return what two boxes share; None for nothing."""
    both = tuple(
        slice(max(p.start, q.start), min(p.stop, q.stop))
        for p, q in zip(a, b, strict=True)
    )
    return both if all(s.start < s.stop for s in both) else None


def overlap(a: Box, b: Box) -> bool:
    """Return whether two boxes share a pixel."""
    return all(s.start < t.stop and t.start < s.stop for s, t in zip(a, b, strict=True))


def distance(a: Box, b: Box) -> float:
    """Return the distance between the centres of two boxes, in px."""
    centres = ([(s.start + s.stop) / 2 for s in box] for box in (a, b))
    return math.dist(*centres)


def middle(box: Sequence[slice], most: int) -> tuple[slice, ...]:
    """Return the middle of a box, of at most so many pixels.

    Examples
    --------
    >>> middle((slice(10, 20), slice(0, 80)), 200)
    (slice(10, 20, None), slice(30, 50, None))
    """
    sizes = [s.stop - s.start for s in box]
    while math.prod(sizes) > most:
        sizes[sizes.index(max(sizes))] = -(-max(sizes) // 2)
    starts = [
        s.start + (s.stop - s.start - n) // 2 for s, n in zip(box, sizes, strict=True)
    ]
    return tuple(slice(a, a + n) for a, n in zip(starts, sizes, strict=True))


def bounds(mask: np.ndarray) -> Box | None:
    """Return the smallest box that holds all that is True; None: nothing is.

    Examples
    --------
    >>> bounds(np.array([[False, True, False], [False, True, True]]))
    (slice(0, 2, None), slice(1, 3, None))
    """
    if not mask.any():
        return None
    box = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        found = np.flatnonzero(mask.any(others))
        box.append(slice(int(found[0]), int(found[-1]) + 1))
    return tuple(box)


def around(boxes: Sequence[Box]) -> Box:
    """Return the smallest box that holds some boxes.

    Examples
    --------
    >>> around([(slice(0, 4),), (slice(7, 9),)])
    (slice(0, 9, None),)
    """
    return tuple(
        slice(min(s.start for s in spans), max(s.stop for s in spans))
        for spans in zip(*boxes, strict=True)
    )


def as_lists(box: Box) -> list[list[int]]:
    """Return a box as JSON has it.

    Examples
    --------
    >>> as_lists((slice(0, 4), slice(2, 6)))
    [[0, 4], [2, 6]]
    """
    return [[int(s.start), int(s.stop)] for s in box]


def from_lists(lists: Sequence[Sequence[int]]) -> Box:
    """Return the box that :func:`as_lists` wrote."""
    return tuple(slice(start, stop) for start, stop in lists)
