"""Keeping what is painted and trained, some seconds after every change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet.boxes import as_lists, from_lists
from napari_unet.events import Control, StepDone, drain
from napari_unet.gui import worker
from napari_unet.gui.keep import kept
from napari_unet.gui.keep.layers import described, source
from napari_unet.gui.layers.axes import full
from napari_unet.gui.layers.edits import MOST_READ
from napari_unet.gui.layers.right_views import views
from napari_unet.gui.pairs.pair_row import PairRow
from napari_unet.gui.pairs.table import PairsTable
from napari_unet.gui.parts.connections import debouncer
from napari_unet.training.annotated import Annotated, Folder

WAIT = 2.0  # seconds after a change
LONGEST = 20.0  # where writing takes long, and for what a training tells
SHARE = 10  # of the time goes into writing, at most one part of so many


class Keeper(QObject):
    """Keeps the pairs of the Train dock, its form, the view, and its training.

    It begins with the first stroke or training. Where layers are exchanged for others,
    a new work begins, and the one before stays as it is.

    form : returns the name of the model to come, and what the form says as JSON has it;
        None: a field is wrong just now
    """

    told = Signal(str)  # what is not kept, and why; "": all is

    def __init__(
        self,
        viewer: Viewer,
        table: PairsTable,
        form: Callable[[], tuple[str, dict[str, Any] | None]],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._table, self._form = viewer, table, form
        self.folder: Path | None = None
        self._name = ""
        self._files: dict[object, str] = {}  # of layers, by their ids
        self._known: dict[str, str] = {}  # hashes of arrays and files
        self._training: dict[str, Any] | None = None
        self._given: dict[str, np.ndarray] = {}
        self._numbers = 0
        self._job: worker.Job | None = None
        self._again = False
        self._began = self._took = 0.0
        self._timer = debouncer(self, int(1000 * WAIT), self.keep)
        table.edited.connect(self._edited)
        table.changed.connect(self._changed)
        views.added.connect(self._changed)
        self.destroyed.connect(lambda: kept.in_use.discard(self.folder))

    def take_up(self, work: kept.Kept, layers: dict[object, str]) -> None:
        """Go on keeping work that was kept; `layers` are its files, by layers' ids."""
        self._leave()
        self.folder, self._name = work.folder, str(work.told["name"])
        kept.in_use.add(work.folder)
        training = work.told.get("training")
        self._training = None if training is None else dict(training)
        self._files = dict(layers)
        self._numbers = int(work.told["numbers"])

    def begin_training(
        self, name: str, settings: dict[str, Any], items: Sequence[Annotated | Folder]
    ) -> None:
        """Keep with what the training of a model began, and that it goes on."""
        self._begin_work(name)
        told: list[dict[str, Any]] = []
        self._given = {}
        for item in items:
            told.append(self._item(item))
        self._training = {
            **settings,
            **{"items": told, "done": 0.0, "ended": False},
        }
        self.keep()

    def step(self, event: StepDone) -> None:
        """Take note of how far a training is."""
        if self._training is not None and event.part is not None:
            self._training["done"] = round(min(event.part, 1.0), 3)
            if not self._timer.isActive():
                self._timer.start(int(1000 * LONGEST))

    @property
    def unfinished(self) -> float | None:
        """How much of the training is done that did not end, 0 to 1; None: none."""
        training = self._training
        return None if training is None or training["ended"] else training["done"]

    def forget_training(self) -> None:
        """Take note that a training left nothing to go on with."""
        self._training = None
        self.keep()

    def end_training(self) -> None:
        """Take note that a training ended, or was stopped by the user."""
        if self._training is not None:
            self._training["ended"] = True
            self.keep()

    def keep(self) -> None:
        """Write what has changed, in a job."""
        if self._job is not None:
            self._again = True
            return
        if self.folder is None:
            return
        work = self._gather()
        self._began = time.monotonic()
        self._job = worker.start(
            *(self, "keeping", kept.write, self.folder, *work, self._known),
            on_returned=self._forget_given,
            on_errored=self._failed,
            on_finished=self._written,
        )

    def flush(self) -> None:
        """Write what has changed, now: the window closes."""
        if self.folder is not None and (self._timer.isActive() or self._job):
            with worker.reporting():
                work = self._gather()
                drain(kept.write(self.folder, *work, self._known, Control()))

    @property
    def behind(self) -> bool:
        """Whether something is to be written yet."""
        return self._timer.isActive() or self._job is not None

    def _edited(self) -> None:
        self._begin_work("")
        self._start_timer()

    def _changed(self) -> None:
        if self.folder is not None and self._knows_any():
            self._start_timer()

    def _start_timer(self) -> None:
        if not self._timer.isActive():  # at the latest so long after the first stroke
            wait = min(max(WAIT, SHARE * self._took), LONGEST)
            self._timer.start(int(1000 * wait))

    def _knows_any(self) -> bool:
        return any(y.unique_id in self._files for y in self._table.labels_layers())

    def _begin_work(self, name: str) -> None:
        """Begin a new folder unless the layers are those of the present one."""
        if self.folder is not None and self._knows_any():
            self._name = name or self._name
            return
        self._leave()
        self._name = name or self._form()[0]
        self.folder = kept.new_folder(self._name)
        kept.in_use.add(self.folder)

    def _leave(self) -> None:
        kept.in_use.discard(self.folder)
        self.folder, self._training, self._numbers = None, None, 0
        self._files, self._given, self._known = {}, {}, {}

    def _gather(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what ``work.json`` says, and the arrays to write."""
        arrays: dict[str, Any] = dict(self._given)
        left: list[str] = []
        pairs = [self._pair(row, arrays, left) for row in self._table.pairs]
        told: dict[str, Any] = {
            "name": self._name,
            "owner": kept.owner(),
            "pairs": [pair for pair in pairs if pair is not None],
            "folders": [[str(f.path), f.use] for f in self._table.folders],
            "view": view_told(self._viewer),
            "training": self._training and dict(self._training),
            "form": self._form()[1],
            "numbers": self._numbers,
        }
        self.told.emit("; ".join(left))
        return told, arrays

    def _pair(
        self, row: PairRow, arrays: dict[str, Any], left: list[str]
    ) -> dict[str, Any] | None:
        image, labels = row.image, row.labels
        if labels is None:
            return None
        if full(labels).size > MOST_READ:
            left.append(f"{labels.name} is not kept: it has more than 64 Mpx")
            return None
        name = self._file(labels, ".npz")
        arrays[name] = full(labels)
        self._files[labels.unique_id] = name
        own = {"layer": described(labels), "array": name}
        channels = list(filter(None, (image, *row.picker.extra)))
        images = [self._image(y, arrays, left) for y in channels]
        return {
            "labels": own,
            "images": images,
            "axes": row.picker.axes,
            "channel": row.picker.channel,
            "use": row.use,
            "right": [as_lists(box) for box in row.right],
        }

    def _image(
        self, layer: Image, arrays: dict[str, Any], left: list[str]
    ) -> dict[str, Any]:
        """Return where an image is found again: in its file, or in a copy."""
        shape = list(full(layer).shape)
        told: dict[str, Any] = {"layer": described(layer), "shape": shape}
        where = source(layer)
        if where is not None and Path(where["file"]).is_file():
            return {**told, **where}
        data = full(layer)
        size = int(np.prod(shape)) * data.dtype.itemsize
        if size > kept.MOST_COPIED:
            left.append(
                f"{layer.name} is not kept: it lies in no file and has {size / 1e6:.0f}"
                " MB; save it"
            )
            return {**told, **(where or {})}
        name = self._file(layer, ".npy")
        arrays[name] = data
        self._files[layer.unique_id] = name
        return {**told, "array": name}

    def _item(self, item: Annotated | Folder) -> dict[str, Any]:
        told: dict[str, Any] = {"use": item.use, "meaning": item.meaning.model_dump()}
        if isinstance(item, Folder):
            return {**told, "folder": str(item.path)}
        name = f"given-{self._next()}.npz"
        self._given[name] = item.labels
        right = [as_lists(box) for box in item.right]
        return {**told, "array": name, "right": right}

    def _file(self, layer: Any, suffix: str) -> str:
        """Return the file of a layer; one that is new has a new number."""
        known = self._files.get(layer.unique_id)
        return known or f"layer-{self._next()}{suffix}"

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    def _forget_given(self, _: None) -> None:
        """Hold no labels of the start of a training that are on the disk."""
        self._given = {n: a for n, a in self._given.items() if n not in self._known}

    def _failed(self, error: Exception) -> None:
        self.told.emit(f"nothing is kept: {worker.told(error)}")

    def _written(self) -> None:
        self._job = None
        self._took = time.monotonic() - self._began
        if self._again:
            self._again = False
            self._start_timer()


def view_told(viewer: Viewer) -> dict[str, Any]:
    """Return what of the image is in sight."""
    dims, camera = viewer.dims, viewer.scene.camera
    return {
        "ndisplay": dims.ndisplay,
        "point": [float(p) for p in dims.point],
        "center": [float(c) for c in camera.center],
        "zoom": float(camera.zoom),
        "angles": [float(a) for a in camera.angles],
    }


def items_of(work: kept.Kept, images: Sequence[Any]) -> Iterator[Annotated | Folder]:
    """Give what the training of kept work began with, on these images."""
    training = work.told["training"]
    left = iter(images)
    for told in training["items"]:
        if "folder" in told:
            yield Folder(Path(told["folder"]), told["use"], **told["meaning"])
            continue
        right = tuple(from_lists(box) for box in told["right"])
        labels = work.array(told["array"])
        yield Annotated(next(left), labels, told["use"], **told["meaning"], right=right)
