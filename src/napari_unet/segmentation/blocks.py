"""Decoding by blocks, so that a block decodes to what the whole image would.

Joining labels over faces merges touching objects. So each block is decoded with
context on every side; an object's number is the place of its seed in the whole image,
on which all blocks agree without talking; a block writes only its own region.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from napari_unet.boxes import Box, grow, within
from napari_unet.formulations.base import Formulation, Objects
from napari_unet.segmentation.tiles import unrounded

# Context on every side, in median object diameters: an object of twice the median
# beside another one such fits; where it does not, the context grows.
CONTEXT = 4.0
LEAST_CONTEXT = 64
MOST_GROWTH = 8


@dataclass
class Context:
    """A block and the margin that is read around it, which grows at need."""

    box: Box
    margin: int
    most: int

    @classmethod
    def of(cls, box: Box, object_size: float | None, instances: bool) -> Context:
        """Return the context to start with, for objects of that median diameter."""
        if not instances:  # a pixel's class depends on no other pixel
            return cls(box, 0, 0)
        margin = max(LEAST_CONTEXT, round(CONTEXT * (object_size or 0)))
        return cls(box, margin, MOST_GROWTH * margin)

    def grow(self) -> bool:
        """Double the margin, up to 8 times the first; returns whether it could."""
        if self.margin >= self.most:
            return False
        self.margin *= 2
        return True


def decode_block(
    maps: np.ndarray,
    context: Context,
    formulation: Formulation,
    thresholds: Mapping[str, float],
    spacing: tuple[float, ...] | None,
) -> tuple[Objects, bool]:
    """Decode one block with the margin of its context.

    Of the `maps` of the whole image, floats from 0 to 1 or uint8 from 0 to 255, only
    the block and its margin are read. The labels are those of the block alone; the
    table is of the objects that it shows, with scores and areas of the whole objects.
    The second result says whether they are what decoding the whole image would give. If
    not, a wider margin can help.
    """
    shape = tuple(maps.shape[1:])
    read = grow(context.box, context.margin, shape)
    seen = maps[(slice(None), *read)]
    found = formulation.decode(
        unrounded(seen) if seen.dtype == np.uint8 else seen,
        thresholds,
        spacing,
        tuple(s.start for s in read),
        shape,
    )
    inner = within(context.box, read)
    labels = found.labels[inner]
    present = np.isin(found.ids, labels)
    sure = found.unsure is None or not found.unsure[inner].any()
    return (
        Objects(labels, found.ids[present], found.score[present], found.area[present]),
        sure,
    )


@dataclass
class Numbering:
    """Gives global ids small numbers as they come, and 1..n in raster order at the end.

    Working numbers keep the labels of an unfinished result in int32.
    """

    known: dict[int, int] = field(default_factory=dict)
    score: dict[int, float] = field(default_factory=dict)
    area: dict[int, int] = field(default_factory=dict)

    def add(self, objects: Objects, offset: int) -> np.ndarray:
        """Return a block's labels in working numbers, int32.

        `offset` is added to the ids: those of a plane of a stack begin behind the
        others'.
        """
        working = np.zeros(len(objects.ids) + 1, np.int32)
        for n, own in enumerate(objects.ids.tolist()):
            i = own + offset
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
        return np.array(ids, np.int64), *self._table(ids)

    def final(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the final number of each working number, and score and area by it."""
        ids = sorted(self.known)
        lookup = np.zeros(len(ids) + 1, np.int32)
        for number, i in enumerate(ids, start=1):
            lookup[self.known[i]] = number
        return lookup, *self._table(ids)

    def _table(self, ids: list[int]) -> tuple[np.ndarray, np.ndarray]:
        score = np.array([self.score[i] for i in ids], np.float32)
        return score, np.array([self.area[i] for i in ids], np.int64)
