"""The Segment dock in a viewer, its images and its models, for several test files."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.compat import isalive

import napari_unet.segmentation.segment
from napari_unet.data.images import Stats
from napari_unet.events import Block, TileDone
from napari_unet.gui.pickers import model_picker as models_module
from napari_unet.gui.preferences import Preferences
from napari_unet.gui.segment.dock import SegmentWidget
from napari_unet.segmentation.result import Result
from support.made import blobs


def picture(seed=9):
    """An image of discs that the model of the fixture `trained` knows."""
    return blobs(seed, (128, 160), 30).image.array[0]


@pytest.fixture(autouse=True)
def own_models(monkeypatch, tmp_path):
    """No model of this machine, and none of another test."""
    monkeypatch.setattr(
        models_module, "preferences", lambda: Preferences("auto", tmp_path / "models")
    )
    models_module.models.cache_clear()
    yield
    models_module.models.cache_clear()


class Dock:
    """The dock in a viewer, with what a user does."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        self.widget = SegmentWidget(viewer)
        viewer.window.add_dock_widget(self.widget, name="Segment")
        self.form, self.runs = self.widget.form, self.widget.runs

    def press(self, button="image"):
        """Press a button that is not greyed."""
        pressed = getattr(self.form, f"{button}_button")
        assert pressed.isEnabled(), pressed.toolTip()
        pressed.click()

    def segment(self, button="image"):
        self.press(button)
        self.wait()

    def wait(self):
        self.qtbot.waitUntil(lambda: not self.runs.running, timeout=60_000)

    def labels(self):
        """All Labels layers, the oldest first."""
        return [y for y in self.viewer.layers if isinstance(y, Labels)]

    def close(self):
        """Close the dock as its button does."""
        self.widget.parentWidget().title.close_button.click()
        self.qtbot.waitUntil(lambda: not isalive(self.widget))

    def slide(self, score):
        self.form.score.setValue(score)
        self.qtbot.waitUntil(lambda: not self.widget._slider.isActive())


@pytest.fixture
def dock(make_napari_viewer, qtbot, trained):
    """A dock with the trained model chosen."""
    models_module.models().choose(trained)
    return Dock(make_napari_viewer(), qtbot)


class Slow:
    """Stands in for the core: two blocks, and a wait after each of them."""

    def __init__(self, error=None):
        self.error = error
        self.first, self.second = threading.Event(), threading.Event()
        self.blocks = 0

    def __call__(self, model, image, config, *, box=None, control=None, cache=None):
        labels = np.zeros(image.array.shape[1:], np.int32)
        half = labels.shape[0] // 2
        places = (slice(0, half), slice(half, None))
        for gate, rows in zip((self.first, self.second), places, strict=True):
            while not (gate.wait(0.01) or control.stopped):
                yield TileDone(self.blocks, 2)
            if self.error is not None and self.blocks:
                raise self.error
            if control.stopped:
                break
            self.blocks += 1
            labels[rows, :20] = self.blocks
            stop = labels.shape[0] if rows.stop is None else rows.stop
            where = (slice(rows.start, stop), slice(0, labels.shape[1]))
            yield Block(where, labels[where].copy(), self.blocks, 2)
        ids = np.arange(1, self.blocks + 1)
        area = np.array([(labels == i).sum() for i in ids], np.int64)
        return Result(
            labels,
            ids,
            np.linspace(0.4, 0.9, len(ids)),
            area,
            np.zeros(len(ids), np.int64),
            (Stats((0.0,), (1.0,)),),
            0.5,
            self.blocks == 2,
        )


@pytest.fixture
def slow(monkeypatch):
    """The core, as slow as a test wants it to be."""
    made = Slow()
    monkeypatch.setattr(napari_unet.segmentation.segment, "segment", made)
    return made


def begin(dock, slow):
    """Press Segment and wait until the first half is shown."""
    image = dock.viewer.add_image(picture(), name="cells")
    dock.press()
    slow.first.set()
    dock.qtbot.waitUntil(lambda: bool(dock.labels()) and dock.labels()[-1].data.any())
    return image


def usable(dock, notices):
    """Whether the next press gives a result, without a word."""
    told = len(notices)
    dock.segment()
    return bool(dock.labels()) and len(notices) == told
