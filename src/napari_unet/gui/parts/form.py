"""Rows for the options of a config model, and folds to put rarely used ones in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QWidget
from superqt import QCollapsible

from napari_unet.config import Config
from napari_unet.config.base import explain, findings, group_of, label_of
from napari_unet.gui.parts.dock_widgets import form_rows, lay_out
from napari_unet.gui.parts.option_row import OptionRow

GROUP_HELP = "Options that few people change; empty: the default."


class ConfigForm(QWidget):
    """A row for each option of a config model, with its help as tooltip.

    kind : an option that is a config model itself becomes a fold of rows
    fields : the options to show, in this order. By default all.
    apart : groups whose fold is not at the end of the form: :attr:`folds` has them, to
        be placed elsewhere

    An option that says its group is in the fold of that. Numbers stay as they were
    typed; an empty field means the default, which it shows in grey. What is wrong is
    marked where it stands once the field is left.
    """

    changed = Signal()

    def __init__(
        self,
        kind: type[Config],
        fields: Sequence[str] | None = None,
        apart: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.kind = kind
        self._rows: dict[str, OptionRow] = {}
        self._groups: dict[str, ConfigForm] = {}
        self._folds: dict[str, Fold] = {}  # by option
        self.folds: dict[str, Fold] = {}  # by group
        self._absent: set[str] = set()  # options that do not apply
        self._layouts = {"": _rows()}
        self.setLayout(self._layouts[""])
        for name in kind.model_fields if fields is None else fields:
            self._add(name, kind.model_fields[name])
        for group, fold in self.folds.items():
            if group not in apart:
                self._layouts[""].addRow(fold)

    def value(self) -> Config:
        """Return the options; those that are at their default count as not set.

        A ValueError where an option is out of range; its row is marked.
        """
        config, sentence = self._read()
        if config is None:
            raise ValueError(sentence)
        return config

    def set_value(self, config: Config) -> None:
        """Show these options."""
        self._show(config)
        self._check()

    def set_choices(self, name: str, names: Sequence[str]) -> None:
        """Give an option a menu; what it shows stays chosen."""
        self._rows[name].set_choices(names)

    def put_beside(self, name: str, widget: QWidget) -> None:
        """Put a widget beside the title of the fold that an option is."""
        self._folds[name].put_beside(widget)

    def add_row(self, title: str, widget: QWidget, group: str = "") -> None:
        """Add a row whose title has the tooltip of what stands in it."""
        label = QLabel(title)
        label.setToolTip(widget.toolTip())
        label.setBuddy(widget)
        self._layout_of(group).addRow(label, widget)

    def apply(self, name: str, applies: bool) -> None:
        """Show an option, or hide one that does not apply: it counts as not set."""
        row = self._rows.get(name) or self._folds[name]
        layout = self._layout_of(group_of(self.kind.model_fields[name]))
        if applies == (name in self._absent):
            layout.setRowVisible(row, applies)
            self._absent ^= {name}

    def _layout_of(self, group: str) -> QFormLayout:
        """Return the rows of a group, whose fold is made where it is missing."""
        if group not in self._layouts:
            inside = QWidget()
            self._layouts[group] = layout = _rows()
            inside.setLayout(layout)
            self.folds[group] = Fold(group, inside, GROUP_HELP)
        return self._layouts[group]

    def _add(self, name: str, info: FieldInfo) -> None:
        title = label_of(name, info)
        if isinstance(info.annotation, type) and issubclass(info.annotation, Config):
            group = ConfigForm(info.annotation)
            group.changed.connect(self._check)
            self._groups[name] = group
            self._folds[name] = Fold(title, group, info.description or "")
            self._layout_of(group_of(info)).addRow(self._folds[name])
            return
        row = OptionRow(name, info)
        row.changed.connect(self._check)
        self._rows[name] = row
        self.add_row(title, row, group_of(info))

    def _show(self, config: Config) -> None:
        for name, row in self._rows.items():
            row.set_value(getattr(config, name))
        for name, group in self._groups.items():
            group._show(getattr(config, name))

    def _given(self) -> dict[str, Any]:
        given = {name: row.value() for name, row in self._rows.items()}
        given |= {name: group._given() for name, group in self._groups.items()}
        return {n: value for n, value in given.items() if n not in self._absent}

    def _check(self) -> None:
        self._read()
        self.changed.emit()

    def _read(self) -> tuple[Config | None, str]:
        """Return the options, or a sentence that says what is wrong with them."""
        self._mark([])
        try:
            config = self.kind.model_validate(self._given())
            return self.kind.model_validate(_differing(config)), ""
        except ValidationError as error:
            self._mark(findings(error))
            return None, explain(error)

    def _mark(self, found: Sequence[tuple[str, str]]) -> None:
        """Mark the rows that something is wrong with, and no others."""
        for name, row in self._rows.items():
            # What concerns several options at once names them in its sentence.
            texts = [
                text
                for where, text in found
                if where.partition(".")[0] == name
                or (not where and name in text.split())
            ]
            row.complain("; ".join(texts))
        for name, group in self._groups.items():
            inner = [(w.partition("."), text) for w, text in found]
            group._mark([(w[2], text) for w, text in inner if w[0] == name])


class Fold(QCollapsible):
    """A section that opens and closes at once, and grows with what is inside.

    widget : not in reach of the Tab key while the fold is closed, as it is at first
    help_text : what is inside
    """

    def __init__(self, title: str, widget: QWidget, help_text: str = "") -> None:
        # superqt paints its icons once, in the colour that the palette has then: they
        # vanish in one of napari's themes. An arrow in the text follows the theme.
        # Blank ones, since PySide6 takes an empty icon for none at all.
        super().__init__(title, expandedIcon=" ", collapsedIcon=" ")
        self._title = title
        self.setToolTip(help_text)
        self.setDuration(0)
        spare = self.content()
        self.layout().removeWidget(spare)
        spare.deleteLater()
        self.setContent(widget)
        self.layout().setContentsMargins(0, 0, 0, 0)
        widget.setContentsMargins(12, 0, 0, 0)
        button = self.toggleButton()
        button.setIconSize(QSize(0, 0))
        button.setStyleSheet(
            "QPushButton { text-align: left; border: none; background: transparent; "
            "padding: 2px; } QPushButton:focus { text-decoration: underline; }"
        )
        self.toggled.connect(self._arrange)
        self._arrange(False)

    def put_beside(self, widget: QWidget) -> None:
        """Put a widget beside the title, on the right."""
        button = self.toggleButton()
        self.layout().removeWidget(button)
        line = lay_out(QHBoxLayout(), (button, 1), widget)
        self.layout().insertLayout(0, line)
        self.setTabOrder(button, widget)

    def setToolTip(self, text: str) -> None:
        """Set the tooltip of the title; what is inside has its own."""
        self.toggleButton().setToolTip(text)

    def _arrange(self, opened: bool) -> None:
        self.setText(f"{'▾' if opened else '▸'} {self._title}")
        self.content().setVisible(opened)
        # superqt fixes the height that the content has now: it could not grow.
        self.content().setMaximumHeight(16777215 if opened else 0)


def _rows() -> QFormLayout:
    layout = form_rows(QFormLayout.RowWrapPolicy.DontWrapRows)
    layout.setVerticalSpacing(2)
    return layout


def _differing(config: Config) -> dict[str, Any]:
    """Return the options that are not at their default."""
    found = {}
    for name, info in type(config).model_fields.items():
        value = getattr(config, name)
        if value != info.get_default(call_default_factory=True):
            found[name] = _differing(value) if isinstance(value, Config) else value
    return found
