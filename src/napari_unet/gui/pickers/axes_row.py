"""What is taken for granted about an image, in sight and to be changed."""

from __future__ import annotations

from collections.abc import Sequence

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.gui.layers.axes import (
    CHANNELS,
    axes_of,
    choices_of,
    open_choices,
    set_axes,
    shape_of,
)
from napari_unet.gui.layers.placement import file_spacing, spacing_of, use_spacing
from napari_unet.gui.parts.dock_widgets import (
    ignore_wheel,
    lay_out,
    push_button,
    sentences,
    take_out,
)
from napari_unet.gui.pickers.spacing_row import SpacingRow

USE = "Set scale and units of the layer, and of the labels that lie on it."
CHANGE_HELP = "Say what the axes of the image are, and how large a pixel is."
AXES_HELP = (
    "What the axes of the image are: time (T), channels (C), depth (Z), rows (Y) and "
    "columns (X)."
)
MEANINGS = {"Z": "depth (Z)", "T": "time (T)", "C": "channels (C)"}


def describe(layer: Image) -> str:
    """Return axes, shape and spacing in one line.

    "Z Y X  28 x 512 x 512  0.5 x 0.25 x 0.25 µm", for example; a question mark stands
    for an axis that is not known.
    """
    axes, shape = axes_of(layer), shape_of(layer)
    colours = " RGB" if layer.rgb else ""
    sizes = " x ".join(str(n) for n in shape)
    spacing = None if axes is None else spacing_of(layer, axes)
    letters = " ".join(_known_letters(layer)) + colours
    if spacing is None:
        return f"{letters}  {sizes} px"
    return f"{letters}  {sizes}  {lengths(spacing)}"


def lengths(spacing: tuple[float, ...]) -> str:
    """Return a spacing as text; one number where it is the same along all axes."""
    same = len(set(spacing)) == 1
    return " x ".join(f"{s:.3g}" for s in spacing[: 1 if same else None]) + " µm"


def question(layer: Image) -> tuple[str, dict[str, str]]:
    """Return what to ask about the axes of a layer; "" where nothing is to be asked.

    With it come the answers: the letters of what was asked, and the axes.
    """
    choices = open_choices(layer)
    if axes_of(layer) is not None or not choices:
        return "", {}
    shape = shape_of(layer)
    likely = [c for c in choices if "C" not in c or shape[c.index("C")] in CHANNELS]
    likely = (likely if len(likely) > 1 else list(choices))[:3]
    unknown = [i for i, letter in enumerate(_known_letters(layer)) if letter == "?"]
    answers = {" ".join(choice[i] for i in unknown): choice for choice in likely}
    planes = " x ".join(str(shape[i]) for i in unknown) + " planes"
    if len(unknown) > 1:
        return f"{planes}: which axes are they?", answers
    *first, last = [MEANINGS[letter] for letter in answers]
    are = "" if len(first) > 1 else "are they "  # three must fit a line, too
    return f"{planes}: {are}{', '.join(first)} or {last}?", answers


def _known_letters(layer: Image) -> list[str]:
    axes = axes_of(layer)
    choices = (axes,) if axes is not None else open_choices(layer)
    if not choices:
        return ["?"] * layer.ndim
    letters = [set(letters) for letters in zip(*choices, strict=True)]
    shape = shape_of(layer)
    return [
        found.pop() if len(found) == 1 or n == 1 else "?"
        for found, n in zip(letters, shape, strict=True)
    ]


class Line(QWidget):
    """A sentence with buttons behind it; not there while there is nothing to say."""

    picked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.label = sentences()
        self.buttons = QButtonGroup(self)
        self.buttons.idClicked.connect(self.picked)
        self._row = lay_out(QHBoxLayout(self), (self.label, 1))
        self._said: object = None
        self.say("", ())

    def say(self, text: str, answers: Sequence[tuple[str, str]]) -> None:
        """Show a sentence and for each answer a button with its tooltip."""
        if (text, answers) == self._said:
            return
        self._said = (text, answers)
        for button in self.buttons.buttons():
            self.buttons.removeButton(button)
            take_out(self._row, button)
        for index, (name, tip) in enumerate(answers):
            button = push_button(name, tip)
            self.buttons.addButton(button, index)
            self._row.addWidget(button)
        self.label.setToolTip(answers[0][1] if len(answers) == 1 else text)
        self.label.setText(text)
        self.setVisible(bool(text))


class AxesRow(QWidget):
    """One line of axes, shape and spacing; a question where the axes are not known.

    What the user says goes to the layer, whose events tell it to everybody.

    viewer : of its layers, those that lie on the image follow when its scale is set
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._layer: Image | None = None
        self._found: tuple[object, tuple[float, ...] | None] = (None, None)
        self._answers: list[str] = []
        self.line = sentences()
        self.change_button = QPushButton("change")
        self.change_button.setCheckable(True)
        self.change_button.toggled.connect(self._show_choices)
        self.choices_box = ignore_wheel(QComboBox())
        self.choices_box.setPlaceholderText("choose")
        self.choices_box.setToolTip(AXES_HELP)
        self.choices_box.activated.connect(self._choose)
        self.choices_box.hide()
        self.spacing = SpacingRow()
        self.spacing.given.connect(self._set_spacing)
        self.spacing.hide()
        self.question, self.offer = Line(), Line()
        self.question.picked.connect(self._answer)
        self.offer.picked.connect(self._use_spacing)
        top = (self.line, 1), (self.choices_box, 1), self.change_button
        rows = lay_out(QHBoxLayout(), *top), self.spacing, self.question, self.offer
        lay_out(QVBoxLayout(self), *rows, spacing=2)

    def show_layer(self, layer: Image | None) -> None:
        """Show a layer as it is now."""
        if layer is not self._layer:
            self.change_button.setChecked(False)
        self._layer = layer
        self.line.setText("" if layer is None else _unbroken(describe(layer)))
        self.line.setToolTip(
            "Axes, size and µm per pixel of the image, as they are used."
            if layer is None
            else f"{layer.name}: {describe(layer)}"
        )
        self._show_choices(self.change_button.isChecked())
        text, answers = ("", {}) if layer is None else question(layer)
        self._answers = list(answers.values())
        self.question.say(text, [_answer(letters) for letters in answers])
        spacing = self._file_spacing()
        self.offer.say(
            "" if spacing is None else f"The file says {lengths(spacing)} per pixel",
            [] if spacing is None else [("use", USE)],
        )

    def _show_choices(self, shown: bool) -> None:
        choices = () if self._layer is None else choices_of(self._layer)
        self.change_button.setEnabled(bool(choices))
        why_not = "Choose an image first." if self._layer is None else ""
        self.change_button.setToolTip(why_not or CHANGE_HELP)
        self.choices_box.setVisible(shown and len(choices) > 1)
        self.spacing.setVisible(shown)
        self.spacing.show_layer(self._layer)
        self.line.setVisible(not self.choices_box.isVisibleTo(self))
        self.choices_box.clear()
        for axes in choices:
            self.choices_box.addItem(" ".join(axes), axes)
        known = None if self._layer is None else axes_of(self._layer)
        # Where the axes are not known nothing is chosen: any entry is an answer.
        self.choices_box.setCurrentIndex(self.choices_box.findData(known or "none"))

    def _choose(self, index: int) -> None:
        axes = self.choices_box.itemData(index)
        self.change_button.setChecked(False)
        if self._layer is not None:
            set_axes(self._layer, axes)

    def _answer(self, index: int) -> None:
        if self._layer is not None:
            set_axes(self._layer, self._answers[index])

    def _file_spacing(self) -> tuple[float, ...] | None:
        """Look into the file once for each state that can change the answer."""
        layer = self._layer
        if layer is None:
            return None
        key = (layer, axes_of(layer), layer.units, layer.source.path)
        if self._found[0] != key:
            self._found = (key, file_spacing(layer))
        return self._found[1]

    def _use_spacing(self) -> None:
        spacing = self._file_spacing()
        if spacing is not None:
            self._set_spacing(spacing)

    def _set_spacing(self, spacing: tuple[float, ...]) -> None:
        self.change_button.setChecked(False)
        if self._layer is not None:
            use_spacing(self._layer, spacing, self._viewer.layers)


def _unbroken(text: str) -> str:
    """Let a line break between axes, shape and spacing, not within them."""
    return "  ".join(
        part.replace(" ", "\N{NO-BREAK SPACE}") for part in text.split("  ")
    )


def _answer(letters: str) -> tuple[str, str]:
    return letters, f"They are {', '.join(MEANINGS[a] for a in letters.split())}."
