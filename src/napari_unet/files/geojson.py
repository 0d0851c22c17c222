"""Outlines as QuPath exports and imports them: GeoJSON, in px of the full image."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.atomic import atomic, reason
from napari_unet.data.outlines import Outline, Polygon

AREAS = ("Polygon", "MultiPolygon")


def write_geojson(
    path: Path,
    outlines: Iterable[Outline],
    properties: Mapping[int, Mapping[str, Any]] | None = None,
) -> int:
    """Write outlines as detections of QuPath, and return how many; replaces a file.

    properties : of objects by their numbers, as ``classification`` and ``measurements``
    """
    count = 0
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for outline in outlines:
            more = (properties or {}).get(outline.number, {})
            feature = json.dumps(_feature(outline, more), ensure_ascii=False)
            file.write(f"{',' if count else ''}\n{feature}")
            count += 1
        file.write("\n]}\n")
    return count


def read_geojson(path: Path) -> tuple[list[Outline], tuple[str, ...]]:
    """Read the areas in a GeoJSON file; notes say what was left out.

    Objects keep the numbers that they are called by; else they are numbered in their
    order.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path}: cannot be read as GeoJSON ({reason(error)}); export it again"
        ) from error
    found = content.get("features", [content]) if isinstance(content, dict) else content
    try:
        return _outlines(found)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{path}: holds no features of GeoJSON ({reason(error)}); export objects "
            "as GeoJSON from QuPath"
        ) from error


def _outlines(features: Any) -> tuple[list[Outline], tuple[str, ...]]:
    areas = [
        f for f in features if "olygon" in (f.get("geometry") or {}).get("type", "")
    ]
    notes = []
    if left := len(features) - len(areas):
        notes.append(
            f"features that are no areas, as points and lines, left out: {left}"
        )
    names = [str((f.get("properties") or {}).get("name") or "") for f in areas]
    kept = all(name.isdecimal() and int(name) for name in names)
    if areas and not kept:
        notes.append("its objects are numbered in their order")
    outlines = []
    for order, (feature, name) in enumerate(zip(areas, names, strict=True), start=1):
        geometry = feature["geometry"]
        plane = geometry.get("plane") or {}
        where = plane.get("t"), plane.get("z")
        number = int(name) if kept else order
        outlines.append(Outline(number, _polygons(geometry), *where))
    return outlines, tuple(notes)


def _polygons(geometry: Mapping[str, Any]) -> list[Polygon]:
    rings = geometry["coordinates"]
    parts = [rings] if geometry["type"] == "Polygon" else rings
    return [
        [np.array([p[:2] for p in ring], float)[:-1, ::-1] for ring in part]
        for part in parts
    ]


def _feature(outline: Outline, properties: Mapping[str, Any]) -> dict[str, Any]:
    parts = [
        [[*ring[:, ::-1].tolist(), ring[0, ::-1].tolist()] for ring in polygon]
        for polygon in outline.polygons
    ]
    one = len(parts) == 1
    geometry: dict[str, Any] = {
        "type": "Polygon" if one else "MultiPolygon",
        "coordinates": parts[0] if one else parts,
    }
    if outline.frame is not None or outline.plane is not None:
        z, t = outline.plane or 0, outline.frame or 0
        geometry["plane"] = {"c": -1, "z": z, "t": t}
    about = {"objectType": "detection", "name": str(outline.number), **properties}
    return {"type": "Feature", "geometry": geometry, "properties": about}
