"""The editor of one option of a config model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from magicgui.widgets import create_widget
from magicgui.widgets.bases import ValueWidget
from pydantic.fields import FieldInfo
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QSizePolicy

from napari_unet.config.base import help_of, parse, simple_type, text_of
from napari_unet.gui.parts.dock_widgets import ignore_wheel

ENDS = {"ge": ("min", 0), "gt": ("min", 1), "le": ("max", 0), "lt": ("max", -1)}
# Legible on napari's dark and light background alike.
FRAME = "#option { border: 1px solid #d9534f; border-radius: 2px; }"


class OptionRow(QFrame):
    """The editor of one option, and a sign beside it where its value is no good."""

    changed = Signal()

    def __init__(self, name: str, info: FieldInfo) -> None:
        super().__init__()
        self.setObjectName("option")
        self.setToolTip(help_of(info).replace("None:", "Empty:"))
        self._name, self._info = name, info
        self._default = info.get_default(call_default_factory=True)
        self._sign = QLabel("⚠")  # a sign, since not everybody sees red
        self._sign.hide()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.addWidget(self._sign)
        self._editor = _editor(name, info)
        self._place()
        self.set_value(self._default)

    def value(self) -> Any:
        """Return what to give to the config model."""
        if not isinstance(self._editor.native, QLineEdit):
            return self._editor.value
        text = self._editor.value.strip()
        if text == self._text.strip():
            return self._shown
        return parse(text, self._info) if text else self._default

    def set_value(self, value: Any) -> None:
        """Show a value."""
        # Kept, since text need not tell all: a channel's name may hold a comma.
        self._shown, self._text = value, self._text_of(value)
        with self._editor.changed.blocked():
            if isinstance(self._editor.native, QLineEdit):
                self._editor.value = self._text
                return
            choices = getattr(self._editor, "choices", None)
            if choices is not None and value not in choices:
                self._editor.choices = [*choices, value]
            self._editor.value = value

    def set_choices(self, names: Sequence[str]) -> None:
        """Replace the editor by a menu."""
        value, old = self.value(), self._editor
        self._editor = create_widget(
            name=self._name, widget_type="ComboBox", options={"choices": list(names)}
        )
        self._place()
        self.set_value(value)
        self.setTabOrder(old.native, self._editor.native)
        old.native.hide()
        old.native.deleteLater()

    def complain(self, text: str) -> None:
        """Mark the row as wrong for a reason; nothing is wrong without one."""
        self._sign.setVisible(bool(text))
        self.setStyleSheet(FRAME if text else "")
        for widget in (self._sign, self._editor.native):
            widget.setToolTip(f"{text}\n{self.toolTip()}" if text else self.toolTip())

    def _place(self) -> None:
        native = ignore_wheel(self._editor.native)
        native.setToolTip(self.toolTip())
        native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusProxy(native)
        self.layout().insertWidget(0, native)
        if isinstance(native, QLineEdit):
            native.setPlaceholderText(self._placeholder())
            native.editingFinished.connect(self.changed)
        else:
            self._editor.changed.connect(self._edited)

    def _placeholder(self) -> str:
        if self._default is not None:
            return self._text_of(self._default)
        chosen = "None:" in (self._info.description or "")
        return "automatic" if chosen else "not set"

    def _text_of(self, value: Any) -> str:
        text = text_of(value, self._info)
        return text.replace(",", ", ").strip() if isinstance(value, tuple) else text

    def _edited(self) -> None:
        self.changed.emit()


def _editor(name: str, info: FieldInfo) -> ValueWidget:
    """Return the editor of an option: switch, menu, whole number, or text."""
    simple = simple_type(info)
    if simple is bool:
        switch: ValueWidget = create_widget(name=name, annotation=bool)
        switch.native.setText("")  # its name stands before the row
        return switch
    if simple is not None:
        return create_widget(name=name, annotation=simple)
    if info.annotation is int:
        return create_widget(name=name, annotation=int, options=_limits(info))
    # magicgui's float box rounds 3e-4 to 0, and no box of its knows "automatic".
    return create_widget(name=name, annotation=str)


def _limits(info: FieldInfo) -> dict[str, int]:
    limits = {"min": -(2**31), "max": 2**31 - 1}
    for item in info.metadata:
        for sign, (end, shift) in ENDS.items():
            if hasattr(item, sign):
                limits[end] = getattr(item, sign) + shift
    return limits
