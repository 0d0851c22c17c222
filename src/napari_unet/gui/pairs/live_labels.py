"""Labels that are painted while a network learns."""

from __future__ import annotations

from collections.abc import Sequence

from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_unet.boxes import Box, around
from napari_unet.data.images import frame_name
from napari_unet.data.meaning import clipped, understood
from napari_unet.events import Control
from napari_unet.gui.layers.edits import MOST_READ, Edits, Reading
from napari_unet.gui.layers.images import Pair, box_on_image, labels_reader
from napari_unet.gui.layers.meanings import said_of
from napari_unet.gui.layers.right_views import right_boxes, views
from napari_unet.training.annotated import Annotated, Folder, unique


class LiveLabels(QObject):
    """Hands what is painted during a training over to it.

    Layers of more than 64 Mpx are left as they were at the start, and so are time
    points that had no labels then.
    """

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._followed: list[_Followed] = []

    def begin(
        self,
        control: Control,
        items: Sequence[Annotated | Folder],
        targets: Sequence[Pair],
        resumed: bool = False,
    ) -> None:
        """Follow the layers of a training.

        items : what it was started with; the layers come first
        targets : the layers
        resumed : whether the layers may hold more than it was started with
        """
        names: set[str] = set()
        for target, item in zip(targets, items, strict=False):
            name = unique(target.image.name, names)
            names.add(name)
            if isinstance(item, Annotated) and item.labels.size <= MOST_READ:
                known = self._viewer, target, name, item, control
                followed = _Followed(*known, self)
                self._followed.append(followed)
                if resumed:
                    followed.send_all()

    def end(self) -> None:
        """Follow no more."""
        for followed in self._followed:
            followed.deleteLater()
        self._followed = []


class _Followed(QObject):
    """A labels layer, and what training knows of it.

    name : of the image, as training calls it
    item : what it was started with
    """

    def __init__(
        self,
        viewer: Viewer,
        target: Pair,
        name: str,
        item: Annotated,
        control: Control,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._target, self._name = viewer, target, name
        self._control, self._meaning = control, item.meaning
        self._right: tuple[Box, ...] = item.right
        edits = Edits(viewer, self)
        edits.read.connect(self._read)
        edits.follow(target.labels)
        views.added.connect(self._on_right)

    def send_all(self) -> None:
        """Hand over all of the labels as they are."""
        self._send(tuple(slice(0, n) for n in self._target.shape))

    def _read(self, reading: Reading) -> None:
        pair = self._target
        box = reading.box
        if box is not None:
            self._send(box_on_image(pair.labels, pair.axes, pair.image, box))

    def _on_right(self, labels: Labels) -> None:
        if labels == self._target.labels:
            self._send(None)

    def _send(self, box: Box | None) -> None:
        """Hand over a box, and views that are right since the last one."""
        pair = self._target
        right = right_boxes(self._viewer.layers, pair.labels)
        boxes = [view for view in right if view not in self._right]
        boxes += [] if box is None else [box]
        if not boxes:
            return
        box = around(boxes)
        try:
            drawn = labels_reader(pair.labels, pair.axes, pair.image, box)()
        except ValueError:
            return  # the layer holds something else now
        self._right = right
        now = said_of(pair.labels).meaning  # background may have a label since
        known = now if now.zero == self._meaning.zero else self._meaning
        labels, mask = understood(drawn, known, clipped(right, box))
        if "T" not in pair.image.axes:
            self._control.update(self._name, box, labels, mask)
            return
        for i, frame in enumerate(range(box[0].start, box[0].stop)):
            part = None if mask is None else mask[i]
            name = frame_name(self._name, frame, pair.shape[0])
            self._control.update(name, box[1:], labels[i], part)
