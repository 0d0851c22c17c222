"""Ids that lie on separate parts of an image, and an id of its own for each part."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from napari_unet.boxes import Box
from napari_unet.labels import LabelledObjects

# A part of an object counts if it has this share of the largest part's pixels: a stray
# pixel is no second object.
PART = 0.1


@dataclass(frozen=True, eq=False)  # arrays have no one truth value
class Disconnected:
    """An id that lies on several parts.

    box : where all of it lies
    pieces : the parts in the box, numbered from 1, strays among them; 0 elsewhere
    numbers : those of the parts that count, in the order in which they lie
    largest : number of the largest part
    """

    id: int
    box: Box
    pieces: np.ndarray
    numbers: np.ndarray
    largest: int

    @property
    def others(self) -> np.ndarray:
        """Numbers of the parts that count, without the largest."""
        return np.setdiff1d(self.numbers, [self.largest])

    @property
    def place(self) -> tuple[int, ...]:
        """The pixel of a second part that is nearest to the part's centre."""
        found = np.array(np.nonzero(self.pieces == self.others[0]))
        away = found - found.mean(axis=1, keepdims=True)  # it may be a crescent
        pixel = found[:, np.argmin((away**2).sum(axis=0))]
        return tuple(
            int(n) + s.start for n, s in zip(pixel.tolist(), self.box, strict=True)
        )


def disconnected(
    labels: np.ndarray, objects: LabelledObjects
) -> Iterator[Disconnected]:
    """Yield the ids on several parts."""
    from scipy import ndimage

    touching = np.ones((3,) * labels.ndim, int)
    for number, box in zip(objects.ids, objects.boxes, strict=True):
        pieces, count = ndimage.label(labels[box] == number, touching)
        if count > 1:
            sizes = np.bincount(pieces.ravel())[1:]
            numbers = 1 + np.flatnonzero(sizes >= PART * sizes.max())
            if len(numbers) > 1:
                largest = 1 + int(sizes.argmax())
                yield Disconnected(int(number), box, pieces, numbers, largest)


def split_parts(labels: np.ndarray, taken: Collection[int] = ()) -> np.ndarray:
    """Give each separate part of an object an id of its own.

    Parts touch where pixels share an edge or a corner. The largest part keeps the id,
    and so do strays: parts of less than a tenth of its pixels. New ids, none of those
    `taken`, are above all others where the dtype has room for them, else the smallest
    that are free; a ValueError where it has too few numbers.

    Examples
    --------
    >>> split_parts(np.array([[7, 7, 0, 7], [7, 7, 0, 7]]))
    array([[7, 7, 0, 8],
           [7, 7, 0, 8]])
    """
    objects = LabelledObjects(labels)
    found = list(disconnected(labels, objects))
    count = sum(len(part.others) for part in found)
    used = np.union1d(objects.ids.astype(np.int64), np.array(list(taken), np.int64))
    free = _free(used, count, labels.dtype)
    result = labels.copy()
    for part in found:
        own, free = np.split(free, [len(part.others)])
        new = np.full(part.pieces.max() + 1, part.id, labels.dtype)
        new[part.others] = own
        here = result[part.box]
        here[...] = np.where(part.pieces > 0, new[part.pieces], here)
    return result


def _free(used: np.ndarray, count: int, dtype: np.dtype) -> np.ndarray:
    """Return so many numbers that are not used and that a dtype holds."""
    most = 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)
    first = int(used.max(initial=0)) + 1
    if first + count - 1 <= most:
        return np.arange(first, first + count)
    free = np.setdiff1d(np.arange(1, min(most, len(used) + count) + 1), used)
    if len(free) < count:
        raise ValueError(
            f"{count} separate parts need an id of their own, but {dtype} has only "
            f"{len(free)} left; convert the labels to a larger type, such as int32"
        )
    return free[:count]
