"""The drawing of the plot of training; the only module that needs pyqtgraph."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pyqtgraph
from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtGui import QColor, QFont

from napari_unet.text import clock

HEIGHT = 190
LEAST_SPAN = 1.1  # of the axis of losses: a constant loss is a line in its middle
MOST_MARKS = 30
TOP = 1.13  # of the axis of quality: there is room for words above the lines
LEAST_LOSS = 1e-9  # there is no zero on a logarithmic axis
AXES = ("left", "bottom", "right")


class Chart(pyqtgraph.PlotWidget):
    """Losses on a logarithmic left axis, quality on a right one from 0 to 1."""

    hovered = Signal(object)
    chosen = Signal(str)  # the key of a line of another training

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(HEIGHT)
        self.setMinimumWidth(200)
        plot = self.getPlotItem()
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.setMouseEnabled(False, False)  # the wheel scrolls the dock
        plot.showAxis("right")
        for name in AXES:
            plot.getAxis(name).enableAutoSIPrefix(False)
        plot.setLabel("left", "loss")
        plot.getAxis("right").setTicks([[(v, f"{v:g}") for v in (0, 0.5, 1)]])
        self._right = pyqtgraph.ViewBox(enableMenu=False)
        self._right.setMouseEnabled(False, False)
        self._right.setYRange(-0.03, TOP, padding=0)
        plot.scene().addItem(self._right)
        plot.getAxis("right").linkToView(self._right)
        self._right.setXLink(plot.vb)
        self._right.setZValue(1)  # what is written there stands above the lines
        plot.vb.sigResized.connect(self._fit)
        line, marks = pyqtgraph.PlotCurveItem, pyqtgraph.ScatterPlotItem
        self.training, self.validation = line(), line(antialias=True)
        self.quality = line(antialias=True)
        self.circles = marks(symbol="o", size=6)
        self.triangles = marks(symbol="t1", size=9)
        self.best = pyqtgraph.InfiniteLine(angle=90)
        self.word, self.message = pyqtgraph.TextItem(), pyqtgraph.TextItem()
        for item in (self.training, self.validation, self.circles, self.best):
            plot.addItem(item, ignoreBounds=True)
        for item in (self.quality, self.triangles, self.word, self.message):
            self._right.addItem(item, ignoreBounds=True)
        self.earlier: list[pyqtgraph.PlotCurveItem] = []
        self._earlier_colour = QColor("grey")
        self.scene().sigMouseMoved.connect(self._hover)

    def draw(
        self,
        training: np.ndarray,
        epochs: np.ndarray,
        best: float | None,
        message: str = "",
    ) -> None:
        """Draw.

        training : (n, 2): seconds and loss
        epochs : (m, 3): seconds, validation loss, quality
        best : seconds of the best epoch
        message : what to read instead of validations
        """
        tables = [np.maximum(t, LEAST_LOSS) for t in (training, epochs) if len(t)]
        first, last = self._scale(tables)
        marked = epochs[:: max(1, math.ceil(len(epochs) / MOST_MARKS))]
        self.training.setData(*_columns(training, 1, log=True))
        self.validation.setData(*_columns(epochs, 1, log=True))
        self.circles.setData(*_columns(marked, 1, log=True))
        self.quality.setData(*_columns(epochs, 2))
        self.triangles.setData(*_columns(marked, 2))
        for item in (self.best, self.word):
            item.setVisible(best is not None)
        if best is not None:
            self.best.setPos(best)
            self.word.setText("best")
            # Inside, wherever the line is.
            self.word.setAnchor((1, 0) if best > (first + last) / 2 else (0, 0))
            self.word.setPos(best, TOP)
        self.message.setText(message)
        self.message.setVisible(bool(message))  # its ground hides what is below
        self.message.setAnchor((1, 0))
        self.message.setPos(last, TOP)

    def draw_earlier(self, lines: Mapping[str, tuple[np.ndarray, str]]) -> None:
        """Draw the quality of other trainings thin, behind this one.

        lines : by a key (n, 2) seconds and quality, and the text of a tooltip
        """
        for item in self.earlier:
            self._right.removeItem(item)
        self.earlier = []
        for key, (curve, text) in lines.items():
            item = pyqtgraph.PlotCurveItem(antialias=True, clickable=True)
            item.setData(*_columns(curve, 1))
            item.setClickable(True, width=8)
            item.setToolTip(text)
            item.setZValue(-1)
            item.sigClicked.connect(lambda *_, key=key: self.chosen.emit(key))
            self._right.addItem(item, ignoreBounds=True)
            self.earlier.append(item)
        self._paint_earlier()

    def _paint_earlier(self) -> None:
        for item in self.earlier:
            item.setPen(pyqtgraph.mkPen(self._earlier_colour, width=0.5))

    def paint(self, colours: Mapping[str, QColor]) -> None:
        """Use these colours: background, text, training, validation, quality."""
        text = colours["text"]
        self.setBackground(colours["background"])
        for name in AXES:
            axis = self.getPlotItem().getAxis(name)
            axis.setPen(text)
            axis.setTextPen(text)
        dashes = Qt.PenStyle.DashLine
        pen = pyqtgraph.mkPen
        self.training.setPen(pen(colours["training"], width=1))
        self.validation.setPen(pen(colours["validation"], width=1, style=dashes))
        self.quality.setPen(pen(colours["quality"], width=1))
        self.circles.setPen(pen(colours["validation"]))
        self.circles.setBrush(colours["background"])
        self.triangles.setPen(pen(colours["quality"]))
        self.triangles.setBrush(colours["quality"])
        self.best.setPen(pen(text, style=Qt.PenStyle.DotLine))
        for item in (self.word, self.message):
            item.setColor(text)
        self._earlier_colour = colours["quality"]
        self._paint_earlier()
        self.message.fill = pyqtgraph.mkBrush(colours["background"])

    def write(self, points: float) -> None:
        """Write in letters of a size, and give the axes room for them."""
        font, plot = QFont(self.font()), self.getPlotItem()
        font.setPointSizeF(0.85 * points)
        for name in AXES:
            plot.getAxis(name).setStyle(tickFont=font)
            plot.getAxis(name).label.setFont(font)
        for item in (self.word, self.message):
            item.setFont(font)
        more = points / 9
        plot.getAxis("left").setWidth(round(46 * more))
        plot.getAxis("right").setWidth(round(42 * more))
        plot.getAxis("bottom").setHeight(round(22 * more))

    def name_quality(self, name: str) -> None:
        """Write what the right axis shows."""
        self.getPlotItem().setLabel("right", name)

    def _scale(self, tables: list[np.ndarray]) -> tuple[float, float]:
        """Set ranges and ticks; returns the first and the last second."""
        plot = self.getPlotItem()
        first = min((float(t[0, 0]) for t in tables), default=0.0)
        last = max((float(t[-1, 0]) for t in tables), default=0.0)
        last = max(last, first + 10)
        losses = np.concatenate([t[:, 1] for t in tables]) if tables else np.ones(1)
        middle = math.sqrt(losses.min() * losses.max())
        low = min(float(losses.min()), middle / LEAST_SPAN)
        high = max(float(losses.max()), middle * LEAST_SPAN)
        plot.setXRange(first, last, padding=0.02)
        plot.setYRange(math.log10(low), math.log10(high), padding=0.06)
        times = time_ticks(first, last) if tables else []
        plot.getAxis("bottom").setTicks([times])
        round_ones = loss_ticks(low, high) if tables else []
        ticks = [(math.log10(v), f"{v:g}") for v in round_ones]
        plot.getAxis("left").setTicks([ticks])
        return first, last

    def _fit(self) -> None:
        self._right.setGeometry(self.getPlotItem().vb.sceneBoundingRect())

    def _hover(self, place: QPointF) -> None:
        view = self.getPlotItem().vb
        inside = view.sceneBoundingRect().contains(place)
        self.hovered.emit(view.mapSceneToView(place).x() if inside else None)


def _columns(
    table: np.ndarray, which: int, log: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    if not len(table):
        return np.zeros(0), np.zeros(0)
    values = table[:, which]
    return table[:, 0], np.log10(np.maximum(values, LEAST_LOSS)) if log else values


# Seconds between ticks that people can read.
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)
HOUR = 3600


def time_ticks(first: float, last: float) -> list[tuple[float, str]]:
    """Return at most six times within a range of seconds, and how to write them.

    Examples
    --------
    >>> [text for _, text in time_ticks(0, 100)]
    ['0:00', '0:30', '1:00', '1:30']
    """
    span = max(last - first, 1.0)
    step = next((s for s in STEPS if span / s <= 5), HOUR)
    while span / step > 5:
        step += HOUR
    times = range(math.ceil(first / step) * step, math.floor(last) + 1, step)
    return [(t, clock(t) if t >= 60 else f"0:{t:02}") for t in times]


def loss_ticks(low: float, high: float) -> list[float]:
    """Return a few round values between two positive ones, for a logarithmic axis.

    Pyqtgraph's own would be none between 0.2 and 0.21, and 18 between 3 and 400.

    Examples
    --------
    >>> loss_ticks(0.3, 1.4), loss_ticks(0.02, 6)
    ([0.5, 1.0], [0.02, 0.1, 0.5, 2.0])
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    round_ones = [m * 10.0**p for p in powers for m in (1, 2, 5)]
    found = [round(v, 12) for v in round_ones if low <= v <= high]
    if len(found) < 2:  # less than a doubling: even steps
        step = 10.0 ** math.floor(math.log10((high - low) / 2))
        step *= next(m for m in (5, 2, 1) if m * step <= (high - low) / 2)
        count = range(math.ceil(low / step), math.floor(high / step) + 1)
        return [round(n * step, 12) for n in count]
    return found[:: math.ceil(len(found) / 5)]
