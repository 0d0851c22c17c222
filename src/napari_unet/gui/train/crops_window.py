"""The window that shows what a training would show to the network."""

from __future__ import annotations

import html
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_unet.events import Control, Event, Progress
from napari_unet.gui import worker
from napari_unet.gui.parts.dock_widgets import enable, lay_out, push_button, sentences
from napari_unet.gui.parts.progress import ProgressRow
from napari_unet.gui.train.work import TrainSettings
from napari_unet.reports.crops_figure import (
    COLUMNS,
    EDGE,
    ROWS,
    described,
    legend,
    tiles,
)
from napari_unet.text import sentence
from napari_unet.training.annotated import Annotated, Folder, begin

if TYPE_CHECKING:
    from napari_unet.reports.crops import Source

TITLE = "What training sees"
HELP = "See crops as this training would draw them, with the options of now."
OTHERS_HELP = "Draw the crops of the steps that follow."
CLOSE_HELP = "Close this window; what was read is forgotten."
LOOKING = "drawing crops"  # the kind of its jobs
BUSY = "the crops are being drawn"
COUNT = ROWS * COLUMNS


@dataclass(frozen=True, eq=False)
class Seen:
    """Crops, drawn; those with augmentation come first, then the same places without.

    tiles : two lists of (height, width, 3) uint8
    texts : a sentence for each
    legend : colours and what they stand for
    step, steps : the first step of the training whose crops these are, and how many
    """

    source: Source
    tiles: tuple[list[np.ndarray], list[np.ndarray]]
    texts: tuple[str, str]
    legend: list[tuple[str, str]]
    step: int
    steps: int


def draw(source: Source, step: int, control: Control) -> Generator[Event, None, Seen]:
    """Draw crops from a step of a training on; long work."""
    yield Progress("drawing", 0, COUNT)
    config = source.model.config
    varied, plain = source.crops(COUNT, step), source.plain(COUNT, step)
    unknown = bool((varied.weight[:, 0] == 0).any())
    return Seen(
        source,
        (tiles(varied, config), tiles(plain, config)),
        (described(source, COUNT), described(source, COUNT, plain=True)),
        legend(config, unknown),
        step,
        source.steps(COUNT),
    )


def read_and_draw(
    settings: TrainSettings,
    items: Sequence[Annotated | Folder],
    step: int,
    control: Control,
) -> Generator[Event, None, Seen]:
    """Settle a training, and draw its crops from a step on; long work."""
    from napari_unet.reports.crops import source

    config, model, device = settings.config, settings.model, settings.device
    init, training, held = yield from begin(items, config, model, settings.init, device)
    found = yield from source(
        training, held, config, model=model, init=init, device=device
    )
    return (yield from draw(found, step, control))


class CropsWindow(QDialog):
    """A window with crops of the training that Start would start, and its button.

    dock : the window closes with it
    button : opens the window, and draws anew; greyed where training could not start
    read : returns what the dock would train with and on now; raises a
        ValueError where something is wrong

    A press after options were changed draws the crops of the same steps. What was read
    is kept for [Others] while the window is open.
    """

    def __init__(
        self,
        dock: QWidget,
        button: QPushButton,
        read: Callable[[], tuple[TrainSettings, Sequence[Annotated | Folder]]],
    ) -> None:
        super().__init__(dock)
        self._button, self._read = button, read
        self._why_not = ""
        self._job: worker.Job | None = None
        self._step = 0
        self.seen: Seen | None = None
        self.setWindowTitle(TITLE)
        self._make()
        button.clicked.connect(self.look)
        self.finished.connect(self._closed)
        self.arrange("")

    def arrange(self, why_not: str) -> None:
        """Grey the buttons while nothing can be drawn, since training cannot start."""
        self._why_not = why_not
        busy = BUSY if self._job is not None else ""
        enable(self._button, why_not or busy, HELP)
        self.others_button.setEnabled(self.seen is not None and not busy)
        self.plain_box.setEnabled(self.seen is not None)

    def look(self) -> None:
        """Read the images and draw crops, with the options as they are now."""
        if self._job is not None:
            return
        with worker.reporting():
            self._start(read_and_draw, *self._read(), self._step)
            self.show()
            self.raise_()

    def others(self) -> None:
        """Draw the crops of the steps that follow."""
        if self._job is not None or self.seen is None:
            return
        source, step = self.seen.source, self.seen.step + self.seen.steps
        self._start(draw, source, step)

    def _make(self) -> None:
        grid = QGridLayout()
        grid.setSpacing(4)
        self.pictures = [QLabel() for _ in range(COUNT)]
        for number, picture in enumerate(self.pictures):
            picture.setFixedSize(EDGE, EDGE)  # so that the window opens as it stays
            grid.addWidget(picture, *divmod(number, COLUMNS))
        self._below = QStackedWidget()  # nothing moves where the work is shown
        self._below.addWidget(self._make_words())
        self.progress = ProgressRow()
        self.progress.cancelled.connect(self._cancel)
        self._below.addWidget(self.progress)
        self.plain_box = QCheckBox("without augmentation")
        self.plain_box.setToolTip("The same places as they are in the images.")
        self.plain_box.toggled.connect(self._show)
        self.others_button = push_button("Others", OTHERS_HELP, self.others)
        self.close_button = push_button("Close", CLOSE_HELP, self.reject)
        for each in (self.others_button, self.close_button):
            each.setAutoDefault(False)  # Enter is for no button that has no focus
        last = (self.plain_box, 1), self.others_button, self.close_button
        last_line = lay_out(QHBoxLayout(), *last)
        lay_out(QVBoxLayout(self), grid, self._below, last_line, margins=None)

    def _make_words(self) -> QWidget:
        self.text, self.legend = (sentences(selectable=True) for _ in range(2))
        words = QWidget()
        lay_out(QVBoxLayout(words), self.text, self.legend)
        return words

    def _start(self, work: worker.Work[Seen], *args: Any) -> None:
        self.progress.start(LOOKING)
        self._below.setCurrentWidget(self.progress)
        self._job = worker.start(
            *(self, LOOKING, work, *args),
            on_event=self.progress.show_event,
            on_returned=self._returned,
            on_errored=self._errored,
            on_finished=self._finished,
        )
        self.arrange(self._why_not)

    def _returned(self, found: Seen) -> None:
        if self.isVisible():
            self.seen, self._step = found, found.step
            self._show()

    def _errored(self, error: Exception) -> None:
        worker.report(error)
        self._close_empty()

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.abandon()
        self._close_empty()

    def _close_empty(self) -> None:
        if self.seen is None:
            self.reject()

    def _finished(self) -> None:
        self._job = None
        self.progress.finish("")
        self._below.setCurrentIndex(0)
        self.arrange(self._why_not)

    def _closed(self) -> None:
        """Forget what was read: it may be all there is room for."""
        if self._job is not None:
            self._job.abandon()
        self.seen = None
        for label in (*self.pictures, self.text, self.legend):
            label.clear()
        self.plain_box.setChecked(False)
        self.arrange(self._why_not)

    def _show(self) -> None:
        """Show the crops, with or without augmentation."""
        found, plain = self.seen, self.plain_box.isChecked()
        if found is None:
            return
        before = self.pictures[0].size()
        for label, picture in zip(self.pictures, found.tiles[plain], strict=True):
            label.setFixedSize(picture.shape[1], picture.shape[0])
            label.setPixmap(_pixmap(picture))
        self.text.setText(sentence(found.texts[plain]))
        self.legend.setText("&nbsp;&nbsp;&nbsp; ".join(map(_sign, found.legend)))
        self.arrange(self._why_not)
        if self.pictures[0].size() != before:
            self.adjustSize()


def _pixmap(picture: np.ndarray) -> QPixmap:
    height, width = picture.shape[:2]
    data = np.ascontiguousarray(picture).tobytes()
    image = QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image)  # a copy: `data` may go


def _sign(entry: tuple[str, str]) -> str:
    """Return a line of the legend as rich text."""
    colour, words = entry[0], html.escape(entry[1]).replace(" ", "&nbsp;")
    return f'<span style="color:{colour}">■</span>&nbsp;{words}' if colour else words
