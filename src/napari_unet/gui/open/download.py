"""Data sets to download: commands of the menu and samples of napari."""

from __future__ import annotations

from functools import partial

import napari
import numpy as np
from napari.utils.notifications import show_info
from napari.viewer import Viewer  # napari looks at the annotations of commands

from napari_unet.events import Control, drain
from napari_unet.files.downloads import ARCHIVES, download
from napari_unet.gui.layers.layer_data import LayerData
from napari_unet.gui.open.open import open_source
from napari_unet.gui.open.reading import read_pairs

# napari takes a sample without layers for an error, but not an image without channels.
LATER: list[LayerData] = [(np.zeros((0, 1, 1), np.uint8), {"channel_axis": 0}, "image")]


def download_fluorescence(viewer: Viewer) -> None:
    """Download fluorescence nuclei and open them."""
    _open(viewer, "fluorescence")


def download_all_kinds(viewer: Viewer) -> None:
    """Download nuclei of all kinds of microscopy and open them."""
    _open(viewer, "all kinds")


def sample_fluorescence() -> list[LayerData]:
    """Open fluorescence nuclei as a sample."""
    return _sample("fluorescence")


def sample_all_kinds() -> list[LayerData]:
    """Open nuclei of all kinds of microscopy as a sample."""
    return _sample("all kinds")


def _sample(name: str) -> list[LayerData]:
    """Start the download; without a window, wait for it and return the layers."""
    viewer = napari.current_viewer()
    if viewer is not None:
        _open(viewer, name)
        return LATER
    found = drain(read_pairs(partial(download, name), Control()))
    return [layer for pair in found.pairs for layer in pair.layers()] if found else []


def _open(viewer: Viewer, name: str) -> None:
    archive = ARCHIVES[name]
    open_source(viewer, partial(download, name), archive.title)
    show_info(
        f"Getting {archive.megabytes:.0f} MB, once; the activity dock at the lower "
        "right shows how far it is"
    )
