"""What is left when a dock is closed, and what a second press meets."""

from __future__ import annotations

import threading
from functools import partial

from qtpy.compat import isalive
from qtpy.QtWidgets import QApplication, QWidget

from napari_unet.events import Progress
from napari_unet.gui import worker
from napari_unet.gui.parts.clipboard import CopyButton
from support import segment_dock
from support.segment_dock import begin, picture

dock, slow = segment_dock.dock, segment_dock.slow
own_models = segment_dock.own_models


def finished(dock, slow):
    """A result that is done."""
    image = begin(dock, slow)
    slow.second.set()
    dock.wait()
    return image, dock.labels()[-1]


def test_a_result_can_be_painted_on_after_its_dock_was_closed(dock, slow, notices):
    image, layer = finished(dock, slow)
    dock.close()
    layer.paint((100, 100), 9)
    layer.data = layer.data.copy()
    dock.viewer.layers.remove(image)
    assert not notices


def test_a_result_that_was_taken_out_can_be_painted_on(dock, slow, notices):
    _, layer = finished(dock, slow)
    (result,) = dock.runs.results
    dock.viewer.layers.remove(layer)
    dock.qtbot.waitUntil(lambda: not isalive(result))
    dock.viewer.layers.append(layer)
    layer.paint((100, 100), 9)
    assert layer.data[100, 100] == 9 and not notices


def test_a_result_that_is_deleted_is_let_go(dock, slow):
    image, layer = finished(dock, slow)
    (result,) = dock.runs.results
    assert dock.runs.again is result
    dock.viewer.layers.remove(layer)
    dock.qtbot.waitUntil(lambda: not isalive(result))
    assert dock.runs.again is None and dock.runs._result is None
    assert image in dock.viewer.layers


def test_a_result_that_is_deleted_meanwhile_is_let_go(dock, slow):
    begin(dock, slow)
    (result,) = dock.runs.results
    dock.viewer.layers.remove(dock.labels()[-1])
    slow.second.set()
    dock.wait()
    dock.qtbot.waitUntil(lambda: not isalive(result))
    (again,) = dock.runs.results
    assert isalive(again) and again.there


def test_two_copies_are_not_mixed_up(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    parent = QWidget()
    viewer.window.add_dock_widget(parent, name="copies")
    gates = {name: threading.Event() for name in ("one", "two")}

    def find(press, control):
        yield Progress("reading", 0)
        gates[press].wait(10)
        return press

    button = CopyButton({"Python": str.upper}, find)
    button.setParent(parent)
    for name in gates:
        button.shown = partial(tuple, [name])
        button.copy("Python")
    gates["one"].set()
    qtbot.waitUntil(lambda: QApplication.clipboard().text() == "ONE")
    qtbot.waitUntil(lambda: len(worker.running("reading")) == 1)
    gates["two"].set()
    qtbot.waitUntil(lambda: QApplication.clipboard().text() == "TWO")


def test_what_fails_for_each_image_is_said_once(dock, slow, notices):
    for name in ("one", "two", "three"):
        dock.viewer.add_image(picture(), name=name)
    slow.error = ValueError("the model is broken")
    slow.blocks = 1
    slow.first.set()
    dock.form.all_action.trigger()
    dock.wait()
    assert notices == ["the model is broken"]
