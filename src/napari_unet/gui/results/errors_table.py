"""Matched objects and errors as a table; a click goes to the place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QModelIndex, Qt, Signal
from qtpy.QtWidgets import QHeaderView, QTableView

from napari_unet.gui.parts.sorted_table import SortedModel, set_up
from napari_unet.gui.results.comparison import HELP, LONG


class ErrorsModel(SortedModel):
    """Shows columns of text, sorted by numbers that stand for them."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[Sequence[str]] = []

    def set_columns(
        self, texts: Mapping[str, Sequence[str]], keys: Mapping[str, np.ndarray]
    ) -> None:
        """Show other columns, sorted as those before."""
        self.beginResetModel()
        self._texts = list(texts.values())
        self.set_keys(list(texts), list(keys.values()))
        self.endResetModel()

    def text(self, column: int, row: int) -> str:
        """Return the text of a cell."""
        return self._texts[column][row]

    def help(self, name: str) -> str:
        """Return what a column means."""
        return HELP[name]

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, which a tooltip tells in full; kinds lie left."""
        if role == Qt.ItemDataRole.ToolTipRole:
            role = Qt.ItemDataRole.DisplayRole
        if role == Qt.ItemDataRole.TextAlignmentRole and not index.column():
            return None
        return super().data(index, role)


class ErrorsTable(QTableView):
    """The table; a row that is clicked or reached by the arrow keys is sent."""

    picked = Signal(int)  # which row of the comparison

    def __init__(self) -> None:
        super().__init__()
        self.shown: object = None  # what the rows are of
        self.rows = ErrorsModel()
        set_up(self, self.rows, self._pick)
        self.setToolTip("A click on a row shows the place in the image.")
        self.setWordWrap(False)

    def show_columns(
        self,
        shown: object,
        texts: Mapping[str, Sequence[str]],
        keys: Mapping[str, np.ndarray],
    ) -> None:
        """Show the columns of a comparison."""
        self.shown = shown
        self.rows.set_columns(texts, keys)
        modes = QHeaderView.ResizeMode
        for section, name in enumerate(texts):
            # A dock is narrow: what may be long gets the room that is left.
            mode = modes.Stretch if name in LONG else modes.ResizeToContents
            self.horizontalHeader().setSectionResizeMode(section, mode)

    def _pick(self, index: QModelIndex) -> None:
        if index.isValid():
            self.picked.emit(int(self.rows.order[index.row()]))
