"""Segmentation: an image through the network by tiles, to labels by blocks."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .blocks import Context, Numbering, decode_block
from .checks import check_finite, check_out, check_stats, stats_of
from .config import PredictConfig
from .estimate import with_size
from .events import Block, Box, Control, Event, Note, Progress, TileDone
from .formulations import Objects
from .linking import by_planes, joined, link
from .model import Model
from .prediction import Memory, Picture, Prediction
from .resampling import resampled, resize
from .samples import Stats, check_image
from .tiling import Tile, blocks, distance, grow, overlap


@dataclass(frozen=True)
class Result:
    """What segmenting gave.

    labels : ([Z,] Y, X) int32; objects are numbered 1..n in raster order
    ids, score, area : one entry an object (or class); area in px (3D: voxels)
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
        µm per pixel an axis.
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
    yield from check_finite(picture)
    stats = stats or stats_of(picture, model, config)
    check_stats(stats, picture)
    config = yield from with_size(model, picture, stats, config)
    job = _Job(model, picture, config, control or Control(), stats, out)
    yield from job.run()
    ids, score, area = yield from job.finish()
    seconds = time.monotonic() - began
    notes = tuple(job.notes)
    return Result(
        out, ids, score, area, stats, seconds, job.complete, notes, config.object_size
    )


@dataclass
class _Job:
    """The state of one run of segment()."""

    model: Model
    picture: Picture
    config: PredictConfig
    control: Control
    stats: Stats
    out: Any
    numbering: Numbering = field(default_factory=Numbering)
    memory: Memory = field(default_factory=Memory)
    notes: list[str] = field(default_factory=list)
    written: list[Box] = field(default_factory=list)
    tiles_done: int = 0
    unsure: int = 0  # blocks that even the widest context left unsure

    def __post_init__(self) -> None:
        self.thresholds = dict(self.model.thresholds)
        if self.config.threshold is not None:
            self.thresholds["foreground"] = self.config.threshold
        model, size = self.model.config, self.config.object_size
        if model.any_size and model.object_size and size:
            # Of the model's own pixels, as its threshold was found.
            zoom = size / model.object_size
            self.thresholds["smallest"] *= zoom**model.ndim
        if self.config.smallest is not None:
            self.thresholds["smallest"] = self.config.smallest
        ndim = self.model.config.ndim
        shape = self.picture.shape
        self.planes = 1 if ndim == len(shape) else shape[0]
        self.blocks = len(blocks(shape[-ndim:], self.config.block)) * self.planes
        instances = self.model.formulation.instances
        self.linked = instances and self.planes > 1 and self.config.link > 0

    @property
    def complete(self) -> bool:
        return len(self.written) == self.blocks

    def run(self) -> Iterator[Event]:
        name, shape = self.picture.name, self.picture.shape
        if all(a >= b for a, b in zip(self.stats.low, self.stats.high, strict=True)):
            yield self._note(f"{name}: the image is constant, so it holds no objects")
            for box in blocks(shape, self.config.block):
                self.out[box] = 0
            self.blocks, self.linked = 0, False
        elif self.model.config.ndim == len(shape):
            yield from self._run_picture(self.picture, None)
        else:
            if not self.linked:  # else told when it is known what was joined
                yield self._note(by_planes(name, self.planes))
            yield from self._run_planes()
        if self.unsure:
            yield self._note(
                f"{name}: around {self.unsure} of {self.blocks} blocks, objects are "
                "too large for what is read there, so they may be cut at the edges of "
                "the blocks; choose a larger block"
            )

    def _note(self, text: str) -> Note:
        self.notes.append(text)
        return Note(text)

    def _run_planes(self) -> Iterator[Event]:
        todo = list(range(self.planes))
        while todo and not self.control.stopped:
            z = self._nearest([(slice(z, z + 1),) for z in todo], slice(0, 1))
            picture = replace(
                self.picture,
                array=np.asarray(self.picture.array[:, todo[z]]),
                spacing=self.picture.spacing and self.picture.spacing[1:],
            )
            yield from self._run_picture(picture, todo.pop(z))

    def _run_picture(self, picture: Picture, z: int | None) -> Iterator[Event]:
        """Tiles in the order of the focus; blocks as soon as their context is there."""
        size = self.config.object_size
        scaled = resampled(picture, self.model, size)
        prediction = Prediction(
            self.model, scaled, self.stats, self.config, self.memory
        )
        todo = list(prediction.plan)
        count = len(todo) * self.planes
        size = size or self.model.config.object_size
        instances = self.model.formulation.instances
        waiting = [
            Context.of(box, size, instances)
            for box in blocks(picture.shape, self.config.block)
        ]
        maps, axes = prediction.maps, slice(-len(picture.shape), None)
        while todo:
            yield from self.control.wait_while_paused()
            if self.control.stopped:
                return
            tile = todo.pop(self._nearest([t.write for t in todo], axes))
            for note in prediction.run(tile):
                yield self._note(note.text)
            self.tiles_done += 1
            yield TileDone(self.tiles_done, count)
            if scaled is picture:
                yield from self._decode(maps, waiting, todo, picture.spacing, z)
        if scaled is not picture:
            maps = resize(maps, picture.shape)
            yield from self._decode(maps, waiting, todo, picture.spacing, z)

    def _nearest(self, boxes: Sequence[Box], axes: slice) -> int:
        """Return which box is nearest to those axes of the focus; 0 without one."""
        focus = self.control.focused
        if focus is None or len(focus) != len(self.picture.shape):
            return 0
        return int(np.argmin([distance(box, focus[axes]) for box in boxes]))

    def _decode(
        self,
        maps: np.ndarray,
        waiting: list[Context],
        todo: Sequence[Tile],
        spacing: tuple[float, ...] | None,
        z: int | None,
    ) -> Iterator[Event]:
        """Decode the waiting blocks around which no tile is to do."""
        shape, axes = maps.shape[1:], slice(1 - maps.ndim, None)
        while not self.control.stopped:
            ready = []
            for context in waiting:
                read = grow(context.box, context.margin, shape)
                if not any(overlap(read, tile.write) for tile in todo):
                    ready.append(context)
            if not ready:
                return
            context = ready[self._nearest([c.box for c in ready], axes)]
            objects, sure = decode_block(
                maps, context, self.model.formulation, self.thresholds, spacing
            )
            if not sure and context.grow():
                continue
            waiting.remove(context)
            self.unsure += not sure
            yield self._write(context.box, objects, z)
            yield from self.control.wait_while_paused()

    def _write(self, box: Box, objects: Objects, z: int | None) -> Block:
        where = box if z is None else (slice(z, z + 1), *box)
        if self.model.formulation.instances:
            offset = 0 if z is None else z * math.prod(self.picture.shape[1:])
            # A weak outline may belong to a good object.
            keep = objects.score >= (0 if self.linked else self.config.score)
            labels = self.numbering.add(objects, offset, keep)
        else:
            self.numbering.count(objects)
            labels = objects.labels.astype(np.int32)
        labels = labels if z is None else labels[None]
        self.out[where] = labels
        self.written.append(where)
        return Block(where, labels, len(self.written), self.blocks)

    def finish(
        self,
    ) -> Generator[Event, None, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Give objects their final numbers; returns ids, scores and areas."""
        if not self.model.formulation.instances:
            return self.numbering.classes()
        lookup, score, area = self.numbering.final()
        if self.linked:
            name, config, found = self.picture.name, self.config, len(score)
            first = yield from link(self.out, self.written, found, config.link)
            lookup, score, area = joined(first, lookup, score, area, config.score)
            yield self._note(by_planes(name, self.planes, (len(score), found)))
        for done, box in enumerate(self.written, start=1):
            self.out[box] = lookup[np.asarray(self.out[box])]
            yield Progress("numbering", done, len(self.written))
        return np.arange(1, len(score) + 1), score, area
