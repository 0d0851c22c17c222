"""Fitting a pixel classifier again after each stroke."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox

from napari_unet.gui.parts.connections import debouncer

# After the last stroke; a fit at each would lag behind the brush.
AGAIN_MS = 100
AGAIN_HELP = (
    "Fit the pixel classifier again whenever something was painted; its model is "
    "replaced. It takes a second or so."
)


class RefitBox(QCheckBox):
    """Whether to fit again after each stroke; it says when.

    `due` is sent some time after :meth:`painted`, where there is a model to replace.
    """

    due = Signal()

    def __init__(self) -> None:
        super().__init__("fit again after each stroke")
        self.setToolTip(AGAIN_HELP)
        self.setChecked(True)
        self.folder: Path | None = None  # of the model that is replaced
        self._behind = False  # whether something was painted since the last fit
        self._timer = debouncer(self, AGAIN_MS, self._tell)

    def begin(self, folder: Path | None) -> None:
        """Take note that a fit begins, which replaces this model; None: none."""
        self.folder, self._behind = folder, False

    def end(self, folder: Path | None) -> None:
        """Replace this model from now on; None: none."""
        self.folder = folder
        if self._behind:
            self.painted()

    def painted(self) -> None:
        """Take note that labels have changed."""
        self._behind = True
        if self.folder is not None and self.isChecked():
            self._timer.start()

    def _tell(self) -> None:
        if self.folder is not None and self.isChecked():
            self.due.emit()
