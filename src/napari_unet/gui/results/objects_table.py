"""The objects of a result as a table; a click goes to the object, CSV saves them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QModelIndex, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_unet.gui.parts.csv_button import CsvButton
from napari_unet.gui.parts.sorted_table import SortedModel, set_up

if TYPE_CHECKING:
    import pandas as pd

NOTHING = "segment an image first"
HELP = {
    "id": "Number of the object in the labels layer.",
    "area": "Size of the object.",
    "score": "How sure the model is of the object, 0 to 1.",
    "frame": "Time point of the object, from 0.",
    "class": "Value of the class in the labels layer.",
    "name": "Name of the class.",
    "share": "Part of the image that belongs to the class.",
}
FORMATS = {"id": "d", "class": "d", "frame": "d", "share": ".1%", "score": ".3f"}


class TableModel(SortedModel):
    """Shows the columns of a features table, sorted by any of them."""

    def __init__(self) -> None:
        super().__init__()
        self._index = np.zeros(0, np.int64)
        self._columns: list[np.ndarray] = []
        self._formats: list[str] = []

    @property
    def ids(self) -> np.ndarray:
        """The label of each row, in the order in which they are shown."""
        return self._index[self.order]

    def set_features(self, features: pd.DataFrame | None) -> None:
        """Show another table, sorted as the one before; None: nothing."""
        self.beginResetModel()
        names: list[str] = []
        columns: list[np.ndarray] = []
        if features is not None:
            table = printed(features)
            names = list(table.columns)
            columns = [table[name].to_numpy() for name in names]
            pairs = zip(names, columns, strict=True)
            self._formats = [FORMATS.get(n) or _format(values) for n, values in pairs]
            self._index = features["index"].to_numpy()
        self._columns = columns
        self.set_keys(names, [_numbers(values) for values in columns])
        self.endResetModel()

    def text(self, column: int, row: int) -> str:
        """Return the text of a cell."""
        return format(self._columns[column][row], self._formats[column])

    def help(self, name: str) -> str:
        """Return what a column means; its name may end in a unit."""
        return HELP[name.split()[0]]


def _numbers(values: np.ndarray) -> np.ndarray:
    """Return numbers that sort as the values do, which may be words."""
    if np.issubdtype(values.dtype, np.number):
        return values
    return np.unique(values.astype(str), return_inverse=True)[1]


def _format(values: np.ndarray) -> str:
    """Return a format that gives the middle value four digits, all the same places."""
    if not np.issubdtype(values.dtype, np.number):
        return ""
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
        set_up(self.view, self.model, self._pick)
        self.view.setToolTip("A click on a row shows the object in the image.")
        self.view.horizontalHeader().setSectionResizeMode(
            QHeaderView.ResizeMode.Stretch
        )
        self.text = QLabel(NOTHING)
        self.save_button = CsvButton("Table of objects", self._written)
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

    def _written(self) -> tuple[str, str] | None:
        if self._features is None:
            return None
        return self._name, printed(self._features).to_csv(index=False)
