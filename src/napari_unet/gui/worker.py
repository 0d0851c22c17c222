"""The one place where a thread is made: jobs that drain generators of events."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from napari.qt.threading import WorkerBase, WorkerBaseSignals
from napari.utils.notifications import show_error
from qtpy.QtCore import QCoreApplication, QObject, Signal

from napari_unet.events import Control, Event, Progress, StepDone, TileDone

R = TypeVar("R")
Work = Callable[[Control], Generator[Event, None, R]]

# Counts that the next one of their kind makes stale; a few a second are enough.
PASSING = (Progress, StepDone, TileDone)
SECONDS = 0.15
QUIT_SECONDS = 2.0

logger = logging.getLogger(__name__)


class JobSignals(WorkerBaseSignals):
    """Signals of a job; slots run on the main thread."""

    event = Signal(object)


class Job(WorkerBase[Any]):
    """Long work in a thread of its own.

    Parameters
    ----------
    kind : str
        What it does, ``"training"`` for example; :func:`running` tells by it.
    work : callable
        Gets a Control, returns a generator of events; its return value is what
        `returned` carries. It gets plain arrays and touches no layer, viewer or widget.

    Notes
    -----
    `started`, then any number of `event`, `returned` or `errored`, and `finished`.
    :meth:`quit` asks the work to stop: it still returns what it has.
    """

    def __init__(self, kind: str, work: Work[Any]) -> None:
        super().__init__(SignalsClass=JobSignals)
        self.kind = kind
        self.control = Control()
        self._work = work
        self._abandoned = False

    def quit(self) -> None:
        """Ask the work to stop soon; `returned` brings what it has by then."""
        self.control.stop()

    def abandon(self) -> None:
        """End the work at its next event; nothing is returned."""
        self._abandoned = True
        self.control.stop()

    def start(self) -> None:
        """Start in a thread of its own."""
        self._running = True  # waiting for a slot is running for everybody else
        jobs().begin(self)

    def work(self) -> Any:
        """Drain the generator; runs in the thread."""
        events = self._work(self.control)
        told: dict[type, float] = {}
        while not self._abandoned:
            try:
                event = next(events)
            except StopIteration as end:
                return end.value
            now = time.monotonic()
            if isinstance(event, PASSING):
                if now - told.get(type(event), 0.0) < SECONDS:
                    continue
                told[type(event)] = now
            self.signals.event.emit(event)
        events.close()  # its finally blocks run here, not on the main thread
        return None

    def run(self) -> None:
        """Run the work; unlike superqt's, this leaves Python's warnings alone.

        superqt swaps ``warnings.showwarning`` for the time of a job: two jobs that
        overlap leave it pointing to a dead one.
        """
        self.signals.started.emit()
        try:
            result = self.work()
        except Exception as error:  # noqa: BLE001 - the end of a thread
            outcome, content = self.signals.errored, error
        else:
            outcome, content = self.signals.returned, result
        self._running = False
        if not self._abandoned:
            outcome.emit(content)
        self.signals.finished.emit()


class Jobs(QObject):
    """All jobs of this process, whatever dock they belong to."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.running: list[Job] = []
        self._threads: list[threading.Thread] = []
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.stop)

    def begin(self, job: Job) -> None:
        """Run a job."""
        self.running.append(job)
        job.finished.connect(self._end)
        self.changed.emit()
        # A pool of Qt would make the process wait at its end, however long a job takes
        # to notice; the global one has a slot a core, which other plugins need.
        thread = threading.Thread(target=job.run, name=job.kind, daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def stop(self, seconds: float = QUIT_SECONDS) -> bool:
        """Abandon all jobs and wait for them; returns whether all ended in time."""
        for job in list(self.running):
            job.abandon()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _end(self) -> None:
        self.running = [job for job in self.running if job.is_running]
        self.changed.emit()


@functools.cache
def jobs() -> Jobs:
    """Return the one object that knows all jobs."""
    return Jobs()


def running(kind: str | None = None) -> list[Job]:
    """Return the jobs that have not ended, of one kind or of all."""
    alive = [job for job in jobs().running if job.is_running]
    return [job for job in alive if kind in (None, job.kind)]


def start(
    kind: str,
    work: Work[Any],
    *,
    event: Callable[[Event], None] | None = None,
    returned: Callable[[Any], None] | None = None,
    errored: Callable[[Exception], None] | None = None,
    finished: Callable[[], None] | None = None,
) -> Job:
    """Start a job with its slots, bound methods of widgets, connected.

    Without `errored`, an error becomes one notification.
    """
    job = Job(kind, work)
    for signal, slot in (
        (job.event, event),
        (job.returned, returned),
        (job.errored, errored or report),
        (job.finished, finished),
    ):
        if slot is not None:
            signal.connect(slot)
    job.start()
    return job


def report(error: Exception) -> None:
    """Show an error as one notification; its traceback goes into the log."""
    if isinstance(error, ValueError):
        show_error(str(error))
        return
    logger.error("a job failed", exc_info=error)
    what = " ".join(str(error).split()) or "no reason was given"
    show_error(f"{type(error).__name__}: {what}")


def warm_up(ready: Callable[[Any], None]) -> Job:
    """Import torch in a thread.

    `ready` gets what only torch knows: a dict of the names to choose from for
    ``network``, ``formulation``, ``loss`` and ``device``.
    """
    return start("importing", _import_torch, returned=ready)


def _import_torch(control: Control) -> Generator[Event, None, dict[str, list[str]]]:
    yield Progress("starting torch", 0)
    import torch

    from napari_unet import training  # noqa: F401 - so that the first press is quick
    from napari_unet.formulations import FORMULATIONS
    from napari_unet.losses import LOSSES
    from napari_unet.networks import NETWORKS

    devices = ["auto", "cpu"]
    devices += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    devices += ["mps"] if torch.backends.mps.is_available() else []
    return {
        "network": list(NETWORKS),
        "formulation": list(FORMULATIONS),
        "loss": list(LOSSES),
        "device": devices,
    }
