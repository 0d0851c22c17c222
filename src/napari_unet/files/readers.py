"""One image file -> arrays with known axes, spacing in µm and channel names."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_unet.atomic import reason
from napari_unet.data.coded import decoded
from napari_unet.data.images import ImageSeries, LabelImage
from napari_unet.decoding import pictures, tiff
from napari_unet.decoding.axes import NAMED, Raw, ordered
from napari_unet.decoding.bioformats import PLUGINS, check_installed, read_bioio
from napari_unet.decoding.pictures import read_picture
from napari_unet.decoding.series import Entry, WrongSeries, choose
from napari_unet.decoding.tiff import header_axes, header_spacing, read_tiff
from napari_unet.labels import as_integers

SUFFIXES = (*pictures.SUFFIXES, *tiff.SUFFIXES, *PLUGINS)
KINDS = "PNG, JPEG, BMP, WebP, JPEG 2000, TIFF (slides too), ND2, LIF and CZI"
"""What the suffixes stand for."""

LOSSY = (".jpg", ".jpeg", ".webp", *pictures.JPEG_2000)
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

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


def read_image(
    path: str | os.PathLike[str],
    axes: str | None = None,
    series: str | None = None,
) -> ImageSeries:
    """Read an image: TIFF, PNG, JPEG, ...; with the extra ``bioio`` ND2, LIF and CZI.

    Pixels are taken as they are meant: RGBA and CMYK become RGB; colour tables become
    RGB (grey where they are grey), but for smooth ramps of colours in TIFF, which are
    display settings; 0 is black; the picture is turned as its orientation tag says. A
    page axis without a name is taken as Z, and a note says so.

    Parameters
    ----------
    path : path-like
    axes : str, optional
        What the axes of the file are, where it does not say: a letter of ``TPCZYXS``
        for each, in their order. P are positions, S colours.
    series : str, optional
        Which of several images in the file: its number from 0, or its name. None: the
        largest, never a thumbnail, label or overview of a slide.

    Returns
    -------
    ImageSeries
        Of several images in the file the first; :func:`read_images` reads all.

    Raises
    ------
    ValueError
        If the file is missing, of unknown kind, truncated or damaged, or `axes` or
        `series` do not fit it.
    """
    raw = next(_read(Path(path), series))
    image = _image(raw, Path(path), axes)
    if raw.several < 2:
        return image
    note = f"only the first of {raw.several} image series was read; --series chooses"
    return replace(image, notes=(*image.notes, note))


def read_images(
    path: str | os.PathLike[str],
    axes: str | None = None,
    series: str | None = None,
) -> Iterator[ImageSeries]:
    """Read the images of one file, one after the other.

    There are several in an OME-TIFF with several Image elements, or in a LIF; those of
    one kind and about one size are read. Their names end in ``_s0``, ``_s1`` ...

    path, axes, series : as for :func:`read_image`; `series` may be "all"
    """
    path = Path(path)
    for raw in _read(path, series):
        yield _image(raw, path, axes)


def _image(raw: Raw, path: Path, axes: str | None) -> ImageSeries:
    raw = ordered(raw, path, axes)
    axis = raw.axes.index("C")
    names = raw.channels if len(raw.channels) == raw.array.shape[axis] else ()
    spacing, notes = _spacing(raw)
    name = stem(path) if raw.number is None else f"{stem(path)}_s{raw.number}"
    return ImageSeries(
        *(raw.array, raw.axes, spacing, raw.rgb, names, name),
        notes=raw.notes + notes,
        positions=raw.positions,
        file_axes=raw.file_axes,
    )


def read_labels(
    path: str | os.PathLike[str], like: str = "", series: str | None = None
) -> LabelImage:
    """Read a label image: a one-channel PNG, BMP or TIFF.

    The numbers of an image with a colour table are its labels. Of a colour image with
    labels in one channel they are taken from that; where each object has a colour,
    each colour is a number. Floats that are whole become integers.

    Parameters
    ----------
    path : path-like
    like : str, optional
        The axes of the image, out of ``PTZYX``: what unnamed axes of the labels are.
    series : str, optional
        As for :func:`read_image`.

    Returns
    -------
    LabelImage

    Raises
    ------
    ValueError
        If the file cannot be read, has several channels, or is of a kind that changes
        numbers, as JPEG.
    """
    path = Path(path)
    if path.suffix.lower() in LOSSY:
        kind = "WebP" if path.suffix.lower() == ".webp" else "JPEG"
        raise ValueError(
            f"{path}: {kind} changes the numbers of labels; save them as PNG or TIFF"
        )
    raw = ordered(next(_read(path, series, indices=True)), path, like=like)
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
    alone = f"only the first of {raw.several} label images in the file was read"
    notes = (*raw.notes, *notes, *[told] * bool(told), *[alone] * (raw.several > 1))
    array = as_integers(array)
    return LabelImage(array, axes, spacing, stem(path), notes, raw.positions)


def read_axes(
    path: str | os.PathLike[str],
) -> tuple[tuple[int, ...], str, tuple[str, ...]]:
    """Read shape, axes and channels of a TIFF from its header alone.

    A letter of ``TPCZYXS`` for each axis, a space where it has no name. Of several
    images in the file the first that is read; nothing if it cannot be read.
    """
    try:
        shape, axes, channels = header_axes(Path(path))[0]
    except DAMAGED:  # for an offer, as above
        return (), "", ()
    return shape, "".join(NAMED.get(a, " ") for a in axes), channels


def read_spacing(path: str | os.PathLike[str]) -> dict[str, float]:
    """Read µm per pixel of a TIFF, by axis letter, from its header alone.

    Of the axes Z, Y and X, those that the file tells; none if it cannot be read.
    """
    try:
        return header_spacing(Path(path))
    except DAMAGED:  # for an offer: whoever reads the pixels says what is wrong
        return {}


def _read(path: Path, series: str | None, indices: bool = False) -> Iterator[Raw]:
    """Decode the images of a file; whatever is wrong becomes one sentence."""
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
        yield from _decoded(path, series, indices)
    except WrongSeries as error:
        raise WrongSeries(f"{path}: {error}") from None
    except DAMAGED as error:
        raise ValueError(
            f"{path}: cannot be read ({reason(error)}); check that it is complete and "
            f"really a {suffix[1:].upper()} file, or export it again"
        ) from error


def _decoded(path: Path, series: str | None, indices: bool) -> Iterator[Raw]:
    """Decode by content: a JPEG that is called PNG is read all the same."""
    if path.suffix.lower() in PLUGINS:
        yield from read_bioio(path, series)
        return
    with path.open("rb") as file:
        magic = file.read(4)
    if magic in TIFF_MAGIC or path.suffix.lower() in tiff.SUFFIXES:
        yield from read_tiff(path, series, indices)
        return
    choose([Entry(stem(path), ())], series)
    yield read_picture(path, indices)


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
