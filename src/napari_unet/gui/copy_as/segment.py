"""What reproduces a result as code."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from napari_unet.data.images import ImageSeries
from napari_unet.events import Control, Event
from napari_unet.gui.copy_as.command import segment_command
from napari_unet.gui.copy_as.press import SegmentPress
from napari_unet.gui.copy_as.python import segment_python
from napari_unet.gui.copy_as.same_file import same_file
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


def with_file(
    press: SegmentPress, path: Path | None, image: ImageSeries, control: Control
) -> Generator[Event, None, SegmentPress]:
    """Return a press with the path of its image, where that file holds it; long work.

    Parameters
    ----------
    path : Path, optional
        What the layer was read from.
    image : ImageSeries
        What the layer shows.
    """
    same = yield from same_file(path, image)
    return replace(press, path=same)
