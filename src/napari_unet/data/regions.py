"""Labels larger than memory, in parts that hold objects whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_unet.boxes import Box, blocks, moved
from napari_unet.labels import LabelledObjects, as_integers

BLOCK = 4096
"""Edge of a block of a plane in px; one of a stack has as many pixels."""
PIXELS = BLOCK**2


def whole_objects(
    labels: Any, edge: int | None = None
) -> Iterator[tuple[Box, LabelledObjects]]:
    """Yield boxes of labels with objects that lie in them whole, each object once.

    Parameters
    ----------
    labels : ([Z,] Y, X) integer array
        Anything with shape and slicing.
    edge : int, optional
        Of the blocks in which labels are read. Objects that are no larger come
        together; a larger one comes alone.

    Yields
    ------
    box : the part of the image
    objects : those in it, in coordinates of the box; the others are left out

    Raises
    ------
    ValueError
        If the numbers are not whole.
    """
    shape = tuple(int(n) for n in labels.shape)
    if edge is None:
        edge = BLOCK if len(shape) == 2 else round(PIXELS ** (1 / 3))
        if np.prod(shape, dtype=float) <= PIXELS:
            edge = max(shape)
    boxes = blocks(shape, edge)
    if len(boxes) == 1:
        yield boxes[0], LabelledObjects(_read(labels, boxes[0]))
        return
    for box, wanted in _grouped(*_extents(labels, boxes), edge):
        part = _read(labels, box)
        yield box, LabelledObjects(np.where(np.isin(part, wanted), part, 0))


def _read(labels: Any, box: Box) -> np.ndarray:
    part = as_integers(np.asarray(labels[box]))
    if part.dtype == bool:
        return part.astype(np.uint8)
    if part.dtype.kind not in "ui":
        raise ValueError("labels are not whole numbers; convert them to integers")
    negative = part.dtype.kind == "i" and part.min(initial=0) < 0
    return np.maximum(part, 0) if negative else part


def _extents(
    labels: Any, boxes: list[Box]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the numbers of all objects, and where they start and stop."""
    ids, starts, stops = [], [], []
    for box in boxes:
        objects = LabelledObjects(_read(labels, box))
        spans = [moved(b, box) for b in objects.boxes]
        ids.append(objects.ids.astype(np.int64))
        starts.append(np.array([[s.start for s in b] for b in spans], np.int64))
        stops.append(np.array([[s.stop for s in b] for b in spans], np.int64))
    found, inverse = np.unique(np.concatenate(ids), return_inverse=True)
    low = np.full((len(found), len(boxes[0])), np.iinfo(np.int64).max)
    high = np.zeros_like(low)
    for values, into, least in ((starts, low, np.minimum), (stops, high, np.maximum)):
        some = [v for v in values if len(v)]
        if some:
            least.at(into, inverse, np.concatenate(some))
    return found, low, high


def _grouped(
    ids: np.ndarray, starts: np.ndarray, stops: np.ndarray, edge: int
) -> Iterator[tuple[Box, np.ndarray]]:
    """Yield boxes around objects that start in one block, and around large ones."""
    large = (stops - starts > edge).any(axis=1)
    keys = np.column_stack([np.where(large, ids, 0), *(starts // edge).T])
    keys[large, 1:] = 0
    _, group = np.unique(keys, axis=0, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    ends = np.flatnonzero(np.diff(group.ravel()[order])) + 1
    for members in np.split(order, ends) if len(order) else ():
        low, high = starts[members].min(axis=0), stops[members].max(axis=0)
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        yield box, ids[members]
