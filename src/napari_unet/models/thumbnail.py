"""A small picture of what a model does, for its card."""

from __future__ import annotations

import io

import numpy as np

from napari_unet.data.images import Stats, normalise

EDGE = 128
"""Edge of the part of an image that is shown, in px."""
OUTLINE = np.array([255, 200, 0], np.uint8)


def thumbnail(image: np.ndarray, rgb: bool, stats: Stats, labels: np.ndarray) -> bytes:
    """Draw the outlines of labels over a small image.

    Parameters
    ----------
    image : (C, [Z,] Y, X) array
    rgb : bool
    stats : Stats
        Intensities that become black and white.
    labels : ([Z,] Y, X) integer array
        3D: the middle plane is shown.

    Returns
    -------
    bytes
        A PNG file.
    """
    from PIL import Image

    shown = normalise(image, stats)
    if labels.ndim == 3:
        middle = len(labels) // 2
        shown, labels = shown[:, middle], labels[middle]
    if not rgb:
        shown = shown.mean(0, keepdims=True)
    picture = np.clip(shown * 255, 0, 255).astype(np.uint8)
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
