"""The models that a user can choose: built in, trained here, or added as a file."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
from napari_unet.gui.parts.dock_widgets import (
    enable,
    ignore_wheel,
    lay_out,
    push_button,
)
from napari_unet.gui.pickers.model_card import Card
from napari_unet.gui.preferences import preferences
from napari_unet.models.store import BUILT_IN, SUFFIX, WEIGHTS, classifier_of

NONE_YET = "no model yet"
START_HELP = "The model that training starts from."
SEGMENT_HELP = "The model that segments. Trained ones: the newest is the first."
OTHER_HELP = f"Choose the folder of a model, or a {SUFFIX} file."
CARD_HELP = "What the model is, what it was trained on and how good it is."
NO_CARD = "there is no model here that has a card"
SCRATCH = "from scratch"


class Models(QObject):
    """The models of this process, the same in all docks; see :func:`models`."""

    changed = Signal()
    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.chosen_path: str | None = None
        self._added: list[str] = []

    def entries(self) -> dict[str, str]:
        """Return names of the models that are there now, by path: newest first."""
        found = _built_in() | {str(p): p.name for p in trained()}
        added = [path for path in self._added if Path(path).exists()]
        return found | {path: Path(path).stem for path in added if path not in found}

    def add(self, path: str | Path) -> str:
        """Add a model to the menus, return its path; a ValueError if it is none."""
        where = Path(os.path.realpath(path))
        if where.is_dir() and not (where / WEIGHTS).is_file():
            raise ValueError(
                f"{where}: {WEIGHTS} is missing, so this is not a model folder; give "
                "the folder that training wrote"
            )
        if not where.exists():
            raise ValueError(f"{where}: there is no such model; check the path")
        known = {Path(os.path.realpath(known)): known for known in self.entries()}
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
    return next(iter(_built_in()), None)


def _built_in() -> dict[str, str]:
    folders = sorted(p.parent for p in BUILT_IN.glob(f"*/{WEIGHTS}"))
    return {str(folder): f"{folder.name} (built in)" for folder in folders}


def trained() -> list[Path]:
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


@dataclass(frozen=True)
class _Offer:
    """An entry of the menu that is no model: choosing it does something."""

    key: str


class _Menu(QComboBox):
    """A combo box that looks for new models when it opens."""

    opened = Signal()

    def showPopup(self) -> None:
        """List what is there now."""
        self.opened.emit()
        super().showPopup()


class ModelPicker(QWidget):
    """A menu of models, a button for others, and the card of the chosen one.

    scratch : whether the first entry is "from scratch", whose path is None. Pixel
        classifiers are left out then: nothing can start from them.

    Attributes
    ----------
    offers : callable
        Returns further entries and their keys, which `offered` is sent with.
    """

    changed = Signal()
    offered = Signal(str)

    def __init__(self, scratch: bool = False) -> None:
        super().__init__()
        self._scratch = scratch
        self.offers: Callable[[], dict[str, str]] = dict
        self._told: str | None = None  # what `changed` was last sent for
        self.touched = False  # whether somebody chose
        self.combo = ignore_wheel(_Menu())
        self.combo.setToolTip(START_HELP if scratch else SEGMENT_HELP)
        self.combo.setMinimumContentsLength(8)
        self.card_button = QPushButton("card")
        self.card_button.setCheckable(True)
        self.other_button = push_button("folder...", OTHER_HELP)
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
        if isinstance(data, _Offer):
            return self._told
        return None if data is None else str(data)

    def set_path(self, path: str | Path | None) -> None:
        """Choose a model, which is added to the menu; a ValueError if it is none."""
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
            for path, name in models().entries().items():
                if self._scratch and classifier_of(path):
                    continue
                self.combo.addItem(name, path)
                last = self.combo.count() - 1
                self.combo.setItemData(last, path, Qt.ItemDataRole.ToolTipRole)
            self._list_offers()
            if not self.combo.count():
                self.combo.addItem(NONE_YET, None)
            self.combo.setCurrentIndex(max(0, self.combo.findData(before)))
        self.combo.setEnabled(self._scratch or self.path is not None)
        self._tell()

    def _list_offers(self) -> None:
        offers = self.offers()
        if offers:
            self.combo.insertSeparator(self.combo.count())
        for name, key in offers.items():
            self.combo.addItem(name, _Offer(key))

    def _touch(self, index: int) -> None:
        data = self.combo.itemData(index)
        if isinstance(data, _Offer):
            with QSignalBlocker(self.combo):
                self.combo.setCurrentIndex(max(0, self.combo.findData(self._told)))
            self.offered.emit(data.key)
            return
        self.touched = True

    def _tell(self) -> None:
        enable(self.card_button, NO_CARD if self.path is None else "", CARD_HELP)
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
        with worker.reporting():
            self.set_path(path)
