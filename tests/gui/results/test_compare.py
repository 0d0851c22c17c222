"""The fold that compares a result with a truth layer: figures, error layer, table."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import Qt

from napari_unet import Model
from napari_unet.config import ModelConfig
from napari_unet.events import drain
from napari_unet.gui import worker
from napari_unet.gui.layers import edits
from napari_unet.gui.layers import pairing as matching
from napari_unet.gui.layers.axes import KEY
from napari_unet.gui.parts import sorted_table
from napari_unet.gui.parts.form import Fold
from napari_unet.gui.parts.sorted_table import SortedTable
from napari_unet.gui.pickers.model_picker import models
from napari_unet.gui.results import compare as compare_module
from napari_unet.gui.results import comparison as compared
from napari_unet.scoring.error_table import list_errors
from napari_unet.scoring.errors import Kind
from support import segment_dock
from support.made import blobs
from support.segment_dock import Dock, picture

dock, slow = segment_dock.dock, segment_dock.slow
own_models = segment_dock.own_models


def truth_of(labels):
    """Labels as if the largest object were three that merged, and another one false."""
    values, areas = np.unique(labels, return_counts=True)
    merged = int(values[1:][areas[1:].argmax()])
    false = next(int(i) for i in values[1:] if i != merged)
    truth = labels.copy()
    y, x = np.nonzero(labels == merged)
    third = np.argsort(np.argsort(y, kind="stable")) * 3 // len(y)
    truth[y, x] = np.array([merged, 900, 901])[third]
    truth[truth == false] = 0
    return truth, merged, false


def add_truth(dock, name="cells truth", **place):
    (layer,) = dock.labels()
    truth, *numbers = truth_of(np.asarray(layer.data))
    return dock.viewer.add_labels(truth, name=name, **place), *numbers


def press(dock):
    """Press Compare and wait for its end."""
    form = dock.form.compare
    assert form.button.isEnabled(), form.button.toolTip()
    form.button.click()
    dock.qtbot.waitUntil(lambda: form._job is None, timeout=30_000)
    return form


def errors_layers(dock):
    return [layer for layer in dock.labels() if layer.name.endswith("errors")]


def row_of(form, kind):
    """The first row in sight of a kind."""
    model = form.table.rows
    kinds = [model.data(model.index(i, 0)) for i in range(model.rowCount())]
    return kinds.index(kind)


def test_figures_layer_and_table_say_what_the_core_says(
    dock, notices, tmp_path, monkeypatch
):
    place = {"scale": (0.5, 0.5), "translate": (7, 8), "units": "um"}
    image = dock.viewer.add_image(picture(), name="cells", **place)
    dock.segment()
    (result,) = dock.labels()
    truth, merged, false = add_truth(dock, **place)
    form = press(dock)
    expected = drain(list_errors(truth.data, result.data))
    assert expected.counts["merged"] == expected.counts["false"] == 1
    count = len(np.unique(truth.data)) - 1
    ap = expected.scores.pooled.ap
    figures = f"AP50 {ap['0.50']:.3f}   AP75 {ap['0.75']:.3f}   ({count} true objects)"
    assert form.figures.text() == figures
    for kind, number in expected.counts.items():
        assert f"{number}&nbsp;{kind}" in form.errors.text()
    (layer,) = errors_layers(dock)
    assert layer.name == "cells errors" and layer.data.dtype == np.uint8
    assert np.array_equal(layer.data, expected.image)
    assert np.allclose(layer.extent.world, image.extent.world)
    assert (layer.data[result.data == merged] == Kind.MERGED).all()
    assert (layer.data[result.data == false] == Kind.FALSE).all()
    assert isinstance(layer.colormap, DirectLabelColormap) and not layer.editable
    assert layer.features["kind"].tolist()[1:3] == ["missed", "false"]
    assert form.table.rows.rowCount() == len(expected.rows)
    names = [form.table.rows.headerData(i, Qt.Orientation.Horizontal) for i in range(5)]
    assert names == ["kind", "truth", "result", "µm²", "IoU"]
    texts = [
        form.table.rows.data(form.table.rows.index(row_of(form, "merged"), i))
        for i in range(1, 4)
    ]
    area = (result.data == merged).sum() / 4
    assert texts == [f"{merged}, 900, 901", str(merged), f"{area:,.1f}"]
    monkeypatch.setattr(sorted_table, "ask_new_file", lambda *_: tmp_path / "errors")
    form.csv_button.click()
    with (tmp_path / "errors.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["kind", "truth", "result", "area (µm²)", "IoU", "y", "x"]
    assert len(lines) == 1 + len(expected.rows)
    (line,) = [line for line in lines if line[0] == "merged"]
    assert line[1:4] == [f"{merged} 900 901", str(merged), f"{area:.10g}"]
    y, x = map(int, line[5:])
    assert result.data[y, x] == merged
    assert not notices


def test_rows_go_to_their_object(dock):
    dock.viewer.add_image(picture(), name="cells", scale=(0.5, 0.5))
    dock.segment()
    (result,) = dock.labels()
    _, merged, false = add_truth(dock, scale=(0.5, 0.5))
    form = press(dock)
    for kind, labels, number in (
        ("merged", result, merged),
        ("false", result, false),
    ):
        form.table.selectRow(row_of(form, kind))
        assert labels.selected_label == number
        y, x = np.nonzero(labels.data == number)
        centre = dock.viewer.scene.camera.center[-2:]
        assert np.allclose(centre, (y.mean() / 2, x.mean() / 2), atol=1)
    form.table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    model = form.table.rows
    areas = [int(model.data(model.index(i, 3))) for i in range(model.rowCount())]
    assert areas == sorted(areas, reverse=True)
    form.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    last = model.data(model.index(model.rowCount() - 1, 0))
    assert last == "matched", "errors come first"


def test_errors_are_not_seen_through_the_labels_until_those_are_new(dock):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (result,) = dock.labels()
    add_truth(dock)
    press(dock)
    (layer,) = errors_layers(dock)
    assert layer.visible and not result.visible
    dock.segment()
    assert result in dock.viewer.layers
    assert result.visible and not layer.visible


def test_errors_are_alone_in_sight_while_the_fold_is_open(dock):
    image = dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (result,) = dock.labels()
    truth, *_ = add_truth(dock)
    mark = {"preview": True, "image": str(image.unique_id)}
    preview = dock.viewer.add_labels(
        np.zeros(truth.data.shape, int), name="cells preview", metadata={KEY: mark}
    )
    other = dock.viewer.add_labels(np.zeros((5, 6), int), name="elsewhere")
    fold = dock.form.compare.parentWidget()
    while not isinstance(fold, Fold):
        fold = fold.parentWidget()
    fold.expand()
    press(dock)
    (errors,) = errors_layers(dock)
    mine = [result, truth, preview]
    assert errors.visible and not any(y.visible for y in mine) and other.visible
    errors.visible = False
    assert all(y.visible for y in mine), "the eye of the layer does it, too"
    preview.visible = False
    errors.visible = True
    press(dock)
    assert errors.visible and not any(y.visible for y in mine)
    fold.collapse()
    assert not errors.visible and not preview.visible, "the user had hidden it"
    assert result.visible and truth.visible
    fold.expand()
    assert errors.visible and not any(y.visible for y in mine)
    dock.close()
    assert result.visible and truth.visible and not errors.visible


def test_a_second_run_replaces_its_own_layer(dock):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    truth, _, _ = add_truth(dock)
    dock.viewer.layers.selection.active = truth
    form = press(dock)
    (layer,) = errors_layers(dock)
    assert dock.viewer.layers.selection.active == truth, "the user works on it"
    before = layer.data.copy()
    truth.data = np.zeros_like(truth.data)
    assert compare_module.CHANGED in form.figures.text()
    layer.visible = False
    press(dock)
    assert errors_layers(dock) == [layer] and layer.visible
    assert not np.array_equal(layer.data, before)
    assert compare_module.CHANGED not in form.figures.text()
    assert "(0 true objects)" in form.figures.text()
    dock.viewer.layers.remove(layer)
    press(dock)
    assert len(errors_layers(dock)) == 1


def test_numbers_are_marked_once_the_labels_have_changed(dock):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    truth, *_ = add_truth(dock)
    form = press(dock)
    dock.slide(0.5)
    assert compare_module.CHANGED in form.figures.text()
    dock.slide(0)
    assert compare_module.CHANGED not in form.figures.text()
    dock.labels()[0].paint((20, 20), 3)
    assert compare_module.CHANGED in form.figures.text()
    press(dock)
    truth.fill((20, 20), 5)
    assert compare_module.CHANGED in form.figures.text()


def test_what_is_hidden_by_the_score_is_not_compared(dock):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (layer,) = dock.labels()
    dock.viewer.add_labels(layer.data.copy(), name="cells truth")
    form = press(dock)
    assert "AP50 1.000" in form.figures.text() and "0&nbsp;missed" in form.errors.text()
    scores = layer.features["score"].to_numpy()
    middle = round(float(np.median(scores)), 2)
    hidden = int((scores < middle).sum())
    dock.slide(middle)
    press(dock)
    assert f"{hidden}&nbsp;missed" in form.errors.text()


def test_it_is_greyed_with_the_reason(dock):
    form = dock.form.compare

    def why():
        assert not form.button.isEnabled()
        assert form.button.toolTip() == form.figures.text()
        return form.button.toolTip()

    assert why() == "Segment this image first."
    dock.viewer.add_image(picture(), name="cells")
    dock.viewer.add_labels(np.zeros((5, 6), int), name="small")
    dock.segment()
    assert "no other labels layer lies on this image" in why().lower()
    assert form.truth is None and not form.truth_box.enabled
    truth = dock.viewer.add_labels(np.zeros((128, 160), int), name="cells truth")
    assert form.truth == truth and form.button.isEnabled()
    form.truth_box.value = None
    assert why() == "Choose the labels layer with the true objects."
    dock.viewer.layers.remove(dock.viewer.layers["cells labels"])
    assert "no other labels layer lies on this image" in why().lower(), "but the truth"
    dock.viewer.layers.remove(truth)
    assert why() == "Segment this image first."


def test_a_stopped_run_is_not_compared(dock, slow):
    dock.viewer.add_image(picture(), name="cells")
    dock.viewer.add_labels(np.zeros((128, 160), int), name="truth")
    dock.press()
    slow.first.set()
    dock.qtbot.waitUntil(lambda: dock.labels()[-1].data.any())
    dock.form.progress.cancelled.emit()
    dock.wait()
    assert "stopped before its end" in dock.form.compare.button.toolTip()


def test_classes_are_not_compared(make_napari_viewer, qtbot, tmp_path):
    config = ModelConfig(formulation="semantic", depth=1, width=2)
    models().choose(Model.create(config, device="cpu").save(tmp_path / "classes"))
    dock = Dock(make_napari_viewer(), qtbot)
    dock.viewer.add_image(picture(), name="cells")
    dock.viewer.add_labels(np.zeros((128, 160), int), name="truth")
    dock.segment()
    form = dock.form.compare
    assert not form.button.isEnabled() and "classes" in form.button.toolTip().lower()


def test_the_users_choice_stays_and_previews_are_none(dock):
    image = dock.viewer.add_image(picture(), name="cells")
    first = dock.viewer.add_labels(np.zeros((128, 160), int), name="cells first")
    dock.segment()
    form = dock.form.compare
    assert form.truth == first
    second = dock.viewer.add_labels(np.zeros((128, 160), int), name="cells second")
    assert form.truth == second, "the newest, until the user chooses"
    form.truth_box.value = first
    dock.viewer.add_labels(np.zeros((128, 160), int), name="cells third")
    dock.segment()
    assert form.truth == first
    press(dock)
    (layer,) = errors_layers(dock)
    assert layer not in form._truths()
    assert matching.labels_on(image, [image, layer]) is None
    second.name = "renamed"
    box = form.truth_box.native
    assert "renamed" in [box.itemText(i) for i in range(box.count())]


def test_each_image_shows_its_own_comparison(dock):
    first = dock.viewer.add_image(picture(1), name="one")
    dock.segment()
    truth = dock.labels()[0].data.copy()
    dock.viewer.add_labels(truth, name="one truth")
    form = press(dock)
    told = form.figures.text()
    assert told.startswith("AP50 1.000")
    dock.viewer.add_image(blobs(2, (128, 160), 12).image.array[0], name="two")
    dock.segment()
    assert not form.table.isVisibleTo(form) and form.truth is None
    dock.form.picker.set_layer(first)
    assert form.figures.text() == told and form.table.isVisibleTo(form)


def test_frames_of_a_film_match_frame_by_frame(dock):
    frames = np.stack([picture(1), picture(2)])
    dock.viewer.add_image(frames, name="film", axis_labels=("t", "y", "x"))
    dock.segment()
    (layer,) = dock.labels()
    data = np.asarray(layer.data)
    # A truth from tracking: one number in several frames.
    truth = np.stack(
        [data[0], np.where(data[1] > 0, data[1] - data[1][data[1] > 0].min() + 1, 0)]
    )
    missed = int(truth[1].max())
    data = data.copy()
    data[1][truth[1] == missed] = 0
    layer.data = data
    dock.viewer.add_labels(truth, name="film truth")
    form = press(dock)
    assert (
        "1&nbsp;missed" in form.errors.text() and "0&nbsp;merged" in form.errors.text()
    )
    assert "0&nbsp;false" in form.errors.text()
    (shown,) = errors_layers(dock)
    assert (shown.data[1][truth[1] == missed] == Kind.MISSED).all()
    assert Kind.MISSED not in shown.data[0]
    dock.viewer.dims.set_point(0, 0)
    row = row_of(form, "missed")
    model = form.table.rows
    assert model.headerData(5, Qt.Orientation.Horizontal) == "t"
    assert model.data(model.index(row, 5)) == "1"
    lines = [line.split(",") for line in form._written()[1].splitlines()]
    assert lines[0][5:] == ["t", "y", "x"]
    assert [line[5] for line in lines if line[0] == "missed"] == ["1"]
    form.table.selectRow(row)
    assert dock.viewer.dims.point[0] == 1
    assert dock.viewer.layers["film truth"].selected_label == missed


def test_a_stack_is_one_volume(dock):
    stack = np.stack([picture(1)] * 3)
    scale = (2, 0.5, 0.5)
    dock.viewer.add_image(
        stack, name="stack", axis_labels=("z", "y", "x"), scale=scale, units="um"
    )
    dock.segment()
    (layer,) = dock.labels()
    truth = np.broadcast_to(np.asarray(layer.data[0]), stack.shape).copy()
    layer.data = truth.copy()
    layer.data[0][truth[0] == 1] = 0
    layer.refresh()
    dock.viewer.add_labels(truth, name="stack truth", scale=scale, units="um")
    form = press(dock)
    count = len(np.unique(truth)) - 1
    assert f"({count} true objects)" in form.figures.text()
    assert f"{count}&nbsp;matched" in form.errors.text(), "two planes of three will do"
    header = form.table.rows.headerData(3, Qt.Orientation.Horizontal)
    assert header == "µm³"
    name, text = form._written()
    assert name == "stack labels errors"
    assert text.splitlines()[0].endswith("area (µm³),IoU,z,y,x")
    form.table.selectRow(0)
    assert dock.viewer.dims.point[0] == 2, "the middle plane, in µm"


def test_channels_inside_and_a_view(dock):
    planes = np.stack([picture(1), picture(2)])
    both = np.stack([planes, np.zeros_like(planes)], 1)
    dock.viewer.add_image(both, name="film", axis_labels=("t", "c", "y", "x"))
    dock.form.picker.channel_box.setCurrentText("0")
    camera = dock.viewer.scene.camera
    camera.center, camera.zoom = (0, 60, 60), 12
    dock.viewer.dims.set_point(0, 1)
    dock.segment("view")
    (layer,) = dock.labels()
    result = dock.runs.results[-1]
    box = result.outcome.result.box
    assert box[0] == slice(1, 2) and layer.data.shape == (2, 1, 128, 160)
    full = np.zeros((2, 128, 160), int)
    full[1] = blobs(2, (128, 160), 30).labels
    dock.viewer.add_labels(full[:, None], name="film truth")
    form = press(dock)
    count = len(np.unique(full[box])) - 1
    assert f"({count} true objects in the view)" in form.figures.text()
    (shown,) = errors_layers(dock)
    assert shown.data.shape == layer.data.shape and not shown.data[0].any()
    outside = np.ones(full.shape, bool)
    outside[box] = False
    assert not shown.data[:, 0][outside].any() and shown.data.any()
    form.table.selectRow(0)
    row = form._of_result().found.comparison.rows[int(form.table.rows.order[0])]
    centre = dock.viewer.scene.camera.center[-2:]
    assert row.centre[0] == 1 and np.allclose(centre, row.centre[1:])
    assert all(s.start <= at < s.stop for s, at in zip(box, row.centre, strict=True))


class Held:
    """Stands in for the core's comparison: waits until it is let go."""

    def __init__(self):
        self.go = False

    def __call__(self, truth, labels, *, timed=False, control=None):
        from napari_unet.events import Progress

        while not self.go and not control.stopped:
            yield Progress("comparing", 0, 3)
        if control.stopped:
            return None
        return (yield from list_errors(truth, labels, timed=timed, control=control))


@pytest.fixture
def held(monkeypatch):
    made = Held()
    monkeypatch.setattr(compared, "list_errors", made)
    yield made
    made.go = True


def test_it_runs_in_a_job_that_can_be_cancelled(dock, held, notices):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    add_truth(dock)
    form = dock.form.compare
    form.button.click()
    assert worker.running(compare_module.COMPARING)
    assert form.button.text() == "Cancel" and not form.truth_box.enabled
    dock.qtbot.waitUntil(lambda: form.figures.text() == "Comparing frame 1 of 3")
    form.button.click()
    assert form.button.text() == "Compare" and form.button.isEnabled()
    dock.qtbot.waitUntil(lambda: not worker.running(compare_module.COMPARING))
    assert not errors_layers(dock) and not notices
    held.go = True
    press(dock)
    assert len(errors_layers(dock)) == 1


def test_an_image_that_goes_meanwhile_gets_no_layer(dock, held, notices):
    image = dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    add_truth(dock)
    form = dock.form.compare
    form.button.click()
    dock.viewer.layers.remove(image)
    held.go = True
    dock.qtbot.waitUntil(lambda: form._job is None)
    assert not errors_layers(dock) and not notices
    assert form.figures.text() == "Segment this image first."


def test_labels_painted_meanwhile_are_told(dock, held):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    truth, *_ = add_truth(dock)
    form = dock.form.compare
    form.button.click()
    truth.paint((20, 20), 3)
    held.go = True
    dock.qtbot.waitUntil(lambda: form._job is None)
    assert compare_module.CHANGED in form.figures.text()


def test_what_was_compared_before_a_new_run_hides_nothing_of_it(dock, held):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (result,) = dock.labels()
    add_truth(dock)
    form = dock.form.compare
    form.button.click()
    dock.segment()
    held.go = True
    dock.qtbot.waitUntil(lambda: form._job is None)
    assert not errors_layers(dock) and result.visible
    assert not form.table.isVisibleTo(form)
    press(dock)
    assert len(errors_layers(dock)) == 1


def settle(dock, layer):
    """Wait until the labels were read after their last refresh."""
    watch = edits._watches[layer.unique_id]
    dock.qtbot.waitUntil(lambda: not (watch._timer.isActive() or watch._reading))


@pytest.mark.parametrize("which", ["truth", "result"])
def test_an_undo_is_told_and_a_refresh_is_not(dock, which):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (result,) = dock.labels()
    truth, *_ = add_truth(dock)
    layer = truth if which == "truth" else result
    layer.paint((20, 20), 3)
    form = press(dock)
    settle(dock, layer)
    layer.visible = True
    layer.refresh()
    settle(dock, layer)
    assert compare_module.CHANGED not in form.figures.text()
    layer.undo()
    settle(dock, layer)
    assert compare_module.CHANGED in form.figures.text()


def test_what_the_score_hid_for_a_while_is_no_edit(dock):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (result,) = dock.labels()
    add_truth(dock)
    form = press(dock)
    result.visible = True
    settle(dock, result)
    for score, told in ((0.95, True), (0, False)):
        dock.slide(score)
        settle(dock, result)
        assert (compare_module.CHANGED in form.figures.text()) is told


def test_wrong_labels_are_one_notification(dock, notices):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    dock.viewer.add_labels(np.full((128, 160), -1), name="cells truth")
    press(dock)
    assert len(notices) == 1 and "must not be negative" in notices[0]
    assert not errors_layers(dock)
    assert dock.form.compare.button.text() == "Compare"


def test_the_fold_needs_no_wider_dock(dock):
    (fold,) = [
        f for f in dock.widget.findChildren(Fold) if f.content() is dock.form.compare
    ]
    before = dock.form.minimumSizeHint().width()
    dock.viewer.add_image(picture(), name="cells", scale=(0.5, 0.5), units="um")
    dock.segment()
    add_truth(
        dock, name="a truth layer with quite a long name", scale=(0.5, 0.5), units="um"
    )
    fold.expand(animate=False)
    form = press(dock)
    assert dock.form.minimumSizeHint().width() == before
    assert form.table.rows.rowCount()


def test_all_columns_fit_into_a_narrow_dock(qtbot):
    table = SortedTable("")
    qtbot.addWidget(table)
    texts = {"kind": "matched", "truth": "123, 4567, 890 +3", "result": "1234"}
    texts |= {"µm³": "12,345.6", "IoU": "0.50", "t": "100"}
    cells = {name: [text] * 30 for name, text in texts.items()}
    keys = {name: np.arange(30) for name in texts}
    table.set_columns(compare_module.columns(cells, keys))
    table.resize(292, 300)
    table.show()
    qtbot.waitUntil(lambda: table.viewport().width() < 292)
    assert table.horizontalHeader().length() <= table.viewport().width() + 1
