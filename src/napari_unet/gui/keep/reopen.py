"""Kept work comes back: its layers, pairs and view."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_unet.boxes import from_lists
from napari_unet.events import Control, Event, Progress
from napari_unet.gui.keep import kept
from napari_unet.gui.keep.keeper import Keeper
from napari_unet.gui.keep.layers import add, open_image
from napari_unet.gui.layers.axes import KEY
from napari_unet.gui.layers.pairing import ours
from napari_unet.gui.layers.right_views import add_right_box
from napari_unet.gui.pairs.table import PairsTable

GONE = "{file} is not there any more; its labels alone come back"
CHANGED = (
    "{file} has changed since its labels were painted; labels alone come back, since "
    "they may not fit it"
)


@dataclass(frozen=True)
class Loaded:
    """Kept work in memory, but for images in files.

    labels : of each pair
    images : by the name of their file, those that were copied
    lost : by the file of an image, why it cannot be opened
    """

    work: kept.Kept
    labels: list[np.ndarray]
    images: dict[str, np.ndarray]
    lost: dict[str, str]


def load(folder: Path, control: Control) -> Generator[Event, None, Loaded]:
    """Read kept work; long work. A ValueError if something of it is damaged."""
    work = kept.read(folder)
    labels: list[np.ndarray] = []
    images: dict[str, np.ndarray] = {}
    lost: dict[str, str] = {}
    for pair in work.told["pairs"]:
        yield Progress("reading what was kept", 0)
        labels.append(work.array(pair["labels"]["array"]))
        for told in pair["images"]:
            if "array" in told:
                images[told["array"]] = work.array(told["array"])
            elif not Path(told.get("file", "")).is_file():
                file = told.get("file", told["layer"]["name"])
                lost[file] = GONE.format(file=file)
            elif not kept.same_file(told):
                lost[told["file"]] = CHANGED.format(**told)
    return Loaded(work, labels, images, lost)


class Reopened:
    """Layers of kept work in a viewer.

    problems : what did not come back, a sentence each
    files : of layers, by their ids
    """

    def __init__(self, viewer: Viewer, table: PairsTable, loaded: Loaded) -> None:
        self._viewer, self._table, self._loaded = viewer, table, loaded
        self.problems: list[str] = []
        self.files: dict[object, str] = {}
        self._images: dict[str, Image | None] = {}
        for pair, labels in zip(loaded.work.told["pairs"], loaded.labels, strict=True):
            self._add(pair, labels)
        for path, use in loaded.work.told["folders"]:
            table.add_folder(path)
            row = next(r for r in table.folders if r.path == Path(path))
            row.use_box.setCurrentText(use)

    def _add(self, pair: dict[str, Any], array: np.ndarray) -> None:
        images = [self._image(told) for told in pair["images"]]
        labels: Labels = add(self._viewer, array, pair["labels"]["layer"], "labels")
        self.files[labels.unique_id] = pair["labels"]["array"]
        image = images[0] if images else None
        if image is None:
            return
        if "image" in ours(labels):
            own = {**ours(labels), "image": str(image.unique_id)}
            labels.metadata = {**labels.metadata, KEY: own}
        row = self._table.add_pair(image, labels)
        further = [other for other in images[1:] if other is not None]
        row.picker.choose_channels(pair["channel"], further)
        row.use_box.setCurrentText(pair["use"])
        for box in pair["right"]:
            add_right_box(self._viewer, image, pair["axes"], labels, from_lists(box))

    def _image(self, told: dict[str, Any]) -> Image | None:
        """Return the layer of an image, which several pairs may have."""
        where = told.get("array") or f"{told.get('file')} {told['layer']['name']}"
        if where not in self._images:
            self._images[where] = self._open(told)
        return self._images[where]

    def _open(self, told: dict[str, Any]) -> Image | None:
        if "array" in told:
            array = self._loaded.images[told["array"]]
            layer: Image = add(self._viewer, array, told["layer"], "image")
            self.files[layer.unique_id] = told["array"]
            return layer
        file = told.get("file", told["layer"]["name"])
        if file in self._loaded.lost:
            self.problems.append(self._loaded.lost[file])
            return None
        try:
            return open_image(self._viewer, told)
        except ValueError as error:
            self.problems.append(str(error))
            return None


def reopen(
    viewer: Viewer, table: PairsTable, keeper: Keeper, loaded: Loaded
) -> list[str]:
    """Bring kept work into a viewer; returns what did not come back."""
    alone = not viewer.layers
    layers = Reopened(viewer, table, loaded)
    keeper.take_up(loaded.work, layers.files)
    if alone:
        _show_view(viewer, loaded.work.told["view"])
    return layers.problems


def _show_view(viewer: Viewer, told: dict[str, Any]) -> None:
    if len(told["point"]) != viewer.dims.ndim:
        return
    viewer.dims.ndisplay = told["ndisplay"]
    viewer.dims.point = told["point"]
    camera = viewer.scene.camera
    camera.center, camera.zoom = told["center"], told["zoom"]
    camera.angles = told["angles"]
