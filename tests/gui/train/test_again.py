"""Pixel classifiers in the Train dock: a first result at once, then after strokes."""

import threading

import numpy as np
import pytest

from napari_unet import Model
from napari_unet.config import TrainConfig
from napari_unet.events import Progress
from napari_unet.gui.pickers.model_picker import models
from napari_unet.training import classifiers as baselines
from support import waits
from support.train_dock import (  # noqa: F401
    LONG,
    Dock,
    add_pair,
    own_models,
)


@pytest.fixture
def dock(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    labels = add_pair(viewer)
    for value in np.unique(labels.data)[6:]:  # some objects, and two strokes
        labels.data[labels.data == value] = 0
    row = labels.data[48]
    row[(row == 0) & (np.arange(row.size) % 3 > 0)] = 99
    dock = Dock(viewer, qtbot)
    box = dock.form.network_box
    qtbot.waitUntil(lambda: box.findText("forest") >= 0, timeout=60_000)
    dock.form.model_picker.set_path(None)
    box.setCurrentText("forest")
    dock.set(TrainConfig(), zero="unknown")
    dock.form.labels_mean.background_box.setValue(99)
    return dock


def stroke(dock, row=20):
    """Paint some background where there is no object."""
    layer = dock.viewer.layers["cells labels"]
    at = np.flatnonzero(layer.data[row] == 0)
    layer.selected_label = 99
    layer.data_setitem((np.full(at.size, row), at), 99)
    layer.events.paint(value=[])


def folders(own_models):  # noqa: F811
    return sorted(p.name for p in own_models.iterdir())


def arrays(folder):
    state = Model.load(folder, "cpu").network.state_dict()
    return {name: np.asarray(value) for name, value in state.items()}


def test_what_a_classifier_does_not_use_is_greyed(dock):
    assert dock.widget.again.isVisibleTo(dock.widget)
    assert not dock.form.minutes_box.isEnabled()
    assert "in seconds" in dock.form.minutes_box.toolTip()
    assert not dock.form.model_fold.isVisibleTo(dock.form.options)
    dock.form.network_box.setCurrentText("unet")
    assert not dock.widget.again.isVisibleTo(dock.widget)
    assert dock.form.minutes_box.isEnabled()


def test_a_stroke_fits_again_into_the_same_model(dock, own_models, held):  # noqa: F811
    dock.train()
    (name,) = folders(own_models)
    before = arrays(own_models / name)
    preview = dock.viewer.layers["cells preview"]
    assert preview.data.any(), "the view is shown"
    held.clear()
    stroke(dock)
    dock.qtbot.waitUntil(lambda: held.fits == 2)
    stroke(dock, 70)  # while it is being fitted: once more
    dock.qtbot.waitUntil(lambda: dock.widget.again._behind)
    held.set()
    dock.qtbot.waitUntil(lambda: held.fits == 3)
    dock.wait()
    assert folders(own_models) == [name]
    after = arrays(own_models / name)
    assert any(not np.array_equal(before[k], after[k]) for k in after)
    assert not (own_models / ".again").exists()


def test_a_fit_that_fails_leaves_the_model(dock, own_models, notices, qtbot):  # noqa: F811
    dock.train()
    (name,) = folders(own_models)
    before = arrays(own_models / name)
    layer = dock.viewer.layers["cells labels"]
    layer.data = np.where(layer.data == 99, 99, 0)  # nothing but background
    qtbot.waitUntil(lambda: "training ended" in dock.text, timeout=30_000)
    assert any("one class" in text or "empty" in text for text in notices), notices
    after = arrays(own_models / name)
    assert all(np.array_equal(before[k], after[k]) for k in before)


def test_unticked_nothing_is_fitted_again(dock, own_models, qtbot):  # noqa: F811
    dock.widget.again.setChecked(False)
    dock.train()
    written = (own_models / folders(own_models)[0] / "model.safetensors").stat()
    stroke(dock)
    waits.settle(qtbot, dock.widget)
    assert dock.widget._job is None
    now = (own_models / folders(own_models)[0] / "model.safetensors").stat()
    assert now.st_mtime_ns == written.st_mtime_ns


def test_a_network_is_not_replaced_where_the_menu_has_changed(
    dock,
    own_models,  # noqa: F811
    qtbot,
):
    dock.form.network_box.setCurrentText("unet")
    dock.set(LONG, zero="unknown")
    dock.press()
    dock.wait_for_steps()
    dock.form.network_box.setCurrentText("forest")
    stroke(dock)
    dock.press("stop")
    dock.wait()
    waits.settle(qtbot, dock.widget)
    assert dock.widget._job is None
    (name,) = folders(own_models)
    assert Model.load(own_models / name, "cpu").config.network == "unet"


def test_a_model_of_other_layers_is_not_replaced(dock, own_models, qtbot):  # noqa: F811
    dock.train()
    other = add_pair(dock.viewer, name="other", seed=1)
    (row,) = dock.table.pairs
    row.choose(dock.viewer.layers["other"], other)
    other.data[:3, :3] = 99
    other.events.paint(value=[])
    waits.settle(qtbot, dock.widget)
    assert dock.widget._job is None and len(folders(own_models)) == 1


def fit_again(dock):
    """Wait for the fit that a stroke brought, and for its end."""
    dock.qtbot.waitUntil(lambda: dock.widget._job is not None, timeout=20_000)
    dock.wait()


def test_an_undo_fits_again_and_a_refresh_does_not(dock, own_models, qtbot):  # noqa: F811
    dock.train()
    (name,) = folders(own_models)
    layer = dock.viewer.layers["cells labels"]
    before = arrays(own_models / name)
    layer.fill((48, int(np.flatnonzero(layer.data[48] == 99)[0])), 3)
    fit_again(dock)
    layer.undo()
    fit_again(dock)
    after = arrays(own_models / name)
    assert all(np.array_equal(before[k], after[k]) for k in after)
    layer.refresh()
    waits.settle(qtbot, dock.widget)
    assert dock.widget._job is None


def test_what_the_user_chose_meanwhile_stays(dock, own_models, trained):  # noqa: F811
    dock.train()
    (name,) = folders(own_models)
    assert models().chosen_path == str(own_models / name)
    preview = dock.viewer.layers["cells preview"]
    models().choose(trained)
    preview.visible = False
    stroke(dock)
    fit_again(dock)
    assert models().chosen_path == str(trained) and not preview.visible
    assert dock.text == f'"{name}" was fitted again'
    dock.train()
    assert models().chosen_path != str(trained) and preview.visible


def test_a_preview_that_is_not_wanted_stays_hidden(dock):
    dock.train()
    preview = dock.viewer.layers["cells preview"]
    preview.visible = False
    dock.widget.view_box.setChecked(False)
    dock.train()
    assert not preview.visible


@pytest.fixture
def held(monkeypatch):
    """Holds each fit until it is let go, and counts them."""
    gate, fit = threading.Event(), baselines.fit_classifier
    gate.fits = 0

    def wait(*arguments):
        gate.fits += 1
        while not gate.wait(0.01):
            yield Progress("features", 0, 1)
        return (yield from fit(*arguments))

    gate.set()
    monkeypatch.setattr(baselines, "fit_classifier", wait)
    yield gate
    gate.set()


def test_a_fit_cannot_be_paused_and_a_stop_keeps_the_model(
    dock,
    own_models,  # noqa: F811
    held,
):
    dock.train()
    (name,) = folders(own_models)
    before = arrays(own_models / name)
    held.clear()
    stroke(dock)
    dock.qtbot.waitUntil(lambda: dock.widget._job is not None, timeout=20_000)
    pause = dock.buttons.pause
    assert not pause.isEnabled() and "in one go" in pause.toolTip()
    dock.widget.pause()
    assert pause.text() == "Pause" and not dock.widget._job.control.paused
    dock.press("stop")
    dock.wait()
    assert dock.text == "stopped; the model is as it was before"
    after = arrays(own_models / name)
    assert all(np.array_equal(before[k], after[k]) for k in before)


def test_a_first_fit_that_is_stopped_leaves_nothing(dock, own_models, held):  # noqa: F811
    held.clear()
    dock.press()
    dock.press("stop")
    dock.wait()
    assert "no model was kept" in dock.text and not list(own_models.glob("*"))


# ---------------------------------------------------------------------- quick looks


@pytest.fixture
def quick(dock, trained):
    """The dock where a network is to be trained from a model."""
    dock.form.model_picker.set_path(trained)
    dock.set(LONG, zero="unknown")
    return dock


def test_a_quick_look_shows_the_view_and_leaves_the_form(quick, own_models, trained):  # noqa: F811
    dock = quick
    assert "pixel classifier" in dock.buttons.quick.toolTip()
    models().choose(trained)
    dock.press("quick")
    assert not dock.buttons.quick.isEnabled()
    dock.wait()
    assert folders(own_models) == ["cells quick look"]
    assert Model.load(own_models / "cells quick look").config.network == "forest"
    assert dock.viewer.layers["cells preview"].data.any()
    assert dock.form.model_picker.path == str(trained)
    assert models().chosen_path == str(trained), "it is only looked at"
    assert str(own_models / "cells quick look") in models().entries()
    assert "Start trains a network" in dock.text and dock.widget.again.isVisibleTo(
        dock.widget
    )
    dock.press("quick")
    dock.wait()
    assert folders(own_models) == ["cells quick look"], "the newest stays"


def test_strokes_after_a_quick_look_fit_again_until_start(quick, own_models, trained):  # noqa: F811
    dock = quick
    dock.press("quick")
    dock.wait()
    before = arrays(own_models / "cells quick look")
    stroke(dock)
    fit_again(dock)
    after = arrays(own_models / "cells quick look")
    assert any(not np.array_equal(before[k], after[k]) for k in after)
    dock.press()
    dock.wait_for_steps()
    assert not dock.widget.again.isVisibleTo(dock.widget)
    assert dock.widget.presses.last.init == str(trained)
    stroke(dock, 70)
    dock.press("stop")
    dock.wait()
    waits.settle(dock.qtbot, dock.widget)
    assert dock.widget._job is None, "a network was trained since"


def test_a_quick_look_that_is_stopped_leaves_the_one_before(quick, own_models, held):  # noqa: F811
    dock = quick
    held.clear()
    dock.press("quick")
    dock.press("stop")
    dock.wait()
    assert not list(own_models.glob("*"))
    held.set()
    dock.press("quick")
    dock.wait()
    before = arrays(own_models / "cells quick look")
    held.clear()
    dock.press("quick")
    dock.press("stop")
    dock.wait()
    after = arrays(own_models / "cells quick look")
    assert all(np.array_equal(before[k], after[k]) for k in before)


def test_a_quick_look_learns_what_the_form_says(quick):
    dock = quick
    dock.form.model_picker.set_path(None)
    dock.form.network_box.setCurrentText("unet")
    dock.form.classes_button.click()
    assert dock.form.quick_settings().model.formulation == "semantic"
    assert dock.form.network_box.currentText() == "unet"
    dock.form.instances_button.click()
    assert dock.form.quick_settings().model.formulation == "instances"
