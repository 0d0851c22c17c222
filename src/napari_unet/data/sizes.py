"""The size of objects in labels, and samples resampled to one size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.boxes import nearest
from napari_unet.data.resampling import LEAST_CHANGE, resize

if TYPE_CHECKING:
    from napari_unet.config import ModelConfig
    from napari_unet.data.samples import Sample

KNOWN_SIZE = 24.0
"""Diameter in px to which a model of any size has its images resampled; 32 px were
worse on DSB2018, see docs/accuracy.md."""

# Views of a sample by how much smaller its objects are in them, and how often each is
# drawn: the map of sizes must know what it is to be far off.
SMALLER = ((1.0, 0.86), (0.5, 0.08), (0.25, 0.06))
# A sample is not resampled by more than this: a single speck is no magnification.
MOST_ZOOM = 8.0
LEAST_EDGE = 16


def diameter(area: float, ndim: int) -> float:
    """Return the diameter of the disc (ball) of an area (volume), in px."""
    if ndim == 2:
        return 2 * math.sqrt(area / math.pi)
    return 2 * math.pow(3 * area / (4 * math.pi), 1 / 3)


def typical_size(samples: Sequence[Sample]) -> float | None:
    """Return the diameter, in px, that halves the labelled pixels; None: no objects.

    Half of all pixels of objects lie in objects of at most this diameter. Specks and
    objects cut by the image's edge hardly move it, unlike the median over objects.
    """
    area = np.sort(np.concatenate([s.annotated_objects.areas for s in samples]))
    if not len(area):
        return None
    total = np.cumsum(area)
    middle = area[np.searchsorted(total, total[-1] / 2)]
    return round(diameter(float(middle), samples[0].ndim), 2)


def zoom_of(sample: Sample, config: ModelConfig) -> float:
    """Return by how much a sample is resampled for a model: 1 but for any size."""
    size = typical_size([sample]) if config.any_size and config.object_size else None
    if size is None or config.object_size is None:
        return 1.0
    return float(np.clip(config.object_size / size, 1 / MOST_ZOOM, MOST_ZOOM))


def resample(sample: Sample, zoom: float) -> Sample:
    """Return a sample at another magnification; labels take the nearest value."""
    shape = tuple(max(LEAST_EDGE, round(n * zoom)) for n in sample.shape)
    if abs(zoom - 1) < LEAST_CHANGE:
        return sample
    index = nearest(sample.shape, shape)
    spacing = sample.spacing and tuple(
        s * n / m for s, n, m in zip(sample.spacing, sample.shape, shape, strict=True)
    )
    inside = sample.image.inside
    inside = None if inside is None else np.asarray(inside)[0][index][None]
    array = resize(np.asarray(sample.image.array).astype(np.float32), shape)
    return replace(
        sample,
        image=replace(sample.image, array=array, spacing=spacing, inside=inside),
        labels=sample.labels[index],
        mask=None if sample.mask is None else sample.mask[index],
    )


def views(sample: Sample, config: ModelConfig) -> Iterator[tuple[Sample, float]]:
    """Yield what is trained on for a sample, and how often each is drawn.

    For a model of any size: with objects of the known size and, less often, smaller
    (larger ones come of augmentation). Otherwise the sample itself.
    """
    if not config.any_size:
        yield sample, 1.0
        return
    zoom = zoom_of(sample, config)
    for smaller, share in SMALLER:
        yield resample(sample, zoom * smaller), share
