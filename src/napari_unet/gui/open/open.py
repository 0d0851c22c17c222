"""Opening data sets and models: from a folder, a zip or a download."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from napari.layers import Image
from napari.utils.notifications import show_info, show_warning
from napari.viewer import Viewer  # napari looks at the annotations of commands
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QApplication

from napari_unet.atomic import reason
from napari_unet.events import Event, Note, Progress
from napari_unet.files.downloads import unpack
from napari_unet.gui import worker
from napari_unet.gui.docks import open_dock
from napari_unet.gui.open.reader import get_reader
from napari_unet.gui.open.reading import (
    OpenedDataset,
    PairRead,
    Source,
    given,
    read_pairs,
)
from napari_unet.gui.parts.dialogs import ask_file, ask_folder
from napari_unet.gui.parts.progress import Cancelable
from napari_unet.gui.pickers.model_picker import models
from napari_unet.gui.preferences import PLUGIN
from napari_unet.gui.wording import in_dock
from napari_unet.models.store import WEIGHTS

MODELS = f"Models (*.unetmodel {WEIGHTS})"


def open_data_folder(viewer: Viewer) -> None:
    """Ask for a folder of images with labels and open it."""
    folder = ask_folder(QApplication.activeWindow(), "Folder of images with labels")
    if folder is not None:
        open_pairs(viewer, folder)


def open_data_zip(viewer: Viewer) -> None:
    """Ask for a zip of images with labels and open it."""
    file = ask_file(
        QApplication.activeWindow(), "Zip of images with labels", "Zip files (*.zip)"
    )
    if file is not None:
        open_pairs(viewer, file)


def open_model(viewer: Viewer) -> None:
    """Ask for a model and choose it in the segment dock."""
    file = ask_file(QApplication.activeWindow(), "Model", MODELS)
    if file is not None:
        choose_model(viewer, file.parent if file.name == WEIGHTS else file)


def open_path(viewer: Viewer, path: Path) -> None:
    """Open what was dropped on a dock: a data set, a model, or an image."""
    kind = path.suffix.lower()
    if kind == ".unetmodel" or (path / WEIGHTS).is_file():
        choose_model(viewer, path)
    elif path.is_dir() or kind == ".zip":
        open_pairs(viewer, path)
    else:
        open_file(viewer, path)


def open_file(viewer: Viewer, path: Path) -> None:
    """Open an image as napari does; a ValueError if nothing reads it."""
    plugin = PLUGIN if get_reader(str(path)) else "napari"
    try:
        viewer.open(path, plugin=plugin)
    except Exception as error:
        raise ValueError(
            f"{path}: cannot be opened ({reason(error)}); drop it on the canvas to "
            "choose another reader"
        ) from error


def choose_model(viewer: Viewer, path: Path) -> None:
    """Open the segment dock with a model; a ValueError if there is no model."""
    models().choose(path)
    open_dock(viewer, "Segment")


def open_pairs(viewer: Viewer, path: Path) -> None:
    """Open a folder or zip of images with labels, in a job.

    The first images become layers with their labels. If those are all, their layers are
    pairs in the train dock, else the folder is.

    path : a folder in one of the layouts of :func:`napari_unet.find_pairs`, or a zip of
        one
    """
    zipped = path.suffix.lower() == ".zip" and path.is_file()
    open_source(viewer, partial(unpack if zipped else given, path), path.name)


def open_source(viewer: Viewer, source: Source, name: str) -> None:
    """Open the data set that `source` finds, in a job; `name` is for the user."""
    if any(opening.name == name for opening in _openings):
        show_info(f"{name} is being opened already")
        return
    _openings.add(Opening(viewer, source, name))


class Opening(QObject):
    """A data set on its way into a viewer; it ends with the viewer's train dock."""

    def __init__(self, viewer: Viewer, source: Source, name: str) -> None:
        super().__init__()
        self.name = name
        self._viewer = viewer
        self._dock = open_dock(viewer, "Train")
        self._dock.destroyed.connect(self._abandon)
        self._pairs: list[PairRead] = []
        self._as_pairs = False
        self._first: Image | None = None
        self._alone = not viewer.layers
        self._bar = _Bar(f"opening {name}", self._cancel)
        # napari takes a while for a layer: one pair at a time, or it would stand still.
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._show_next)
        self.job = worker.start(
            *(self, "opening", read_pairs, source),
            on_event=self._tell,
            on_returned=self._show,
            on_finished=self._close_unless_showing,
        )

    def _tell(self, event: Event) -> None:
        if isinstance(event, Note):
            show_info(in_dock(event.text))
        elif isinstance(event, Progress):
            self._bar.show_event(event)

    def _show(self, found: OpenedDataset | None) -> None:
        if found is None:
            show_info(f"{self.name}: cancelled")
            return
        self._pairs = list(found.pairs)
        self._as_pairs = found.complete and all(p.plain for p in found.pairs)
        if not self._as_pairs:
            # First, or the dock would propose the first layers, too.
            self._dock.add_folder(found.folder)
        if found.problems:
            show_warning("\n".join(found.problems))
        elif found.count > len(found.pairs):
            show_info(
                f"{len(found.pairs)} of {found.count:,} images are shown; training "
                f"takes all of them from the folder ({self.name})"
            )
        self._timer.start()

    def _show_next(self) -> None:
        if not self._pairs:
            if self._first in self._viewer.layers:
                self._viewer.layers.selection.active = self._first
            if self._alone:
                self._viewer.reset_view()  # the dock took some of the canvas
            self._close()
            return
        image, labels = self._pairs.pop(0).layers()
        shown = {"visible": self._first is None}  # one image at a time
        added = self._viewer.add_image(image[0], **image[1], **shown)
        drawn = self._viewer.add_labels(labels[0], **labels[1], **shown)
        first = added[0] if isinstance(added, list) else added
        if self._as_pairs:
            self._dock.add_pair(first, drawn)
        self._first = self._first or first

    def _cancel(self) -> None:
        self.job.quit()
        self._pairs.clear()

    def _abandon(self) -> None:
        self.job.abandon()
        self._close()

    def _close_unless_showing(self) -> None:
        if not self._timer.isActive():
            self._close()

    def _close(self) -> None:
        self._timer.stop()
        self._bar.close()
        _openings.discard(self)


# They have no parent: the train dock may be closed while a thread is at work.
_openings: set[Opening] = set()


class _Bar(Cancelable):
    """A bar with a Cancel button in napari's activity dock."""

    def __init__(self, title: str, cancel: Callable[[], None]) -> None:
        # What napari shows beside the bar is what follows the last stroke; counts of
        # bytes are so long that they push the button out of sight.
        form = "{desc}{percentage:3.0f}%|{bar}|{remaining} left"
        super().__init__(desc=title, total=0, bar_format=form, cancel_callback=cancel)
        self._what = ""

    def show_event(self, event: Progress) -> None:
        """Show how far the work is."""
        if event.what != self._what:
            self._what = event.what
            self.set_description(event.what)  # lets other events in
            if self.disable:
                return
            self.reset(event.total)
        self.total = event.total
        self.update(event.done - self.n)
