"""Labels of other programs in files that are not read, and how to convert them."""

from __future__ import annotations

import zipfile
from pathlib import Path

SEG_NPY = "_seg.npy"


def how_to_convert(path: Path) -> str:
    """Return what a file is and what to do; "" if it is none that is known.

    Nothing of it is read but the names in a zip.
    """
    name = path.name.lower()
    if name.endswith(SEG_NPY):
        return (
            "Cellpose's own file, which is not read, as it could run programs; in "
            f"Cellpose, File > Save masks as PNG/tif writes {image_of(path)}_cp_masks, "
            "which is read"
        )
    if name.endswith(".roi") or (name.endswith(".zip") and _is_roi_zip(path)):
        return (
            "ImageJ's outlines, which are not read; in Fiji open the image and this in "
            "the ROI Manager, then Plugins > BIOP > ROIs to Label Image, and save "
            f"{image_of(path)}_labels.tif"
        )
    return ""


def image_of(path: Path) -> str:
    """Return what the image of such a file is called."""
    if path.name.lower().endswith(SEG_NPY):
        return path.name[: -len(SEG_NPY)]
    return path.stem


def _is_roi_zip(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
    except (OSError, ValueError, zipfile.BadZipFile):
        return False
    return bool(names) and all(n.lower().endswith(".roi") for n in names)
