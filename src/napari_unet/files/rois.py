"""Outlines as Fiji's ROI Manager keeps them; the extra ``roi`` brings roifile."""

from __future__ import annotations

import importlib
import re
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.atomic import atomic
from napari_unet.data.outlines import Outline, Polygon

# As we name them: the number of the object, and where it lies.
NAME = re.compile(r"(\d+)(-t\d+)?(-z\d+)?$")
# What has no inside.
OPEN = ("LINE", "FREELINE", "POLYLINE", "ANGLE", "POINT", "NOROI")
# Larger coordinates do not fit into ImageJ's integers.
MOST = 30_000


def check_roifile() -> None:
    """Raise a ValueError with the line that installs what reads and writes ROIs."""
    try:
        _roifile()
    except ImportError as error:
        raise ValueError(
            f"Fiji's ROIs need the extra roi ({error}); install from a checkout of "
            'napari-unet-live: pip install -e ".[roi]"'
        ) from None


def write_rois(path: Path, outlines: Iterable[Outline]) -> int:
    """Write outlines as a zip that Fiji's ROI Manager opens; returns how many.

    An older file is replaced. Each is called after its number, with ``-t1`` and ``-z1``
    (from 1, as in Fiji) behind it where there are time points and planes.
    """
    count = 0
    with (
        atomic(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file,
    ):
        for outline in outlines:
            name = _name(outline)
            file.writestr(f"{name}.roi", _roi(outline, name).tobytes())
            count += 1
    return count


def read_rois(path: Path) -> tuple[list[Outline], tuple[str, ...]]:
    """Read the outlines of a zip or a ``.roi`` file; notes say what was left out.

    Objects keep the numbers that we gave them; else they are numbered in their order.
    """
    found = _read(path)
    closed = [roi for roi in found if roi.roitype.name not in OPEN]
    closed = [roi for roi in closed if len(roi.coordinates()) > 2]
    notes = []
    if left := len(found) - len(closed):
        notes.append(f"points, lines and other ROIs without area were left out: {left}")
    names = [NAME.match(roi.name or "") for roi in closed]
    kept = all(names) and len({roi.name for roi in closed}) == len(closed)
    if closed and not kept:
        notes.append("its ROIs are numbered in their order")
    outlines = []
    for order, (roi, name) in enumerate(zip(closed, names, strict=True), start=1):
        number = int(name[1]) if kept and name else order
        where = _place(roi, name if kept else None)
        outlines.append(Outline(number or order, _polygons(roi), *where))
    return outlines, tuple(notes)


def is_roi_zip(path: Path) -> bool:
    """Return whether a zip holds ROIs and nothing else."""
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
    except (OSError, ValueError, zipfile.BadZipFile):
        return False
    return bool(names) and all(n.lower().endswith(".roi") for n in names)


def _name(outline: Outline) -> str:
    frame = "" if outline.frame is None else f"-t{outline.frame + 1}"
    plane = "" if outline.plane is None else f"-z{outline.plane + 1}"
    return f"{outline.number:04}{frame}{plane}"


def _roi(outline: Outline, name: str) -> Any:
    """Return a polygon, or a composite of several rings."""
    kind = _roifile()
    rings = [ring[:, ::-1] for polygon in outline.polygons for ring in polygon]
    far = any(ring.max() > MOST for ring in rings)
    points = rings[0].astype(np.float32) if far else rings[0]
    only = (i for i in (outline.plane, outline.frame) if i is not None)
    roi = kind.ImagejRoi.frompoints(
        points, name=name, position=next(only, None), z=outline.plane, t=outline.frame
    )
    roi.roitype = kind.ROI_TYPE.POLYGON
    if len(rings) > 1:
        roi.roitype = kind.ROI_TYPE.RECT
        roi.options &= ~kind.ROI_OPTIONS.SUB_PIXEL_RESOLUTION
        roi.integer_coordinates = roi.subpixel_coordinates = None
        roi.n_coordinates = 0
        roi.multi_coordinates = np.concatenate([_path(ring) for ring in rings])
        roi.shape_roi_size = len(roi.multi_coordinates)
    every = np.concatenate(rings)
    roi.left, roi.top = (int(v) for v in every.min(axis=0))
    roi.right, roi.bottom = (int(v) for v in every.max(axis=0))
    return roi


def _path(ring: np.ndarray) -> np.ndarray:
    """Return a ring as a path of ImageJ: move to, line to ..., close."""
    path = np.ones((len(ring), 3), np.float32)
    path[0, 0] = 0
    path[:, 1:] = ring
    return np.append(path.ravel(), np.float32(4))


def _read(path: Path) -> list[Any]:
    kind = _roifile()
    try:
        if not zipfile.is_zipfile(path):
            return [kind.ImagejRoi.frombytes(path.read_bytes())]
        with zipfile.ZipFile(path) as file:
            names = [n for n in file.namelist() if n.lower().endswith(".roi")]
            rois = [kind.ImagejRoi.frombytes(file.read(name)) for name in names]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(
            f"{path}: cannot be read as ROIs ({error}); save them again in Fiji's ROI "
            "Manager"
        ) from error
    count = Counter(roi.name for roi in rois)
    for roi, name in zip(rois, names, strict=True):
        if not roi.name or count[roi.name] > 1:
            roi.name = Path(name).stem
    return rois


def _polygons(roi: Any) -> list[Polygon]:
    rings = roi.coordinates(multi=True)
    return [[np.asarray(ring, float)[:, ::-1] for ring in rings if len(ring) > 2]]


def _place(roi: Any, name: re.Match[str] | None) -> tuple[int | None, int | None]:
    """Return time point and plane, from 0; None where it is not told."""
    if name is not None:
        t, z = (int(part[2:]) - 1 if part else None for part in (name[2], name[3]))
        return t, z
    frame = roi.t_position - 1 if roi.t_position else None
    plane = roi.z_position - 1 if roi.z_position else None
    if frame is None and plane is None and roi.position:
        plane = roi.position - 1
    return frame, plane


def _roifile() -> Any:
    return importlib.import_module("roifile")
