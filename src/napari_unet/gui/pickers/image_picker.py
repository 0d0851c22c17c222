"""Choosing an image among the layers, with its axes and channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from magicgui.widgets import ComboBox
from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_unet.data.images import ImageSeries
from napari_unet.gui.layers.axes import axes_of, shape_of
from napari_unet.gui.layers.images import channel_names, image_of, is_channel_of
from napari_unet.gui.layers.pairing import images_in
from napari_unet.gui.parts.connections import Connections
from napari_unet.gui.parts.dock_widgets import (
    cross_button,
    enable,
    ignore_wheel,
    lay_out,
    push_button,
    take_out,
)
from napari_unet.gui.pickers.axes_row import AxesRow, describe, question

# What of a layer changes what is shown here; set_axes() sets the metadata.
EVENTS = ("metadata", "axis_labels", "units", "scale", "affine", "data")


ADD_HELP = "Use one more layer as a channel of this image."
NO_FURTHER = "no other grey image of the same shape is open"
FURTHER_HELP = "A layer of the same shape, as one more channel of the image."
REMOVE_HELP = "Leave this channel out; its layer stays."


class ChannelRow(QWidget):
    """One more layer as a channel; `choices` returns the layers to choose from."""

    def __init__(self, choices: Callable[[Any], list[Image]]) -> None:
        super().__init__()
        self.box = ComboBox(choices=choices, nullable=True, tooltip=FURTHER_HELP)
        self.remove_button = cross_button(REMOVE_HELP)
        box = ignore_wheel(self.box.native)
        lay_out(QHBoxLayout(self), (box, 1), self.remove_button)


class ImagePicker(QWidget):
    """An image among the layers of a viewer: the active one until the user chooses.

    `changed` is sent when :meth:`image` would return something else. The widget that
    holds this one forwards ``reset_choices``.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.layer: Image | None = None  # the chosen one
        self._chosen = False
        self.channel_rows: list[ChannelRow] = []
        self._state: object = None
        self.image_box = ComboBox(
            choices=self.images,
            nullable=True,
            tooltip="The image: the selected layer, until another one is chosen here.",
        )
        self.image_box.changed.connect(self._choose)
        self.channel_box = ignore_wheel(QComboBox())
        self.channel_box.setToolTip("The channel of the image to use, or all of them.")
        self.channel_box.currentIndexChanged.connect(self._update)
        self.add_button = push_button("+ channel")
        self.add_button.clicked.connect(lambda: self._add_channel(self._left()[0]))
        self.axes_row = AxesRow(viewer)
        image_box = ignore_wheel(self.image_box.native)
        top = lay_out(QHBoxLayout(), (image_box, 1), self.add_button)
        self.channel_label = QLabel("Channel")
        channels = lay_out(QHBoxLayout(), self.channel_label, (self.channel_box, 1))
        self._column = QVBoxLayout(self)
        lay_out(self._column, top, channels, self.axes_row, spacing=2)
        self._of_layer, self._of_viewer = Connections(self), Connections(self)
        active = viewer.layers.selection.events.active
        self._of_viewer.connect(active, self._follow)
        self.reset_choices()

    def set_layer(self, layer: Image | None) -> None:
        """Choose a layer as the user does; None: the active one from now on.

        A ValueError if the layer is no image of this viewer.
        """
        images = self.images()
        if layer is not None and layer not in images:
            raise ValueError(
                f"{layer.name} is not among the images of this viewer; add it first"
            )
        self._chosen = layer is not None
        self._take(self._preferred() if layer is None else images[images.index(layer)])

    @property
    def axes(self) -> str | None:
        """The axes of the layer; None where there is none or they are not known."""
        return None if self.layer is None else axes_of(self.layer)

    @property
    def channel(self) -> int | None:
        """The one channel that was chosen; None: all."""
        index = self.channel_box.currentIndex() - 1
        return index if index >= 0 else None

    @property
    def extra(self) -> tuple[Image, ...]:
        """Further layers, as more channels."""
        return tuple(f.box.value for f in self.channel_rows if f.box.value is not None)

    def choose_channels(self, channel: int | None, extra: Sequence[Image]) -> None:
        """Choose one channel, None: all, and the layers that are further channels."""
        self.channel_box.setCurrentIndex(0 if channel is None else channel + 1)
        for further in list(self.channel_rows):
            self._remove(further)
        candidates = self._candidates()
        for layer in extra:
            if layer in candidates:
                self._add_channel(candidates[candidates.index(layer)])

    def why_not(self) -> str:
        """Return why there is no image, in one sentence; "" if there is one."""
        try:
            self.image()
        except ValueError as error:
            return str(error)
        return ""

    def image(self) -> ImageSeries:
        """Return the image, lazily.

        A ValueError if none is chosen, its axes are not known, or a channel does not
        fit.
        """
        if self.layer is None:
            known = "choose an image" if self.images() else "open an image"
            raise ValueError(f"There is no image here; {known} first")
        if self.axes is None:
            raise ValueError(_ask(self.layer))
        return image_of(self.layer, self.axes, self.channel, self.extra)

    def shape_text(self) -> str:
        """Return axes, shape and spacing of the layer in one line; "" without one."""
        return "" if self.layer is None else describe(self.layer)

    def reset_choices(self, event: Any = None) -> None:
        """List the layers that are there now."""
        if self.layer is not None and self.layer not in self.images():
            self._chosen = False
        self._take(self.layer if self._chosen else self._preferred())

    def images(self, widget: Any = None) -> list[Image]:
        """Return the images that can be chosen."""
        return images_in(self._viewer.layers)

    def _candidates(self, widget: Any = None) -> list[Image]:
        """Return the layers that can be further channels."""
        layer, axes = self.layer, self.axes
        if layer is None or axes is None:
            return []
        return [other for other in self.images() if is_channel_of(other, layer, axes)]

    def _preferred(self) -> Image | None:
        images = self.images()
        active = self._viewer.layers.selection.active
        if active in images:
            return images[images.index(active)]
        if self.layer in images:
            return self.layer
        return images[-1] if images else None

    def _follow(self, event: Any = None) -> None:
        if not self._chosen:
            self._take(self._preferred())

    def _choose(self, layer: Image | None) -> None:
        self._chosen = True
        self._take(layer)

    def _take(self, layer: Image | None) -> None:
        if layer is not self.layer:
            self.layer = layer
            self._of_layer.end()
            if layer is not None:
                for name in EVENTS:
                    self._of_layer.connect(getattr(layer.events, name), self._update)
        with self.image_box.changed.blocked():
            self.image_box.reset_choices()
            self.image_box.value = layer
        self._update()

    def _update(self, event: Any = None) -> None:
        """Show the layer as it is now, and tell if the image has become another."""
        self.axes_row.show_layer(self.layer)
        self._show_channels()
        self._show_further()
        layer = self.layer
        state = (layer, self.axes, self.channel, self.extra, self.shape_text())
        names = [other.name for other in (layer, *self.extra) if other is not None]
        if self._state != (state, names):
            self._state = (state, names)
            self.changed.emit()

    def _show_channels(self) -> None:
        """List the channels anew where they are others; the first entry is all."""
        layer, axes = self.layer, self.axes
        entries: list[str] = []
        if layer is not None and axes is not None and "C" in axes:
            count = shape_of(layer)[axes.index("C")]
            names = channel_names(layer, axes) or [str(i) for i in range(count)]
            entries = ["all", *names] if count > 1 else []
        box = self.channel_box
        if entries != [box.itemText(i) for i in range(box.count())]:
            with QSignalBlocker(box):
                box.clear()
                box.addItems(entries)
        for widget in (self.channel_label, box):
            widget.setVisible(bool(entries))

    def _show_further(self) -> None:
        candidates = self._candidates()
        for further in self.channel_rows:
            chosen = further.box.value
            with further.box.changed.blocked():
                further.box.reset_choices()
                further.box.value = chosen if chosen in candidates else None
        enable(self.add_button, "" if self._left() else NO_FURTHER, ADD_HELP)

    def _left(self) -> list[Image]:
        return [other for other in self._candidates() if other not in self.extra]

    def _add_channel(self, layer: Image) -> None:
        further = ChannelRow(self._candidates)
        further.box.value = layer
        further.box.changed.connect(self._update)
        further.remove_button.clicked.connect(lambda: self._remove(further))
        self.channel_rows.append(further)
        self._column.insertWidget(1 + len(self.channel_rows), further)
        self._update()

    def _remove(self, further: ChannelRow) -> None:
        self.channel_rows.remove(further)
        take_out(self._column, further)
        self._update()


def _ask(layer: Image) -> str:
    text, answers = question(layer)
    if not text:
        return (
            f"{layer.name} has {layer.ndim} axes; an image has 2 to 5, out of time, "
            "channels, depth, rows and columns"
        )
    return f"Say first what the axes of {layer.name} are: {' or '.join(answers)}"
