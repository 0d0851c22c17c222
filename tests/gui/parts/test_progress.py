"""The row of progress: what it says, its Cancel, and its double in napari's dock."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.progress import progress
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton

from napari_unet.events import Block, EpochEnd, Note, Progress, StepDone, TileDone
from napari_unet.gui.parts import progress as module
from napari_unet.gui.parts.progress import ProgressRow


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(module.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.fixture
def row(qtbot):
    made = ProgressRow()
    qtbot.addWidget(made)
    made.show()
    yield made
    made.finish("")


def bar(row):
    return row.findChild(QProgressBar)


def button(row):
    return row.findChild(QPushButton)


def part(row):
    """Return how far the bar is; None where it is busy."""
    shown = bar(row)
    return None if shown.maximum() == 0 else shown.value() / shown.maximum()


def step(number, steps, left, seconds=10.0):
    return StepDone(number, steps, 0.5, seconds, left, 1.0)


def test_before_work_there_is_nothing_to_see(row):
    assert not bar(row).isVisible() and not button(row).isVisible()
    assert row.text == ""
    row.show_event(TileDone(1, 2))
    assert not bar(row).isVisible(), "an event that comes late begins nothing"


def test_tiles_move_the_bar_and_tell_the_time_left(row, clock):
    row.start("segmenting")
    assert part(row) is None and row.text == "segmenting"
    clock.now += 0.5
    row.show_event(TileDone(1, 8))
    assert row.text == "segmenting   12 %", "too early for a guess"
    clock.now += 19.5
    row.show_event(TileDone(5, 8))
    assert part(row) == pytest.approx(0.625)
    assert row.text == "segmenting   62 %   12 s left"
    clock.now += 300
    row.show_event(TileDone(5, 8))
    assert row.text == "segmenting   62 %   3:12 left"


def test_several_images_are_one_whole(row):
    row.start("segmenting", 4)
    row.show_event(Progress("segmenting", 1, 4))
    assert part(row) == pytest.approx(0.25)
    row.show_event(Progress("checking", 3, 3))
    assert part(row) == pytest.approx(0.25) and "checking" in row.text
    row.show_event(TileDone(1, 2))
    assert part(row) == pytest.approx(0.375) and "segmenting" in row.text
    row.show_event(Progress("segmenting", 4, 4))
    assert part(row) == 1.0


def test_phases_of_one_work_have_their_own_bar_and_time(row, clock):
    row.start("segmenting")
    row.show_event(Progress("checking", 2, 2))
    assert part(row) == 1.0
    clock.now += 100
    row.show_event(TileDone(1, 10))
    assert part(row) == pytest.approx(0.1)
    clock.now += 10
    row.show_event(TileDone(6, 10))
    assert row.text.endswith("60 %   8 s left"), "the check's time is not the tiles'"
    row.show_event(Progress("numbering", 1, 2))
    assert part(row) == 0.5 and row.text == "numbering   50 %"
    row.show_event(Progress("downloading", 123, 0))
    assert part(row) is None and row.text == "downloading"


def test_training_tells_its_own_time(row):
    row.start("training")
    row.show_event(step(25, 100, 408.0))
    assert part(row) == 0.25 and row.text == "training   25 %   6:48 left"
    row.show_event(Progress("validating", 3, 8))
    row.show_event(TileDone(1, 2))
    assert part(row) == 0.25 and row.text == "validating   25 %   6:48 left"
    row.show_event(step(7, None, 7325 - 60.0, seconds=60.0))
    assert part(row) == pytest.approx(60 / 7325, abs=1e-3)
    assert row.text == "training   0 %   2:01:05 left"
    row.show_event(Progress("paused", 0))
    assert row.text == "paused   0 %", "no time left while it stands"
    row.show_event(step(25, 100, 408.0))
    row.pause(True)
    assert row.text == "paused   25 %", "though a step has still to end"
    row.show_event(step(26, 100, 408.0))
    assert row.text == "paused   26 %"
    row.pause(False)
    assert row.text == "training   26 %   6:48 left"


def test_what_comes_after_loading_is_no_part_of_it(row):
    row.start("starting")
    assert row.text == "starting"
    row.show_event(Progress("loading", 1, 1))
    row.show_event(Progress("encoding", 0, 2))
    assert row.text == "encoding   0 %" and part(row) == 0
    row.show_event(Progress("validating", 2, 2))
    row.pause(True)
    assert row.text == "paused", "nothing is trained yet"


def test_other_events_change_nothing(row):
    row.start("segmenting")
    row.show_event(TileDone(1, 4))
    said = row.text
    row.show_event(Note("a sentence"))
    row.show_event(Block((slice(0, 1),) * 2, np.zeros((1, 1), np.int32), 1, 1))
    row.show_event(EpochEnd(1, 1, 1.0, None, None, {}, 0, True, 1.0))
    assert row.text == said and part(row) == 0.25


def test_cancel_tells_once_and_says_stopping_until_the_end(qtbot, row):
    told = []
    row.cancelled.connect(lambda: told.append(1))
    row.start("segmenting")
    row.show_event(TileDone(1, 4))
    button(row).click()
    assert told == [1] and row.text == "stopping" and not button(row).isEnabled()
    assert button(row).toolTip()
    row.show_event(TileDone(2, 4))
    assert row.text == "stopping"
    row.finish("12 objects")
    assert row.text == "12 objects"
    assert not bar(row).isVisible() and not button(row).isVisible()
    row.start("segmenting")
    assert button(row).isEnabled() and row.text == "segmenting"


def activity(viewer, what):
    """Return the bars of some work in this window; each shows those of all."""
    labels = viewer.window._qt_window.findChildren(QLabel)
    shown = [label for label in labels if label.text() == f"{what}: "]
    return [label.parent().findChild(QProgressBar) for label in shown]


@pytest.mark.own_viewer
def test_napari_shows_the_same_bar(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    row = ProgressRow()
    viewer.window.add_dock_widget(row, name="row")
    row.start("segmenting")
    (ours,) = activity(viewer, "segmenting")
    assert ours.maximum() == 0, "busy"
    row.show_event(TileDone(1, 4))
    assert (ours.value(), ours.maximum()) == (25, 100)
    row.show_event(Progress("numbering", 0, 0))
    assert activity(viewer, "numbering") == [ours] and ours.maximum() == 0
    row.show_event(TileDone(3, 4))
    assert activity(viewer, "segmenting") == [ours]
    assert (ours.value(), ours.maximum()) == (75, 100)
    with qtbot.waitSignal(row.cancelled):
        ours.parent().findChild(QPushButton).click()  # Cancel in napari's activity
    assert row.text == "stopping" and activity(viewer, "stopping") == [ours]
    row.finish("")
    qtbot.waitUntil(lambda: not activity(viewer, "stopping"))


@pytest.mark.own_viewer
def test_events_that_napari_lets_in_meanwhile_do_no_harm(make_napari_viewer, qtbot):
    """napari handles waiting events when its bar moves: the end may come then."""
    viewer = make_napari_viewer()
    row = ProgressRow()
    viewer.window.add_dock_widget(row, name="row")
    row.start("segmenting")
    for done in range(1, 20):
        QTimer.singleShot(0, lambda done=done: row.show_event(TileDone(done, 20)))
    QTimer.singleShot(0, lambda: row.finish("done"))
    row.show_event(TileDone(1, 20))
    qtbot.waitUntil(lambda: row.text == "done")
    qtbot.waitUntil(lambda: not activity(viewer, "segmenting"))


@pytest.mark.own_viewer
def test_a_bar_ends_with_its_widget(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    row = ProgressRow()
    dock = viewer.window.add_dock_widget(row, name="row")
    row.start("training")
    assert activity(viewer, "training")
    viewer.window.remove_dock_widget(dock)
    row.deleteLater()
    del row
    qtbot.waitUntil(lambda: not activity(viewer, "training"))


@pytest.mark.own_viewer
def test_the_window_may_close_while_a_bar_is_shown(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    row = ProgressRow()
    viewer.window.add_dock_widget(row, name="row")
    before = set(progress._all_instances)
    row.start("training")
    row.show_event(step(25, 100, 408.0))
    assert set(progress._all_instances) - before
    viewer.close()
    qtbot.waitUntil(lambda: set(progress._all_instances) <= before)
