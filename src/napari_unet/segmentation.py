"""Segmentation: an image through the network by tiles, to labels by blocks."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from .blocks import Numbering, context_of, decode_block
from .config import PredictConfig
from .events import Block, Box, Control, Event, Note, TileDone
from .model import Model
from .prediction import Picture, plan_tiles, run_tile
from .samples import Stats, check_image, intensity_stats
from .tiling import blocks, distance, grow, overlap


@dataclass(frozen=True)
class Result:
    """What segmenting gave.

    labels : ([Z,] Y, X) int32; objects are numbered 1..n in raster order
    ids, score, area : one entry an object (or class); area in px
    stats : the intensities that became 0 and 1
    complete : False where the work was stopped; finished blocks are in `labels`
    """

    labels: Any
    ids: np.ndarray
    score: np.ndarray
    area: np.ndarray
    stats: Stats
    seconds: float
    complete: bool = True
    notes: tuple[str, ...] = ()


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
) -> Generator[Event, None, Result]:
    """Segment an image of any size; yields events, returns the Result.

    Parameters
    ----------
    model : Model
    image : (C, [Z,] Y, X) array-like with shape, dtype and slicing
        A stack on a 2D model is segmented plane by plane.
    config : PredictConfig, optional
    rgb : bool
        Whether three channels are colours.
    spacing : tuple of float, optional
        µm per pixel an axis.
    channels : tuple of str, optional
        Names of the channels, for messages.
    name : str
        What messages call the image.
    out : array-like, optional
        Where labels are written, of the image's spatial shape, int32.
    stats : Stats, optional
        Intensities that become 0 and 1, for example of a whole time series.
    control : Control, optional
        `stop` ends after the tile at hand and keeps finished blocks; `focus` changes
        the order.

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
    picture = Picture(image, rgb, spacing, channels, name)
    config = config or PredictConfig()
    control = control or Control()
    check_image(image, rgb, spacing, name)
    model.check(image.shape, rgb, channels, name)
    check_finite(image, name)
    began = time.monotonic()
    job = _Job(model, picture, config, control)
    job.stats = stats or _stats_of(picture, model, config)
    job.out = np.zeros(picture.shape, np.int32) if out is None else out
    if all(a >= b for a, b in zip(job.stats.low, job.stats.high, strict=True)):
        job.notes.append(f"{name}: the image is constant, so it holds no objects")
        yield Note(job.notes[-1])
        job.complete = True
    else:
        yield from job.run()
    ids, score, area = job.finish()
    return Result(
        job.out,
        ids,
        score,
        area,
        job.stats,
        time.monotonic() - began,
        job.complete,
        tuple(job.notes),
    )


def check_finite(image: Any, name: str) -> None:
    """Raise a ValueError if a float image holds NaN or infinite values."""
    if np.dtype(image.dtype).kind != "f":
        return
    wrong = 0
    for box in blocks(image.shape[1:], 4096):
        wrong += int((~np.isfinite(np.asarray(image[(slice(None), *box)]))).sum())
    if wrong:
        raise ValueError(
            f"{name}: {wrong:,} values are NaN or infinite; replace them, for example "
            "with numpy.nan_to_num"
        )


def _stats_of(picture: Picture, model: Model, config: PredictConfig) -> Stats:
    if config.intensity is None:
        return intensity_stats(picture.array, picture.rgb, model.config.percentiles)
    low, high = config.intensity
    wanted = 1 if picture.rgb else picture.array.shape[0]
    if len(low) != wanted or len(high) != wanted:
        raise ValueError(
            f"{picture.name}: intensity has {len(low)} low and {len(high)} high values "
            f"but {wanted} are needed, one a channel (RGB: one)"
        )
    return Stats(tuple(low), tuple(high))


@dataclass
class _Job:
    """The state of one run of segment()."""

    model: Model
    picture: Picture
    config: PredictConfig
    control: Control
    out: Any = None
    stats: Stats = Stats((), ())
    numbering: Numbering = field(default_factory=Numbering)
    notes: list[str] = field(default_factory=list)
    complete: bool = False
    blocks_done: list[Box] = field(default_factory=list)

    def run(self) -> Iterator[Event]:
        if self.model.config.ndim == len(self.picture.shape):
            yield from self._run_planes([None])
            return
        planes = self.picture.shape[0]
        self._note(
            f"{self.picture.name}: a stack on a 2D model is segmented plane by plane "
            f"({planes} planes)"
        )
        yield Note(self.notes[-1])
        yield from self._run_planes(list(range(planes)))

    def _note(self, text: str) -> None:
        self.notes.append(text)

    def _run_planes(self, planes: list[int | None]) -> Iterator[Event]:
        for done, z in enumerate(planes):
            picture = self.picture
            if z is not None:
                array = np.asarray(picture.array[:, z])
                picture = Picture(array, picture.rgb, None, picture.channels, picture.name)
            yield from self._run_picture(picture, z, done, len(planes))
            if self.control.stopped:
                return
        self.complete = True

    def _run_picture(
        self, picture: Picture, z: int | None, done: int, count: int
    ) -> Iterator[Event]:
        """Tiles in order of the focus; a block is decoded once its context is there."""
        picture, zoom = _resampled(picture, self.model, self.config)
        shape = self.picture.shape[-len(picture.shape) :]
        maps = np.zeros((self.model.formulation.channels, *picture.shape), np.float32)
        plan = plan_tiles(self.model, picture.shape, self.config)
        pending = blocks(shape, self.config.block)
        total = len(pending) * count
        context = context_of(self.config.object_size or self.model.config.object_size)
        todo = list(plan)
        while todo:
            yield from self.control.wait_while_paused()
            if self.control.stopped:
                return
            focus = self.control.focused
            tile = min(todo, key=lambda t: distance(t.write, focus)) if focus else todo[0]
            todo.remove(tile)
            yield from run_tile(
                self.model, picture, self.stats, self.config, tile, maps
            )
            yield TileDone(done * len(plan) + len(plan) - len(todo), len(plan) * count)
            if todo and zoom == 1:
                for box in list(pending):
                    read = grow(box, context, shape)
                    if not any(overlap(read, t.write) for t in todo):
                        pending.remove(box)
                        yield self._decode(maps, box, z, context, total)
        if zoom != 1:
            maps = _resize(maps, shape)
        for box in pending:
            yield self._decode(maps, box, z, context, total)

    def _decode(
        self, maps: np.ndarray, box: Box, z: int | None, context: int, total: int
    ) -> Block:
        model, config = self.model, self.config
        thresholds = dict(model.thresholds)
        if config.threshold is not None:
            thresholds["foreground"] = config.threshold
        if config.smallest is not None:
            thresholds["smallest"] = config.smallest
        objects, too_large = decode_block(
            maps, box, model.formulation, thresholds, self.picture.spacing, context
        )
        if too_large:
            self._note(
                f"{self.picture.name}: {too_large} objects in or beside the block at "
                f"{tuple(s.start for s in box)} are too large for its context and may "
                "be cut; set the object size"
            )
        where = box if z is None else (slice(z, z + 1), *box)
        if model.formulation.instances:
            offset = 0 if z is None else z * int(np.prod(maps.shape[1:]))
            keep = objects.score >= config.score
            labels = self.numbering.add(objects, offset, keep)
        else:
            self.numbering.count(objects)
            labels = objects.labels.astype(np.int32)
        labels = labels if z is None else labels[None]
        self.out[where] = labels
        self.blocks_done.append(where)
        return Block(where, labels, len(self.blocks_done), total)

    def finish(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give objects their final numbers; returns ids, scores and areas."""
        if not self.model.formulation.instances:
            return self.numbering.classes()
        lookup, score, area = self.numbering.final()
        for box in self.blocks_done:
            self.out[box] = lookup[np.asarray(self.out[box])]
        return np.arange(1, len(score) + 1), score, area


def _resampled(
    picture: Picture, model: Model, config: PredictConfig
) -> tuple[Picture, float]:
    """Resample the image so that its objects have the size that the model knows."""
    wanted, known = config.object_size, model.config.object_size
    if wanted is None:
        return picture, 1.0
    if known is None:
        raise ValueError(
            f"{picture.name}: object_size is {wanted} but the model knows no object "
            "size; leave it out"
        )
    zoom = known / wanted
    if abs(zoom - 1) < 0.02:  # not worth a resampling
        return picture, 1.0
    shape = tuple(max(1, round(n * zoom)) for n in picture.shape)
    array = _resize(np.asarray(picture.array).astype(np.float32), shape)
    return (
        Picture(array, picture.rgb, picture.spacing, picture.channels, picture.name),
        zoom,
    )


def _resize(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Linear resampling of (C, ...) with antialiasing where it shrinks."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))[None]
    smooth = [n // m for n, m in zip(array.shape[1:], shape, strict=True)]
    if len(shape) == 2:
        result = torch.nn.functional.interpolate(
            tensor, size=tuple(shape), mode="bilinear", align_corners=False, antialias=True
        )
    else:
        if max(smooth) > 1:  # no antialiasing in 3D: average whole factors first
            tensor = torch.nn.functional.avg_pool3d(tensor, [max(1, s) for s in smooth])
        result = torch.nn.functional.interpolate(
            tensor, size=tuple(shape), mode="trilinear", align_corners=False
        )
    return result[0].numpy()
