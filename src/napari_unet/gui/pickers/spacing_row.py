"""Editing how many micrometres a pixel of an image is along each axis."""

from __future__ import annotations

from napari.layers import Image
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QWidget

from napari_unet.gui.layers.axes import axes_of, spatial
from napari_unet.gui.layers.placement import spacing_of
from napari_unet.gui.parts.dock_widgets import (
    enable,
    ignore_wheel,
    lay_out,
    push_button,
)

NAMES = {"Z": "depth (Z)", "Y": "rows (Y)", "X": "columns (X)"}
SET = (
    "Set scale and units of the layer, and of the labels that lie on it. A 3D network "
    "is fitted to it, and sizes are told in it."
)
INCOMPLETE = "Give a number above 0 for each axis first."
NOT_KNOWN = "Say first what the axes of the image are."


class _Length(QDoubleSpinBox):
    """A number without the zeros behind it."""

    def textFromValue(self, value: float) -> str:
        """Return 0.25, not 0.2500."""
        return f"{value:.4f}".rstrip("0").rstrip(".")


class SpacingRow(QWidget):
    """A box for each of Z, Y and X, in µm, and a button that sends them."""

    given = Signal(tuple)  # of float, for [Z]YX

    def __init__(self) -> None:
        super().__init__()
        self.boxes = {axis: self._box(axis) for axis in NAMES}
        self.button = push_button("set")
        self.button.clicked.connect(lambda: self.given.emit(self._values()))
        self._names = {axis: QLabel(axis) for axis in NAMES}
        boxes = [i for a, b in self.boxes.items() for i in (self._names[a], (b, 1))]
        lay_out(QHBoxLayout(self), QLabel("µm"), *boxes, self.button, spacing=4)

    def show_layer(self, layer: Image | None) -> None:
        """Show the spacing of a layer, as far as it is known."""
        axes = None if layer is None else axes_of(layer)
        self.setEnabled(axes is not None)
        if layer is None or axes is None:
            self.button.setToolTip(NOT_KNOWN)
            return
        there = spatial(layer, axes).replace("T", "")
        known = dict(zip(there, spacing_of(layer, axes) or (), strict=False))
        for axis, box in self.boxes.items():
            for widget in (box, self._names[axis]):
                widget.setVisible(axis in there)
            with QSignalBlocker(box):
                box.setValue(known.get(axis, 0.0))
        self._arrange()

    def _box(self, axis: str) -> QDoubleSpinBox:
        box = ignore_wheel(_Length())
        box.setDecimals(4)
        box.setRange(0, 10_000)
        box.setSpecialValueText("?")
        box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        box.setMinimumWidth(56)
        box.setToolTip(f"Micrometres per pixel along the {NAMES[axis]}.")
        box.valueChanged.connect(self._arrange)
        return box

    def _values(self) -> tuple[float, ...]:
        return tuple(b.value() for b in self.boxes.values() if not b.isHidden())

    def _arrange(self) -> None:
        enable(self.button, "" if all(self._values()) else INCOMPLETE, SET)
