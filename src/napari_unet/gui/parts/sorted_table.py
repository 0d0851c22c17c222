"""What the tables of the Segment dock share: sorted columns, rows to pick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import QAbstractItemView, QTableView

ROWS = 8  # that are in sight
NO_INDEX = QModelIndex()


class SortedModel(QAbstractTableModel):
    """Shows named columns, sorted by numbers that stand for their cells.

    A subclass says by :meth:`text` what a cell shows, and by :meth:`help` what a column
    means.
    """

    def __init__(self) -> None:
        super().__init__()
        self.order = np.zeros(0, np.int64)
        """Which row of the given columns is shown where."""
        self._names: list[str] = []
        self._keys: list[np.ndarray] = []
        self._sorting = (0, False)  # column, descending

    def text(self, column: int, row: int) -> str:
        """Return what a cell of the given columns shows."""
        raise NotImplementedError

    def help(self, name: str) -> str:
        """Return what a column means, a sentence."""
        raise NotImplementedError

    def set_keys(self, names: Sequence[str], keys: Sequence[np.ndarray]) -> None:
        """Show other columns, sorted as those before; within a model reset."""
        self._names, self._keys = list(names), list(keys)
        self.order = np.arange(len(self._keys[0]) if self._keys else 0)
        self._arrange()

    def rowCount(self, parent: QModelIndex = NO_INDEX) -> int:
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self.order)

    def columnCount(self, parent: QModelIndex = NO_INDEX) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(index.column(), int(self.order[index.row()]))
        if role == Qt.ItemDataRole.TextAlignmentRole:
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
            return f"{self.help(self._names[section])} A click sorts."
        return None

    def sort(
        self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder
    ) -> None:
        """Sort by a column; rows that are equal there stay in their order."""
        self.layoutAboutToBeChanged.emit()
        self._sorting = (column, order == Qt.SortOrder.DescendingOrder)
        self._arrange()
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        column, descending = self._sorting
        if 0 <= column < len(self._keys):
            keys = self._keys[column][self.order]
            order = np.argsort(-keys if descending else keys, kind="stable")
            self.order = self.order[order]


def set_up(
    view: QTableView, model: SortedModel, pick: Callable[[QModelIndex], None]
) -> None:
    """Make a view of a model whose rows are picked by a click or the arrow keys."""
    view.setModel(model)
    view.setSortingEnabled(True)
    view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setTabKeyNavigation(False)  # Tab leaves the table
    view.verticalHeader().hide()
    view.setFixedHeight((ROWS + 1) * view.verticalHeader().defaultSectionSize())
    view.selectionModel().currentRowChanged.connect(pick)
    view.clicked.connect(pick)
