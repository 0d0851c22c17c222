"""Saying what numbers in labels mean: 0, the background's own, and one to ignore."""

from __future__ import annotations

from collections.abc import Sequence

from napari.layers import Labels
from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtWidgets import QSpinBox

from napari_unet.data.meaning import Meaning, Zero
from napari_unet.gui.layers.pairing import usual_zero
from napari_unet.gui.parts.dock_widgets import ignore_wheel, radio_buttons

BUTTONS = 69  # px that napari's style gives to them
UNKNOWN_HELP = (
    "Only what is labelled is learnt from, and what is 0 in views that are right or "
    "has the background label."
)
NO_ZERO = (
    "say what 0 means in the labels that you painted: background, or not annotated yet"
)
NO_BACKGROUND = (
    "nothing is background now: press [This view is right] where all objects are "
    "labelled, or paint some background with a label of its own and choose it as "
    'background label, or choose "background" if all objects are annotated'
)


class LabelBox(QSpinBox):
    """A number with room for all of it, whatever the size of its letters."""

    def changeEvent(self, event: QEvent) -> None:
        """Ask for more room, or less, where the letters have another size."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.arrange()

    def arrange(self) -> None:
        """Ask for room for what is written; a hint gives way to napari's style."""
        texts = self.text(), self.specialValueText()
        wide = max(map(self.fontMetrics().horizontalAdvance, texts))
        self.setMinimumWidth(wide + BUTTONS)


class MeaningChoice(QObject):
    """The buttons and boxes that say it; a form places them."""

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._touched = False
        self._group, (self.background_button, self.unknown_button) = radio_buttons(
            self,
            ("background", "Every object is annotated: 0 is none."),
            ("not annotated yet", UNKNOWN_HELP),
        )
        self._group.buttonClicked.connect(self._touch)
        self.background_box = self._label_box("background")
        self.ignored_box = self._label_box("ignore")

    @property
    def zero(self) -> Zero | None:
        """What 0 means in the labels; None: nobody said."""
        if self.background_button.isChecked():
            return "background"
        return "unknown" if self.unknown_button.isChecked() else None

    @property
    def value(self) -> Meaning:
        """What numbers in the labels mean, as far as it was said."""
        ignore = self.ignored_box.value() or None
        if self.zero != "unknown":
            return Meaning(ignore=ignore)
        background = self.background_box.value() or None
        return Meaning(zero="unknown", background=background, ignore=ignore)

    def why_not(self, known: bool) -> str:
        """Return what is still to be said.

        `known`: some background is, from a folder or views that are right.
        """
        if self.zero is None:
            return NO_ZERO
        value = self.value
        lost = value.zero == "unknown" and value.background is None and not known
        return NO_BACKGROUND if lost else ""

    def propose(self, layers: Sequence[Labels]) -> None:
        """Choose for the user what 0 usually means in such layers."""
        if self._touched:
            return
        zero = usual_zero(layers)
        self._group.setExclusive(False)  # or one must stay checked
        self.background_button.setChecked(zero == "background")
        self.unknown_button.setChecked(zero == "unknown")
        self._group.setExclusive(True)

    def _label_box(self, field: str) -> LabelBox:
        """Return a box for a number of labels, or none, as the field explains it."""
        box = ignore_wheel(LabelBox())
        box.setRange(0, 2**31 - 1)
        box.setSpecialValueText("none")
        box.setToolTip(Meaning.model_fields[field].description or "")
        box.valueChanged.connect(box.arrange)
        box.valueChanged.connect(self.changed)
        return box

    def _touch(self) -> None:
        self._touched = True
        self.changed.emit()
