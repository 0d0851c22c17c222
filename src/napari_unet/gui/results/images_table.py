"""What several images gave: a row per image while they are segmented, and their sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.events import Event
from napari_unet.gui.parts.dock_widgets import lay_out, sentences
from napari_unet.gui.parts.sorted_table import Column, CsvButton, SortedTable
from napari_unet.text import counted

if TYPE_CHECKING:
    import pandas as pd

IN_FOLDER = (
    "The folder of the results holds objects.csv, with the objects of all images."
)
CSV_HELP = "Write the objects of all these images as one CSV file."


@dataclass(frozen=True)
class ImageRow:
    """What one of several images gave.

    objects : their number; None: classes, or nothing
    median : of their sizes, in `unit`
    note : what was noticed, or why it failed
    """

    name: str
    objects: int | None = None
    median: float | None = None
    unit: str = ""
    note: str = ""
    failed: bool = False


@dataclass(frozen=True)
class ImageDone(Event):
    """One of several images was segmented, or failed."""

    row: ImageRow


class ImagesTable(QWidget):
    """The rows, their sum, and the objects of all as a CSV file.

    A row that is clicked is sent as `picked`, by the name of its image.

    Attributes
    ----------
    features : callable
        Returns the features of each image that is open, by its name.
    """

    picked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.features: Callable[[], dict[str, pd.DataFrame]] = dict
        self.rows: list[ImageRow] = []
        self.view = SortedTable("An image per row; a click on one shows its result.")
        self.view.picked.connect(lambda row: self.picked.emit(self.rows[row].name))
        self.text = sentences(selectable=True)
        self.save_button = CsvButton("Objects of all images", self._written)
        below = lay_out(QHBoxLayout(), (self.text, 1), self.save_button)
        lay_out(QVBoxLayout(self), self.view, below)
        self.begin(False)

    def begin(self, folder: bool) -> None:
        """Show none yet; `folder`: they are files, and so are their results."""
        self.rows, self.in_folder = [], folder
        self.save_button.setEnabled(not folder)
        self.save_button.setToolTip(IN_FOLDER if folder else CSV_HELP)
        self._show()

    def add(self, row: ImageRow) -> None:
        """Add what an image gave."""
        self.rows.append(row)
        self._show()

    def summary(self) -> str:
        """Return the sum of all in one line."""
        rows = self.rows
        counts = [row.objects for row in rows if row.objects is not None]
        parts = [counted(len(rows), "image")]
        if counts:
            parts.append(counted(sum(counts), "object"))
        empty, failed = counts.count(0), sum(row.failed for row in rows)
        parts += [f"{empty} without objects"] if empty else []
        parts += [f"{failed} failed"] if failed else []
        return ", ".join(parts)

    def failures(self) -> str:
        """Return which images failed, and why; "": none did."""
        failed = [f"{row.name}: {row.note}" for row in self.rows if row.failed]
        more = f"; {len(failed) - 1} more failed" if len(failed) > 1 else ""
        return f"{failed[0]}{more}" if failed else ""

    def _show(self) -> None:
        rows = self.rows
        names = np.unique([r.name for r in rows], return_inverse=True)[1]
        counts = np.array([-1 if r.objects is None else r.objects for r in rows])
        medians = np.array([-1.0 if r.median is None else r.median for r in rows])
        notes = np.unique([r.note for r in rows], return_inverse=True)[1]
        self.view.set_columns(
            [
                Column("image", names, lambda i: rows[i].name, "Its name.", True, True),
                Column("objects", counts, _count(rows), "How many were found."),
                Column("median", medians, _median(rows), "Median size of its objects."),
                Column(
                    *("note", notes, lambda i: rows[i].note),
                    *("What was noticed, or why it failed.", True, True),
                ),
            ]
            if rows
            else []
        )
        self.text.setText(self.summary() if rows else "")

    def _written(self) -> tuple[str, str] | None:
        import pandas as pd  # a third of a second, which an opening dock has not

        tables = self.features()
        if not tables:
            return None
        parts = [
            table.rename(columns={"index": "id"}).assign(image=name)
            for name, table in tables.items()
        ]
        table = pd.concat(parts)
        table.insert(0, "image", table.pop("image"))
        return "objects", table.to_csv(index=False)


def _count(rows: list[ImageRow]) -> Callable[[int], str]:
    def text(row: int) -> str:
        found: Any = rows[row].objects
        return "" if found is None else f"{found:,}"

    return text


def _median(rows: list[ImageRow]) -> Callable[[int], str]:
    def text(row: int) -> str:
        size = rows[row].median
        return "" if size is None else f"{size:,.4g} {rows[row].unit}"

    return text
