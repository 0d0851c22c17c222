"""Events on the terminal: a live bar, or plain lines where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from napari_unet.events import EpochEnd, Event, Note, Progress, StepDone, TileDone

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

FIGURES = {
    "ap50": "AP50",
    "ap75": "AP75",
    "ap90": "AP90",
    "mean9": "mean9",
    "dice": "Dice",
    "iou": "IoU",
}


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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Note):
            print(event.text, file=sys.stderr, flush=True)
        elif isinstance(event, EpochEnd):
            self._figure = headline(event.metrics, event.objects)
            if self._bar is None:
                print(epoch_line(event), file=sys.stderr, flush=True)
        elif isinstance(event, StepDone):
            self._step = event
            left = _left(event.seconds_left)
            parts = [f"loss {event.loss:.3f}", self._figure, left]
            self._draw("training", _part(event), "  ".join(p for p in parts if p))
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
        if self._step is not None:  # a training validates: its bar stays where it is
            self._draw(f"{event.what} {_count(event)}", None, None)
            return
        self._outer = event
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


def headline(metrics: Mapping[str, float], objects: int) -> str:
    """Return the figure that tells most, with the number of objects behind it."""
    name = next((n for n in ("ap50", "dice") if n in metrics), None)
    return (
        f"{FIGURES[name]} {metrics[name]:.3f} ({counted(objects, 'object')})"
        if name
        else ""
    )


def all_figures(metrics: Mapping[str, float]) -> str:
    """Return all figures in one line."""
    return ", ".join(
        f"{FIGURES.get(name, name)} {value:.3f}" for name, value in metrics.items()
    )


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "image"), counted(1204, "object")
    ('1 image', '1,204 objects')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def clock(seconds: float) -> str:
    """Return a time as people write it.

    Examples
    --------
    >>> clock(3.21), clock(408), clock(7325)
    ('3.2 s', '6:48', '2:02:05')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def epoch_line(event: EpochEnd) -> str:
    """Return one epoch as a line."""
    parts = [f"epoch {event.epoch}, step {event.step:,}: loss {event.loss:.3f}"]
    if event.validation_loss is not None:
        parts.append(f"validation loss {event.validation_loss:.3f}")
        behind = counted(event.objects, "object")
        parts.append(f"{all_figures(event.metrics)} ({behind})")
    parts += ["best so far" if event.best else "", clock(event.seconds)]
    return ", ".join(p for p in [*parts, _left(event.seconds_left)] if p)


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f"{clock(seconds)} left"


def _count(event: Progress) -> str:
    return f"{event.done:,}/{event.total:,}" if event.total else ""


def _part(event: StepDone) -> float | None:
    if event.steps:
        return event.step / event.steps
    if event.seconds_left is None:
        return None
    return event.seconds / max(event.seconds + event.seconds_left, 1e-9)
