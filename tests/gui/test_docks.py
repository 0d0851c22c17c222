"""The two docks are found, opened once, and share one place."""

import pytest
from qtpy.QtWidgets import QDockWidget

from napari_unet.gui.docks import find_dock, open_dock

PLUGIN = "napari-unet-live"


def dock_of(widget):
    while not isinstance(widget, QDockWidget):
        widget = widget.parentWidget()
    return widget


@pytest.mark.parametrize("name", ["Train", "Segment"])
def test_a_dock_opens_once(make_napari_viewer, name):
    viewer = make_napari_viewer()
    assert find_dock(viewer, name) is None
    widget = open_dock(viewer, name)
    assert type(widget).__name__ == f"{name}Widget"
    assert open_dock(viewer, name) is widget
    assert find_dock(viewer, name) is widget


def test_a_dock_from_the_menu_is_found(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    from napari._app_model import get_app_model

    command = get_app_model().commands.execute_command
    command("napari-unet-live.train").result()
    widget = find_dock(viewer, "Train")
    assert widget is not None
    assert open_dock(viewer, "Train") is widget


def test_two_docks_that_are_opened_by_hand_lie_on_each_other(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    for name in ("Train", "Segment"):  # napari itself puts them below each other
        viewer.window.add_plugin_dock_widget(PLUGIN, name)
    train, segment = (dock_of(find_dock(viewer, n)) for n in ("Train", "Segment"))
    window = train.parentWidget()
    qtbot.waitUntil(lambda: segment in window.tabifiedDockWidgets(train))
    open_dock(viewer, "Train")
    qtbot.waitUntil(lambda: not train.visibleRegion().isEmpty())
