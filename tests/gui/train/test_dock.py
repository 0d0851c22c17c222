"""The Train dock: the form, a training from Start to its end, previews, code."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import torch
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QScrollArea,
)

from napari_unet import Model
from napari_unet.boxes import middle
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.events import Preview, StepDone, View
from napari_unet.files.sample_data import folder
from napari_unet.gui import worker
from napari_unet.gui.layers.axes import KEY
from napari_unet.gui.pickers.model_picker import models
from napari_unet.gui.train import preview as train_preview
from napari_unet.gui.train.dock import TrainWidget
from support import train_dock
from support.made import blobs
from support.train_dock import LONG, SHORT, Dock, add_pair

dock, own_models = train_dock.dock, train_dock.own_models


@pytest.mark.quick
def test_start_trains_the_pair_and_the_model_is_chosen(dock, own_models, notices):
    dock.train()
    model_folder = own_models / f"cells {date.today():%Y-%m-%d}"
    model = Model.load(model_folder)
    assert model.card["steps"] == 2
    assert model.config.width == 2
    assert model.card["training"]["names"] == ["cells"]
    assert models().chosen_path == str(model_folder)
    assert str(model_folder) in models().entries()
    assert "chosen in the Segment dock" in dock.text
    assert not notices
    assert dock.buttons.start.isEnabled()
    assert not dock.buttons.stop.isEnabled()


def test_the_best_is_told_with_its_objects(dock):
    dock.set(SHORT.replace(validation=0.4))
    dock.train()
    text = dock.monitor.best.text()
    found = Model.load(models().chosen_path, "cpu").card["validation"]
    assert f"AP50 {found['figures']['ap50']:.3f}" in text
    assert f"({found['objects']} objects)" in text
    assert "cells" in text


def test_a_second_training_gets_a_name_of_its_own(dock, own_models):
    dock.train()
    dock.train()
    day = f"{date.today():%Y-%m-%d}"
    assert {p.name for p in own_models.iterdir()} == {
        f"cells {day}",
        f"cells {day} (2)",
    }


def test_the_core_gets_what_the_form_says(dock):
    config = TrainConfig(steps=7, rate=1e-3, validation=0.2)
    dock.set(config, ModelConfig(depth=3))
    dock.form.classes_button.click()
    dock.form.labels_mean.unknown_button.click()
    dock.form.labels_mean.background_box.setValue(4)
    settings = dock.form.settings()
    assert settings.config == config
    assert settings.model == ModelConfig(depth=3, formulation="semantic")
    dock.form.labels_mean.ignored_box.setValue(9)
    assert settings.device == "cpu"  # as the preferences say
    (item,) = dock.table.items()
    assert (item.zero, item.background, item.ignore) == ("unknown", 4, 9)


def test_the_budget_is_in_minutes_unless_the_options_say_otherwise(dock):
    dock.set(TrainConfig())
    dock.form.minutes_box.setValue(2.5)
    assert dock.form.settings().config.minutes == 2.5
    dock.set(SHORT)
    assert not dock.form.minutes_box.isEnabled()
    assert dock.form.settings().config.minutes is None


def test_a_model_to_start_from_decides_what_is_learnt(dock, trained):
    dock.form.model_picker.set_path(trained)
    assert not dock.form.network_box.isVisible()
    settings = dock.form.settings()
    assert settings.init == str(trained)
    assert settings.model is None


def test_classes_are_the_labels_that_are_there(dock, own_models):
    sample = blobs(0, (96, 128), 12)
    dock.viewer.layers["cells labels"].data = (sample.labels > 0) * 5
    dock.form.classes_button.click()
    dock.train()
    (path,) = own_models.iterdir()
    assert Model.load(path).config.classes == (5,)
    assert Model.load(path).config.formulation == "semantic"


def test_painted_labels_have_no_default_of_what_zero_means(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    add_pair(viewer)
    dock = Dock(viewer, qtbot)
    assert dock.form.labels_mean.zero is None
    assert not dock.buttons.start.isEnabled()
    assert "what 0 means" in dock.buttons.start.toolTip()
    dock.form.labels_mean.background_button.click()
    assert dock.buttons.start.isEnabled()
    add_pair(viewer, name="more")
    dock.table.layers_button.click()
    reason = dock.buttons.start.toolTip()
    assert "what 0 means in more labels" in reason, "said of the first one alone"


def test_samples_start_as_fully_annotated(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    viewer.open_sample("napari-unet-live", "nuclei_2d")
    dock = Dock(viewer, qtbot)
    assert dock.form.labels_mean.zero == "background"
    assert dock.buttons.start.isEnabled()


def test_a_folder_is_trained_on(make_napari_viewer, qtbot, own_models):
    dock = Dock(make_napari_viewer(), qtbot)
    dock.widget.add_folder(folder("nuclei"))
    dock.set(zero=None)
    dock.train()
    (path,) = own_models.iterdir()
    assert path.name.startswith("nuclei ")
    card = Model.load(path).card
    assert card["training"]["images"] + card["validation"]["images"] == 8


def test_uses_reach_the_training(dock, own_models):
    add_pair(dock.viewer, name="judge", seed=1)
    dock.widget.add_pair(
        dock.viewer.layers["judge"], dock.viewer.layers["judge labels"]
    )
    dock.table.pairs[1].use_box.setCurrentText("validation")
    dock.set()
    dock.train()
    (path,) = own_models.iterdir()
    card = Model.load(path).card
    assert card["training"]["names"] == ["cells"]
    assert card["validation"]["names"] == ["judge"]


def test_one_training_at_a_time(dock, qtbot):
    other = Dock(dock.viewer, qtbot)
    other.set()
    dock.set(LONG)
    dock.press()
    dock.wait_for_steps()
    assert not other.buttons.start.isEnabled()
    assert "running already" in other.buttons.start.toolTip()
    assert not dock.buttons.start.isEnabled()
    dock.press("stop")
    dock.wait()
    # The other dock hears of it through the event loop.
    qtbot.waitUntil(other.buttons.start.isEnabled, timeout=10_000)


def test_pause_stops_the_steps_until_resume(dock, qtbot):
    dock.set(LONG)
    dock.press()
    dock.wait_for_steps()
    dock.press("pause")
    assert dock.buttons.pause.text() == "Resume"
    assert dock.text.startswith("paused") and "left" not in dock.text
    qtbot.waitUntil(lambda: not dock.monitor.speed.text())
    before = dock.widget.presses.steps
    for _ in range(2):  # it tells each half second that it waits
        with qtbot.waitSignal(dock.widget._job.told, timeout=20_000):
            pass
    assert dock.widget.presses.steps == before and dock.text.startswith("paused")
    dock.press("pause")
    assert dock.buttons.pause.text() == "Pause"
    dock.wait_for_steps()
    assert dock.text.startswith("training")
    dock.press("stop")
    dock.wait()


def test_stop_keeps_the_best_and_chooses_it(dock, own_models):
    dock.set(LONG.replace(validation=0.4))
    dock.press()
    dock.wait_for_steps(2)
    dock.press("stop")
    dock.wait()
    (path,) = own_models.iterdir()
    model = Model.load(path)
    assert 0 < model.card["steps"] < 100_000
    assert model.card["validation"]["figures"]
    assert models().chosen_path == str(path)


def test_an_event_that_comes_while_another_is_shown_stays_behind_it(dock, monkeypatch):
    first, second = (StepDone(n, 9, 0.5, n, 1.0, 1.0) for n in (1, 2))
    order = []

    def nested(event):
        if event is first:  # napari's bar runs the event loop
            dock.monitor.take(second)

    monkeypatch.setattr(dock.monitor.plot, "add_step", lambda e: order.append(e.step))
    monkeypatch.setattr(dock.monitor.progress, "show_event", nested)
    dock.monitor.take(first)
    assert order == [1, 2]


def test_findings_are_counted_and_can_be_read(dock):
    labels = dock.viewer.layers["cells labels"]
    changed = labels.data.copy()
    changed[:3, :3] = changed[-3:, -3:] = 7777
    labels.data = changed
    dock.train()
    assert len(dock.widget.findings.texts) == 1
    assert "7777" in dock.widget.findings.texts[0]
    assert dock.widget.findings.button.text() == "⚠ 1 finding"
    assert dock.widget.findings.text.isHidden()
    dock.widget.findings.button.click()
    assert not dock.widget.findings.text.isHidden()


def test_the_view_is_previewed_on_the_image(dock, qtbot):
    image, labels = dock.viewer.layers
    image.scale = labels.scale = (2, 3)
    image.translate = labels.translate = (5, 7)
    before = labels.data.copy()
    dock.viewer.layers.selection.active = labels
    dock.set(SHORT.replace(steps=20))
    dock.train()
    preview = dock.viewer.layers["cells preview"]
    assert preview.data.shape == image.data.shape
    assert preview.data.dtype == np.int32
    assert preview.contour == 2 and preview.visible and labels.visible
    colours = preview.colormap.map(np.array([1, 2, 77]))
    np.testing.assert_array_equal(colours, [[1, 1, 0, 1]] * 3)
    np.testing.assert_array_equal(preview.scale, (2, 3))
    np.testing.assert_array_equal(preview.translate, (5, 7))
    np.testing.assert_array_equal(labels.data, before)
    assert dock.viewer.layers.selection.active == labels
    assert dock.table.pairs[0].labels == labels
    dock.train()
    assert len(dock.viewer.layers) == 3  # its own layer is used again


def test_a_preview_takes_the_place_of_the_errors(dock):
    image, labels = dock.viewer.layers
    mark = {"preview": True, "errors": str(image.unique_id)}
    errors = dock.viewer.add_labels(
        np.ones_like(labels.data), name="cells errors", metadata={KEY: mark}
    )
    dock.set(SHORT.replace(steps=20))
    dock.train()
    assert dock.viewer.layers["cells preview"].visible and not errors.visible
    errors.visible = True
    dock.train()
    assert dock.viewer.layers["cells preview"].visible and not errors.visible


def test_previews_fill_their_box_and_no_other(dock):
    dock.set(LONG)
    dock.press()
    for part in (slice(0, 10), slice(20, 30)):
        view = View("cells", (part, slice(0, 50)))
        dock.widget.preview.ask()
        dock.widget._take(Preview(view, np.full((10, 50), 3, np.int32), 1))
        expected = np.zeros((96, 128), np.int32)
        expected[part, :50] = 3
        shown = dock.viewer.layers["cells preview"].data
        np.testing.assert_array_equal(shown, expected)


def test_no_preview_where_none_is_wanted(dock):
    dock.widget.view_box.setChecked(False)
    dock.set(SHORT.replace(steps=20))
    dock.train()
    assert len(dock.viewer.layers) == 2


def test_a_film_is_previewed_where_the_slider_stands(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    frames = [blobs(i, (64, 64), 8) for i in range(3)]
    image = np.stack([f.image.array[0] for f in frames])
    labels = np.stack([f.labels for f in frames])
    viewer.add_image(image, name="film", axis_labels=("t", "y", "x"))
    viewer.add_labels(labels, name="film labels", axis_labels=("t", "y", "x"))
    viewer.dims.set_current_step(0, 1)
    dock = Dock(viewer, qtbot)
    dock.set(LONG)
    dock.press()
    view = dock.widget._job.control.view
    assert view.name == "film_t1"
    box = view.box
    dock.widget._take(Preview(view, np.ones([s.stop - s.start for s in box], int), 1))
    shown = viewer.layers["film preview"].data
    assert shown[1].any()
    assert not shown[0].any() and not shown[2].any()


def test_a_large_view_is_previewed_in_its_middle():
    box = middle(
        (slice(0, 1), slice(0, 5000), slice(100, 4100)), train_preview.MOST_PIXELS
    )
    sizes = [s.stop - s.start for s in box]
    assert np.prod(sizes) <= train_preview.MOST_PIXELS
    assert sizes[0] == 1
    assert [(s.stop + s.start) / 2 for s in box[1:]] == pytest.approx(
        [2500, 2100], abs=1
    )


@pytest.mark.parametrize("kind", ["Python", "command line"])
def test_the_press_can_be_copied(dock, qtbot, kind, monkeypatch):
    copied = []
    monkeypatch.setattr(
        type(QApplication.clipboard()), "setText", lambda _, text: copied.append(text)
    )
    dock.set(LONG.replace(steps=None, minutes=None))
    dock.form.minutes_box.setValue(50)
    dock.press()
    dock.wait_for_steps()
    dock.press("stop")
    dock.wait()
    dock.widget.copy_button.copy(kind)
    qtbot.waitUntil(lambda: bool(copied))
    (text,) = copied
    assert f"steps={dock.widget.presses.steps}" in text.replace(" ", "=").replace(
        "--", ""
    )
    assert "minutes" not in text
    assert "cells labels" in text


def test_the_menus_of_torch_are_filled_and_nothing_waits_for_them(dock, qtbot):
    qtbot.waitUntil(lambda: not worker.running("importing"), timeout=60_000)
    devices = [dock.form.device_box.itemText(i) for i in range(3)]
    assert devices[:2] == ["auto", "cpu"]
    assert dock.form.device_box.currentText() == "cpu"
    assert torch.cuda.device_count() or devices[2] == ""


def test_every_field_has_a_tooltip(dock, qtbot):
    dock.form.options.expand()
    dock.form.model_fold.expand()
    dock.table.add_folder(folder("nuclei"))
    fields = [
        widget
        for kind in (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit)
        for widget in dock.widget.findChildren(kind)
        if not isinstance(widget.parent(), QComboBox | QAbstractSpinBox)
    ]
    without = [w for w in fields if not (w.toolTip() or w.parent().toolTip())]
    assert not [w.text() for w in without if w.isVisibleTo(dock.widget)]


def test_the_dock_is_narrow_and_never_scrolls_sideways(dock):
    (scroll,) = dock.widget.findChildren(QScrollArea)
    add_pair(dock.viewer, name="an image with a name that is far too long for a menu")
    dock.table.layers_button.click()
    dock.widget.findings.add(type("Note", (), {"text": "word " * 50})())
    assert scroll.widget().minimumSizeHint().width() <= 380
    dock.form.options.expand()
    assert scroll.widget().minimumSizeHint().width() <= 380


def test_the_menu_gives_a_dock_that_works(make_napari_viewer, qtbot, own_models):
    """Plugins are given a proxy of the viewer there, and proxies of its layers."""
    viewer = make_napari_viewer()
    add_pair(viewer)
    _, widget = viewer.window.add_plugin_dock_widget("napari-unet-live", "Train")
    assert isinstance(widget, TrainWidget)
    assert widget.table.pairs[0].labels == viewer.layers["cells labels"]
    widget.form.train_form.set_value(SHORT.replace(steps=20))
    widget.form.model_form.set_value(train_dock.SMALL)
    widget.form.labels_mean.background_button.click()
    widget.buttons.start.click()
    qtbot.waitUntil(lambda: widget._job is None, timeout=60_000)
    assert "cells preview" in viewer.layers
    assert len(list(own_models.iterdir())) == 1


def test_classes_keep_the_names_and_colours_of_their_layer(dock, own_models):
    labels = np.zeros((96, 128), np.int32)
    labels[:40, :40], labels[50:, 60:] = 1, 4
    layer = dock.viewer.layers["cells labels"]
    layer.data = labels
    layer.features = {"index": [0, 4], "name": ["nothing", "stroma"]}
    dock.form.classes_button.click()
    dock.train()
    (folder,) = own_models.iterdir()
    config = Model.load(folder).config
    assert config.names == {1: "class 1", 4: "stroma"}
    for value, colour in config.colours.items():
        shown = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        assert np.allclose(shown, layer.get_color(value)[:3], atol=0.01)


def test_the_text_for_a_paper_can_be_copied(dock, qtbot, monkeypatch, notices):
    copied = []
    monkeypatch.setattr(
        type(QApplication.clipboard()), "setText", lambda _, text: copied.append(text)
    )
    dock.set(SHORT)
    dock.train()
    dock.widget.copy_button.copy("methods text")
    qtbot.waitUntil(lambda: bool(copied))
    assert "2D U-Net (Ronneberger et al. 2015)" in copied[0]
    assert "best after 2 steps of 2 crops of 32 x 32 px" in copied[0]
    assert notices[-1] == "copied as methods text: 1 line"
