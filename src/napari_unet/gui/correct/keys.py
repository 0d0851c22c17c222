"""Corrections by keys, of the object under the cursor, in napari's list of shortcuts.

napari 0.9 registers no key bindings of manifests (its NAP-7 is a draft); actions of its
action manager are listed in the preferences, where a user may choose other keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari import current_viewer
from napari.layers import Labels
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.notifications import show_info
from qtpy.compat import isalive
from qtpy.QtCore import QObject

from napari_unet.gui.correct.corrections import Corrections, Source
from napari_unet.gui.correct.mouse import Mouse
from napari_unet.gui.preferences import PLUGIN

CLOSED = "open the Segment or the Train dock to correct objects"
# Method of Corrections: its key, and what the list of shortcuts says.
ACTIONS = {
    "delete": ("D", "Delete the object under the cursor"),
    "add": ("A", "Add the object under the cursor, as the model sees it"),
    "fill_and_smooth": ("S", "Fill holes of the object under the cursor, smooth it"),
}


class _InUse:
    """The corrections of one viewer, and the docks that use them."""

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.owners: list[QObject] = []
        self.corrections = Corrections(viewer)
        self.mouse = Mouse(viewer, self.corrections)


_in_use: list[_InUse] = []


def use_corrections(
    viewer: Any,
    owner: QObject,
    source: Source | None = None,
    highest: Callable[[Labels], int] | None = None,
) -> Corrections:
    """Let objects of a viewer be corrected for as long as the owner lives.

    source, highest : attributes of the corrections, for as long as that
    """
    _register()
    used = _of(viewer)
    if used is None:
        used = _InUse(viewer)
        _in_use.append(used)
    corrections = used.corrections
    if source is not None:
        corrections.source, corrections.highest = source, highest
    used.owners.append(owner)

    def leave() -> None:
        if source is not None and corrections.source is source:
            corrections.source = corrections.highest = None
        used.owners.remove(owner)
        if not used.owners:
            _in_use.remove(used)
            used.mouse.end()
            if isalive(corrections):  # its viewer may have ended before
                corrections.deleteLater()

    owner.destroyed.connect(lambda: leave())
    return corrections


def _of(viewer: Any) -> _InUse | None:
    # Docks are given a proxy of the viewer, which is another object each time.
    callbacks = viewer.mouse_drag_callbacks
    found = (u for u in _in_use if u.viewer.mouse_drag_callbacks is callbacks)
    return next(found, None)


def _register() -> None:
    """Add our actions to napari's shortcuts; keys that a user chose stay."""
    chosen = get_settings().shortcuts.shortcuts
    for method, (key, text) in ACTIONS.items():
        name = f"{PLUGIN}:{method}_object"
        if name in _registered:
            continue
        _registered.add(name)
        action_manager.register_action(name, _action(method), text, Labels)
        if name not in chosen:
            action_manager.bind_shortcut(name, key)


_registered: set[str] = set()


def _action(method: str) -> Callable[[Labels], None]:
    def correct(layer: Labels) -> None:
        viewer = current_viewer()
        found = None if viewer is None else _of(viewer)
        if viewer is None or found is None:
            show_info(CLOSED)
        elif found.corrections.possible():
            pixel = layer.world_to_data(viewer.cursor.position)
            getattr(found.corrections, method)(pixel)

    correct.__name__ = f"{method}_object"  # napari finds its keys by it
    return correct
