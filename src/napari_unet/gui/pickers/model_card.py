"""The card of a model in a dock: its picture and what is known of it."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from napari.utils.notifications import show_info
from qtpy.QtCore import Qt
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_unet.events import Control, Event, Progress
from napari_unet.gui import worker
from napari_unet.gui.parts.dialogs import ask_new_file
from napari_unet.gui.parts.dock_widgets import lay_out, push_button, sentences
from napari_unet.gui.parts.form import Fold
from napari_unet.models.card import describe, in_short
from napari_unet.models.store import (
    SUFFIX,
    THUMBNAIL,
    read_extra,
    read_header,
    read_weights,
)

CARD_HELP = "The card of the model; the text can be copied."
TECHNICAL_HELP = "Thresholds, options of the training, versions."
SHARE_HELP = "Write the model as one file, for somebody else."


class Card(QWidget):
    """The picture and the card of a model, as text."""

    def __init__(self) -> None:
        super().__init__()
        self._path = ""
        self.picture = QLabel()
        self.picture.setContentsMargins(4, 0, 0, 0)  # where the text begins
        self.text = sentences(CARD_HELP, keyboard=True)
        self.technical = sentences(CARD_HELP, keyboard=True)
        self.fold = Fold("Technical", self.technical, TECHNICAL_HELP)
        self.share_button = push_button("Share...", SHARE_HELP, self._share)
        column = lay_out(QVBoxLayout(self), self.picture, self.text, self.fold)
        column.addWidget(self.share_button, alignment=Qt.AlignmentFlag.AlignLeft)

    def show_model(self, name: str, path: str) -> None:
        """Read the card of a model in a thread, and show it."""
        self._path = path
        self.picture.hide()
        self.fold.hide()
        self.text.setText("reading ...")
        worker.start(
            *(self, "reading", read_card, name, path),
            on_returned=self._fill,
            on_errored=self._fail,
        )

    def _fill(self, found: tuple[str, str, str, bytes]) -> None:
        path, text, technical, picture = found
        if path != self._path:  # another model was chosen meanwhile
            return
        self.text.setText(text)
        self.technical.setText(technical)
        self.fold.show()
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
        file = chosen.with_name(chosen.name.removesuffix(SUFFIX) + SUFFIX)
        if file != chosen and file.exists():  # the dialog asked about another name
            worker.report(ValueError(f"{file} is there already; choose another name"))
            return
        sharing = share, self._path, file
        worker.start(self, "sharing", *sharing, on_returned=self._shared)

    def _shared(self, path: Path) -> None:
        show_info(f"the model is in {path}")

    def _fail(self, error: Exception) -> None:
        self.text.setText("the card cannot be read")
        worker.report(error)


def read_card(
    name: str, path: str, control: Control
) -> Generator[Event, None, tuple[str, str, str, bytes]]:
    """Return a model's path, its card in short and in full, its picture; long work."""
    yield Progress("reading the card", 0)
    where = Path(path)
    header = read_header(read_weights(where), path)
    short, full = in_short(name, header), describe(name, header)
    picture = read_extra(where, THUMBNAIL) or b""
    return path, "\n".join(short), "\n".join(full), picture


def share(path: str, file: Path, control: Control) -> Generator[Event, None, Path]:
    """Write a model as one file; long work."""
    yield Progress("writing the model", 0)
    from napari_unet.models.model import Model

    return Model.load(path, "cpu").share(file)
