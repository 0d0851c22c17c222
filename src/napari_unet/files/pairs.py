"""One pair of files -> samples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from napari_unet.data.images import ImageSeries, LabelImage
from napari_unet.data.meaning import PLAIN, Meaning
from napari_unet.data.samples import Sample
from napari_unet.files.layouts import Pair, image_files
from napari_unet.files.readers import read_image, read_labels


@dataclass
class Loaded:
    """What became of one pair of files.

    samples : one per frame, none where there are problems.
    problems : what must be put right, a sentence each.
    notes : what was assumed or left out, and how often.
    """

    samples: list[Sample] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)


def load_pair(
    pair: Pair,
    channel: str | int | None = None,
    meaning: Meaning = PLAIN,
) -> Loaded:
    """Read an image and its labels and bring them together.

    Only `channel` is taken, by name or number from 0; `meaning` is that of the numbers
    in the labels. All problems of the pair are in the result; none is raised.
    """
    loaded = Loaded()
    image = labels = None
    try:
        image = replace(_read_channels(pair), name=pair.name)
        if channel is not None:
            image = image.select(channel)
    except ValueError as error:
        loaded.problems.append(str(error))
    if pair.labels.is_dir():
        labels = _merge_masks(pair.labels, image, loaded)
    else:
        try:
            labels = read_labels(pair.labels)
        except ValueError as error:
            loaded.problems.append(str(error))
    if image is None or labels is None or loaded.problems:
        return loaded
    loaded.notes.update({*image.notes, *labels.notes})
    try:
        samples = [s.understood(meaning) for s in _samples(image, labels)]
    except ValueError as error:
        loaded.problems.append(str(error))
        return loaded
    # A frame that nobody annotated teaches nothing.
    empty = {
        i for i, s in enumerate(samples) if s.mask is not None and not s.mask.any()
    }
    if len(samples) > 1 and empty:
        text = "time points without labels were left out"
        loaded.notes[text] += len(empty)
        samples = [s for i, s in enumerate(samples) if i not in empty]
    loaded.samples += samples
    return loaded


def _read_channels(pair: Pair) -> ImageSeries:
    """Read an image, the channels of which may be files of their own."""
    first = read_image(pair.image)
    if not pair.channels:
        return first
    parts = [first]
    for file in pair.channels:
        part = read_image(file)
        if part.array.shape != first.array.shape or part.axes != first.axes:
            raise ValueError(
                f"{file}: has shape {part.shape} but {pair.image.name}, another channel"
                f" of the same image, has {first.shape}; keep channels of one size"
            )
        parts.append(part)
    axis = first.axes.index("C")
    array = np.concatenate([part.array for part in parts], axis=axis)
    return replace(first, array=array, rgb=False, channels=())


def _samples(image: ImageSeries, labels: LabelImage) -> list[Sample]:
    array, axes = labels.array, labels.axes
    if len(axes) == 3 and ("T" in image.axes) != ("Z" in image.axes):
        # Pages without a name were taken as Z; the image may know that they are T.
        axes = axes.replace("Z", "T") if "T" in image.axes else axes.replace("T", "Z")
    planes = array if "T" in axes else array[np.newaxis]
    if len(planes) != len(image):
        raise ValueError(
            f"{image.name}: the labels have {len(planes)} time points but the image "
            f"has {len(image)}; use labels drawn on this very image"
        )
    frames = zip(image.frames(), planes, strict=True)
    return [Sample(frame, plane) for frame, plane in frames]


def _mask(file: Path, alone: bool) -> np.ndarray:
    """Read the mask of one object; refuse a label image that took its place."""
    array = read_labels(file).array
    count = np.count_nonzero(np.unique(array)) if alone else 1
    if count > 1:
        raise ValueError(
            f"{file}: holds {count} labels, where the only mask of an image is one "
            "object; give it the name of its image"
        )
    mask: np.ndarray = array > 0
    return mask


def _merge_masks(
    folder: Path, image: ImageSeries | None, loaded: Loaded
) -> LabelImage | None:
    """Merge the masks of a folder, one per object; the first one keeps an overlap."""
    files, _ = image_files(folder)
    merged: np.ndarray | None = None
    if image is not None:
        shape = [
            n for n, a in zip(image.array.shape, image.axes, strict=True) if a != "C"
        ]
        merged = np.zeros(shape, np.int32)
    number = 0
    for file in files:
        try:
            mask = _mask(file, alone=len(files) == 1)
        except ValueError as error:
            loaded.problems.append(str(error))
            continue
        if merged is None:
            merged = np.zeros(mask.shape, np.int32)
        if mask.shape != merged.shape:
            loaded.problems.append(
                f"{file}: the mask has shape {mask.shape} but the image has "
                f"{merged.shape}; use a mask drawn on this very image"
            )
            continue
        free = mask & (merged == 0)
        overlap = int(np.count_nonzero(mask) - np.count_nonzero(free))
        if overlap:
            loaded.notes["overlapping pixels were given to the first mask"] += overlap
        if not free.any():
            loaded.notes["masks without pixels of their own were left out"] += 1
            continue
        number += 1
        merged[free] = number
    if merged is None:
        return None
    axes = "YX" if merged.ndim == 2 else "ZYX"
    return LabelImage(merged, axes, name=folder.name)
