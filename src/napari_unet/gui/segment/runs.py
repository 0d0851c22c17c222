"""Runs of the Segment dock: one job after the other, and their layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from napari.layers import Image, Labels
from napari.utils.notifications import show_warning
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet.boxes import Box
from napari_unet.events import Block, Control, Event, Note, Progress
from napari_unet.gui import worker
from napari_unet.gui.copy_as.press import SegmentTarget
from napari_unet.gui.correct.corrections import NO_MAPS
from napari_unet.gui.layers.hiding import outline
from napari_unet.gui.layers.pairing import (
    fits,
    image_under,
    is_preview,
    labels_in,
    labels_on,
)
from napari_unet.gui.layers.placement import visible_box
from napari_unet.gui.parts.connections import Connections, debouncer
from napari_unet.gui.results.adopted import outcome_of
from napari_unet.gui.results.images_table import ImageDone, ImageRow
from napari_unet.gui.results.outcome import Outcome
from napari_unet.gui.results.result_layer import ResultLayer
from napari_unet.gui.segment.work import (
    WHAT,
    SegmentSettings,
    segment_folder,
    segment_layer,
)
from napari_unet.gui.wording import in_dock
from napari_unet.segmentation.cache import MapCache
from napari_unet.segmentation.growing import MapSource

# Each refresh sends the whole slice to the screen; a few a second are enough.
REFRESH_MS = 250


class Held:
    """Trainings that wait, after a step, until something is segmented."""

    def __init__(self) -> None:
        self._controls: list[Control] = []

    def hold(self) -> None:
        """Let those wait that run."""
        self.release()
        self._controls = [job.control for job in worker.running(worker.TRAINING)]
        for control in self._controls:
            control.hold(worker.SEGMENTING)

    def release(self, _: object = None) -> None:
        """Let them go on."""
        for control in self._controls:
            control.release(worker.SEGMENTING)
        self._controls = []


class SegmentJobs(QObject):
    """Segments layers one after the other and writes their results."""

    changed = Signal()  # a run began or ended, a result came, was edited or went
    began = Signal(int)  # with how many images
    progressed = Signal(object)
    ended = Signal(str)  # a sentence, or nothing
    imaged = Signal(object)  # an ImageRow, where there are several images

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        # Least score of the objects in results to come; None: what training found.
        self.score: float | None = None
        self.outlines = False  # how new results are drawn
        self.again: ResultLayer | None = None  # which other thresholds cost no network
        self._cache = MapCache()
        self.results: list[ResultLayer] = []
        self._viewer = viewer
        self._job: worker.Job | None = None
        self._targets: list[SegmentTarget] = []
        self._target: SegmentTarget | None = None
        self._settings: SegmentSettings | None = None
        self._count = 0
        self._blocks: list[Block] = []
        self._got_blocks = False
        self._result: ResultLayer | None = None
        self._lost = 0
        self._text = ""
        self._said: set[str] = set()  # errors of this press
        self._timer = debouncer(self, REFRESH_MS, self._flush)
        self._held = Held()
        self.destroyed.connect(self._held.release)
        Connections(self).connect(viewer.layers.events.removed, self._on_removed)

    @property
    def running(self) -> bool:
        """Whether something is being segmented."""
        return self._job is not None

    def result_of(self, layer: Image | None) -> ResultLayer | None:
        """Return the latest result of an image that is still in the viewer."""
        for result in reversed(self.results):
            if result.image == layer and result.there and result.outcome is not None:
                return result
        return None

    def adopt(self, image: Image, axes: str) -> None:
        """Take labels that lie on an image for its result, where there is none of ours.

        Of several those that are active, else the likeliest.
        """
        layers, known = self._viewer.layers, self.result_of(image)
        if self._job is not None or (known is not None and not known.adopted):
            return
        active = layers.selection.active
        wanted = active if active in labels_in(layers) else None
        if wanted is None and known is None:
            wanted = labels_on(image, layers)
        if wanted is None or wanted in [result.layer for result in self.results]:
            return
        outcome = outcome_of(wanted, image, axes)
        if outcome is None or image_under(wanted, layers) != image:
            return
        adopted = ResultLayer(self._viewer, image, self)
        adopted.adopt(wanted, axes, outcome)
        adopted.changed.connect(self.changed)
        if known is not None:
            self.results.remove(known)
            known.deleteLater()
        self.results.append(adopted)

    def maps_of(self, layer: Image) -> MapSource | str:
        """Return the maps of an image, or why there are none."""
        result = self.result_of(layer)
        if result is None or result.outcome is None or result.press is None:
            return NO_MAPS.format(name=layer.name)
        outcome, press = result.outcome, result.press
        if not outcome.instances:
            return f"{result.name} holds classes, of which objects cannot be grown"
        about = outcome.result.maps, outcome.result.object_size
        return MapSource(self._cache, press.model, press.device, *about)

    def highest(self, layer: Labels) -> int:
        """Return the highest number in the result of a labels layer, hidden or not."""
        found = [r.outcome for r in self.results if r.layer == layer and r.outcome]
        return max((int(o.result.ids.max(initial=0)) for o in found), default=0)

    def segment(self, targets: list[SegmentTarget], settings: SegmentSettings) -> None:
        """Segment layers; objects of all scores are kept, so that none runs again."""
        self._settings = settings
        self._press(list(targets))
        self._next()

    def segment_folder(
        self, source: Path, output: Path, settings: SegmentSettings, channel: int | None
    ) -> None:
        """Segment the images of a folder into another."""
        self._press([])  # the job tells how many there are
        self._start(segment_folder, source, output, settings, channel)

    def stop(self) -> None:
        """Stop; what is done stays."""
        self._targets = []
        if self._job is not None:
            self._job.quit()

    def _press(self, targets: list[SegmentTarget]) -> None:
        self._targets, self._count = targets, len(targets)
        self._said.clear()
        self._held.hold()
        self.began.emit(self._count)

    def _next(self) -> None:
        """Start the next job, if any."""
        while self._targets:
            target = self._targets.pop(0)
            if target.layer not in self._viewer.layers:
                continue
            assert self._settings is not None
            if self._count > 1:
                done = self._count - len(self._targets) - 1
                self.progressed.emit(Progress(WHAT, done, self._count))
            self._target = target
            press, cache, focus = target.press, self._cache, self._in_sight(target)
            config = press.config.replace(score=0.0)
            settings = replace(self._settings, config=config)
            wanted = settings, press.box, press.channel
            self._start(segment_layer, target.image, *wanted, cache, focus)
            return
        self._held.release()
        self.changed.emit()
        self.ended.emit(self._text)

    def _start(self, work: worker.Work[Any], *args: Any) -> None:
        self._text = ""
        self._blocks, self._got_blocks, self._result = [], False, None
        self.again, self._lost = None, self._cache.lost
        self._job = worker.start(
            *(self, worker.SEGMENTING, work, *args),
            on_event=self._on_event,
            on_returned=self._on_returned,
            on_errored=self._on_errored,
            on_finished=self._on_finished,
        )
        self.changed.emit()

    def _in_sight(self, target: SegmentTarget) -> Box | None:
        """Return what to begin with, the same in all time points; None: anything."""
        if target.press.box is not None:
            return None
        try:
            box = visible_box(self._viewer, target.layer, target.press.axes)
        except ValueError:
            return None  # nothing of it is in sight
        return box[1:] if "T" in target.image.axes else box

    def _on_event(self, event: Event) -> None:
        if isinstance(event, ImageDone):
            self.imaged.emit(event.row)
        elif isinstance(event, Block):
            self._blocks.append(event)
            self._got_blocks = True
            if not self._timer.isActive():
                self._timer.start()
        elif isinstance(event, Note) and self._target is None:
            show_warning(in_dock(event.text))
        else:
            self.progressed.emit(event)

    def _on_returned(self, outcome: Outcome | str) -> None:
        self._timer.stop()
        if isinstance(outcome, str):
            self._text = outcome
            return
        self._blocks = []
        if not (self._got_blocks or outcome.result.complete):
            return
        target, result = self._target, self._result
        assert target is not None
        if result is None or result.edited or not result.there:
            if target.layer not in self._viewer.layers:
                return
            self._begin(outcome.result.labels.shape)
        assert self._result is not None
        score = outcome.least if self.score is None else self.score
        self._result.finish(outcome, target.press, score)
        self._tell_image(outcome.row(target.layer.name, score))
        if outcome.result.complete and self._cache.lost == self._lost:
            self.again = self._result

    def _tell_image(self, row: ImageRow) -> None:
        if self._count > 1:
            self.imaged.emit(row)

    def _on_errored(self, error: Exception) -> None:
        if self._target is not None:
            why = worker.told(error)
            row = ImageRow(self._target.layer.name, note=why, failed=True)
            self._tell_image(row)
        self._text = worker.told(error)  # the notification goes after a few seconds
        if self._text not in self._said:  # a broken model is so for all images
            worker.report(error)
        self._said.add(self._text)
        result = self._result
        if result is not None and result.there and not result.edited:
            self._viewer.layers.remove(result.layer)  # a part without numbers

    def _on_finished(self) -> None:
        self._job = self._target = None
        self._timer.stop()
        self._let_go()
        self._next()

    def _flush(self) -> None:
        """Show the blocks that came since the last time."""
        blocks, self._blocks = self._blocks, []
        target = self._target
        if not blocks or target is None or target.layer not in self._viewer.layers:
            return
        if self._result is None:
            sizes = zip(target.image.axes, target.image.array.shape, strict=True)
            self._begin(tuple(n for a, n in sizes if a != "C"))
        assert self._result is not None
        self._result.fill(blocks)

    def _begin(self, shape: tuple[int, ...]) -> None:
        """Choose the layer of the result: ours as we wrote it, or a new one."""
        target = self._target
        assert target is not None
        self._let_go()
        known, new = self.result_of(target.layer), False
        # A training that learns from the labels would learn that there are none.
        if known is None or not known.replaceable or worker.learns_from(known.layer):
            known, new = ResultLayer(self._viewer, target.layer, self), True
            known.changed.connect(self.changed)
            self.results.append(known)
        self._hide_previews(target)  # first, since errors that go show what they hid
        known.begin(shape, target.press.axes)
        if new and known.layer is not None:
            outline([known.layer], self.outlines)
        self._result = known

    def _hide_previews(self, target: SegmentTarget) -> None:
        """Hide what a training that has ended made of this image: it is in the way."""
        if worker.running(worker.TRAINING):
            return
        for layer in self._viewer.layers:
            shown = isinstance(layer, Image | Labels) and is_preview(layer)
            if shown and fits(layer, target.layer, target.press.axes):
                layer.visible = False

    def _let_go(self) -> None:
        """Free the latest result, where its layer or image is gone."""
        if self._result is not None and self._result not in self.results:
            self._result.deleteLater()
            self._result = None

    def _on_removed(self, event: Any) -> None:
        layer = event.value
        gone = [r for r in self.results if layer in (r.image, r.layer)]
        for result in gone:
            self.results.remove(result)
            if layer == result.layer:
                result.gone()
            if result is not self._result:
                result.deleteLater()
        if self.again in gone:
            self.again = None
        if self._job is None:
            self._let_go()
        if self._target is not None and layer == self._target.layer and self._job:
            self._job.quit()
            show_warning(
                f"{self._target.image.name} was removed, so its segmentation stops"
            )
        self.changed.emit()
