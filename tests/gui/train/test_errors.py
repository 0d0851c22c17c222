"""The Train dock after errors, and when its layers have become others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_unet.training.loop
from napari_unet.events import Preview
from napari_unet.gui import worker
from napari_unet.gui.parts import dock_widgets
from napari_unet.gui.preferences import Preferences
from support import train_dock
from support.train_dock import LONG, Dock

dock, own_models = train_dock.dock, train_dock.own_models


def test_a_device_that_is_missing_stays_chosen(
    make_napari_viewer, qtbot, monkeypatch, tmp_path
):
    monkeypatch.setattr(
        dock_widgets, "preferences", lambda: Preferences("cuda:7", tmp_path)
    )
    dock = Dock(make_napari_viewer(), qtbot)
    known = {"network": ["unet"], "classifier": [], "loss": []}
    dock.form.set_choices(known | {"device": ["auto", "cpu"]})
    assert dock.form.device_box.currentText() == "cuda:7"


@pytest.mark.parametrize("what", ["labels", "image"])
def test_layers_that_changed_since_the_press_are_one_notice(dock, notices, what):
    dock.train()
    layer = dock.viewer.layers[what == "labels"]
    layer.data = np.zeros((4, 5, 6, 7), np.uint16)
    dock.widget.copy_button.copy("Python")
    assert len(notices) == 1


def test_an_image_that_is_replaced_during_a_training(dock, qtbot, notices):
    dock.set(train=LONG)
    dock.press()
    dock.wait_for_steps()
    dock.viewer.layers[0].data = np.zeros((5, 64, 64), np.float32)
    told = dock.widget._job.told
    is_preview = {"check_params_cb": lambda event: isinstance(event, Preview)}
    qtbot.waitSignal(told, timeout=60_000, **is_preview).wait()
    dock.press("stop")
    dock.wait()
    assert not notices and len(dock.viewer.layers) == 2


@pytest.mark.parametrize("kept", [0, 3], ids=["at once", "later"])
def test_a_full_disk_does_not_stop_the_next_training(
    dock, notices, own_models, monkeypatch, kept
):
    written = []
    real = Path.write_bytes

    def full(path, content):
        written.append(path)
        if len(written) > kept:
            raise OSError(28, "No space left on device")
        return real(path, content)

    dock.form.name.edit.setText("mine")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        dock.train()
    assert len(notices) == 1 and "No space left on device" in notices[0]
    dock.train()
    assert len(notices) == 1 and "ready" in dock.text


def test_an_error_before_the_first_epoch_leaves_nothing(
    dock, notices, own_models, monkeypatch
):
    def broken(run):
        raise RuntimeError("out of memory")

    dock.form.name.edit.setText("mine")
    with monkeypatch.context() as patch:
        patch.setattr(napari_unet.training.loop, "_end_epoch", broken)
        dock.train()
    assert len(notices) == 1 and not list(own_models.iterdir())
    dock.train()
    assert len(notices) == 1 and "ready" in dock.text


def test_an_error_after_an_epoch_keeps_the_best(dock, notices, own_models, monkeypatch):
    def broken(run):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(napari_unet.training.loop, "_finish", broken)
    dock.train()
    assert len(notices) == 1
    assert list(own_models.glob("*/model.safetensors"))


def test_a_paused_training_ends_with_its_dock(dock, qtbot):
    dock.set(train=LONG)
    dock.press()
    dock.wait_for_steps()
    dock.press("pause")
    (job,) = worker.running(worker.TRAINING)
    dock.close()
    qtbot.waitUntil(lambda: not job.is_running, timeout=10_000)
