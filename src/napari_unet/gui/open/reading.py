"""The job that opens a data set: finds its pairs and reads the first of them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_unet.data.images import ImageSeries, as_series
from napari_unet.data.samples import Sample
from napari_unet.events import Control, Event, Note, Progress
from napari_unet.files.datasets import find_pairs
from napari_unet.files.layouts import Pair, listing
from napari_unet.files.pairs import load_pair
from napari_unet.gui.layers.axes import KEY
from napari_unet.gui.layers.layer_data import (
    LayerData,
    frame_seconds,
    image_layers,
    placed,
)
from napari_unet.labels import LabelledObjects

# So many fit a layer list; the others stay files.
MOST_PAIRS = 10

Source = Callable[..., Generator[Event, None, Path | None]]
"""Gets a Control as `control`, returns the folder of a data set; None: was stopped."""


@dataclass(frozen=True, eq=False)
class PairRead:
    """An image and its labels.

    labels : int32 with the axes of the image without C.
    files : of the image and of its labels.
    seconds : between two time points, where known.
    """

    image: ImageSeries
    labels: np.ndarray
    files: tuple[Path, Path]
    seconds: float | None = None

    @property
    def plain(self) -> bool:
        """Whether the image is one layer."""
        return self.image.rgb or self.image.array.shape[self.image.axes.index("C")] == 1

    def layers(self) -> list[LayerData]:
        """Return both as layers, the labels exactly on the image."""
        axes = self.image.axes.replace("C", "")
        place = placed(axes, self.image.spacing, self.seconds)
        about = [{"metadata": {KEY: {"file": str(file)}}} for file in self.files]
        ((data, meta, kind),) = image_layers(self.image, self.seconds)
        name = f"{self.image.name} labels"
        return [
            (data, meta | about[0], kind),
            (self.labels, {"name": name, **place, **about[1]}, "labels"),
        ]


@dataclass(frozen=True)
class OpenedDataset:
    """A data set that was opened.

    folder : where it is.
    count : pairs in it.
    pairs : the first of them.
    problems : what could not be opened, a sentence each.
    """

    folder: Path
    count: int
    pairs: tuple[PairRead, ...]
    problems: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether `pairs` are all there is."""
        return len(self.pairs) == self.count and not self.problems


def given(path: Path, *, control: Control) -> Generator[Event, None, Path | None]:
    """Return the folder itself."""
    yield Progress("looking for images", 0)
    return path


def read_pairs(
    source: Source, control: Control
) -> Generator[Event, None, OpenedDataset | None]:
    """Find pairs of a data set, read the first; a ValueError if none can be read."""
    folder = yield from source(control=control)
    if folder is None or control.stopped:
        return None
    found = find_pairs(folder).for_training()
    problems = list(found.problems)
    notes: dict[str, list[str]] = {}
    first = found.pairs[:MOST_PAIRS]
    pairs = []
    for done, pair in enumerate(first):
        yield Progress("opening", done, len(first))
        if control.stopped:
            return None
        try:
            pairs += _read(pair, problems, notes)
        except ValueError as error:
            problems.append(str(error))
    if problems and not pairs:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ValueError(problems[0] + more)
    for note in (*found.notes, *(listing(*each) for each in notes.items())):
        yield Note(note)
    return OpenedDataset(folder, len(found.pairs), tuple(pairs), tuple(problems))


def _read(
    pair: Pair, problems: list[str], notes: dict[str, list[str]]
) -> list[PairRead]:
    loaded = load_pair(pair)
    problems += loaded.problems
    for text in loaded.notes:
        notes.setdefault(text, []).append(pair.name)
    if not loaded.samples:
        return []
    image, labels = _joined(loaded.samples)
    seconds = frame_seconds(pair.image) if "T" in image.axes else None
    files = (pair.image, pair.labels)
    whole, told = _whole(labels, pair)
    if told:
        notes.setdefault(told, []).append(pair.name)
    return [PairRead(image, whole, files, seconds)]


def _joined(samples: list[Sample]) -> tuple[ImageSeries, np.ndarray]:
    """Put the frames of one file together again."""
    first = samples[0]
    image, labels = as_series(first.image), first.labels
    if len(samples) > 1:
        array = np.stack([sample.image.array for sample in samples])
        image = replace(image, array=array, axes="T" + image.axes, name=first.series)
        labels = np.stack([sample.labels for sample in samples])
    return image, labels


def _whole(labels: np.ndarray, pair: Pair) -> tuple[np.ndarray, str]:
    """Return labels as int32, and what is to be told: small types run over.

    Larger numbers than that holds are counted anew.
    """
    if labels.dtype.kind in "ui" and labels.min() >= 0 and labels.max() >= 2**31:
        compact = LabelledObjects(labels).compact.astype(np.int32)
        return compact, f"labels above {2**31 - 1:,} are numbered anew, from 1"
    with np.errstate(invalid="ignore"):
        whole = labels.astype(np.int32)
    if not np.array_equal(whole, labels):
        raise ValueError(
            f"{pair.labels}: its values, {labels.min():g} to {labels.max():g}, are not "
            "labels; save the objects as the integers 1, 2, 3 ..."
        )
    return whole, ""
