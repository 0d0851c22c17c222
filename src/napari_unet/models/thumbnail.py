"""A small picture of what a model does, for its card."""

from __future__ import annotations

import io

import numpy as np

from napari_unet.data.images import Stats, normalise

EDGE = 128
"""Edge of the part of an image that is shown, in px."""
OUTLINE = np.array([255, 200, 0], np.uint8)


def thumbnail(image: np.ndarray, rgb: bool, stats: Stats, labels: np.ndarray) -> bytes:
    """Draw the outlines of labels over a small image, or its middle plane; a PNG file.

    `stats` are the intensities that become black and white.
    """
    shown = normalise(image, stats)
    if labels.ndim == 3:
        middle = len(labels) // 2
        shown, labels = shown[:, middle], labels[middle]
    picture = in_colours(shown, rgb)
    picture[outlines(labels)] = OUTLINE
    return png(picture)


def in_colours(image: np.ndarray, rgb: bool) -> np.ndarray:
    """Return (C, Y, X) from 0 to 1 as colours, or as grey, (Y, X, 3) uint8."""
    shown = image if rgb else image.mean(0, keepdims=True)
    values = np.clip(shown * 255, 0, 255).astype(np.uint8)
    return np.moveaxis(np.broadcast_to(values, (3, *image.shape[1:])), 0, -1).copy()


def png(picture: np.ndarray) -> bytes:
    """Return (Y, X, 3) uint8 as a PNG file."""
    from PIL import Image

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
