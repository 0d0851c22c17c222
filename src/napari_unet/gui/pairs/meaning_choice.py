"""Saying what numbers in labels mean: 0, the background's own, and one to ignore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QEvent, QObject, QSignalBlocker, Signal
from qtpy.QtWidgets import QSpinBox

from napari_unet.data.meaning import Meaning, Zero
from napari_unet.gui.layers.right_views import RIGHT
from napari_unet.gui.pairs.folder_row import DataRow
from napari_unet.gui.pairs.pair_row import PairRow
from napari_unet.gui.parts.dock_widgets import (
    ignore_wheel,
    push_button,
    radio_buttons,
    say,
    sentences,
)
from napari_unet.text import sentence

BUTTONS = 69  # px that napari's style gives to them
PAINT = "Paint background"
PAINT_HELP = (
    "Take up a larger brush for background, with a label of its own: the next free "
    "number, or the one that it has already. The other labels keep their brush. What "
    "is painted with it is learnt as background."
)
UNKNOWN_HELP = (
    "Only what is labelled is learnt from, and what is 0 in views that are right or "
    "has the background label."
)
NO_BACKGROUND = f"no background is known yet: press [{PAINT}] or [{RIGHT}]"
WORDS: dict[Zero | None, str] = {
    "background": "background",
    "unknown": "not annotated yet",
    None: "not said",
}


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
    """The buttons and boxes that say it of the rows at hand; a form places them.

    A choice belongs to the labels of a row: other rows bring their own. What is chosen
    here is said of all that are listed.
    """

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._rows: Sequence[DataRow] = ()
        self._objects = "objects"
        self._group, (self.background_button, self.unknown_button) = radio_buttons(
            self,
            ("background", "Every object is annotated: 0 is none."),
            ("not annotated yet", UNKNOWN_HELP),
        )
        self.background_button.clicked.connect(lambda: self._say(zero="background"))
        self.unknown_button.clicked.connect(lambda: self._say(zero="unknown"))
        self.paint_button = push_button(PAINT, PAINT_HELP)
        self.told = sentences("Which label is background.")
        self.background_box = self._label_box("background")
        self.ignored_box = self._label_box("ignore")

    @property
    def pairs(self) -> list[PairRow]:
        """The rows whose labels can mean one thing or another."""
        rows = [row for row in self._rows if isinstance(row, PairRow)]
        return [row for row in rows if row.labels is not None]

    @property
    def zero(self) -> Zero | None:
        """What 0 means in all labels; None: nobody said, or they differ."""
        zeros = {row.said.zero for row in self.pairs} or {"background"}
        return zeros.pop() if len(zeros) == 1 else None

    @property
    def partly(self) -> bool:
        """Whether 0 means not annotated yet in some."""
        return any(row.said.zero == "unknown" for row in self.pairs)

    @property
    def special(self) -> bool:
        """Whether a label is background in some, which is a number to show."""
        return any(_background(row) for row in self.pairs)

    def why_not(self, known: bool) -> str:
        """Return what is still to be said or painted.

        `known`: some background is, from a folder or views that are right.
        """
        unsaid = [_name(row) for row in self.pairs if row.said.zero is None]
        if unsaid:
            return (
                f"say what 0 means in {' and '.join(unsaid)}: background, or not "
                "annotated yet"
            )
        labels = [_background(row) for row in self.pairs]
        if known or not labels or 0 in labels or any(map(_painted, self.pairs)):
            return ""
        for number in labels:
            if number is not None:
                return f"paint some background with label {number}"
        return NO_BACKGROUND

    def follow(self, rows: Sequence[DataRow], objects: str = "objects") -> None:
        """Show what is said of rows; `objects` is what their other labels are."""
        self._rows, self._objects = rows, objects
        self._group.setExclusive(False)  # or one must stay checked
        self.background_button.setChecked(self.zero == "background")
        self.unknown_button.setChecked(self.zero == "unknown")
        self._group.setExclusive(True)
        partly = [row for row in self.pairs if row.said.zero == "unknown"]
        _show(self.background_box, {row.said.background for row in partly})
        _show(self.ignored_box, {row.said.ignore for row in rows})
        say(self.told, sentence(self._sentence(partly)))

    def _sentence(self, partly: Sequence[PairRow]) -> str:
        """Return which label is background, and where 0 means another thing."""
        if self.zero is None and len(self.pairs) > 1:
            parts = [f"{_name(row)}: {WORDS[row.said.zero]}" for row in self.pairs]
            return f"0 means, in {'; in '.join(parts)}"
        chosen = {row.said.background: row for row in partly if row.said.background}
        if len(chosen) > 1:
            parts = [f"{number} in {_name(row)}" for number, row in chosen.items()]
            return f"background is label {', '.join(parts)}"
        for number, row in chosen.items():
            paint = "" if row.holds(number) else ": paint some of it"
            return f"background is label {number}{paint}; others are {self._objects}"
        return ""

    def _label_box(self, field: str) -> LabelBox:
        """Return a box for a number of labels, or none, as the field explains it."""
        box = ignore_wheel(LabelBox())
        box.setRange(0, 2**31 - 1)
        box.setSpecialValueText("none")
        box.setToolTip(Meaning.model_fields[field].description or "")
        box.valueChanged.connect(box.arrange)
        box.valueChanged.connect(lambda number: self._say(**{field: number or None}))
        return box

    def _say(self, **said: Any) -> None:
        """Say it of all rows that it concerns."""
        for row in self._rows:
            if "background" not in said or row.said.zero == "unknown":
                row.say(**said)
        self.changed.emit()


def _name(row: PairRow) -> str:
    return "" if row.labels is None else str(row.labels.name)


def _background(row: PairRow) -> int | None:
    """Return the number of the background: 0, its own, or None: there is none."""
    said = row.said
    return said.background if said.zero == "unknown" else 0


def _painted(row: PairRow) -> bool:
    """Return whether a label is background that is painted, as far as one knows."""
    number = _background(row)
    return number is not None and row.holds(number) is not False


def _show(box: LabelBox, numbers: set[int | None]) -> None:
    """Show the number that labels have in common."""
    differ = len(numbers) > 1
    with QSignalBlocker(box):
        box.setSpecialValueText("differs" if differ else "none")
        box.setValue(0 if differ else next(iter(numbers), None) or 0)
    box.arrange()
