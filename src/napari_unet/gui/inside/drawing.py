"""The drawing of a network: a box a place, to be clicked, and arrows between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qtpy.QtCore import QPointF, QRect, QSize, Qt, Signal
from qtpy.QtGui import (
    QBrush,
    QColor,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
)
from qtpy.QtWidgets import QButtonGroup, QCheckBox, QPushButton, QWidget

from napari_unet.gui.inside.graph import Graph, Key, Place

LEAST_HEIGHT, ROW = 200, 48
BOX, LEAST_BOX, BOX_HEIGHT = 76, 26, 31
GAP = 27  # between boxes of a row: a tick and an arrow
TICK = 13
HEAD = 32  # above the finest level: words, and the arrows of long skips
WORDS = 15
GATE = (40, 20)
SMALL = "padding: 0px; font-size: 8pt;"
PALE = 90  # of 255: arrows of skips that are off
ARC = 5  # by how much an arrow rises for each box that it passes


class Drawing(QWidget):
    """A network from left to right: down with poolings, up again, skips across."""

    picked = Signal(object)  # the key of a place
    gated = Signal(int)  # the level of a gate
    ticked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.graph: Graph | None = None
        self.boxes: dict[Key, QPushButton] = {}
        self.gates: dict[int, QPushButton] = {}
        self.ticks: dict[Key, QCheckBox] = {}
        self._groups: list[QButtonGroup] = []

    @property
    def without(self) -> frozenset[Key]:
        """The skips that are off."""
        return frozenset(k for k, tick in self.ticks.items() if not tick.isChecked())

    def show_graph(self, graph: Graph | None) -> None:
        """Draw a network; None: nothing."""
        if graph == self.graph:
            return
        self.graph = graph
        for widget in (*self._groups, *self._buttons()):
            widget.setParent(None)
            widget.deleteLater()
        self.boxes, self.gates, self.ticks, self._groups = {}, {}, {}, []
        if graph is not None:
            self._make(graph)
            self.setFixedHeight(max(LEAST_HEIGHT, HEAD + ROW * (graph.depth + 1)))
            self._arrange()
        self.update()

    def grey(self, why_not: str) -> None:
        """Grey all of it for a reason, which becomes its tooltip; "": do not."""
        self.setEnabled(not why_not)
        self.setToolTip(why_not)
        for widget in self._buttons():
            widget.setToolTip(why_not or widget.whatsThis())

    def minimumSizeHint(self) -> QSize:
        """Return the width that the boxes need."""
        boxes = 2
        if self.graph is not None and self.graph.nested:
            boxes = self.graph.depth + 1
        return QSize(boxes * (LEAST_BOX + GAP), LEAST_HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the boxes where they belong."""
        super().resizeEvent(event)
        self._arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the arrows and the words."""
        super().paintEvent(event)
        if self.graph is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self.palette().color(QPalette.ColorRole.WindowText)
        self._paint_words(painter, colour)
        for key, place in self.graph.places.items():
            if place.source is not None:
                self._arrow(painter, colour, self._way(place.source, key))
            for skip in place.skips:
                on = self.ticks[skip].isChecked()
                pale = QColor(colour.red(), colour.green(), colour.blue(), PALE)
                way = self._way(skip, key)
                self._arrow(painter, colour if on else pale, way, not on)
        painter.end()

    def _make(self, graph: Graph) -> None:
        """Make the boxes, ticks and gates, in the order of the Tab key."""
        self._groups = places, gates = [QButtonGroup(self), QButtonGroup(self)]
        for index, (key, place) in enumerate(graph.places.items()):
            sizes = " x ".join(f"1/{s}" for s in place.stride)
            self.boxes[key] = self._box(
                f"{place.features:,}\n1/{place.stride[-1]}",
                f"{place.name}: {place.features:,} features, {sizes} of the size of "
                "the image. A click shows them as a layer.",
            )
            self.boxes[key].setAccessibleName(place.name)
            places.addButton(self.boxes[key], index)
        for key in graph.skips:
            tick = QCheckBox(self)
            tick.setChecked(True)
            name = graph.skip_name(key)
            tick.setWhatsThis(
                f"{name}: take the tick off to see what the network says without it."
            )
            tick.setAccessibleName(name)
            tick.setStyleSheet(
                f"QCheckBox::indicator {{ width: {TICK - 2}px; height: {TICK - 2}px; }}"
            )
            tick.toggled.connect(self._tick)
            self.ticks[key] = tick
        for level in graph.gates:
            self.gates[level] = self._box(
                "gate",
                f"The attention gate of level {level} weighs each pixel of the skip. A "
                "click shows by how much, 0 to 1, as a layer.",
            )
            gates.addButton(self.gates[level], level)
        places.idClicked.connect(self._pick)
        gates.idClicked.connect(self.gated)
        for widget in self._buttons():
            widget.show()

    def _box(self, text: str, what: str) -> QPushButton:
        made = QPushButton(text, self)
        made.setWhatsThis(what)
        made.setCheckable(True)
        made.setStyleSheet(SMALL)
        return made

    def _buttons(self) -> Iterator[Any]:
        for widgets in (self.boxes, self.ticks, self.gates):
            yield from widgets.values()

    def _pick(self, index: int) -> None:
        self.picked.emit(list(self.boxes)[index])

    def _tick(self) -> None:
        self.update()
        self.ticked.emit()

    def _arrange(self) -> None:
        """Put boxes on their rows, ticks behind them, gates into the middle."""
        graph = self.graph
        if graph is None:
            return
        wide = BOX
        if graph.nested:
            wide = (self.width() - GAP * graph.depth) // (graph.depth + 1)
            wide = max(LEAST_BOX, min(BOX, wide))
        row = (self.height() - HEAD) / (graph.depth + 1)
        for key, box in self.boxes.items():
            x = round(graph.across(key) * (self.width() - wide))
            y = round(HEAD + key[0] * row + (row - BOX_HEIGHT) / 2)
            box.setGeometry(x, y, wide, BOX_HEIGHT)
            box.setText(_words(graph.places[key], box))
        for key, tick in self.ticks.items():
            at = self.boxes[key].geometry()
            y = at.center().y() - TICK // 2
            tick.setGeometry(at.right() + 3, y, TICK, TICK)
        for level, gate in self.gates.items():
            left, right = (self.boxes[level, c].geometry() for c in (0, 1))
            x = (left.center().x() + right.center().x() - GATE[0]) // 2
            gate.setGeometry(x, left.center().y() - GATE[1] // 2, *GATE)

    def _way(self, source: Key, target: Key) -> QPainterPath:
        """Return the way of an arrow, from the edge of a box to that of another."""
        assert self.graph is not None
        a, b = self.boxes[source].geometry(), self.boxes[target].geometry()
        if source[0] == target[0]:
            passed = target[1] - source[1] - 1
            return _over(a, b, passed) if passed else _along(a, b)
        down = source[0] < target[0]
        start = _middle(a, a.bottom() if down else a.top())
        end = _middle(b, b.top() if down else b.bottom())
        way = QPainterPath(start)
        straight = abs(start.x() - end.x()) < 2
        if not self.graph.nested and not straight:
            if down:  # into the bottleneck, or out of it
                way.lineTo(start.x(), b.center().y())
                end = QPointF(b.left(), b.center().y())
            else:
                way = QPainterPath(QPointF(a.right(), a.center().y()))
                way.lineTo(end.x(), a.center().y())
        way.lineTo(end)
        return way

    def _arrow(
        self, painter: QPainter, colour: QColor, way: QPainterPath, dashed: bool = False
    ) -> None:
        style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
        painter.setPen(QPen(colour, 1.2, style))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(way)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QBrush(colour))
        painter.save()
        painter.translate(way.pointAtPercent(1))
        painter.rotate(-way.angleAtPercent(1))
        painter.drawPolygon([QPointF(0, 0), QPointF(-7, 3.5), QPointF(-7, -3.5)])
        painter.restore()

    def _paint_words(self, painter: QPainter, colour: QColor) -> None:
        """Say where the image comes in and the result comes out."""
        assert self.graph is not None
        first, last = (self.boxes[k].geometry() for k in ((0, 0), self.graph.last))
        painter.setPen(colour)
        flags = Qt.AlignmentFlag
        line = QRect(0, 0, self.width(), WORDS)
        painter.drawText(line, flags.AlignLeft | flags.AlignVCenter, "image")
        painter.drawText(line, flags.AlignRight | flags.AlignVCenter, "result")
        for x, y, to in (
            (first.left() + 10, WORDS + 1, first.top()),
            (last.right() - 10, last.top(), WORDS + 1),
        ):
            way = QPainterPath(QPointF(x, y))
            way.lineTo(x, to)
            self._arrow(painter, colour, way)


def _words(place: Place, box: QPushButton) -> str:
    """Return what stands in a box: numbers with what they are, where it is wide."""
    count, part = f"{place.features:,}", f"1/{place.stride[-1]}"
    words = f"{count} features", f"at {part}"
    box.ensurePolished()  # its letters are smaller than others
    wide = max(box.fontMetrics().horizontalAdvance(line) for line in words)
    return "\n".join(words if wide <= box.width() - 4 else (count, part))


def _middle(box: QRect, y: int) -> QPointF:
    return QPointF(box.center().x(), y)


def _along(a: QRect, b: QRect) -> QPainterPath:
    """Return the way from a box, and its tick, to the next on the right."""
    way = QPainterPath(QPointF(a.right() + TICK + 4, a.center().y()))
    way.lineTo(b.left(), a.center().y())
    return way


def _over(a: QRect, b: QRect, passed: int) -> QPainterPath:
    """Return the way over boxes that lie between."""
    start, end = _middle(a, a.top()), QPointF(b.left() + b.width() / 4, b.top())
    way = QPainterPath(start)
    top = a.top() - 2 * ARC - 2 * ARC * passed
    way.quadTo(QPointF((start.x() + end.x()) / 2, top), end)
    return way
