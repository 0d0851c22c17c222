"""Long names are cut in the middle, are told by tooltips, and widen no dock."""

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import QApplication, QComboBox, QToolTip

from napari_unet.gui.docks import open_dock
from napari_unet.gui.parts.dock_widgets import ignore_wheel, sentences
from napari_unet.gui.parts.eliding import NameLabel
from napari_unet.gui.parts.form import Fold
from support import segment_dock
from support.segment_dock import picture
from support.waits import settle

dock, own_models = segment_dock.dock, segment_dock.own_models
LONG = "00ae65c1c6631ae6f2be1a449902976e6eb8483bf6b0740d00530220832c6d3e"


def test_a_label_is_cut_in_the_middle_and_told_whole(qtbot):
    label = NameLabel(LONG)
    qtbot.addWidget(label)
    label.setToolTip("What it is.")
    label.show()
    assert label.minimumSizeHint().width() < 150 < label.sizeHint().width()
    label.resize(150, 20)
    shown = super(NameLabel, label).text()
    assert shown.startswith("00ae") and shown.endswith("6d3e") and "…" in shown
    assert label.text() == LONG and label.toolTip() == f"{LONG}\nWhat it is."
    label.resize(900, 20)
    assert super(NameLabel, label).text() == LONG
    assert label.toolTip() == "What it is."


def test_a_menu_cuts_its_entry_in_the_middle(qtbot):
    menus = [ignore_wheel(QComboBox()) for _ in range(3)]
    entries = LONG, f"{LONG[:-9]}different", f"{LONG[:20]}{LONG[:20]}{LONG[40:]}"
    for menu, text in zip(menus, entries, strict=True):
        qtbot.addWidget(menu)
        menu.addItem(text)
        menu.setToolTip("The image.")
        menu.resize(180, 24)
        menu.show()
    first, end, middle = (menu.grab().toImage() for menu in menus)
    assert first != end, "names differ at their ends"
    assert first == middle
    at = QPoint(5, 5)
    help_event = QHelpEvent(QEvent.Type.ToolTip, at, menus[0].mapToGlobal(at))
    QApplication.sendEvent(menus[0], help_event)
    qtbot.waitUntil(lambda: QToolTip.text() == f"{LONG}\nThe image.")
    QToolTip.hideText()


def test_a_long_word_in_a_sentence_breaks(qtbot):
    label = sentences()
    qtbot.addWidget(label)
    label.setText(f"{LONG} has other pixels")
    assert label.text() == f"{LONG} has other pixels"
    assert label.minimumSizeHint().width() < 320


@pytest.mark.parametrize("name", ["Segment", "Train"])
def test_no_dock_is_widened_by_names(dock, qtbot, name):
    viewer = dock.viewer
    widget = dock.widget if name == "Segment" else open_dock(viewer, name)

    def width():
        settle(qtbot, widget)
        for fold in widget.findChildren(Fold):
            if "Look inside" not in fold.text():
                fold.expand()
        qtbot.wait(50)
        return widget.minimumSizeHint().width()

    viewer.add_image(picture(), name="cells")
    dock.segment()
    before = width()
    viewer.layers.clear()
    viewer.add_image(picture(), name=LONG)
    viewer.add_labels(np.zeros((128, 160), int), name=f"{LONG} truth")
    dock.segment()
    viewer.add_labels(np.zeros((12, 16), int), name=f"{LONG} other shape")
    assert dock.form.table.text.text() == f"{LONG} labels"
    assert width() <= before
