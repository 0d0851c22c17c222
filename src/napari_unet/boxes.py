"""Tiles: plain geometry, no torch.

The image is padded once, to a multiple of the network's divisor. All reads have one
shape, start on multiples of the divisor and stay inside the padded image, so that a
tile sees what the whole image would show at that place; the writes cover the image
exactly once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.events import Box


@dataclass(frozen=True)
class Tile:
    """One read of the padded image, and what of it is written.

    read : box in the padded image
    write : box in the image
    crop : the same box as `write`, within the read
    """

    read: Box
    write: Box
    crop: Box


def padded_shape(
    shape: Sequence[int], divisor: Sequence[int], least: Sequence[int] | None = None
) -> tuple[int, ...]:
    """Return the smallest shape that holds `shape` and is divisible by `divisor`."""
    least = least or (0,) * len(shape)
    return tuple(
        -(-max(n, m) // d) * d for n, d, m in zip(shape, divisor, least, strict=True)
    )


def tiles(
    shape: Sequence[int],
    read: Sequence[int],
    halo: Sequence[int],
    divisor: Sequence[int],
) -> Iterator[Tile]:
    """Cut an image into tiles, in raster order.

    Parameters
    ----------
    shape : sequence of int
        Spatial shape of the image.
    read : sequence of int
        Wanted shape of a read; rounded up to the divisor, cut to the padded image.
    halo : sequence of int
        Context that a written pixel needs on either side.
    divisor : sequence of int
        Reads start on multiples of these.

    Raises
    ------
    ValueError
        If a read is too small to write anything beside its halo.
    """
    padded = padded_shape(shape, divisor)
    axes = [
        list(_axis(*numbers))
        for numbers in zip(shape, padded, read, halo, divisor, strict=True)
    ]
    for parts in itertools.product(*axes):
        reads, writes, crops = zip(*parts, strict=True)
        yield Tile(reads, writes, crops)


def _axis(
    size: int, padded: int, read: int, halo: int, divisor: int
) -> Iterator[tuple[slice, slice, slice]]:
    read = min(-(-read // divisor) * divisor, padded)
    step = (read - 2 * halo) // divisor * divisor
    if read < padded and step < 1:
        raise ValueError(
            f"tile {read} is too small for a halo of {halo} px on either side; "
            f"choose {2 * halo + divisor} or more"
        )
    start = written = 0
    while written < size:
        last = start + read >= padded
        start = padded - read if last else start
        end = size if last else min(size, start + read - halo)
        yield (
            slice(start, start + read),
            slice(written, end),
            slice(written - start, end - start),
        )
        # The next read starts a halo before what it must write, rounded down.
        written, start = end, (end - halo) // divisor * divisor


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
    """Cut an image into boxes of at most `edge` px an axis, in raster order."""
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


def overlap(a: Box, b: Box) -> bool:
    """Return whether two boxes share a pixel."""
    return all(s.start < t.stop and t.start < s.stop for s, t in zip(a, b, strict=True))


def distance(a: Box, b: Box) -> float:
    """Return the distance between the centres of two boxes, in px."""
    return float(
        sum(
            ((s.start + s.stop) / 2 - (t.start + t.stop) / 2) ** 2
            for s, t in zip(a, b, strict=True)
        )
        ** 0.5
    )


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
