"""What 0 means belongs to the labels; painting background is one button."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers._layer_actions import _duplicate_layer

from napari_unet.data.meaning import Meaning
from napari_unet.files.sample_data import folder
from napari_unet.gui.copy_as.python import train_python
from napari_unet.gui.train import checks
from support import train_dock
from support.train_dock import Dock, add_pair

own_models = train_dock.own_models


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def dock(viewer, qtbot):
    """The dock beside an image and what was painted on it; 0 is not annotated yet."""
    add_pair(viewer)
    dock = Dock(viewer, qtbot)
    dock.set(zero="unknown")
    return dock


def add_other(dock, name="other"):
    """List another pair; nobody has said what its 0 means."""
    labels = add_pair(dock.viewer, name=name, seed=1)
    dock.widget.add_pair(dock.viewer.layers[name], labels)
    return labels


def counted(dock, objects):
    dock.qtbot.waitUntil(lambda: dock.table.pairs[0].count.text() == objects)


# ----------------------------------------------------------------- paint background


@pytest.mark.quick
def test_painting_background_is_one_button(dock, viewer, qtbot):
    layer, mean = viewer.layers["cells labels"], dock.form.labels_mean
    counted(dock, "30 objects")
    reason = dock.buttons.reason
    assert "[Paint background]" in reason.text() and len(reason.text()) < 90
    viewer.layers.selection.active = viewer.layers["cells"]
    mean.paint_button.click()
    number = int(layer.data.max()) + 1
    assert viewer.layers.selection.active == layer
    assert (layer.mode, layer.selected_label, layer.brush_size) == ("paint", number, 30)
    assert f"label {number}: paint some of it" in mean.told.text()
    assert f"Paint some background with label {number}" in reason.text()
    layer.paint((2, 2), number)
    qtbot.waitUntil(dock.buttons.start.isEnabled)
    counted(dock, "30 objects")
    assert mean.told.text() == f"Background is label {number}; others are objects."
    (item,) = dock.table.items()
    assert item.meaning == Meaning(zero="unknown", background=number)


def test_each_of_the_two_brushes_keeps_its_size(dock, viewer):
    layer, button = viewer.layers["cells labels"], dock.form.labels_mean.paint_button
    layer.brush_size = 4
    button.click()
    number = layer.selected_label
    assert layer.brush_size == 12
    layer.brush_size = 20
    layer.selected_label = 1
    assert layer.brush_size == 4
    layer.brush_size = 6
    button.click()
    assert (layer.selected_label, layer.brush_size) == (number, 20)
    layer.selected_label = 2
    assert layer.brush_size == 6


def test_background_that_is_there_keeps_its_label(dock, viewer):
    mean, layer = dock.form.labels_mean, viewer.layers["cells labels"]
    assert not mean.background_box.isVisibleTo(dock.form)
    mean.background_box.setValue(5)
    assert mean.background_box.isVisibleTo(dock.form)
    mean.paint_button.click()
    assert layer.selected_label == mean.background_box.value() == 5


def test_background_is_painted_where_one_works(dock, viewer):
    other = add_other(dock)
    dock.form.labels_mean.unknown_button.click()
    viewer.layers.selection.active = other
    dock.form.labels_mean.paint_button.click()
    assert [row.said.background for row in dock.table.pairs] == [
        None,
        int(other.data.max()) + 1,
    ]


def test_labels_without_a_free_number_are_refused(dock, viewer, notices):
    layer = viewer.layers["cells labels"]
    layer.data = np.where(layer.data == 1, 255, layer.data).astype(np.uint8)
    dock.form.labels_mean.paint_button.click()
    (text,) = notices
    assert "uint8 holds no number above 255" in text and "int32" in text
    assert dock.table.pairs[0].said.background is None


# ------------------------------------------------------------ choices of the layers


def test_choices_stay_with_their_layer(dock, viewer):
    mean, (row,) = dock.form.labels_mean, dock.table.pairs
    mean.background_box.setValue(11)
    mean.ignored_box.setValue(3)
    drawn = row.labels
    other = add_pair(viewer, name="other", seed=1)
    row.choose(viewer.layers["other"], other)
    assert (mean.zero, mean.background_box.value(), mean.ignored_box.value()) == (
        *(None, 0),
        0,
    )
    row.choose(viewer.layers["cells"], drawn)
    assert (mean.zero, mean.background_box.value(), mean.ignored_box.value()) == (
        *("unknown", 11),
        3,
    )
    viewer.layers.selection = {drawn}
    _duplicate_layer(viewer.layers)
    row.choose(viewer.layers["cells"], viewer.layers["cells labels copy"])
    assert row.said.background == 11, "a duplicate takes them along"


def test_new_data_start_without_them(dock, viewer):
    dock.form.labels_mean.background_box.setValue(11)
    viewer.layers.clear()
    add_pair(viewer, seed=2)
    (row,) = dock.table.pairs
    assert row.labels is not None and row.said.zero is None
    assert "what 0 means" in dock.buttons.start.toolTip()
    counted(dock, "30 objects")


def test_each_pair_is_trained_with_its_own(dock, viewer):
    other = add_other(dock)
    cells, second = dock.table.pairs
    cells.say(background=7)
    second.say(zero="background")
    viewer.layers.selection.active = other
    told = dock.form.labels_mean.told.text()
    assert "in cells labels: not annotated yet; in other labels: background" in told
    assert dock.form.labels_mean.zero is None and dock.buttons.start.isEnabled()
    assert [item.meaning for item in dock.table.items()] == [
        Meaning(zero="unknown", background=7),
        Meaning(),
    ]
    press, _ = dock.widget.presses.shown()
    assert train_python(press).count("background=7") == 1
    dock.form.labels_mean.background_button.click()
    assert not dock.form.labels_mean.told.text()
    assert {row.said.zero for row in dock.table.pairs} == {"background"}


def test_two_backgrounds_are_both_told(dock):
    add_other(dock)
    for row, number in zip(dock.table.pairs, (7, 9), strict=True):
        row.say(zero="unknown", background=number)
    mean = dock.form.labels_mean
    assert (
        mean.told.text() == "Background is label 7 in cells labels, 9 in other labels."
    )
    assert mean.background_box.text() == "differs"
    mean.background_box.setValue(8)
    assert {row.said.background for row in dock.table.pairs} == {8}


def test_folders_alone_ask_nothing(make_napari_viewer, qtbot):
    dock = Dock(make_napari_viewer(), qtbot)
    form = dock.form
    dock.widget.add_folder(folder("nuclei"))
    button = form.labels_mean.background_button
    assert not button.isVisibleTo(form) and dock.widget.why_not() == ""
    add_pair(dock.viewer)
    dock.table.layers_button.click()
    assert button.isVisibleTo(form)
    form.labels_mean.ignored_box.setValue(4)
    form.labels_mean.unknown_button.click()
    pair, item = dock.table.items()
    assert (pair.zero, pair.ignore) == ("unknown", 4)
    assert (item.zero, item.ignore) == ("background", 4)


# ------------------------------------------------------------- the finding about it


@pytest.mark.parametrize("timed", [False, True])
def test_an_object_that_is_taken_as_background_is_found(
    make_napari_viewer, qtbot, monkeypatch, timed
):
    monkeypatch.setattr(checks, "LOOK_MS", 20)
    viewer = make_napari_viewer()
    layer = add_pair(viewer)
    layer.data[:8, :90] = 99  # a long stroke
    if timed:
        image, drawn = (np.stack([layer.data] * 2) for layer in viewer.layers)
        viewer.layers.clear()
        layer = add_pair(viewer, image, drawn)
        viewer.layers["cells"].axis_labels = ("t", "y", "x")
    dock = Dock(viewer, qtbot)
    dock.set(zero="unknown")
    findings, box = dock.widget.findings, dock.form.labels_mean.background_box
    box.setValue(11)
    qtbot.waitUntil(lambda: any("label 11 is as large" in t for t in findings.texts))
    assert dock.buttons.start.isEnabled(), "it may be right"
    findings.button.click()
    (row,) = [r for r in findings.rows if "label 11" in r.label.text()]
    row.show_button.click()
    assert layer.selected_label == 11
    row.fix_button.click()
    assert dock.table.pairs[0].said.background is None and not box.value()
    qtbot.waitUntil(lambda: not any("label 11" in t for t in findings.texts))
    box.setValue(99)
    looks = dock.widget.checks
    qtbot.waitUntil(lambda: looks._asked == looks._turn and looks._looking is None)
    assert not any("label 99" in text for text in findings.texts)
