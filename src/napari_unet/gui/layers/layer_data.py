"""Images of the core as what napari makes layers of."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from napari_unet.data.images import ImageSeries
from napari_unet.decoding import bioformats

LayerData = tuple[Any, dict[str, Any], str]
SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "min": 60.0, "h": 3600.0, "d": 86400.0}


def image_layers(image: ImageSeries, seconds: float | None = None) -> list[LayerData]:
    """Return an image as napari's layers, one per channel, or one in colour.

    seconds : between two time points
    """
    at = image.axes.index("C")
    place = placed(image.axes.replace("C", ""), image.spacing, seconds)
    if image.rgb:
        data = np.moveaxis(image.array, at, -1)
        return [(data, {"name": image.name, "rgb": True, **place}, "image")]
    count = image.array.shape[at]
    limits = [_limits(image.array.take(i, axis=at)) for i in range(count)]
    if None not in limits:
        place["contrast_limits"] = limits if count > 1 else limits[0]
    if count == 1:
        data = image.array.take(0, axis=at)
        return [(data, {"name": image.name, "rgb": False, **place}, "image")]
    names = image.channels or [str(number) for number in range(count)]
    meta = {
        "name": [f"{image.name}: {name}" for name in names],
        "channel_axis": at,
        "rgb": False,
        **place,
    }
    return [(image.array, meta, "image")]


def _limits(array: np.ndarray) -> tuple[float, float] | None:
    """Return the least and the largest value; napari shows 8 bits as 0 to 255."""
    low, high = float(np.min(array)), float(np.max(array))
    return (low, high) if -math.inf < low < high < math.inf else None


def placed(
    axes: str, spacing: tuple[float, ...] | None, seconds: float | None = None
) -> dict[str, Any]:
    """Return scale, units and axis labels of a layer with `axes`, ``[T][Z]YX``."""
    sizes = dict(zip(axes.replace("T", ""), spacing or (), strict=False))
    units = dict.fromkeys(sizes, "µm")
    if seconds is not None and "T" in axes:
        sizes["T"], units["T"] = seconds, "s"
    return {
        "scale": tuple(sizes.get(axis, 1.0) for axis in axes),
        "units": tuple(units.get(axis, "pixel") for axis in axes),
        "axis_labels": tuple(axes.lower()),
    }


def frame_seconds(path: Path) -> float | None:
    """Return the seconds between two time points of a file; None where not known."""
    if path.suffix.lower() in bioformats.PLUGINS:
        return bioformats.frame_seconds(path)
    from tifffile import TiffFile

    with TiffFile(path) as tif:
        xml = tif.ome_metadata if tif.is_ome else None
    if not xml:
        return None
    for element in ElementTree.fromstring(xml).iter():
        if element.tag.rpartition("}")[2] == "Pixels":
            unit = SECONDS.get(element.get("TimeIncrementUnit", "s"), 0.0)
            try:
                step = float(element.get("TimeIncrement", "")) * unit
            except ValueError:
                return None  # not there, or no number
            return step if 0 < step < math.inf else None
    return None
