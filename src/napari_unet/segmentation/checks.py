"""What must be right before an image is segmented."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from napari_unet.boxes import blocks
from napari_unet.config import PredictConfig
from napari_unet.data.images import (
    Image,
    Stats,
    finite,
    groups,
    intensity_stats,
    subsample,
)
from napari_unet.data.outside import Outside, find_outside, inside
from napari_unet.events import Event, Note, Progress
from napari_unet.models.model import Model

CHECKED_EDGE = 2048
# Where so few objects are found, it is told that many pixels have the largest value, or
# that all but a few have a small part of the intensities.
FEW_OBJECTS = 3
OVEREXPOSED = 0.3
FEW_PIXELS = 0.1
DIM = 0.1
# Pixels larger or smaller by this are worth a word.
OTHER_SPACING = 1.3


def check_out(out: Any, shape: tuple[int, ...], name: str) -> None:
    """Raise a ValueError unless labels of the image can be written into `out`."""
    if tuple(out.shape) != shape:
        raise ValueError(
            f"{name}: out has shape {tuple(out.shape)} but the image has {shape}; "
            "give an array of the image's shape"
        )
    dtype = np.dtype(out.dtype)
    if dtype.kind not in "iu" or dtype.itemsize < 4:
        raise ValueError(
            f"{name}: out holds {dtype}, too few values to number objects; give int32"
        )


def check_level(model: Model, config: PredictConfig) -> None:
    """Raise a ValueError unless the network has logits of the level that is wanted."""
    levels = model.network.levels
    if config.level is not None and config.level > levels:
        network = f"the network {model.config.network}"
        raise ValueError(
            f"level is {config.level} but {network} has {levels}; leave it out"
        )


def without_effect(model: Model, image: Image, config: PredictConfig) -> Iterator[Note]:
    """Tell of options that are given but mean nothing for the model."""
    if model.formulation.instances:
        return
    given = [n for n in ("score", "smallest") if getattr(config, n) is not None]
    if "link" in config.model_fields_set:
        given.append("link")
    if given:
        yield Note(
            f"{image.name}: a semantic model tells no objects apart, so there is no "
            f"effect of {', '.join(given)}"
        )
    if config.threshold is not None and len(model.config.classes) > 1:
        yield Note(
            f"{image.name}: threshold has no effect on several classes: the most "
            "probable one is taken"
        )


def other_spacing(model: Model, image: Image, config: PredictConfig) -> Iterator[Note]:
    """Warn where pixels have another size than those that the model learnt from."""
    known, here = model.config.spacing, image.spacing
    if not known or not here or model.config.any_size or config.object_size:
        return
    here = here[-len(known) :]
    ratios = [a / b for a, b in zip(here, known, strict=True)]
    if max(max(r, 1 / r) for r in ratios) < OTHER_SPACING:
        return
    told = (" x ".join(f"{s:.3g}" for s in spacing) for spacing in (here, known))
    yield Note(
        f"{image.name}: a pixel is {next(told)} µm but the model learnt from "
        f"{next(told)} µm, so less may be found; resample the image to that"
    )


def outside_of(
    image: Image, model: Model, config: PredictConfig, whole: bool = True
) -> Generator[Event, None, Outside]:
    """Return what of an image is outside; see :mod:`napari_unet.data.outside`.

    A ValueError if nothing is inside. Not `whole`: NaN are not counted. Where the
    config gives the intensities, only NaN and infinite values are outside.
    """
    undefined = (yield from _undefined(image)) if whole else None
    outside = find_outside(image, model.config.percentiles, undefined)
    if config.intensity is not None:
        outside = outside.without(dark=True, bright=True)
    return outside


def what_counts(
    image: Image, model: Model, config: PredictConfig, whole: bool = True
) -> Generator[Event, None, Image]:
    """Return an image with what of it counts, and tell what does not."""
    outside = yield from outside_of(image, model, config, whole)
    yield from tell_outside(image.name, outside)
    return inside(image, outside)


def few_found(image: Image, stats: Stats, count: int) -> Iterator[Note]:
    """Tell where the intensities may be why few objects were found."""
    if count > FEW_OBJECTS:
        return
    sample = subsample(image.array)
    found = f"{count} object{'s' * (count != 1)} found" if count else "nothing found"
    remedy = "--intensity LOW/HIGH says what becomes 0 and 1"
    for i, group in enumerate(groups(len(sample), image.rgb)):
        values, low, high = finite(sample[group]), stats.low[i], stats.high[i]
        if not values.size or low >= high:
            continue
        share = float(np.mean(values == values.max()))
        most = float(np.percentile(values, 100 - 100 * FEW_PIXELS))
        if not count and share > OVEREXPOSED:
            yield Note(
                f"{image.name}: {found}, and {share:.0%} of the pixels have the "
                f"largest value, {values.max():g}: it may be overexposed"
            )
        elif most - low < DIM * (high - low):
            yield Note(
                f"{image.name}: {found}, and {1 - FEW_PIXELS:.0%} of the pixels are "
                f"below {most:.5g} while the intensities reach from {low:.5g} to "
                f"{high:.5g}; if dim ones are missing, {remedy}"
            )


def tell_outside(name: str, outside: Outside) -> Iterator[Note]:
    """Tell what of an image is outside."""
    for note in outside.notes():
        yield Note(f"{name}: {note}; they are left out")


def _undefined(image: Image) -> Generator[Event, None, float]:
    """Return the share of values that are NaN or infinite; a ValueError if all are."""
    if np.dtype(image.array.dtype).kind != "f":
        return 0.0
    wrong = 0
    boxes = blocks(image.shape, CHECKED_EDGE)
    for done, box in enumerate(boxes, start=1):
        part = np.asarray(image.array[(slice(None), *box)])
        wrong += part.size - int(np.isfinite(part).sum())
        yield Progress("checking", done, len(boxes))
    count = int(np.prod(image.array.shape))
    if wrong == count:
        raise ValueError(f"{image.name}: all values are NaN or infinite; leave it out")
    return wrong / count


def stats_of(image: Image, model: Model, config: PredictConfig) -> Stats:
    """Return the intensities that become 0 and 1: the config's, or the image's own."""
    if config.intensity is None:
        return intensity_stats(image, model.config.percentiles)
    return Stats(*config.intensity)


def check_stats(stats: Stats, image: Image) -> None:
    """Raise a ValueError unless there are a low and a high intensity per channel."""
    wanted = 1 if image.rgb else image.array.shape[0]
    if len(stats.low) != wanted or len(stats.high) != wanted:
        raise ValueError(
            f"{image.name}: {len(stats.low)} low and {len(stats.high)} high "
            f"intensities are given but {wanted} are needed, one per channel (RGB: one)"
        )
