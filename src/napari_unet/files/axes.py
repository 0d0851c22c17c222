"""The axes of a decoded file, put in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Raw:
    """A decoded file before its axes are put in order.

    axes : one letter per axis as the file has them, ``S`` for colours or samples.
    spacing : µm per pixel by axis letter, as far as known.
    rgb : whether ``S`` holds colours.
    """

    array: np.ndarray
    axes: str
    spacing: Mapping[str, float] = field(default_factory=dict)
    rgb: bool = False
    channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise a ValueError where a damaged header tells of other axes."""
        if self.array.ndim != len(self.axes):
            raise ValueError(
                f"shape {self.array.shape} does not fit the axes {self.axes or 'none'}"
            )


def ordered(raw: Raw, path: Path) -> Raw:
    """Put the axes in the order ``[T]C[Z]YX`` and the bytes in native order.

    There is a channel axis then, and no other of length 1; bool becomes uint8. A
    ValueError, which names the path, where values are no real numbers or the axes have
    no such order.
    """
    if raw.array.dtype.kind not in "buif":
        raise ValueError(
            f"{path}: {raw.array.dtype} values are no intensities; save real numbers"
        )
    raw = _name_axes(_merge_samples(_squeeze(raw)))
    axes, array = raw.axes, raw.array
    if "C" not in axes:
        array, axes = array[np.newaxis], "C" + axes
    order = [axes.index(a) for a in "TCZYX" if a in axes]
    if len(order) != len(axes) or not {"Y", "X"} <= set(axes):
        raise ValueError(
            f"{path}: axes {axes} of shape {array.shape} are not understood; save it "
            "with axes out of TCZYX"
        )
    array = np.ascontiguousarray(array.transpose(order))
    dtype = np.uint8 if array.dtype == bool else array.dtype.newbyteorder("=")
    axes = "".join(axes[i] for i in order)
    return replace(raw, array=array.astype(dtype, copy=False), axes=axes)


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
    array = np.moveaxis(raw.array, raw.axes.index("S"), -1)
    axes = raw.axes.replace("S", "")
    at = axes.index("C")
    array = np.moveaxis(array, -1, at + 1)
    array = array.reshape(*array.shape[:at], -1, *array.shape[at + 2 :])
    return replace(raw, array=array, axes=axes, rgb=False, channels=())


def _name_axes(raw: Raw) -> Raw:
    """Take axes without a name, the pages of a plain TIFF, as Z, or else as T."""
    axes, notes = raw.axes, list(raw.notes)
    for index, axis in enumerate(raw.axes):
        free = [a for a in "ZT" if a not in axes]
        if axis in "TCZYX" or not free:
            continue
        axes = axes[:index] + free[0] + axes[index + 1 :]
        what = {"Z": "depth (Z)", "T": "time (T)"}[free[0]]
        notes.append(
            f"an axis of {raw.array.shape[index]} pages without a name was taken as "
            f"{what}"
        )
    return replace(raw, axes=axes, notes=tuple(notes))
