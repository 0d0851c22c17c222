"""What a press can be copied as, and the files that hold what its layers show."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.config import TrainConfig
from napari_unet.data.images import ImageSeries
from napari_unet.events import Control, Event, Progress
from napari_unet.files.readers import read_image, read_labels
from napari_unet.gui.copy_as.command import segment_command, train_command
from napari_unet.gui.copy_as.press import ItemPress, SegmentPress, TrainPress
from napari_unet.gui.copy_as.python import segment_python, train_python
from napari_unet.gui.layers.images import Pair, image_of, labels_of
from napari_unet.models.store import WEIGHTS, find_model, read_header, read_weights
from napari_unet.reports.methods import segmentation_text, training_text


def segment_methods(press: SegmentPress) -> str:
    """Return what a paper says of a press; a ValueError if its model is gone."""
    header = read_header(read_weights(find_model(press.model)), press.model)
    return segmentation_text(Path(press.model).stem, header, press.config)


def train_methods(press: TrainPress) -> str:
    """Return what a paper says of a press; a ValueError if there is no model yet."""
    where = press.folder
    if not (where / WEIGHTS).is_file():
        raise ValueError(f"{where.name} is not trained yet, so there is nothing to say")
    return training_text(where.name, read_header(read_weights(where), str(where)))


SEGMENT_WRITERS = {
    "Python": segment_python,
    "command line": segment_command,
    "methods text": segment_methods,
}
TRAIN_WRITERS = {
    "Python": train_python,
    "command line": train_command,
    "methods text": train_methods,
}


def with_file(
    press: SegmentPress, path: Path | None, image: ImageSeries, control: Control
) -> Generator[Event, None, SegmentPress]:
    """Return a press with the path of its image, where that file holds it; long work.

    path : what the layer was read from
    image : what the layer shows
    """
    yield Progress("reading", 0)
    return replace(press, path=_image_file(path, image))


@dataclass(frozen=True)
class Shown:
    """What a pair of layers holds, and the files that may hold the same."""

    image: ImageSeries
    path: Path | None
    labels: np.ndarray
    labels_path: Path | None


def shown_in(target: Pair) -> Shown:
    """Return what the layers of a pair hold: all channels, as its file has them.

    A ValueError if a layer holds other axes or another shape by now.
    """
    layer, labels = target.layer, target.labels
    if layer.ndim != len(target.axes):
        raise ValueError(
            f"{layer.name} has other axes now than {' '.join(target.axes)}, "
            "with which it was trained on; start again"
        )
    image, drawn = layer.source.path, labels.source.path
    return Shown(
        image_of(layer, target.axes),
        image and Path(image),
        labels_of(labels, target.axes, target.image),
        drawn and Path(drawn),
    )


def with_files(
    press: TrainPress, pairs: Sequence[Shown], control: Control
) -> Generator[Event, None, TrainPress]:
    """Return a press with the paths of files that hold its layers; long work.

    pairs : of the pairs of layers in `press`, in their order
    """
    items = list(press.items)
    for index, pair in enumerate(pairs):  # they come before the folders
        yield Progress("reading", 0)
        item = items[index]
        if isinstance(item, ItemPress):
            path = _image_file(pair.path, pair.image)
            labels_path = _labels_file(pair.labels_path, pair.labels)
            items[index] = replace(item, path=path, labels_path=labels_path)
    return replace(press, items=tuple(items))


def in_steps(config: TrainConfig, steps: int) -> TrainConfig:
    """Return options that take as many steps as a run took, whatever the machine."""
    if not steps or config.steps is not None or config.epochs is not None:
        return config
    return config.replace(minutes=None, steps=steps)


def _image_file(path: Path | None, image: ImageSeries) -> Path | None:
    """Return the path if reading it gives this image."""
    found = _found(read_image, path)
    if found is None or found.axes != image.axes:
        return None
    if len(found.spacing or ()) != len(image.spacing or ()):
        return None
    alike = np.allclose(found.spacing or (), image.spacing or ())
    return path if alike and np.array_equal(found.array, image.array) else None


def _labels_file(path: Path | None, labels: np.ndarray) -> Path | None:
    """Return the path if reading it gives these labels."""
    found = _found(read_labels, path)
    same = found is not None and np.array_equal(found.array, labels)
    return path if same else None


def _found(read: Callable[[Path], Any], path: Path | None) -> Any:
    """Read a file; None: napari reads more kinds of files than the command line."""
    try:
        return None if path is None else read(path)
    except ValueError:
        return None
