"""Results in sight: outlines or filled, and never two of one image at a time."""

from __future__ import annotations

import numpy as np
from napari.utils.shortcuts import default_shortcuts
from qtpy.QtCore import Qt

from napari_unet.gui.segment.outlines import KEY
from support import segment_dock
from support.segment_dock import begin, picture

dock, slow = segment_dock.dock, segment_dock.slow
own_models = segment_dock.own_models


def test_the_tick_draws_the_results_of_its_image_and_those_to_come(dock):
    image = dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (first,) = dock.labels()
    box = dock.form.outlines
    assert first.contour == 0 and not box.isChecked()
    box.click()
    assert first.contour == 2
    first.paint((5, 5), 3)
    dock.segment()
    second = dock.labels()[-1]
    assert second is not first and second.contour == 2
    other = dock.viewer.add_image(picture(3), name="other")
    dock.viewer.layers.selection.active = other
    box.click()
    assert [y.contour for y in (first, second)] == [2, 2], "of the image that is chosen"
    dock.segment()
    assert dock.labels()[-1].contour == 0
    dock.viewer.layers.selection.active = image
    dock.form.picker.layer = image
    assert box.isChecked()
    second.contour = 0  # in napari's own controls
    assert not box.isChecked()


def test_a_key_that_nobody_else_has_switches_them(dock, qtbot):
    taken = {str(key) for keys in default_shortcuts.values() for key in keys}
    assert KEY not in taken and KEY in dock.form.outlines.toolTip()
    image = dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (layer,) = dock.labels()
    canvas = dock.viewer.window._qt_viewer.canvas.native
    for active in (layer, image, None):
        dock.viewer.layers.selection.active = active
        before = layer.contour
        qtbot.keyClick(canvas, Qt.Key.Key_U)
        assert (layer.contour > 0) != (before > 0)
    dock.close()
    assert KEY not in {str(key) for key in dock.viewer.keymap}


def test_a_new_result_hides_the_older_ones_until_it_goes(dock):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    (first,) = dock.labels()
    first.fill((0, 0), 99)
    dock.segment()
    second = dock.labels()[-1]
    assert second.visible and not first.visible and first in dock.viewer.layers
    dock.slide(round(float(np.median(second.features["score"])), 2))
    shown = [y for y in dock.labels() if y.visible]
    count = sum(len(np.unique(y.data)) - 1 for y in shown)
    assert dock.form.summary.text().startswith(f"{count} of "), "as the picture shows"
    first.visible = True
    dock.segment()
    assert not first.visible
    dock.viewer.layers.remove(second)
    assert first.visible, "the dock tells of it now"
    assert dock.form.table.text.text() == first.name


def test_results_of_other_images_stay(dock):
    dock.viewer.add_image(picture(), name="cells")
    dock.segment()
    other = dock.viewer.add_image(picture(3), name="other")
    dock.viewer.layers.selection.active = other
    dock.segment()
    assert [y.visible for y in dock.labels()] == [True, True]


def test_a_result_in_the_making_is_drawn_as_the_tick_says(dock, slow):
    dock.form.outlines.setChecked(True)
    begin(dock, slow)
    assert dock.labels()[-1].contour == 2
    slow.second.set()
    dock.wait()
