"""The Train dock in a viewer, with small images and options, for several test files."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.compat import isalive

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.gui.parts import dock_widgets
from napari_unet.gui.pickers import model_name
from napari_unet.gui.pickers import model_picker as models_module
from napari_unet.gui.preferences import Preferences
from napari_unet.gui.train.dock import TrainWidget
from support.made import blobs

SHORT = TrainConfig(steps=2, batch=2, patch=32, warmup=1)
# Far beyond what a test waits for: it ends by Stop.
LONG = TrainConfig(steps=100_000, batch=2, patch=32, warmup=1)
SMALL = ModelConfig(depth=1, width=2)


@pytest.fixture(autouse=True)
def own_models(monkeypatch, tmp_path):
    """No model of this machine, and none of another test."""

    def preferences():
        return Preferences("cpu", tmp_path / "models")

    for module in (models_module, model_name, dock_widgets):
        monkeypatch.setattr(module, "preferences", preferences)
    models_module.models.cache_clear()
    yield tmp_path / "models"
    models_module.models.cache_clear()


class Dock:
    """The dock in a viewer, with what a user does."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        self.widget = TrainWidget(viewer)
        viewer.window.add_dock_widget(self.widget, name="Train")
        self.table, self.form = self.widget.table, self.widget.form
        self.buttons, self.monitor = self.widget.buttons, self.widget.monitor

    def set(self, train=SHORT, model=SMALL, zero="background"):
        """Fill in the form."""
        self.form.train_form.set_value(train)
        self.form.model_form.set_value(model)
        if zero:
            getattr(self.form.labels_mean, f"{zero}_button").click()

    def press(self, button="start"):
        """Press a button that is not greyed."""
        pressed = getattr(self.buttons, button)
        assert pressed.isEnabled(), pressed.toolTip()
        pressed.click()

    def wait(self):
        self.qtbot.waitUntil(lambda: self.widget._job is None, timeout=60_000)

    def wait_for_steps(self, more=1):
        wanted = self.widget.presses.steps + more
        self.qtbot.waitUntil(
            lambda: self.widget.presses.steps >= wanted, timeout=60_000
        )

    def train(self):
        self.press()
        self.wait()

    def close(self):
        """Close the dock as its button does."""
        self.widget.parentWidget().title.close_button.click()
        self.qtbot.waitUntil(lambda: not isalive(self.widget))

    @property
    def text(self):
        return self.monitor.progress.text


def add_pair(viewer, image=None, labels=None, name="cells", seed=0, count=30):
    """Add an image of discs and what was painted on it."""
    sample = blobs(seed, (96, 128), count)
    image = sample.image.array[0] if image is None else image
    labels = sample.labels if labels is None else labels
    viewer.add_image(image, name=name, rgb=False)
    return viewer.add_labels(np.array(labels), name=f"{name} labels")


@pytest.fixture
def dock(make_napari_viewer, qtbot):
    """The dock beside an image and what was painted on it."""
    viewer = make_napari_viewer()
    add_pair(viewer)
    dock = Dock(viewer, qtbot)
    dock.set()
    return dock
