"""Looking at the pairs while nothing is trained: the work, and who asks for it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from napari.utils.notifications import show_info
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_unet.config import ModelConfig
from napari_unet.data import doctor
from napari_unet.data.doctor import Finding
from napari_unet.data.samples import Sample
from napari_unet.events import Control, Event, Progress
from napari_unet.gui import worker
from napari_unet.gui.layers.images import Pair, labels_reader
from napari_unet.gui.layers.meanings import said_of
from napari_unet.gui.pairs.findings import FIXING, TRAINING, Findings
from napari_unet.gui.pairs.fixes import Mended, Origin, mend, show, write
from napari_unet.gui.pairs.table import PairsTable
from napari_unet.gui.parts.connections import debouncer
from napari_unet.gui.train.form import TrainForm
from napari_unet.models.store import contents, find_model, read_header, read_weights
from napari_unet.text import counted
from napari_unet.training.annotated import Annotated, samples_of

# After the last stroke of the brush.
LOOK_MS = 600
# Labels of more pixels are not looked at: it would take seconds after each stroke.
MOST_PIXELS = 16 * 2**20

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """What a look has found.

    turn : of the look
    findings : tuple of Finding
    origins : tuple of (str, int, int); of each sample: its name, which pair it is of,
        and the time point
    """

    turn: int
    findings: tuple[Finding, ...] = ()
    origins: tuple[tuple[str, int, int], ...] = ()


def check_pairs(
    turn: int,
    readers: Sequence[Callable[[], Annotated]],
    learnt: ModelConfig | str,
    alone: bool,
    control: Control,
) -> Generator[Event, None, Seen]:
    """Find what is wrong; nothing where a training would be refused; long work.

    readers : one per pair
    learnt : what is to be learnt, or the model that training starts from
    alone : whether these are all data: others may hold the objects that are missing
        here
    """
    try:
        items: list[Annotated] = []
        for read in readers:
            yield Progress("checking", len(items), len(readers))
            items.append(read())
        found = yield from samples_of(items)
        samples = [sample for each in found for sample in each.values()]
        config = _settled(learnt, samples)
        findings = doctor.check(
            samples, formulation=config.formulation, any_size=config.any_size
        )
    except ValueError:  # Start tells it
        return Seen(turn)
    told = [f for f in findings if alone or f.problem != doctor.EMPTY]
    for item, each in zip(items, found, strict=True):
        told += _check_background(item, {i: s.name for i, s in each.items()})
    origins = [
        (sample.name, pair, frame)
        for pair, each in enumerate(found)
        for frame, sample in each.items()
    ]
    return Seen(turn, tuple(told), tuple(origins))


def _check_background(item: Annotated, names: dict[int, str]) -> list[Finding]:
    """Find a label of the background that looks like one of the objects.

    names : of the samples, by their time point
    """
    if item.background is None or item.zero != "unknown":
        return []
    planes = item.labels if "T" in item.image.axes else item.labels[np.newaxis]
    frames = {name: planes[i] for i, name in names.items()}
    others = item.meaning.others - {item.background}
    return doctor.check_background_label(frames, item.background, others)


def _settled(learnt: ModelConfig | str, samples: Sequence[Sample]) -> ModelConfig:
    """Return what a training settles on."""
    if isinstance(learnt, str):
        header = read_header(read_weights(find_model(learnt)), Path(learnt).name)
        return contents(header)[0]
    from napari_unet.training.recipe import complete

    if not samples:
        raise ValueError("no sample has labels")
    return complete(learnt, samples)


class Checks(QObject):
    """Looks at the pairs of layers while nothing is trained.

    findings : shows what is found

    What Start refuses is not told here. Folders are not read, and labels of more than
    16 Mpx are not looked at.
    """

    def __init__(
        self,
        viewer: Viewer,
        table: PairsTable,
        form: TrainForm,
        findings: Findings,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._table, self._form = viewer, table, form
        self._findings = findings
        self._turn, self._asked = 1, 0  # a look of an earlier turn is stale
        self._question = self._asked_form()
        self._looking: worker.Job | None = None
        self._targets: list[Pair] = []  # of the look at hand
        self._origins: dict[str, Origin] = {}
        self._fixed: Pair | None = None
        self._timer = debouncer(self, LOOK_MS, self._look)
        table.changed.connect(self.request)
        table.edited.connect(self.request)
        form.changed.connect(self._form_changed)
        findings.show_wanted.connect(self._show)
        findings.fix_wanted.connect(self._fix)
        worker.jobs().changed.connect(self._jobs_changed)
        self._timer.start()

    def request(self) -> None:
        """Look again, a moment after the last change."""
        self._turn += 1
        self._timer.start()

    def begin(self) -> None:
        """Take note that a training begins: nothing is looked at while it runs."""
        self._timer.stop()
        if self._looking is not None:
            self._looking.abandon()
            self._asked = 0
        self._findings.begin(known=self._asked == self._turn)

    def _asked_form(self) -> tuple[object, ...]:
        form = self._form
        network = form.network_box.currentText()
        learnt = (form.model_picker.path, network, form.classes_button.isChecked())
        return learnt

    def _form_changed(self) -> None:
        before, self._question = self._question, self._asked_form()
        if before != self._question:
            self.request()

    def _jobs_changed(self) -> None:
        """Make up for a look that a training, or another look, did not let be."""
        training = bool(worker.running(worker.TRAINING))
        if self._fixed is None:
            self._findings.grey(TRAINING if training else "")
        due = self._asked != self._turn and self._looking is None
        if due and not training and not self._timer.isActive():
            self._timer.start()

    def _look(self) -> None:
        if self._looking is not None or worker.running(worker.TRAINING):
            return
        self._asked = self._turn
        rows = [row for row in self._table.pairs if not row.why_not()]
        self._targets = [row.target() for row in rows]
        size = sum(math.prod(target.shape) for target in self._targets)
        learnt = self._learnt()
        if not rows or learnt is None or size > MOST_PIXELS:
            self._take(Seen(self._turn))
            return
        # Others may hold the objects that are missing here.
        alone = not self._table.folders and rows == self._table.pairs
        readers = [row.reader() for row in rows]
        self._looking = worker.start(
            *(self, "checking", check_pairs, self._turn, readers, learnt, alone),
            on_returned=self._take,
            on_errored=self._fail,
            on_finished=self._finished,
        )

    def _learnt(self) -> ModelConfig | str | None:
        """Return what is to be learnt, or the model that says it; None: not known."""
        rows = [row for row in self._table.pairs if row.labels is not None]
        if any(row.said.zero is None for row in rows):
            return None
        try:
            return self._form.model_picker.path or self._form.model()
        except ValueError:
            return None

    def _take(self, seen: Seen) -> None:
        if seen.turn != self._turn:
            return
        found = seen.origins
        self._origins = {n: Origin(self._targets[i], frame) for n, i, frame in found}
        self._findings.set_found(seen.findings)

    def _fail(self, error: Exception) -> None:
        logger.error("the data could not be looked at", exc_info=error)
        self._take(Seen(self._turn))

    def _finished(self) -> None:
        self._looking = None

    def _show(self, finding: Finding) -> None:
        origin = self._origins.get(finding.name)
        if origin is not None and finding.place is not None:
            show(self._viewer, origin, finding.place, finding.fix is not None)

    def _fix(self, finding: Finding) -> None:
        origin = self._origins.get(finding.name)
        if origin is None or self._fixed or worker.running(worker.TRAINING):
            return
        if finding.fix == "object":
            for row in self._table.pairs:
                if row.labels == origin.target.labels:
                    row.say(background=None)
            return
        self._fixed = target = origin.target
        self._findings.grey(FIXING)
        read = labels_reader(target.labels, target.axes, target.image)
        meaning = said_of(target.labels).meaning
        worker.start(
            *(self, "fixing", mend, read, origin.film, meaning, finding),
            on_returned=self._write,
            on_finished=self._fixing_ended,
        )

    def _write(self, found: Mended) -> None:
        target, layers = self._fixed, self._viewer.layers
        if target is None or target.labels not in layers:
            return
        with worker.reporting():
            if write(target, found):
                layers.selection.active = target.labels  # whose edit Ctrl-Z takes back
                told = "the labels were fixed"
                if found.count:
                    told = f"{counted(found.count, 'object')} got a new id"
                show_info(f"{told}; Ctrl-Z takes it back")

    def _fixing_ended(self) -> None:
        self._fixed = None
        self._findings.grey(TRAINING if worker.running(worker.TRAINING) else "")
