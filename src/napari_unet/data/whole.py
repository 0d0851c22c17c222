"""Labels wrong as a whole: one of them is the background, or all are hollow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from napari_unet.boxes import Box
from napari_unet.data.disconnected import split_parts
from napari_unet.labels import LabelledObjects

# A label of the background reaches over so much of each axis, and covers so much.
REACH, COVER, COVER_ALONE = 0.9, 0.25, 0.05
# It lies around so many others.
PARTS = 3
# An outline is so much smaller than what it is around.
HOLLOW = 1.2
# So many objects are looked at.
MOST = 200


@dataclass(frozen=True)
class Background:
    """A label that looks like the background.

    label : its number
    cover : the part of the image that it covers
    parts : how many separate parts it lies around
    alone : whether nothing but 0 is beside it
    other : the only other label, on several parts; None: there are more, or none
    """

    label: int
    cover: float
    parts: int
    alone: bool
    other: int | None


def background_in(labels: np.ndarray, objects: LabelledObjects) -> Background | None:
    """Find a label that looks like the background.

    It lies around several parts, and reaches from one side of the image to the other.
    """
    from scipy import ndimage

    size, areas = labels.size, objects.areas
    if not len(areas):
        return None
    largest = int(areas.argmax())
    number, cover = int(objects.ids[largest]), float(areas[largest]) / size
    zeros = size - int(areas.sum())
    others = np.delete(areas, largest)
    least = COVER
    if len(others) and not zeros and areas[largest] > 4 * np.median(others):
        least = COVER_ALONE
    if cover < least:
        return None
    if not _reaches(objects.boxes[largest], labels.shape):
        return None
    pieces = ndimage.label(labels != number)[0]
    parts = int((np.bincount(pieces.ravel())[1:] >= 4).sum())
    # What lies around others is none of those: 0 may be the background after all.
    if len(others) > 1:
        pieces = ndimage.label(labels == 0)[0]
    around = ndimage.find_objects(pieces)
    if parts < PARTS or any(_reaches(box, labels.shape) for box in around):
        return None
    inner = sum(not _at_edge(box, labels.shape) for box in around)
    if not len(others) and inner < max(PARTS, len(around) / 2):
        return None
    other = int(np.delete(objects.ids, largest)[0]) if len(others) == 1 else None
    return Background(number, cover, parts, not len(others), other)


def _reaches(box: Box, shape: tuple[int, ...]) -> bool:
    """Return whether a box goes from one side of the image to the other."""
    sides = zip(box, shape, strict=True)
    return all(s.stop - s.start >= REACH * n for s, n in sides)


def _at_edge(box: Box, shape: tuple[int, ...]) -> bool:
    """Return whether a box touches a side of the image, in Y or X."""
    sides = zip(box[-2:], shape[-2:], strict=True)
    return any(s.start == 0 or s.stop == n for s, n in sides)


def without_background(
    labels: np.ndarray, number: int, taken: Collection[int] = ()
) -> np.ndarray:
    """Make a label the background, 0; then each part is one object.

    Where there is no other label, what was 0 are the objects.
    """
    others = labels[(labels != number) & (labels > 0)]
    result = np.where(labels == number, 0, labels).astype(labels.dtype)
    if not others.size:
        result[labels == 0] = number
    if not others.size or (others == others.flat[0]).all():
        result = split_parts(result, taken)
    return result


def hollow(labels: np.ndarray, objects: LabelledObjects) -> tuple[int, int, int]:
    """Return how many objects are hollow, of how many, and the first of them.

    Of one label on many parts each part counts as an object.
    """
    if len(objects.ids) == 1:
        objects = LabelledObjects(_parts(labels > 0))
        labels = objects.compact
    ids, first, count = objects.ids[:MOST].tolist(), 0, 0
    for number, box in zip(ids, objects.boxes, strict=False):
        solid = labels[box] == number
        if _filled(solid).sum() >= HOLLOW * solid.sum():
            count, first = count + 1, first or number
    return count, len(ids), first


def filled(labels: np.ndarray) -> np.ndarray:
    """Fill each object where nothing else is."""
    result = labels.copy()
    objects = LabelledObjects(labels)
    for number, box in zip(objects.ids, objects.boxes, strict=True):
        inside = _filled(labels[box] == number) & (labels[box] == 0)
        result[box][inside] = number
    return result


def _parts(solid: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    parts: np.ndarray = ndimage.label(solid, np.ones((3,) * solid.ndim, int))[0]
    return parts


def _filled(solid: np.ndarray) -> np.ndarray:
    """Fill holes; those of a stack in each plane, and in the whole."""
    from scipy import ndimage

    if solid.ndim == 3:
        solid = np.stack([ndimage.binary_fill_holes(plane) for plane in solid])
    full: np.ndarray = ndimage.binary_fill_holes(solid)
    return full
