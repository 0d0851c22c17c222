"""Tiles: how an image is cut for the network. No torch.

The image is padded once, to a multiple of the network's divisor. All reads have one
shape, start on multiples of the divisor and stay inside the padded image, so that a
tile sees what the whole image would show at that place; the writes cover the image
exactly once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.boxes import Box


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


def padded_shape(shape: Sequence[int], divisor: Sequence[int]) -> tuple[int, ...]:
    """Return the smallest shape that holds `shape` and is divisible by `divisor`."""
    return tuple(-(-n // d) * d for n, d in zip(shape, divisor, strict=True))


def tiles(
    shape: Sequence[int],
    read: Sequence[int],
    halo: Sequence[int],
    divisor: Sequence[int],
) -> Iterator[Tile]:
    """Cut an image into tiles, in raster order; all numbers are px per axis.

    read : wanted shape of a read; rounded up to the divisor, cut to the padded image
    halo : context that a written pixel needs on either side
    divisor : reads start on multiples of these

    A ValueError if a read is too small to write anything beside its halo.
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


LEVELS = 255


def rounded(maps: np.ndarray) -> np.ndarray:
    """Return maps from 0 to 1 as uint8, from 0 to 255."""
    result: np.ndarray = np.rint(maps * np.float32(LEVELS)).astype(np.uint8)
    return result


def unrounded(maps: np.ndarray) -> np.ndarray:
    """Return uint8 maps as float32, from 0 to 1."""
    result: np.ndarray = maps.astype(np.float32)
    result /= np.float32(LEVELS)
    return result
