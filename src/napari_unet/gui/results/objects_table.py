"""The objects of a result as a table; a click goes to the object, CSV saves them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.gui.parts.dock_widgets import lay_out
from napari_unet.gui.parts.eliding import NameLabel
from napari_unet.gui.parts.sorted_table import Column, CsvButton, SortedTable
from napari_unet.gui.results.measuring import MeasureBox

if TYPE_CHECKING:
    import pandas as pd
    from napari.viewer import Viewer

NOTHING = "segment an image first"
HELP = {
    "id": "Number of the object in the labels layer.",
    "label": "Number of the object in the labels layer.",
    "area": "Size of the object.",
    "volume": "Size of the object.",
    "perimeter": "Length of its outline.",
    "surface": "Area of its surface.",
    "circularity": "1 for a disc; less for all others.",
    "sphericity": "1 for a ball; less for all others.",
    "centroid": "The middle of the object, along this axis.",
    "bbox": "Its box in px: where it begins along each axis, then where it ends.",
    "axis_major_length": "Longer axis of the ellipse with the same second moments.",
    "axis_minor_length": "Shorter axis of the ellipse with the same second moments.",
    "orientation": "Of the longer axis of that ellipse, in radians from the Y axis.",
    "eccentricity": "Of that ellipse: 0 for a circle.",
    "solidity": "The part of its convex hull that the object fills.",
    "feret_diameter_max": "Its longest caliper diameter.",
    "feret_diameter_min": "Its shortest caliper diameter.",
    "touches_border": "Whether the object may go on beyond the image.",
    "edited": "Whether the object is not as segmenting found it.",
    "plane": "Plane of the object, from 0.",
    "intensity_mean": "Mean of the channel in the object.",
    "intensity_min": "Least value of the channel in the object.",
    "intensity_max": "Highest value of the channel in the object.",
    "intensity_sum": "Sum of the channel over the object.",
    "intensity_std": "Standard deviation of the channel in the object.",
    "score": "How sure the model is of the object, 0 to 1.",
    "frame": "Time point of the object, from 0.",
    "class": "Value of the class in the labels layer.",
    "name": "Name of the class.",
    "share": "Part of the image that belongs to the class.",
}
INTEGERS = ("id", "label", "class", "frame", "plane")
FORMATS = dict.fromkeys(INTEGERS, "d") | {"share": ".1%", "score": ".3f"}


# napari's own features table (0.9.2) takes the place of a row for its label, which are
# two things where a score hides objects; it shows none, and sorted 55,555 in 44 s.
class ObjectsTable(QWidget):
    """The table with a line below it: what it holds, and [CSV].

    A row that is clicked or reached by the arrow keys is sent as `picked`, by its id.
    """

    picked = Signal(int)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._features: pd.DataFrame | None = None
        self._name = ""
        self.view = SortedTable(
            "A click on a row shows the object in the image, a click there its row."
        )
        self.view.picked.connect(self._pick)
        self.text = NameLabel(NOTHING)
        self.save_button = CsvButton("Table of objects", self._written)
        self.measure = MeasureBox(viewer)
        line = (self.text, 1), self.measure, self.save_button
        below = lay_out(QHBoxLayout(), *line)
        lay_out(QVBoxLayout(self), self.view, below)
        self.show_features(None, "")

    def show_features(self, features: pd.DataFrame | None, name: str) -> None:
        """Show the features of a labels layer of this name; None: there is none."""
        self._name = name
        there = features is not None
        self._features = features
        self.view.set_columns([] if features is None else columns(features))
        self.text.setText(name if there else NOTHING)
        self.save_button.setEnabled(there)
        self.save_button.setToolTip(
            "Write this table as a CSV file." if there else NOTHING
        )

    def show_object(self, number: int) -> None:
        """Select the row of an object, where it is there."""
        if self._features is not None:
            rows = np.flatnonzero(self._features["index"].to_numpy() == number)
            for row in rows[:1].tolist():
                self.view.show_row(row)

    def _pick(self, row: int) -> None:
        if self._features is not None:
            self.picked.emit(int(self._features["index"].iloc[row]))

    def _written(self) -> tuple[str, str] | None:
        if self._features is None:
            return None
        return self._name, printed(self._features).to_csv(index=False)


def columns(features: pd.DataFrame) -> list[Column]:
    """Return the columns of a features table as they are shown."""
    return [
        _column(name, values.to_numpy()) for name, values in printed(features).items()
    ]


def printed(features: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of a features table that people read."""
    if "class" in features or "label" in features:
        return features.drop(columns="index")
    return features.rename(columns={"index": "id"})


def _column(name: str, values: np.ndarray) -> Column:
    """Return one of them; its name may end in a unit."""
    words = not np.issubdtype(values.dtype, np.number)
    form = "" if words else FORMATS.get(name) or _format(values)

    def text(row: int) -> str:
        value = values[row]
        unknown = isinstance(value, float | np.floating) and math.isnan(value)
        return "" if unknown else format(value, form)

    return Column(name, _numbers(values), text, HELP[_plain(name)], words=words)


def _plain(name: str) -> str:
    """Return the name of a column without its unit, axis or channel.

    >>> _plain("area (µm²)"), _plain("centroid-0_um"), _plain("intensity_mean-A 1")
    ('area', 'centroid', 'intensity_mean')
    """
    return re.sub(r"( \(|-|_(um|px)\d?$).*", "", name)


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
    middle = float(np.nan_to_num(np.nanmedian(np.abs(values))))
    places = 3 - math.floor(math.log10(middle)) if middle > 0 else 1
    if np.array_equal(values, np.round(values)):
        places = 0
    return f",.{min(max(places, 0), 6)}f"
