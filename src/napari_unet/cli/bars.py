"""Events on the terminal: a live bar, or plain lines where nobody watches."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from napari_unet.events import (
    EpochEnd,
    Event,
    MemoryNeeded,
    Note,
    Progress,
    StepDone,
    TileDone,
)
from napari_unet.text import all_figures, clock, counted, headline, time_left

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Show:
    """Shows events on stderr; results go to stdout and are not its business.

    On a terminal one bar tells what is going on; elsewhere each epoch is a line.
    """

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._step: StepDone | None = None
        self._outer = Progress("", 0)
        self._figure = ""

    def __enter__(self) -> Self:
        """Start the bar, where there is a terminal."""
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[text]}", markup=False),
                expand=True,
                console=Console(stderr=True),
                # Lines printed meanwhile stand above the bar; results that go into a
                # file must not be led to the terminal.
                redirect_stdout=sys.stdout.isatty(),
                transient=True,
            )
            self._bar.add_task("", total=None, text="")
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Note):
            print(event.text, file=sys.stderr, flush=True)
        elif isinstance(event, MemoryNeeded):
            print(f"memory: {event}", flush=True)
        elif isinstance(event, EpochEnd):
            self._figure = headline(event.metrics, event.objects)
            if self._bar is None:
                print(epoch_line(event), file=sys.stderr, flush=True)
        elif isinstance(event, StepDone):
            self._step = event
            left = time_left(event.seconds_left)
            parts = [f"loss {event.loss:.3f}", self._figure, left]
            self._draw("training", event.part, "  ".join(p for p in parts if p))
        elif isinstance(event, Progress):
            self._progress(event)
        elif isinstance(event, TileDone) and self._step is None:
            self._draw(
                self._outer.what,
                (self._outer.done + event.done / max(event.total, 1))
                / max(self._outer.total, 1),
                _count(self._outer),
            )

    def _progress(self, event: Progress) -> None:
        # The images of a command; what is counted inside one of them leaves it alone.
        if event.what in ("segmenting", "evaluating"):
            self._step, self._outer, self._figure = None, event, ""
        if self._step is not None:  # a training validates: its bar stays where it is
            self._draw(f"{event.what} {_count(event)}", None, None)
            return
        part = event.done / event.total if event.total else None
        self._draw(event.what, part, _count(event))

    def _draw(self, what: str, part: float | None, text: str | None) -> None:
        if self._bar is None:
            return
        task = self._bar.task_ids[0]
        self._bar.update(task, description=f"{what:<16}")
        if part is not None:
            self._bar.update(task, completed=100 * part, total=100)
        if text is not None:
            self._bar.update(task, text=text)


def epoch_line(event: EpochEnd) -> str:
    """Return one epoch as a line."""
    parts = ["the model to start from"]
    if event.loss is not None:
        parts = [f"epoch {event.epoch}, step {event.step:,}: loss {event.loss:.3f}"]
    if event.validation_loss is not None:
        parts.append(f"validation loss {event.validation_loss:.3f}")
        behind = counted(event.objects, "object")
        parts.append(f"{all_figures(event.metrics)} ({behind})")
    parts += ["best so far" if event.best else "", clock(event.seconds)]
    return ", ".join(p for p in [*parts, time_left(event.seconds_left)] if p)


def _count(event: Progress) -> str:
    return f"{event.done:,}/{event.total:,}" if event.total else ""
