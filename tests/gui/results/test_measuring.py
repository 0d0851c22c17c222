"""The tick that measures: columns of the table and its CSV, of the labels now."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from scipy import ndimage

from napari_unet.gui.parts import sorted_table
from support.mouse import Mouse
from support.segment_dock import dock, own_models, picture

__all__ = ["dock", "own_models"]


@pytest.fixture
def saved(monkeypatch, tmp_path):
    """Presses [CSV] and returns the table."""
    file = tmp_path / "objects.csv"
    monkeypatch.setattr(sorted_table, "ask_new_file", lambda *_: file)

    def save(dock):
        dock.form.table.save_button.click()
        return pd.read_csv(file)

    return save


def measured(dock):
    table = dock.form.table
    dock.qtbot.waitUntil(lambda: "label" in table._features, timeout=20_000)
    return table._features


def test_the_table_shows_and_exports_measures_of_what_is_there_now(dock, saved):
    image = dock.viewer.add_image(picture(), name="cells")
    dock.viewer.add_image(2 * picture(), name="other")
    dock.form.picker.set_layer(image)
    dock.segment()
    (layer,) = dock.labels()
    assert list(saved(dock)) == ["id", "area (px²)", "score"]
    dock.form.table.measure.tick.click()
    measured(dock)
    table = saved(dock)
    assert list(table)[:5] == ["label", "score", "edited", "area_px2", "perimeter_px"]
    assert table["label"].tolist() == layer.features["index"].tolist()
    means = [picture()[layer.data == i].mean() for i in table["label"]]
    assert np.allclose(table["intensity_mean"], means)
    assert not table["edited"].any()
    # Another image is a channel where the user says so.
    (other,) = dock.form.table.measure.channels.menu().actions()
    assert other.text() == "other" and not other.isChecked()
    other.trigger()
    dock.qtbot.waitUntil(lambda: "intensity_mean-other" in measured(dock))
    table = saved(dock)
    assert np.allclose(table["intensity_mean-other"], 2 * table["intensity_mean-cells"])
    # Corrections are measured.
    first, second = (tuple(np.argwhere(layer.data == i)[0]) for i in (1, 2))
    layer.fill(first, 0)
    layer.fill(second, 999)
    dock.qtbot.waitUntil(lambda: 999 in measured(dock)["label"].tolist())
    table = saved(dock).set_index("label")
    assert 1 not in table.index
    assert np.isnan(table.loc[999, "score"]) and table.loc[999, "edited"]
    assert not table.loc[3, "edited"]
    dock.form.table.measure.tick.click()
    assert "label" not in dock.form.table._features


def test_a_click_on_an_object_selects_its_row(dock):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (layer,) = dock.labels()
    table, mouse = dock.form.table, Mouse(dock.viewer)
    table.view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    centre = dock.viewer.scene.camera.center
    for number in (5, 2):
        inside = ndimage.center_of_mass(layer.data == number)
        mouse.click(layer, np.round(inside))
        row = int(table.view.rows.order[table.view.currentIndex().row()])
        assert table._features["index"].iloc[row] == number
    assert dock.viewer.scene.camera.center == centre, "the view stays"
    mouse.click(layer, np.argwhere(layer.data == 0)[0])
    assert int(table.view.rows.order[table.view.currentIndex().row()]) == 1
