"""The table of pairs: what it chooses for the user, counts, and refuses."""

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_unet.files.sample_data import folder
from napari_unet.gui.layers import edits
from napari_unet.gui.layers.axes import KEY
from napari_unet.gui.layers.pairing import fits, labels_on, usual_zero
from napari_unet.gui.pairs.table import PairsTable
from support.made import blobs


def image(name="a", shape=(32, 48), **options):
    return Image(np.zeros(shape, np.uint8), name=name, rgb=False, **options)


def labels(name="a labels", shape=(32, 48), **options):
    return Labels(np.zeros(shape, np.int32), name=name, **options)


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.add_layer(image("a"))
    viewer.add_layer(labels("a labels"))
    return viewer


@pytest.fixture
def table(viewer):
    """A table in a dock, as napari keeps it up to date."""
    table = PairsTable(viewer)
    viewer.window.add_dock_widget(table, name="table")
    return table


# ------------------------------------------------------------------------ matching


@pytest.mark.parametrize(
    ("image_shape", "axes", "labels_shape", "expected"),
    [
        ((32, 48), None, (32, 48), True),
        ((32, 48), None, (48, 32), False),
        ((3, 32, 48), "CYX", (32, 48), True),
        ((3, 32, 48), "CYX", (3, 32, 48), True),
        ((9, 32, 48), "TYX", (9, 32, 48), True),
        ((9, 32, 48), "TYX", (32, 48), False),
        ((9, 32, 48), None, (9, 32, 48), True),  # Z or T, whatever the answer
        ((9, 3, 32, 48), "TCYX", (9, 1, 32, 48), True),
        ((9, 3, 32, 48), "TCYX", (3, 32, 48), False),
        ((32, 48), None, (9, 32, 48), False),
    ],
)
def test_labels_fit_an_image_of_their_shape(image_shape, axes, labels_shape, expected):
    layer = image(shape=image_shape)
    assert fits(labels(shape=labels_shape), layer, axes) is expected


def test_labels_fit_a_colour_image():
    colours = Image(np.zeros((32, 48, 3), np.uint8), rgb=True)
    assert fits(labels(), colours)


def test_labels_named_after_the_image_are_preferred():
    a, b = image("nuclei"), image("nuclei 2")
    ours, others, plain = (
        labels("nuclei labels"),
        labels("nuclei 2 labels"),
        labels("x"),
    )
    layers = [a, b, ours, others, plain]
    assert labels_on(a, layers) is ours
    assert labels_on(b, layers) is others
    assert labels_on(a, [a, b, others]) is None  # they are another image's
    assert labels_on(a, [a, b, plain]) is plain
    assert labels_on(a, layers, used=[ours]) is plain


def test_labels_of_another_shape_are_never_chosen():
    a = image("a")
    assert labels_on(a, [a, labels("a labels", (32, 49))]) is None


def test_previews_are_no_labels_to_train_on():
    a = image("a")
    preview = labels("a preview", metadata={KEY: {"preview": True}})
    assert labels_on(a, [a, preview]) is None


def test_what_zero_means_is_known_unless_somebody_painted(make_napari_viewer):
    painted = labels()
    segmented = labels(metadata={KEY: {"model": "nuclei"}})
    viewer = make_napari_viewer()
    viewer.open_sample("napari-unet-live", "nuclei_2d")
    sample = viewer.layers["nuclei labels"]
    file = folder("nuclei") / "labels" / "nuclei_01.tif"
    (opened,) = viewer.open(file, plugin="napari", layer_type="labels")
    assert usual_zero(sample) == usual_zero(opened) == "background"
    assert usual_zero(segmented) == "unknown"
    assert usual_zero(painted) is None


# --------------------------------------------------------------------------- table


def test_the_image_and_its_labels_are_chosen(viewer, table):
    (row,) = table.pairs
    assert row.image == viewer.layers["a"]
    assert row.labels == viewer.layers["a labels"]
    assert table.why_not() == ""
    (item,) = table.items()
    assert (item.image.name, item.use, item.zero) == ("a", "automatic", "background")


def test_labels_are_copied_when_training_starts(viewer, table):
    (item,) = table.items()
    viewer.layers["a labels"].data[:] = 5
    assert not item.labels.any()


def test_a_layer_that_comes_later_is_chosen(make_napari_viewer):
    viewer = make_napari_viewer()
    table = PairsTable(viewer)
    viewer.window.add_dock_widget(table, name="table")
    assert "open an image" in table.why_not()
    viewer.add_layer(image("late"))
    assert table.pairs[0].image == viewer.layers["late"]
    assert "labels" in table.why_not()
    viewer.add_layer(labels("Labels"))
    assert table.pairs[0].labels == viewer.layers["Labels"]
    assert table.why_not() == ""


def test_the_users_choice_stays(viewer, table):
    viewer.add_layer(labels("b"))
    (row,) = table.pairs
    row.labels_box.value = viewer.layers["b"]
    viewer.add_layer(image("c"))
    viewer.add_layer(labels("c labels"))
    viewer.layers["b"].name = "renamed"
    assert row.labels.name == "renamed"
    assert row.image.name == "a"
    assert "renamed" in row.labels_box.native.currentText()


def test_another_image_brings_its_labels(viewer, table):
    viewer.add_layer(image("b"))
    viewer.add_layer(labels("b labels"))
    (row,) = table.pairs
    row.picker.image_box.value = viewer.layers["b"]
    assert row.labels.name == "b labels"


def test_the_next_row_takes_the_next_image(viewer, table):
    viewer.add_layer(image("b"))
    viewer.add_layer(labels("b labels"))
    viewer.layers.selection.active = viewer.layers["a"]
    table.layers_button.click()
    assert [r.image.name for r in table.pairs] == ["a", "b"]
    assert [r.labels.name for r in table.pairs] == ["a labels", "b labels"]


def test_a_pair_can_be_given(viewer, table):
    viewer.add_layer(image("b"))
    viewer.add_layer(labels("anything"))
    table.add_pair(viewer.layers["b"], viewer.layers["anything"])
    assert [r.labels.name for r in table.pairs] == ["a labels", "anything"]
    table.add_pair(viewer.layers["b"], viewer.layers["anything"])
    assert len(table.pairs) == 2


def test_rows_go_and_layers_stay(viewer, table):
    table.pairs[0].remove_button.click()
    assert table.pairs == []
    assert "add an image" in table.why_not()
    assert len(viewer.layers) == 2


def test_a_removed_layer_is_missed(viewer, table):
    viewer.layers.remove("a labels")
    assert table.pairs[0].labels is None
    assert "labels that were drawn on a" in table.why_not()


def test_another_shape_is_refused_with_both(viewer, table):
    viewer.add_layer(labels("wrong", (31, 48)))
    table.pairs[0].labels_box.value = viewer.layers["wrong"]
    assert "(31, 48)" in table.why_not()
    assert "(32, 48)" in table.why_not()


def test_objects_are_counted_again_after_edits(viewer, table, qtbot):
    (row,) = table.pairs
    layer = viewer.layers["a labels"]
    qtbot.waitUntil(lambda: row.count.text() == "0 objects")
    layer.data = blobs(0, (32, 48), 5).labels
    qtbot.waitUntil(lambda: row.count.text() == "5 objects")
    layer.selected_label = 77
    layer.paint((2, 2), 77)
    qtbot.waitUntil(lambda: row.count.text() == "6 objects")
    row.say(zero="unknown", background=77)
    assert row.count.text() == "5 objects"
    row.say(ignore=1)
    assert row.count.text() == "4 objects"


def test_labels_of_an_image_that_is_gone_are_no_other_images(viewer, table):
    viewer.add_layer(image("b"))
    (row,) = table.pairs
    a, drawn = viewer.layers["a"], viewer.layers["a labels"]
    row.choose(a, drawn)
    assert row.touched
    viewer.layers.remove(a)
    assert row.labels is None and not row.touched
    assert "labels that were drawn on b" in table.why_not()
    viewer.layers.selection.active = drawn
    viewer.add_layer(image("c"))
    assert row.labels is None, "nor later"
    viewer.add_layer(labels("c labels"))
    assert (row.image.name, row.labels.name) == ("c", "c labels")
    row.labels_box.value = drawn
    assert row.labels == drawn, "unless the user says so"


def test_an_undo_is_seen_and_a_slider_is_no_edit(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    viewer.add_layer(image("a", (3, 32, 48), axis_labels=("t", "y", "x")))
    viewer.add_layer(labels("a labels", (3, 32, 48)))
    table = PairsTable(viewer)
    viewer.window.add_dock_widget(table, name="table")
    (row,), layer = table.pairs, viewer.layers["a labels"]
    viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: row.count.text() == "0 objects")
    layer.paint((1, 2, 2), 77)
    qtbot.waitUntil(lambda: row.count.text() == "1 object")
    for change, count in ((layer.undo, "0 objects"), (layer.redo, "1 object")):
        with qtbot.waitSignal(table.edited):
            change()
        qtbot.waitUntil(lambda count=count: row.count.text() == count)
    viewer.dims.set_current_step(0, 2)
    with qtbot.waitSignal(table.edited):  # of another frame than the one in sight
        layer.undo()
    qtbot.waitUntil(lambda: row.count.text() == "0 objects")
    with qtbot.assertNotEmitted(table.edited, wait=600):
        viewer.dims.set_current_step(0, 0)
        layer.visible = False
        layer.visible = True
        layer.opacity = 0.3
        layer.refresh()


def test_a_slider_costs_no_reading(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    viewer.add_layer(image("a", (3, 32, 48), axis_labels=("t", "y", "x")))
    layer = viewer.add_labels(np.zeros((3, 32, 48), int), name="a labels")
    table = PairsTable(viewer)
    viewer.window.add_dock_widget(table, name="table")
    (row,) = table.pairs
    qtbot.waitUntil(lambda: row.count.text() == "0 objects")
    timer = edits._watches[layer.unique_id]._timer
    for step in (0, 1, 2):
        viewer.dims.set_current_step(0, step)
        assert not timer.isActive()
    layer.refresh()
    assert timer.isActive()


def test_large_labels_are_not_counted(viewer, table, qtbot, monkeypatch):
    monkeypatch.setattr(edits, "MOST_READ", 1000)
    viewer.layers["a labels"].data = np.ones((32, 48), np.int32)
    qtbot.waitUntil(lambda: table.pairs[0].count.text() == "not counted")


def test_a_folder_says_what_it_holds(table, qtbot):
    table.add_folder(folder("nuclei"))
    (row,) = table.folders
    qtbot.waitUntil(lambda: row.name.text() == "nuclei: 8 pairs")
    row.use_box.setCurrentText("training")
    assert table.items()[-1].use == "training"
    table.add_folder(folder("nuclei"))
    assert len(table.folders) == 1


def test_a_folder_takes_the_place_of_a_row_that_nobody_filled(
    make_napari_viewer, qtbot
):
    table = PairsTable(make_napari_viewer())
    qtbot.addWidget(table)
    table.add_folder(folder("nuclei"))
    assert table.pairs == []
    assert table.why_not() == ""


def test_a_row_that_was_asked_for_stays(table):
    table.layers_button.click()
    table.add_folder(folder("nuclei"))
    assert len(table.pairs) == 2


def test_a_folder_without_pairs_gives_one_notification(table, qtbot, tmp_path, notices):
    table.add_folder(tmp_path)
    qtbot.waitUntil(lambda: not table.folders)
    (message,) = notices
    assert str(tmp_path) in message
    assert table.why_not() == ""
