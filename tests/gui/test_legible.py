"""Nothing in the docks is cut off, in napari's themes and sizes of letters."""

import numpy as np
import pytest
from napari.layers import Labels
from napari.settings import get_settings

from napari_unet.gui.docks import open_dock
from napari_unet.gui.parts.form import Fold
from napari_unet.gui.pickers.model_picker import models
from support import segment_dock
from support.clipped import clipped
from support.segment_dock import picture
from support.waits import deliver, settle

own_models = segment_dock.own_models


@pytest.fixture
def session(make_napari_viewer, qtbot, trained):
    """Both docks with a result, a comparison, and all folds open; a long name."""
    models().choose(trained)
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1280, 800)
    viewer.add_image(picture(), name="Experiment_2026-11-29_plate3_well_B04_field7")
    segment = open_dock(viewer, "Segment")
    settle(qtbot, segment)
    segment.segment_image()
    settle(qtbot, segment)
    (result,) = [y for y in viewer.layers if isinstance(y, Labels)]
    viewer.add_labels(np.asarray(result.data).copy(), name="truth")
    settle(qtbot, segment)
    segment.form.compare.button.click()
    settle(qtbot, segment)
    train = open_dock(viewer, "Train")
    train.form.labels_mean.unknown_button.click()
    train.form.labels_mean.paint_button.click()
    for dock in (segment, train):
        for fold in dock.findChildren(Fold):
            fold.expand()
        settle(qtbot, dock)
    return viewer


@pytest.fixture
def appearance():
    """napari's settings, which end as they were."""
    settings = get_settings().appearance
    size, theme = settings.font_size, settings.theme
    yield settings
    settings.font_size, settings.theme = size, theme


@pytest.mark.parametrize(("theme", "sizes"), [("dark", (9, 14)), ("light", (16,))])
def test_nothing_is_cut_off(session, appearance, qtbot, theme, sizes):
    session.theme = theme
    docks = {name: open_dock(session, name) for name in ("Segment", "Train")}
    for size in sizes:
        appearance.font_size = size
        for name, dock in docks.items():
            open_dock(session, name)
            deliver()
            qtbot.waitUntil(lambda d=dock: not d.visibleRegion().isEmpty())
            found = clipped(dock)
            for _ in range(20):  # layouts follow the letters a little later
                if found:
                    qtbot.wait(100)
                    found = clipped(dock)
            assert not found, (name, size)


def test_fields_and_plot_grow_with_the_letters(session, appearance, qtbot):
    train = open_dock(session, "Train")
    heights = []
    for size in (9, 16):
        appearance.font_size = size
        deliver()
        axis = train.monitor.plot._chart.getPlotItem().getAxis("left")
        ticks = axis.style["tickFont"].pointSizeF()
        letters = train.form.name.edit.fontInfo().pointSizeF()
        heights.append((ticks, letters, axis.label.font().pointSizeF()))
    assert all(b > 1.5 * a for a, b in zip(*heights, strict=True))
