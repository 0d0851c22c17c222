"""The Segment dock as it is seen: what is greyed and why, its width, its tab order."""

from __future__ import annotations

import numpy as np
import pandas as pd
from qtpy.QtWidgets import QLineEdit, QPushButton, QWidget

from napari_unet.gui.layers.axes import set_axes
from napari_unet.gui.parts.form import Fold
from napari_unet.gui.pickers.model_picker import models
from napari_unet.gui.results.objects_table import columns
from support import segment_dock
from support.segment_dock import Dock, picture

dock, own_models = segment_dock.dock, segment_dock.own_models


def test_what_cannot_be_done_is_greyed_and_says_why(make_napari_viewer, qtbot, trained):
    dock = Dock(make_napari_viewer(), qtbot)
    view, image = dock.form.view_button, dock.form.image_button
    assert not view.isEnabled() and not image.isEnabled()
    assert image.toolTip().startswith("Train a model first, or choose one with folder")
    reason, first = dock.form.reason, dock.form.first_button
    assert reason.isVisibleTo(dock.form) and first.isVisibleTo(dock.form)
    assert reason.text() == image.toolTip()
    models().choose(trained)
    assert not first.isVisibleTo(dock.form) and "open an image" in reason.text()
    assert not view.isEnabled() and "open an image" in view.toolTip()
    assert dock.form.menu_button.isEnabled(), "a folder needs no image"
    layer = dock.viewer.add_image(np.zeros((3, 20, 20)), name="stack")
    assert not view.isEnabled() and "axes of stack" in view.toolTip()
    set_axes(layer, "ZYX")
    assert view.isEnabled() and "in sight" in view.toolTip()
    assert not reason.isVisibleTo(dock.form)
    for button in (dock.form.train_button, dock.form.copy_button, dock.form.score):
        assert not button.isEnabled() and "egment this image first" in button.toolTip()


def test_the_score_is_explained_and_has_no_number_before_a_run(dock):
    def numbers():
        labels = dock.form.score.findChildren(QLineEdit)
        return [y.text() for y in labels if y.isVisibleTo(dock.form)]

    dock.viewer.add_image(picture(), name="cells")
    assert not numbers() and not dock.form.score_text.isVisibleTo(dock.form)
    dock.segment()
    assert numbers() == [f"{dock.form.score.value():.2f}"]
    assert dock.form.score_text.isVisibleTo(dock.form)
    assert "certainty of an object's pixels" in dock.form.score_text.text()
    dock.labels()[0].paint((5, 5), 3)
    assert numbers(), "the score of what is there"
    dock.viewer.add_image(picture(), name="others")
    assert not numbers()


def test_all_open_images_need_one(dock):
    entry = dock.form.all_action
    assert not entry.isEnabled() and "open an image" in entry.toolTip()
    layer = dock.viewer.add_image(np.zeros((3, 20, 20)), name="stack")
    assert entry.isEnabled(), "it says itself that the axes are not known"
    dock.viewer.layers.remove(layer)
    assert not entry.isEnabled()
    assert dock.form.folder_action.isEnabled()


def test_it_is_narrow_and_every_field_has_a_tooltip(dock, qtbot):
    content = dock.form.widget()
    for opened in content.findChildren(Fold):
        opened.expand()
    dock.form.model.card_button.click()
    qtbot.waitUntil(lambda: "finds objects" in dock.form.model.card.text.text())
    dock.viewer.add_image(picture(), name="a rather long name of an image" * 3)
    dock.segment()
    assert content.minimumSizeHint().width() <= 380
    names = (
        "QComboBox",
        "QPushButton",
        "QSlider",
        "QLineEdit",
        "QCheckBox",
        "QSpinBox",
    )
    for child in content.findChildren(QWidget):
        if any(child.inherits(n) for n in names) and child.isVisibleTo(content):
            assert child.toolTip() or child.parentWidget().toolTip(), child
    for button in content.findChildren(QPushButton):
        assert button.text() or button.accessibleName()


def test_tab_goes_in_reading_order(dock):
    form = dock.form
    order, widget = [], form.picker.image_box.native
    wanted = [
        widget,
        form.model.combo,
        form.view_button,
        form.image_button,
        form.menu_button,
        form.score,
        form.train_button,
        form.copy_button,
    ]
    for _ in range(400):
        order += [w for w in wanted if w is widget]
        if len(order) == len(wanted):
            break  # what PySide6 meets of napari's own widgets, it keeps alive
        widget = widget.nextInFocusChain()
    assert order == wanted


def test_areas_have_the_same_places_and_no_exponents():
    area = [43.2, 19.43, 123456.0]
    _, column = columns(pd.DataFrame({"index": [1, 2, 3], "area (µm²)": area}))
    shown = [column.text(row) for row in range(3)]
    assert shown == ["43.20", "19.43", "123,456.00"]
