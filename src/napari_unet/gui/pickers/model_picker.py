"""The models that a user can choose: built in, trained here, or added as a file."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from qtpy.QtCore import QObject, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.gui import worker
from napari_unet.gui.parts.dialogs import ask_file, ask_folder
from napari_unet.gui.parts.dock_widgets import lay_out
from napari_unet.gui.pickers.model_card import Card
from napari_unet.gui.preferences import preferences
from napari_unet.models.store import BUILT_IN, SUFFIX, WEIGHTS, classifier_of

NONE_YET = "no model yet"
SCRATCH = "from scratch"


@dataclass(frozen=True)
class Entry:
    """A model in the menu: its name, where it is, and where it comes from."""

    name: str
    path: str
    kind: Literal["built in", "trained", "file"]


class Models(QObject):
    """The models of this process, the same in all docks; see :func:`models`."""

    changed = Signal()
    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.chosen_path: str | None = None
        self._added: list[str] = []

    def entries(self) -> list[Entry]:
        """Return the models that are there now: trained ones newest first."""
        found = _built_in()
        found += [Entry(p.name, str(p), "trained") for p in _trained()]
        listed = {entry.path for entry in found}
        for path in self._added:
            if path not in listed and Path(path).exists():
                found.append(Entry(Path(path).stem, path, "file"))
        return found

    def add(self, path: str | Path) -> str:
        """Add a model folder or file to the menus and return its path in there.

        Raises
        ------
        ValueError
            If it is no model.
        """
        where = Path(path).resolve()
        if where.is_dir() and not (where / WEIGHTS).is_file():
            raise ValueError(
                f"{where}: {WEIGHTS} is missing, so this is not a model folder; give "
                "the folder that training wrote"
            )
        if not where.exists():
            raise ValueError(f"{where}: there is no such model; check the path")
        known = {Path(entry.path).resolve(): entry.path for entry in self.entries()}
        if where in known:
            return known[where]
        self._added.append(str(where))
        self.changed.emit()
        return str(where)

    def choose(self, path: str | Path) -> None:
        """Select a model in the segment docks, those opened later included."""
        self.chosen_path = self.add(path)
        self.changed.emit()  # one that was trained just now was not in the menus
        self.chosen.emit(self.chosen_path)


def built_in() -> str | None:
    """Return the path of the first model that comes with the package, if any."""
    return next((e.path for e in _built_in()), None)


def _built_in() -> list[Entry]:
    folders = sorted(p.parent for p in BUILT_IN.glob(f"*/{WEIGHTS}"))
    return [Entry(f"{p.name} (built in)", str(p), "built in") for p in folders]


def _trained() -> list[Path]:
    """Return the folders of trained models, the newest first."""
    times = {}
    for file in preferences().model_folder.glob(f"*/{WEIGHTS}"):
        try:
            times[file.parent] = file.stat().st_mtime
        except FileNotFoundError:
            continue  # removed since it was listed
    return sorted(times, key=lambda folder: times[folder], reverse=True)


@functools.cache
def models() -> Models:
    """Return the one object that knows all models."""
    return Models()


class _Menu(QComboBox):
    """A combo box that looks for new models when it opens."""

    opened = Signal()

    def showPopup(self) -> None:
        """List what is there now."""
        self.opened.emit()
        super().showPopup()


class ModelPicker(QWidget):
    """A menu of models, a button for others, and the card of the chosen one.

    Parameters
    ----------
    scratch : bool
        Whether the first entry is "from scratch", whose path is None. Pixel classifiers
        are left out then: nothing can start from them.
    """

    changed = Signal()

    def __init__(self, scratch: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scratch = scratch
        self._told: str | None = None  # what `changed` was last sent for
        self.touched = False  # whether somebody chose
        self.combo = _Menu()
        self.combo.setToolTip(
            "The model that training starts from."
            if scratch
            else "The model that segments. Trained ones: the newest is the first."
        )
        self.combo.setMinimumContentsLength(8)
        self.combo.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.card_button = QPushButton("card")
        self.card_button.setCheckable(True)
        self.other_button = QPushButton("folder...")
        self.other_button.setToolTip(
            f"Choose the folder of a model, or a {SUFFIX} file."
        )
        menu = QMenu(self.other_button)
        menu.addAction("model folder...", self._ask_folder)
        menu.addAction(f"{SUFFIX} file...", self._ask_file)
        self.other_button.setMenu(menu)
        self.card = Card()
        self.card.hide()
        row = (self.combo, 1), self.card_button, self.other_button
        lay_out(QVBoxLayout(self), lay_out(QHBoxLayout(), *row), self.card)
        self.combo.opened.connect(self.refresh)
        self.combo.currentIndexChanged.connect(self._tell)
        self.combo.activated.connect(self._touch)
        self.card_button.toggled.connect(self._show_card)
        models().changed.connect(self.refresh)
        self.refresh()

    @property
    def path(self) -> str | None:
        """Where the chosen model is; None: none there, or from scratch."""
        data = self.combo.currentData()
        return None if data is None else str(data)

    def set_path(self, path: str | Path | None) -> None:
        """Choose a model; it is added to the menu if it is not there.

        Raises
        ------
        ValueError
            If it is no model.
        """
        self.touched = True
        self._set(path)

    def propose(self, path: str | None) -> None:
        """Choose a model for somebody who has not chosen."""
        if path != self.path:
            self._set(path)

    def _set(self, path: str | Path | None) -> None:
        if path is not None:
            path = models().add(path)
            if self._scratch and classifier_of(path):
                raise ValueError(
                    f"{Path(path).name} is a pixel classifier, which is fitted anew "
                    "each time, from nothing; choose it as Network instead"
                )
            self.refresh()
        index = self.combo.findData(path)
        if index >= 0:
            self.combo.setCurrentIndex(index)

    def refresh(self) -> None:
        """List the models that are there now; the choice stays where it can."""
        before = self.path
        with QSignalBlocker(self.combo):
            self.combo.clear()
            if self._scratch:
                self.combo.addItem(SCRATCH, None)
            for entry in models().entries():
                if self._scratch and classifier_of(entry.path):
                    continue
                self.combo.addItem(entry.name, entry.path)
                last = self.combo.count() - 1
                self.combo.setItemData(last, entry.path, Qt.ItemDataRole.ToolTipRole)
            if not self.combo.count():
                self.combo.addItem(NONE_YET, None)
            self.combo.setCurrentIndex(max(0, self.combo.findData(before)))
        self.combo.setEnabled(self._scratch or self.path is not None)
        self._tell()

    def _touch(self) -> None:
        self.touched = True

    def _tell(self) -> None:
        self.card_button.setEnabled(self.path is not None)
        self.card_button.setToolTip(
            "What the model is, what it was trained on and how good it is."
            if self.path is not None
            else "There is no model here that has a card."
        )
        if self.path != self._told:
            self._told = self.path
            self._show_card(self.card_button.isChecked())
            self.changed.emit()

    def _show_card(self, shown: bool) -> None:
        path = self.path if shown else None
        self.card.setVisible(path is not None)
        if path is not None:
            self.card.show_model(self.combo.currentText(), path)

    def _ask_folder(self) -> None:
        self._take(ask_folder(self, "Model folder", preferences().model_folder))

    def _ask_file(self) -> None:
        kinds = f"Models (*{SUFFIX} *.safetensors)"
        self._take(ask_file(self, "Model", kinds))

    def _take(self, path: Path | None) -> None:
        if path is None:
            return
        try:
            self.set_path(path)
        except ValueError as error:
            worker.report(error)
