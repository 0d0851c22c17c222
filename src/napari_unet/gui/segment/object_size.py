"""How wide objects are: a field in sight, in µm where the image has them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QWidget

from napari_unet.config import PredictConfig
from napari_unet.config.base import help_of, label_of
from napari_unet.gui.parts.dock_widgets import lay_out

INFO = PredictConfig.model_fields["object_size"]
TITLE = label_of("object_size", INFO)
HELP = help_of(INFO).replace("None:", "Empty:") + " In µm where the image has a scale."


class ObjectSize(QWidget):
    """A field for the width of the objects; empty: the model estimates or knows it."""

    def __init__(self) -> None:
        super().__init__()
        self._pixel: float | None = None  # µm of the chosen image
        self._estimated: float | None = None
        self.edit = QLineEdit()
        self.unit = QLabel()
        title = QLabel(TITLE)
        for widget in (title, self.edit, self.unit):
            widget.setToolTip(HELP)
        title.setBuddy(self.edit)
        self.edit.textChanged.connect(self._show)
        lay_out(QHBoxLayout(self), title, (self.edit, 1), self.unit)
        self.follow(None, None)

    def value(self, spacing: Sequence[float] | None = None) -> float | None:
        """Return the width in px; None: nobody said.

        spacing : µm per pixel of another image than the one that is chosen

        A ValueError if it is no number above 0.
        """
        text = self.edit.text().strip()
        if not text:
            return None
        try:
            size = float(text)
        except ValueError:
            size = 0.0
        if not 0 < size < math.inf:
            raise ValueError(
                f"{TITLE} is {text}; give a number above 0, or leave it empty"
            )
        if self._pixel is None:
            return size
        return size / (_pixel(spacing) or self._pixel)

    def follow(self, spacing: Sequence[float] | None, estimated: float | None) -> None:
        """Show the unit of the chosen image, and the width that was estimated in it.

        spacing : µm per pixel, ``[Z]YX``
        estimated : in px

        What was typed in µm stays, whatever the pixels; else it is as many px.
        """
        before, self._pixel = self._pixel, _pixel(spacing)
        if (before is None) != (self._pixel is None) and self.edit.text().strip():
            self.edit.setText(self._other_unit(before))
        self._estimated = estimated
        self._show()

    def _show(self) -> None:
        """Show the unit, and in grey what was estimated, if nobody said."""
        unit = "px wide" if self._pixel is None else "µm wide"
        told = self._estimated is not None and not self.edit.text().strip()
        self.unit.setText(f"{unit}, estimated" if told else unit)
        width = self._estimated and self._estimated * (self._pixel or 1)
        self.edit.setPlaceholderText(f"{width:.3g}" if width else "automatic")

    def _other_unit(self, before: float | None) -> str:
        """Return what was typed, in the unit of now; `before` was the pixel in µm."""
        text = self.edit.text().strip()
        try:
            return f"{float(text) / (before or 1) * (self._pixel or 1):.4g}"
        except ValueError:
            return text  # value() tells


def _pixel(spacing: Sequence[float] | None) -> float | None:
    """Return how wide a pixel is in the plane, in µm."""
    return None if spacing is None else math.sqrt(spacing[-1] * spacing[-2])
