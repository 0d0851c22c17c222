"""The one place where a thread is made: jobs that drain generators of events."""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

import numpy as np
from napari.layers import Labels
from napari.qt.threading import WorkerBase, WorkerBaseSignals
from napari.utils.colormaps import DirectLabelColormap, label_colormap
from napari.utils.notifications import show_error
from qtpy.compat import isalive
from qtpy.QtCore import QCoreApplication, QObject, QTimer, Signal

from napari_unet.events import Control, Event, Progress, StepDone, TileDone
from napari_unet.gui.wording import in_dock
from napari_unet.text import too_little_memory

R = TypeVar("R")
# Its last argument is the Control of the job.
Work = Callable[..., Generator[Event, None, R]]

# Kinds of jobs that others ask for by :func:`running`.
TRAINING, SEGMENTING = "training", "segmenting"
IMPORTING = "importing"
# Counts that the next one of their kind makes stale; a few a second are enough.
PASSING = (Progress, StepDone, TileDone)
SECONDS = 0.15
QUIT_SECONDS = 2.0
AFTER_MS = 200
NICENESS = 15

CLEAR = {None: "transparent", 0: "transparent"}

logger = logging.getLogger(__name__)


class JobSignals(WorkerBaseSignals):
    """Signals of a job; slots run on the main thread."""

    told = Signal(object)  # an event; a signal called `event` would hide QObject.event


class Job(WorkerBase[Any]):
    """Long work in a thread of its own.

    kind : what it does, ``"training"`` for example; :func:`running` tells by it
    work : yields events; its return value is what `returned` carries. It gets plain
        arrays and touches no layer, viewer or widget.
    *args : what `work` is called with, before the Control of the job

    `started`, then any number of `told`, `returned` or `errored`, and `finished`.
    :meth:`quit` asks the work to stop: it still returns what it has.
    """

    def __init__(self, kind: str, work: Work[Any], *args: Any) -> None:
        super().__init__(SignalsClass=JobSignals)
        self.kind = kind
        self.control = Control()
        self.layers: tuple[Any, ...] = ()  # which a training learns from
        # A pool of Qt would make the process wait at its end, however long a job takes
        # to notice; the global one has a slot a core, which other plugins need.
        self.thread = threading.Thread(target=self.run, name=kind, daemon=True)
        self._work, self._args = work, args
        self._leash: tuple[QObject, Callable[[], None]] | None = None
        self._abandoned = False

    def quit(self) -> None:
        """Ask the work to stop soon; `returned` brings what it has by then."""
        self.control.stop()

    def abandon(self) -> None:
        """End the work at its next event; nothing is returned."""
        self._abandoned = True
        self.control.stop()

    def belong_to(self, owner: QObject, *, gently: bool) -> None:
        """End with a widget: `gently` by :meth:`quit`, else by :meth:`abandon`."""
        self._leash = owner, self.quit if gently else self.abandon
        owner.destroyed.connect(self._leash[1])

    def leave(self) -> None:
        """Belong to no widget any more: the work has ended."""
        if self._leash is not None and isalive(self._leash[0]):
            self._leash[0].destroyed.disconnect(self._leash[1])
        self._leash = None

    def start(self, after_ms: int = 0) -> None:
        """Start in a thread of its own, at once or later."""
        self._running = True  # for everybody else a job that waits is a job
        jobs().add(self)
        if after_ms:
            QTimer.singleShot(after_ms, self.thread.start)
        else:
            self.thread.start()

    def work(self) -> Any:
        """Drain the generator; runs in the thread."""
        events = self._work(*self._args, self.control)
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
            self.signals.told.emit(event)
        events.close()  # its finally blocks run here, not on the main thread
        return None

    def run(self) -> None:
        """Run the work; unlike superqt's, this leaves Python's warnings alone.

        superqt swaps ``warnings.showwarning`` for the time of a job: two jobs that
        overlap leave it pointing to a dead one.
        """
        self.signals.started.emit()
        _step_back()
        if self.kind != IMPORTING:
            with _importing:
                pass
        try:
            result = self.work()
        except BaseException as error:  # noqa: BLE001 - else docks wait for ever
            outcome = self.signals.errored
            content = error if isinstance(error, Exception) else _as_error(error)
        else:
            outcome, content = self.signals.returned, result
        self._running = False
        if not self._abandoned:
            outcome.emit(content)
        self.signals.finished.emit()


def _as_error(error: BaseException) -> Exception:
    """Return what ends processes, as SystemExit, as an error of a job."""
    return RuntimeError(" ".join(f"{type(error).__name__} {error}".split()))


def _step_back() -> None:
    """Let this thread, and those that torch starts from it, wait for the interface.

    Linux counts niceness by thread; elsewhere it would slow the whole process.
    """
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class Jobs(QObject):
    """All jobs of this process, whatever dock they belong to."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.running: list[Job] = []
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.stop)

    def add(self, job: Job) -> None:
        """Know of a job until it has ended."""
        self.running.append(job)
        job.finished.connect(self._end)
        self.changed.emit()

    def stop(self, seconds: float = QUIT_SECONDS) -> bool:
        """Abandon all jobs and wait for them; returns whether all ended in time."""
        threads = [job.thread for job in self.running if job.thread.is_alive()]
        for job in self.running:
            job.abandon()
        deadline = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _end(self) -> None:
        for job in [job for job in self.running if not job.is_running]:
            job.leave()
            self.running.remove(job)
        self.changed.emit()


@functools.cache
def jobs() -> Jobs:
    """Return the one object that knows all jobs."""
    return Jobs()


def running(kind: str | None = None) -> list[Job]:
    """Return the jobs that have not ended, of one kind or of all."""
    alive = [job for job in jobs().running if job.is_running]
    return [job for job in alive if kind in (None, job.kind)]


def learns_from(layer: Any) -> bool:
    """Return whether a training that has not ended learns from a layer."""
    return any(layer in job.layers for job in running(TRAINING))


def start(
    owner: QObject,
    kind: str,
    work: Work[Any],
    *args: Any,
    on_event: Callable[[Event], None] | None = None,
    on_returned: Callable[[Any], None] | None = None,
    on_errored: Callable[[Exception], None] | None = None,
    on_finished: Callable[[], None] | None = None,
    gently: bool = False,
) -> Job:
    """Start a job that ends when its owner does.

    owner : whose job it is, a widget of a dock for example: one that is closed is gone,
        and nobody else would end its jobs
    kind, work, *args : as for :class:`Job`
    on_event, on_returned, on_errored, on_finished : callable; slots, bound methods of
        the owner. Without `on_errored`, an error becomes one notification.
    gently : whether work whose owner goes is asked to stop and keeps what it has; else
        it is abandoned
    """
    job = Job(kind, work, *args)
    for signal, slot in (
        (job.told, on_event),
        (job.returned, on_returned),
        (job.errored, on_errored or report),
        (job.finished, on_finished),
    ):
        if slot is not None:
            signal.connect(slot)
    job.belong_to(owner, gently=gently)
    job.start()
    return job


@contextlib.contextmanager
def reporting() -> Iterator[None]:
    """Turn a ValueError, which ends the block, into one notification."""
    try:
        yield
    except ValueError as error:
        report(error)


def report(error: Exception) -> None:
    """Show an error as one notification; its traceback goes into the log."""
    if not isinstance(error, ValueError):
        logger.error("a job failed", exc_info=error)
    show_error(told(error))


def told(error: Exception) -> str:
    """Return what a user reads of an error."""
    if isinstance(error, ValueError):
        return in_dock(str(error))
    if isinstance(error, MemoryError):
        return too_little_memory(error)
    what = " ".join(str(error).split()) or "no reason was given"
    return f"{type(error).__name__}: {what}"


def warm_up(ready: Callable[[Any], None]) -> Job:
    """Import torch in a thread.

    `ready` gets what only torch knows: a dict of the names to choose from for
    ``network`` with ``classifier`` among them, ``loss``, ``device``.
    """
    job = Job(IMPORTING, _import_torch)
    job.returned.connect(ready)
    job.errored.connect(report)
    # The import takes the interpreter from a dock that is still being drawn.
    job.start(AFTER_MS)
    return job


# Held while torch is imported: scipy, which asks torch what an array is, fails in any
# thread that uses it meanwhile.
_importing = threading.Lock()


@functools.cache  # each dock that opens asks for it
def _import_all() -> None:
    """Import what the first presses would wait for.

    A collection of garbage stops all threads for .3 s; here, where nobody has pressed
    yet, there is one, and so much counts as old thereafter that the next is far.
    """
    gc.disable()
    try:
        import torch
        from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: F401

        # isort: split
        import sklearn.ensemble  # noqa: F401

        import napari_unet.segmentation.segment
        import napari_unet.training.loop  # noqa: F401

        # The first optimiser of a process imports the other half of torch.
        torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
        # numba compiles how napari draws labels such as ours.
        for colours in (label_colormap(), DirectLabelColormap(color_dict=CLEAR)):
            Labels(np.zeros((2, 2), np.int32), colormap=colours)
    finally:
        gc.enable()
    gc.collect()


def _import_torch(control: Control) -> Generator[Event, None, dict[str, list[str]]]:
    yield Progress("starting torch", 0)
    with _importing:
        _import_all()
    import torch

    from napari_unet.formulations.losses import LOSSES
    from napari_unet.networks import NETWORKS
    from napari_unet.networks.pixel_classifiers import CLASSIFIERS

    devices = ["auto", "cpu"]
    devices += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    devices += ["mps"] if torch.backends.mps.is_available() else []
    return {
        "network": [*NETWORKS, *CLASSIFIERS],
        "classifier": list(CLASSIFIERS),
        "loss": list(LOSSES),
        "device": devices,
    }
