"""The Segment dock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari.viewer
from napari.layers import Image, Labels
from napari.utils.notifications import show_warning
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QVBoxLayout

from napari_unet.boxes import Box
from napari_unet.config import PredictConfig
from napari_unet.data.images import ImageSeries
from napari_unet.gui import worker
from napari_unet.gui.copy_as.press import SegmentPress, SegmentTarget, decodes_only
from napari_unet.gui.correct.keys import use_corrections
from napari_unet.gui.docks import DockContent, open_dock
from napari_unet.gui.layers.axes import axes_of, shape_of
from napari_unet.gui.layers.hiding import results_on
from napari_unet.gui.layers.images import image_of
from napari_unet.gui.layers.pairing import images_in
from napari_unet.gui.layers.placement import spacing_of, visible_box
from napari_unet.gui.layers.right_views import mark_view
from napari_unet.gui.open.open import open_path
from napari_unet.gui.parts.connections import Connections, debouncer
from napari_unet.gui.parts.dialogs import ask_folder
from napari_unet.gui.parts.dock_widgets import lay_out
from napari_unet.gui.pickers.model_picker import models
from napari_unet.gui.results.clicks import tell_clicks
from napari_unet.gui.results.result_layer import ResultLayer
from napari_unet.gui.segment.form import SegmentForm, show_states
from napari_unet.gui.segment.runs import SegmentJobs
from napari_unet.gui.segment.work import WHAT, SegmentSettings
from napari_unet.gui.wording import in_dock

if TYPE_CHECKING:
    import pandas as pd

# So long a wait after a move of the slider is not felt, and spares most of the work.
SLIDER_MS = 40
OPTIONS_MS = 300


class SegmentWidget(DockContent):
    """Segments image layers with a trained model."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, open_path)
        self.form = form = SegmentForm(viewer)
        form.inside.target = self._target
        lay_out(QVBoxLayout(self), form)
        self.runs = runs = SegmentJobs(viewer, self)
        self.corrections = use_corrections(viewer, self, runs.maps_of, runs.highest)
        self.corrections.changed.connect(self._update)
        self._several = False  # whether the last press was for several images
        self._slider = debouncer(self, SLIDER_MS, self._hide)
        self._options = debouncer(self, OPTIONS_MS, self._decode_again)
        form.picker.changed.connect(self._show_result)
        form.model.changed.connect(self._update)
        form.view_button.clicked.connect(self.segment_view)
        form.image_button.clicked.connect(self.segment_image)
        form.all_action.triggered.connect(self.segment_all)
        form.folder_action.triggered.connect(self.segment_folder)
        form.progress.cancelled.connect(self.runs.stop)
        form.score.valueChanged.connect(self._slide)
        form.outlines.toggled.connect(self._outline)
        form.options_form.changed.connect(self._options.start)
        form.table.picked.connect(self._go_to)
        form.table.measure.changed.connect(self._show_result)
        tell_clicks(viewer, self, self._shown_labels, form.table.show_object)
        form.first_button.clicked.connect(lambda: open_dock(viewer, "Train"))
        form.right_button.clicked.connect(self.view_is_right)
        form.train_button.clicked.connect(self.correct_and_train)
        form.copy_button.shown = self._copied
        self.runs.began.connect(self._on_began)
        self.runs.imaged.connect(form.images.add)
        form.images.features = self._features
        form.images.picked.connect(self._choose_image)
        self.runs.progressed.connect(form.progress.show_event)
        self.runs.ended.connect(self._on_ended)
        self.runs.changed.connect(self._show_result)
        active = viewer.layers.selection.events.active
        Connections(self).connect(active, self._on_active)
        models().chosen.connect(self._choose)
        chosen = models().chosen_path
        if chosen is not None:
            self._choose(chosen)
        self._show_result()
        worker.warm_up(form.set_known)

    def reset_choices(self, event: Any = None) -> None:
        """Follow the layers; napari calls this when they come, go or are renamed."""
        self.form.picker.reset_choices()
        self._show_result()

    def segment_view(self) -> None:
        """Segment what is in sight."""
        with worker.reporting():
            target = self._target()
            box = visible_box(self._viewer, target.layer, target.press.axes)
            self._start([self._in_box(target, box)])

    def segment_image(self) -> None:
        """Segment the chosen image."""
        with worker.reporting():
            self._start([self._target()])

    def segment_all(self) -> None:
        """Segment all open images, one after the other."""
        targets, skipped = [], []
        with worker.reporting():
            for layer in images_in(self._viewer.layers):
                if layer == self.form.picker.layer:
                    targets.append(self._target())
                elif axes_of(layer) is None:
                    skipped.append(layer.name)
                else:
                    targets.append(self._other_target(layer, str(axes_of(layer))))
            self._start(targets)
            if skipped:
                show_warning(
                    f"{', '.join(skipped)}: left out, since the axes are not known; "
                    "choose them under Image"
                )

    def segment_folder(self) -> None:
        """Ask for a folder of images and one for the results, and segment them."""
        source = ask_folder(self, "Folder of images")
        if source is None:
            return
        output = ask_folder(self, "Folder for the labels", source)
        if output is None:
            return
        with worker.reporting():
            settings = self._settings(self.form.config())
            channel = self.form.picker.channel
            self.runs.segment_folder(source, output, settings, channel)

    def view_is_right(self) -> None:
        """Take note that all objects in sight are labelled."""
        result = self._result()
        if result is not None:
            with worker.reporting():
                axes = str(self.form.picker.axes)
                mark_view(self._viewer, result.image, axes, result.layer)

    def correct_and_train(self) -> None:
        """Open the Train dock with the image, its labels and the model."""
        result = self._result()
        if result is None or result.press is None:
            self._train_on_corrected()
            return
        press, layers = result.press, self._viewer.layers
        dock = open_dock(self._viewer, "Train")
        row = dock.add_pair(result.image, result.layer)
        extra = [layers[name] for name in press.extra if name in layers]
        row.picker.choose_channels(press.channel, extra)
        dock.start_from(press.model)

    def _train_on_corrected(self) -> None:
        """Open the Train dock with labels that were corrected but not made here."""
        picker, labels = self.form.picker, self._corrected()
        if labels is None:
            return
        dock = open_dock(self._viewer, "Train")
        row = dock.add_pair(picker.layer, labels)
        row.picker.choose_channels(picker.channel, list(picker.extra))
        if self.form.model.path:
            dock.start_from(str(self.form.model.path))

    def _corrected(self) -> Labels | None:
        """Return the labels on the chosen image whose corrections are counted."""
        result = self._result()
        if result is not None:
            return result.layer
        return self.corrections.latest(self.form.picker.layer)

    def _decode_again(self) -> None:
        """Show the result with other thresholds, if nothing else has changed."""
        result = self._result()
        if result is None or result is not self.runs.again or not result.replaceable:
            return
        try:
            target = self._target()
        except ValueError:  # the form says what is wrong
            return
        if result.press is not None and decodes_only(target.press, result.press):
            self._start([self._in_box(target, result.press.box)])

    def _target(self) -> SegmentTarget:
        """Return the chosen image; a ValueError if there is none."""
        picker = self.form.picker
        image = picker.image()
        extra = tuple(layer.name for layer in picker.extra)
        press = self._press(picker.layer, str(picker.axes), picker.channel)
        return SegmentTarget(picker.layer, image, replace(press, extra=extra))

    def _in_box(self, target: SegmentTarget, box: Box | None) -> SegmentTarget:
        return replace(target, press=replace(target.press, box=box))

    def _other_target(self, layer: Image, axes: str) -> SegmentTarget:
        """Return another image, with the same channel if it has that."""
        channel = self.form.picker.channel
        count = shape_of(layer)[axes.index("C")] if "C" in axes else 1
        channel = channel if channel is not None and channel < count > 1 else None
        press = self._press(layer, axes, channel)
        return SegmentTarget(layer, image_of(layer, axes, channel), press)

    def _press(self, layer: Any, axes: str, channel: int | None) -> SegmentPress:
        model, device = str(self.form.model.path), self.form.device.currentText()
        config = self.form.config(spacing_of(layer, axes))
        # Its file is found out when it is copied.
        at = layer.name, None, axes, model, config
        return SegmentPress(*at, channel=channel, device=device)

    def _settings(self, config: PredictConfig) -> SegmentSettings:
        device = self.form.device.currentText()
        return SegmentSettings(str(self.form.model.path), config, device)

    def _start(self, targets: list[SegmentTarget]) -> None:
        if targets and not self.runs.running:
            self.runs.score = self.form.least
            self.runs.outlines = self.form.outlines.isChecked()
            self.runs.segment(targets, self._settings(targets[0].press.config))

    def _result(self) -> ResultLayer | None:
        return self.runs.result_of(self.form.picker.layer)

    def _on_began(self, count: int) -> None:
        self._several = count != 1  # 0: those of a folder
        if self._several:
            self.form.images.begin(folder=not count)
            self.form.images_fold.show()
            self.form.images_fold.expand(animate=False)
        self.form.progress.start(WHAT, count if count > 1 else 0)

    def _on_ended(self, text: str) -> None:
        images = self.form.images
        if self._several and images.rows:
            text = "   ".join(filter(None, [images.summary(), text]))
            if images.in_folder and images.failures():  # of layers each was told
                show_warning(images.failures())
        self.form.progress.finish(text)
        self._decode_again()  # thresholds may have become others meanwhile

    def _features(self) -> dict[str, pd.DataFrame]:
        """Return the objects of the images of the last press, by their names."""
        names = [row.name for row in self.form.images.rows]
        found = {}
        for name in names:
            layer = self._viewer.layers[name] if name in self._viewer.layers else None
            result = self.runs.result_of(layer)
            if result is not None and result.outcome is not None:
                now = result.score, result.present
                found[name] = result.outcome.features(*now)
        return found

    def _choose_image(self, name: str) -> None:
        """Choose the image of a row, and show it alone with its labels."""
        layers = self._viewer.layers
        if name not in layers:
            return
        for row in self.form.images.rows:
            if row.name in layers:
                result = self.runs.result_of(layers[row.name])
                own = [] if result is None else [result.layer]
                for layer in [layers[row.name], *own]:
                    layer.visible = row.name == name
        layers.selection.active = layers[name]
        self.form.picker.set_layer(layers[name])

    def _outline(self, wanted: bool) -> None:
        self.runs.outlines = wanted

    def _slide(self) -> None:
        self.form.score_moved = True
        self._slider.start()

    def _hide(self) -> None:
        """Do what the slider says."""
        result = self._result()
        self.runs.score = self.form.score.value()
        if result is not None:
            result.set_score(self.runs.score)
            self._show_result()

    def _show_result(self) -> None:
        """Show what is known of the image that is chosen now."""
        picker = self.form.picker
        if picker.layer is not None and picker.axes is not None:
            self.runs.adopt(picker.layer, picker.axes)
        form, result = self.form, self._result()
        outcome = None if result is None else result.outcome
        layer, axes = form.picker.layer, form.picker.axes
        spacing = None if layer is None or axes is None else spacing_of(layer, axes)
        estimated = None if outcome is None else outcome.estimated
        form.object_size.follow(spacing, estimated)
        if result is None or outcome is None:
            form.show_outcome("", "")
            form.table.show_features(None, "")
        else:
            if result.slides and not self._slider.isActive():
                with QSignalBlocker(form.score):
                    form.score.setValue(result.score)
            notes = in_dock("\n".join(outcome.result.notes))
            now = result.score, result.present
            known = not result.adopted or result.present is not None
            form.show_outcome(outcome.summary(*now) if known else "", notes)
            features = form.table.measure.features(result, outcome.features(*now))
            form.table.show_features(features, result.name)
        self._update()

    def _on_active(self, event: Any = None) -> None:
        """Show other labels that were selected, where none of ours are there."""
        result = self._result()
        if result is None or result.adopted:
            self._show_result()

    def _update(self) -> None:
        image = self.form.picker.layer
        found = [] if image is None else results_on(image, self._viewer.layers)
        self.form.outlines.follow(found)
        count = self.corrections.count(self._corrected())
        self.form.correct.show_count(count)
        show_states(self.form, self._result(), self.runs.running, count > 0)

    def _shown_labels(self) -> Labels | None:
        """Return the labels of the result that is shown, if they are in sight."""
        result = self._result()
        layer = None if result is None or not result.there else result.layer
        return layer if layer is not None and layer.visible else None

    def _go_to(self, label: int) -> None:
        result = self._result()
        if result is not None:
            result.show_object(label)

    def _choose(self, path: str) -> None:
        with worker.reporting():
            self.form.model.set_path(path)

    def _copied(self) -> tuple[SegmentPress, Path | None, ImageSeries] | None:
        """Return what of the result is copied: its press, file and image."""
        result = self._result()
        if result is None or result.press is None:
            return None
        outcome = result.outcome
        as_found = outcome is not None and result.score == outcome.least
        score = None if as_found else result.score
        config = result.press.config.replace(score=score)
        press = replace(result.press, config=config)
        path, image = result.image.source.path, image_of(result.image, press.axes)
        return press, path and Path(path), image
