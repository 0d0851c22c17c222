"""Results on the disk: label images that keep their physical size, tables, JSON."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.atomic import atomic


def write_labels(
    path: str | os.PathLike[str],
    labels: np.ndarray,
    spacing: tuple[float, ...] | None = None,
    *,
    axes: str | None = None,
) -> None:
    """Write labels as a compressed TIFF that appears whole or not at all.

    Up to 65535 the labels are uint16 in an ImageJ file; above, or where the name ends
    in ``.ome.tif``, the file is OME-TIFF (ImageJ knows no 32-bit integers).

    Parameters
    ----------
    path : path-like
        The file, in a folder that exists; an older one is replaced.
    labels : ([P,] [T,] [Z,] Y, X) integer or bool array; P, T and Z in any order
    spacing : tuple of float, optional
        µm per pixel, one number a spatial axis.
    axes : str, optional
        One letter of ``PTZYX`` an axis; None: ``YX``, ``ZYX`` or ``TZYX``. Positions
        (P) are written as R, the letter that tifffile has for them.

    Raises
    ------
    ValueError
        If the labels are not such an array, or the file cannot be written.
    """
    import tifffile

    axes = axes or "TZYX"[4 - labels.ndim :]
    labels = _stored(labels, axes, Path(path).name)
    ome = Path(path).name.lower().endswith((".ome.tif", ".ome.tiff"))
    places = "P" in axes  # neither ImageJ nor OME knows them as an axis
    imagej = labels.dtype == np.uint16 and not ome and not places
    metadata: dict[str, Any] = {"axes": axes.replace("P", "R")}
    resolution = None
    if spacing is not None:
        size = dict(zip(axes.replace("P", "").replace("T", ""), spacing, strict=True))
        resolution = (1 / size["X"], 1 / size["Y"])
        if imagej:
            metadata |= {"unit": "um"} | ({"spacing": size["Z"]} if "Z" in size else {})
        else:
            for axis, value in size.items():
                metadata[f"PhysicalSize{axis}"] = value
                metadata[f"PhysicalSize{axis}Unit"] = "µm"
            resolution = (1e4 / size["X"], 1e4 / size["Y"])
    with atomic(path) as temporary:
        tifffile.imwrite(
            temporary,
            labels,
            imagej=imagej,
            ome=not imagej and not places,
            photometric="minisblack",
            compression="zlib",
            resolution=resolution,
            resolutionunit=None if imagej else "CENTIMETER",
            metadata=metadata,
        )


def write_json(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a dict as indented JSON that appears whole or not at all."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(
    path: str | os.PathLike[str],
    columns: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
) -> None:
    """Write rows as CSV that appears whole or not at all."""
    with (
        atomic(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _stored(labels: np.ndarray, axes: str, name: str) -> np.ndarray:
    """Check labels and return them as uint16 or uint32."""
    if labels.ndim not in (2, 3, 4, 5) or len(axes) != labels.ndim or labels.size == 0:
        raise ValueError(
            f"{name}: labels of shape {labels.shape} do not fit the axes {axes!r}; "
            "give ([P,] [T,] [Z,] Y, X)"
        )
    if labels.dtype.kind not in "uib":
        raise ValueError(
            f"{name}: labels are {labels.dtype}; convert them to integers first"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > np.iinfo(np.uint32).max:
        raise ValueError(
            f"{name}: labels run from {low} to {high} but a file holds 0 to 2**32 - 1; "
            "renumber them"
        )
    return labels.astype(np.uint16 if high <= np.iinfo(np.uint16).max else np.uint32)
