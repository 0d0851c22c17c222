"""What a new model is called, and the folder it goes to."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from qtpy.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from napari_unet.gui.parts.dock_widgets import breakable, lay_out, sentences
from napari_unet.gui.preferences import preferences
from napari_unet.training.annotated import unique

# What one of the usual file systems does not allow in a name.
FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


class ModelName(QWidget):
    """A field for the name, and below it the folder."""

    def __init__(self) -> None:
        super().__init__()
        self._suggested = ""
        self._about = "model"
        self.edit = QLineEdit()
        self.edit.setToolTip(
            "The name of the model, which is also that of its folder. The folder of "
            "all models is set in napari's preferences."
        )
        self.where = sentences()
        self.edit.textChanged.connect(self._show_folder)
        lay_out(QVBoxLayout(self), self.edit, self.where, spacing=2)
        self.suggest("model")

    def suggest(self, name: str) -> None:
        """Name the model after an image and the day, unless the user named it."""
        self._about = name = FORBIDDEN.sub("_", name).strip(" .") or "model"
        if self.edit.text() not in ("", self._suggested):
            return
        there = preferences().model_folder
        taken = {path.name for path in there.iterdir()} if there.is_dir() else set()
        self._suggested = unique(f"{name} {date.today():%Y-%m-%d}", taken)
        self.edit.setText(self._suggested)

    def folder(self) -> Path:
        """Return the folder of the model to come; a ValueError if it cannot be made."""
        name = self.edit.text().strip()
        if not name.strip(" .") or FORBIDDEN.search(name):
            raise ValueError(
                f"{name or 'nothing'!r} cannot be the name of a model; leave out "
                '< > : " / \\ | ? *, and write at least a letter'
            )
        folder = preferences().model_folder / name
        if folder.exists():
            raise ValueError(
                f"{folder} holds a model already; choose another model name in the "
                "options"
            )
        return folder

    def quick_folder(self) -> Path:
        """Return the folder of quick looks, of which the newest stays."""
        return preferences().model_folder / f"{self._about} quick look"

    def _show_folder(self) -> None:
        path = str(preferences().model_folder / self.edit.text().strip())
        self.where.setText(breakable(f"in {path}"))
