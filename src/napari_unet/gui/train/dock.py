"""The Train dock."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari.viewer
from qtpy.compat import isalive
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.events import EpochEnd, Event, Note, Preview, StepDone
from napari_unet.gui import worker
from napari_unet.gui.copy_as.kinds import TRAIN_WRITERS, with_files
from napari_unet.gui.correct.keys import use_corrections
from napari_unet.gui.docks import DockContent, find_dock
from napari_unet.gui.layers.images import Pair
from napari_unet.gui.open.open import open_path
from napari_unet.gui.pairs.findings import Findings
from napari_unet.gui.pairs.live_labels import LiveLabels
from napari_unet.gui.pairs.table import PairsTable
from napari_unet.gui.parts.clipboard import CopyButton
from napari_unet.gui.parts.dock_widgets import Column, lay_out, say, sentences
from napari_unet.gui.pickers.model_picker import models
from napari_unet.gui.train.checks import Checks
from napari_unet.gui.train.crops_window import CropsWindow
from napari_unet.gui.train.form import TrainForm
from napari_unet.gui.train.kept_work import KeptWork
from napari_unet.gui.train.monitor import RunButtons, TrainMonitor
from napari_unet.gui.train.next_place import NextButton
from napari_unet.gui.train.press import LastPress
from napari_unet.gui.train.preview import LivePreview
from napari_unet.gui.train.refit import RefitBox
from napari_unet.gui.train.verdict import Verdict, judgement
from napari_unet.gui.train.work import (
    TrainSettings,
    go_on,
    settings_told,
    train,
    train_again,
)
from napari_unet.models.store import classifier_of
from napari_unet.text import sentence
from napari_unet.training.annotated import Annotated, Folder

if TYPE_CHECKING:
    from napari_unet.models.model import Model

UNVARIED = "a pixel classifier learns from pixels as they are, without augmentation"
VIEW_HELP = (
    "Every few seconds, show what the model makes of what is in sight, as a layer of "
    "its own."
)
COPY_HELP = (
    "Copy what reproduces this training: Python code or a command line; or what a "
    "paper says of it."
)
HERE = "this dock is training; stop it first"
ELSEWHERE = "a training is running already; stop it, or wait for its end"


class TrainWidget(DockContent):
    """Trains a model on layers and folders."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, open_path)
        self._job: worker.Job | None = None
        self._quick = False  # whether the last start was a quick look
        self._fits = False  # whether it is a pixel classifier, not a network
        self._text = ""
        self._untrained: Path | None = None
        self._told_of: list[object] = []  # the data that the monitor tells of
        self.table = table = PairsTable(viewer)
        use_corrections(viewer, self)
        self.add_pair, self.add_folder = table.add_pair, table.add_folder
        self.form = TrainForm()
        self.presses = LastPress(self.table, self.form)
        self.kept = KeptWork(viewer, table, self.form, self)
        self.kept.changed.connect(self._update)
        self.kept.keeper.told.connect(self._tell_unkept)
        self.findings = Findings()
        self.monitor = TrainMonitor(viewer)
        self.preview = LivePreview(viewer, self)
        self.verdict = Verdict()
        self.verdict.swapped.connect(self.preview.swap)
        self.verdict.used.connect(models().choose)
        self.monitor.plot.chosen.connect(models().choose)
        self.live = LiveLabels(viewer, self)
        self.look = CropsWindow(self, self.form.look_button, self.presses.crops)
        self.again = RefitBox()
        self._make_buttons()
        self._lay_out()
        self.table.changed.connect(self._data_changed)
        self.table.edited.connect(self.again.painted)
        self.table.counted.connect(self.form.arrange)
        self.again.due.connect(self._fit_again)
        self.form.changed.connect(self._update)
        self.form.right_button.clicked.connect(self._mark_view)
        self.form.labels_mean.paint_button.clicked.connect(self._paint_background)
        self.monitor.progress.cancelled.connect(self.stop)
        worker.jobs().changed.connect(self._update)
        self._data_changed()
        self.checks = Checks(viewer, self.table, self.form, self.findings, self)
        worker.warm_up(self.form.set_choices)

    def _mark_view(self) -> None:
        with worker.reporting():
            self.table.mark_view()

    def _paint_background(self) -> None:
        with worker.reporting():
            self.table.paint_background()

    def start_from(self, model: str) -> None:
        """Choose the model that training starts from; a classifier is fitted anew."""
        classifier = classifier_of(model)
        if classifier is None:
            self.form.model_picker.set_path(model)
        else:
            self.form.choose_network(classifier)

    def reset_choices(self, event: Any = None) -> None:
        """Follow the layers; napari calls this when they come, go or are renamed."""
        if isalive(self):
            self.table.reset_choices()

    def why_not(self) -> str:
        """Return why training cannot start; "" if it can."""
        if self._job is not None:
            return HERE
        if worker.running(worker.TRAINING):
            return ELSEWHERE
        return self._not_ready()

    def _not_ready(self) -> str:
        """Return what is missing for a training, whatever is running; "": nothing."""
        known = bool(self.table.folders) or self.table.right
        return self.table.why_not() or self.form.labels_mean.why_not(known)

    def start(self, replaced: Path | None = None, quick: bool = False) -> None:
        """Start to train a new model, or one that takes the place of another.

        quick : whether it is a quick look: a pixel classifier, whatever the form says
        """
        with worker.reporting():
            if self.why_not():
                raise ValueError(self.why_not())
            presses = self.presses
            settings = presses.quick_settings() if quick else presses.settings(replaced)
            items = self.table.items()
            self._quick = quick
            work = train_again if quick or replaced is not None else train
            self._launch(settings, items, self.table.targets(), work, replaced)
            if not self._fits:
                told = settings_told(settings)
                self.kept.keeper.begin_training(settings.folder.name, told, items)

    def go_on(self) -> None:
        """Go on with the training that was kept."""
        with worker.reporting():
            if worker.running(worker.TRAINING):
                raise ValueError(ELSEWHERE)
            self._quick = False
            targets = self.table.targets()
            self._launch(*self.kept.training(targets), targets, go_on)

    def _launch(
        self,
        settings: TrainSettings,
        items: Sequence[Annotated | Folder],
        targets: list[Pair],
        work: worker.Work[Model],
        replaced: Path | None = None,
    ) -> None:
        self.presses.begin(settings, targets)
        self._fits = self._quick or (work is not go_on and self.form.classifier)
        self.again.begin(replaced)
        self._text = ""
        self.checks.begin()
        self.monitor.begin(settings.folder)
        self.verdict.clear()
        self._job = worker.start(
            *(self, worker.TRAINING, work, settings, items),
            on_event=self._take,
            on_returned=self._returned,
            on_errored=self._errored,
            on_finished=self._finished,
            gently=True,  # the best model so far is kept
        )
        self._job.layers = tuple(target.labels for target in targets)
        self.preview.begin(self._job.control, targets, replaced is not None)
        if not self._fits:
            control = self._job.control
            self.live.begin(control, items, targets, work is go_on)
        self._update()

    def pause(self) -> None:
        """Pause, or go on; fitting a classifier goes on."""
        if self._job is None or self._fits:
            return
        control = self._job.control
        if control.paused:
            control.resume()
        else:
            control.pause()
        self.monitor.pause(control.paused)
        self._update()

    def stop(self) -> None:
        """Stop; the best model so far is kept."""
        if self._job is None:
            return
        if self.presses.steps:
            self._job.quit()
        else:
            self._text = "stopped before the first step; no model was kept"
            if self._fresh is None:
                self._text = "stopped; the model is as it was before"
            self._untrained = self._fresh
            self._job.abandon()
            self.kept.keeper.forget_training()
        self._update()

    def _make_buttons(self) -> None:
        self.buttons = RunButtons()
        self.buttons.start.clicked.connect(lambda: self.start())
        self.buttons.go_on.clicked.connect(self.go_on)
        self.buttons.quick.clicked.connect(lambda: self.start(quick=True))
        self.buttons.pause.clicked.connect(self.pause)
        self.buttons.stop.clicked.connect(self.stop)
        self.unkept = sentences("What of the work is not kept on the disk, and why.")
        self.unkept.hide()
        self.view_box = QCheckBox("live preview")
        self.view_box.setChecked(True)
        self.view_box.setToolTip(VIEW_HELP)
        self.view_box.toggled.connect(self.preview.set_wanted)
        best = self.presses.best_model
        self.next_button = NextButton(self._viewer, self.table, best)
        self.copy_button = CopyButton(TRAIN_WRITERS, with_files)
        self.copy_button.setToolTip(COPY_HELP)
        self.copy_button.shown = self.presses.shown

    def _lay_out(self) -> None:
        foot = (self.view_box, 1), self.next_button, self.copy_button
        content = QWidget()
        lay_out(
            QVBoxLayout(content),
            *(self.table, self.form, self.again),
            *(self.findings, self.buttons, self.monitor, self.verdict),
            self.unkept,
            *(lay_out(QHBoxLayout(), *foot), 1),
            spacing=4,  # all of it fits a screen of 800 px, but the options
            margins=(6, 2, 6, 2),
        )
        scroll = Column()
        scroll.setWidget(content)
        lay_out(QVBoxLayout(self), scroll)

    def _data_changed(self) -> None:
        pairs, folders = self.table.pairs, self.table.folders
        names = [row.image.name for row in pairs if row.image is not None]
        names += [row.path.name for row in folders]
        self.form.set_data(self.table.rows, (names or ["model"])[0])
        self.form.propose_built_in(self.table.planar)
        if self._job is None and self.table.data != self._told_of:
            self._told_of = self.table.data
            self.monitor.clear()
            self.verdict.clear()
            self.findings.begin(known=True)

    def _update(self) -> None:
        """Grey what cannot be done now, and say why."""
        self.again.setVisible(self._refits)
        control = None if self._job is None else self._job.control
        self.buttons.arrange(self.why_not(), control, self._fits)
        self.buttons.offer(None if control else self.kept.keeper.unfinished)
        self.look.arrange(UNVARIED if self.form.classifier else self._not_ready())
        self.monitor.plot.expect("dice" if self.form.learns_classes else "ap50")
        self.next_button.arrange(self.form.labels_mean.partly)

    def _tell_unkept(self, text: str) -> None:
        say(self.unkept, sentence(text))

    def _take(self, event: Event) -> None:
        if isinstance(event, Note):
            self.findings.add(event)
        elif isinstance(event, Preview):
            self.preview.show(event)
        elif isinstance(event, StepDone | EpochEnd):
            self.presses.steps = event.step
            self.presses.kept |= isinstance(event, EpochEnd) and event.epoch > 0
        if isinstance(event, StepDone):
            self.kept.keeper.step(event)
        self.monitor.take(event)

    def _returned(self, model: Model) -> None:
        assert self.presses.last is not None
        self.monitor.show_card(model.card)
        folder = self.presses.last.folder
        if folder == self.again.folder:  # the user may have chosen another since
            models().changed.emit()
            self._text = f'"{folder.name}" was fitted again'
        else:
            self._judge(model, folder)
        self.again.end(folder if self._fits else None)
        if not self._fits:
            self.kept.keeper.end_training()

    def _judge(self, model: Model, folder: Path) -> None:
        """Choose a new model for the Segment dock, unless the old one may be better."""
        assert self.presses.last is not None
        start = Path(self.presses.last.init or "").name
        if self._quick:  # to look at; the model in the Segment dock stays
            models().add(folder)
            models().changed.emit()
            self._text = f'"{folder.name}" shows in the view; Start trains a network'
            return
        good, why = judgement(model.card, folder.name, start)
        self._text = f'"{folder.name}" is ready'
        if good:
            models().choose(folder)
            self._text += ", and chosen in the Segment dock"
            if find_dock(self._viewer, "Segment") is None:
                self._text += " (menu Plugins > U-Net)"
        else:
            models().add(folder)
            models().changed.emit()
        swaps = bool(start) and self.preview.swaps
        self.verdict.show_judgement(why, None if good else folder, swaps)

    def _errored(self, error: Exception) -> None:
        self._text = f"training ended: {worker.told(error)}"
        worker.report(error)
        if not self.presses.kept:
            self._untrained = self._fresh

    @property
    def _fresh(self) -> Path | None:
        """The folder of the last press, unless a model was there before."""
        press = self.presses.last
        if press is None or self._quick or press.folder == self.again.folder:
            return None
        return press.folder

    def _finished(self) -> None:
        self._job = None
        if self._untrained is not None:  # the folder was not there before Start
            shutil.rmtree(self._untrained, ignore_errors=True)
            self._untrained = None
            self.monitor.best.clear()  # it names a model that is not there
        self.preview.end()
        self.live.end()
        self.monitor.finish(self._text)
        self._told_of = self.table.data
        self._data_changed()  # the name of the model is taken now

    def _fit_again(self) -> None:
        """Fit a classifier to what was painted; later, where it is being fitted.

        A model of other layers is left alone.
        """
        folder = self.again.folder
        if self._job is not None:
            self.again.painted()
        elif folder is not None and self._refits and not self.why_not():
            pairs = [(t.layer, t.labels) for t in self.table.targets()]
            if pairs == [(t.layer, t.labels) for t in self.presses.targets]:
                self.start(folder, self._quick)

    @property
    def _refits(self) -> bool:
        """Whether a stroke fits a classifier again."""
        return self._quick or self.form.classifier
