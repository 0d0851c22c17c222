"""A small picture of what a model does, for its card."""

from __future__ import annotations

import io

import numpy as np

from .samples import Sample, Stats, normalise

EDGE = 128
OUTLINE = np.array([255, 200, 0], np.uint8)


def thumbnail(sample: Sample, stats: Stats, labels: np.ndarray) -> bytes:
    """Draw the outlines of labels over the middle of an image.

    Parameters
    ----------
    sample : Sample
    stats : Stats
        Intensities that become black and white.
    labels : ([Z,] Y, X) integer array
        3D: the middle plane is shown.

    Returns
    -------
    bytes
        A PNG file of at most 128 x 128 px.
    """
    from PIL import Image

    image = normalise(sample.image, stats)
    if sample.ndim == 3:
        middle = image.shape[1] // 2
        image, labels = image[:, middle], labels[middle]
    box = tuple(
        slice(max(0, (n - EDGE) // 2), max(0, (n - EDGE) // 2) + EDGE)
        for n in labels.shape
    )
    image, labels = image[(slice(None), *box)], labels[box]
    grey = image if sample.rgb else image.mean(0, keepdims=True)
    picture = np.clip(grey * 255, 0, 255).astype(np.uint8)
    picture = np.moveaxis(np.broadcast_to(picture, (3, *labels.shape)), 0, -1).copy()
    picture[outlines(labels)] = OUTLINE
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


def outlines(labels: np.ndarray) -> np.ndarray:
    """Return True on the pixels of objects that have another label beside them."""
    edge = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        differ = np.diff(labels, axis=axis) != 0
        before = (slice(None),) * axis
        edge[(*before, slice(1, None))] |= differ
        edge[(*before, slice(None, -1))] |= differ
    return edge & (labels > 0)
