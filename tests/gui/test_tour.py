"""The whole way of a first user, the end of napari meanwhile, and what is in sight."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QScrollArea,
    QSlider,
    QTableView,
    QWidget,
)

from napari_unet import Model
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.gui import worker
from napari_unet.gui.docks import open_dock
from napari_unet.gui.layers.axes import KEY
from napari_unet.gui.parts.form import Fold
from napari_unet.gui.pickers.model_picker import models
from support import train_dock

own_models = train_dock.own_models

PLUGIN = "napari-unet-live"
QUICK = TrainConfig(patch=64, batch=4, rate=5e-3, warmup=5)
SMALL = ModelConfig(depth=2, width=8)
CLOSES_MEANWHILE = """
import sys, time
import napari
from napari.settings import get_plugin_settings
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.gui.docks import open_dock
from qtpy.QtCore import QTimer

get_plugin_settings()["napari-unet-live"].unet.model_folder = sys.argv[1]
viewer = napari.Viewer()
viewer.open_sample("napari-unet-live", "nuclei_2d")
dock = open_dock(viewer, "Train")
dock.form.model_picker.set_path(None)  # from scratch
dock.form.train_form.set_value(TrainConfig(patch=64, batch=4))
dock.form.model_form.set_value(ModelConfig(depth=2, width=8))
dock.buttons.start.click()

def close():
    if dock.presses.steps >= 3:
        timer.stop()
        print("closing", flush=True)
        viewer.close()

timer = QTimer()
timer.timeout.connect(close)
timer.start(50)
napari.run()
"""


@pytest.fixture
def viewer(make_napari_viewer):
    """A window as large as a small screen."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1280, 800)
    return viewer


def test_from_a_sample_to_corrected_objects(viewer, qtbot, notices):
    viewer.open_sample(PLUGIN, "nuclei_2d")
    image, drawn = viewer.layers
    segment, train = open_dock(viewer, "Segment"), open_dock(viewer, "Train")
    assert "rain a model first" in segment.form.reason.text()

    train.form.train_form.set_value(QUICK)
    train.form.model_form.set_value(SMALL)
    assert train.form.labels_mean.zero == "background", "a sample is annotated all over"
    train.buttons.start.click()
    best = train.monitor.best  # of the first epoch that found an object
    qtbot.waitUntil(
        lambda: "best AP50" in best.text() and "AP50 0.000" not in best.text(),
        timeout=120_000,
    )
    train.buttons.stop.click()
    qtbot.waitUntil(lambda: not worker.running(), timeout=30_000)
    # The job's last words come through the event loop, a moment after it ended.
    text = train.monitor.progress
    qtbot.waitUntil(lambda: "chosen in the Segment dock" in text.text, timeout=10_000)
    assert train.preview._shown[image].layer.visible

    open_dock(viewer, "Segment")
    assert segment.form.model.path == models().chosen_path
    assert segment.form.picker.layer == image
    made = press_segment(viewer, segment, qtbot)
    assert made.name == "nuclei labels [1]"
    assert_lies_on(made, image)
    assert made.data.max() > 0 and drawn.data.max() > 0
    assert len(made.features) == len(np.unique(made.data)) - 1
    assert {"index", "area (µm²)", "score"} == set(made.features.columns)
    about = made.metadata[KEY]
    assert about["model"]["hash"] == Model.load(segment.form.model.path).hash()
    assert not train.preview._shown[image].layer.visible, "it would cover the result"

    made.paint((100, 100), int(made.data.max()) + 1)
    corrected = made.data.copy()
    again = press_segment(viewer, segment, qtbot)
    assert again.name == "nuclei labels [2]"
    np.testing.assert_array_equal(made.data, corrected)
    assert not notices


def press_segment(viewer, dock, qtbot):
    """Press Segment image; returns the new layer."""
    before = list(viewer.layers)
    assert dock.form.image_button.isEnabled(), dock.form.image_button.toolTip()
    dock.form.image_button.click()
    qtbot.waitUntil(lambda: not dock.runs.running, timeout=60_000)
    (new,) = [layer for layer in viewer.layers if layer not in before]
    return new


def assert_lies_on(labels, image):
    """Same pixels in the same place, in the same units."""
    assert labels.data.shape == image.data.shape
    np.testing.assert_array_equal(labels.scale, image.scale)
    assert labels.units == image.units
    np.testing.assert_allclose(labels.extent.world, image.extent.world)


def test_the_window_is_closed_while_it_trains(tmp_path):
    environment = {
        **os.environ,
        "NAPARI_CONFIG": str(tmp_path / "settings.yaml"),
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", CLOSES_MEANWHILE, str(tmp_path / "models")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
    )
    told = ""
    for line in process.stdout:
        told += line
        if line == "closing\n":
            break
    begin = time.monotonic()
    rest, _ = process.communicate(timeout=60)
    print(f"napari ended {time.monotonic() - begin:.2f} s after its window")
    assert process.returncode == 0, told + rest
    assert "Traceback" not in told + rest and "closing" in told
    (folder,) = (tmp_path / "models").glob("[!.]*")
    assert Model.load(folder, "cpu").config.depth == 2


@pytest.fixture
def docks(viewer, qtbot):
    """Both docks with everything unfolded, on what needs most room."""
    opened = [open_dock(viewer, name) for name in ("Segment", "Train")]
    qtbot.waitUntil(lambda: opened[1].form.device_box.count() > 1)
    name = "a rather long name of an image with channels"
    channels = np.zeros((3, 64, 64), np.float32)
    viewer.add_image(channels, name=name, axis_labels=("c", "y", "x"))
    viewer.add_labels(np.zeros((64, 64), int), name=f"{name} labels")
    for dock in opened:
        for fold in dock.findChildren(Fold):
            fold.expand()
    return opened


def test_each_field_has_a_tooltip(docks):
    kinds = (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit, QSlider)
    for dock in docks:
        fields = [w for w in dock.findChildren(QWidget) if isinstance(w, kinds)]
        assert len(fields) > 20
        for field in fields:
            if not isinstance(field.parentWidget(), QTableView):  # its empty corner
                assert tooltip(field, dock), describe(field)


def tooltip(field, dock):
    """What is shown over a part: its own, or that of what it is the inner part of."""
    inner = isinstance(field.parentWidget(), QAbstractSpinBox | QComboBox)
    kinds = type(field.parentWidget()).__mro__
    inner |= any(kind.__name__.startswith("QLabeled") for kind in kinds)
    return field.toolTip() or (inner and field.parentWidget().toolTip())


def describe(widget):
    text = widget.text() if hasattr(widget, "text") else ""
    return f"{type(widget).__name__} {text!r} in {type(widget.parentWidget()).__name__}"


def assert_nothing_is_cut(dock):
    for area in dock.findChildren(QScrollArea):
        bar = area.horizontalScrollBar()
        assert not bar.isVisible() and bar.maximum() == 0
    for child in dock.findChildren(QWidget):
        if child.isVisibleTo(dock) and child.window() is dock.window():
            right = child.mapTo(dock, child.rect().topRight()).x()
            assert right <= dock.width(), describe(child)
    assert dock.width() <= 420


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_cut_at_1280_by_800(viewer, docks, qtbot, theme):
    viewer.theme = theme
    for dock, name in zip(docks, ("Segment", "Train"), strict=True):
        open_dock(viewer, name)
        qtbot.waitUntil(dock.isVisible)
        # napari lays its window out anew
        qtbot.waitUntil(partial(assert_nothing_is_cut, dock))
    assert viewer.window.geometry()[2] <= 1280
    assert QApplication.activeModalWidget() is None
