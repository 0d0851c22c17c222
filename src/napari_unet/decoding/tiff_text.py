"""What a TIFF says of itself: µm per pixel and names, of OME, of ImageJ, of tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import numpy as np

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


def ome(xml: str, index: int) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return spacing and channel names of one of the images of OME metadata."""
    spacing: dict[str, float] = {}
    names: list[str] = []
    all_pixels = [e for e in ElementTree.fromstring(xml).iter() if _tag(e) == "Pixels"]
    if not all_pixels:
        return spacing, ()
    pixels = all_pixels[min(index, len(all_pixels) - 1)]
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


def imagej(
    metadata: Mapping[str, Any], lengths: Mapping[str, float]
) -> dict[str, float]:
    """Return the spacing of ImageJ metadata; `lengths` in units per pixel."""
    unit = str(metadata.get("unit", ""))
    spacing = _sensible(lengths, unit)
    if spacing:
        # ImageJ leaves out the distance of slices where it is 1 unit.
        depth = abs(float(metadata.get("spacing", 1.0)))
        spacing |= _sensible({"Z": depth}, str(metadata.get("zunit", unit)))
    return spacing


def shaped(
    metadata: Mapping[str, Any], lengths: Mapping[str, float]
) -> dict[str, float]:
    """Return the spacing that tifffile writes, a plane's size and distance."""
    depth, unit = metadata.get("PhysicalSizeZ"), metadata.get("PhysicalSizeZUnit", "µm")
    if not lengths or not isinstance(depth, int | float):
        return dict(lengths)
    return {**_sensible({"Z": float(depth)}, str(unit)), **lengths}


def plain(page: Any) -> dict[str, float]:
    """Return the spacing of the resolution tags, unless it is a screen's default."""
    tag = page.tags.get("ResolutionUnit")
    unit = {2: "inch", 3: "cm"}.get(0 if tag is None else int(tag.value), "")
    spacing = _sensible(resolution(page), unit)
    return {} if any(v > LARGEST_PIXEL for v in spacing.values()) else spacing


def resolution(page: Any) -> dict[str, float]:
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
