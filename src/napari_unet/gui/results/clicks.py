"""A click on an object in the image tells its number."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Any

from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject

CLICK = 5  # px on the screen that a click may move


def tell_clicks(
    viewer: Viewer,
    owner: QObject,
    layer: Callable[[], Labels | None],
    told: Callable[[int], None],
) -> None:
    """Tell the number under each plain click, for as long as the owner lives.

    layer : returns the labels that are looked at; None: none
    Clicks that paint, pick or correct are none, nor are those on the background.
    """
    callbacks = viewer.mouse_drag_callbacks

    def on_press(_: Any, event: Any) -> Generator[None, None, None]:
        active = viewer.layers.selection.active
        plain = event.type == "mouse_press" and event.button == 1
        if not plain or event.modifiers or getattr(active, "mode", "") != "pan_zoom":
            return
        start = event.pos
        yield
        while event.type == "mouse_move":
            yield
        labels = layer()
        if math.dist(start[:2], event.pos[:2]) > CLICK or labels is None:
            return
        number = labels.get_value(
            event.position,
            view_direction=event.view_direction,
            dims_displayed=event.dims_displayed,
            world=True,
        )
        if isinstance(number, tuple):  # of a pyramid, with its level
            number = number[1]
        if number:
            told(int(number))

    def end() -> None:
        if on_press in callbacks:
            callbacks.remove(on_press)

    callbacks.append(on_press)
    owner.destroyed.connect(lambda: end())
