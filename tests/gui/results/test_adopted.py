"""Labels that lie on an image are worked on as results are, whoever made them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_unet.gui.docks import find_dock
from napari_unet.gui.layers.axes import set_axes
from napari_unet.gui.parts import sorted_table
from support import segment_dock
from support.made import blobs
from support.segment_dock import Dock, picture

dock = segment_dock.dock
own_models = segment_dock.own_models


def found(dock):
    """The result of the chosen image, once its labels are read."""
    dock.qtbot.waitUntil(
        lambda: (
            dock.widget._result() is not None
            and dock.widget._result().present is not None
        )
    )
    return dock.widget._result()


@pytest.mark.parametrize("shape", [(128, 160), (6, 40, 50)])
def test_labels_of_a_file_have_a_table_and_can_be_trained_on(
    dock, shape, tmp_path, monkeypatch
):
    sample = blobs(9, shape, 30)
    image = dock.viewer.add_image(sample.image.array[0], name="cells", rgb=False)
    if len(shape) == 3:
        set_axes(image, "ZYX")
    image.scale = [0.5] * len(shape)
    image.units = "µm"
    own = {"index": [1], "species": ["mouse"]}
    layer = dock.viewer.add_labels(sample.labels, name="drawn", features=own)
    count = len(np.unique(sample.labels)) - 1
    result = found(dock)
    assert result.layer == layer
    assert dock.form.summary.text().startswith(f"{count} objects   median")
    unit, one = ("µm²", 0.25) if len(shape) == 2 else ("µm³", 0.125)
    file = tmp_path / "objects.csv"
    monkeypatch.setattr(sorted_table, "ask_new_file", lambda *_: file)
    dock.form.table.save_button.click()
    table = pd.read_csv(file)
    counts = np.bincount(sample.labels.ravel())
    np.testing.assert_allclose(table[f"area ({unit})"], counts[table["id"]] * one)
    assert layer.features["species"].tolist()[0] == "mouse", "they are the user's"
    assert "not segmented here" in dock.form.copy_button.toolTip()
    dock.form.train_button.click()
    (row,) = find_dock(dock.viewer, "Train").table.pairs
    assert (row.image, row.labels) == (image, layer)


def test_the_table_follows_what_is_painted(dock):
    dock.viewer.add_image(picture(), name="cells")
    layer = dock.viewer.add_labels(np.zeros((128, 160), int), name="drawn")
    result = found(dock)
    layer.paint((20, 20), 5)
    dock.qtbot.waitUntil(lambda: list(result.present.ids) == [5])
    assert dock.form.summary.text().startswith("1 object ")


def test_a_result_of_ours_takes_its_place_and_leaves_it_alone(dock):
    dock.viewer.add_image(picture(), name="cells")
    drawn = np.zeros((128, 160), int)
    drawn[10:20, 10:20] = 3
    layer = dock.viewer.add_labels(drawn.copy(), name="drawn")
    found(dock)
    dock.segment()
    result = dock.widget._result()
    assert result.layer != layer and not result.adopted
    np.testing.assert_array_equal(layer.data, drawn)


def test_the_active_one_of_two_is_taken_and_compared_with_the_other(dock, qtbot):
    dock.viewer.add_image(picture(), name="cells")
    a = np.zeros((128, 160), int)
    a[10:20, 10:20], a[40:50, 40:50] = 1, 2
    b = a.copy()
    b[40:50, 40:50] = 0
    first = dock.viewer.add_labels(a, name="first")
    second = dock.viewer.add_labels(b, name="second")
    for layer in (first, second):
        dock.viewer.layers.selection.active = layer
        assert found(dock).layer == layer
    dock.form.compare.truth_box.value = first
    dock.form.compare.button.click()
    qtbot.waitUntil(lambda: "missed" in dock.form.compare.errors.text())
    assert "1&nbsp;missed" in dock.form.compare.errors.text()


def test_a_dock_that_is_opened_anew_knows_the_results_of_the_one_before(dock, qtbot):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (layer,) = dock.labels()
    scores = layer.features["score"].tolist()
    assert len(scores) > 5
    dock.close()
    again = Dock(dock.viewer, qtbot)
    result = found(again)
    assert result.layer == layer
    table = result.outcome.features(0.0, result.present)
    assert table["score"].tolist() == scores
    assert again.form.train_button.isEnabled()
