"""What a press of Start would do now, and what the last one did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_unet.gui.copy_as.kinds import Shown, in_steps, shown_in
from napari_unet.gui.copy_as.press import TrainPress
from napari_unet.gui.layers.classes import as_shown
from napari_unet.gui.layers.images import Pair
from napari_unet.gui.pairs.table import PairsTable
from napari_unet.gui.train.form import TrainForm
from napari_unet.gui.train.work import TrainSettings
from napari_unet.training.annotated import Annotated, Folder


class LastPress:
    """The last press of Start, and how far its training came.

    last : the last one; None: there was none yet
    targets : the layers that it took
    steps : how many its training has done
    kept : whether its folder holds a model that learnt something
    """

    def __init__(self, table: PairsTable, form: TrainForm) -> None:
        self._table, self._form = table, form
        self.last: TrainPress | None = None
        self.targets: list[Pair] = []
        self.steps = 0
        self.kept = False

    def begin(self, settings: TrainSettings, targets: list[Pair]) -> None:
        """Take note of a press."""
        self.last, self.targets = self._pressed(settings), targets
        self.steps, self.kept = 0, False

    def settings(self, folder: Path | None = None) -> TrainSettings:
        """Return what the form says, with classes as the layers show them."""
        return self._with_classes(self._form.settings(folder))

    def quick_settings(self) -> TrainSettings:
        """Return what a quick look is fitted with."""
        return self._with_classes(self._form.quick_settings())

    def _with_classes(self, settings: TrainSettings) -> TrainSettings:
        if settings.model is None or self._table.folders:
            return settings
        layers = self._table.labels_layers()
        return replace(settings, model=as_shown(settings.model, layers))

    def crops(self) -> tuple[TrainSettings, list[Annotated | Folder]]:
        """Return what a press would train with and on, for its crops."""
        settings = self.settings(Path())  # crops need no folder for a model
        return settings, self._table.items()

    def best_model(self) -> tuple[str, str]:
        """Return the model that knows the layers best, "" if there is none; device."""
        path = self._form.model_picker.path or ""
        images = [row.image for row in self._table.pairs]
        if self.last is not None and self.kept:
            if any(target.layer in images for target in self.targets):
                path = str(self.last.folder)
        return path, self._form.device_box.currentText()

    def shown(self) -> tuple[TrainPress, list[Shown]]:
        """Return the last press, or one now, and what its layers hold.

        A ValueError if there was none, and one could not start now.
        """
        press = self.last
        if press is None:
            press = self._pressed(self.settings())
            self.targets = self._table.targets()
        config = in_steps(press.config, self.steps)
        return replace(press, config=config), [shown_in(t) for t in self.targets]

    def _pressed(self, settings: TrainSettings) -> TrainPress:
        return TrainPress(
            self._table.press(),
            settings.folder,
            settings.config,
            settings.model,
            settings.init,
            settings.device,
        )
