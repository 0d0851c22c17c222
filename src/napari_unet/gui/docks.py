"""Finding and opening the two docks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from qtpy.QtWidgets import QWidget

from .preferences import PLUGIN

if TYPE_CHECKING:
    from napari.viewer import Viewer

Name = Literal["Train", "Segment"]


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
        _, found = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    else:
        # The dock around the widget: raised where it lies behind a tab.
        dock = found.parentWidget()
        while dock is not None and not hasattr(dock, "toggleViewAction"):
            dock = dock.parentWidget()
        if dock is not None:
            dock.show()
            dock.raise_()
    return found
