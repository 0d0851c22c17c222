"""The two docks are found, opened once, and share one place."""

import pytest
from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget

from napari_unet.gui.docks import find_dock, open_dock
from napari_unet.gui.parts.connections import Connections
from support.waits import deliver

PLUGIN = "napari-unet-live"


def dock_of(widget):
    while not isinstance(widget, QDockWidget):
        widget = widget.parentWidget()
    return widget


@pytest.mark.parametrize("name", ["Train", "Segment"])
@pytest.mark.quick
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


def of(viewer):
    """The docks of this plugin, by title, and whether somebody sees them."""
    docks = viewer.window._qt_window.findChildren(QDockWidget)
    ours = [d for d in docks if d.windowTitle().startswith(("Train (", "Segment ("))]
    return {d.windowTitle(): not d.visibleRegion().isEmpty() for d in ours}


def test_menu_and_buttons_open_the_same_dock_in_front(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    from napari._app_model import get_app_model

    def menu(name):
        get_app_model().commands.execute_command(f"napari-unet-live.{name}").result()

    def seen(**expected):
        titles = {f"{name} (U-Net)": there for name, there in expected.items()}
        qtbot.waitUntil(lambda: of(viewer) == titles)

    segment = open_dock(viewer, "Segment")
    seen(Segment=True)
    menu("train")
    seen(Segment=False, Train=True)
    menu("segment")  # it lies behind a tab
    seen(Segment=True, Train=False)
    assert find_dock(viewer, "Segment") is segment
    open_dock(viewer, "Train")
    seen(Segment=False, Train=True)


def test_two_docks_that_are_opened_by_hand_lie_on_each_other(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    for name in ("Train", "Segment"):  # napari itself puts them below each other
        viewer.window.add_plugin_dock_widget(PLUGIN, name)
    train, segment = (dock_of(find_dock(viewer, n)) for n in ("Train", "Segment"))
    window = train.parentWidget()
    qtbot.waitUntil(lambda: segment in window.tabifiedDockWidgets(train))
    open_dock(viewer, "Train")
    qtbot.waitUntil(lambda: not train.visibleRegion().isEmpty())


@pytest.mark.parametrize("name", ["Train", "Segment"])
@pytest.mark.quick
def test_a_dock_that_is_closed_is_gone(make_napari_viewer, qtbot, name):
    viewer = make_napari_viewer()
    before = set(Connections._alive)
    widget = open_dock(viewer, name)
    assert Connections._alive - before
    dock_of(widget).title.close_button.click()
    qtbot.waitUntil(lambda: not isalive(widget))
    assert not Connections._alive - before, "no layer holds on to it"
    assert find_dock(viewer, name) is None
    again = open_dock(viewer, name)
    assert isalive(again) and again is not widget


@pytest.mark.parametrize("name", ["Train", "Segment"])
def test_a_dock_that_is_hidden_or_moved_stays(make_napari_viewer, name):
    viewer = make_napari_viewer(show=True)
    widget = open_dock(viewer, name)
    dock = dock_of(widget)
    window = dock.parentWidget()
    for move in (
        lambda: dock.setFloating(True),
        lambda: dock.setFloating(False),
        lambda: window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock),
        dock.close,
        dock.show,
    ):
        move()
        deliver()
        assert isalive(widget) and dock_of(widget) is dock
    viewer.window.remove_dock_widget(dock)
    viewer.window.add_dock_widget(widget, name="elsewhere", area="bottom")
    deliver()
    assert isalive(widget) and dock_of(widget).windowTitle() == "elsewhere"
