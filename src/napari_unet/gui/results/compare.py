"""The fold of the Segment dock that compares a result with a truth layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from magicgui.widgets import ComboBox
from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_unet.events import Event, Progress
from napari_unet.gui import worker
from napari_unet.gui.layers.hiding import Alone
from napari_unet.gui.layers.images import image_of, labels_of
from napari_unet.gui.layers.pairing import fits, labels_in, labels_on
from napari_unet.gui.parts.dock_widgets import enable, ignore_wheel, lay_out, sentences
from napari_unet.gui.parts.sorted_table import Column, CsvButton, SortedTable
from napari_unet.gui.results.comparison import (
    HELP,
    LONG,
    ComparisonTable,
    compare,
    told,
    written,
)
from napari_unet.gui.results.errors_layer import ShownComparison
from napari_unet.gui.results.result_layer import ResultLayer
from napari_unet.text import sentence

COMPARING = "comparing"  # the kind of its jobs
NO_RESULT = "segment this image first"
CLASSES = "classes are no objects that could be matched; compare objects"
STOPPED = "the segmentation stopped before its end; segment again"
NO_TRUTH = "no other labels layer lies on this image; open or paint the true objects"
NOT_CHOSEN = "choose the labels layer with the true objects"
TRUTH_HELP = "The labels layer with the true objects; 0 is background."
COMPARE_HELP = "Find the missed, false, merged and split objects of the result."
CANCEL_HELP = "Leave it; nothing changes."
FIGURES_HELP = (
    "AP: matched / (matched + all others of both layers) at an IoU of .5 and .75. "
    "The errors are those at .5."
)
CSV_HELP = "Write this table, with places in px, as a CSV file."
CHANGED = "The labels have changed since; compare again."


class CompareForm(QWidget):
    """A menu of truth layers, [Compare], figures and a table of the errors.

    The dock tells by :meth:`follow` which result it shows.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._result: ResultLayer | None = None
        self._image: Image | None = None  # of the last result that there was
        self._chosen: Labels | None = None  # the truth that the user chose for it
        self._job: worker.Job | None = None
        self._pending: ShownComparison | None = None
        self._all: list[ShownComparison] = []
        self.truth_box = ComboBox(choices=self._truths, nullable=True)
        self.truth_box.changed.connect(self._choose)
        self.button = QPushButton("Compare")
        self.button.clicked.connect(self._press)
        self.figures = sentences(FIGURES_HELP, selectable=True)
        self.errors = sentences(FIGURES_HELP)
        self.table = SortedTable("A click on a row shows the place in the image.")
        self._in_table: ComparisonTable | None = None
        self.table.picked.connect(self._go_to)
        self.csv_button = CsvButton("Table of errors", self._written)
        self.csv_button.setToolTip(CSV_HELP)
        truth_box = ignore_wheel(self.truth_box.native)
        line = lay_out(QHBoxLayout(), (truth_box, 1), self.button)
        above = lay_out(QHBoxLayout(), (self.figures, 1), self.csv_button)
        lay_out(QVBoxLayout(self), line, above, self.errors, self.table)
        self.follow(None)

    @property
    def truth(self) -> Labels | None:
        """The layer that is chosen."""
        return cast("Labels | None", self.truth_box.value)

    def follow(self, result: ResultLayer | None) -> None:
        """Show what is known of a result; None: there is none."""
        if result is not None and result.image is not self._image:
            self._image, self._chosen = result.image, None
        self._result = result
        for gone in [c for c in self._all if not c.there]:
            self._forget(gone)
        self._fill()
        self._show()

    def why_not(self) -> str:
        """Return why nothing can be compared now; "" if it can."""
        result = self._result
        if result is None or result.outcome is None:
            return NO_RESULT
        if not result.outcome.instances:
            return CLASSES
        if not result.outcome.result.complete:
            return STOPPED
        if not self._truths():
            return NO_TRUTH
        return "" if self.truth is not None else NOT_CHOSEN

    def _truths(self, widget: Any = None) -> list[Labels]:
        """Return the layers that can be the truth of the result."""
        result = self._result
        if result is None:
            return []
        return [
            layer
            for layer in labels_in(self._viewer.layers)
            if layer != result.layer and fits(layer, result.image, result.axes)
        ]

    def _fill(self) -> None:
        """List the layers that are there now, and choose where the user did not."""
        with self.truth_box.changed.blocked():
            self.truth_box.reset_choices()
            choices = self._truths()
            likely = self._chosen
            if likely not in choices and self._result is not None:
                layers = self._viewer.layers
                images = [layer for layer in layers if isinstance(layer, Image)]
                likely = labels_on(self._result.image, [*images, *choices])
            # The very layer: napari may hand out a proxy that Qt takes for another.
            here = likely is not None and likely in choices
            self.truth_box.value = choices[choices.index(likely)] if here else None

    def _choose(self, layer: Labels | None) -> None:
        self._chosen = layer
        self._show()

    def _press(self) -> None:
        """Compare, or leave it."""
        if self._job is not None:
            self._job.abandon()
            self._end()
            return
        with worker.reporting():
            self._start()

    def _start(self) -> None:
        result, truth = self._result, self.truth
        if self.why_not() or result is None or truth is None:
            return
        assert result.outcome is not None
        assert result.layer is not None
        self._chosen = truth
        image = image_of(result.image, result.axes)
        true = labels_of(truth, result.axes, image)
        labels = labels_of(result.layer, result.axes, image)
        self._pending = ShownComparison(self._viewer, result, truth, self)
        self._pending.changed.connect(self._show)
        self._job = worker.start(
            *(self, COMPARING, compare, true, labels, result.outcome),
            on_event=self._on_event,
            on_returned=self._on_returned,
            on_errored=self._on_errored,
        )
        self._show()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Progress) and self._job is not None and event.total > 1:
            text = f"Comparing frame {event.done + 1:,} of {event.total:,}"
            self.figures.setText(text)

    def _on_errored(self, error: Exception) -> None:
        self._end()
        worker.report(error)

    def _on_returned(self, found: ComparisonTable | None) -> None:
        pending, self._pending = self._pending, None
        self._end()
        if pending is None:
            return
        if found is None or pending.replaced or not pending.there:
            pending.deleteLater()
            return
        for old in [c for c in self._all if c.result is pending.result]:
            self._forget(old)
        self._all.append(pending)
        self._keep_alone(pending.finish(found), pending.result)
        self._show()

    def _keep_alone(self, layer: Labels, result: ResultLayer) -> None:
        """Hide the other labels of the image: through them no error could be told."""
        if layer not in [alone.layer for alone in self.findChildren(Alone)]:
            Alone(self._viewer, layer, result.image, result.axes, self)
        for alone in self.findChildren(Alone):
            if alone.layer == layer:
                alone.arrange()

    def set_open(self, opened: bool) -> None:
        """Show the errors while the fold is open, and only then."""
        for alone in self.findChildren(Alone):
            alone.fold(not opened)

    def _end(self) -> None:
        if self._pending is not None:
            self._pending.deleteLater()
        self._job = self._pending = None
        self._show()

    def _forget(self, compared: ShownComparison) -> None:
        self._all.remove(compared)
        compared.deleteLater()

    def _of_result(self) -> ShownComparison | None:
        """Return the comparison of the result that is shown."""
        return next((c for c in self._all if c.result is self._result), None)

    def _show(self) -> None:
        """Show the comparison of the result, and grey what cannot be done now."""
        running, why_not = self._job is not None, self.why_not()
        self.button.setText("Cancel" if running else "Compare")
        help_text = CANCEL_HELP if running else COMPARE_HELP
        enable(self.button, "" if running else why_not, help_text)
        nothing = why_not in (NO_RESULT, CLASSES, STOPPED, NO_TRUTH)
        self.truth_box.enabled = not (nothing or running)
        self.truth_box.tooltip = sentence(why_not) if nothing else TRUTH_HELP
        shown = self._of_result()
        found = None if shown is None or running else shown.found
        self.figures.setText("Comparing" if running else sentence(why_not))
        self.figures.setVisible(bool(self.figures.text()) or found is not None)
        self.errors.setVisible(found is not None)
        self.table.setVisible(found is not None)
        self.csv_button.setVisible(found is not None)
        if found is not None and shown is not None:
            self._show_found(shown, found)

    def _show_found(self, shown: ShownComparison, found: ComparisonTable) -> None:
        figures, errors = told(found)
        self.figures.setText(figures if shown.current else f"{figures}\n{CHANGED}")
        self.errors.setText(errors)
        if self._in_table is not found:
            self._in_table = found
            self.table.set_columns(columns(found.texts, found.keys))

    def _written(self) -> tuple[str, str] | None:
        shown = self._of_result()
        if shown is None or shown.found is None:
            return None
        layer = shown.result.layer
        name = "result" if layer is None else layer.name
        return f"{name} errors", written(shown.found)

    def _go_to(self, index: int) -> None:
        shown = self._of_result()
        if shown is not None:
            shown.go_to(index)


def columns(
    texts: Mapping[str, Sequence[str]], keys: Mapping[str, np.ndarray]
) -> list[Column]:
    """Return the columns of a comparison, by what they show and are sorted by."""
    return [
        Column(name, keys[name], cells.__getitem__, HELP[name], name in LONG, not place)
        for place, (name, cells) in enumerate(texts.items())
    ]
