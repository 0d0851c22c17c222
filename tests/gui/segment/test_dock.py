"""The Segment dock: what its buttons give, and what is greyed when."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_unet import Model
from napari_unet.config import ModelConfig, PredictConfig
from napari_unet.events import Block, drain
from napari_unet.gui.docks import find_dock
from napari_unet.gui.layers import pairing as matching
from napari_unet.gui.layers.axes import KEY
from napari_unet.gui.parts import sorted_table
from napari_unet.gui.pickers.model_picker import models
from napari_unet.gui.segment import dock as segment_widget
from napari_unet.gui.segment.runs import SegmentJobs
from napari_unet.segmentation.segment import segment
from support import segment_dock
from support.made import blobs, numbered
from support.segment_dock import Dock, picture

dock = segment_dock.dock
own_models = segment_dock.own_models


def core_labels(trained, image, **options):
    model = Model.load(trained, "cpu")
    return drain(segment(model, image[None], PredictConfig(**options)))


@pytest.mark.quick
def test_a_press_gives_the_labels_of_the_core_on_the_image(dock, trained):
    place = {"scale": (0.5, 0.5), "translate": (7, 8), "units": "um"}
    image = dock.viewer.add_image(picture(), name="cells", **place)
    dock.segment()
    (layer,) = dock.labels()
    expected = core_labels(trained, picture())
    assert layer.name == "cells labels"
    assert np.array_equal(layer.data, expected.labels) and layer.data.max() > 10
    assert np.allclose(layer.extent.world, image.extent.world)
    assert layer.features["area (µm²)"].tolist() == (expected.area / 4).tolist()
    assert np.allclose(layer.features["score"], expected.score, atol=1e-4)
    count = len(expected.ids)
    assert dock.form.summary.text().startswith(f"{count} objects   median ")
    assert dock.form.summary.text().endswith(" s on the CPU")
    assert dock.form.table.view.rows.rowCount() == count
    assert dock.form.table.text.text() == layer.name
    assert matching.usual_zero(layer) == "unknown"


def test_the_layer_says_what_made_it(dock, trained):
    dock.viewer.add_image(picture(), name="cells")
    dock.press()
    dock.wait()
    about = dock.labels()[0].metadata[KEY]
    assert json.loads(json.dumps(about)) == about
    assert about["model"]["path"] == str(trained)
    assert about["model"]["hash"] == Model.load(trained).hash()
    assert {"thresholds"} < about["model"].keys()
    assert about["options"]["accurate"] is False and about["complete"] is True
    assert (about["device"], about["axes"]) == ("cpu", "YX")
    assert {"napari-unet-live", "torch", "numpy"} == about["versions"].keys()
    assert len(about["normalisation"]) == 1 and about["seconds"] > 0


def test_the_slider_hides_without_a_run_and_is_kept_by_the_next(dock):
    dock.viewer.add_image(picture())
    dock.segment()
    (layer,) = dock.labels()
    before = layer.data.copy()
    scores = layer.features["score"].to_numpy()
    middle = round(float(np.median(scores)), 2)
    dock.slide(middle)
    shown = set(np.unique(layer.data)) - {0}
    assert shown == set((np.flatnonzero(scores >= middle) + 1).tolist())
    assert 0 < len(shown) < len(scores)
    assert dock.form.summary.text().startswith(f"{len(shown)} of {len(scores)} obj")
    hidden = len(scores) - len(shown)
    assert f"({hidden} below the score)" in dock.form.summary.text()
    assert dock.form.table.view.rows.rowCount() == len(shown)
    after = layer.data.copy()
    dock.segment()
    assert dock.labels() == [layer] and np.array_equal(layer.data, after)
    assert dock.form.score.value() == pytest.approx(middle)
    dock.slide(0)
    assert np.array_equal(layer.data, before)


@pytest.fixture
def no_network(monkeypatch):
    """Call it, and the network must not run any more."""

    def never(self, images, precision="auto", level=None):
        raise AssertionError("the network ran")

    return lambda: monkeypatch.setattr(Model, "maps", never)


def change(dock, **options):
    """Change options, and wait for what comes of it."""
    dock.form.options_form.set_value(PredictConfig(**options))
    assert dock.widget._options.isActive()
    dock.qtbot.waitUntil(lambda: not dock.widget._options.isActive())
    dock.wait()


def test_another_threshold_is_shown_at_once_without_the_network(
    dock, trained, no_network, notices
):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (layer,) = dock.labels()
    before = layer.data.copy()
    wanted = {"threshold": 0.9, "smallest": 90}
    expected = core_labels(trained, picture(), **wanted)
    no_network()
    change(dock, **wanted)
    assert dock.labels() == [layer] and not notices
    np.testing.assert_array_equal(numbered(layer.data), numbered(expected.labels))
    assert (layer.data > 0).sum() < (before > 0).sum()
    assert layer.metadata[KEY]["options"]["threshold"] == 0.9
    change(dock)
    np.testing.assert_array_equal(layer.data, before)


def test_only_thresholds_start_a_run_by_themselves(dock, no_network, notices):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (layer,) = dock.labels()
    before = layer.data.copy()
    no_network()
    change(dock, accurate=True)
    change(dock, accurate=True, threshold=0.9)
    np.testing.assert_array_equal(layer.data, before)
    change(dock)
    layer.paint((5, 5), 3)
    mine = layer.data.copy()
    change(dock, threshold=0.9)
    assert dock.labels() == [layer] and np.array_equal(layer.data, mine)
    assert not notices


def test_the_slider_begins_at_the_score_that_training_found(dock, trained, tmp_path):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    scores = dock.labels()[0].features["score"].to_numpy()
    middle = round(float(np.median(scores)), 2)
    strict = Model.load(trained)
    strict.thresholds["score"] = middle
    models().choose(strict.save(tmp_path / "strict"))
    dock.segment()
    (layer,) = dock.labels()
    assert dock.form.score.value() == pytest.approx(middle)
    assert len(np.unique(layer.data)) - 1 == (scores >= middle).sum() < len(scores)
    assert layer.metadata[KEY]["options"]["score"] == middle
    dock.slide(0)  # what was moved by hand stays
    dock.segment()
    assert dock.form.score.value() == 0
    assert len(np.unique(layer.data)) - 1 == len(scores)


def test_an_edit_sends_the_next_run_to_a_new_layer(dock):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (layer,) = dock.labels()
    layer.paint((5, 5), 3)
    mine = layer.data.copy()
    assert dock.form.score.isEnabled(), "it spares what was edited"
    dock.press("right")
    assert not dock.form.score.isEnabled() and "right" in dock.form.score.toolTip()
    dock.segment()
    assert [y.name for y in dock.labels()] == ["cells labels", "cells labels [1]"]
    assert np.array_equal(layer.data, mine)
    assert dock.form.score.isEnabled()


def test_results_are_known_by_their_layers_not_by_names(dock):
    image = dock.viewer.add_image(picture(), name="cells")
    other = dock.viewer.add_labels(np.zeros((128, 160), int), name="cells labels")
    dock.segment()
    first = dock.labels()[-1]
    first.name, image.name, other.name = "mine", "other", "mine too"
    dock.segment()
    assert dock.labels() == [other, first] and not other.data.any()


def test_the_view_alone_is_segmented(dock, trained):
    dock.viewer.add_image(picture())
    camera = dock.viewer.scene.camera
    camera.zoom = 6
    camera.center = (0, 40, 40)
    dock.segment("view")
    (layer,) = dock.labels()
    (y0, y1), (x0, x1) = layer.metadata[KEY]["box"]
    assert layer.data.shape == (128, 160) and (y1 - y0) * (x1 - x0) < layer.data.size
    inside = np.zeros(layer.data.shape, bool)
    inside[y0:y1, x0:x1] = True
    expected = np.where(inside, core_labels(trained, picture()).labels, 0)
    assert ((layer.data > 0) == (expected > 0)).mean() > 0.99
    assert not layer.data[~inside].any() and layer.data.any()
    dock.segment()
    assert dock.labels() == [layer] and layer.metadata[KEY]["box"] is None


@pytest.fixture
def first_blocks(monkeypatch):
    """The boxes of the blocks that came, in order."""
    boxes, on_event = [], SegmentJobs._on_event

    def note(self, event):
        if isinstance(event, Block):
            boxes.append(event.box)
        on_event(self, event)

    monkeypatch.setattr(SegmentJobs, "_on_event", note)
    return boxes


def test_an_image_begins_with_what_is_in_sight(dock, first_blocks):
    dock.viewer.add_image(picture(), name="cells")
    dock.form.options_form.set_value(PredictConfig(block=64, tile=64))
    camera = dock.viewer.scene.camera
    camera.center, camera.zoom = (0, 100, 150), 20
    dock.segment()
    assert len(first_blocks) == 6
    assert first_blocks[0] == (slice(64, 128), slice(128, 160))


def test_a_stack_begins_with_the_plane_in_sight(dock, first_blocks):
    stack = np.stack([picture(seed) for seed in range(4)])
    axes = ("z", "y", "x")
    dock.viewer.add_image(stack, name="stack", axis_labels=axes)
    dock.viewer.dims.set_current_step(0, 2)
    dock.segment()
    assert first_blocks[0][0] == slice(2, 3)
    assert sorted(box[0].start for box in first_blocks) == [0, 1, 2, 3]


def test_a_film_begins_with_its_first_frame(dock, first_blocks):
    film = np.stack([picture(seed) for seed in range(2)])
    dock.viewer.add_image(film, name="film", axis_labels=("t", "y", "x"))
    dock.viewer.dims.set_current_step(0, 1)
    dock.form.options_form.set_value(PredictConfig(block=64, tile=64))
    camera = dock.viewer.scene.camera
    camera.center, camera.zoom = (0, 100, 150), 20
    dock.segment()
    assert first_blocks[0] == (slice(0, 1), slice(64, 128), slice(128, 160))


def test_a_time_series_numbers_its_objects_throughout(dock):
    frames = np.stack([picture(1), picture(2)])
    dock.viewer.add_image(frames, name="film", axis_labels=("t", "y", "x"))
    dock.segment()
    (layer,) = dock.labels()
    first, second = (set(np.unique(f)) - {0} for f in layer.data)
    assert first and second and not first & second
    assert set(layer.features["frame"]) == {0, 1}
    assert len(layer.metadata[KEY]["normalisation"]) == 2


def stack():
    return np.stack([picture(1), picture(2)]), {"axis_labels": ("z", "y", "x")}


def colours():
    return np.stack([picture().clip(0, 255).astype(np.uint8)] * 3, -1), {"rgb": True}


def channels_inside():
    planes = np.stack([picture(1), picture(2)])
    both = np.stack([planes, np.zeros_like(planes)], 1)
    return both, {"axis_labels": ("z", "c", "y", "x"), "scale": (2, 1, 0.5, 0.5)}


def pyramid():
    return [picture(), picture()[::2, ::2]], {}


@pytest.mark.parametrize("kind", [stack, colours, channels_inside, pyramid])
def test_layers_of_every_kind(dock, notices, kind):
    array, options = kind()
    image = dock.viewer.add_image(array, name="image", **options)
    dock.form.picker.channel_box.setCurrentText("0")
    dock.segment()
    (layer,) = dock.labels()
    assert not notices and layer.data.max() > 10
    along = [0, -2, -1]  # a channel axis inside is covered by one entry
    assert np.allclose(layer.extent.world[:, along], image.extent.world[:, along])
    assert np.array_equal(layer.features["index"], np.unique(layer.data)[1:])
    dock.form.table.view.selectRow(3)
    assert layer.selected_label == 4
    dock.segment()
    assert dock.labels() == [layer]


def test_all_open_images_one_after_the_other(dock, notices):
    for seed in (1, 2):
        dock.viewer.add_image(picture(seed), name=f"cells {seed}")
    dock.viewer.add_image(np.zeros((3, 20, 20)), name="what")
    dock.form.picker.set_layer(dock.viewer.layers[0])
    dock.form.all_action.trigger()
    dock.wait()
    assert [y.name for y in dock.labels()] == ["cells 1 labels", "cells 2 labels"]
    assert len(notices) == 1 and notices[0].startswith("what: left out")


def test_several_images_have_a_row_each_and_one_table(
    dock, notices, tmp_path, monkeypatch
):
    dock.viewer.add_image(picture(1), name="a")
    dock.viewer.add_image(np.zeros((40, 40)), name="empty")
    dock.viewer.add_image(picture(2), name="b")
    assert not dock.form.images_fold.isVisibleTo(dock.form)
    dock.form.picker.set_layer(dock.viewer.layers["a"])
    dock.form.all_action.trigger()
    dock.wait()
    images, layers = dock.form.images, dock.viewer.layers
    assert dock.form.images_fold.isVisibleTo(dock.form)
    counts = {
        name: len(np.unique(layers[f"{name} labels"].data)) - 1
        for name in ("a", "empty", "b")
    }
    assert {row.name: row.objects for row in images.rows} == counts
    assert counts["a"] > 10 and counts["empty"] == 0
    assert "constant" in images.rows[1].note
    total = f"{sum(counts.values())} objects"
    assert images.summary() == f"3 images, {total}, 1 without objects"
    assert dock.form.progress.text.startswith(images.summary())
    file = tmp_path / "all.csv"
    monkeypatch.setattr(sorted_table, "ask_new_file", lambda *_: file)
    images.save_button.click()
    table = pd.read_csv(file)
    assert table.groupby("image").size().to_dict() == {
        "a": counts["a"],
        "b": counts["b"],
    }
    images.view.picked.emit(2)
    assert dock.form.picker.layer == layers["b"]
    shown = [layer.name for layer in layers if layer.visible]
    assert shown == ["b", "b labels"]
    dock.segment()
    assert not images.failures() and len(images.rows) == 3, "one image is no batch"


def test_an_image_that_fails_has_its_reason_in_its_row(dock, notices):
    dock.viewer.add_image(picture(1), name="a")
    dock.viewer.add_image(np.full((40, 40), np.nan), name="broken")
    dock.form.picker.set_layer(dock.viewer.layers["a"])
    dock.form.all_action.trigger()
    dock.wait()
    good, bad = dock.form.images.rows
    assert not good.failed and bad.failed and bad.note
    assert "1 failed" in dock.form.images.summary()
    assert any(bad.note in notice for notice in notices)


def test_a_folder_is_written_as_by_the_command_line(
    dock, notices, tmp_path, monkeypatch
):
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for seed in (1, 2):
        tifffile.imwrite(source / f"b{seed}.tif", picture(seed))
    (source / "bad.tif").write_bytes(b"no image")
    chosen = iter([source, output])
    monkeypatch.setattr(segment_widget, "ask_folder", lambda *_: next(chosen))
    dock.form.folder_action.trigger()
    dock.wait()
    assert sorted(f.name for f in output.glob("*.tif")) == [
        "b1_labels.tif",
        "b2_labels.tif",
    ]
    found = json.loads((output / "b1_labels.json").read_text())
    labels = tifffile.imread(output / "b1_labels.tif")
    assert found["objects"] == len(np.unique(labels)) - 1 > 10
    assert dock.form.progress.text.startswith("3 images, ")
    assert "1 failed" in dock.form.progress.text
    assert str(output) in dock.form.progress.text
    assert len(notices) == 1 and "bad.tif" in notices[0]
    rows = {row.name: row.objects for row in dock.form.images.rows}
    assert rows["b1.tif"] == found["objects"] and rows["bad.tif"] is None
    table = pd.read_csv(output / "objects.csv")
    assert table.groupby("image").size()["b1"] == found["objects"]
    assert not dock.form.images.save_button.isEnabled()
    assert not dock.labels()


def test_classes_get_colours_and_no_slider(make_napari_viewer, qtbot, tmp_path):
    config = ModelConfig(formulation="semantic", classes=(1, 4), depth=1, width=4)
    models().choose(Model.create(config, device="cpu").save(tmp_path / "classes"))
    dock = Dock(make_napari_viewer(), qtbot)
    dock.viewer.add_image(picture())
    dock.segment()
    (layer,) = dock.labels()
    assert layer.features["class"].tolist() == [1, 4]
    shares = [float((layer.data == c).mean()) for c in (1, 4)]
    assert np.allclose(layer.features["share"], shares, atol=1e-4)
    assert not dock.form.score.isEnabled() and "scores" in dock.form.score.toolTip()
    assert "class 1" in dock.form.summary.text()


def test_the_table_sorts_goes_to_objects_and_is_saved(dock, tmp_path, monkeypatch):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (layer,) = dock.labels()
    table = dock.form.table
    table.view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    largest = int(layer.features["area (px²)"].to_numpy().argmax())
    assert int(table.view.rows.order[0]) == largest
    table.view.selectRow(0)
    assert layer.selected_label == largest + 1
    y, x = np.nonzero(layer.data == largest + 1)
    centre = dock.viewer.scene.camera.center[-2:]
    assert np.allclose(centre, (y.mean(), x.mean()), atol=1.5)
    file = tmp_path / "objects.csv"
    monkeypatch.setattr(sorted_table, "ask_new_file", lambda *_: file)
    table.save_button.click()
    lines = file.read_text().splitlines()
    assert lines[0] == "id,area (px²),score"
    assert len(lines) == 1 + len(layer.features)


def test_a_result_is_copied_as_code(dock, qtbot, tmp_path, notices, trained):
    tifffile.imwrite(tmp_path / "cells.tif", picture())
    dock.viewer.open(tmp_path / "cells.tif", plugin="napari")
    dock.segment()
    dock.slide(0.5)
    entries = {a.text(): a for a in dock.form.copy_button.menu().actions()}
    for entry, words in (
        ("Python", ["read_image", "score=0.5"]),
        ("command line", ["napari-unet segment", "--score 0.5"]),
    ):
        QApplication.clipboard().clear()
        entries[entry].trigger()
        qtbot.waitUntil(lambda: bool(QApplication.clipboard().text()))
        text = QApplication.clipboard().text()
        assert all(w in text for w in [*words, str(tmp_path / "cells.tif")])
        assert str(trained) in text
    QApplication.clipboard().clear()
    entries["methods text"].trigger()
    qtbot.waitUntil(lambda: bool(QApplication.clipboard().text()))
    text = QApplication.clipboard().text()
    assert f"the model “{trained.name}”" in text
    assert "of a mean foreground below 0.5, were left out" in text
    assert len(notices) == 3


def test_correct_and_train_takes_pair_and_model_to_the_train_dock(dock, trained):
    image = dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    dock.form.train_button.click()
    train = find_dock(dock.viewer, "Train")
    (row,) = [row for row in train.table.pairs if row.image == image]
    assert row.labels.name == "cells labels"
    assert train.form.model_picker.path == str(trained)


def test_each_image_shows_its_own_result(dock):
    first = dock.viewer.add_image(picture(1), name="one")
    dock.segment()
    told = dock.form.summary.text()
    dock.viewer.add_image(blobs(2, (128, 160), 12).image.array[0], name="two")
    assert dock.form.summary.text() == "" and not dock.form.copy_button.isEnabled()
    dock.segment()
    dock.form.picker.set_layer(first)
    assert dock.form.summary.text() == told and dock.form.copy_button.isEnabled()
