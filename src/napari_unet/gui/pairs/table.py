"""The table of what a model is trained on: layers in pairs, and folders."""

from __future__ import annotations

from pathlib import Path

from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.gui.copy_as.press import FolderPress, ItemPress
from napari_unet.gui.layers.images import Pair
from napari_unet.gui.layers.right_views import mark_view
from napari_unet.gui.pairs.folder_row import DataRow, FolderRow
from napari_unet.gui.pairs.pair_row import PairRow
from napari_unet.gui.parts.dialogs import ask_folder
from napari_unet.gui.parts.dock_widgets import lay_out, push_button, take_out
from napari_unet.training.annotated import Annotated, Folder

LAYERS_HELP = "Add a row for another image layer with its labels layer."
FOLDER_HELP = "Add a folder of images with labels; it is read when training starts."


class PairsTable(QWidget):
    """Pairs of an image and its labels, and data set folders."""

    changed = Signal()
    edited = Signal()  # some labels were
    counted = Signal()  # the numbers in some were

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._rows: list[DataRow] = []
        self.layers_button = push_button("+ layers", LAYERS_HELP, self._add_layers)
        self.folder_button = push_button("+ folder...", FOLDER_HELP, self._ask_folder)
        self._column = QVBoxLayout()
        buttons = lay_out(QHBoxLayout(), self.layers_button, self.folder_button, 1)
        lay_out(QVBoxLayout(self), self._column, buttons, spacing=2)
        self._add_layers()
        self._first = self._rows[0]  # which nobody asked for

    @property
    def pairs(self) -> list[PairRow]:
        """The rows of layers."""
        return [row for row in self._rows if isinstance(row, PairRow)]

    @property
    def folders(self) -> list[FolderRow]:
        """The rows of folders."""
        return [row for row in self._rows if isinstance(row, FolderRow)]

    def add_pair(self, image: Image, labels: Labels | None = None) -> PairRow:
        """Add an image layer with its labels layer, and return the row.

        labels : by default the one that most likely lies on the image
        """
        self._drop_unused()
        for row in self.pairs:
            if row.image == image and labels in (row.labels, None):
                return row
            if row.image == image and not row.touched:
                row.choose(image, labels)
                return row
        row = self._add_pair()
        row.choose(image, labels)
        row.preselect(self._used(row))
        return row

    def add_folder(self, path: str | Path) -> None:
        """Add a data set folder; what it holds is found in a job."""
        path = Path(path)
        if path not in [row.path for row in self.folders]:
            self._drop_unused()
            self._add(FolderRow(path))

    @property
    def data(self) -> list[object]:
        """What is listed, to tell whether something else is."""
        pairs: list[object] = [(row.image, row.labels) for row in self.pairs]
        return [*pairs, *(row.path for row in self.folders)]

    @property
    def rows(self) -> list[DataRow]:
        """All rows: pairs, and then folders."""
        return [*self.pairs, *self.folders]

    def labels_layers(self) -> list[Labels]:
        """Return the labels layers that are chosen."""
        return [row.labels for row in self.pairs if row.labels is not None]

    def mark_view(self) -> None:
        """Mark the first pair in sight as right there; a ValueError if none is."""
        reason = "add an image with its labels, and move the view to it"
        for target in [row.target() for row in self.pairs if not row.why_not()]:
            try:
                mark_view(self._viewer, target.layer, target.axes, target.labels)
                return
            except ValueError as error:
                reason = str(error)
        raise ValueError(reason)

    def paint_background(self) -> None:
        """Take up the brush for background; a ValueError where it cannot be painted."""
        rows = [row for row in self.pairs if row.said.zero == "unknown"]
        active = self._viewer.layers.selection.active
        for row in sorted(rows, key=lambda row: row.labels != active)[:1]:
            row.paint_background()

    @property
    def right(self) -> bool:
        """Whether there are views in which all objects are labelled."""
        return any(row.right for row in self.pairs)

    @property
    def planar(self) -> bool:
        """Whether all pairs are planes of one channel or RGB, as far as one can see."""
        return not self.folders and all(row.planar for row in self.pairs)

    def why_not(self) -> str:
        """Return why training cannot start; "" if it can."""
        if not self._rows:
            return "add an image with its labels, or a folder of them"
        return next((r for r in (row.why_not() for row in self.pairs) if r), "")

    def items(self) -> list[Annotated | Folder]:
        """Return what training takes; labels are copied.

        A ValueError if a pair is not complete or does not fit.
        """
        pairs = [row.reader()() for row in self.pairs]
        return [*pairs, *(row.item() for row in self.folders)]

    def targets(self) -> list[Pair]:
        """Return the layers of the pairs."""
        return [row.target() for row in self.pairs]

    def press(self) -> tuple[ItemPress | FolderPress, ...]:
        """Return the same for the code that reproduces a press."""
        pairs = [row.press() for row in self.pairs]
        return (*pairs, *(row.press() for row in self.folders))

    def reset_choices(self, event: object = None) -> None:
        """List the layers that are there now; choices stay."""
        for row in self.pairs:
            row.reset_choices()
            if row.labels is None or row.image is None:
                row.preselect(self._used(row))
        self.changed.emit()

    def _add_layers(self) -> None:
        row = self._add_pair()
        row.preselect(self._used(row))

    def _add_pair(self) -> PairRow:
        row = PairRow(self._viewer)
        row.edited.connect(self.edited)
        row.counted.connect(self.counted)
        self._add(row)
        return row

    def _ask_folder(self) -> None:
        path = ask_folder(self, "Folder of images with labels")
        if path is not None:
            self.add_folder(path)

    def _add(self, row: DataRow) -> None:
        self._rows.append(row)
        self._column.addWidget(row)
        row.changed.connect(self.changed)
        row.removed.connect(self._remove)
        self.changed.emit()

    def _remove(self, row: DataRow) -> None:
        if row in self._rows:
            self._rows.remove(row)
            take_out(self._column, row)
            self.changed.emit()

    def _drop_unused(self) -> None:
        """Remove the row that was there from the start if nobody filled it."""
        for row in self.pairs:
            if row is self._first and not row.touched and row.labels is None:
                self._remove(row)

    def _used(self, row: PairRow) -> list[Image | Labels | None]:
        others = [other for other in self.pairs if other is not row]
        return [layer for other in others for layer in (other.image, other.labels)]
