"""The card of a model in a dock: its picture and what is known of it."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from napari.utils.notifications import show_info
from qtpy.QtCore import Qt
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unet.events import Control, Event, Progress
from napari_unet.gui import worker
from napari_unet.gui.parts.dialogs import ask_new_file
from napari_unet.models.card import describe
from napari_unet.models.store import SUFFIX, read_header, read_thumbnail, read_weights


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
        self.share_button = QPushButton("Share...")
        self.share_button.setToolTip("Write the model as one file, for somebody else.")
        self.share_button.clicked.connect(self._share)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.picture)
        column.addWidget(self.text)
        column.addWidget(self.share_button, alignment=Qt.AlignmentFlag.AlignLeft)

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

    def _share(self) -> None:
        name = f"{Path(self._path).stem}{SUFFIX}"
        chosen = ask_new_file(self, "Share the model", name, f"Models (*{SUFFIX})")
        if chosen is None:
            return
        path = self._path
        file = chosen.with_name(chosen.name.removesuffix(SUFFIX) + SUFFIX)
        if file != chosen and file.exists():  # the dialog asked about another name
            worker.report(ValueError(f"{file} is there already; choose another name"))
            return

        def work(control: Control) -> Generator[Event, None, Path]:
            from napari_unet.models.model import Model

            del control
            yield Progress("writing the model", 0)
            return Model.load(path, "cpu").share(file)

        worker.start("sharing", work, returned=self._shared)

    def _shared(self, path: Path) -> None:
        show_info(f"the model is in {path}")

    def _fail(self, error: Exception) -> None:
        self.text.setText("the card cannot be read")
        worker.report(error)
