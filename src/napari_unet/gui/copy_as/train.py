"""What reproduces a training as code."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_unet.config import TrainConfig
from napari_unet.data.images import ImageSeries
from napari_unet.events import Control, Event
from napari_unet.gui.copy_as.command import train_command
from napari_unet.gui.copy_as.press import ItemPress, TrainPress
from napari_unet.gui.copy_as.python import train_python
from napari_unet.gui.copy_as.same_file import same_file, same_labels_file
from napari_unet.gui.layers.images import image_of, labels_of
from napari_unet.gui.layers.pair import Pair
from napari_unet.models.store import WEIGHTS, read_header, read_weights
from napari_unet.reports.methods import training_text


def train_methods(press: TrainPress) -> str:
    """Return what a paper says of the model that a press made.

    Raises
    ------
    ValueError
        If there is none yet.
    """
    where = press.folder
    if not (where / WEIGHTS).is_file():
        raise ValueError(f"{where.name} is not trained yet, so there is nothing to say")
    return training_text(where.name, read_header(read_weights(where), str(where)))


WRITERS = {
    "Python": train_python,
    "command line": train_command,
    "methods text": train_methods,
}


@dataclass(frozen=True)
class Shown:
    """What a pair of layers holds, and the files that may hold the same."""

    image: ImageSeries
    path: Path | None
    labels: np.ndarray
    labels_path: Path | None


def shown_in(target: Pair) -> Shown:
    """Return what the layers of a pair hold.

    Raises
    ------
    ValueError
        If a layer holds other axes or another shape by now.
    """
    return Shown(
        _whole(target),
        _path(target.layer.source.path),
        labels_of(target.labels, target.axes, target.image),
        _path(target.labels.source.path),
    )


def with_files(
    press: TrainPress, pairs: Sequence[Shown], control: Control
) -> Generator[Event, None, TrainPress]:
    """Return a press with the paths of files that hold its layers; long work.

    Parameters
    ----------
    pairs : sequence of Shown
        Of the pairs of layers in `press`, in their order.
    """
    items = list(press.items)
    for index, pair in enumerate(pairs):  # they come before the folders
        path = yield from same_file(pair.path, pair.image)
        labels_path = same_labels_file(pair.labels_path, pair.labels)
        item = items[index]
        if isinstance(item, ItemPress):
            items[index] = replace(item, path=path, labels_path=labels_path)
    return replace(press, items=tuple(items))


def in_steps(config: TrainConfig, steps: int) -> TrainConfig:
    """Return options that take as many steps as a run took, whatever the machine."""
    if not steps or config.steps is not None or config.epochs is not None:
        return config
    return config.replace(minutes=None, steps=steps)


def _whole(target: Pair) -> ImageSeries:
    """Return the image of a pair with all its channels, as its file has it.

    Raises
    ------
    ValueError
        If the layer holds another image by now.
    """
    if target.layer.ndim != len(target.axes):
        raise ValueError(
            f"{target.layer.name} has other axes now than {' '.join(target.axes)}, "
            "with which it was trained on; start again"
        )
    return image_of(target.layer, target.axes)


def _path(source: str | None) -> Path | None:
    return None if source is None else Path(source)
