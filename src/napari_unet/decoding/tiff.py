"""TIFF of all kinds: which series and axes are read, in full and as meant."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.decoding.axes import Raw, turned
from napari_unet.decoding.page_names import meaning_of, named_pages
from napari_unet.decoding.pixels import meant
from napari_unet.decoding.series import Entry, choose
from napari_unet.decoding.tiff_text import imagej, ome, plain, resolution, shaped

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

# A broken file makes tifffile log several lines before the one error that we raise.
# A null handler keeps those off the terminal; whoever sets up logging still sees them.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

DESCRIPTION = 270  # code of the tag that holds OME and ImageJ metadata
ORIENTATION = 274

# All that tifffile reads and people have; the first two come first where it is said.
SUFFIXES = (
    *(".tif", ".tiff", ".btf", ".tf2", ".tf8", ".ptif", ".ptiff", ".lsm", ".stk"),
    *(".svs", ".qptiff", ".qpi", ".ndpi", ".scn", ".bif", ".zif", ".gel"),
)


def read_tiff(path: Path, series: str | None, indices: bool = False) -> Iterator[Raw]:
    """Read series of a TIFF at full resolution, one after the other.

    series : which, as for :func:`napari_unet.decoding.series.choose`
    indices : keep the numbers of a label image: no colour table, nothing inverted

    A ValueError if pages or pixels are missing; other errors of the decoder pass
    through.
    """
    with _opened(path) as tif:
        there = _of_this_file(tif)
        chosen, note = choose([_entry(s) for s in there], series)
        if not chosen:
            raise ValueError("it holds no image")
        for number in chosen:
            raw = _decode(tif, there, number, indices)
            yield _told(raw, number, note, len(chosen), series, len(there))


def header_spacing(path: Path) -> dict[str, float]:
    """Return µm per pixel by axis letter, as far as a TIFF's header says them."""
    with _opened(path) as tif:
        return _described(tif, tif.pages.first, 0)[0]


def header_axes(
    path: Path, series: str | None = None
) -> list[tuple[tuple[int, ...], str, tuple[str, ...]]]:
    """Return shape, axes and names of channels of each series that would be read."""
    with _opened(path) as tif:
        there = _of_this_file(tif)
        chosen, _ = choose([_entry(s) for s in there], series)
        found = []
        for number in chosen:
            one = there[number]
            axes, names = _axes(tif, one)
            position = tif.series.index(one)
            names = names or _described(tif, one.keyframe, position)[1]
            found.append((tuple(one.shape), axes, names))
        return found


@contextmanager
def _opened(path: Path) -> Iterator[TiffFile]:
    from tifffile import TiffFile, TiffFileError

    try:
        with TiffFile(path) as tif:
            if tif.series:
                yield tif
                return
        with TiffFile(path, is_ndpi=False) as tif:  # one that is only called so
            yield tif
    except TiffFileError as error:  # a ValueError in recent versions only
        raise ValueError(str(error)) from error


def _of_this_file(tif: TiffFile) -> list[TiffPageSeries]:
    """Return the series; of an OME set of several files, those that lie in this one."""
    here = [s for s in tif.series if s.keyframe.parent is tif]
    return here or list(tif.series)


def _entry(series: TiffPageSeries) -> Entry:
    sizes = zip(series.shape, series.axes, strict=True)
    samples = [n for n, a in zip(series.shape, series.axes, strict=True) if a == "S"]
    page = series.keyframe
    kind = (series.dtype, samples, page.photometric)
    shape = tuple(n for n, a in sizes if a != "S")
    return Entry(series.name, shape, kind, bool(page.is_reduced))


def _told(
    raw: Raw, number: int, note: str, chosen: int, series: str | None, count: int
) -> Raw:
    """Add what was left out, and the number where it tells one image from others."""
    apart = count > 1 and (chosen > 1 or series is not None)
    notes = (*raw.notes, *([note] if note else ()))
    number_told = number if apart else None
    return replace(raw, notes=notes, number=number_told, several=chosen)


def _decode(
    tif: TiffFile, there: list[TiffPageSeries], number: int, indices: bool
) -> Raw:
    series = there[number]
    _check_complete(tif, series)
    page, position = series.keyframe, tif.series.index(series)
    axes, names = _axes(tif, series)
    array, rgb = series.asarray(), False
    if not (indices and "S" not in axes):
        array, axes, rgb = meant(array, axes, page)
    spacing, channels = _described(tif, page, position)
    raw = Raw(array, axes, spacing, rgb, names or channels)
    tag = page.tags.get(ORIENTATION)
    return raw if tag is None else turned(raw, int(tag.value))


def _axes(tif: TiffFile, series: TiffPageSeries) -> tuple[str, tuple[str, ...]]:
    """Return the axes of a series, with what its pages say of themselves."""
    axes = series.axes
    count = len(series.pages)
    unnamed = [i for i, a in enumerate(axes) if a in "IQ"]
    if series.kind == "imagej":
        return axes, _imagej_channels(tif, axes, series.shape)
    if len(unnamed) == 1 and series.shape[unnamed[0]] == count:
        letter, names = named_pages(series.pages)
        if letter and letter not in axes:
            return axes[: unnamed[0]] + letter + axes[unnamed[0] + 1 :], names
        return axes, ()
    if series.kind == "qpi" and "C" in axes and series.shape[axes.index("C")] == count:
        letter, names = named_pages(series.pages)
        return axes, names if letter == "C" else ()
    return axes, ()


def _imagej_channels(
    tif: TiffFile, axes: str, shape: tuple[int, ...]
) -> tuple[str, ...]:
    """Return the names of slices where each is a channel."""
    labels = (tif.imagej_metadata or {}).get("Labels")
    if not isinstance(labels, list) or "C" not in axes or set(axes) & set("TZ"):
        return ()
    names = [str(label).partition("\n")[0].strip() for label in labels]
    if len(names) != shape[axes.index("C")] or len(set(names)) < len(names):
        return ()
    letter, found = meaning_of(names) if all(names) else ("", ())
    return found if letter == "C" else ()


def _described(
    tif: TiffFile, page: Any, position: int
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return spacing and channel names, of OME, of ImageJ, or of the page's tags."""
    spacing: dict[str, float] = {}
    channels: tuple[str, ...] = ()
    if tif.is_ome and tif.ome_metadata:
        spacing, channels = ome(tif.ome_metadata, position)
    elif tif.is_imagej and tif.imagej_metadata:
        spacing = imagej(tif.imagej_metadata, resolution(page))
    elif tif.is_shaped and tif.shaped_metadata:
        spacing = shaped(tif.shaped_metadata[0], plain(page))
    return spacing or plain(page), channels


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
