"""Corrections of objects in labels: which pixels change, and to what; no Qt.

Each function looks at labels and changes nothing. It reads a box around the object,
which grows until it holds it, so that labels of any size take the same time; only a
new number is looked for in all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from napari_unet.boxes import Box, bounds, grow, moved, within

Point = tuple[int, ...]
# Returns what a cut through the pixels of a box costs, whatever the unit: low where
# objects part.
Cost = Callable[[Box], np.ndarray]

FIRST_REACH = 32  # px around a place; twice as much until the object has room
STRAIGHT = 0.2  # cost of each px of a cut beside the costs from 0 to 1
CORRIDOR = 0.2  # how far a cut may leave its line, of the line's length
SMOOTH = 0.06  # sigma, of the width of the object


@dataclass(frozen=True, eq=False)
class Edit:
    """Pixels that change, as ``Labels.data_setitem`` of napari takes them.

    indices : tuple of (N,) int arrays, one per axis of the labels
    values : (N,) array, of the dtype of the labels
    """

    indices: tuple[np.ndarray, ...]
    values: np.ndarray


def object_at(labels: Any, at: Point) -> tuple[Box, np.ndarray]:
    """Return the box of the object at a place, and which of its pixels belong to it.

    Other parts of the same number that do not touch it are not looked for. A
    ValueError if there is background.
    """
    number = labels[at]
    if not number:
        raise ValueError(f"there is no object at {_place(at)}; click on one")
    point = tuple(slice(i, i + 1) for i in at)
    structure = np.ones((3,) * len(at), bool)
    reach = FIRST_REACH
    while True:
        box = grow(point, reach, labels.shape)
        parts, _ = ndimage.label(np.asarray(labels[box]) == number, structure)
        mask = parts == parts[tuple(s.start for s in within(point, box))]
        inner = bounds(mask)
        assert inner is not None
        if not _cut(inner, box, labels.shape):
            return moved(inner, box), mask[inner]
        reach *= 2


def free_number(labels: Any, used: int = 0) -> int:
    """Return the number after the highest in labels, and after `used`.

    A ValueError where the dtype of the labels has no such number.
    """
    number = max(int(labels.max()), used) + 1
    most = np.iinfo(labels.dtype).max
    if number > most:
        raise ValueError(
            f"labels of {labels.dtype} have no number above {most}; convert the layer "
            "to int32 (right click on it, Convert data type)"
        )
    return number


def delete(labels: Any, at: Point) -> Edit:
    """Return what turns the object at a place into background.

    Examples
    --------
    >>> edit = delete(np.array([[0, 1, 1], [0, 0, 2]]), (0, 1))
    >>> edit.indices, edit.values
    ((array([0, 0]), array([1, 2])), array([0, 0]))
    """
    box, mask = object_at(labels, at)
    return _edit(labels, box, mask, 0)


def merge(labels: Any, a: Point, b: Point) -> Edit:
    """Return what gives the object at `b` the number of the one at `a`.

    A ValueError unless there are two objects.
    """
    object_at(labels, a)
    if labels[a] == labels[b]:
        raise ValueError(
            f"both ends lie on object {labels[a]}; press on one object and let go on "
            "the other"
        )
    box, mask = object_at(labels, b)
    return _edit(labels, box, mask, labels[a])


def split(
    labels: Any,
    line: tuple[Point, Point],
    cost: Cost | None = None,
    number: int | None = None,
    axes: tuple[int, int] | None = None,
) -> Edit:
    """Return what makes two objects of the one that a line crosses.

    Parameters
    ----------
    labels : ([Z,] Y, X) integer array
    line : two places
        On one plane. The object that most of the line lies on is cut; the smaller part
        becomes a new object. A line that ends inside is made longer.
    cost : callable, optional
        With it, the cut goes along the path of the lowest cost that begins and ends
        where the line enters and leaves the object, and stays near it. Without it, it
        is the line.
    number : int, optional
        Of the new object; by default the next free one.
    axes : two ints, optional
        The axes of the plane, by default the last two. A stack is cut along the others
        as on this plane.

    Raises
    ------
    ValueError
        If the line crosses no object, or does not cut it in two.
    """
    ndim = len(labels.shape)
    plane = axes or (ndim - 2, ndim - 1)
    places = _places(line)
    seed = _longest(labels, places)
    box, mask = object_at(labels, seed)
    others = tuple(a for a in range(ndim) if a not in plane)
    # The plane's axes are in the order of the labels' from here on.
    first, last = sorted(plane)
    corner = np.array([box[first].start, box[last].start])
    ends = [np.array([p[first], p[last]]) - corner for p in line]
    shadow = np.asarray(mask.any(axis=others))
    costs = None
    if cost is not None:
        costs = np.where(mask, cost(box), np.inf).min(axis=others)
    side = _sides(shadow, _path(shadow, ends, costs), int(labels[seed]))
    wide = np.expand_dims(side, others) if others else side
    part = mask & wide
    if 2 * np.count_nonzero(part) > np.count_nonzero(mask):
        part = mask & ~wide
    return _edit(labels, box, part, number or free_number(labels))


def fill_and_smooth(labels: Any, at: Point) -> Edit:
    """Return what fills the holes of an object and smooths its edge, plane by plane.

    Other objects keep all of their pixels.
    """
    box, mask = object_at(labels, at)
    # What is thin in depth is as wide as it looks on a plane.
    width = math.sqrt(mask.sum(axis=(-2, -1)).max())
    sigma = float(np.clip(SMOOTH * width, 0.7, 4))
    wide = grow(box, math.ceil(4 * sigma), labels.shape)
    wide = (*box[:-2], *wide[-2:])
    old = np.zeros([s.stop - s.start for s in wide], bool)
    old[within(box, wide)] = mask
    new = _smoothed(old, sigma)
    seen = np.asarray(labels[wide])
    values = np.where(old & ~new, 0, seen)
    values = np.where(new & (seen == 0), labels[at], values)
    changed = values != seen
    return _edit(labels, wide, changed, values[changed])


def _smoothed(mask: np.ndarray, sigma: float) -> np.ndarray:
    """Return a mask without holes, its edge smooth, plane by plane."""
    structure = np.zeros((3,) * mask.ndim, bool)
    structure[(1,) * (mask.ndim - 2)] = ndimage.generate_binary_structure(2, 1)
    filled: np.ndarray = ndimage.binary_fill_holes(mask, structure)
    sigmas = [0.0] * (mask.ndim - 2) + [sigma, sigma]
    blurred = ndimage.gaussian_filter(filled.astype(np.float32), sigmas, mode="nearest")
    smooth = np.asarray(blurred > 0.5)
    return smooth if smooth.any() else filled  # a thread would be gone


def add(
    labels: Any, box: Box, mask: np.ndarray, at: Point, number: int | None = None
) -> Edit | None:
    """Return what makes an object of the part of a mask at a place that is background.

    box : where the mask lies in the labels
    at : in the labels, inside the box
    number : of the new object; by default the next free one

    None where the mask has nothing there.
    """
    free = mask & (np.asarray(labels[box]) == 0)
    parts, _ = ndimage.label(free)
    here = parts[tuple(i - s.start for i, s in zip(at, box, strict=True))]
    if not here:
        return None
    return _edit(labels, box, parts == here, number or free_number(labels))


def _edit(labels: Any, box: Box, mask: np.ndarray, values: Any) -> Edit:
    found = np.nonzero(mask)
    indices = tuple(i + s.start for i, s in zip(found, box, strict=True))
    dtype = np.dtype(labels.dtype)
    filled = np.broadcast_to(np.asarray(values, dtype), indices[0].shape)
    return Edit(indices, np.array(filled))


def _place(at: Sequence[int]) -> str:
    return ", ".join(str(i) for i in at)


def _cut(inner: Box, box: Box, shape: Sequence[int]) -> bool:
    """Whether what lies in `inner` of a box may go on beyond the box."""
    return any(
        (i.start == 0 and b.start > 0) or (i.stop == b.stop - b.start and b.stop < n)
        for i, b, n in zip(inner, box, shape, strict=True)
    )


def _places(line: tuple[Point, Point]) -> list[Point]:
    """Return the pixels from one place to the other."""
    a, b = (np.array(end, float) for end in line)
    count = int(np.abs(b - a).max()) + 1
    steps = np.rint(np.linspace(a, b, count)).astype(int)
    return [tuple(int(i) for i in step) for step in steps]


def _longest(labels: Any, places: list[Point]) -> Point:
    """Return a place on the object that most of some places lie on."""
    every = np.array(places)
    within_image = ((every >= 0) & (every < labels.shape)).all(axis=1)
    inside = [p for p, there in zip(places, within_image, strict=True) if there]
    numbers = np.array([int(labels[p]) for p in inside])
    found, counts = np.unique(numbers[numbers > 0], return_counts=True)
    if not found.size:
        raise ValueError("the line crosses no object; draw it across the one to split")
    on = np.flatnonzero(numbers == found[np.argmax(counts)])
    middle: Point = inside[on[len(on) // 2]]
    return middle


def _path(
    shadow: np.ndarray, ends: list[np.ndarray], costs: np.ndarray | None
) -> np.ndarray:
    """Return the pixels of a cut: True in an array like the shadow of the object."""
    start, stop = (end.astype(float) for end in ends)
    reach = float(sum(shadow.shape))
    along = (stop - start) / max(float(np.hypot(*(stop - start))), 1.0)
    # Of the object under the line, and beyond both ends as far as it goes on there.
    far = _inside(_line(start - reach * along, stop + reach * along), shadow.shape)
    near = {tuple(p) for p in _inside(_line(start, stop), shadow.shape)}
    on = np.array([shadow[tuple(p)] for p in far])
    under = [i for i, p in enumerate(far) if on[i] and _close(tuple(p), near)]
    cut = np.zeros(shadow.shape, bool)
    if not under:
        return cut
    first, last = under[0], under[-1]
    while first > 0 and on[first - 1]:
        first -= 1
    while last < len(far) - 1 and on[last + 1]:
        last += 1
    path = far[first : last + 1]
    if costs is not None:
        path = _cheapest(shadow, costs, path)
    cut[tuple(np.array(path).T)] = True
    cut &= shadow
    return cut


def _close(place: tuple[int, ...], others: set[tuple[int, ...]]) -> bool:
    y, x = place
    return any((y + i, x + j) in others for i in (-1, 0, 1) for j in (-1, 0, 1))


def _line(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    count = math.ceil(np.abs(stop - start).max()) + 1
    pixels: np.ndarray = np.rint(np.linspace(start, stop, count)).astype(int)
    return pixels


def _inside(pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    there: np.ndarray = pixels[((pixels >= 0) & (pixels < shape)).all(axis=1)]
    return there


def _cheapest(shadow: np.ndarray, costs: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Return the path of the lowest cost between the ends of a line, near it."""
    from skimage.graph import route_through_array

    beside = np.ones(shadow.shape, bool)
    beside[tuple(line.T)] = False
    room = max(3.0, CORRIDOR * len(line))
    away = ndimage.distance_transform_edt(beside) / room
    free = shadow & ((away <= 1) | ~beside)
    low, high = float(costs[free].min()), float(costs[free].max())
    scaled = (np.where(free, costs, low) - low) / max(high - low, 1e-6)
    # Nothing goes through what is below 0.
    field = np.where(free, STRAIGHT * (1 + away) + scaled, -1.0)
    path, _ = route_through_array(  # type: ignore[no-untyped-call]
        field, tuple(line[0]), tuple(line[-1]), fully_connected=True, geometric=True
    )
    return np.array(path)


def _sides(shadow: np.ndarray, cut: np.ndarray, number: int) -> np.ndarray:
    """Return one of the two sides of a cut; a ValueError if it does not part them."""
    parts, count = ndimage.label(shadow & ~cut)  # a cut may be diagonal
    areas = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    # Only what lies at the cut was parted by it.
    beside = np.unique(parts[ndimage.binary_dilation(cut, np.ones((3, 3), bool))])
    beside = beside[beside > 0]
    if len(beside) < 2:
        raise ValueError(
            f"the line does not part object {number}; draw it from one side of the "
            "object to the other"
        )
    largest = beside[np.argsort(areas[beside - 1])[-2:]]
    two = np.where(np.isin(parts, largest), parts, 0)
    # Crumbs, and the cut itself, belong to what is nearest.
    nearest = ndimage.distance_transform_edt(
        two == 0, return_distances=False, return_indices=True
    )
    side: np.ndarray = two[tuple(nearest)] == largest[0]
    return side
