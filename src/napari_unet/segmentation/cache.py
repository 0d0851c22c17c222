"""Maps kept in memory, so that thresholds can be changed without the network."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.boxes import Box, blocks

if TYPE_CHECKING:
    from napari_unet.config import PredictConfig
    from napari_unet.data.images import Image, Stats
    from napari_unet.models.model import Model

MOST_PIXELS = 64 * 2**20
READ_EDGE = 4096


def identity(model: Model) -> str:
    """Return what tells a model, and where it runs, from all others."""
    return f"{model.hash()} {model.device}"


@dataclass(frozen=True)
class MapsOf:
    """Of which maps a frame was decoded, or a plane of it.

    frame, plane : indices; plane None: all planes at once
    box : the part of the frame that was read, ``[Z,] Y, X``
    key : under which a :class:`MapCache` has the maps, if it still does
    """

    frame: int
    plane: int | None
    box: Box
    key: str


class MapCache:
    """What the network said of the images segmented last.

    Give the same one to every call of :func:`napari_unet.segment`: what was segmented
    before with other values of `threshold`, `smallest`, `score` or `link` is decoded
    again, without the network, and to the same result. Images and models are told by
    their content.

    Parameters
    ----------
    pixels : int
        How many px are kept, one byte per map each; those not used for the longest time
        go first. A larger image is not kept.

    Attributes
    ----------
    lost : int
        How many maps were not kept, or were dropped for others.
    """

    def __init__(self, pixels: int = MOST_PIXELS) -> None:
        self.most = pixels
        self.lost = 0
        self._maps: OrderedDict[str, np.ndarray] = OrderedDict()
        self.sizes: dict[str, float | None] = {}  # of the objects, as estimated

    @property
    def pixels(self) -> int:
        """How many px are kept now."""
        return sum(maps[0].size for maps in self._maps.values())

    def key(
        self, model: str, picture: Image, stats: Stats, config: PredictConfig
    ) -> str:
        """Return what tells the maps of this image from all others; "": too large.

        `model` is what :func:`identity` returns.
        """
        shape = picture.shape
        if np.prod(shape, dtype=float) > self.most:
            return ""
        array = picture.array
        about = (
            model,
            str(array.dtype),
            tuple(array.shape),
            picture.rgb,
            picture.inside is None,
            stats,
            config.precision,
            config.accurate,
            config.level,
        )
        digest = hashlib.blake2b(repr(about).encode(), digest_size=20)
        for box in blocks(shape, READ_EDGE):
            part = np.asarray(array[(slice(None), *box)])
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    def find(self, key: str) -> np.ndarray | None:
        """Return (maps, [Z,] Y, X) uint8, or None where they are not kept."""
        if key not in self._maps:
            return None
        self._maps.move_to_end(key)
        return self._maps[key]

    def keep(self, key: str, maps: np.ndarray) -> None:
        """Keep maps as :func:`rounded` gives them, and drop others if need be."""
        if not key:
            self.lost += 1
            return
        self._maps[key] = maps
        while self.pixels > self.most:
            self._maps.popitem(last=False)
            self.lost += 1
