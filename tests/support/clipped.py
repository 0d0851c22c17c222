"""What of a dock is cut off: texts that have less room than they need."""

from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QWidget,
)

from napari_unet.gui.parts.eliding import NameLabel


def clipped(dock):
    """Return what is cut off of the labels, buttons, menus and fields in sight."""
    kinds = (QLabel, QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit)
    found = []
    for part in dock.findChildren(QWidget):
        if isinstance(part, kinds) and part.isVisible() and not _inner(part):
            has, needs = (part.width(), part.height()), _needs(part)
            if any(a < b for a, b in zip(has, needs, strict=True)):
                found.append(f"{type(part).__name__} {_text(part)!r}: {has} of {needs}")
    return found


def _inner(part):
    """The editor of a field or slider: it is as large as that lets it be."""
    parent = part.parentWidget()
    return isinstance(parent, (QAbstractSpinBox, QComboBox))


def _text(part):
    return part.currentText() if isinstance(part, QComboBox) else part.text()


def _needs(part):
    """Return the least width and height in which all of a widget is read."""
    hint = part.sizeHint()
    if isinstance(part, QLabel) and not part.pixmap().isNull():
        return 0, 0
    if isinstance(part, QLabel) and part.wordWrap():
        return part.minimumSizeHint().width(), part.heightForWidth(part.width())
    if isinstance(part, (NameLabel, QComboBox)):  # they cut their names and tell them
        return part.minimumSizeHint().width(), hint.height()
    if isinstance(part, QLineEdit):
        text = part.text() or part.placeholderText()
        wide = part.fontMetrics().horizontalAdvance(text) + 6
        return min(wide, 120), part.fontMetrics().height()
    if isinstance(part, QAbstractSpinBox):
        wide = part.fontMetrics().horizontalAdvance(part.text())
        inner = part.lineEdit().width()
        return part.width() + max(0, wide + 2 - inner), part.fontMetrics().height()
    if isinstance(part, QAbstractButton) and not part.text():
        return 0, 0
    return hint.width(), hint.height()
