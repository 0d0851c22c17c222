"""Layouts, texts, buttons and menus for a narrow dock that is scrolled by the wheel."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from napari.settings import get_settings
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QBoxLayout,
    QButtonGroup,
    QComboBox,
    QFormLayout,
    QLabel,
    QLayout,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QToolButton,
    QWidget,
)

from napari_unet.gui.parts.connections import Connections
from napari_unet.gui.parts.eliding import WrappedLabel, cut_entries
from napari_unet.gui.preferences import preferences
from napari_unet.text import sentence

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
        cut_entries(widget)
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


def push_button(
    text: str, help_text: str = "", pressed: Callable[..., Any] | None = None
) -> QPushButton:
    """Return a button with its tooltip, and what it does."""
    made = QPushButton(text)
    made.setToolTip(help_text)
    if pressed is not None:
        made.clicked.connect(pressed)
    return made


def radio_buttons(
    owner: QObject, *texts: tuple[str, str]
) -> tuple[QButtonGroup, list[QRadioButton]]:
    """Return buttons of which one is chosen, each of its text and its tooltip."""
    group, made = QButtonGroup(owner), []
    for text, help_text in texts:
        made.append(QRadioButton(text))
        made[-1].setToolTip(help_text)
        group.addButton(made[-1])
    return group, made


def cross_button(help_text: str) -> QToolButton:
    """Return a small button that takes a row away."""
    made = QToolButton()
    made.setText("✕")
    made.setToolTip(help_text)
    return made


def device_menu(help_text: str) -> QComboBox:
    """Return a menu of devices with the preferred one; :func:`refill` adds others."""
    made = ignore_wheel(QComboBox())
    made.addItem(preferences().device)
    refill(made, ["auto", "cpu"])
    made.setToolTip(help_text)
    return made


def refill(menu: QComboBox, names: Sequence[str]) -> None:
    """List other names; what is chosen stays, and is listed where it is missing."""
    chosen = menu.currentText()
    menu.clear()
    menu.addItems(list(dict.fromkeys([*names, chosen])))
    menu.setCurrentText(chosen)


def enable(widget: QWidget | QAction, why_not: str, help_text: str) -> None:
    """Grey a widget or entry for a reason, its tooltip from then on; "": do not."""
    widget.setEnabled(not why_not)
    widget.setToolTip(sentence(why_not) or help_text)


def say(label: QLabel, text: str) -> None:
    """Show a text; where there is none, the label is not there."""
    label.setText(text)
    label.setVisible(bool(text))


def take_out(layout: QLayout, widget: QWidget) -> None:
    """Remove a widget, which may be the one that was pressed just now."""
    layout.removeWidget(widget)
    widget.hide()
    widget.deleteLater()


def sentences(
    help_text: str = "", *, selectable: bool = False, keyboard: bool = False
) -> QLabel:
    """Return an empty label for text of several lines, which can be copied or not."""
    label = WrappedLabel()
    label.setToolTip(help_text)
    flags = Qt.TextInteractionFlag
    if keyboard:
        keys = flags.TextSelectableByKeyboard
        label.setTextInteractionFlags(flags.TextSelectableByMouse | keys)
    elif selectable:
        label.setTextInteractionFlags(flags.TextSelectableByMouse)
    return label


def breakable(text: str) -> str:
    """Return a text whose long paths and names break into lines of a narrow dock."""
    return re.sub(r"([/\\_.,-])(?=\S)", "\\1\u200b", text)


class Column(QScrollArea):
    """Scrolls what is inside up and down, and is never too narrow for it.

    Fields and tables are written as large as the rest, which napari (0.9.2) leaves out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        font_size = get_settings().appearance.events.font_size
        Connections(self).connect(font_size, self._follow_font)
        self._follow_font()

    def _follow_font(self, event: Any = None) -> None:
        size = get_settings().appearance.font_size
        self.setStyleSheet(f"QLineEdit, QTableView {{ font-size: {size}pt; }}")

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


def form_rows(
    wrap: QFormLayout.RowWrapPolicy = QFormLayout.RowWrapPolicy.WrapLongRows,
) -> QFormLayout:
    """Return a form; by default fields go below their labels where it is narrow."""
    rows = QFormLayout()
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setVerticalSpacing(3)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    rows.setRowWrapPolicy(wrap)
    rows.setFormAlignment(Qt.AlignmentFlag.AlignTop)
    rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    return rows
