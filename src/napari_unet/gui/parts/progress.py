"""How far a job is: a bar with the time left and Cancel, in the dock and in napari."""

from __future__ import annotations

import time
from collections.abc import Callable

from napari.utils import cancelable_progress
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QProgressBar, QWidget

from napari_unet.events import PAUSED, Event, Progress, StepDone, TileDone
from napari_unet.gui.parts.dock_widgets import breakable, push_button, say, sentences
from napari_unet.text import time_left

# A guess at the time left from less than this would jump about.
LEAST_SECONDS = 1.0
LEAST_PART = 0.01

CANCEL_HELP = "End the work within a second or so; what is done by then is kept."
STOPPING_HELP = "The work has been asked to end."


class ProgressRow(QWidget):
    """A bar, ``63 %   12 s left`` and Cancel; the bar stands in napari's activity too.

    button : whether Cancel is shown: not beside another button that stops the work

    :meth:`start`, any number of :meth:`show_event`, then :meth:`finish`; all on the
    main thread. Between a press of Cancel and :meth:`finish` it says "stopping".
    """

    cancelled = Signal()

    def __init__(self, *, button: bool = True) -> None:
        super().__init__()
        self._has_button = button
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setToolTip("How far the work is.")
        self._text = sentences()
        self._button = push_button("Cancel", CANCEL_HELP, self._cancel)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(2)
        layout.addWidget(self._bar, 0, 0)
        layout.addWidget(self._button, 0, 1, Qt.AlignmentFlag.AlignRight)
        layout.addWidget(self._text, 1, 0, 1, 2)
        layout.setColumnStretch(0, 1)
        self._pace: Pace | None = None
        self._stopping = self._paused = False
        self._activity = Activity()
        # Not a method of this widget, which is gone by then, nor a partial: Python may
        # collect that before Qt calls it. The bar keeps the activity while it is open.
        self.destroyed.connect(self._activity.close)
        self.finish("")

    @property
    def text(self) -> str:
        """What the row says."""
        return str(self._text.text()).replace("\u200b", "")

    def start(self, what: str, total: int = 0) -> None:
        """Begin to show work.

        what : ``"segmenting"``
        total : number of images, where there are several: ``Progress(what, done,
            total)`` tells of them, and the tiles of one are a part of the whole
        """
        self._pace = Pace(what, total)
        self._stopping = self._paused = False
        self._button.setEnabled(True)
        self._button.setToolTip(CANCEL_HELP)
        self._bar.show()
        self._button.setVisible(self._has_button)
        self._activity.open(what, self._cancel)
        self._draw()

    def show_event(self, event: Event) -> None:
        """Show what an event tells of the progress; other events change nothing."""
        if self._pace is not None and self._pace.take(event):
            self._draw()

    def pause(self, paused: bool) -> None:
        """Say that the work is to wait, from now on, or that it goes on."""
        self._paused = paused
        self._draw()

    def finish(self, text: str) -> None:
        """End, and leave a sentence instead of the bar."""
        self._pace = None
        self._bar.hide()
        self._button.hide()
        say(self._text, breakable(text))
        self._activity.close()

    def _cancel(self) -> None:
        if self._pace is None or self._stopping:
            return
        self._stopping = True
        self._button.setEnabled(False)
        self._button.setToolTip(STOPPING_HELP)
        self._draw()
        self.cancelled.emit()

    def _draw(self) -> None:
        pace = self._pace
        if pace is None:
            return
        if pace.part is None:
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, 1000)
            self._bar.setValue(int(1000 * pace.part))
        self._text.setText("stopping" if self._stopping else pace.text(self._paused))
        self._text.show()
        what = "stopping" if self._stopping else pace.what
        # Last, since napari lets other events run meanwhile, those of the job included.
        self._activity.show(what, pace.part)


class Pace:
    """What events tell of how far work is, and how long it will take.

    total : of the units that ``Progress(what, done, total)`` counts; 0: the work is one
    """

    def __init__(self, what: str, total: int = 0) -> None:
        self.what = what
        self.part: float | None = None
        self.seconds_left: float | None = None
        self._whole = Progress(what, 0, total)
        self._trains = False
        self._phase = what
        self._from = (time.monotonic(), 0.0)

    def take(self, event: Event) -> bool:
        """Take what an event tells; returns whether it told anything."""
        if isinstance(event, StepDone):
            self._trains = True
            self.what, self.seconds_left = "training", event.seconds_left
            self.part = event.part
        elif isinstance(event, Progress):
            self._take_progress(event)
        elif isinstance(event, TileDone) and not self._trains:
            done = self._whole.done + event.done / max(event.total, 1)
            self._move(self._whole.what, done / max(self._whole.total, 1))
        else:  # blocks, too: their tiles have told already
            return False
        return True

    def text(self, paused: bool = False) -> str:
        """Return it in words; `paused` though a step at hand may not have ended."""
        percent = "" if self.part is None else f"{int(100 * self.part)} %"
        what = PAUSED if paused else self.what
        waits = what.startswith(PAUSED)
        left = "" if waits else time_left(self.seconds_left)
        if waits and not self._trains:
            percent = ""  # of what came before the first step
        return "   ".join(part for part in (what, percent, left) if part)

    def _take_progress(self, event: Progress) -> None:
        if event.what == self._whole.what and event.total:
            self._whole = event
            self._move(event.what, event.done / event.total)
        elif self._trains or self._whole.total or event.what.startswith(PAUSED):
            self.what = event.what  # a small part of the whole: the bar stays
        else:
            part = event.done / event.total if event.total else None
            self._move(event.what, part)

    def _move(self, what: str, part: float | None) -> None:
        """Go on to a part of one phase of the work, and guess how long it takes."""
        now = time.monotonic()
        self.what = what
        if what != self._phase:
            self._phase, self._from = what, (now, part or 0.0)
        self.part = None if part is None else min(part, 1.0)
        self.seconds_left = None
        began, first = self._from
        if self.part is None or self.part - first < LEAST_PART:
            return
        if now - began >= LEAST_SECONDS:
            self.seconds_left = (now - began) * (1 - self.part) / (self.part - first)


class Activity:
    """A bar in napari's activity dock, if there is one."""

    def __init__(self) -> None:
        self._bar: Cancelable | None = None
        self._busy = False

    def open(self, what: str, cancel: Callable[[], None]) -> None:
        """Show a new bar instead of the one before."""
        self.close()
        self._bar = Cancelable(desc=what, total=0, cancel_callback=cancel)

    def show(self, what: str, part: float | None) -> None:
        """Move the bar; a part of None: nobody knows how far it is."""
        bar = self._bar
        # napari handles waiting events whenever its bar moves, so this may be called
        # again, and the bar be closed, before the first call has returned.
        if bar is None or self._busy:
            return
        self._busy = True
        try:
            if bar.desc.removesuffix(": ") != what:
                bar.set_description(what)
            total, done = (0, 0) if part is None else (100, int(100 * part))
            if self._bar is bar and bar.total != total:
                bar.total = total
            if self._bar is bar and bar.n != done:
                bar.update(done - bar.n)
        finally:
            self._busy = False

    def close(self, *_: object) -> None:
        """Remove the bar, if there is one."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()


class Cancelable(cancelable_progress):
    """Tells of its Cancel at once; napari's waits for the next turn of a loop."""

    def cancel(self) -> None:
        """Say that the button was pressed."""
        super().cancel()
        self.cancel_callback()
