"""What the weights of a run make of one place, while it trains and at its end."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np

from napari_unet.boxes import Box, context, middle, within
from napari_unet.data.images import Image, Stats, intensity_stats
from napari_unet.data.outside import seen_in_training
from napari_unet.data.resampling import resize, zoomed
from napari_unet.data.samples import Sample
from napari_unet.data.sizes import zoom_of
from napari_unet.events import Control, Event, Preview, View
from napari_unet.models.model import Model
from napari_unet.models.thumbnail import EDGE, thumbnail
from napari_unet.segmentation.prediction import predict_maps
from napari_unet.training.crops import Encoded


def preview(
    model: Model,
    given: Sequence[Sample],
    known: dict[str, tuple[Image, Stats]],
    control: Control,
    step: int,
    most: int | None = None,
) -> Generator[Event, None, None]:
    """Show what the weights make of the place that was asked for, after a step.

    The place is in an image as it was given: the split may have cut it in two. What
    of it counts, and its intensities, are kept in `known` by its name. With `most`, the
    middle of so many pixels is shown, of a larger view only.
    """
    view = control.view
    if view is None:
        return
    if most is not None:
        box = middle(view.box, most)
        if box == view.box:
            return
        view = View(view.name, box)
    for sample in given:
        if sample.name == view.name:
            if sample.name not in known:
                seen, _ = seen_in_training(sample, model.config.percentiles)
                stats = intensity_stats(seen.image, model.config.percentiles)
                known[sample.name] = seen.image, stats
            image, stats = known[sample.name]
            sample = replace(sample, image=image)
            labels = yield from labels_at(model, sample, stats, view.box)
            yield Preview(view, labels, step)
            return


def labels_at(
    model: Model, sample: Sample, stats: Stats, box: Box
) -> Generator[Event, None, np.ndarray]:
    """Segment one box of a sample; returns int32 labels.

    A model of any size takes the size of the objects from the sample's labels.
    """
    zoom = zoom_of(sample, model.config)
    margin = math.ceil(max(model.halo) / zoom)
    read = context(box, margin, model.divisor, sample.shape)
    part = sample.image.part(read)
    inside = None if part.inside is None else zoomed(np.asarray(part.inside), zoom)
    seen = replace(part, array=zoomed(np.asarray(part.array), zoom), inside=inside)
    maps = yield from predict_maps(model, seen, stats)
    maps = resize(maps, part.shape) if seen.shape != part.shape else maps
    thresholds = dict(model.thresholds)
    if "smallest" in thresholds:  # of the pixels that the network sees
        thresholds["smallest"] /= zoom**sample.ndim
    found = model.formulation.decode(maps, thresholds, sample.spacing)
    labels = found.labels[within(box, read)]
    if not model.formulation.instances:
        return labels.astype(np.int32)
    numbers = np.searchsorted(np.concatenate([[0], found.ids]), labels)
    return numbers.astype(np.int32)


def illustrate(best: Model, shown: Encoded) -> Generator[Event, None, None]:
    """Give a model its thumbnail: the middle of a sample, and what it makes of it."""
    part = tuple(
        slice(max(0, (n - EDGE) // 2), min(n, (n + EDGE) // 2))
        for n in shown.sample.shape
    )
    labels = yield from labels_at(best, shown.sample, shown.stats, part)
    image = shown.sample.image.part(part)
    best.thumbnail = thumbnail(image.array, image.rgb, shown.stats, labels)
