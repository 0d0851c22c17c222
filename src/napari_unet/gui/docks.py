"""Finding and opening the two docks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_unet.gui.preferences import PLUGIN

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from napari.viewer import Viewer

Name = Literal["Train", "Segment"]


class TrainDock(Protocol):
    """What others ask of the Train dock."""

    destroyed: Any  # the signal of its end

    def add_pair(self, image: Image | None, labels: Labels | None) -> Any:
        """Add a row of two layers, and return it."""

    def add_folder(self, path: str | Path) -> None:
        """Add a data set folder."""

    def start_from(self, model: str) -> None:
        """Choose the model to start from."""


class DockContent(QWidget):
    """The content of a dock, which goes when the dock is closed.

    napari then deletes the dock alone: jobs would run on, and slots would stay on the
    events of layers.
    """

    def changeEvent(self, event: QEvent) -> None:
        """Go when taken out of the dock; one that is hidden or floats keeps it."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parentWidget() is None:
            QTimer.singleShot(0, self._end)

    def _end(self) -> None:
        if self.parentWidget() is None:  # else it was put into another dock
            self.deleteLater()


def find_dock(viewer: Viewer, name: Name) -> QWidget | None:
    """Return the dock's widget if it is open, whatever opened it."""
    for title, widget in viewer.window.dock_widgets.items():
        if title.startswith(f"{name} (") and hasattr(widget, "reset_choices"):
            return widget
    return None


def open_dock(viewer: Viewer, name: Name) -> QWidget:
    """Show a dock, opening it if need be, and return its widget."""
    found = find_dock(viewer, name)
    if found is None:
        _, found = viewer.window.add_plugin_dock_widget(PLUGIN, name, tabify=True)
    else:
        dock = _dock_around(found)
        if dock is not None:
            dock.show()
            dock.raise_()  # it may lie behind a tab
    return found


def lie_on_the_other(widget: QWidget) -> None:
    """Lay a dock that was opened just now on our other one; call it once it is docked.

    napari puts new docks below each other, where two of ours have no room.
    """
    dock = _dock_around(widget)
    window = dock.parentWidget() if dock is not None else None
    if dock is None or not isinstance(window, QMainWindow):
        return
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


def _dock_around(widget: QWidget) -> QDockWidget | None:
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent
