"""The card of a model in a dock: its picture and what is known of it."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_unet.card import describe
from napari_unet.events import Control, Event, Progress
from napari_unet.model_file import read_header, read_thumbnail, read_weights

from . import worker


class Card(QWidget):
    """The picture and the card of a model, as text."""

    def __init__(self) -> None:
        super().__init__()
        self._path = ""
        self.picture = QLabel()
        self.picture.setContentsMargins(4, 0, 0, 0)  # where the text begins
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setToolTip("The card of the model; the text can be copied.")
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.picture)
        column.addWidget(self.text)

    def show_model(self, name: str, path: str) -> None:
        """Read the card of a model in a thread, and show it."""
        self._path = path
        self.picture.hide()
        self.text.setText("reading ...")

        def work(control: Control) -> Generator[Event, None, tuple[str, str, bytes]]:
            del control
            yield Progress("reading the card", 0)
            where = Path(path)
            text = describe(name, read_header(read_weights(where), path))
            return path, "\n".join(text), read_thumbnail(where) or b""

        worker.start("reading", work, returned=self._fill, errored=self._fail)

    def _fill(self, found: tuple[str, str, bytes]) -> None:
        path, text, picture = found
        if path != self._path:  # another model was chosen meanwhile
            return
        self.text.setText(text)
        pixels = QPixmap()
        if pixels.loadFromData(picture):
            wide = min(pixels.width(), 320)
            self.picture.setPixmap(
                pixels.scaledToWidth(wide, Qt.TransformationMode.SmoothTransformation)
            )
            self.picture.show()

    def _fail(self, error: Exception) -> None:
        self.text.setText("the card cannot be read")
        worker.report(error)
