"""What long work tells while it runs, and the one object that goes the other way.

Long work is a generator function: it yields the small frozen events below and returns
its result. :func:`drain` runs one to its end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from napari_unet.boxes import Box

Result = TypeVar("Result")

PAUSED = "paused"  # how what :class:`Progress` tells begins while work waits


@dataclass(frozen=True)
class Event:
    """Base of everything that long work yields."""


@dataclass(frozen=True)
class Progress(Event):
    """`done` of `total` units of `what` (total 0: not known)."""

    what: str
    done: int
    total: int = 0


@dataclass(frozen=True)
class Note(Event):
    """One sentence that the user should read."""

    text: str


@dataclass(frozen=True)
class MemoryNeeded(Event):
    """About how much memory the training takes that is to start."""

    bytes: float

    def __str__(self) -> str:
        """Return it as people write it: ``about 1.4 GB``."""
        return f"about {self.bytes / 1e9:.1f} GB"


@dataclass(frozen=True)
class StepDone(Event):
    """One optimiser step of training."""

    step: int
    steps: int | None
    loss: float
    seconds: float
    seconds_left: float | None
    megapixels_per_second: float

    @property
    def part(self) -> float | None:
        """How much of the budget is used, 0 to 1; None where that is not known."""
        if self.steps:
            return self.step / self.steps
        if self.seconds_left is None:
            return None
        return self.seconds / max(self.seconds + self.seconds_left, 1e-9)


@dataclass(frozen=True)
class EpochEnd(Event):
    """One validation. `score` picks the best; None where nothing was validated.

    Epoch 0 is the model that a training starts from, which has no `loss` yet.
    """

    epoch: int
    step: int
    loss: float | None
    validation_loss: float | None
    score: float | None
    metrics: Mapping[str, float]
    objects: int
    best: bool
    seconds: float
    seconds_left: float | None = None


@dataclass(frozen=True)
class Preview(Event):
    """Labels of the place that was asked for with :meth:`Control.preview`."""

    view: View
    labels: np.ndarray
    step: int


@dataclass(frozen=True)
class TileDone(Event):
    """`done` of `total` tiles have been through the network."""

    done: int
    total: int


@dataclass(frozen=True)
class Block(Event):
    """Labels of one block of the result, final but for their numbering.

    Planes of a stack on a 2D model are linked at the end: then numbers of several
    objects become one.

    box : the block's place in the image's spatial axes.
    labels : int32, the block's labels; one object has one number in all blocks.
    """

    box: Box
    labels: np.ndarray
    done: int
    total: int


@dataclass(frozen=True)
class View:
    """A place to preview: a box of the spatial axes of the sample `name`."""

    name: str
    box: Box


@dataclass(frozen=True)
class LabelUpdate:
    """New labels (and mask) of a touched box of the sample `name`."""

    name: str
    box: Box
    labels: np.ndarray
    mask: np.ndarray | None


@dataclass
class Control:
    """The only thing that two threads share: wishes from outside to running work.

    All methods may be called from any thread and return at once.
    """

    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _stop: bool = False
    _paused: bool = False
    _holders: list[str] = field(default_factory=list)
    _updates: list[LabelUpdate] = field(default_factory=list)
    _view: View | None = None
    _focus: Box | None = None

    def stop(self) -> None:
        """Ask the work to end soon and to return what it has."""
        with self._lock:
            self._stop = True

    def pause(self) -> None:
        """Ask the work to wait after the step or tile at hand."""
        with self._lock:
            self._paused = True

    def resume(self) -> None:
        """End a pause."""
        with self._lock:
            self._paused = False

    def hold(self, why: str) -> None:
        """Ask the work to wait for other work, ``"segmenting"``; not a user's pause."""
        with self._lock:
            self._holders.append(why)

    def release(self, why: str) -> None:
        """End a :meth:`hold`."""
        with self._lock:
            if why in self._holders:
                self._holders.remove(why)

    def update(
        self,
        name: str,
        box: Box,
        labels: np.ndarray,
        mask: np.ndarray | None = None,
    ) -> None:
        """Hand over new labels of one box of the sample `name`; arrays are copied."""
        new = LabelUpdate(
            name, box, np.array(labels), None if mask is None else np.array(mask)
        )
        with self._lock:
            self._updates.append(new)

    def preview(self, view: View | None) -> None:
        """Ask for a preview after each validation; the latest wish wins."""
        with self._lock:
            self._view = view

    def focus(self, box: Box | None) -> None:
        """Segment this box first: changes the order of the work, never its result."""
        with self._lock:
            self._focus = box

    @property
    def stopped(self) -> bool:
        """Whether :meth:`stop` was called."""
        with self._lock:
            return self._stop

    @property
    def paused(self) -> bool:
        """Whether the work should wait (a stop ends a pause)."""
        with self._lock:
            return self._paused and not self._stop

    @property
    def view(self) -> View | None:
        """The place to preview, if any."""
        with self._lock:
            return self._view

    @property
    def focused(self) -> Box | None:
        """The box to segment first, if any."""
        with self._lock:
            return self._focus

    def take_updates(self) -> list[LabelUpdate]:
        """Return the label updates handed over since the last call, oldest first."""
        with self._lock:
            updates, self._updates = self._updates, []
        return updates

    def wait_while_paused(self) -> Generator[Progress, None, None]:
        """Wait until resumed, released or stopped; tells of it every half second."""
        told = 0.0
        while what := self._waits:
            if time.monotonic() - told >= 0.5:
                told = time.monotonic()
                yield Progress(what, 0)
            time.sleep(0.05)

    @property
    def _waits(self) -> str:
        """What to tell while the work waits; "": it does not."""
        with self._lock:
            if self._stop or not (self._paused or self._holders):
                return ""
            return PAUSED if self._paused else f"{PAUSED}: {self._holders[0]}"


def drain(
    events: Generator[Event, None, Result],
    on_event: Callable[[Event], None] | None = None,
) -> Result:
    """Run a generator of events to its end and return its result.

    Parameters
    ----------
    events : generator
        What :func:`napari_unet.train` or :func:`napari_unet.segment` returned.
    on_event : callable, optional
        Called with each event.

    Returns
    -------
    object
        The generator's return value.

    Examples
    --------
    >>> def work():
    ...     yield Progress("counting", 1, 1)
    ...     return 42
    >>> drain(work())
    42
    """
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            result: Result = end.value
            return result
        if on_event is not None:
            on_event(event)
