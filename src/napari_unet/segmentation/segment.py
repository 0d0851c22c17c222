"""Segmentation: an image through the network by tiles, to labels by blocks."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_unet.config import PredictConfig
from napari_unet.data.images import Picture
from napari_unet.data.samples import Sample, Stats, check_image
from napari_unet.events import Control, Event
from napari_unet.models.model import Model
from napari_unet.segmentation.cache import MapCache
from napari_unet.segmentation.checks import (
    check_finite,
    check_level,
    check_out,
    check_stats,
    other_spacing,
    stats_of,
    without_effect,
)
from napari_unet.segmentation.job import SegmentationJob
from napari_unet.segmentation.object_size import with_size


@dataclass(frozen=True)
class Result:
    """What segmenting gave.

    labels : ([Z,] Y, X) int32; objects are numbered 1..n in raster order
    ids, score, area : one entry per object (or class); area in px (3D: voxels)
    stats : the intensities that became 0 and 1
    complete : False where the work was stopped; finished blocks are in `labels`
    object_size : diameter of the objects in px, as given or estimated; None: neither
    """

    labels: Any
    ids: np.ndarray
    score: np.ndarray
    area: np.ndarray
    stats: Stats
    seconds: float
    complete: bool = True
    notes: tuple[str, ...] = ()
    object_size: float | None = None


def segment(
    model: Model,
    image: Any,
    config: PredictConfig | None = None,
    *,
    rgb: bool = False,
    spacing: tuple[float, ...] | None = None,
    channels: tuple[str, ...] = (),
    name: str = "image",
    out: Any = None,
    stats: Stats | None = None,
    control: Control | None = None,
    cache: MapCache | None = None,
) -> Generator[Event, None, Result]:
    """Segment an image of any size; yields events, returns the Result.

    Parameters
    ----------
    model : Model
    image : (C, [Z,] Y, X) array-like with shape, dtype and slicing
        A stack on a 2D model is segmented plane by plane, and objects that overlap
        in neighbouring planes are joined.
    config : PredictConfig, optional
    rgb : bool
        Whether three channels are colours.
    spacing : tuple of float, optional
        µm per pixel along each axis.
    channels : tuple of str, optional
        Names of the channels, for messages.
    name : str
        What messages call the image.
    out : array-like, optional
        Where labels are written: of the image's spatial shape, integers of 32 bits or
        more.
    stats : Stats, optional
        Intensities that become 0 and 1, for example of a whole time series.
    control : Control, optional
        `stop` ends after the tile at hand and keeps finished blocks; `focus` changes
        the order.
    cache : MapCache, optional
        Takes the maps from there where the network has seen the image before, and
        leaves them there.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If the image does not fit the model, or holds NaN or infinite values.

    Examples
    --------
    >>> result = drain(segment(model, image[None]))  # doctest: +SKIP
    >>> result.labels.max()  # doctest: +SKIP
    214
    """
    began = time.monotonic()
    picture = Picture(image, rgb, spacing, channels, name)
    config = config or PredictConfig()
    check_image(image, rgb, spacing, name)
    model.check(image.shape, rgb, channels, name)
    if out is None:
        out = np.zeros(picture.shape, np.int32)
    check_out(out, picture)
    check_level(model, config)
    notes = list(without_effect(model, picture, config))
    yield from check_finite(picture)
    stats = stats or stats_of(picture, model, config)
    check_stats(stats, picture)
    config = yield from with_size(model, picture, stats, config, cache)
    notes += other_spacing(model, picture, config)
    yield from notes
    job = SegmentationJob(
        model, picture, config, control or Control(), stats, out, cache
    )
    yield from job.run()
    ids, score, area = yield from job.finish()
    seconds = time.monotonic() - began
    told = tuple(n.text for n in notes) + tuple(job.notes)
    return Result(
        out, ids, score, area, stats, seconds, job.complete, told, config.object_size
    )


def segment_sample(
    model: Model,
    sample: Sample,
    config: PredictConfig | None = None,
    control: Control | None = None,
) -> Generator[Event, None, Result]:
    """Segment the image of a sample; its labels play no part. See :func:`segment`."""
    return segment(
        model,
        sample.image,
        config,
        rgb=sample.rgb,
        spacing=sample.spacing,
        channels=sample.channels,
        name=sample.name,
        control=control,
    )
