"""TIFF of all kinds: plain, ImageJ, OME; their axes, spacing and completeness."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from napari_unet.files.axes import Raw

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

# A broken file makes tifffile log several lines before the one error that we raise.
# A null handler keeps those off the terminal; whoever sets up logging still sees them.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

DESCRIPTION = 270  # code of the tag that holds OME and ImageJ metadata

# Pixels of more µm than this come from a screen's or printer's default (72 dpi is
# 353 µm, 600 dpi 42 µm), not from a microscope.
LARGEST_PIXEL = 20.0

MICROMETRES = {
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
    **dict.fromkeys(("µm", "um", "micron", "microns", "micrometer", "micrometre"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("Å", "angstrom"), 1e-4),
    **dict.fromkeys(("in", "inch", "inches"), 25400.0),
}


def read_tiff(path: Path) -> Raw:
    """Read the first series of a TIFF at full resolution.

    A ValueError if pages or pixels are missing; other errors of the decoder pass
    through.
    """
    with _opened(path) as tif:
        return _decode(tif)


def header_spacing(path: Path) -> dict[str, float]:
    """Return µm per pixel by axis letter, as far as a TIFF's header says them."""
    with _opened(path) as tif:
        return _described(tif, tif.pages.first)[0]


@contextmanager
def _opened(path: Path) -> Iterator[TiffFile]:
    from tifffile import TiffFile, TiffFileError

    try:
        with TiffFile(path) as tif:
            yield tif
    except TiffFileError as error:  # a ValueError in recent versions only
        raise ValueError(str(error)) from error


def _decode(tif: TiffFile) -> Raw:
    from tifffile import PHOTOMETRIC

    series = tif.series[0]
    _check_complete(tif, series)
    array, axes, page = series.asarray(), series.axes, series.keyframe
    colour = page.photometric in (PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR)
    samples = array.shape[axes.index("S")] if "S" in axes else 0
    # Grey or RGB with alpha. An unnamed fourth channel of RGB is alpha, too.
    if samples in (2, 4) and page.extrasamples and (colour or page.extrasamples[-1]):
        samples -= 1
        array = array.take(range(samples), axis=axes.index("S"))
    spacing, channels = _described(tif, page)
    count = len(tif.series)
    return Raw(
        array,
        axes,
        spacing,
        colour and samples == 3,
        channels,
        (f"only the first of {count} image series was read",) if count > 1 else (),
    )


def _described(tif: TiffFile, page: Any) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return spacing and channel names, of OME, of ImageJ, or of the page's tags."""
    spacing: dict[str, float] = {}
    channels: tuple[str, ...] = ()
    if tif.is_ome and tif.ome_metadata:
        spacing, channels = _ome(tif.ome_metadata)
    elif tif.is_imagej and tif.imagej_metadata:
        spacing = _imagej(tif.imagej_metadata, _resolution(page))
    return spacing or _plain(page), channels


def _check_complete(tif: TiffFile, series: TiffPageSeries) -> None:
    """Raise a ValueError if the file ends before its data do.

    tifffile logs a broken chain of pages or a lost description and goes on, and some
    decoders fill up what is missing; a truncated stack must not pass for a short one.
    """
    _check_chain(tif)
    for page in series.pages:
        if page is None:
            raise ValueError("planes are missing")
        segments = zip(page.dataoffsets, page.databytecounts, strict=False)
        end = max((start + count for start, count in segments), default=0)
        size = page.parent.filehandle.size  # OME planes may lie in several files
        if end > size:
            raise ValueError(f"it has {size} bytes but its pixels end at {end}")
    if tif.is_imagej and tif.imagej_metadata:
        images = int(tif.imagej_metadata.get("images", 1))
        if series.size < images * series.keyframe.size:
            raise ValueError(f"some of its {images} slices are missing")


def _check_chain(tif: TiffFile) -> None:
    """Raise a ValueError if pages, or the first one's description, lie past the end."""
    file, layout = tif.filehandle, tif.tiff
    where = tif.pages.next_page_offset
    if where is not None:
        file.seek(where)
        if any(struct.unpack(layout.offsetformat, file.read(layout.offsetsize))):
            raise ValueError("pages are missing at its end")
    file.seek(tif.pages.first.offset)
    (count,) = struct.unpack(layout.tagnoformat, file.read(layout.tagnosize))
    codes = [
        struct.unpack(layout.byteorder + "H", file.read(layout.tagsize)[:2])[0]
        for _ in range(count)
    ]
    if DESCRIPTION in codes and DESCRIPTION not in tif.pages.first.tags:
        raise ValueError("its description lies past its end")


def _ome(xml: str) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return spacing and channel names of the first image of OME metadata."""
    spacing: dict[str, float] = {}
    names: list[str] = []
    pixels = next(
        (e for e in ElementTree.fromstring(xml).iter() if _tag(e) == "Pixels"), None
    )
    if pixels is None:
        return spacing, ()
    for axis in "ZYX":
        value = pixels.get(f"PhysicalSize{axis}")
        unit = pixels.get(f"PhysicalSize{axis}Unit", "µm")
        if value is not None:
            spacing |= _sensible({axis: float(value)}, unit)
    for element in pixels:
        if _tag(element) == "Channel":
            names.append(element.get("Name", ""))
    return spacing, tuple(names) if all(names) else ()


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _imagej(
    metadata: Mapping[str, Any], resolution: Mapping[str, float]
) -> dict[str, float]:
    """Return the spacing of ImageJ metadata; `resolution` in units per pixel."""
    unit = str(metadata.get("unit", ""))
    spacing = _sensible(resolution, unit)
    if spacing:
        # ImageJ leaves out the distance of slices where it is 1 unit.
        depth = abs(float(metadata.get("spacing", 1.0)))
        spacing |= _sensible({"Z": depth}, str(metadata.get("zunit", unit)))
    return spacing


def _plain(page: Any) -> dict[str, float]:
    """Return the spacing of the resolution tags, unless it is a screen's default."""
    tag = page.tags.get("ResolutionUnit")
    unit = {2: "inch", 3: "cm"}.get(0 if tag is None else int(tag.value), "")
    spacing = _sensible(_resolution(page), unit)
    return {} if any(v > LARGEST_PIXEL for v in spacing.values()) else spacing


def _resolution(page: Any) -> dict[str, float]:
    """Return units per pixel of the resolution tags, where both are there."""
    found = {}
    for axis in "YX":
        tag = page.tags.get(f"{axis}Resolution")
        if tag is None or not all(tag.value):
            return {}
        pixels, units = tag.value
        found[axis] = units / pixels
    return found


def _sensible(lengths: Mapping[str, float], unit: str) -> dict[str, float]:
    """Convert lengths to µm; nothing for an unknown unit or an impossible length."""
    # The micro sign comes as Greek mu, or escaped by Java; words in any case.
    unit = unit.strip().replace("\\u00B5", "µ").replace("μ", "µ")
    factor = MICROMETRES.get(unit, MICROMETRES.get(unit.lower(), 0.0))
    return {
        axis: value * factor
        for axis, value in lengths.items()
        if 0 < value * factor < np.inf
    }
