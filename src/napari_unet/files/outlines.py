"""Files of outlines: which there are, written from labels and read as labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.data.images import ImageSeries, LabelImage
from napari_unet.data.outlines import Outline, fill, outlines
from napari_unet.files.geojson import read_geojson, write_geojson
from napari_unet.files.readers import stem
from napari_unet.files.rois import check_roifile, read_rois, write_rois
from napari_unet.labels import LabelledObjects

EXPORTS = {"roi": "_rois.zip", "geojson": ".geojson"}
"""Kinds of outlines that segmenting writes, and how their files end."""

ROIS, GEOJSON = (".zip", ".roi"), (".geojson", ".json")


def are_outlines(path: Path) -> bool:
    """Return whether a file is one of outlines, by its name."""
    return path.suffix.lower() in (*ROIS, *GEOJSON)


def checked_exports(names: Iterable[str]) -> tuple[str, ...]:
    """Return kinds of outlines, if there are such; commas may join several.

    A ValueError if there is no such kind, or what writes it is not installed.
    """
    found = tuple(n.strip().lower() for name in names for n in name.split(","))
    for name in found:
        if name not in EXPORTS:
            raise ValueError(
                f"export {name!r} is not known; choose one of {', '.join(EXPORTS)}"
            )
    if "roi" in found:
        check_roifile()
    return tuple(dict.fromkeys(found))


def write_outlines(
    path: Path,
    labels: Any,
    axes: str | None = None,
    properties: Mapping[int, Mapping[str, Any]] | None = None,
) -> int:
    """Write the outlines of labels for Fiji (``.zip``) or QuPath (``.geojson``).

    labels, axes : as for :func:`~napari_unet.data.outlines.outlines`
    properties : of objects by their numbers, for QuPath

    Returns how many outlines there are; an older file is replaced.
    """
    found = outlines(labels, axes)
    if path.suffix.lower() == ".zip":
        check_roifile()
        return write_rois(path, found)
    if path.suffix.lower() in GEOJSON:
        return write_geojson(path, found, properties)
    raise ValueError(
        f"{path}: outlines are written as .zip (Fiji) or .geojson (QuPath); give the "
        "file one of these suffixes"
    )


def read_outlines(path: Path, image: ImageSeries | None = None) -> LabelImage:
    """Read outlines as labels.

    Parameters
    ----------
    path : path
        A ``.zip`` or ``.roi`` of Fiji, or GeoJSON.
    image : ImageSeries, optional
        Whose labels they are: the shape and the spacing. None: as large as it takes to
        hold them all.

    Raises
    ------
    ValueError
        If the file cannot be read, or holds no outlines.
    """
    if not path.is_file():
        raise ValueError(f"{path}: does not exist; give the path of a file of outlines")
    if path.suffix.lower() in ROIS:
        check_roifile()
        found, notes = read_rois(path)
    else:
        found, notes = read_geojson(path)
    if not found:
        raise ValueError(f"{path}: holds no outlines; draw some and save them again")
    if image is None:
        axes, shape = _extent(found)
        notes = (*notes, "how large the image is, is not told; --image tells it")
        array, several = fill(found, shape, axes)
        spacing = None
    else:
        axes, shape = image.axes.replace("C", ""), image.shape
        found = [_on(outline, axes) for outline in found]
        array, several = fill(found, shape, axes)
        spacing = image.spacing
        lost = {o.number for o in found} - set(LabelledObjects(array).ids.tolist())
        if lost:
            notes = (*notes, f"objects outside of the image, or hidden: {len(lost)}")
    if several:
        notes = (*notes, f"pixels of several objects went to the first: {several:,}")
    positions = 0 if image is None else image.positions
    return LabelImage(array, axes, spacing, stem(path), notes, positions)


def _extent(found: list[Outline]) -> tuple[str, tuple[int, ...]]:
    """Return the axes and the shape that hold all outlines."""
    corners = [ring.max(axis=0) for o in found for part in o.polygons for ring in part]
    shape = np.ceil(np.max(corners, axis=0)).astype(int).clip(1).tolist()
    axes = "YX"
    for axis, name in (("Z", "plane"), ("T", "frame")):
        most = max(getattr(o, name) or 0 for o in found)
        if most:
            axes, shape = axis + axes, [most + 1, *shape]
    return axes, tuple(shape)


def _on(outline: Outline, axes: str) -> Outline:
    """Return an outline on an image; ImageJ has one number for a lone axis."""
    frame, plane = outline.frame, outline.plane
    if "T" in axes and "Z" not in axes and frame is None:
        frame, plane = plane, None
    if "Z" not in axes:
        plane = None
    if "T" not in axes:
        frame = None
    return Outline(outline.number, outline.polygons, frame, plane)
