"""The objects of a result as a table; a click goes to the object, CSV saves them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_unet.files import atomic

from . import worker
from .dialogs import ask_new_file

if TYPE_CHECKING:
    import pandas as pd

ROWS = 8  # that are in sight
NOTHING = "segment an image first"
NO_INDEX = QModelIndex()
HELP = {
    "id": "Number of the object in the labels layer.",
    "area": "Size of the object.",
    "score": "How sure the model is of the object, 0 to 1.",
    "frame": "Time point of the object, from 0.",
    "class": "Value of the class in the labels layer.",
    "share": "Part of the image that belongs to the class.",
}
FORMATS = {"id": "d", "class": "d", "frame": "d", "share": ".1%", "score": ".3f"}


class TableModel(QAbstractTableModel):
    """Shows the columns of a features table, sorted by any of them."""

    def __init__(self) -> None:
        super().__init__()
        self.ids = np.zeros(0, np.int64)
        self._names: list[str] = []
        self._columns: list[np.ndarray] = []
        self._formats: list[str] = []
        self._sorting = (0, False)  # column, descending

    def set_features(self, features: pd.DataFrame | None) -> None:
        """Show another table, sorted as the one before; None: nothing."""
        self.beginResetModel()
        self._names, self._columns, self.ids = [], [], np.zeros(0, np.int64)
        if features is not None:
            table = printed(features)
            self._names = list(table.columns)
            self._columns = [table[name].to_numpy() for name in self._names]
            pairs = zip(self._names, self._columns, strict=True)
            self._formats = [FORMATS.get(n) or _format(values) for n, values in pairs]
            self.ids = features["index"].to_numpy()
            self._arrange()
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = NO_INDEX) -> int:
        """Return the number of objects."""
        return 0 if parent.isValid() else len(self.ids)

    def columnCount(self, parent: QModelIndex = NO_INDEX) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell."""
        if role == Qt.ItemDataRole.DisplayRole:
            value = self._columns[index.column()][index.row()]
            return format(value, self._formats[index.column()])
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
            return f"{HELP[self._names[section].split()[0]]} A click sorts."
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
        if not 0 <= column < len(self._columns):
            return
        values = self._columns[column]
        order = np.argsort(-values if descending else values, kind="stable")
        self._columns = [c[order] for c in self._columns]
        self.ids = self.ids[order]


def _format(values: np.ndarray) -> str:
    """Return a format that gives the middle value four digits, all the same places."""
    if np.issubdtype(values.dtype, np.integer) or not len(values):
        return ","
    middle = float(np.median(np.abs(values)))
    places = 3 - math.floor(math.log10(middle)) if middle > 0 else 1
    if np.array_equal(values, np.round(values)):
        places = 0
    return f",.{min(max(places, 0), 6)}f"


def printed(features: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of a features table that people read."""
    if "class" in features:
        return features.drop(columns="index")
    return features.rename(columns={"index": "id"})


class ObjectsTable(QWidget):
    """The table with a line below it: what it holds, and [CSV].

    A row that is clicked or reached by the arrow keys is sent as `picked`, by its id.
    """

    picked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._features: pd.DataFrame | None = None
        self._name = ""
        self.model = TableModel()
        self.view = QTableView()
        self.view.setModel(self.model)
        self.view.setToolTip("A click on a row shows the object in the image.")
        self.view.setSortingEnabled(True)
        self.view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        behaviour = QAbstractItemView.SelectionBehavior.SelectRows
        self.view.setSelectionBehavior(behaviour)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setTabKeyNavigation(False)  # Tab leaves the table
        self.view.verticalHeader().hide()
        self.view.horizontalHeader().setSectionResizeMode(
            QHeaderView.ResizeMode.Stretch
        )
        row = self.view.verticalHeader().defaultSectionSize()
        self.view.setFixedHeight((ROWS + 1) * row)
        self.view.selectionModel().currentRowChanged.connect(self._pick)
        self.view.clicked.connect(self._pick)
        self.text = QLabel(NOTHING)
        self.save_button = QPushButton("CSV")
        self.save_button.clicked.connect(self._save)
        below = QHBoxLayout()
        below.addWidget(self.text, 1)
        below.addWidget(self.save_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view)
        column.addLayout(below)
        self.show_features(None, "")

    def show_features(self, features: pd.DataFrame | None, name: str) -> None:
        """Show the features of a labels layer of this name; None: there is none."""
        self._name = name
        there = features is not None
        self._features = features
        self.model.set_features(self._features)
        self.text.setText(name if there else NOTHING)
        self.save_button.setEnabled(there)
        self.save_button.setToolTip(
            "Write this table as a CSV file." if there else NOTHING
        )

    def _pick(self, index: QModelIndex) -> None:
        if index.isValid():
            self.picked.emit(int(self.model.ids[index.row()]))

    def _save(self) -> None:
        path = ask_new_file(
            self, "Table of objects", f"{self._name}.csv", "Tables (*.csv)"
        )
        if path is None or self._features is None:
            return
        path = path if path.suffix else path.with_suffix(".csv")
        try:
            with atomic(path) as temporary:
                printed(self._features).to_csv(temporary, index=False)
        except ValueError as error:
            worker.report(error)
