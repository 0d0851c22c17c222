"""Layouts, texts, buttons and menus for a narrow dock that is scrolled by the wheel."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QFormLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QWidget,
)

B = TypeVar("B", bound=QBoxLayout)
W = TypeVar("W", bound=QWidget)

LETTERS = 10  # of its entries that a menu must have room for


class _Steady(QObject):
    """Lets the wheel scroll the dock; only what has the focus is changed by it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Pass wheel events on to the dock."""
        if event.type() == QEvent.Type.Wheel and not watched.hasFocus():
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))


def ignore_wheel(widget: W) -> W:
    """Make a widget ignore the wheel unless it has the focus, and menus narrow."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_Steady(widget))
    if isinstance(widget, QComboBox):
        widget.setMinimumContentsLength(LETTERS)
        widget.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
    return widget


def lay_out(
    layout: B,
    *items: QWidget | QLayout | int | tuple[Any, int],
    spacing: int | None = None,
    margins: tuple[int, int, int, int] | None = (0, 0, 0, 0),
) -> B:
    """Put widgets and layouts into one, in their order.

    A number is room that stretches; what comes as a tuple with a number stretches, too.
    """
    if margins is not None:
        layout.setContentsMargins(*margins)
    if spacing is not None:
        layout.setSpacing(spacing)
    for each in items:
        item, stretch = each if isinstance(each, tuple) else (each, 0)
        if isinstance(item, int):
            layout.addStretch(item)
        elif isinstance(item, QWidget):
            layout.addWidget(item, stretch)
        else:
            layout.addLayout(item, stretch)
    return layout


def push_button(text: str, help_text: str, pressed: Callable[..., Any]) -> QPushButton:
    """Return a button with its tooltip, and what it does."""
    made = QPushButton(text)
    made.setToolTip(help_text)
    made.clicked.connect(pressed)
    return made


def sentences(help_text: str = "", *, selectable: bool = False) -> QLabel:
    """Return an empty label for text of several lines, which can be copied or not."""
    label = QLabel()
    label.setWordWrap(True)
    label.setToolTip(help_text)
    if selectable:
        flags = Qt.TextInteractionFlag
        label.setTextInteractionFlags(flags.TextSelectableByMouse)
    return label


def breakable(text: str) -> str:
    """Return a text whose long paths and names break into lines of a narrow dock."""
    return re.sub(r"([/\\_.,-])(?=\S)", "\\1\u200b", text)


class Column(QScrollArea):
    """Scrolls what is inside up and down, and is never too narrow for it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def minimumSizeHint(self) -> QSize:
        """Return a hint that has room for the content beside a scroll bar."""
        hint = super().minimumSizeHint()
        if self.widget() is not None:
            bar = self.verticalScrollBar().sizeHint().width()
            hint.setWidth(self.widget().minimumSizeHint().width() + bar)
        return hint

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Tell the dock when the content needs more room, or less."""
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


def form_rows() -> QFormLayout:
    """Return a form whose fields go below their labels where the dock is narrow."""
    rows = QFormLayout()
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setVerticalSpacing(3)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    return rows
