"""Whether a new model is better than the one it started from, and which is used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.gui.parts.dock_widgets import (
    lay_out,
    push_button,
    radio_buttons,
    sentences,
)
from napari_unet.models.card import UNKNOWN, gain
from napari_unet.text import counted, sentence

USE_HELP = "Choose the new model in the Segment dock."
SWAP_HELP = "Show the view as the model saw it before the training, or as it does now."
BEFORE, AFTER = "before", "after"


def judgement(card: Mapping[str, Any], name: str, start: str) -> tuple[bool, str]:
    """Return whether a new model is to be used, and what to say of it.

    Parameters
    ----------
    card : mapping
        Of the new model.
    name, start : str
        Of the new model, and of the one that it started from; "": of none.
    """
    if not start:
        return True, ""
    found = card.get("start", {})
    verdict = found.get("verdict", "")
    if verdict == "better":
        return True, f'"{name}" is better than "{start}": {gain(found)}'
    knew = card.get("knew", 1.0)
    if knew < UNKNOWN and verdict != "worse":
        what = f'"{start}" knew hardly anything of what is annotated ({knew:.2f} of 1)'
        return True, f'{what}, so "{name}" is used'
    if "gain" in found and not verdict:  # of classes, for which there is no test
        what = f'the Dice of "{name}" is {found["gain"]:+.3f} beside "{start}"'
        return found["gain"] > 0, f"{what} on the held-back images"
    if verdict in ("worse", "no difference"):
        what = f'"{name}" is not better than "{start}", which stays chosen'
        return False, f"{what}: {gain(found)}"
    judged = counted(found.get("objects", 0), "held-back object")
    return False, (
        f'{judged}: too few to tell whether the new model is better; "{start}" stays '
        "chosen; look at both"
    )


class Verdict(QWidget):
    """Says what a training was worth; offers both models where nobody can tell."""

    swapped = Signal(bool)  # whether the view as it was before is to be shown
    used = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder: Path | None = None
        self.text = sentences("What the training was worth.")
        group, (self.before, self.after) = radio_buttons(
            self, (BEFORE, SWAP_HELP), (AFTER, SWAP_HELP)
        )
        group.setExclusive(True)
        self.before.toggled.connect(self.swapped)
        self.use = push_button("Use the new model", USE_HELP, self._use)
        self._choice = QWidget()
        lay_out(QHBoxLayout(self._choice), self.before, self.after, 1, self.use)
        lay_out(QVBoxLayout(self), self.text, self._choice, spacing=2)
        self.clear()

    def clear(self) -> None:
        """Say nothing, for another training."""
        self._folder = None
        self.after.setChecked(True)
        self.setVisible(False)

    def show_judgement(self, text: str, folder: Path | None, swap: bool) -> None:
        """Say it; offer the model of a folder, and the view before, if there is one."""
        self._folder = folder
        self.text.setText(sentence(text))
        for button in (self.before, self.after):
            button.setVisible(swap)
        self.use.setVisible(folder is not None)
        self._choice.setVisible(swap or folder is not None)
        self.setVisible(bool(text))

    def _use(self) -> None:
        if self._folder is not None:
            self.used.emit(str(self._folder))
            self.use.setVisible(False)
