"""Prediction: an image through the network by tiles."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_unet.boxes import Box, context, within
from napari_unet.config import PredictConfig
from napari_unet.data.images import Image, Stats
from napari_unet.device import available_memory, free_memory, is_out_of_memory
from napari_unet.events import Control, Event, Note, TileDone
from napari_unet.models.model import Model
from napari_unet.segmentation.scratch import scratch_array
from napari_unet.segmentation.tiles import Tile, padded_shape, rounded, tiles

MOST_TILE_BYTES = 2 * 2**30


@dataclass
class TileLimit:
    """What has turned out to fit into memory, for all tiles to come.

    pixels : most pixels of a read
    failed : the read at which memory ran out first
    """

    pixels: float = math.inf
    failed: str = ""
    told: bool = False


@dataclass
class Prediction:
    """The way of one image through the network.

    maps : (channels, [Z,] Y, X) filled tile by tile: float32 from 0 to 1, or
        uint8 from 0 to 255, then only those that decoding looks at
    plan : the tiles, in raster order
    todo : those of them that are still to do
    """

    model: Model
    picture: Image
    stats: Stats
    config: PredictConfig
    memory: TileLimit = field(default_factory=TileLimit)
    bytes_: bool = False

    def __post_init__(self) -> None:
        """Make room for the maps, and cut the image into tiles."""
        shape = self.picture.shape
        dtype = np.uint8 if self.bytes_ else np.float32
        made = self.model.formulation
        wanted = (made.decoded if self.bytes_ else made.channels, *shape)
        self.maps = scratch_array(
            wanted, dtype, f"{self.picture.name}: the network's output"
        )
        self.plan = plan_tiles(self.model, shape, self.config)
        self.todo = list(self.plan)

    def run(
        self, control: Control, order: Callable[[Sequence[Box]], int] = lambda _: 0
    ) -> Iterator[Event]:
        """Fill in the tiles; `order` returns which box comes next. Ends at a stop."""
        while self.todo:
            yield from control.wait_while_paused()
            if control.stopped:
                return
            tile = self.todo.pop(order([t.write for t in self.todo]))
            yield from self._fill(tile)
            yield TileDone(len(self.plan) - len(self.todo), len(self.plan))

    def _fill(self, tile: Tile) -> Iterator[Note]:
        """Fill in one tile; where memory runs out, one half after the other."""
        pixels = math.prod(s.stop - s.start for s in tile.read)
        if pixels <= self.memory.pixels:
            found = self._try(tile)
            if found is not None:
                part = found[(slice(len(self.maps)), *tile.crop)]
                if self.bytes_ and not np.isfinite(part.sum()):
                    raise ValueError(
                        f"{self.picture.name}: the network gives values that are no "
                        "numbers, as its weights are too large or damaged; choose "
                        "another model, or --precision float32"
                    )
                part = rounded(part) if self.bytes_ else part
                self.maps[(slice(None), *tile.write)] = part
                if self.memory.failed and not self.memory.told:
                    self.memory.told = True
                    yield Note(
                        f"{self.picture.name}: memory ran out on a tile of "
                        f"{self.memory.failed} px; continuing with "
                        f"{_size(tile.read)} px"
                    )
                return
            free_memory(self.model.device)
            self.memory.pixels = pixels - 1
            self.memory.failed = self.memory.failed or _size(tile.read)
        for half in _halve(self.model, tile, self.picture.shape):
            yield from self._fill(half)

    def _try(self, tile: Tile) -> np.ndarray | None:
        """Return the maps of a tile's read, or None where memory runs out."""
        try:
            raw = _read(self.picture.array, tile.read)
            prepared = self.model.prepare(raw, self.picture.rgb, self.stats)[None]
            found: np.ndarray = _flipped_mean(self.model, prepared, self.config)[0]
            if self.picture.inside is not None:
                found[:, _nothing(_read(self.picture.inside, tile.read)[0])] = 0
            return found
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        return None


def predict_maps(
    model: Model,
    picture: Image,
    stats: Stats,
    config: PredictConfig | None = None,
    control: Control | None = None,
) -> Generator[Event, None, np.ndarray]:
    """Run the network over one image by tiles; returns its maps, float32 from 0 to 1.

    Tiled maps equal those of the whole image to 1e-5 in float32. `stop` leaves 0 where
    no tile has been.
    """
    prediction = Prediction(model, picture, stats, config or PredictConfig())
    yield from prediction.run(control or Control())
    return prediction.maps


def plan_tiles(model: Model, shape: Sequence[int], config: PredictConfig) -> list[Tile]:
    """Cut an image into the tiles that fit into memory."""
    if config.tile is not None:
        read = (config.tile,) * len(shape)
    else:
        budget = min(MOST_TILE_BYTES, available_memory(model.device) // 4)
        if config.memory is not None:
            budget = int(config.memory * 2**30)
        read = _read_that_fits(model, padded_shape(shape, model.divisor), budget)
    return list(tiles(shape, read, model.halo, model.divisor))


def _read_that_fits(
    model: Model, padded: tuple[int, ...], budget: int
) -> tuple[int, ...]:
    """Halve the longest axis until the tile takes no more than `budget` bytes."""
    pixels = budget // (model.network.held * 4)
    read = np.array(padded)
    least = 2 * np.array(model.halo) + np.array(model.divisor) * 4
    while read.prod() > pixels and (read > least).any():
        axis = int(np.argmax(np.where(read > least, read, 0)))
        read[axis] = max(least[axis], read[axis] // 2)
    return tuple(int(n) for n in read)


def _size(box: Box) -> str:
    return " x ".join(str(s.stop - s.start) for s in box)


def _halve(model: Model, tile: Tile, shape: Sequence[int]) -> list[Tile]:
    lengths = [s.stop - s.start for s in tile.write]
    axis = int(np.argmax(lengths))
    if lengths[axis] < 2 * model.divisor[axis]:
        raise ValueError(
            f"memory runs out even on a tile of {_size(tile.read)} px; close other "
            "programs, or choose the device cpu"
        )
    middle = tile.write[axis].start + lengths[axis] // 2
    parts = []
    for part in (
        slice(tile.write[axis].start, middle),
        slice(middle, tile.write[axis].stop),
    ):
        write = (*tile.write[:axis], part, *tile.write[axis + 1 :])
        padded = padded_shape(shape, model.divisor)
        read = context(write, model.halo, model.divisor, padded)
        parts.append(Tile(read, write, within(write, read)))
    return parts


def _read(array: Any, box: Box) -> np.ndarray:
    """Read a box of the padded image: beyond its end the last pixels are repeated."""
    inner = tuple(
        slice(b.start, min(b.stop, n))
        for b, n in zip(box, array.shape[1:], strict=True)
    )
    part = np.asarray(array[(slice(None), *inner)])
    missing = [(0, b.stop - i.stop) for b, i in zip(box, inner, strict=True)]
    if any(after for _, after in missing):
        part = np.pad(part, [(0, 0), *missing], mode="edge")
    return part


def _nothing(inside: np.ndarray) -> np.ndarray:
    """Return where ([Z,] Y, X) shows nothing; single pixels and lines do not count."""
    from scipy import ndimage

    inside = inside > 0.5
    if inside.all():
        return np.zeros(inside.shape, bool)
    square = np.ones((1,) * (inside.ndim - 2) + (2, 2), bool)
    around = np.pad(~inside, 1, mode="edge")
    opened = ndimage.binary_opening(around, square)
    return np.asarray(opened[(slice(1, -1),) * inside.ndim])


def _flipped_mean(
    model: Model, prepared: np.ndarray, config: PredictConfig
) -> np.ndarray:
    axes = range(2, prepared.ndim)
    counts = range(len(axes) + 1 if config.accurate else 1)
    flips = [f for n in counts for f in itertools.combinations(axes, n)]

    def maps(flip: tuple[int, ...]) -> np.ndarray:
        image = np.ascontiguousarray(np.flip(prepared, flip))
        return np.flip(model.maps(image, config.precision, config.level), flip)

    total = functools.reduce(np.add, map(maps, flips))
    return total / np.float32(len(flips)) if len(flips) > 1 else total
