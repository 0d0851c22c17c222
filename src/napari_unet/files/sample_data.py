"""The sample images that come with the package; napari's menu opens them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

LayerData = tuple[np.ndarray, dict[str, Any], str]


def nuclei_2d() -> list[LayerData]:
    """Return nuclei under a fluorescence microscope, many of them touching.

    Returns
    -------
    list of (data, metadata, layer type)
        A (Y, X) uint16 image and its uint16 labels. :func:`folder` leads to more images
        of this kind.
    """
    images = folder("nuclei")
    return _layers(
        "nuclei",
        images / "images" / "nuclei_04.tif",
        images / "labels" / "nuclei_04.tif",
        axes="yx",
        scale=(0.325, 0.325),
    )


def nuclei_3d() -> list[LayerData]:
    """Return a (Z, Y, X) uint8 confocal stack of nuclei and its uint16 labels."""
    return _named("nuclei_3d", axes="zyx", scale=(0.5, 0.25, 0.25))


def timelapse() -> list[LayerData]:
    """Return moving nuclei, one of which divides.

    Returns
    -------
    list of (data, metadata, layer type)
        A (T, Y, X) uint8 film and its uint16 labels; a nucleus keeps its label, the two
        daughters get new ones.
    """
    return _named("timelapse", axes="tyx", scale=(300, 0.5, 0.5))


def tissue() -> list[LayerData]:
    """Return (Y, X, 3) uint8 tissue in haematoxylin and eosin and its uint16 labels."""
    return _named("tissue", axes="yx", scale=(0.5, 0.5))


def immunohistochemistry() -> list[LayerData]:
    """Return the (Y, X, 3) uint8 real tissue that scikit-image ships; no labels."""
    from skimage import data

    picture: Any = data.immunohistochemistry
    meta = {"name": "immunohistochemistry", "rgb": True, "axis_labels": ("y", "x")}
    return [(picture(), meta, "image")]


def folder(name: str) -> Path:
    """Return a folder of sample images, with ``images`` and ``labels`` in it.

    Parameters
    ----------
    name : str
        ``"nuclei"``, eight images to train on, or ``"nuclei/test"``, two others of the
        same kind.

    Raises
    ------
    ValueError
        If there is no such folder.
    """
    path = _root() / name
    if not (path / "images").is_dir():
        raise ValueError(
            f"no sample folder is called {name!r}; choose nuclei or nuclei/test"
        )
    return path


def _root() -> Path:
    here = Path(__file__).parents[1]
    installed = here / "_sample_data"
    # A checkout keeps the samples beside `src`.
    return installed if installed.is_dir() else here.parents[1] / "sample_data"


def _named(name: str, axes: str, scale: tuple[float, ...]) -> list[LayerData]:
    image, labels = _root() / f"{name}.tif", _root() / f"{name}_labels.tif"
    return _layers(name.replace("_", " "), image, labels, axes, scale)


def _layers(
    name: str, image: Path, labels: Path, axes: str, scale: tuple[float, ...]
) -> list[LayerData]:
    """Read an image and its labels into layers that lie on each other.

    scale : µm along z, y and x, seconds along t.
    """
    import tifffile

    data = tifffile.imread(image)
    where = {
        "scale": scale,
        "units": tuple("s" if axis == "t" else "µm" for axis in axes),
        "axis_labels": tuple(axes),
    }
    rgb = data.ndim > len(axes)
    return [
        (data, {"name": name, "rgb": rgb, **where}, "image"),
        (tifffile.imread(labels), {"name": f"{name} labels", **where}, "labels"),
    ]
