"""The rows of the table of pairs: what they share, and a folder of pairs."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel

from napari_unet.events import Control, Event, Progress
from napari_unet.files.datasets import Dataset, find_pairs
from napari_unet.gui import worker
from napari_unet.gui.copy_as.press import FolderPress
from napari_unet.gui.layers.meanings import Said
from napari_unet.gui.parts.dock_widgets import (
    cross_button,
    form_rows,
    ignore_wheel,
    lay_out,
    sentences,
)
from napari_unet.text import counted
from napari_unet.training.annotated import USES, Folder, Use


class DataRow(QFrame):
    """What all rows have: what they are used for, a count, and a button to remove."""

    changed = Signal()
    removed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.use_box = ignore_wheel(QComboBox())
        self.use_box.addItems(list(USES))
        self.use_box.setToolTip(
            "automatic: a part is held back for validation, as the options say. "
            "validation: judges the model and is never trained on."
        )
        self.use_box.currentIndexChanged.connect(self.changed)
        self.count = QLabel()
        self.remove_button = cross_button("Remove this row; layers and files stay.")
        self.remove_button.clicked.connect(self._remove)
        self.rows = form_rows()
        self.setLayout(self.rows)
        self.rows.setContentsMargins(4, 4, 4, 4)

    @property
    def use(self) -> Use:
        """What the row is used for."""
        return cast(Use, self.use_box.currentText())

    @property
    def said(self) -> Said:
        """What the numbers in the labels mean, as far as it was said."""
        raise NotImplementedError

    def say(self, **changes: Any) -> None:
        """Say some of it: `zero`, `background` or `ignore`."""
        raise NotImplementedError

    def _add_last_line(self) -> None:
        line = self.use_box, (self.count, 1), self.remove_button
        self.rows.addRow("Used for", lay_out(QHBoxLayout(), *line))

    def _remove(self) -> None:
        self.removed.emit(self)


class FolderRow(DataRow):
    """A data set folder; its pairs are found in a job."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._said = Said("background")
        self.name = sentences(str(path))
        self.name.setText(f"{path.name}: looking for pairs ...")
        self.rows.addRow(self.name)
        self._add_last_line()
        worker.start(
            *(self, "finding", _find, path),
            on_returned=self._found,
            on_errored=self._fail,
        )

    @property
    def said(self) -> Said:
        """What the numbers mean: in folders 0 is background."""
        return self._said

    def say(self, **changes: Any) -> None:
        """Say which number teaches nothing; no other is special in folders."""
        if "ignore" in changes:
            self._said = replace(self._said, ignore=changes["ignore"])
            self.changed.emit()

    def item(self) -> Folder:
        """Return what training takes."""
        return Folder(self.path, self.use, ignore=self.said.ignore)

    def press(self) -> FolderPress:
        """Return what was pressed, for its code."""
        return FolderPress(self.path, self.use, self.said.meaning)

    def _found(self, dataset: Dataset) -> None:
        which = " for training" if dataset.has_split else ""
        pairs = counted(len(dataset.pairs), "pair")
        self.name.setText(f"{self.path.name}: {pairs}{which}")
        notes = "\n".join(dataset.notes + dataset.problems)
        self.name.setToolTip(f"{self.path}\n{notes}".strip())

    def _fail(self, error: Exception) -> None:
        worker.report(error)
        self._remove()


def _find(path: Path, control: Control) -> Generator[Event, None, Dataset]:
    yield Progress("finding pairs", 0)
    return find_pairs(path).for_training()
