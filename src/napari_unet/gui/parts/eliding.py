"""Long names in a narrow dock: cut in the middle, the whole of them as tooltip."""

from __future__ import annotations

import re

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QHelpEvent, QResizeEvent
from qtpy.QtWidgets import (
    QComboBox,
    QLabel,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolTip,
    QWidget,
)

LEAST_LETTERS = 12  # that a label has room for, however long its text is
LONG = 24  # letters of a word; longer ones are broken
BREAK = "\u200b"  # a line may end there, and nobody sees it


def elided(text: str, widget: QWidget, width: int) -> str:
    """Return a text as it fits a width: names of plates differ at both of their ends.

    widget : whose letters it is written in
    """
    middle = Qt.TextElideMode.ElideMiddle
    return str(widget.fontMetrics().elidedText(text, middle, width))


class NameLabel(QLabel):
    """A line with a name, which does not make the dock wider."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._all = self._help = ""
        self.setText(text)

    def text(self) -> str:
        """Return all of the text."""
        return self._all

    def setText(self, text: str) -> None:
        """Show a text."""
        self._all = text
        self.updateGeometry()
        self._cut()

    def setToolTip(self, text: str) -> None:
        """Set what the tooltip says beside the name, where that is cut."""
        self._help = text
        self._cut()

    def sizeHint(self) -> QSize:
        """Return room for all of it."""
        hint = super().sizeHint()
        hint.setWidth(self.fontMetrics().horizontalAdvance(self._all) + 2)
        return hint

    def minimumSizeHint(self) -> QSize:
        """Return room for some letters."""
        least = LEAST_LETTERS * self.fontMetrics().averageCharWidth()
        return QSize(min(least, self.sizeHint().width()), super().sizeHint().height())

    def changeEvent(self, event: QEvent) -> None:
        """Cut it elsewhere where its letters have become others."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._cut()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut it elsewhere."""
        super().resizeEvent(event)
        self._cut()

    def _cut(self) -> None:
        shown = elided(self._all, self, self.width())
        if shown != super().text():
            super().setText(shown)
        name = self._all if shown != self._all else ""
        super().setToolTip("\n".join(filter(None, [name, self._help])))


class WrappedLabel(QLabel):
    """Sentences of several lines; a long word, as a name may be, breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)

    def text(self) -> str:
        """Return the text as it was given."""
        return str(super().text()).replace(BREAK, "")

    def setText(self, text: str) -> None:
        """Show a text."""
        if not Qt.mightBeRichText(text):
            text = re.sub(rf"([^\s{BREAK}]{{{LONG}}})(?=\S)", rf"\1{BREAK}", text)
        super().setText(text)


class _Cutter(QObject):
    """Draws the entry of a menu that is closed, cut where it is too long."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Draw it, and tell all of it."""
        if isinstance(watched, QComboBox) and not watched.isEditable():
            if event.type() == QEvent.Type.Paint:
                shown = self._shown(watched)
                if shown != watched.currentText():
                    _draw(watched, shown)
                    return True
            elif isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
                name = watched.currentText()
                if self._shown(watched) != name:
                    text = "\n".join(filter(None, [name, watched.toolTip()]))
                    QToolTip.showText(event.globalPos(), text, watched)
                    return True
        return bool(super().eventFilter(watched, event))

    def _shown(self, menu: QComboBox) -> str:
        part = QStyle.SubControl.SC_ComboBoxEditField
        control = QStyle.ComplexControl.CC_ComboBox
        room = menu.style().subControlRect(control, _option(menu, ""), part, menu)
        return elided(menu.currentText(), menu, room.width() - 4)


def cut_entries(menu: QComboBox) -> None:
    """Let a menu cut its entries in the middle, closed and open."""
    menu.installEventFilter(_Cutter(menu))
    menu.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)


def _option(menu: QComboBox, text: str) -> QStyleOptionComboBox:
    option = QStyleOptionComboBox()
    option.initFrom(menu)
    option.currentText = text
    option.frame = menu.hasFrame()
    option.subControls = QStyle.SubControl.SC_All
    return option


def _draw(menu: QComboBox, text: str) -> None:
    painter, option = QStylePainter(menu), _option(menu, text)
    painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
    painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
    painter.end()
