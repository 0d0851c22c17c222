"""How well a training learns: losses and quality over time, the best epoch marked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from napari.settings import get_settings
from napari.utils.theme import get_theme
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QColor, QShowEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet.events import EpochEnd, StepDone
from napari_unet.gui.parts.connections import Connections, debouncer
from napari_unet.gui.parts.dock_widgets import lay_out, sentences
from napari_unet.gui.train.earlier import Earlier
from napari_unet.text import FIGURES, clock, headline, main_figure

REDRAW_MS = 200
SMOOTH = 0.05  # weight of the newest loss in the line: it averages about 20
LEAST_CONTRAST = 3.0  # of lines against the background, as WCAG asks of graphics
MOST_POINTS = 1000
MOST_EPOCHS = 200  # in the plot; dashed lines of many points are slow to draw
EMPTY = "what is learnt shows here\nonce training has begun"
NO_VALIDATION = (
    "no validation:\nfewer than 20 annotated objects,\nor no part kept for it"
)
HELP = (
    "Left axis: losses, lower is better. Right axis: quality on the validation images, "
    "higher is better. Below: time of training. Hover for values."
)


class LossPlot(QWidget):
    """A plot of one training, in the colours of napari's theme.

    The quality of earlier ones stands thin behind it; `chosen` is sent with the folder
    of one that is clicked.

    viewer : its theme is followed

    Drawn at most five times per second, and only where it can be seen; a long training
    is thinned out evenly, so memory stays bounded. Dashes and symbols tell what a line
    is, not its colour alone.
    """

    chosen = Signal(str)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        from napari_unet.gui.train.loss_chart import Chart

        self._viewer = viewer
        self._chart = Chart()
        self._chart.hovered.connect(self._hover)
        self._chart.chosen.connect(self.chosen)
        self._legend, self._values = sentences(), sentences()
        self._figure = "ap50"  # what the right axis shows
        self._values.setAlignment(Qt.AlignmentFlag.AlignTop)
        parts = self._legend, self._chart, self._values
        lay_out(QVBoxLayout(self), *parts, spacing=1)
        for widget in parts:
            widget.setToolTip(HELP)
        self._timer = debouncer(self, REDRAW_MS, self._draw)
        slots = Connections(self)
        slots.connect(viewer.events.theme, self._paint)
        slots.connect(get_settings().appearance.events.font_size, self._write)
        self.clear()
        self._paint()
        self._write()

    def _write(self, event: object = None) -> None:
        """Write in letters that grow with those of napari."""
        self._chart.write(get_settings().appearance.font_size)
        # Two lines from the beginning: what is below must not jump.
        self._values.setMinimumHeight(2 * self._values.fontMetrics().lineSpacing())

    def clear(self) -> None:
        """Empty the plot, for another training."""
        self._training, self._epochs = Curve(), Curve(MOST_EPOCHS)
        self._smooth, self._steps = 0.0, 0
        self._best: float | None = None
        self._message = EMPTY
        self._cursor: float | None = None
        self._chart.draw_earlier({})
        self._draw()

    def show_earlier(self, runs: Sequence[Earlier]) -> None:
        """Show earlier trainings on the same data."""
        lines = {str(r.folder): (r.curve, r.text) for r in runs}
        self._chart.draw_earlier(lines)

    def expect(self, figure: str) -> None:
        """Write what the right axis will show, until a validation tells."""
        if not len(self._epochs.array()) and figure != self._figure:
            self._name(figure)

    def add_step(self, event: StepDone) -> None:
        """Add the loss of a step."""
        if not math.isfinite(event.loss):
            return  # training tells of it; there is no place for it here
        self._steps += 1
        weight = max(SMOOTH, 1 / self._steps)
        self._smooth += weight * (event.loss - self._smooth)
        self._training.add(event.seconds, self._smooth)
        if self._message == EMPTY:
            self._message = ""
        self._soon()

    def add_epoch(self, event: EpochEnd) -> None:
        """Add what a validation found."""
        name = main_figure(event.metrics)
        if event.validation_loss is None or name is None:
            self._message = NO_VALIDATION
        elif math.isfinite(event.validation_loss):
            self._message = ""
            self._name(name)
            quality = event.metrics[name]
            self._epochs.add(
                event.seconds, event.validation_loss, quality, event.objects
            )
            self._best = event.seconds if event.best else self._best
        self._soon()

    def leaveEvent(self, event: QEvent) -> None:
        """Show the newest values again."""
        super().leaveEvent(event)
        self._hover(None)

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what came while the plot was hidden."""
        super().showEvent(event)
        self._draw()

    def _soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _draw(self) -> None:
        if not self.isVisible():
            return
        epochs = self._epochs.array()
        self._chart.draw(self._training.array(), epochs, self._best, self._message)
        self._tell()

    def _hover(self, seconds: float | None) -> None:
        self._cursor = seconds
        self._tell()

    def _tell(self) -> None:
        """Write the values under the cursor, or else the newest."""
        training, epochs = self._training.array(), self._epochs.array()
        if not len(training):
            self._values.setText("")
            return
        at = math.inf if self._cursor is None else self._cursor
        seconds, loss = _row_at(training, at) if at >= training[0, 0] else training[0]
        parts = [clock(round(seconds), 0), f"training loss {loss:.3f}"]
        if len(epochs) and at >= epochs[0, 0]:
            _, loss, quality, objects = _row_at(epochs, at)
            parts.append(f"validation loss {loss:.3f}")
            parts.append(headline({self._figure: quality}, round(objects)))
        # A line may break between the values only.
        self._values.setText("   ".join(p.replace(" ", "\u00a0") for p in parts))

    def _paint(self, event: object = None) -> None:
        """Take the colours of the theme."""
        theme = get_theme(self._viewer.theme)
        back, text, grey, accent = (
            QColor(*colour.as_rgb_tuple(alpha=False))
            for colour in (theme.background, theme.text, theme.secondary, theme.current)
        )
        self._colours = {
            "background": back,
            "text": text,
            "training": legible(grey, back, text),
            "validation": text,
            "quality": legible(accent, back, text),
        }
        self._chart.paint(self._colours)
        self._name(self._figure)

    def _name(self, figure: str) -> None:
        """Write which figure the right axis shows, and what each line is."""
        self._figure = figure
        title = FIGURES.get(figure, "quality")
        self._chart.name_quality(title)
        lines = (
            ("training", "━", "training loss"),
            ("validation", "╍○╍", "validation loss"),
            ("quality", "━▲━", title),
        )
        self._legend.setText(
            "&nbsp;&nbsp; ".join(
                f'<span style="color:{self._colours[name].name()}">{sign}</span>'
                f"&nbsp;{text.replace(' ', '&nbsp;')}"
                for name, sign, text in lines
            )
        )


def legible(colour: QColor, background: QColor, text: QColor) -> QColor:
    """Return a colour, moved towards that of text as far as lines need to be seen."""
    for part in np.linspace(0, 1, 11):
        ends = np.array([colour.getRgbF()[:3], text.getRgbF()[:3]])
        mixed = QColor.fromRgbF(*map(float, (1 - part, part) @ ends))
        bright, dark = sorted((_luminance(mixed), _luminance(background)), reverse=True)
        if (bright + 0.05) / (dark + 0.05) >= LEAST_CONTRAST:
            break
    return mixed


def _luminance(colour: QColor) -> float:
    linear = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
        for v in colour.getRgbF()[:3]
    ]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def _row_at(table: np.ndarray, seconds: float) -> np.ndarray:
    """Return the last row that is not later."""
    row: np.ndarray = table[np.searchsorted(table[:, 0], seconds, "right") - 1]
    return row


class Curve:
    """Points in their order; when they become many, neighbours are averaged.

    So a long training takes no more memory; pyqtgraph thins out only what it draws.

    most : the most points that are kept; all stand for equally many added ones
    """

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._most = most
        self._points: list[tuple[float, ...]] = []
        self._waiting: list[tuple[float, ...]] = []
        self._each = 1  # how many added points are one kept point

    def add(self, *point: float) -> None:
        """Add a point; all have as many numbers."""
        self._waiting.append(point)
        if len(self._waiting) < self._each:
            return
        self._points.append(_mean(self._waiting))
        self._waiting = []
        if len(self._points) > self._most:
            pairs = range(0, len(self._points) - 1, 2)
            left = self._points[-1:] if len(self._points) % 2 else []
            self._points = [_mean(self._points[i : i + 2]) for i in pairs]
            # The odd one is half of the next pair.
            self._waiting = left * self._each
            self._each *= 2

    def array(self) -> np.ndarray:
        """Return the points, a row each; (0, 0) where there are none."""
        waiting = [_mean(self._waiting)] if self._waiting else []
        points = [*self._points, *waiting]
        return np.array(points, float) if points else np.zeros((0, 0))


def _mean(points: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(sum(values) / len(points) for values in zip(*points, strict=True))
