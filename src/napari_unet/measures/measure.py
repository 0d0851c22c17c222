"""Labels and an image -> a table with a row an object."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from napari_unet.boxes import Box
from napari_unet.data.images import Image, ImageSeries, LabelImage, as_series
from napari_unet.data.regions import whole_objects
from napari_unet.events import Event, Progress
from napari_unet.labels import LabelledObjects
from napari_unet.measures.groups import Groups
from napari_unet.measures.hulls import hulls
from napari_unet.measures.intensities import intensities
from napari_unet.measures.moments import centres, ellipses, inertia
from napari_unet.measures.perimeters import perimeters, surfaces

Table = dict[str, np.ndarray]

WHAT = "measuring"
PLACES = ("position", "frame", "plane")
# Pixels of a plane are as wide as they are high, up to this.
SQUARE = 1.001
# Lengths, areas and volumes get a unit.
POWERS = {
    "area": 2,
    "area_convex": 2,
    "volume": 3,
    "surface": 2,
    "perimeter": 1,
    "axis_major_length": 1,
    "axis_minor_length": 1,
    "feret_diameter_max": 1,
    "feret_diameter_min": 1,
}


def measure(
    labels: np.ndarray | LabelImage | Any,
    image: Image | ImageSeries | Any = None,
    *,
    ndim: int | None = None,
    known: Mapping[str, Mapping[int, Any]] | None = None,
    edge: int | None = None,
) -> Generator[Event, None, Table]:
    """Measure the objects in labels, and an image inside of them.

    Sizes and shapes are those of scikit-image's ``regionprops_table``, by its names,
    with their unit: µm where the spacing is known, else px.

    Parameters
    ----------
    labels : ([T,] [Z,] Y, X) integer array, or LabelImage
        0 is background; a number is an object, in each time point another one. Any
        array with slicing, also one that is larger than memory.
    image : Image, ImageSeries or array, optional
        What is measured in each of its channels; its axes and its spacing are those of
        the labels. None: shapes alone.
    ndim : int, optional
        2: objects of a stack are those of its planes, one by one. None: bodies.
    known : mapping of mappings, optional
        Further columns, as ``score``, ``class``, ``edited`` or ``parent``: the value of
        each by the number of the object; empty where there is none.
    edge : int, optional
        Of the blocks in which labels are read, in px. What is measured is the same.

    Returns
    -------
    dict of (N,) arrays
        A column each, as ``area_um2`` and ``intensity_mean-DAPI``; rows in the order of
        time points, planes and numbers.

    Raises
    ------
    ValueError
        If the labels do not fit the image.

    Examples
    --------
    >>> from napari_unet.events import drain
    >>> table = drain(measure(np.eye(4, dtype=int)))
    >>> table["label"], table["area_px2"], table["bbox-2"]
    (array([1]), array([4]), array([4]))
    """
    series = None if image is None else as_series(image)
    array, axes, spacing = _understood(labels, series)
    spatial = axes.replace("T", "")
    if ndim == 2 and spatial == "ZYX":
        spatial, spacing = "YX", spacing and spacing[1:]
    parts: list[Table] = []
    known_as = labels if series is None else series
    positions = getattr(known_as, "positions", 0)
    frames = list(_frames(array, series, axes, spatial, positions))
    for done, (where, plane, channels) in enumerate(frames):
        for box, objects in whole_objects(plane, edge):
            yield Progress(WHAT, done, len(frames))
            if len(objects.ids):
                part = _measured(objects, box, channels, spacing, plane.shape)
                parts.append(_placed(part, where))
    if not parts:
        parts.append(_nothing(frames[0], spacing))
    table = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    keys = [table[name] for name in ("label", *reversed(PLACES)) if name in table]
    order = np.lexsort(keys)
    return _with_known({name: v[order] for name, v in table.items()}, known or {})


def channel_names(series: ImageSeries | None) -> list[str]:
    """Return how columns of channels end: their names, or numbers; "" for a lone one.

    Examples
    --------
    >>> channel_names(ImageSeries(np.zeros((2, 4, 4)), "CYX", channels=("A", "B")))
    ['-A', '-B']
    """
    if series is None:
        return []
    count = series.array.shape[series.axes.index("C")]
    names = [name.strip() for name in series.channels]
    if series.rgb and not names:
        names = ["red", "green", "blue"]
    if len(set(names)) == count and all(names):
        return [f"-{name}" for name in names]
    return [""] if count == 1 else [f"-{c}" for c in range(count)]


def _understood(
    labels: Any, series: ImageSeries | None
) -> tuple[Any, str, tuple[float, ...] | None]:
    """Return labels with their axes and spacing, those of the image if there is one."""
    about = labels if isinstance(labels, LabelImage) else None
    array = labels if about is None else about.array
    shape = tuple(int(n) for n in array.shape)
    if np.dtype(array.dtype).kind not in "uibf" or 0 in shape or len(shape) < 2:
        raise ValueError(
            f"labels are ([T,] [Z,] Y, X) integers, got {array.dtype} of shape "
            f"{shape}; convert them"
        )
    if series is None:
        axes = about.axes if about is not None else "TZYX"[4 - len(shape) :]
        return array, axes, None if about is None else about.spacing
    if shape != series.shape:
        raise ValueError(
            f"{series.name or 'image'}: the labels have shape {shape} but the image "
            f"has {series.shape}; use labels of this very image"
        )
    spacing = series.spacing or (None if about is None else about.spacing)
    return array, series.axes.replace("C", ""), spacing


Frame = tuple[dict[str, int], Any, list[tuple[str, Any]]]


def _frames(
    labels: Any, series: ImageSeries | None, axes: str, spatial: str, positions: int
) -> Iterator[Frame]:
    """Yield what is measured apart: where it is, its labels and named channels."""
    apart = axes[: len(axes) - len(spatial)]
    names = channel_names(series)
    for index in np.ndindex(*labels.shape[: len(apart)]):
        place = dict(zip(apart, index, strict=True))
        channels = []
        for c, name in enumerate(names):
            assert series is not None
            at = tuple((place | {"C": c}).get(a, slice(None)) for a in series.axes)
            channels.append((name, _Lazy(series.array, at)))
        yield _where(place, positions), _Lazy(labels, index), channels


def _where(place: Mapping[str, int], positions: int) -> dict[str, int]:
    """Return position, frame and plane, of those there are."""
    if not positions or "T" not in place:
        return {{"T": "frame", "Z": "plane"}[a]: i for a, i in place.items()}
    position, frame = divmod(place["T"], positions)
    plane = {"plane": place["Z"]} if "Z" in place else {}
    return {"position": position, "frame": frame} | plane


class _Lazy:
    """A part of an array that is read when it is sliced further."""

    def __init__(self, array: Any, at: tuple[Any, ...]) -> None:
        self._array = array
        self._at = at + (slice(None),) * (len(array.shape) - len(at))
        free = zip(self._at, array.shape, strict=True)
        self.shape = tuple(int(n) for a, n in free if isinstance(a, slice))

    def __getitem__(self, box: Box) -> np.ndarray:
        within = iter(box)
        at = tuple(next(within) if isinstance(a, slice) else a for a in self._at)
        return np.asarray(self._array[at])


def _measured(
    objects: LabelledObjects,
    box: Box,
    channels: Sequence[tuple[str, Any]],
    spacing: tuple[float, ...] | None,
    shape: tuple[int, ...],
) -> Table:
    """Return the columns of objects that lie whole in a box."""
    sizes = tuple(b.stop - b.start for b in box)
    groups = Groups(objects, sizes)
    start = np.array([b.start for b in box])
    low, high = groups.low + start, groups.high + start
    one = spacing or (1.0,) * len(box)
    table: Table = {"label": groups.ids.astype(np.int64)}
    table |= _shapes(groups, low, high, one, "px" if spacing is None else "um")
    edges = (low == 0) | (high == np.array(shape))
    table["touches_border"] = edges.any(axis=1)
    for name, channel in channels:
        found = intensities(groups, channel[box])
        table |= {f"{key}{name}": values for key, values in found.items()}
    return table


def _shapes(
    groups: Groups,
    low: np.ndarray,
    high: np.ndarray,
    one: tuple[float, ...],
    unit: str,
) -> Table:
    centre = centres(groups)
    size = groups.counts * math.prod(one) if unit == "um" else groups.counts
    outline = _planar(groups, size, one) if len(one) == 2 else _solid(groups, size, one)
    table = {_with_unit(name, unit): values for name, values in outline.items()}
    for i, width in enumerate(one):
        table[f"centroid-{i}_{unit}"] = (low[:, i] + centre[:, i]) * width
    for i, values in enumerate((*low.T, *high.T)):
        table[f"bbox-{i}"] = values
    found = ellipses(inertia(groups, centre, one))
    hull = hulls(groups, one)
    found["solidity"] = groups.counts / hull.pop("area_convex")
    return table | {_with_unit(k, unit): v for k, v in (found | hull).items()}


def _planar(groups: Groups, size: np.ndarray, one: tuple[float, ...]) -> Table:
    """Return area, perimeter and circularity; no perimeter of pixels not square."""
    if max(one) > SQUARE * min(one):
        return {"area": size}
    perimeter = perimeters(groups) * math.sqrt(math.prod(one))
    round_one = np.full(len(size), np.nan)
    known = perimeter > 0
    round_one[known] = 4 * np.pi * size[known] / perimeter[known] ** 2
    return {
        "area": size,
        "perimeter": perimeter,
        "circularity": np.minimum(round_one, 1),
    }


def _solid(groups: Groups, size: np.ndarray, one: tuple[float, ...]) -> Table:
    surface = surfaces(groups, one)
    sphere = np.pi ** (1 / 3) * (6 * size) ** (2 / 3)
    return {
        "volume": size,
        "surface": surface,
        "sphericity": np.minimum(sphere / surface, 1),
    }


def _with_unit(name: str, unit: str) -> str:
    power = POWERS.get(name)
    return name if power is None else f"{name}_{unit}{power if power > 1 else ''}"


def _placed(part: Table, where: Mapping[str, int]) -> Table:
    """Put frame and plane behind the number."""
    count = len(part["label"])
    place = {name: np.full(count, index) for name, index in where.items()}
    return {"label": part["label"], **place, **part}


def _nothing(frame: Frame, spacing: tuple[float, ...] | None) -> Table:
    """Return the columns without a row."""
    where, _, channels = frame
    one = np.ones((1,) * len(frame[1].shape), int)
    box = tuple(slice(0, 1) for _ in one.shape)
    part = _measured(LabelledObjects(one), box, channels, spacing, one.shape)
    return {name: values[:0] for name, values in _placed(part, where).items()}


def _with_known(table: Table, known: Mapping[str, Mapping[int, Any]]) -> Table:
    """Add columns of what is known of objects, behind their numbers."""
    ids = table["label"].tolist()
    first = [name for name in ("label", *PLACES) if name in table]
    more = {name: _column([by.get(i) for i in ids]) for name, by in known.items()}
    return {name: table[name] for name in first} | more | table


def _column(values: list[Any]) -> np.ndarray:
    """Return values as an array; empty is NaN among numbers and "" among words."""
    there = [v for v in values if v is not None]
    if all(isinstance(v, bool) for v in there) and len(there) == len(values):
        return np.array(values, bool)
    if all(isinstance(v, int | float) for v in there):
        return np.array([np.nan if v is None else v for v in values], float)
    return np.array(["" if v is None else str(v) for v in values])
