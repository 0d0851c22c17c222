"""One image file -> arrays with known axes, spacing in µm and channel names."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import numpy as np

from napari_unet.atomic import reason
from napari_unet.data.coded import decoded
from napari_unet.data.images import ImageSeries, LabelImage
from napari_unet.files.axes import Raw, ordered
from napari_unet.files.bioformats import PLUGINS, check_installed, read_bioio
from napari_unet.files.png_jpeg import read_picture
from napari_unet.files.tiff import header_spacing, read_tiff
from napari_unet.labels import as_integers

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", *PLUGINS)

# What Pillow, tifffile and imagecodecs raise on truncated and damaged files (found by
# cutting and overwriting files of every kind); imagecodecs' errors are RuntimeErrors.
DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    SyntaxError,
    MemoryError,
    struct.error,
)


def stem(path: str | os.PathLike[str]) -> str:
    """Return a file's name without its suffix, ``.ome`` included.

    Examples
    --------
    >>> stem("folder/cells.ome.tif")
    'cells'
    """
    return re.sub(r"\.ome$", "", Path(path).stem, flags=re.IGNORECASE)


def read_image(path: str | os.PathLike[str]) -> ImageSeries:
    """Read a PNG, JPEG, BMP or TIFF image; with the extra ``bioio`` ND2, LIF and CZI.

    RGBA becomes RGB; colour tables of PNG and BMP become RGB (grey where they are
    grey), those of TIFF are display settings and are left out. A page axis without a
    name is taken as Z, and a note says so.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    ImageSeries

    Raises
    ------
    ValueError
        If the file is missing, of unknown kind, truncated or damaged.
    """
    path = Path(path)
    raw = ordered(_read(path), path)
    axis = raw.axes.index("C")
    names = raw.channels if len(raw.channels) == raw.array.shape[axis] else ()
    spacing, notes = _spacing(raw)
    return ImageSeries(
        raw.array, raw.axes, spacing, raw.rgb, names, stem(path), raw.notes + notes
    )


def read_labels(path: str | os.PathLike[str]) -> LabelImage:
    """Read a label image: a one-channel PNG, BMP or TIFF.

    The numbers of an image with a colour table are its labels. Of a colour image with
    labels in one channel they are taken from that; where each object has a colour,
    each colour is a number. Floats that are whole become integers.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    LabelImage

    Raises
    ------
    ValueError
        If the file cannot be read, has several channels, or is a JPEG.
    """
    path = Path(path)
    if path.suffix.lower() in (".jpg", ".jpeg"):
        raise ValueError(
            f"{path}: JPEG changes the numbers of labels; save them as PNG or TIFF"
        )
    raw = ordered(_read(path, indices=True), path)
    axis = raw.axes.index("C")
    found = decoded(np.moveaxis(raw.array, axis, 0), raw.rgb)
    if found is None and raw.array.shape[axis] > 1:
        raise ValueError(
            f"{path}: has {raw.array.shape[axis]} different channels, so it is no "
            "label image; labels are one channel of integers, 0 is background"
        )
    array, told = found or (raw.array.take(0, axis=axis), "")
    spacing, notes = _spacing(raw)
    axes = raw.axes.replace("C", "")
    notes = (*raw.notes, *notes, *[told] * bool(told))
    return LabelImage(as_integers(array), axes, spacing, stem(path), notes)


def read_spacing(path: str | os.PathLike[str]) -> dict[str, float]:
    """Read µm per pixel of a TIFF, by axis letter, from its header alone.

    Of the axes Z, Y and X, those that the file tells; none if it cannot be read.
    """
    try:
        return header_spacing(Path(path))
    except DAMAGED:  # for an offer: whoever reads the pixels says what is wrong
        return {}


def _read(path: Path, indices: bool = False) -> Raw:
    """Decode a file; whatever is wrong with it becomes one sentence."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"{path}: {suffix or 'no suffix'} is not a known kind of image; use one of "
            f"{' '.join(SUFFIXES)}"
        )
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise ValueError(f"{path}: {problem}; give the path of an image file")
    if suffix in PLUGINS:
        check_installed(path)
    try:
        if path.stat().st_size == 0:
            raise ValueError("it is empty")
        if suffix in PLUGINS:
            return read_bioio(path)
        return read_tiff(path) if "tif" in suffix else read_picture(path, indices)
    except DAMAGED as error:
        raise ValueError(
            f"{path}: cannot be read ({reason(error)}); check that it is complete and "
            f"really a {suffix[1:].upper()} file, or export it again"
        ) from error


def _spacing(raw: Raw) -> tuple[tuple[float, ...] | None, tuple[str, ...]]:
    axes = [a for a in raw.axes if a in "ZYX"]
    missing = [a for a in axes if a not in raw.spacing]
    if not missing:
        return tuple(raw.spacing[a] for a in axes), ()
    if len(missing) == len(axes):
        return None, ()
    return None, (
        f"the size of a pixel along {' and '.join(missing)} is not in the file, so "
        "no spacing is used",
    )
