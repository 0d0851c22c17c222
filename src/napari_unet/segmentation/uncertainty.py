"""Where a model is least sure of an image: the place to annotate next."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_unet.boxes import Box, blocks, nearest
from napari_unet.config import PredictConfig
from napari_unet.data.images import Image, Stats
from napari_unet.data.resampling import resampled
from napari_unet.events import Control, Event
from napari_unet.models.model import Model
from napari_unet.segmentation.checks import check_finite, stats_of
from napari_unet.segmentation.object_size import with_size
from napari_unet.segmentation.prediction import Prediction
from napari_unet.segmentation.tiles import unrounded

# How wide the place is: in objects, where their size is known, and in px.
OBJECTS = 5.0
EDGES = (48, 256)
EDGE = 128
# Maps are turned into uncertainty in pieces of this edge, which keeps memory small.
PIECE = 2048


@dataclass(frozen=True)
class Place:
    """A part of an image, and how little sure a model is of it.

    box : a slice per axis, ([Z,] Y, X), px; one plane of a stack
    uncertainty : mean over its pixels, from 0, sure, to 1; what is known counts as 0
    """

    box: Box
    uncertainty: float


def least_certain(
    model: Model,
    image: Image | Any,
    config: PredictConfig | None = None,
    *,
    known: np.ndarray | None = None,
    control: Control | None = None,
) -> Generator[Event, None, Place | None]:
    """Find where a model is least sure of an image; yields events, returns the Place.

    A pixel counts 4 p q, with the probabilities p and q of its two likeliest answers;
    the place is the square whose mean is largest, 5 objects wide where the model knows
    their size. In 82 images that the built-in model had not seen, such a square held
    2.0 times as many wrong objects as squares do on average
    (`benchmarks/uncertainty.py`).

    Parameters
    ----------
    model : Model
    image : Image, or (C, [Z,] Y, X) array-like with shape, dtype and slicing
        A stack on a 2D model is looked at plane by plane.
    config : PredictConfig, optional
    known : ([Z,] Y, X) bool array, optional
        What is annotated already.
    control : Control, optional
        `stop` returns the best of what has been looked at.

    Returns
    -------
    Place or None
        None where all is known, or the image is constant.

    Raises
    ------
    ValueError
        If the image does not fit the model, `known` does not fit the image, or the
        image holds NaN or infinite values.

    References
    ----------
    .. [1] T. Scheffer, C. Decomain, S. Wrobel, "Active Hidden Markov Models for
       Information Extraction", IDA 2001 (what is nearly another class teaches most).
    """
    picture = model.fitted(image if isinstance(image, Image) else Image(image))
    config = config or PredictConfig()
    if known is not None and known.shape != picture.shape:
        raise ValueError(
            f"{picture.name}: known has shape {known.shape} but the image has "
            f"{picture.shape}; give an array of the image's shape"
        )
    yield from check_finite(picture)
    stats = stats_of(picture, model, config)
    if stats.constant:
        return None
    config = yield from with_size(model, picture, stats, config)
    control = control or Control()
    best: Place | None = None
    for z, plane in _planes(picture, model.config.ndim):
        mine = known if known is None or z is None else known[z]
        if mine is not None and mine.all():
            continue
        found = yield from _scan(model, plane, mine, stats, config, control)
        if found is not None and (best is None or found.uncertainty > best.uncertainty):
            box = found.box if z is None else (slice(z, z + 1), *found.box)
            best = replace(found, box=box)
        if control.stopped:
            break
    return best


def _planes(picture: Image, ndim: int) -> Iterator[tuple[int | None, Image]]:
    """Return what the network sees at once, and where in a stack: None for all."""
    if ndim == len(picture.shape):
        yield None, picture
        return
    for z in range(picture.shape[0]):
        yield z, picture.plane(z)


def _scan(
    model: Model,
    picture: Image,
    known: np.ndarray | None,
    stats: Stats,
    config: PredictConfig,
    control: Control,
) -> Generator[Event, None, Place | None]:
    """Return the place of one picture; what no tile has been to counts as sure."""
    scaled = resampled(picture, model.config, config.object_size)
    prediction = Prediction(model, scaled, stats, config, bytes_=True)
    yield from prediction.run(control)
    uncertainty = np.zeros(scaled.shape, np.float32)
    for box in blocks(scaled.shape, PIECE):
        part = prediction.maps[(slice(None), *box)]
        found = model.formulation.uncertainty(unrounded(part))
        uncertainty[box] = np.where(part.any(0), found, 0)
    if known is not None:
        uncertainty[known[nearest(known.shape, uncertainty.shape)]] = 0
    size = config.object_size or model.config.object_size
    edge = int(np.clip(OBJECTS * size, *EDGES)) if size else EDGE
    return _worst(uncertainty, picture.shape, edge)


def _worst(uncertainty: np.ndarray, shape: Sequence[int], edge: int) -> Place | None:
    """Return the square of the largest mean, of `edge` px of an image of that shape."""
    from scipy import ndimage

    sizes = [
        1 if len(shape) == 3 and i == 0 else min(m, max(1, round(edge * m / n)))
        for i, (m, n) in enumerate(zip(uncertainty.shape, shape, strict=True))
    ]
    means = ndimage.uniform_filter(uncertainty, sizes, mode="constant")
    # The window of a pixel reaches from itself - size // 2; those that lie inside.
    inside = tuple(
        slice(s // 2, m - s + s // 2 + 1)
        for s, m in zip(sizes, uncertainty.shape, strict=True)
    )
    means = means[inside]
    at = np.unravel_index(means.argmax(), means.shape)
    most = float(means[at])
    if most <= 0:
        return None
    box = []
    for start, size, m, n in zip(at, sizes, uncertainty.shape, shape, strict=True):
        first = int(start * n / m)
        length = max(1, round(size * n / m))
        first = max(0, min(first, n - length))
        box.append(slice(first, min(n, first + length)))
    return Place(tuple(box), most)
