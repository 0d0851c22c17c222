"""How a training goes: its progress, speed, curves, and best figure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari.viewer import Viewer
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_unet.events import (
    PAUSED,
    Control,
    EpochEnd,
    Event,
    MemoryNeeded,
    Progress,
    StepDone,
)
from napari_unet.gui import worker
from napari_unet.gui.parts.dock_widgets import enable, lay_out, say, sentences
from napari_unet.gui.parts.progress import ProgressRow
from napari_unet.gui.pickers.model_picker import trained
from napari_unet.gui.train.earlier import earlier
from napari_unet.gui.train.loss_plot import LossPlot
from napari_unet.text import clock, headline, sentence

# The speed is that of the last so many messages, a few seconds.
MESSAGES = 20
START_HELP = "Train on these pairs; the best model is kept at any moment."
GO_ON_HELP = (
    "Go on with the training that was kept, from its last validation; what was painted "
    "since is learnt, too."
)
QUICK_HELP = (
    "Fit a pixel classifier, a random forest, to the same labels, and show what it "
    "makes of the view: a second or two. It shows roughly what can be learnt, and "
    "where labels are missing. The next Start trains as if there had been none."
)
NOT_RUNNING = "nothing is being trained here"
STOPPING = "the training is stopping"
BEST_HELP = (
    "Quality of the best model so far on the validation images. AP50: how many objects "
    "were found right, with at least half of their area in common."
)
PAUSE_HELP = "Wait after the step at hand."
FITTING = "a pixel classifier is fitted in one go; wait, or stop it"


class TrainMonitor(QWidget):
    """Shows the events of a training.

    viewer : whose theme the curves follow
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._name = self._started = ""
        self._memory = ""
        self._pace: deque[StepDone] = deque(maxlen=MESSAGES)
        self.speed = QLabel()
        self.speed.setToolTip("Optimiser steps per second, over the last few seconds.")
        self.progress = ProgressRow(button=False)  # there is Stop
        self.plot = LossPlot(viewer)
        self._of_earlier: Path | None = None  # whose predecessors are looked for
        # As wide as the dock is: a plot asks for more than is there.
        self.plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.best = sentences(BEST_HELP)
        parts = self.progress, self.speed, self.plot, self.best
        lay_out(QVBoxLayout(self), *parts, spacing=2)
        say(self.speed, "")

    def begin(self, folder: Path) -> None:
        """Show a new training of the model that goes into a folder."""
        self._name, self._started = folder.name, ""
        self._of_earlier = folder
        self._memory = ""
        self._pace.clear()
        self.plot.clear()
        self.best.clear()
        say(self.speed, "")
        self.progress.start("starting")

    def pause(self, paused: bool) -> None:
        """Say that the training waits, or goes on."""
        self.progress.pause(paused)

    def clear(self) -> None:
        """Say nothing: what was said is of other data."""
        self.plot.clear()
        self.best.clear()
        self.finish("")

    def take(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, MemoryNeeded):
            self._memory = str(event)
            say(self.speed, self._memory)
        elif isinstance(event, StepDone):
            self._find_earlier()
            self.plot.add_step(event)
            self._show_speed(event)
        elif isinstance(event, EpochEnd):
            self.plot.add_epoch(event)
            self._show_best(event)
        elif isinstance(event, Progress) and event.what.startswith(PAUSED):
            self._pace.clear()
            say(self.speed, "")  # the progress says why
        # Last, since napari's bar lets other events run: the next of ours overtook it.
        self.progress.show_event(event)

    def _find_earlier(self) -> None:
        """Look once for earlier trainings on the data, which the model now names."""
        folder, self._of_earlier = self._of_earlier, None
        if folder is not None:
            worker.start(
                *(self, "reading earlier trainings", earlier, folder, trained()),
                on_returned=self.plot.show_earlier,
            )

    def finish(self, text: str) -> None:
        """Leave a sentence instead of the progress."""
        say(self.speed, "")
        self.progress.finish(text)

    def show_card(self, card: Mapping[str, Any]) -> None:
        """Show the figure of the finished model: its thresholds were bettered last."""
        found = card.get("validation", {})
        if "figures" in found:
            figure = headline(found["figures"], found["objects"])
            self._show(f"best {figure}", card.get("seconds", 0.0))

    def _show_speed(self, event: StepDone) -> None:
        self._pace.append(event)
        first = self._pace[0]
        seconds = event.seconds - first.seconds
        if seconds > 0:
            pace = f"{(event.step - first.step) / seconds:.1f} steps/s"
            say(self.speed, ", ".join(filter(None, [self._memory, pace])))

    def _show_best(self, event: EpochEnd) -> None:
        figure = headline(event.metrics, event.objects) if event.metrics else ""
        if not event.epoch:
            self._started = figure
            self.best.setText(f"started at {figure}")
        elif event.best:
            what = f"best {figure}" if figure else "not validated; latest"
            self._show(what, event.seconds)
        elif self.best.text() == f"started at {self._started}":
            self.best.setText(f"{self.best.text()}, best at 0:00: no better yet")

    def _show(self, what: str, seconds: float) -> None:
        text = f'{what} at {clock(seconds)}, saved as "{self._name}"'
        if self._started:
            text = f"started at {self._started}; {text}"
        self.best.setText(text)


class RunButtons(QWidget):
    """Start, Quick look, Pause and Stop, and below them why training cannot start."""

    def __init__(self) -> None:
        super().__init__()
        names = "Start", "Quick look", "Pause", "Stop"
        self.start, self.quick, self.pause, self.stop = map(QPushButton, names)
        self.reason = sentences("Why training cannot start now.")
        self.go_on = QPushButton("Go on")
        self.go_on.setToolTip(GO_ON_HELP)
        self.go_on.hide()
        parts = self.go_on, self.start, self.quick, self.pause, self.stop
        line = lay_out(QHBoxLayout(), *((part, 1) for part in parts))
        lay_out(QVBoxLayout(self), line, self.reason)

    def arrange(self, reason: str, control: Control | None, fits: bool = False) -> None:
        """Grey what cannot be done now.

        `reason` is why training cannot start, `control` that of the training that runs
        here; it `fits` a pixel classifier, which cannot wait.
        """
        enable(self.start, reason, START_HELP)
        enable(self.quick, reason, QUICK_HELP)
        say(self.reason, "" if control else sentence(reason))
        paused = control is not None and control.paused
        self.pause.setText("Resume" if paused else "Pause")
        why_not = "" if control else NOT_RUNNING
        if control is not None and control.stopped:
            why_not = STOPPING
        no_pause = why_not or (FITTING if fits else "")
        enable(self.pause, no_pause, "Resume." if paused else PAUSE_HELP)
        enable(self.stop, why_not, "End now; the best model so far is kept.")

    def offer(self, done: float | None) -> None:
        """Offer to go on with a training of which so much is done; None: there is none.

        done : 0 to 1
        """
        self.go_on.setVisible(done is not None)
        if done is not None:
            self.go_on.setText(f"Go on ({100 * done:.0f} %)")
