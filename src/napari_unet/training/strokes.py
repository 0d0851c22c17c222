"""Labels that change while a network learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_unet.data.samples import Sample
from napari_unet.events import LabelUpdate


def painted(sample: Sample, updates: Sequence[LabelUpdate]) -> Sample:
    """Return a sample with the new labels of those boxes that reach into it.

    Parameters
    ----------
    sample : Sample
        An image as it was given, or a part that the split cut out of it.
    updates : sequence of LabelUpdate
        With boxes in the image as it was given; those of other images are left out.

    Returns
    -------
    Sample
        `sample` itself where nothing reaches into it.
    """
    for update in updates:
        if update.name == sample.name:
            sample = _with(sample, update)
    return sample


def _with(sample: Sample, update: LabelUpdate) -> Sample:
    start = sample.start or (0,) * sample.ndim
    box, part = [], []
    for given, first, size in zip(update.box, start, sample.shape, strict=True):
        low, high = max(given.start, first), min(given.stop, first + size)
        if low >= high:
            return sample
        box.append(slice(low - first, high - first))
        part.append(slice(low - given.start, high - given.start))
    here, there = tuple(box), tuple(part)
    new = update.labels[there]
    dtype = sample.labels.dtype
    fits = int(new.max()) <= np.iinfo(dtype).max
    labels = np.array(sample.labels, dtype if fits else np.int64)
    labels[here] = new
    mask = sample.mask
    if update.mask is not None:
        mask = np.ones(sample.shape, bool) if mask is None else np.array(mask)
        mask[here] = update.mask[there]
    return replace(sample, labels=labels, mask=mask)
