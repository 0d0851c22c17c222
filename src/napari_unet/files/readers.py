"""One image file -> arrays with known axes, spacing in µm and channel names."""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_unet.atomic import reason
from napari_unet.files.axes import Raw, ordered
from napari_unet.files.bioformats import PLUGINS, check_installed, read_bioio
from napari_unet.files.png_jpeg import read_picture
from napari_unet.files.tiff import header_spacing, read_tiff

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


@dataclass(frozen=True)
class ImageFile:
    """The image of one file.

    Parameters
    ----------
    array : array, any real dtype in native byte order, bool as uint8
        With the axes of `axes`.
    axes : str
        ``[T]C[Z]YX``: channels are always there, the others where longer than 1.
    spacing : tuple of float, optional
        µm per pixel, one number for each of ``[Z]YX``.
    rgb : bool
        Whether the three channels are colours.
    channels : tuple of str
        Names of the channels, empty where not known.
    name : str
        File name without ``.tif``, ``.ome.tif``, ``.png`` ...
    notes : tuple of str
        What was assumed or left out, a sentence each.
    """

    array: np.ndarray
    axes: str
    spacing: tuple[float, ...] | None = None
    rgb: bool = False
    channels: tuple[str, ...] = ()
    name: str = ""
    notes: tuple[str, ...] = ()

    def select(self, channel: str | int) -> ImageFile:
        """Return the image with one channel only, chosen by name or number from 0.

        Raises
        ------
        ValueError
            If there is no such channel; the message lists those there are.
        """
        axis = self.axes.index("C")
        count = self.array.shape[axis]
        names = list(self.channels) or ["red", "green", "blue"] * self.rgb
        if channel in names:
            index = names.index(str(channel))
        elif str(channel).isdecimal() and int(channel) < count:
            index = int(channel)
        else:
            known = [
                f"{i} ({names[i]})" if i < len(names) else str(i) for i in range(count)
            ]
            raise ValueError(
                f"{self.name}: has no channel {channel!r}; choose one of "
                f"{', '.join(known)}"
            )
        return replace(
            self,
            array=self.array.take([index], axis=axis),
            rgb=False,
            channels=tuple(names[index : index + 1]),
        )


@dataclass(frozen=True)
class LabelFile:
    """The label image of one file.

    Parameters
    ----------
    array : array with the axes of `axes`
        The dtype is the file's (bool as uint8); the doctor finds what is no label.
    axes : str
        ``[T][Z]YX``, without axes of length 1.
    spacing : tuple of float, optional
        µm per pixel, one number for each of ``[Z]YX``.
    name : str
        File name without suffixes.
    notes : tuple of str
        What was assumed or left out, a sentence each.
    """

    array: np.ndarray
    axes: str
    spacing: tuple[float, ...] | None = None
    name: str = ""
    notes: tuple[str, ...] = ()


class Frame(NamedTuple):
    """One time point of a file: image (C, [Z,] Y, X), its name, the series' name."""

    image: np.ndarray
    name: str
    series: str


def stem(path: str | os.PathLike[str]) -> str:
    """Return a file's name without its suffix, ``.ome`` included.

    Examples
    --------
    >>> stem("folder/cells.ome.tif")
    'cells'
    """
    return re.sub(r"\.ome$", "", Path(path).stem, flags=re.IGNORECASE)


def read_image(path: str | os.PathLike[str]) -> ImageFile:
    """Read a PNG, JPEG, BMP or TIFF image; with the extra ``bioio`` ND2, LIF and CZI.

    RGBA becomes RGB; colour tables of PNG and BMP become RGB (grey where they are
    grey), those of TIFF are display settings and are left out. A page axis without a
    name is taken as Z, and a note says so.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    ImageFile

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
    return ImageFile(
        raw.array, raw.axes, spacing, raw.rgb, names, stem(path), raw.notes + notes
    )


def read_labels(path: str | os.PathLike[str]) -> LabelFile:
    """Read a label image: a one-channel PNG, BMP or TIFF.

    The numbers of an image with a colour table are its labels. A colour image is taken
    where its three channels are equal.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    LabelFile

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
    array = raw.array.take(0, axis=axis)
    for channel in range(1, raw.array.shape[axis]):
        if not (raw.rgb and np.array_equal(raw.array.take(channel, axis=axis), array)):
            raise ValueError(
                f"{path}: has {raw.array.shape[axis]} different channels, so it is no "
                "label image; labels are one channel of integers, 0 is background"
            )
    spacing, notes = _spacing(raw)
    axes = raw.axes.replace("C", "")
    return LabelFile(array, axes, spacing, stem(path), raw.notes + notes)


def read_spacing(path: str | os.PathLike[str]) -> dict[str, float]:
    """Read µm per pixel of a TIFF, by axis letter, from its header alone.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to float
        Of the axes Z, Y and X, those that the file tells; none if it cannot be read.
    """
    try:
        return header_spacing(Path(path))
    except DAMAGED:  # for an offer: whoever reads the pixels says what is wrong
        return {}


def frames(image: ImageFile) -> list[Frame]:
    """Cut the time axis into one entry an index; one entry where there is none.

    Parameters
    ----------
    image : ImageFile

    Returns
    -------
    list of Frame
        Views of the image; `series` is the file's name where there are several.
    """
    if "T" not in image.axes:
        return [Frame(image.array, image.name, "")]
    count = len(image.array)
    return [
        Frame(array, frame_name(image.name, index, count), image.name)
        for index, array in enumerate(image.array)
    ]


def frame_name(name: str, index: int, count: int) -> str:
    """Return what one of `count` time points of an image is called."""
    return f"{name}_t{index:0{len(str(count - 1))}}"


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
