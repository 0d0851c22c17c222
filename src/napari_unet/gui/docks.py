"""Finding and opening the two docks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from napari.viewer import Viewer
from npe2 import PluginManager
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtGui import QDropEvent, QHideEvent, QShowEvent
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_unet.gui import worker
from napari_unet.gui.preferences import PLUGIN

Name = Literal["Train", "Segment"]


class DockContent(QWidget):
    """The content of a dock, which goes when the dock is closed.

    napari then deletes the dock alone: jobs would run on, and slots would stay on the
    events of layers. Folders and files that are dropped on it are opened; everything
    else goes where it went before. A dock that is shown, or that
    napari's menu hides where it lies behind a tab, comes to the front.

    viewer : napari.viewer.Viewer
    opened : called with the viewer and each path; its ValueErrors become
        notifications
    """

    def __init__(self, viewer: Viewer, opened: Callable[[Viewer, Path], None]) -> None:
        super().__init__()
        self._viewer, self._opened = viewer, opened
        self._behind = False  # whether it lies behind the tab of another dock
        self.setAcceptDrops(True)
        QTimer.singleShot(0, self._lie_on_the_other)

    def dragEnterEvent(self, event: QDropEvent) -> None:
        """Take files and folders."""
        if _dropped(event):
            event.acceptProposedAction()
        else:
            event.ignore()

    dragMoveEvent = dragEnterEvent

    def dropEvent(self, event: QDropEvent) -> None:
        """Open them."""
        self.dragEnterEvent(event)
        for path in _dropped(event):
            with worker.reporting():
                self._opened(self._viewer, path)

    def changeEvent(self, event: QEvent) -> None:
        """Go when taken out of the dock; one that is hidden or floats keeps it."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parentWidget() is None:
            QTimer.singleShot(0, self._end)

    def showEvent(self, event: QShowEvent) -> None:
        """Come to the front: Qt leaves the dock before in front of it."""
        super().showEvent(event)
        if not event.spontaneous():
            QTimer.singleShot(0, self._to_front)

    def hideEvent(self, event: QHideEvent) -> None:
        """Come to the front where nobody saw what was hidden: who asked wanted it."""
        super().hideEvent(event)
        if self._behind and not event.spontaneous():
            QTimer.singleShot(0, self._to_front)

    def _to_front(self) -> None:
        dock = _dock_around(self)
        window = None if dock is None else dock.parentWidget()
        if dock is not None and window is not None and window.isVisible():
            self._behind = False
            dock.show()
            dock.raise_()

    def _on_tab(self, in_front: bool) -> None:
        dock = _dock_around(self)
        if dock is not None and not dock.isHidden():
            self._behind = not in_front

    def _end(self) -> None:
        if self.parentWidget() is None:  # else it was put into another dock
            self.deleteLater()

    def _lie_on_the_other(self) -> None:
        """Lie on our other dock: napari puts new ones below, where two have no room."""
        dock = _dock_around(self)
        window = dock.parentWidget() if dock is not None else None
        if dock is None or not isinstance(window, QMainWindow):
            return
        dock.visibilityChanged.connect(self._on_tab)
        for other in window.findChildren(QDockWidget):
            ours = other.windowTitle().startswith(("Train (", "Segment ("))
            if (
                ours
                and other is not dock
                and other.isVisible()
                and not other.isFloating()
                and window.dockWidgetArea(other) == window.dockWidgetArea(dock)
                and dock not in window.tabifiedDockWidgets(other)
            ):
                window.tabifyDockWidget(other, dock)
                dock.raise_()


def _dropped(event: QDropEvent) -> list[Path]:
    """Return the files and folders that are dropped, if that is all; else nothing."""
    urls = event.mimeData().urls()
    paths = [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
    there = [path for path in paths if path.exists()]
    return there if len(there) == len(urls) else []


def find_dock(viewer: Viewer, name: Name) -> QWidget | None:
    """Return the dock's widget if it is open, whatever opened it."""
    for title, widget in viewer.window.dock_widgets.items():
        if title.startswith(f"{name} (") and hasattr(widget, "reset_choices"):
            return widget
    return None


def open_dock(viewer: Viewer, name: Name) -> Any:
    """Show a dock, opening it if need be, and return its widget."""
    found = find_dock(viewer, name)
    if found is None:
        # Not by add_plugin_dock_widget() of napari (0.9.2), whose title has another
        # name of the plugin than that of the menu, which would open a second dock.
        manifest = PluginManager.instance().get_manifest(PLUGIN)
        widgets = {w.display_name: w for w in manifest.contributions.widgets or ()}
        found = widgets[name].get_callable()(viewer)
        title = f"{name} ({manifest.display_name})"
        viewer.window.add_dock_widget(found, name=title, tabify=True)
    else:
        dock = _dock_around(found)
        if dock is not None:
            dock.show()
            dock.raise_()  # it may lie behind a tab
    return found


def _dock_around(widget: QWidget) -> QDockWidget | None:
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent
