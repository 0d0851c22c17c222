"""Labels that are painted while a network learns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_unet.boxes import Box
from napari_unet.data.images import frame_name
from napari_unet.data.meaning import Meaning, clipped, understood
from napari_unet.events import Control
from napari_unet.gui.layers.images import labels_of
from napari_unet.gui.layers.pair import Pair
from napari_unet.gui.layers.right_views import right_boxes
from napari_unet.training.annotated import Annotated, Folder, unique

# After the last stroke: what it touched is encoded anew.
SEND_MS = 400
# Looking for what has changed in more would be felt.
MOST_PIXELS = 64 * 2**20


@dataclass(eq=False)
class _Followed:
    """A labels layer, and what training knows of it.

    name : of its image, as training calls it
    known : ([T,] [Z,] Y, X) integer array
    right : parts in which all objects are labelled
    """

    target: Pair
    name: str
    known: np.ndarray
    right: tuple[Box, ...]

    def send(self, control: Control, meaning: Meaning, right: tuple[Box, ...]) -> None:
        """Hand over the box that holds all changes, for each frame that has some."""
        target = self.target
        try:
            drawn = labels_of(target.labels, target.axes, target.image)
        except ValueError:
            return  # the layer holds something else now
        changed = drawn != self.known
        for view in set(map(_ends, right)) - set(map(_ends, self.right)):
            changed[tuple(slice(*s) for s in view)] = True
        self.right = right
        if not changed.any():
            return
        box = _box_of(changed)
        self.known = drawn  # a copy; its numbers may need more bits than those before
        labels, mask = understood(drawn[box], meaning, clipped(right, box))
        if "T" not in target.image.axes:
            control.update(self.name, box, labels, mask)
            return
        for i, frame in enumerate(range(box[0].start, box[0].stop)):
            part = None if mask is None else mask[i]
            name = frame_name(self.name, frame, len(drawn))
            control.update(name, box[1:], labels[i], part)


class LiveLabels(QObject):
    """Hands what is painted during a training over to it.

    Notes
    -----
    Layers of more than 64 Mpx are left as they were at the start, and so are time
    points that had no labels then.
    """

    def __init__(self, layers: Iterable[Any], parent: QObject) -> None:
        super().__init__(parent)
        self._layers = layers
        self._control: Control | None = None
        self._meaning = Meaning()
        self._followed: list[_Followed] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SEND_MS)
        self._timer.timeout.connect(self._send)

    def begin(
        self,
        control: Control,
        items: Sequence[Annotated | Folder],
        targets: Sequence[Pair],
        meaning: Meaning,
    ) -> None:
        """Follow the layers of a training.

        Parameters
        ----------
        control : Control
        items : sequence of Annotated or Folder
            What it was started with; the layers come first.
        targets : sequence of Target
            The layers.
        meaning : Meaning
            Of the numbers in them.
        """
        self._control, self._meaning, self._followed = control, meaning, []
        names: set[str] = set()
        for target, item in zip(targets, items, strict=False):
            name = unique(target.image.name, names)
            names.add(name)
            if isinstance(item, Annotated) and item.labels.size <= MOST_PIXELS:
                known = np.array(item.labels)
                self._followed.append(_Followed(target, name, known, item.right))

    def end(self) -> None:
        """Follow no more."""
        self._timer.stop()
        self._control, self._followed = None, []

    def painted(self) -> None:
        """Take note that labels have changed."""
        if self._control is not None:
            self._timer.start()

    def _send(self) -> None:
        if self._control is not None:
            for followed in self._followed:
                right = right_boxes(self._layers, followed.target.labels)
                followed.send(self._control, self._meaning, right)


def _ends(box: Box) -> tuple[tuple[int, int], ...]:
    return tuple((s.start, s.stop) for s in box)


def _box_of(changed: np.ndarray) -> Box:
    """Return the smallest box that holds all that is True."""
    box = []
    for axis in range(changed.ndim):
        others = tuple(a for a in range(changed.ndim) if a != axis)
        found = np.flatnonzero(changed.any(others))
        box.append(slice(int(found[0]), int(found[-1]) + 1))
    return tuple(box)
