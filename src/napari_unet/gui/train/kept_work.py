"""The work of the Train dock that is kept, comes back, and goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_warning
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_unet.gui import worker
from napari_unet.gui.keep import kept
from napari_unet.gui.keep.closing import Closing
from napari_unet.gui.keep.keeper import Keeper, items_of
from napari_unet.gui.keep.reopen import Loaded, load, reopen
from napari_unet.gui.layers.images import Pair
from napari_unet.gui.pairs.table import PairsTable
from napari_unet.gui.train.form import TrainForm
from napari_unet.gui.train.work import TrainSettings, settings_of, settings_told
from napari_unet.training.annotated import Annotated, Folder

OTHER_PAIRS = (
    "the training that was kept began with {began} pairs, and {now} are here; open "
    "those, or press Start to train anew"
)


class KeptWork(QObject):
    """Keeps what a Train dock holds, offers what was kept, and brings it back."""

    changed = Signal()

    def __init__(
        self, viewer: Viewer, table: PairsTable, form: TrainForm, dock: QWidget
    ) -> None:
        super().__init__(dock)
        self._viewer, self._table, self._form = viewer, table, form
        self.keeper = Keeper(viewer, table, self._told, self)
        form.model_picker.offers = self._offers
        form.model_picker.offered.connect(self.bring_back)
        form.model_picker.refresh()
        QTimer.singleShot(0, self._watch_window)  # once the dock is in it

    def _watch_window(self) -> None:
        dock = self.parent()
        assert isinstance(dock, QWidget)
        Closing(dock.window(), self._closing, self.keeper.flush, dock)

    def bring_back(self, folder: str | Path) -> None:
        """Bring work that was kept into the viewer."""
        worker.start(
            *(self, "reading what was kept", load, Path(folder)),
            on_returned=self._bring_back,
        )

    def training(
        self, targets: Sequence[Pair]
    ) -> tuple[TrainSettings, list[Annotated | Folder]]:
        """Return what the unfinished training was started with, on the layers of now.

        A ValueError if it was started with others.
        """
        assert self.keeper.folder is not None
        work = kept.read(self.keeper.folder)
        told = work.told["training"]
        began = sum("folder" not in item for item in told["items"])
        if began != len(targets):
            raise ValueError(OTHER_PAIRS.format(began=began, now=len(targets)))
        items = list(items_of(work, [target.image for target in targets]))
        return settings_of(told), items

    def _bring_back(self, loaded: Loaded) -> None:
        problems = reopen(self._viewer, self._table, self.keeper, loaded)
        told = loaded.work.told["training"] or loaded.work.told["form"]
        with worker.reporting():
            if told is not None:
                self._form.show_settings(settings_of(told))
        if problems:
            show_warning("\n".join(problems))
        self.changed.emit()

    def _told(self) -> tuple[str, dict[str, Any] | None]:
        name = self._form.name.edit.text()
        try:
            return name, settings_told(self._form.settings(Path()))
        except ValueError:
            return name, None

    def _offers(self) -> dict[str, str]:
        return {f"go on with {k.title}": str(k.folder) for k in kept.entries()}

    def _closing(self) -> list[str]:
        """Return what napari's question before it closes says."""
        lines = []
        if worker.running(worker.SEGMENTING):
            lines.append("A segmentation runs; it ends without a result.")
        if worker.running(worker.TRAINING):
            lines.append("A training runs; it stops, and can go on later.")
        if self.keeper.folder is not None:
            lines.append(
                "What was painted is kept: Train > Start from > go on with ... It is "
                "in no file of yours."
            )
        return lines
