"""The line of a dock that says how objects are corrected, and how many were."""

from __future__ import annotations

import sys

from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unet.gui.parts.dock_widgets import lay_out, say, sentences
from napari_unet.text import counted

ENOUGH = 5  # corrections after which it is worth while to train on them
CONTROL, ALT = ("Cmd", "Option") if sys.platform == "darwin" else ("Ctrl", "Alt")
KEYS = (
    f"{CONTROL}+click deletes | {ALT}+drag merges | Shift+drag splits | "
    "double click adds | S smooths"
)
KEYS_HELP = f"""With a labels layer selected, on its objects:
{CONTROL}+click, or D under the cursor: delete the object.
{ALT}+drag from one object to another: both become one.
Shift+drag a line across an object: split it.
Double click on the background, or A: add the object that the model sees there.
S: fill the holes of the object under the cursor and smooth its edge.
{CONTROL}+Z undoes each in one step. Other keys: Preferences > Shortcuts, Labels."""


class CorrectHelp(QWidget):
    """What the mouse does to objects, and the offer to train on what was corrected."""

    def __init__(self, train_button: QPushButton) -> None:
        super().__init__()
        self._button = train_button
        self.keys = QLabel(f"Correct   {KEYS}")
        self.keys.setWordWrap(True)
        self.keys.setToolTip(KEYS_HELP)
        self.told = sentences("How many corrections of these labels stand.")
        lay_out(QVBoxLayout(self), self.keys, self.told)
        self.show_count(0)

    def show_count(self, count: int) -> None:
        """Say how many corrections there are, and offer to train on enough of them."""
        enough = count >= ENOUGH
        text = counted(count, "correction")
        if enough:
            text = f"<b>{text}: train on them</b>"
        say(self.told, text if count else "")
        font = self._button.font()
        font.setBold(enough)
        self._button.setFont(font)
