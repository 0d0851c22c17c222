"""What was noticed about the data of a training: a count, sentences, what to do."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from napari_unet.data.doctor import Finding
from napari_unet.events import Note
from napari_unet.gui.parts.dock_widgets import (
    breakable,
    lay_out,
    push_button,
    sentences,
    take_out,
)
from napari_unet.gui.wording import in_dock
from napari_unet.text import counted

# More sentences would push Start out of sight.
MOST_SHOWN = 5
SHOW_HELP = "Bring the place into the middle of the view, and select the labels."
FIX_HELP = (
    "Give each separate part its own id, in all of the layer. Objects that touch stay "
    "one, and small strays keep their id. Ctrl-Z takes it back."
)
FIX_HELPS = {
    "object": "Count this label as an object: no label is background then.",
    "background": "Make this label 0, in all of the layer, and give objects that have "
    "no number, or share one, each their own. Ctrl-Z takes it back.",
    "fill": "Fill each object, in all of the layer. Ctrl-Z takes it back.",
    "pose": "Turn the labels as the image is, in all of the layer. Ctrl-Z takes it "
    "back.",
}
TRAINING = "A training is running; stop it, or wait for its end."
FIXING = "The labels are being fixed."


class Findings(QWidget):
    """A count, and when it is pressed the sentences, with buttons where they help.

    There are findings, which a look at the data brings anew each time, and what a
    training told. A sentence of both is there once.
    """

    show_wanted = Signal(object)  # the Finding
    fix_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._found: tuple[Finding, ...] = ()
        self._notes: list[str] = []
        self._why_not = ""
        self.rows: list[FindingRow] = []  # the sentences that are shown
        self.button = QToolButton()
        self.button.setCheckable(True)
        self.button.setToolTip("What was noticed about the data; press to read it.")
        self.text = QWidget()
        self._column = lay_out(QVBoxLayout(self.text), spacing=4)
        self.text.hide()
        self.button.toggled.connect(self.text.setVisible)
        lay_out(QVBoxLayout(self), self.button, self.text)
        self._fill()

    @property
    def texts(self) -> tuple[str, ...]:
        """The sentences."""
        return (*map(_told, self._found), *self._notes)

    def begin(self, known: bool) -> None:
        """Forget what a training told, and the findings unless they are `known`."""
        self._notes = []
        self.button.setChecked(False)
        self._found = self._found if known else ()
        self._fill()

    def add(self, note: Note) -> None:
        """Add what a training told."""
        text = in_dock(note.text)
        if text not in (*(in_dock(str(f)) for f in self._found), *self._notes):
            self._notes.append(text)
            self._fill()

    def set_found(self, found: Sequence[Finding]) -> None:
        """Show other findings."""
        # What the look found, too, is fixed where the next one does not find it.
        self._notes = [n for n in self._notes if n not in map(str, found)]
        self._found = tuple(found)
        self._fill()

    def grey(self, why_not: str) -> None:
        """Say why labels cannot be fixed now; "": they can."""
        self._why_not = why_not
        for row in self.rows:
            row.grey(why_not)

    def _fill(self) -> None:
        texts = self.texts
        errors = any(f.severity == "error" for f in self._found)
        count = f"⚠ {counted(len(texts), 'finding')}"
        self.button.setText(f"{count}: cannot train" if errors else count)
        shown: list[Finding | str] = [*self._found]
        shown += self._notes
        if len(texts) > MOST_SHOWN:
            shown[MOST_SHOWN:] = [f"and {len(texts) - MOST_SHOWN:,} more"]
        if shown != [row.what for row in self.rows]:
            for row in self.rows:
                take_out(self._column, row)
            self.rows = [FindingRow(what, self) for what in shown]
            for row in self.rows:
                self._column.addWidget(row)
        self.grey(self._why_not)
        if not texts:
            self.button.setChecked(False)
        self.setVisible(bool(texts))


class FindingRow(QWidget):
    """A sentence, and below it the buttons that help."""

    def __init__(self, what: Finding | str, findings: Findings) -> None:
        super().__init__()
        self.what = what
        self.label = sentences(keyboard=True)
        self.label.setText(breakable(f"• {_told(what)}"))
        show, fix = findings.show_wanted, findings.fix_wanted
        self.show_button = push_button("show", SHOW_HELP, lambda: show.emit(what))
        self.fix_button = push_button("fix", "", lambda: fix.emit(what))
        buttons = self.show_button, self.fix_button, 1
        line = lay_out(QHBoxLayout(), *buttons, margins=(12, 0, 0, 0))
        lay_out(QVBoxLayout(self), self.label, line, spacing=2)
        found = what if isinstance(what, Finding) else None
        self.show_button.setVisible(found is not None and found.place is not None)
        self.fix_button.setVisible(found is not None and found.fix is not None)

    def grey(self, why_not: str) -> None:
        """Grey the button that fixes, and say why; "": it can be pressed."""
        self.fix_button.setEnabled(not why_not)
        fix = self.what.fix if isinstance(self.what, Finding) else None
        self.fix_button.setToolTip(why_not or FIX_HELPS.get(fix or "", FIX_HELP))


def _told(what: Finding | str) -> str:
    """Return a sentence that says how bad it is."""
    if isinstance(what, str):
        return what
    how = "cannot train" if what.severity == "error" else "worth a look"
    return f"{how}: {in_dock(str(what))}"
