"""One pair of files -> samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from napari_unet.data.images import ImageSeries, LabelImage
from napari_unet.data.meaning import PLAIN, Meaning
from napari_unet.data.samples import Sample
from napari_unet.decoding.series import WrongSeries
from napari_unet.files.layouts import Pair, image_files
from napari_unet.files.readers import read_images, read_labels, stem


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
    axes: str | None = None,
    series: str | None = None,
) -> Loaded:
    """Read an image and its labels and bring them together.

    Only `channel` is taken, by name or number from 0; `meaning` is that of the numbers
    in the labels; `axes` and `series` of the image are as for
    :func:`~napari_unet.files.readers.read_images`. All problems of the pair are in the
    result; none is raised.
    """
    loaded = Loaded()
    images: list[ImageSeries | None] = []
    try:
        for image in _read_channels(pair, axes, series):
            name = pair.name + image.name.removeprefix(stem(pair.image))
            image = replace(image, name=name)
            images.append(image if channel is None else image.select(channel))
    except ValueError as error:
        loaded.problems.append(str(error))
    for one in images or [None]:
        _bring_together(one, pair, len(images) > 1, meaning, loaded)
    return loaded


def _bring_together(
    image: ImageSeries | None,
    pair: Pair,
    several: bool,
    meaning: Meaning,
    loaded: Loaded,
) -> None:
    """Add the samples of one image of a file; `several`: it is one of them."""
    labels = None
    if pair.labels.is_dir():
        labels = _merge_masks(pair.labels, image, loaded)
    else:
        try:
            labels = _labels_of(image, pair, several)
        except ValueError as error:
            loaded.problems.append(str(error))
    if image is None or labels is None or loaded.problems:
        return
    loaded.notes.update({*image.notes, *labels.notes})
    try:
        samples = [s.understood(meaning) for s in _samples(image, labels)]
    except ValueError as error:
        loaded.problems.append(str(error))
        return
    # A frame that nobody annotated teaches nothing.
    empty = {
        i for i, s in enumerate(samples) if s.mask is not None and not s.mask.any()
    }
    if len(samples) > 1 and empty:
        text = "time points without labels were left out"
        loaded.notes[text] += len(empty)
        samples = [s for i, s in enumerate(samples) if i not in empty]
    loaded.samples += samples


def _labels_of(image: ImageSeries | None, pair: Pair, several: bool) -> LabelImage:
    """Read the labels of an image, or of one of several images in a file."""
    if image is None:
        return read_labels(pair.labels)
    number = image.name.removeprefix(f"{pair.name}_s")
    try:
        series = number if number.isdecimal() else None
        return read_labels(pair.labels, image.label_axes, series)
    except WrongSeries:
        if several:
            raise ValueError(
                f"{pair.labels}: holds the labels of one image but {pair.image} holds "
                "several images; say which one with --series"
            ) from None
    return read_labels(pair.labels, image.label_axes)


def _read_channels(
    pair: Pair, axes: str | None, series: str | None
) -> Iterator[ImageSeries]:
    """Read the images of a file, the channels of which may be files of their own."""
    if not pair.channels:
        yield from read_images(pair.image, axes, series)
        return
    files = (pair.image, *pair.channels)
    every = (read_images(file, axes, series) for file in files)
    for first, *others in zip(*every, strict=True):
        for part, file in zip(others, pair.channels, strict=True):
            if part.array.shape != first.array.shape or part.axes != first.axes:
                raise ValueError(
                    f"{file}: has shape {part.shape} but {pair.image.name}, another "
                    f"channel of the same image, has {first.shape}; keep channels of "
                    "one size"
                )
        axis = first.axes.index("C")
        parts = [image.array for image in (first, *others)]
        array = np.concatenate(parts, axis=axis)
        yield replace(first, array=array, rgb=False, channels=())


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
