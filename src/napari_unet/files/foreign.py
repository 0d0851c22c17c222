"""Labels of other programs in files that are not read, and how to convert them."""

from __future__ import annotations

from pathlib import Path

from napari_unet.files.rois import is_roi_zip

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
    rois = name.endswith(".roi") or (name.endswith(".zip") and is_roi_zip(path))
    if rois or name.endswith(".geojson"):
        program = "ImageJ" if rois else "QuPath"
        return (
            f"{program}'s outlines, which are converted first: napari-unet convert "
            f"{path.name} --image IMAGE --to {image_of(path)}_labels.tif"
        )
    return ""


def image_of(path: Path) -> str:
    """Return what the image of such a file is called."""
    if path.name.lower().endswith(SEG_NPY):
        return path.name[: -len(SEG_NPY)]
    return path.stem
