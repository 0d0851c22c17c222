"""Stored numbers -> the grey values or colours that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

# Mean second difference of a colour table, of 1: at most .001 in the ramps that
# programs show grey images with (16 of matplotlib's), from .03 in colours chosen for a
# picture (stained tissue in 8 to 256 colours, three ways of choosing them).
ROUGH = 0.01

# What decoders leave as it is stored; JPEG and the like come as RGB.
PLAIN_COMPRESSION = {1, 5, 8, 32773, 32946, 50000}


def meant(array: np.ndarray, axes: str, page: Any) -> tuple[np.ndarray, str, bool]:
    """Return the values of TIFF pages as they are meant, their axes, and if colours.

    A ValueError if the colours are of a kind that is not known.
    """
    from tifffile import PHOTOMETRIC as KIND

    kind = page.photometric
    if kind == KIND.PALETTE and page.colormap is not None and "S" not in axes:
        colours = in_colours(array, np.asarray(page.colormap))
        if colours is None or colours.ndim == array.ndim:
            return (array if colours is None else colours), axes, False
        return colours, axes + "S", True
    if kind == KIND.MINISWHITE and not page.is_imagej and not page.parent.is_imagej:
        return inverted(array, int(page.bitspersample)), axes, False
    if "S" not in axes:
        return array, axes, False
    array = np.moveaxis(array, axes.index("S"), -1)
    axes = axes.replace("S", "") + "S"
    count = array.shape[-1]
    if kind == KIND.SEPARATED and count >= 4:
        return from_cmyk(array), axes, True
    if kind == KIND.YCBCR and page.compression in PLAIN_COMPRESSION and count >= 3:
        return from_ycbcr(array), axes, True
    if kind in (KIND.CIELAB, KIND.ICCLAB) and count >= 3:
        return from_lab(array, signed=kind == KIND.CIELAB), axes, True
    # Grey or RGB with alpha. An unnamed fourth channel of RGB is alpha, too.
    colour = kind in (KIND.RGB, KIND.YCBCR)
    extra = page.extrasamples
    if count in (2, 4) and extra and (colour or extra[-1]):
        array = array[..., : count - 1]
    return array, axes, colour and array.shape[-1] == 3


def in_colours(indices: np.ndarray, table: np.ndarray) -> np.ndarray | None:
    """Return the grey values or (..., 3) colours of a table; None: it is for display.

    A smooth ramp of colours shows a grey image, whose numbers are the intensities.

    indices : integers
    table : (3, N) of 16 bits
    """
    if indices.dtype.kind != "u" or not indices.size:
        return None
    low, high = int(indices.min()), int(indices.max())
    if high >= table.shape[1]:
        return None
    if (table[0] == table[1]).all() and (table[0] == table[2]).all():
        even = np.linspace(0, 65535, table.shape[1])
        ramp = np.abs(table[0] - even).max() <= 65535 / table.shape[1]
        return None if ramp else np.asarray(_bytes(table[0])[indices])
    used = table[:, low : high + 1] if high - low >= 3 else table
    if _is_ramp(used / 65535):
        return None
    return np.asarray(_bytes(table).T[indices])


def _is_ramp(table: np.ndarray) -> bool:
    steps = np.abs(np.diff(table, axis=1)).max(axis=0)
    posterised = np.mean(steps == 0) > 0.5 and (steps[-8:] == 0).any() and _even(steps)
    return bool(np.abs(np.diff(table, 2, axis=1)).mean() < ROUGH) or posterised


def _even(steps: np.ndarray) -> bool:
    """Whether the steps of a table in few colours are equally far apart."""
    where = np.flatnonzero(steps)
    return len(where) > 2 and bool(np.ptp(np.diff(where)) <= 1)


def _bytes(table: np.ndarray) -> np.ndarray:
    # Some programs write 8 bits where 16 are due.
    table = np.asarray(table)
    return (table if table.max() < 256 else table >> 8).astype(np.uint8)


def inverted(array: np.ndarray, bits: int) -> np.ndarray:
    """Return values of an image in which 0 is white so that 0 is black."""
    if array.dtype == bool:
        return ~array
    if array.dtype.kind == "u":
        most = np.array(min(2**bits - 1, np.iinfo(array.dtype).max), array.dtype)
        return np.asarray(most - array)
    return ~array if array.dtype.kind == "i" else -array


def from_cmyk(array: np.ndarray) -> np.ndarray:
    """Return (..., 3) RGB of (..., 4 or more) inks; as Pillow does it."""
    if array.dtype.kind != "u":
        raise ValueError(f"its CMYK colours are {array.dtype}; save it as RGB")
    most = int(np.iinfo(array.dtype).max)
    left = most - array[..., :4].astype(np.uint64)
    rgb: np.ndarray = (left[..., :3] * left[..., 3:] + most // 2) // most
    return rgb.astype(array.dtype)


def from_ycbcr(array: np.ndarray) -> np.ndarray:
    """Return RGB of YCbCr of 8 bits, full range (ITU-R BT.601)."""
    if array.dtype != np.uint8:
        raise ValueError(f"its YCbCr colours are {array.dtype}; save it as RGB")
    y, blue, red = np.moveaxis(array[..., :3].astype(np.float32), -1, 0)
    blue, red = blue - 128, red - 128
    rgb = y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue
    return _eight_bits(np.stack(rgb, axis=-1))


def from_lab(array: np.ndarray, signed: bool) -> np.ndarray:
    """Return RGB of CIE L*a*b* of 8 bits."""
    if array.dtype.itemsize != 1:
        raise ValueError(f"its L*a*b* colours are {array.dtype}; save it as RGB")
    from skimage.color import lab2rgb

    raw = np.ascontiguousarray(array[..., :3]).view(np.uint8)
    light = raw[..., :1] / 255 * 100
    ab = raw[..., 1:].view(np.int8) if signed else raw[..., 1:].astype(int) - 128
    lab = np.concatenate([light, ab], axis=-1)
    return _eight_bits(lab2rgb(lab) * 255)


def _eight_bits(values: np.ndarray) -> np.ndarray:
    whole: np.ndarray = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return whole
