"""How to train: what 0 means, what is learnt, from where, how long, and the options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.config.base import MORE
from napari_unet.config.model import OF_NETWORKS
from napari_unet.gui.layers.right_views import RIGHT, RIGHT_HELP
from napari_unet.gui.pairs.folder_row import DataRow
from napari_unet.gui.pairs.meaning_choice import MeaningChoice
from napari_unet.gui.parts.dock_widgets import (
    device_menu,
    form_rows,
    ignore_wheel,
    lay_out,
    push_button,
    radio_buttons,
    refill,
)
from napari_unet.gui.parts.form import ConfigForm, Fold
from napari_unet.gui.pickers.model_name import ModelName
from napari_unet.gui.pickers.model_picker import ModelPicker, built_in
from napari_unet.gui.train.work import TrainSettings
from napari_unet.models.store import config_of

MORE_OPTIONS = str(MORE["group"])
TRAIN_FIELDS = [n for n in TrainConfig.model_fields if n != "minutes"]
MODEL_FIELDS = [
    *("depth", "width", "norm", "dropout", "upsampling", "border_width", "percentiles")
]

QUICK = "forest"  # the pixel classifier of quick looks
DEVICE_HELP = "Where to compute; auto: a GPU where there is one."
OPTIONS_HELP = "Options that most trainings leave as they are."
NETWORK_HELP = "Options of the network, for a start from scratch."


class TrainForm(QWidget):
    """The rows between the pairs and the Start button."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._classifiers: frozenset[str] = frozenset()
        self._data: Sequence[DataRow] = ()
        self.labels_mean = mean = MeaningChoice(self)
        mean.changed.connect(self.arrange)
        self.right_button = push_button(RIGHT, RIGHT_HELP)
        line = (mean.paint_button, 1), mean.background_box, (self.right_button, 1)
        self._background_line = lay_out(QHBoxLayout(), *line, spacing=6)
        self._make_learn()
        self._make_start()
        self._make_options()
        rows = form_rows()
        self._zero_line = _line(mean.background_button, mean.unknown_button)
        rows.addRow("0 means", self._zero_line)
        rows.addRow(self._background_line)
        rows.addRow(mean.told)
        rows.addRow("Learn", self._learn)
        rows.addRow("Start from", self.model_picker)
        rows.addRow("Network", self.network_box)
        rows.addRow("Budget", self.minutes_box)
        self._rows = rows
        lay_out(QVBoxLayout(self), rows, self.options)
        self.arrange()

    @property
    def classifier(self) -> bool:
        """Whether a pixel classifier is to be fitted, which takes seconds."""
        chosen = self.network_box.currentText() in self._classifiers
        return chosen and self.model_picker.path is None

    @property
    def learns_classes(self) -> bool:
        """Whether classes are learnt from scratch, not objects."""
        return self.classes_button.isChecked() and self.model_picker.path is None

    def set_data(self, rows: Sequence[DataRow], name: str) -> None:
        """Show what is said of the labels in rows.

        `name` is that of the image or folder that the model is named after.
        """
        self.name.suggest(name)
        self._data = rows
        self.arrange()

    def propose_built_in(self, fits: bool) -> None:
        """Start from the built-in model where it fits, unless the user chose."""
        if self.model_picker.touched or self.classes_button.isChecked():
            return
        self.model_picker.propose(built_in() if fits else None)

    def choose_network(self, name: str) -> None:
        """Choose a start from scratch, with a network or pixel classifier."""
        self.model_picker.set_path(None)
        if self.network_box.findText(name) < 0:  # torch has not named them yet
            self.network_box.addItem(name)
        self.network_box.setCurrentText(name)

    def set_choices(self, names: Mapping[str, Sequence[str]]) -> None:
        """Fill the menus whose entries only torch knows."""
        self._classifiers = frozenset(names["classifier"])
        refill(self.network_box, names["network"])
        # A device that is missing stays: Start says so instead of taking another.
        refill(self.device_box, names["device"])
        self.train_form.set_choices("loss", names["loss"])

    def settings(self, folder: Path | None = None) -> TrainSettings:
        """Return what the form says; `folder`: the model's, whatever its name there.

        A ValueError if an option is out of range or a model of the name is there
        already.
        """
        if why_not := self.labels_mean.why_not(known=True):
            raise ValueError(why_not)
        config = cast(TrainConfig, self.train_form.value())
        if config.steps is None and config.epochs is None:
            config = config.replace(minutes=self.minutes_box.value())
        init = self.model_picker.path
        return TrainSettings(
            config,
            self.model() if init is None else None,
            init,
            folder or self.name.folder(),
            self.device_box.currentText(),
        )

    def quick_settings(self) -> TrainSettings:
        """Return what fits a pixel classifier in a second, whatever else is chosen."""
        if why_not := self.labels_mean.why_not(known=True):
            raise ValueError(why_not)
        path = self.model_picker.path
        classes = self.learns_classes
        if path is not None:
            start = config_of(path)
            classes = start is not None and start.formulation == "semantic"
        formulation = "semantic" if classes else "instances"
        return TrainSettings(
            TrainConfig(minutes=1, thresholds=False),
            ModelConfig(network=QUICK, formulation=formulation),
            None,
            self.name.quick_folder(),
            self.device_box.currentText(),
        )

    def show_settings(self, settings: TrainSettings) -> None:
        """Show these settings; a ValueError if their first model is gone."""
        self.train_form.set_value(settings.config)
        if settings.config.minutes is not None:
            self.minutes_box.setValue(settings.config.minutes)
        if settings.model is not None:
            self.model_form.set_value(settings.model)
            self.choose_network(settings.model.network)
            self.classes_button.setChecked(settings.model.formulation == "semantic")
        self.device_box.setCurrentText(settings.device)
        if settings.init is not None:
            self.model_picker.set_path(settings.init)

    def model(self) -> ModelConfig:
        """Return what is learnt from scratch; a ValueError if an option is wrong."""
        config = cast(ModelConfig, self.model_form.value())
        network = self.network_box.currentText()
        if network != config.network:
            config = config.replace(network=network)
        if self.classes_button.isChecked():
            config = config.replace(formulation="semantic")
        return config

    def _make_learn(self) -> None:
        _, (self.instances_button, self.classes_button) = radio_buttons(
            self,
            ("instances", "Every object, touching ones apart."),
            ("classes", "Every label is a class of pixels, not an object."),
        )
        self.instances_button.setChecked(True)
        self._learn = _line(self.instances_button, self.classes_button)
        self.classes_button.toggled.connect(self._learn_classes)

    def _make_start(self) -> None:
        self.model_picker = ModelPicker(scratch=True)
        self.model_picker.changed.connect(self._model_chosen)
        self.network_box = ignore_wheel(QComboBox())
        self.network_box.addItem("unet")
        self.network_box.currentTextChanged.connect(self.arrange)
        self.network_box.setToolTip(
            str(ModelConfig.model_fields["network"].description)
        )
        self.minutes_box = ignore_wheel(QDoubleSpinBox())
        self.minutes_box.setDecimals(1)
        self.minutes_box.setRange(0.1, 99_999)
        self.minutes_box.setValue(10)
        self.minutes_box.setSuffix(" minutes")

    def _make_options(self) -> None:
        self.train_form = ConfigForm(TrainConfig, TRAIN_FIELDS, apart=[MORE_OPTIONS])
        self.train_form.changed.connect(self.arrange)
        self.look_button = push_button("look")
        self.train_form.put_beside("augment", self.look_button)
        self.model_form = ConfigForm(ModelConfig, MODEL_FIELDS)
        self.model_fold = Fold("Network", self.model_form, NETWORK_HELP)
        self.device_box = device_menu(DEVICE_HELP)
        self.name = ModelName()
        rows = form_rows()
        rows.addRow("Model name", self.name)
        self.train_form.add_row("Device", self.device_box)
        ignored = "Ignored label", self.labels_mean.ignored_box
        self.train_form.add_row(*ignored, group=MORE_OPTIONS)
        more = self.train_form.folds[MORE_OPTIONS]
        inside = QWidget()
        lay_out(QVBoxLayout(inside), rows, self.train_form, self.model_fold, more)
        self.options = Fold("Options", inside, OPTIONS_HELP)

    def arrange(self) -> None:
        """Grey and hide what does not apply now."""
        mean = self.labels_mean
        mean.follow(self._data, "classes" if self.learns_classes else "objects")
        rows = self._rows
        rows.setRowVisible(self._zero_line, bool(mean.pairs))
        rows.setRowVisible(self._background_line, mean.partly)
        mean.background_box.setVisible(mean.special)
        rows.setRowVisible(mean.told, bool(mean.told.text()))
        path = self.model_picker.path
        scratch = path is None
        # A model has decided them; but the built-in one was nobody's decision.
        rows.setRowVisible(self._learn, scratch or path == built_in())
        rows.setRowVisible(self.network_box, scratch)
        self.model_fold.setVisible(scratch and not self.classifier)
        for name in TRAIN_FIELDS:
            unused = self.classifier and name in OF_NETWORKS
            unused |= scratch and name == "rehearsal"
            self.train_form.apply(name, not unused)
        self._arrange_budget()
        self.changed.emit()

    def _arrange_budget(self) -> None:
        try:
            config = cast(TrainConfig, self.train_form.value())
        except ValueError:
            return  # the row that is wrong is marked already
        timed = config.steps is None and config.epochs is None
        self.minutes_box.setEnabled(timed and not self.classifier)
        help_text = "Train for so long; the best model so far is kept at any moment."
        if self.classifier:
            help_text = "A pixel classifier is fitted once, in seconds."
        elif not timed:
            help_text = "The options name steps or epochs instead."
        self.minutes_box.setToolTip(help_text)

    def _learn_classes(self, classes: bool) -> None:
        """Leave the built-in model, which knows objects, to learn classes."""
        if classes and self.model_picker.path == built_in():
            self.model_picker.propose(None)
        self.changed.emit()

    def _model_chosen(self) -> None:
        """Learn objects where the built-in model, which knows them, was chosen."""
        path = self.model_picker.path
        if path is not None and path == built_in():
            self.instances_button.setChecked(True)
        self.arrange()


def _line(*widgets: QWidget) -> QHBoxLayout:
    return lay_out(QHBoxLayout(), *widgets, 1, spacing=12)
