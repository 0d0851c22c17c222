"""Copying what reproduces a result to the clipboard."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from napari.layers import Image
from napari.utils.notifications import show_info
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication

from napari_unet.events import Control, Event

from . import worker
from .code import segment_command, segment_python
from .layers import image_of
from .press import SegmentPress
from .segment_work import same_file

WRITERS = {"Python": segment_python, "command line": segment_command}


class Copier(QObject):
    """Writes the code of a press; whether a file holds the image is found in a job."""

    def copy(self, kind: str, press: SegmentPress, layer: Image) -> None:
        """Copy the code of a press on a layer.

        Parameters
        ----------
        kind : str
            "Python" or "command line".
        press : SegmentPress
        layer : Image layer
        """
        path = layer.source.path
        image = image_of(layer, press.axes)
        same = same_file(None if path is None else Path(path), image)

        def work(control: Control) -> Generator[Event, None, tuple[str, SegmentPress]]:
            path = yield from same(control)
            return kind, replace(press, path=path)

        worker.start("reading", work, returned=self._write)

    def _write(self, found: tuple[str, SegmentPress]) -> None:
        kind, press = found
        try:
            text = WRITERS[kind](press)
        except ValueError as error:
            worker.report(error)
            return
        QApplication.clipboard().setText(text)
        show_info(f"copied as {kind}: {len(text.splitlines())} lines")
