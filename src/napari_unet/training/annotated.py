"""Images with labels as the docks hold them -> samples -> a model."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_unet.boxes import Box
from napari_unet.config import ModelConfig, TrainConfig, checked
from napari_unet.data.images import ImageSeries
from napari_unet.data.meaning import Meaning, Zero, understood
from napari_unet.data.samples import Sample, check_background
from napari_unet.events import Control, Event, Note, Progress
from napari_unet.files.datasets import find_pairs, load_samples

if TYPE_CHECKING:
    from napari_unet.models.model import Model

Use = Literal["automatic", "training", "validation"]
USES: tuple[Use, ...] = ("automatic", "training", "validation")


class _Meant:
    @property
    def meaning(self) -> Meaning:
        """What the numbers in the labels mean."""
        return checked(Meaning, {n: getattr(self, n) for n in Meaning.model_fields})


@dataclass(frozen=True, eq=False)  # arrays have no one truth value
class Annotated(_Meant):
    """An image and its labels.

    Parameters
    ----------
    image : ImageSeries
        Its array may be lazy.
    labels : ([T,] [Z,] Y, X) integer array
        The axes of the image without its channels.
    use : str
        ``automatic``: training or validation, as the options say.
    zero, background, ignore
        What numbers in the labels mean, as for :class:`Meaning`.
    right : tuple of boxes
        Parts of the labels, a slice per axis, in which 0 is background whatever `zero`
        says: somebody has looked and found all objects labelled.
    """

    image: ImageSeries
    labels: np.ndarray
    use: Use = "automatic"
    zero: Zero = "background"
    background: int | None = None
    ignore: int | None = None
    right: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Folder(_Meant):
    """A data set folder, as :func:`napari_unet.find_pairs` understands it.

    Where an index.csv has a split, its train images are taken, as on the command line.
    The other fields are as for :class:`Annotated`.
    """

    path: Path
    use: Use = "automatic"
    zero: Zero = "background"
    background: int | None = None
    ignore: int | None = None


def load(
    items: Sequence[Annotated | Folder],
    config: TrainConfig | None = None,
    formulation: str = "instances",
) -> Generator[Event, None, tuple[list[Sample], list[Sample] | None]]:
    """Make samples as :func:`napari_unet.train` takes them; yields events.

    Returns those that train and those that judge, None where :func:`train` is to divide
    them; their names differ. Where some are for training only, `config` says how large
    a part of the automatic ones is held back; few objects (`formulation`) are not
    divided.
    """
    parts: dict[str, list[Sample]] = {use: [] for use in USES}
    found = yield from samples_of(items)
    for item, samples in zip(items, found, strict=True):
        parts[item.use] += samples.values()
    automatic, training, validation = parts.values()
    if not (automatic or training or validation):
        raise ValueError("the labels are empty; annotate some objects")
    if not (automatic or training):
        raise ValueError(
            "everything is used for validation, so there is nothing to train on; "
            "use a pair for training"
        )
    if validation:
        return automatic + training, validation
    if not training:
        return automatic, None
    if not automatic:
        return training, []
    from napari_unet.training.recipe import hold_back

    rest, judges = hold_back(automatic, config or TrainConfig(), formulation)
    return rest + training, judges


def samples_of(
    items: Sequence[Annotated | Folder],
) -> Generator[Event, None, list[dict[int, Sample]]]:
    """Make samples that are not divided yet; yields events.

    Of each item a dict, by the time point or the place in the folder. Their names
    differ.
    """
    if not items:
        raise ValueError("there is nothing to train on; add an image and its labels")
    images: set[str] = set()
    names: set[str] = set()
    found = []
    for item in items:
        if isinstance(item, Folder):
            dataset = find_pairs(item.path).for_training()
            for text in dataset.notes:
                yield Note(text)
            read = yield from load_samples(dataset, meaning=item.meaning)
            samples = dict(enumerate(read))
        else:
            name = unique(item.image.name, images)
            images.add(name)
            image = replace(item.image, name=name)
            samples = yield from _samples(replace(item, image=image))
        for key, sample in samples.items():
            name = unique(sample.name, names)
            names.add(name)
            samples[key] = sample.renamed(name, sample.series)
        found.append(samples)
    check_background([s for samples in found for s in samples.values()])
    return found


def train_on(
    items: Sequence[Annotated | Folder],
    folder: str | Path,
    config: TrainConfig | None = None,
    *,
    model: ModelConfig | None = None,
    init: Model | str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    control: Control | None = None,
) -> Generator[Event, None, Model]:
    """Train a model on what the train dock holds; see :func:`napari_unet.train`.

    Parameters
    ----------
    items : sequence of Annotated or Folder
    folder, config, model, init, resume, device, control
        As for :func:`napari_unet.train`.

    Returns
    -------
    Model
        The best one; it is also on disk.
    """
    from napari_unet.models.model import Model as Loaded
    from napari_unet.training.checkpoint import has_state
    from napari_unet.training.loop import train

    if resume and has_state(Path(folder)):
        init, model = None, Loaded.load(folder, "cpu").config
    init, training, validation = yield from begin(items, config, model, init, device)
    trained = yield from train(
        training,
        validation,
        folder,
        config,
        model=model,
        init=init,
        resume=resume,
        device=device,
        control=control,
    )
    return trained


def begin(
    items: Sequence[Annotated | Folder],
    config: TrainConfig | None,
    model: ModelConfig | None,
    init: Model | str | Path | None,
    device: str,
) -> Generator[Event, None, tuple[Model | None, list[Sample], list[Sample] | None]]:
    """Return what a training takes of these: the first model, and both samples."""
    from napari_unet.models.model import Model as Loaded

    formulation = (model or ModelConfig()).formulation
    if isinstance(init, str | Path):
        init = Loaded.load(init, device)
    if init is not None:
        formulation = init.config.formulation
    training, validation = yield from load(items, config, formulation)
    return init, training, validation


def unique(name: str, taken: set[str]) -> str:
    """Return the name, numbered where it is taken.

    Examples
    --------
    >>> unique("cells", {"cells", "cells (2)"})
    'cells (3)'
    """
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free


def _samples(item: Annotated) -> Generator[Event, None, dict[int, Sample]]:
    """Make one sample a time point, reading it where it is lazy."""
    image = item.image
    if item.labels.shape != image.shape:
        raise ValueError(
            f"{image.name}: the labels have shape {item.labels.shape} but the image "
            f"has {image.shape}; use labels drawn on this very image"
        )
    count = len(image)
    planes = item.labels if "T" in image.axes else item.labels[np.newaxis]
    samples = {}
    for done, (frame, plane) in enumerate(zip(image.frames(), planes, strict=True)):
        yield Progress("loading", done, count)
        right = item.right
        if "T" in image.axes:
            right = tuple(b[1:] for b in right if b[0].start <= done < b[0].stop)
        labels, mask = understood(np.asarray(plane), item.meaning, right)
        if count > 1 and mask is not None and not mask.any():
            continue  # a frame that nobody annotated teaches nothing
        read = replace(frame, array=np.asarray(frame.array))
        samples[done] = Sample(read, labels, mask=mask)
    yield Progress("loading", count, count)
    for text in image.notes:
        yield Note(f"{image.name}: {text}")
    if len(samples) < count:
        yield Note(
            f"{image.name}: {count - len(samples)} of {count} time points have "
            "no labels and were left out"
        )
    return samples
