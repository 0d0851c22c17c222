"""A table that is sorted by any column, whose rows are picked; its CSV button."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QPushButton, QTableView

from napari_unet.atomic import atomic
from napari_unet.gui import worker
from napari_unet.gui.parts.dialogs import ask_new_file

ROWS = 8  # that are in sight
MOST_STRETCHED = 8  # columns that share the width; more are as wide as what they hold
NO_INDEX = QModelIndex()


@dataclass(frozen=True, eq=False)  # arrays have no one truth value
class Column:
    """A column of a table.

    keys : (rows,) array; by which it is sorted
    text : returns what the cell of a row shows
    help : what it means, a sentence
    long : whether cells may be too long: it gets the room that is left, and a tooltip
        shows all of a cell
    words : whether they lie left, not right as numbers do
    """

    name: str
    keys: np.ndarray
    text: Callable[[int], str]
    help: str
    long: bool = False
    words: bool = False


class SortedModel(QAbstractTableModel):
    """The rows of a table in the order in which they are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.order = np.zeros(0, np.int64)
        """Which row of the given columns is shown where."""
        self._columns: list[Column] = []
        self._sorting = (0, False)  # column, descending

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Show other columns, sorted as those before."""
        self.beginResetModel()
        self._columns = list(columns)
        self.order = np.arange(len(columns[0].keys) if columns else 0)
        self._arrange()
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = NO_INDEX) -> int:
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self.order)

    def columnCount(self, parent: QModelIndex = NO_INDEX) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, and where it lies."""
        roles, column = Qt.ItemDataRole, self._columns[index.column()]
        if role == roles.DisplayRole or (role == roles.ToolTipRole and column.long):
            return column.text(int(self.order[index.row()]))
        if role == roles.TextAlignmentRole and not column.words:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return the name of a column, or what it means."""
        across = orientation == Qt.Orientation.Horizontal
        if not across or section >= len(self._columns):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._columns[section].name
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{self._columns[section].help} A click sorts."
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
        if 0 <= column < len(self._columns):
            keys = self._columns[column].keys[self.order]
            order = np.argsort(-keys if descending else keys, kind="stable")
            self.order = self.order[order]


class SortedTable(QTableView):
    """The table; a row that is clicked or reached by the arrow keys is sent."""

    picked = Signal(int)  # which row of the given columns

    def __init__(self, help_text: str) -> None:
        super().__init__()
        self.rows = SortedModel()
        self._quiet = False
        self.setModel(self.rows)
        self.setToolTip(help_text)
        self.setWordWrap(False)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)  # Tab leaves the table
        self.horizontalHeader().setResizeContentsPrecision(ROWS)
        self.verticalHeader().hide()
        self.setFixedHeight((ROWS + 1) * self.verticalHeader().defaultSectionSize())
        self.selectionModel().currentRowChanged.connect(self._pick)
        self.clicked.connect(self._pick)

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Show other columns, sorted as those before."""
        self.rows.set_columns(columns)
        modes = QHeaderView.ResizeMode
        some = any(column.long for column in columns) or len(columns) > MOST_STRETCHED
        for section, column in enumerate(columns):
            wide = column.long or not some
            mode = modes.Stretch if wide else modes.ResizeToContents
            self.horizontalHeader().setSectionResizeMode(section, mode)

    def show_row(self, row: int) -> None:
        """Select a row of the given columns, in sight; nothing is sent."""
        (places,) = np.nonzero(self.rows.order == row)
        self._quiet = True
        for place in places.tolist():
            self.setCurrentIndex(self.rows.index(place, 0))
        self._quiet = False

    def _pick(self, index: QModelIndex) -> None:
        if index.isValid() and not self._quiet:
            self.picked.emit(int(self.rows.order[index.row()]))


class CsvButton(QPushButton):
    """Asks for a file and writes a table there.

    title : of the dialog
    table : returns what the file is called by default, without its suffix,
        and what it holds; None: there is nothing to write
    """

    def __init__(self, title: str, table: Callable[[], tuple[str, str] | None]) -> None:
        super().__init__("CSV")
        self._title, self._table = title, table
        self.clicked.connect(self._save)

    def _save(self) -> None:
        found = self._table()
        if found is None:
            return
        name, text = found
        path = ask_new_file(self, self._title, f"{name}.csv", "Tables (*.csv)")
        if path is None:
            return
        path = path if path.suffix else path.with_suffix(".csv")
        with worker.reporting(), atomic(path) as temporary:
            temporary.write_text(text, "utf-8", newline="")
