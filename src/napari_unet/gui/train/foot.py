"""The last line of the Train dock: preview, place to annotate next, copy."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from napari_unet.gui.copy_as.train import WRITERS
from napari_unet.gui.parts.clipboard import CopyButton
from napari_unet.gui.train.next_button import NextButton


class TrainFoot(QWidget):
    """What stands under the curve.

    Parameters
    ----------
    next_button : NextButton
    """

    def __init__(self, next_button: NextButton) -> None:
        super().__init__()
        self.view_box = QCheckBox("live preview")
        self.view_box.setChecked(True)
        self.view_box.setToolTip(
            "After each validation, show what the model makes of what is in sight, as "
            "a layer of its own."
        )
        self.next_button = next_button
        self.copy_button = CopyButton(WRITERS)
        self.copy_button.setToolTip(
            "Copy what reproduces this training: Python code or a command line; or "
            "what a paper says of it."
        )
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.view_box, 1)
        line.addWidget(self.next_button)
        line.addWidget(self.copy_button)
