"""Prediction: an image through the network by tiles."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .config import PredictConfig
from .device import available_memory, free_memory, is_out_of_memory
from .events import Box, Control, Event, Note, TileDone
from .model import Model
from .samples import Stats
from .tiling import Tile, padded_shape, tiles, within

# Features of the first level that are alive at once: skip, upsampled, concatenated
# (twice as many), and a convolution's output.
LIVE_FEATURES = 6
MOST_TILE_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Picture:
    """An image to segment, with what is known of it.

    array : (C, [Z,] Y, X), anything with shape, dtype and slicing
    """

    array: Any
    rgb: bool = False
    spacing: tuple[float, ...] | None = None
    channels: tuple[str, ...] = ()
    name: str = "image"

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape."""
        return tuple(self.array.shape[1:])


def predict_maps(
    model: Model,
    picture: Picture,
    stats: Stats,
    config: PredictConfig | None = None,
    control: Control | None = None,
) -> Generator[Event, None, np.ndarray]:
    """Run the network over one image by tiles; returns the maps.

    Tiled maps equal those of the whole image to 1e-5 in float32.

    Returns
    -------
    (channels, [Z,] Y, X) float32 array
    """
    config = config or PredictConfig()
    maps = np.zeros((model.formulation.channels, *picture.shape), np.float32)
    plan = plan_tiles(model, picture.shape, config)
    control = control or Control()
    for done, tile in enumerate(plan, start=1):
        yield from control.wait_while_paused()
        if control.stopped:
            break
        yield from run_tile(model, picture, stats, config, tile, maps)
        yield TileDone(done, len(plan))
    return maps


def plan_tiles(
    model: Model, shape: Sequence[int], config: PredictConfig
) -> list[Tile]:
    """Cut an image into the tiles that fit into memory."""
    if config.tile is not None:
        read = (config.tile,) * len(shape)
    else:
        read = _read_that_fits(model, padded_shape(shape, model.divisor))
    return list(tiles(shape, read, model.halo, model.divisor))


def _read_that_fits(model: Model, padded: tuple[int, ...]) -> tuple[int, ...]:
    budget = min(MOST_TILE_BYTES, available_memory(model.device) // 4)
    pixels = budget // (LIVE_FEATURES * 4 * model.config.width)
    read = np.array(padded)
    least = 2 * np.array(model.halo) + np.array(model.divisor) * 4
    while read.prod() > pixels and (read > least).any():
        axis = int(np.argmax(np.where(read > least, read, 0)))
        read[axis] = max(least[axis], read[axis] // 2)
    return tuple(int(n) for n in read)


def run_tile(
    model: Model,
    picture: Picture,
    stats: Stats,
    config: PredictConfig,
    tile: Tile,
    maps: np.ndarray,
) -> Iterator[Event]:
    """Write one tile's maps; where memory runs out, its halves one after the other."""
    raw = _read(picture.array, tile.read)
    prepared = model.prepare(raw, picture.rgb, stats)[None]
    try:
        found = _flipped_mean(model, prepared, config)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        found = None
    if found is not None:
        maps[(slice(None), *tile.write)] = found[0][(slice(None), *tile.crop)]
        return
    free_memory(model.device)
    halves = _halve(model, tile, picture.shape)
    yield Note(
        f"{picture.name}: memory ran out on a tile of {_size(tile.read)} px; going on "
        f"with {_size(halves[0].read)} px"
    )
    for half in halves:
        yield from run_tile(model, picture, stats, config, half, maps)


def _size(box: Box) -> str:
    return " x ".join(str(s.stop - s.start) for s in box)


def _halve(model: Model, tile: Tile, shape: Sequence[int]) -> list[Tile]:
    lengths = [s.stop - s.start for s in tile.write]
    axis = int(np.argmax(lengths))
    if lengths[axis] < 2 * model.divisor[axis]:
        raise ValueError(
            f"memory runs out even on a tile of {_size(tile.read)} px; close other "
            "programs, or choose --device cpu"
        )
    middle = tile.write[axis].start + lengths[axis] // 2
    parts = []
    for part in (
        slice(tile.write[axis].start, middle),
        slice(middle, tile.write[axis].stop),
    ):
        write = (*tile.write[:axis], part, *tile.write[axis + 1 :])
        read = _read_for(write, model, shape)
        parts.append(Tile(read, write, within(write, read)))
    return parts


def _read_for(write: Box, model: Model, shape: Sequence[int]) -> Box:
    """Return the aligned read of the padded image that a write needs."""
    padded = padded_shape(shape, model.divisor)
    return tuple(
        slice(max(0, (w.start - h) // d * d), min(p, -(-(w.stop + h) // d) * d))
        for w, h, d, p in zip(write, model.halo, model.divisor, padded, strict=True)
    )


def _read(array: Any, box: Box) -> np.ndarray:
    """Read a box of the padded image: beyond its end the last pixels are repeated."""
    inner = tuple(
        slice(b.start, min(b.stop, n)) for b, n in zip(box, array.shape[1:], strict=True)
    )
    part = np.asarray(array[(slice(None), *inner)])
    missing = [(0, b.stop - i.stop) for b, i in zip(box, inner, strict=True)]
    if any(after for _, after in missing):
        part = np.pad(part, [(0, 0), *missing], mode="edge")
    return part


def _flipped_mean(
    model: Model, prepared: np.ndarray, config: PredictConfig
) -> np.ndarray:
    axes = range(2, prepared.ndim)
    flips: list[tuple[int, ...]] = [()]
    if config.accurate:
        flips = [
            f for n in range(len(axes) + 1) for f in itertools.combinations(axes, n)
        ]
    total: np.ndarray | None = None
    for flip in flips:
        image = np.flip(prepared, flip).copy() if flip else prepared
        maps = np.flip(model.maps(image, config.precision), flip)
        total = maps if total is None else total + maps
    assert total is not None
    return total / np.float32(len(flips)) if len(flips) > 1 else total
