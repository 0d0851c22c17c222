"""What the Segment dock is made of: its rows, buttons and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from napari.viewer import Viewer
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractSlider,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QVBoxLayout,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from napari_unet.config import PredictConfig
from napari_unet.config.base import SPEED
from napari_unet.gui.copy_as.kinds import SEGMENT_WRITERS, with_file
from napari_unet.gui.correct.help import CorrectHelp
from napari_unet.gui.inside.fold import InsideForm
from napari_unet.gui.layers.right_views import RIGHT, RIGHT_HELP
from napari_unet.gui.parts.clipboard import CopyButton
from napari_unet.gui.parts.dock_widgets import (
    Column,
    device_menu,
    enable,
    ignore_wheel,
    lay_out,
    push_button,
    refill,
    say,
    sentences,
)
from napari_unet.gui.parts.form import ConfigForm, Fold
from napari_unet.gui.parts.progress import ProgressRow
from napari_unet.gui.pickers.image_picker import ImagePicker
from napari_unet.gui.pickers.model_picker import ModelPicker
from napari_unet.gui.preferences import preferences
from napari_unet.gui.results.compare import NO_RESULT, CompareForm
from napari_unet.gui.results.images_table import ImagesTable
from napari_unet.gui.results.objects_table import ObjectsTable
from napari_unet.gui.results.result_layer import ResultLayer
from napari_unet.gui.segment.object_size import ObjectSize
from napari_unet.gui.segment.outlines import OutlinesBox
from napari_unet.models.store import config_of
from napari_unet.text import sentence

# The slider is the field for the score, and the object size is in sight.
FIELDS = [n for n in PredictConfig.model_fields if n not in ("score", "object_size")]
SPEED_AND_MEMORY = str(SPEED["group"])
RUNNING = "a segmentation is running; wait, or cancel it"
NO_MODEL = "train a model first, or choose one with folder..."
FIXED = (
    "the layer was found right, or holds other labels, and hiding objects could undo "
    "that; segment again"
)
NOT_HERE = "these labels were not segmented here"
NO_SCORES = "classes have no scores"
NO_IMAGE = "there is no image here; open an image first"
OPTIONS_HELP = "How images are segmented; empty: as training found."
IMAGES_HELP = "What each of several images gave."
TRUTH_HELP = "How well the result agrees with true objects."
INSIDE_HELP = "What the network computes on its way to the result."
DEVICE_HELP = "Where the network runs; auto: on a graphics card where there is one."
VIEW_HELP = "Segment what is in sight now: one plane and time point, in 3D all planes."
IMAGE_HELP = "Segment the whole image: all planes, all time points."
ALL_HELP = "Segment all open images, one after the other."
MENU_HELP = "Segment this image, all open ones, or those of a folder on the disk."
SCORE_HELP = "Hides objects that the model is less sure of; nothing runs again."
SCORE = "how sure the model is: the mean certainty of an object's pixels, 0 to 1"
TRAIN_HELP = "Open the Train dock with this image and these labels as a pair."
COPY_HELP = (
    "Copy what reproduces this result: Python code or a command line; or what a paper "
    "says of it."
)


class ScoreSlider(QLabeledDoubleSlider):
    """A slider whose number has room, whatever the size of its letters."""

    def changeEvent(self, event: QEvent) -> None:
        """Measure the number once its letters have another size."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            QTimer.singleShot(0, self._measure)

    def _measure(self) -> None:
        self.setDecimals(self.decimals())  # superqt measures only then


class SegmentForm(Column):
    """The widgets of the dock, in the order in which they are read."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.picker = ImagePicker(viewer)
        self.model = ModelPicker()
        self.progress = ProgressRow()
        self.reason = sentences("Why nothing can be segmented now.")
        self.summary, self.notes = (sentences(selectable=True) for _ in range(2))
        self.outlines = OutlinesBox(viewer)
        self.table = ObjectsTable(viewer)
        self.images = ImagesTable()
        self.compare = CompareForm(viewer)
        self.inside = InsideForm(viewer)
        self._make_options()
        self._make_buttons()
        self.correct = CorrectHelp(self.train_button)
        self._make_score()
        self.setWidget(self._content())
        self.show_outcome("", "")

    def config(self, spacing: Sequence[float] | None = None) -> PredictConfig:
        """Return the options, the score of the slider with them if it was moved.

        spacing : µm per pixel, ``[Z]YX``, of an image whose objects are as wide in µm
            as those of the chosen one; by default they are as wide in px

        A ValueError where an option is out of range.
        """
        config = cast("PredictConfig", self.options_form.value())
        size = self.object_size.value(spacing)
        return config.replace(score=self.least, object_size=size)

    @property
    def least(self) -> float | None:
        """The score that objects must have; None: what training found."""
        return round(self.score.value(), 2) if self.score_moved else None

    def set_known(self, known: Mapping[str, Sequence[str]]) -> None:
        """Take what only torch knows: the devices."""
        refill(self.device, known["device"])

    def show_outcome(self, summary: str, notes: str) -> None:
        """Show what the last run of this image gave."""
        say(self.summary, summary)
        say(self.notes, notes)

    def show_reason(self, reason: str, no_model: bool) -> None:
        """Say in sight why nothing can be segmented now; "": something can."""
        say(self.reason, sentence(reason))
        self.first_button.setVisible(no_model)

    def _content(self) -> QWidget:
        head = QFormLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        head.addRow("Image", self.picker)
        head.addRow("Model", self.model)
        buttons = (self.view_button, 1), (self.image_button, 1), self.menu_button
        last = (self.right_button, 1), (self.train_button, 1), (self.copy_button, 1)
        speed = self.options_form.folds[SPEED_AND_MEMORY]
        compare = Fold("Compare with", self.compare, TRUTH_HELP)
        compare.toggled.connect(self.compare.set_open)
        self.images_fold = Fold("Images", self.images, IMAGES_HELP)
        self.images_fold.hide()  # until there are several
        inside = Fold("Look inside", self.inside, INSIDE_HELP)
        inside.toggled.connect(self.inside.set_open)
        content = QWidget()
        lay_out(
            QVBoxLayout(content),
            *(head, self.object_size, _line(*buttons)),
            *(Fold("Options", self.options_form, OPTIONS_HELP), speed),
            *(_line((self.reason, 1), self.first_button), self.progress),
            *(_line((self.summary, 1), self.outlines), self.notes),
            _line(QLabel("Score   at least"), (self.score, 1)),
            self.score_text,
            self.correct,
            self.images_fold,
            Fold("Objects", self.table, "What was found, as a table."),
            compare,
            *(inside, _line(*last), 1),
            margins=None,
        )
        return content

    def _make_options(self) -> None:
        self.object_size = ObjectSize()
        apart = [SPEED_AND_MEMORY]
        self.options_form = ConfigForm(PredictConfig, FIELDS, apart=apart)
        memory = preferences().memory
        if memory is not None:
            self.options_form.set_value(PredictConfig(memory=memory))
        self.device = device_menu(DEVICE_HELP)
        self.options_form.add_row("Device", self.device, group=SPEED_AND_MEMORY)

    def _make_buttons(self) -> None:
        self.view_button = push_button("Segment view")
        self.image_button = push_button("Segment image")
        self.menu_button = push_button("")
        self.menu_button.setFixedWidth(28)  # no more than its arrow
        self.menu_button.setAccessibleName("other images to segment")
        menu = QMenu(self.menu_button)
        menu.setToolTipsVisible(True)
        self.image_action = menu.addAction("image")
        self.all_action = menu.addAction("all open images")
        self.folder_action = menu.addAction("folder...")
        self.image_action.triggered.connect(self.image_button.click)
        self.menu_button.setMenu(menu)
        self.first_button = push_button("Train a model", "Open the Train dock.")
        self.right_button = push_button(RIGHT)
        self.train_button = push_button("Correct and train")
        self.copy_button = CopyButton(SEGMENT_WRITERS, with_file)

    def _make_score(self) -> None:
        self.score_moved = False
        self.score = ignore_wheel(ScoreSlider(Qt.Orientation.Horizontal))
        self.score.setRange(0, 1)
        self.score.setSingleStep(0.01)
        self.score.setPageStep(0.1)
        self.score.setDecimals(2)
        self.score_text = sentences(SCORE_HELP)


def show_states(
    form: SegmentForm, result: ResultLayer | None, running: bool, corrected: bool
) -> None:
    """Grey what cannot be done now, and say why.

    `result` is that of the image that is chosen; `running` says whether something is
    being segmented, `corrected` whether labels on the image were corrected.
    """
    busy = RUNNING if running else ""
    not_now = busy or ("" if form.model.path else NO_MODEL)
    why_not = not_now or form.picker.why_not()
    form.show_reason("" if running else why_not, not form.model.path)
    enable(form.view_button, why_not, VIEW_HELP)
    enable(form.image_button, why_not, IMAGE_HELP)
    # A folder needs no image.
    enable(form.menu_button, not_now, MENU_HELP)
    no_result = NO_RESULT if result is None else ""
    enable(form.right_button, no_result or busy, RIGHT_HELP)
    enable(form.train_button, "" if corrected else no_result, TRAIN_HELP)
    elsewhere = NOT_HERE if result is not None and result.adopted else ""
    enable(form.copy_button, no_result or elsewhere, COPY_HELP)
    enable(form.image_action, why_not, IMAGE_HELP)
    no_image = "" if form.picker.images() else NO_IMAGE
    enable(form.all_action, not_now or no_image, ALL_HELP)
    no_scores = _no_scores(result)
    enable(form.score, no_scores, SCORE_HELP)
    known = no_scores in ("", FIXED)
    say(form.score_text, SCORE if known else "")
    # Before a run there is no score that objects must have: no 0.00 either.
    for part in form.score.children():
        if isinstance(part, QWidget) and not isinstance(part, QAbstractSlider):
            part.setVisible(known)
    apply_options(form)
    form.compare.follow(result)
    why_not = form.picker.why_not() if form.model.path else NO_MODEL
    device = form.device.currentText()
    form.inside.follow(form.picker.layer, form.model.path, device, why_not)


def apply_options(form: SegmentForm) -> None:
    """Hide the options that mean nothing to the model or the image chosen."""
    path, picker, options = form.model.path, form.picker, form.options_form
    config = None if path is None else config_of(path)
    axes = picker.axes if picker.layer is not None else None
    plane = axes is not None and "Z" not in axes
    objects = config is None or config.formulation == "instances"
    planar = config is None or config.ndim == 2
    options.apply("link", objects and planar and not plane)
    options.apply("smallest", objects)
    options.apply("level", config is None or config.network == "unet++")
    form.object_size.setVisible(config is None or config.object_size is not None)


def _no_scores(result: ResultLayer | None) -> str:
    if result is None or result.outcome is None:
        return NO_RESULT
    if not result.outcome.instances:
        return NO_SCORES
    if result.adopted:
        return NOT_HERE
    return "" if result.slides else FIXED


def _line(*items: Any) -> QHBoxLayout:
    return lay_out(QHBoxLayout(), *items)
