"""The pixels of labels, object by object, and sums over them without a loop."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from napari_unet.labels import LabelledObjects


class Groups:
    """The pixels of each object, in raster order.

    Parameters
    ----------
    objects : LabelledObjects
        Of ([Z,] Y, X) labels.
    shape : tuple of int
        Of these labels.
    """

    def __init__(self, objects: LabelledObjects, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.ids, self.counts = objects.ids, objects.areas.astype(np.int64)
        self.labels = objects.compact
        """The labels with 1 to N for the ids."""
        flat = self.labels.ravel()
        inside = np.flatnonzero(flat)
        self.pixels = inside[np.argsort(flat[inside], kind="stable")]
        """Their places in the flat labels."""
        self.starts = np.cumsum(self.counts) - self.counts

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of values, one a pixel of `pixels`, over each object."""
        total: np.ndarray = np.add.reduceat(values, self.starts)
        return total

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Return the values of objects at each of their pixels."""
        return np.repeat(values, self.counts)

    @cached_property
    def places(self) -> tuple[np.ndarray, ...]:
        """Coordinates of `pixels`, one array an axis."""
        return np.unravel_index(self.pixels, self.shape)

    @cached_property
    def low(self) -> np.ndarray:
        """(N, axes) array, where each object begins."""
        return np.stack(
            [np.minimum.reduceat(p, self.starts) for p in self.places], axis=1
        )

    @cached_property
    def high(self) -> np.ndarray:
        """(N, axes) array, where each object ends, the pixel behind."""
        high = [np.maximum.reduceat(p, self.starts) for p in self.places]
        return np.stack(high, axis=1) + 1

    @cached_property
    def local(self) -> list[np.ndarray]:
        """The same from where each object begins: equal wherever it lies."""
        return [p - self.spread(self.low[:, i]) for i, p in enumerate(self.places)]

    @cached_property
    def lines(self) -> Lines:
        """What each object takes of the lines along the last axis."""
        line = self.pixels // self.shape[-1]
        new = np.ones(len(line), bool)
        new[1:] = line[1:] != line[:-1]
        new[self.starts] = True
        first = np.flatnonzero(new)
        last = np.append(first[1:], len(line)) - 1
        owner = np.searchsorted(self.starts, first, "right") - 1
        *others, along = self.local
        return Lines(owner, [p[first] for p in others], along[first], along[last])


@dataclass(frozen=True, eq=False)
class Lines:
    """From where to where objects reach along the lines of the last axis.

    owner : (L,) which object, rising
    others : the line's place along each of the other axes, from where the object begins
    first, last : (L,) the first and the last pixel on it, from where the object begins
    """

    owner: np.ndarray
    others: list[np.ndarray]
    first: np.ndarray
    last: np.ndarray
