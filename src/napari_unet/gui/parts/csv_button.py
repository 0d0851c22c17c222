"""A button that writes a table as a CSV file."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QPushButton

from napari_unet.atomic import atomic
from napari_unet.gui import worker
from napari_unet.gui.parts.dialogs import ask_new_file


class CsvButton(QPushButton):
    """Asks for a file and writes a table there.

    Parameters
    ----------
    title : str
        Of the dialog.
    table : callable
        Returns what the file is called by default, without its suffix, and what it
        holds; None: there is nothing to write.
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
        try:
            with atomic(path) as temporary:
                temporary.write_text(text, "utf-8", newline="")
        except ValueError as error:
            worker.report(error)
