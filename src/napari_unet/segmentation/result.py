"""What segmenting gives; no torch, so that a dock has it at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_unet.boxes import Box
from napari_unet.data.images import Stats
from napari_unet.segmentation.cache import MapsOf


@dataclass(frozen=True)
class Result:
    """What segmenting gave.

    labels : ([T,] [Z,] Y, X) int32; objects are numbered 1..n, in raster order within
        a frame; a number occurs in one frame only
    ids, score, area, frame : one entry per object (or class and frame); area in px
        (3D: voxels)
    stats : the intensities that became 0 and 1, one entry per frame that was segmented
    complete : False where the work was stopped; finished blocks are in `labels`
    box : the part that was segmented; None: everything
    object_size : diameter of the objects in px, as given or estimated; None: neither
    maps : of which maps the labels were decoded, where a cache was given
    """

    labels: Any
    ids: np.ndarray
    score: np.ndarray
    area: np.ndarray
    frame: np.ndarray
    stats: tuple[Stats, ...]
    seconds: float
    complete: bool = True
    notes: tuple[str, ...] = ()
    box: Box | None = None
    object_size: float | None = None
    maps: tuple[MapsOf, ...] = ()
