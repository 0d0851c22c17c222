"""Slots for as long as a widget lives: on napari's events, and after a pause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from qtpy.QtCore import QObject, QTimer


class Connections:
    """Slots on events of napari that end with a widget.

    It is no widget, so that it can end when the widget is gone.

    owner : the widget
    """

    # PySide6 holds the methods that signals call weakly: nobody else may hold one that
    # `destroyed` is to end.
    _alive: ClassVar[set[Connections]] = set()

    def __init__(self, owner: QObject | None = None) -> None:
        self._connected: list[tuple[Any, Callable[..., None]]] = []
        if owner is not None:
            owner.destroyed.connect(self.end)

    def connect(self, event: Any, slot: Callable[..., None]) -> None:
        """Call a slot at an event."""
        event.connect(slot)
        self._alive.add(self)
        self._connected.append((event, slot))

    def end(self) -> None:
        """Call none of the slots again."""
        for event, slot in self._connected:
            event.disconnect(slot)
        self._connected = []
        self._alive.discard(self)


def debouncer(owner: QObject, ms: int, slot: Callable[[], None]) -> QTimer:
    """Return a timer that calls a slot so long after the last of its starts.

    superqt's QSignalDebouncer does not tell whether it waits.
    """
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.setInterval(ms)
    timer.timeout.connect(slot)
    return timer
