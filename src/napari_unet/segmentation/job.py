"""One run of segment(): tiles in the order of the focus, blocks as they get ready."""

from __future__ import annotations

import functools
import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_unet.boxes import Box, blocks, distance, grow, overlap
from napari_unet.config import PredictConfig
from napari_unet.data.images import Image, Stats
from napari_unet.data.resampling import on_grid, resampled
from napari_unet.events import Block, Control, Event, Note, Progress, TileDone
from napari_unet.formulations.base import Objects
from napari_unet.models.model import Model
from napari_unet.segmentation.blocks import Context, Numbering, decode_block
from napari_unet.segmentation.cache import MapCache, identity
from napari_unet.segmentation.linking import by_planes, joined, link
from napari_unet.segmentation.prediction import Prediction, TileLimit
from napari_unet.segmentation.tiles import Tile, unrounded

UNEQUAL = (
    "{name}: group normalisation depends on the whole tile, so objects may differ at "
    "the seams of tiles; more memory makes tiles larger"
)


@dataclass
class SegmentationJob:
    """The state of one run of segment()."""

    model: Model
    picture: Image
    config: PredictConfig
    control: Control
    stats: Stats
    out: Any
    cache: MapCache | None
    numbering: Numbering = field(default_factory=Numbering)
    memory: TileLimit = field(default_factory=TileLimit)
    notes: list[str] = field(default_factory=list)
    written: list[Box] = field(default_factory=list)
    tiles_done: int = 0
    least: float = 0.0  # score of the objects that stay
    known: str = ""  # what tells the model from others
    kept: dict[int | None, str] = field(default_factory=dict)  # keys of maps by plane
    unsure: int = 0  # blocks that even the widest context left unsure

    def __post_init__(self) -> None:
        """Settle the thresholds, and what there is to do."""
        self.thresholds = dict(self.model.thresholds)
        model, size = self.model.config, self.config.object_size
        if model.object_size and size and "smallest" in self.thresholds:
            # Of the model's own pixels, as its threshold was found.
            zoom = size / model.object_size
            self.thresholds["smallest"] *= zoom**model.ndim
        self.thresholds = self.config.over(self.thresholds)
        ndim = self.model.config.ndim
        shape = self.picture.shape
        self.planes = 1 if ndim == len(shape) else shape[0]
        self.blocks = len(blocks(shape[-ndim:], self.config.block)) * self.planes
        instances = self.model.formulation.instances
        self.linked = instances and self.planes > 1 and self.config.link > 0
        if instances:
            self.least = self.thresholds["score"]
            if self.linked:  # a weak outline may belong to a good object
                self.thresholds["score"] = 0.0

    @property
    def complete(self) -> bool:
        """Whether all blocks are written."""
        return len(self.written) == self.blocks

    def run(self) -> Iterator[Event]:
        """Write labels in working numbers, block by block."""
        name, shape = self.picture.name, self.picture.shape
        if self.stats.constant:
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
            plane = todo.pop(z)
            yield from self._run_picture(self.picture.plane(plane), plane)

    def _run_picture(self, picture: Image, z: int | None) -> Iterator[Event]:
        """Tiles in the order of the focus; blocks as soon as their context is there."""
        model = self.model.config
        scaled = resampled(picture, model, self.config.object_size)
        key, maps = "", None
        if self.cache is not None:
            self.known = self.known or identity(self.model)
            key = self.cache.key(self.known, scaled, self.stats, self.config)
            maps = self.cache.find(key)
            self.kept[z] = key
        size = self.config.object_size or model.object_size
        instances = self.model.formulation.instances
        boxes = blocks(picture.shape, self.config.block)
        waiting = [Context.of(box, size, instances) for box in boxes]
        if maps is None:
            prediction = Prediction(
                self.model, scaled, self.stats, self.config, self.memory, bytes_=True
            )
            maps = prediction.maps
            unequal = UNEQUAL.format(name=picture.name)
            tiled = len(prediction.plan) > 1 and not self.model.network.exact
            if tiled and unequal not in self.notes:
                yield self._note(unequal)
            decodes = picture if scaled is picture else None
            yield from self._predict(prediction, decodes, waiting, z)
            if self.control.stopped:
                return
            if self.cache is not None:
                self.cache.keep(key, maps)
        if scaled is not picture:
            # As if all maps were there: what is left out changes no label.
            channels = self.model.formulation.channels
            maps = on_grid(maps, picture.shape, unrounded, channels)
        yield from self._decode(maps, waiting, (), picture.spacing, z)

    def _predict(
        self,
        prediction: Prediction,
        picture: Image | None,
        waiting: list[Context],
        z: int | None,
    ) -> Iterator[Event]:
        """Fill the maps; blocks of `picture`, if given, are decoded meanwhile."""
        count = len(prediction.plan) * self.planes
        axes = slice(-len(prediction.picture.shape), None)
        order = functools.partial(self._nearest, axes=axes)
        for event in prediction.run(self.control, order):
            if isinstance(event, Note):
                self.notes.append(event.text)
            if not isinstance(event, TileDone):
                yield event
                continue
            self.tiles_done += 1
            yield TileDone(self.tiles_done, count)
            if picture is not None:
                yield from self._decode(
                    prediction.maps, waiting, prediction.todo, picture.spacing, z
                )

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
        shape, axes = maps.shape[1:], slice(1 - len(maps.shape), None)
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
            labels = self.numbering.add(objects, offset)
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
            lookup, score, area = joined(first, lookup, score, area, self.least)
            yield self._note(by_planes(name, self.planes, (len(score), found)))
        for done, box in enumerate(self.written, start=1):
            self.out[box] = lookup[np.asarray(self.out[box])]
            yield Progress("numbering", done, len(self.written))
        return np.arange(1, len(score) + 1), score, area
