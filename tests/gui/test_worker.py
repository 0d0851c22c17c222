"""Jobs: what a dock is told, whatever becomes of the work."""

import subprocess
import sys
import threading
import time
import warnings

import pytest
from qtpy.compat import isalive
from qtpy.QtCore import QObject, QThread

from napari_unet.events import Note, Progress
from napari_unet.gui import worker


class Dock(QObject):
    """Writes down what it is told, and whether that was on the main thread."""

    def __init__(self):
        super().__init__()
        self.told, self.threads = [], set()

    def _tell(self, *what):
        self.threads.add(QThread.currentThread() is self.thread())
        self.told.append(what)

    def heard(self, event):
        self._tell("event", event)

    def returned(self, result):
        self._tell("returned", result)

    def errored(self, error):
        self._tell("errored", error)

    def finished(self):
        self._tell("finished", len(worker.running("test")))

    def start(self, work):
        return worker.start(
            *(self, "test", work),
            on_event=self.heard,
            on_returned=self.returned,
            on_errored=self.errored,
            on_finished=self.finished,
        )

    def names(self):
        return [what[0] for what in self.told]

    def ended(self):
        return "finished" in self.names()


@pytest.fixture
def dock(qapp):
    return Dock()


def test_events_then_the_result_then_the_end_on_the_main_thread(qtbot, dock):
    begin = threading.Event()

    def work(control):
        assert threading.current_thread() is not threading.main_thread()
        begin.wait(10)
        yield Note("one")
        yield Note("two")
        return 42

    job = dock.start(work)
    assert worker.running("test") == [job]
    assert worker.running("other") == []
    begin.set()
    qtbot.waitUntil(dock.ended)
    assert dock.told == [
        ("event", Note("one")),
        ("event", Note("two")),
        ("returned", 42),
        ("finished", 0),
    ]
    assert dock.threads == {True}


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: out of memory"),
        SystemExit("a library ends the process"),
    ],
    ids=["CUDA", "exit"],
)
def test_whatever_is_raised_is_told_and_the_job_ends(qtbot, dock, error):
    """Every error of CUDA is one; generator workers of superqt swallow it."""

    def work(control):
        yield Note("one")
        raise error

    dock.start(work)
    qtbot.waitUntil(dock.ended)
    assert dock.names() == ["event", "errored", "finished"]
    assert str(error) in str(dock.told[1][1])
    assert isinstance(dock.told[1][1], Exception)


def test_quit_returns_what_there_is(qtbot, dock):
    def work(control):
        count = 0
        while not control.stopped:
            count += 1
            yield Progress("counting", count)
            time.sleep(0.01)
        return count

    job = dock.start(work)
    qtbot.waitUntil(lambda: "event" in dock.names())
    job.quit()
    qtbot.waitUntil(dock.ended)
    assert dock.names()[-2:] == ["returned", "finished"]
    assert dock.told[-2][1] >= 1


def test_counts_come_a_few_times_a_second_and_notes_all(qtbot, dock):
    def work(control):
        for i in range(300):
            yield Progress("counting", i, 300)
            if i % 100 == 0:
                yield Note(str(i))
            time.sleep(0.001)

    dock.start(work)
    qtbot.waitUntil(dock.ended)
    events = [what[1] for what in dock.told if what[0] == "event"]
    assert [e.text for e in events if isinstance(e, Note)] == ["0", "100", "200"]
    assert 1 <= sum(isinstance(e, Progress) for e in events) < 60


def test_a_paused_job_waits_and_goes_on(qtbot, dock):
    steps = []

    def work(control):
        while len(steps) < 50:
            yield from control.wait_while_paused()
            if control.stopped:
                return
            steps.append(1)
            yield Progress("stepping", len(steps))
            time.sleep(0.005)

    job = dock.start(work)
    qtbot.waitUntil(lambda: len(steps) > 3)
    job.control.pause()

    def pauses():
        return dock.told.count(("event", Progress("paused", 0)))

    qtbot.waitUntil(lambda: pauses() == 1)
    before = len(steps)
    qtbot.waitUntil(lambda: pauses() == 2)
    assert len(steps) == before < 50
    job.control.resume()
    qtbot.waitUntil(dock.ended)
    assert len(steps) == 50


def test_stopping_all_closes_generators_in_their_own_thread(qtbot, dock):
    closed = []

    def work(control):
        try:
            while True:
                yield Progress("working", 0)
                time.sleep(0.01)
        finally:
            closed.append(threading.current_thread() is threading.main_thread())

    dock.start(work)
    qtbot.waitUntil(lambda: "event" in dock.names())
    assert worker.jobs().stop(2)
    assert closed == [False]
    qtbot.waitUntil(dock.ended)
    assert "returned" not in dock.names()
    assert "errored" not in dock.names()


@pytest.mark.parametrize("gently", [True, False])
def test_a_job_ends_with_its_owner(qtbot, dock, gently):
    """One that is asked gently returns what it has."""
    owner = QObject()

    def work(count, control):
        while not control.stopped:
            yield Progress("working", 0)
            time.sleep(0.01)
        return count + 1

    ends = {"on_returned": dock.returned, "on_finished": dock.finished}
    worker.start(owner, "test", work, 41, gently=gently, **ends)
    owner.deleteLater()
    qtbot.waitUntil(dock.ended)
    assert dock.told == [("returned", 42)] * gently + [("finished", 0)]


def test_a_job_that_has_ended_holds_on_to_no_owner(qtbot, dock):
    def work(control):
        yield Note("one")

    job = dock.start(work)
    qtbot.waitUntil(dock.ended)
    qtbot.waitUntil(lambda: job not in worker.jobs().running)
    dock.deleteLater()
    qtbot.waitUntil(lambda: not isalive(dock))
    assert not job.control.stopped


def test_an_error_becomes_one_notification(qtbot, dock, capsys, monkeypatch):
    shown = []
    monkeypatch.setattr(worker, "show_error", shown.append)

    def work(control):
        yield Note("one")
        raise ValueError("patch 256 is larger than the image; choose 128")

    job = worker.start(dock, "test", work)
    qtbot.waitUntil(lambda: not job.is_running)
    qtbot.waitUntil(lambda: bool(shown))
    assert shown == ["patch 256 is larger than the image; choose 128"]
    worker.report(RuntimeError("CUDA error\nsecond line"))
    assert shown[1] == "RuntimeError: CUDA error second line"


def test_overlapping_jobs_leave_python_s_warnings_alone(qtbot, dock):
    before = warnings.showwarning, list(warnings.filters)
    ends = [threading.Event(), threading.Event()]

    def work_until(end):
        def work(control):
            yield Note("begun")
            end.wait(5)

        return work

    jobs = [dock.start(work_until(end)) for end in ends]
    ends[0].set()
    qtbot.waitUntil(lambda: not jobs[0].is_running)
    ends[1].set()
    qtbot.waitUntil(lambda: not jobs[1].is_running)
    assert (warnings.showwarning, list(warnings.filters)) == before


QUIT = """
import sys, time
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from napari_unet.events import Progress
from napari_unet.gui import worker

def work(control):
    yield Progress("working", 0)
    time.sleep(600)  # no event, as in one very large tile

app = QApplication([])
worker.start(app, "test", work)
QTimer.singleShot(300, app.quit)
app.exec()
"""


def test_the_application_ends_though_a_job_works():
    done = subprocess.run([sys.executable, "-c", QUIT], timeout=90, check=False)
    assert done.returncode == 0


def test_warm_up_tells_what_only_torch_knows(qtbot):
    found = []
    job = worker.warm_up(found.append)
    qtbot.waitUntil(lambda: bool(found) and not job.is_running, timeout=60_000)
    assert "unet" in found[0]["network"]
    assert found[0]["device"][:2] == ["auto", "cpu"]
    assert "ce+dice" in found[0]["loss"]
