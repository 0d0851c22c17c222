"""What napari opens through this plugin: OME-TIFF, ND2, LIF, CZI and models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import napari
from napari.utils.notifications import show_info

from napari_unet.decoding import bioformats
from napari_unet.files.readers import read_images
from napari_unet.gui.layers.layer_data import LayerData, frame_seconds, image_layers

Reader = Callable[[str], list[LayerData] | list[tuple[None]]]

NOTHING: list[tuple[None]] = [(None,)]  # napari's word for "read, without a layer"


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Return what reads a file; None for what this plugin does not know."""
    if not isinstance(path, str):
        return None  # several files as one stack
    name = path.lower()
    if not Path(path).is_file():
        return None
    if name.endswith(".unetmodel"):
        return read_model
    if name.endswith((".ome.tif", ".ome.tiff", *bioformats.PLUGINS)):
        return read_layers
    return None


def read_layers(path: str) -> list[LayerData]:
    """Read images with their µm per pixel and channel names; one layer per channel.

    A ValueError if the file cannot be read.
    """
    layers: list[LayerData] = []
    for image in read_images(path):
        for note in image.notes:
            show_info(f"{image.name}: {note}")
        timed = "T" in image.axes and image.positions != 1
        layers += image_layers(image, frame_seconds(Path(path)) if timed else None)
    return layers


def read_model(path: str) -> list[tuple[None]]:
    """Choose a model in the segment dock; it makes no layer."""
    viewer = napari.current_viewer()
    if viewer is not None:
        from napari_unet.gui.open.open import choose_model

        choose_model(viewer, Path(path))
    return NOTHING
