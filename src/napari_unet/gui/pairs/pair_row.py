"""A row of the table of pairs: an image layer and the labels drawn on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from magicgui.widgets import ComboBox
from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtCore import Signal

from napari_unet.boxes import Box
from napari_unet.gui.copy_as.press import ItemPress
from napari_unet.gui.layers.axes import shape_of
from napari_unet.gui.layers.edits import Edits, Reading
from napari_unet.gui.layers.images import Pair, labels_reader
from napari_unet.gui.layers.meanings import Said, said_of, say
from napari_unet.gui.layers.pairing import (
    fits,
    image_under,
    images_in,
    labels_in,
    labels_on,
)
from napari_unet.gui.layers.right_views import right_boxes, views
from napari_unet.gui.pairs.background_brush import BackgroundBrush, next_free
from napari_unet.gui.pairs.folder_row import DataRow
from napari_unet.gui.parts.dock_widgets import ignore_wheel
from napari_unet.gui.pickers.image_picker import ImagePicker
from napari_unet.text import counted
from napari_unet.training.annotated import Annotated


class PairRow(DataRow):
    """An image layer and the labels layer that was drawn on it."""

    edited = Signal()  # something was painted
    counted = Signal()  # the numbers in the labels were

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._reading: Reading | None = None
        self._brush = BackgroundBrush(viewer, self)
        self._filling = False
        self._image: Image | None = None
        self._image_touched = self._labels_touched = False
        self._orphan: Labels | None = None  # whose image is gone; no other image's
        self._edits = Edits(viewer, self)
        self._edits.edited.connect(self.edited)
        self._edits.rewritten.connect(self.edited)
        self._edits.read.connect(self._count)
        views.added.connect(self._looked_at)
        self.picker = ImagePicker(viewer)
        self.labels_box = ComboBox(
            choices=lambda _: labels_in(viewer.layers),
            nullable=True,
            tooltip="The labels that were drawn on the image: a number per object.",
        )
        self.rows.addRow("Image", self.picker)
        self.rows.addRow("Labels", ignore_wheel(self.labels_box.native))
        self._add_last_line()
        self.picker.changed.connect(self._image_changed)
        self.labels_box.changed.connect(self._labels_changed)

    @property
    def image(self) -> Image | None:
        """The image layer."""
        return self.picker.layer

    @property
    def labels(self) -> Labels | None:
        """The labels layer."""
        return cast("Labels | None", self.labels_box.value)

    @property
    def right(self) -> tuple[Box, ...]:
        """Parts of the labels in which all objects are labelled."""
        labels = self.labels
        return () if labels is None else right_boxes(self._viewer.layers, labels)

    @property
    def planar(self) -> bool:
        """Whether the image is a plane, or a film of planes, of one channel or RGB."""
        if self.image is None or self.picker.axes is None:
            return False
        image = self.picker.image()
        channels = dict(zip(image.axes, image.array.shape, strict=True)).get("C", 1)
        return "Z" not in image.axes and (image.rgb or channels == 1)

    @property
    def touched(self) -> bool:
        """Whether the user, or the code of a user, chose something here."""
        return self._image_touched or self._labels_touched

    def choose(self, image: Image | None, labels: Labels | None) -> None:
        """Choose layers; None: to be chosen for the user."""
        self._image_touched = image is not None
        self._labels_touched = labels is not None
        self._fill(image, labels)

    def preselect(self, used: Sequence[Any]) -> None:
        """Choose the active image and the labels on it, where the user did not.

        Layers that are not `used` in other rows come first.
        """
        layers, image, labels = self._candidates(), self.image, self.labels
        active = self._viewer.layers.selection.active
        if not self.touched and active in labels_in(layers):
            labels = labels or active
        if not self._image_touched:
            image = self._likely_image(labels, used)
        if image is not None and labels is None and not self._labels_touched:
            labels = labels_on(image, layers, used)
        self._fill(image, labels)

    def _likely_image(self, labels: Labels | None, used: Sequence[Any]) -> Image | None:
        layers = self._viewer.layers
        if labels is not None:
            return image_under(labels, layers)
        return max(
            images_in(layers),
            key=lambda i: (
                i not in used,
                i == layers.selection.active,
                labels_on(i, layers, used) is not None,
                layers.index(i),
            ),
            default=None,
        )

    def reset_choices(self) -> None:
        """List the layers that are there now."""
        self._filling = True
        labels, layers = self.labels, self._viewer.layers
        gone = self._image is not None and self._image not in layers
        if self._orphan not in layers:
            self._orphan = None
        self.picker.reset_choices()
        with self.labels_box.changed.blocked():  # a renamed layer is still the same
            self._show_labels(labels)
        if self.labels != labels:
            self._labels_changed(self.labels)
        if gone:
            self._image_touched = self._labels_touched = False
            self._orphan = self.labels or self._orphan
        if self.image is not self._image and not self._labels_touched:
            self.labels_box.value = None  # they are those of another image
        self._image = self.image
        self._filling = False

    @property
    def said(self) -> Said:
        """What the numbers mean: the choices belong to the labels layer."""
        return Said() if self.labels is None else said_of(self.labels)

    def say(self, **changes: Any) -> None:
        """Say some of it, which is remembered with the labels layer."""
        if self.labels is None:
            return
        before = self.said
        say(self.labels, **changes)
        if self.said != before:
            self._show_count()
            self.changed.emit()

    def holds(self, label: int) -> bool | None:
        """Return whether a number is in the labels; None: it is not known."""
        if self._reading is None or self._reading.values is None:
            return None
        return label in self._reading.values

    def paint_background(self) -> None:
        """Take up the brush for the background, with its label or a new one.

        A ValueError where none is free, or the labels cannot be painted in.
        """
        labels, number = self.labels, self.said.background
        if labels is None:
            return
        if number is None:
            values = None if self._reading is None else self._reading.values
            number = next_free(labels, values)
            self.say(background=number)
        self._brush.take_up(labels, number)

    def why_not(self) -> str:
        """Return why the pair cannot be trained on; "" if it can."""
        image, labels = self.image, self.labels
        if image is None:
            return self.picker.why_not()
        if labels is None:
            return f"choose the labels that were drawn on {image.name}"
        reason = self.picker.why_not()
        if not reason and not fits(labels, image, self.picker.axes):
            reason = (
                f"{labels.name} has shape {shape_of(labels)}, but {image.name} has "
                f"{shape_of(image)}; choose labels drawn on this very image"
            )
        return reason

    def reader(self) -> Callable[[], Annotated]:
        """Return what makes the item for training: a copy of the labels, and the image.

        It is for a job: labels may be slow to read.
        """
        target, use, right = self.target(), self.use, self.right
        read = labels_reader(target.labels, target.axes, target.image)
        numbers = self.said.meaning.model_dump()
        return lambda: Annotated(target.image, read(), use, **numbers, right=right)

    def target(self) -> Pair:
        """Return the layers."""
        image, labels, axes = self.image, self.labels, self.picker.axes
        if image is None or labels is None or axes is None:
            raise ValueError(self.why_not())
        return Pair(image, labels, axes, self.picker.image())

    def press(self) -> ItemPress:
        """Return what was pressed, for its code; no file is looked at."""
        target = self.target()
        return ItemPress(
            target.layer.name,
            None,
            target.axes,
            target.labels.name,
            channel=self.picker.channel,
            extra=tuple(layer.name for layer in self.picker.extra),
            use=self.use,
            meaning=self.said.meaning,
            right=self.right,
        )

    def _candidates(self) -> list[Any]:
        """Return the layers that may be chosen for the user."""
        return [layer for layer in self._viewer.layers if layer != self._orphan]

    def _fill(self, image: Image | None, labels: Labels | None) -> None:
        self._filling = True
        if image is not None:  # from now on it does not follow the selected layer
            self.picker.set_layer(image)
        if labels is not None and labels != self.labels:
            self._show_labels(labels)
        self._filling = False
        self._image = self.image
        self.changed.emit()

    def _show_labels(self, labels: Labels | None) -> None:
        # The very layer, since napari may hand out a proxy that Qt takes for another.
        self.labels_box.reset_choices()
        choices = labels_in(self._viewer.layers)
        here = labels is not None and labels in choices
        self.labels_box.value = choices[choices.index(labels)] if here else None

    def _image_changed(self) -> None:
        if self._filling:
            return
        if self.image is not self._image:
            self._image, self._image_touched = self.image, True
            if self._image is not None and not self._labels_touched:
                self._filling = True
                self._show_labels(labels_on(self._image, self._candidates()))
                self._filling = False
        self.changed.emit()

    def _labels_changed(self, labels: Labels | None) -> None:
        self._reading = None
        self._show_count()
        self._edits.follow(labels)
        if not self._filling:
            self._labels_touched = True
            self.changed.emit()

    def _looked_at(self, labels: Labels) -> None:
        if labels == self.labels:
            self.edited.emit()
            self.changed.emit()

    def _count(self, reading: Reading) -> None:
        self._reading = reading
        self._show_count()
        self.counted.emit()

    def _show_count(self) -> None:
        if self._reading is None:
            self.count.clear()
        elif self._reading.values is None:
            self.count.setText("not counted")
        else:
            others = list(self.said.meaning.others)
            objects = np.setdiff1d(self._reading.values, others)
            self.count.setText(counted(len(objects), "object"))
