"""Matched objects and errors as a table; a click goes to the place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from .compared import HELP, LONG

ROWS = 8  # that are in sight
NARROWEST = 24  # px of a column; the tooltip of a cell tells all
NO_INDEX = QModelIndex()


class ErrorsModel(QAbstractTableModel):
    """Shows columns of text, sorted by numbers that stand for them."""

    def __init__(self) -> None:
        super().__init__()
        self.order = np.zeros(0, np.int64)  # which row of the comparison is shown where
        self._names: list[str] = []
        self._texts: list[Sequence[str]] = []
        self._keys: list[np.ndarray] = []
        self._sorting = (0, False)  # column, descending

    def set_columns(
        self, texts: Mapping[str, Sequence[str]], keys: Mapping[str, np.ndarray]
    ) -> None:
        """Show other columns, sorted as those before."""
        self.beginResetModel()
        self._names = list(texts)
        self._texts, self._keys = list(texts.values()), list(keys.values())
        self._arrange()
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = NO_INDEX) -> int:
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self.order)

    def columnCount(self, parent: QModelIndex = NO_INDEX) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell."""
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self._texts[index.column()][self.order[index.row()]]
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column():
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return the name of a column, or what it means."""
        if orientation != Qt.Orientation.Horizontal or section >= len(self._names):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._names[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{HELP[self._names[section]]} A click sorts."
        return None

    def sort(
        self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder
    ) -> None:
        """Sort by a column."""
        self.layoutAboutToBeChanged.emit()
        self._sorting = (column, order == Qt.SortOrder.DescendingOrder)
        self._arrange()
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        column, descending = self._sorting
        self.order = np.arange(len(self._keys[0]) if self._keys else 0)
        if 0 <= column < len(self._keys):
            keys = self._keys[column]
            self.order = np.argsort(-keys if descending else keys, kind="stable")


class ErrorsTable(QTableView):
    """The table; a row that is clicked or reached by the arrow keys is sent."""

    picked = Signal(int)  # which row of the comparison

    def __init__(self) -> None:
        super().__init__()
        self.shown: object = None  # what the rows are of
        self.rows = ErrorsModel()
        self.setModel(self.rows)
        self.setToolTip("A click on a row shows the place in the image.")
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)  # Tab leaves the table
        self.verticalHeader().hide()
        self.setWordWrap(False)
        row = self.verticalHeader().defaultSectionSize()
        self.setFixedHeight((ROWS + 1) * row)
        self.selectionModel().currentRowChanged.connect(self._pick)
        self.clicked.connect(self._pick)

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
