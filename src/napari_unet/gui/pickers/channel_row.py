"""A further layer as a channel of an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from magicgui.widgets import ComboBox
from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QToolButton, QWidget

from napari_unet.gui.parts.dock_widgets import ignore_wheel, lay_out


class ChannelRow(QWidget):
    """One more layer as a channel.

    Parameters
    ----------
    choices : callable
        Gets the combo box, returns the layers to choose from.
    """

    changed = Signal()
    removed = Signal(object)

    def __init__(self, choices: Callable[[Any], list[Image]]) -> None:
        super().__init__()
        self.box = ComboBox(
            choices=choices,
            nullable=True,
            tooltip="A layer of the same shape, as one more channel of the image.",
        )
        self.box.changed.connect(self._change)
        self.remove_button = QToolButton()
        self.remove_button.setText("✕")
        self.remove_button.setToolTip("Leave this channel out; its layer stays.")
        self.remove_button.clicked.connect(self._remove)
        box = ignore_wheel(self.box.native)
        lay_out(QHBoxLayout(self), (box, 1), self.remove_button)

    def _change(self) -> None:
        self.changed.emit()

    def _remove(self) -> None:
        self.removed.emit(self)
