"""What reproduces a result as code."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from napari.layers import Image

from napari_unet.events import Control, Event
from napari_unet.gui.copy_as.command import segment_command
from napari_unet.gui.copy_as.press import SegmentPress
from napari_unet.gui.copy_as.python import segment_python
from napari_unet.gui.copy_as.same_file import same_file
from napari_unet.gui.layers.images import image_of
from napari_unet.gui.worker import Work
from napari_unet.models.store import find_model, read_header, read_weights
from napari_unet.reports.methods import segmentation_text


def segment_methods(press: SegmentPress) -> str:
    """Return what a paper says of a press.

    Raises
    ------
    ValueError
        If its model is gone.
    """
    header = read_header(read_weights(find_model(press.model)), press.model)
    return segmentation_text(Path(press.model).stem, header, press.config)


WRITERS = {
    "Python": segment_python,
    "command line": segment_command,
    "methods text": segment_methods,
}


def with_file(press: SegmentPress, layer: Image) -> Work[SegmentPress]:
    """Return the work that finds out whether a file holds the image of a press."""
    path = layer.source.path
    same = same_file(None if path is None else Path(path), image_of(layer, press.axes))

    def work(control: Control) -> Generator[Event, None, SegmentPress]:
        path = yield from same(control)
        return replace(press, path=path)

    return work
