"""Layers as JSON: what they are called, where they lie and how they look; no Qt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_unet.files.readers import read_images
from napari_unet.gui.layers.axes import KEY, full
from napari_unet.gui.layers.layer_data import image_layers
from napari_unet.gui.layers.meanings import MEANING, said_of
from napari_unet.gui.layers.pairing import ours

PLACE = ("scale", "translate", "rotate", "shear", "affine")
LOOK = {
    Image: ("contrast_limits", "gamma", "opacity", "blending", "visible"),
    Labels: ("contour", "opacity", "visible", "brush_size", "selected_label"),
}


def described(layer: Image | Labels) -> dict[str, Any]:
    """Return what a layer is beside its values; what JSON knows no word for is left."""
    kind = Labels if isinstance(layer, Labels) else Image
    told = {
        "name": layer.name,
        "axis_labels": list(layer.axis_labels),
        "units": [str(unit) for unit in layer.units],
        **{name: np.asarray(getattr(layer, name)).tolist() for name in PLACE},
        **{name: _plain(getattr(layer, name)) for name in LOOK[kind]},
        "metadata": {KEY: _jsonable(ours(layer))},
    }
    if kind is Labels:  # also what its origin told, which is lost
        said = {n: v for n, v in vars(said_of(layer)).items() if v is not None}
        told["metadata"][KEY][MEANING] = said
    if kind is Image:
        told |= {"rgb": bool(layer.rgb), "colormap": layer.colormap.name}
    return told


def source(layer: Image) -> dict[str, str] | None:
    """Return the file of an image and what reads it; None: it came from no file."""
    if "file" in ours(layer):
        return {"file": str(ours(layer)["file"]), "reader": ""}
    path, reader = layer.source.path, layer.source.reader_plugin
    if not path or layer.source.parent is not None:  # made from another layer
        return None
    return {"file": str(path), "reader": str(reader or "napari")}


def add(viewer: Viewer, array: Any, told: Mapping[str, Any], kind: str) -> Any:
    """Add a layer as it was described."""
    if kind == "image":
        return viewer.add_image(array, **told)
    told = dict(told)
    brush = {n: told.pop(n) for n in ("brush_size", "selected_label", "contour")}
    layer = viewer.add_labels(array, **told)
    for name, value in brush.items():
        setattr(layer, name, value)
    return layer


def open_image(viewer: Viewer, told: Mapping[str, Any]) -> Image:
    """Open the file of an image anew; a ValueError if it holds no such image.

    Other layers of the file are not kept.
    """
    look, shape = told["layer"], tuple(told["shape"])
    if told["reader"]:
        layers = viewer.open(told["file"], plugin=told["reader"])
    else:
        layers = []
        for image in read_images(told["file"]):
            ((data, meta, _),) = image_layers(image)
            added = viewer.add_image(data, **meta)
            layers += added if isinstance(added, list) else [added]
    alike = [y for y in layers if tuple(full(y).shape) == shape]
    named = [y for y in alike if y.name.split(" [")[0] == look["name"].split(" [")[0]]
    found = (named or alike or [None])[0]
    for layer in layers:
        if layer is not found:
            viewer.layers.remove(layer)
    if found is None:
        raise ValueError(
            f"{told['file']}: holds no image of shape {shape} any more; labels alone "
            "come back"
        )
    for name, value in look.items():
        if name not in ("rgb", "metadata"):
            setattr(found, name, value)
    found.metadata = {**found.metadata, **look["metadata"]}
    return found


def _plain(value: Any) -> Any:
    """Return numbers and words as JSON has them."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value if isinstance(value, bool | int | float) else str(value)


def _jsonable(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what can be written; places of other things are left out."""
    kept = {}
    for key, value in told.items():
        try:
            kept[key] = json.loads(json.dumps(value))
        except TypeError:
            continue
    return kept
