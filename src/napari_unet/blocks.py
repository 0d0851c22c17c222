"""Decoding by blocks, so that a block decodes to what the whole image would.

Joining labels over faces merges touching objects. So each block is decoded with
context on every side; an object's number is the place of its seed in the whole image,
on which all blocks agree without talking; a block writes only its own region.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from .events import Box
from .formulations import Formulation, Objects
from .tiling import grow, within

# Context on every side, in median object diameters: an object of twice the median
# beside another one such fits; where it does not, the context grows.
CONTEXT = 4.0
LEAST_CONTEXT = 64
MOST_GROWTH = 8


def context_of(object_size: float | None) -> int:
    """Return the context in px to start with, for objects of that median diameter."""
    return max(LEAST_CONTEXT, round(CONTEXT * (object_size or 0)))


def decode_block(
    maps: np.ndarray,
    box: Box,
    formulation: Formulation,
    thresholds: Mapping[str, float],
    spacing: tuple[float, ...] | None,
    context: int,
) -> tuple[Objects, int]:
    """Decode one block with enough context to be sure of it.

    Parameters
    ----------
    maps : (channels, [Z,] Y, X) float array
        Of the whole image.
    box : tuple of slice
        The block, in the spatial axes.
    formulation : Formulation
    thresholds : mapping of str to float
    spacing : tuple of float or None
    context : int
        Px on every side to start with; doubled, up to 8 times as much, while an
        object of the block or its neighbour touches the edge of what was read.

    Returns
    -------
    objects : Objects
        `labels` of the block alone; the table of the objects that it shows, with
        scores and areas of the whole objects.
    too_large : int
        Objects that still touched the edge: they may be cut or wrong.
    """
    shape = maps.shape[1:]
    margin = context if formulation.instances else 0  # classes need no context
    while True:
        read = grow(box, margin, shape)
        found = formulation.decode(
            maps[(slice(None), *read)],
            thresholds,
            spacing,
            tuple(s.start for s in read),
            tuple(shape),
        )
        inner = within(box, read)
        labels = found.labels[inner]
        present = np.isin(found.ids, labels)
        too_large = 0
        if formulation.instances:
            too_large = _cut_off(found, present, read, shape)
        if not too_large or margin >= MOST_GROWTH * context:
            break
        margin *= 2
    return (
        Objects(labels, found.ids[present], found.score[present], found.area[present]),
        too_large,
    )


def _cut_off(
    found: Objects, present: np.ndarray, read: Box, shape: Sequence[int]
) -> int:
    """Count the objects at an open edge of the read on which the block depends."""
    edge = np.zeros(found.labels.shape, bool)
    for axis, (s, n) in enumerate(zip(read, shape, strict=True)):
        before = (slice(None),) * axis
        if s.start > 0:
            edge[(*before, slice(0, 1))] = True
        if s.stop < n:
            edge[(*before, slice(-1, None))] = True
    if not edge.any() or not present.any():
        return 0
    at_edge = np.unique(found.labels[edge])
    at_edge = at_edge[at_edge > 0]
    if not len(at_edge):
        return 0
    inside = np.isin(found.labels, found.ids[present])
    near = ndimage.binary_dilation(inside, np.ones((3,) * inside.ndim, bool))
    return int(np.isin(at_edge, found.labels[near]).sum())


@dataclass
class Numbering:
    """Gives global ids small numbers as they come, and 1..n in raster order at the end.

    Working numbers keep the labels of an unfinished result in int32.
    """

    known: dict[int, int] = field(default_factory=dict)
    score: dict[int, float] = field(default_factory=dict)
    area: dict[int, int] = field(default_factory=dict)

    def add(self, objects: Objects, offset: int, keep: np.ndarray) -> np.ndarray:
        """Return a block's labels in working numbers, int32.

        Parameters
        ----------
        objects : Objects
        offset : int
            Added to the ids: those of one plane of a stack begin behind the others'.
        keep : (N,) bool
            Objects left out become 0.
        """
        working = np.zeros(len(objects.ids) + 1, np.int32)
        for n in np.flatnonzero(keep).tolist():
            i = int(objects.ids[n]) + offset
            working[n + 1] = self.known.setdefault(i, len(self.known) + 1)
            self.score[i], self.area[i] = float(objects.score[n]), int(objects.area[n])
        ids = np.concatenate([[0], objects.ids])
        return working[np.searchsorted(ids, objects.labels)]

    def count(self, objects: Objects) -> None:
        """Add up classes: areas are summed, scores are means over all pixels."""
        for i, s, a in zip(
            objects.ids.tolist(),
            objects.score.tolist(),
            objects.area.tolist(),
            strict=True,
        ):
            before = self.area.get(i, 0)
            self.area[i] = before + a
            self.score[i] = (self.score.get(i, 0.0) * before + s * a) / (before + a)

    def classes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return ids, scores and areas of the classes that were counted."""
        ids = sorted(self.area)
        score = np.array([self.score[i] for i in ids], np.float32)
        area = np.array([self.area[i] for i in ids], np.int64)
        return np.array(ids, np.int64), score, area

    def final(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the final number of each working number, and score and area by it."""
        ids = sorted(self.known)
        lookup = np.zeros(len(ids) + 1, np.int32)
        for number, i in enumerate(ids, start=1):
            lookup[self.known[i]] = number
        score = np.array([self.score[i] for i in ids], np.float32)
        area = np.array([self.area[i] for i in ids], np.int64)
        return lookup, score, area
