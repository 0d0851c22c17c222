"""The axes of a decoded file: what they are called, and their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

LETTERS = "TPCZYXS"

# What files call places that were imaged apart: tifffile's R (tile or position), P
# (phase), A (angle), V (event or view), M (mosaic), J and K (column and row).
POSITIONS = {"R": "P", "A": "P", "V": "P", "M": "P", "J": "P", "K": "P"}
# Of a pixel: wavelengths (E), lifetimes (H), exposures (L).
CHANNELS = {"E": "C", "H": "C", "L": "C"}
NAMED = {**{a: a for a in LETTERS}, **POSITIONS, **CHANNELS}


@dataclass(frozen=True)
class Raw:
    """A decoded file, or one series of it, before its axes are put in order.

    axes : one letter per axis as the file has them, ``S`` for colours or samples.
    spacing : µm per pixel by axis letter, as far as known.
    rgb : whether ``S`` holds colours.
    positions : time points of each position, where the axis T holds positions; else 0.
    number : of the series in the file; None where only one of the file is read.
    several : how many of the file are read.
    file_axes : those out of PTZYX as they were before they were put in order.
    """

    array: np.ndarray
    axes: str
    spacing: Mapping[str, float] = field(default_factory=dict)
    rgb: bool = False
    channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    positions: int = 0
    number: int | None = None
    several: int = 1
    file_axes: str = ""

    def __post_init__(self) -> None:
        """Raise a ValueError where a damaged header tells of other axes."""
        if self.array.ndim != len(self.axes):
            raise ValueError(
                f"shape {self.array.shape} does not fit the axes {self.axes or 'none'}"
            )


def checked_axes(text: str) -> str:
    """Return axes that a user names, in capitals; a ValueError if they are none."""
    axes = text.strip().upper()
    wrong = sorted(set(axes) - set(LETTERS))
    if wrong or len(set(axes)) < len(axes) or not {"Y", "X"} <= set(axes):
        twice = [a for a in axes if axes.count(a) > 1]
        why = f"{twice[0]} is named twice" if twice else "Y and X are needed"
        why = f"{wrong[0]!r} is no axis" if wrong else why
        raise ValueError(
            f"--axes {text}: {why}; give a letter for each axis of the files, in their "
            "order: T (time), P (positions), C (channels), Z (depth), Y, X, S (colours)"
        )
    return axes


def fitting_axes(axes: str, own: str, shape: tuple[int, ...]) -> str:
    """Return the letter of each axis of a file where the user says `axes`.

    own, shape : as the file has them; colours (S) and axes of length 1 may be left out

    A ValueError if they do not fit.
    """
    if len(axes) == len(own):
        return axes
    long = [i for i, (a, n) in enumerate(zip(own, shape, strict=True)) if n > 1]
    colours = [i for i, a in enumerate(own) if a == "S" and "S" not in axes]
    every = range(len(own))
    for there in ([i for i in every if i not in colours], long):
        if len(there) == len(axes):
            return _filled(axes, own, there)
        there = [i for i in there if i not in colours]
        if len(there) == len(axes):
            return _filled(axes, own, there)
    sizes = " x ".join(str(n) for n in shape)
    raise ValueError(
        f"--axes {axes} names {len(axes)} axes but the file has {len(own)} ({sizes}); "
        "give a letter for each"
    )


def _filled(axes: str, own: str, there: list[int]) -> str:
    """Return `axes` for those axes of `own`, the others as they are or as I."""
    said = dict(zip(there, axes, strict=True))
    return "".join(said.get(i, a if a not in axes else "I") for i, a in enumerate(own))


def ordered(raw: Raw, path: Path, axes: str | None = None, like: str = "") -> Raw:
    """Put the axes in the order ``[T]C[Z]YX`` and the bytes in native order.

    There is a channel axis then, and no other of length 1; bool becomes uint8.
    Positions come one after the other along T. A ValueError, which names the path,
    where values are no real numbers or the axes have no such order.

    axes : what the user says they are
    like : of labels, the axes of the image, out of PTZYX; unnamed ones are those
    """
    if raw.array.dtype.kind not in "buif":
        raise ValueError(
            f"{path}: {raw.array.dtype} values are no intensities; save real numbers"
        )
    if axes is not None:
        try:
            said = fitting_axes(axes, raw.axes, raw.array.shape)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        raw = _as_said(raw, said)
    raw = _name_axes(_known(_merge_samples(_squeeze(raw))), like)
    return _in_order(_merge_positions(raw), path)


def _in_order(raw: Raw, path: Path) -> Raw:
    axes, array = raw.axes, raw.array
    if "C" not in axes:
        array, axes = array[np.newaxis], "C" + axes
    order = [axes.index(a) for a in "PTCZYX" if a in axes]
    if len(order) != len(axes) or not {"Y", "X"} <= set(axes):
        raise ValueError(
            f"{path}: axes {axes} of shape {array.shape} are not understood; save it "
            "with axes out of TCZYX, or say what they are with --axes"
        )
    array = np.ascontiguousarray(array.transpose(order))
    dtype = np.uint8 if array.dtype == bool else array.dtype.newbyteorder("=")
    array = array.astype(dtype, copy=False)
    raw = replace(raw, file_axes=axes.replace("C", ""))
    axes = "".join(axes[i] for i in order)
    if "P" not in axes:
        return replace(raw, array=array, axes=axes)
    times = array.shape[1] if "T" in axes else 1
    array = array.reshape(-1, *array.shape[1 + ("T" in axes) :])
    axes = "T" + axes.replace("P", "").replace("T", "")
    return replace(raw, array=array, axes=axes, positions=times)


def turned(raw: Raw, orientation: int) -> Raw:
    """Turn an image as the orientation of TIFF and EXIF, 1 to 8, says it is meant."""
    if orientation not in range(2, 9):
        return raw
    array, axes = raw.array, raw.axes
    y, x = axes.index("Y"), axes.index("X")
    spacing = dict(raw.spacing)
    if orientation >= 5:  # rows and columns change places
        array = array.swapaxes(y, x)
        swapped = {"Y": spacing.pop("X", None), "X": spacing.pop("Y", None)}
        spacing |= {a: s for a, s in swapped.items() if s is not None}
    flipped = {2: (x,), 3: (y, x), 4: (y,), 5: (), 6: (x,), 7: (y, x), 8: (y,)}
    array = np.flip(array, flipped[orientation])
    note = f"turned as its orientation tag ({orientation}) says"
    return replace(raw, array=array, spacing=spacing, notes=(*raw.notes, note))


def _as_said(raw: Raw, axes: str) -> Raw:
    """Give the axes that the user says; three or four samples (S) are colours."""
    rgb, array = raw.rgb, raw.array
    if "S" in axes and "S" not in raw.axes:
        at = axes.index("S")
        rgb = array.shape[at] in (3, 4)
        array = array.take(range(3), axis=at) if rgb else array
    elif "S" in raw.axes and axes[raw.axes.index("S")] != "S":
        rgb = False
    moved = "C" in raw.axes and axes.find("C") != raw.axes.index("C")
    channels = () if moved else raw.channels
    return replace(raw, array=array, axes=axes, rgb=rgb, channels=channels)


def _squeeze(raw: Raw) -> Raw:
    """Drop axes of length 1, but for Y and X."""
    kept = [n > 1 or a in "YX" for n, a in zip(raw.array.shape, raw.axes, strict=True)]
    index = tuple(slice(None) if keep else 0 for keep in kept)
    axes = "".join(a for a, keep in zip(raw.axes, kept, strict=True) if keep)
    return replace(raw, array=raw.array[index], axes=axes)


def _merge_samples(raw: Raw) -> Raw:
    """Make the samples of a pixel the channels, or a part of each channel."""
    if "S" not in raw.axes:
        return raw
    if "C" not in raw.axes:
        return replace(raw, axes=raw.axes.replace("S", "C"))
    return replace(_merged(raw, "C", "S"), rgb=False, channels=())


def _merged(raw: Raw, outer: str, inner: str) -> Raw:
    """Make one axis, called like the outer one, of two."""
    array = np.moveaxis(raw.array, raw.axes.index(inner), -1)
    axes = raw.axes.replace(inner, "")
    at = axes.index(outer)
    array = np.moveaxis(array, -1, at + 1)
    array = array.reshape(*array.shape[:at], -1, *array.shape[at + 2 :])
    return replace(raw, array=array, axes=axes)


def _known(raw: Raw) -> Raw:
    """Take wavelengths and the like for channels."""
    for axis, name in CHANNELS.items():
        if axis in raw.axes and name in raw.axes:
            raw = replace(_merged(raw, name, axis), rgb=False, channels=())
        elif axis in raw.axes:
            raw = replace(raw, axes=raw.axes.replace(axis, name))
    return raw


def _merge_positions(raw: Raw) -> Raw:
    """Make one axis P of all that were imaged apart."""
    there = [a for a in raw.axes if NAMED.get(a) == "P"]
    for axis in there[1:]:
        raw = _merged(raw, there[0], axis)
    return replace(raw, axes=raw.axes.replace(there[0], "P")) if there else raw


def _name_axes(raw: Raw, like: str) -> Raw:
    """Take axes without a name, the pages of a plain TIFF, as Z, or else as T."""
    axes, notes = raw.axes, list(raw.notes)
    unnamed = [i for i, a in enumerate(axes) if a not in NAMED]
    if unnamed and len(axes) == len(like):
        said = (like[i] if i in unnamed else a for i, a in enumerate(axes))
        alike = "".join(said)
        if len(set(alike)) == len(alike):
            return replace(raw, axes=alike)
    for index in unnamed:
        free = [a for a in "ZT" if a not in axes]
        if not free:
            continue
        axes = axes[:index] + free[0] + axes[index + 1 :]
        what = {"Z": "depth (Z)", "T": "time (T)"}[free[0]]
        notes.append(
            f"an axis of {raw.array.shape[index]} pages without a name was taken as "
            f"{what}; --axes says otherwise"
        )
    return replace(raw, axes=axes, notes=tuple(notes))
