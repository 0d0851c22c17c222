"""What the objects of a result measure, in a job, for the table of objects."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QMenu, QWidget

from napari_unet.data.images import ImageSeries
from napari_unet.events import Control, Event
from napari_unet.gui import worker
from napari_unet.gui.layers.images import image_of, is_channel_of, labels_reader
from napari_unet.gui.layers.pairing import images_in
from napari_unet.gui.parts.dock_widgets import lay_out, push_button
from napari_unet.gui.results.outcome import Outcome, Present

if TYPE_CHECKING:
    import pandas as pd

    from napari_unet.gui.results.result_layer import ResultLayer
    from napari_unet.measures.measure import Table

MEASURING = "measuring"
HELP = (
    "Add sizes, shapes and intensities of each object to the table and its CSV, "
    "measured in the labels as they are."
)
CHANNELS_HELP = "Which open images are channels that are measured."


class MeasureBox(QWidget):
    """A tick, and a menu of the channels where several images could be some."""

    changed = Signal()  # measures are wanted, or there, or no more

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._job: worker.Job | None = None
        self._key: tuple[Any, ...] = ()  # of what is measured, or was
        self._table: Table | None = None
        self._chosen: dict[Any, bool] = {}  # by layer, what the user said
        self.tick = QCheckBox("measure")
        self.tick.setToolTip(HELP)
        self.channels = push_button("channels", CHANNELS_HELP)
        self.channels.hide()
        menu = QMenu(self.channels)
        self.channels.setMenu(menu)
        lay_out(QHBoxLayout(self), self.channels, self.tick)
        self.tick.toggled.connect(self.changed)

    def features(self, result: ResultLayer, shown: pd.DataFrame) -> pd.DataFrame:
        """Return the table of a result with its measures, once they are there.

        shown : without them
        """
        others = self._others(result)
        self.channels.setVisible(bool(others) and self.tick.isChecked())
        if not self.tick.isChecked() or result.layer is None:
            return shown
        extra = [layer for layer in others if self._is_channel(layer, result.image)]
        ids = tuple(layer.unique_id for layer in extra)
        key = (result.layer.unique_id, result.version, ids, len(shown))
        if key != self._key:
            self._start(key, result, extra, shown)
        return shown if self._table is None else _frame(self._table)

    def _others(self, result: ResultLayer) -> list[Image]:
        """Return the layers that may be channels, and offer them in the menu."""
        found = [
            layer
            for layer in images_in(self._viewer.layers)
            if not result.image.rgb and is_channel_of(layer, result.image, result.axes)
        ]
        menu = self.channels.menu()
        menu.clear()
        for layer in found:
            action = menu.addAction(layer.name)
            action.setCheckable(True)
            action.setChecked(self._is_channel(layer, result.image))
            action.toggled.connect(self._choice_of(layer))
        return found

    def _choice_of(self, layer: Image) -> Callable[[bool], None]:
        def choose(wanted: bool) -> None:
            self._chosen[layer.unique_id] = wanted
            self.changed.emit()

        return choose

    def _is_channel(self, layer: Image, image: Image) -> bool:
        """Return whether a layer is measured; those of the same file are."""
        path = image.source.path
        same = path is not None and layer.source.path == path
        return self._chosen.get(layer.unique_id, same)

    def _start(
        self,
        key: tuple[Any, ...],
        result: ResultLayer,
        extra: Sequence[Image],
        shown: pd.DataFrame,
    ) -> None:
        if self._job is not None:
            self._job.abandon()
        self._key, self._table, self._job = key, None, None
        outcome, layer = result.outcome, result.layer
        assert outcome is not None
        assert layer is not None
        with worker.reporting():
            image = image_of(result.image, result.axes, extra=extra)
            read = labels_reader(layer, result.axes, image)
            known = known_of(outcome, result.present, shown)
            ndim = 2 if outcome.ndim == 2 else None
            self._job = worker.start(
                *(self, MEASURING, _work, read, image, ndim, known),
                on_returned=self._take,
            )

    def _take(self, found: Table) -> None:
        self._table, self._job = found, None
        self.changed.emit()


def known_of(
    outcome: Outcome, present: Present | None, shown: pd.DataFrame
) -> dict[str, dict[int, Any]]:
    """Return class, or score and whether it was edited, of the objects shown."""
    numbers = [int(i) for i in shown["index"]]
    if not outcome.instances:
        names = {int(value): name for value, name in outcome.names.items()}
        return {"class": names} if names else {}
    known: dict[str, dict[int, Any]] = {}
    if "score" in shown:
        scores = zip(numbers, shown["score"].tolist(), strict=True)
        known["score"] = {i: float(s) for i, s in scores if not np.isnan(s)}
    if "device" in outcome.about:  # else nobody knows what they were
        same = set(outcome.result.ids.tolist())
        if present is not None:
            unchanged = outcome.counted(present) == outcome.pixels
            same = set(outcome.result.ids[unchanged].tolist())
        known["edited"] = {i: i not in same for i in numbers}
    return known


def _frame(table: Table) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"index": table["label"], **table})


def _work(
    read: Callable[[], np.ndarray],
    image: ImageSeries,
    ndim: int | None,
    known: dict[str, dict[int, Any]],
    control: Control,
) -> Generator[Event, None, Table]:
    from napari_unet.measures.measure import measure

    del control
    return (yield from measure(read(), image, ndim=ndim, known=known))
