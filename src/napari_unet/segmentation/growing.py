"""Corrections that know what the network said: maps that were kept, around a place."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_unet.boxes import Box, common, grow, within
from napari_unet.events import Control, Event, Progress
from napari_unet.segmentation import editing
from napari_unet.segmentation.cache import MapCache, MapsOf
from napari_unet.segmentation.editing import Edit, Point
from napari_unet.segmentation.tiles import unrounded

# Shares of the thresholds, one after the other, until there is an object.
SHARES = (1.0, 0.75, 0.5, 0.35, 0.25)
CONTEXT = 2.0  # read around the place, in diameters of an object
LEAST_CONTEXT = 48  # px
LEAST_AREA = 9  # px: less is no object
LEAST_SHARE = 0.1  # nor is less than this of the size of the others


@dataclass(frozen=True)
class MapSource:
    """The maps of one image, and what decodes them.

    model : path of the model, or its name
    device : where it is loaded
    maps : as the result of :func:`napari_unet.segment` has them
    object_size : median diameter in px; None: as the model knows it
    """

    cache: MapCache
    model: str
    device: str
    maps: tuple[MapsOf, ...]
    object_size: float | None = None

    def around(self, frame: int, box: Box) -> tuple[Box, np.ndarray] | None:
        """Return what is kept of a box of a frame, ``[Z,] Y, X``, and where it lies.

        The maps are float32 from 0 to 1, on the grid of the image, with the axes of
        the box: of the first plane in it that was decoded alone, if any was. None:
        they are not kept, or nothing of the box was segmented.
        """
        for known in self.maps:
            plane = known.plane
            there = known.box
            if plane is not None:
                there = (slice(plane, plane + 1), *there)
            read = common(box, there) if known.frame == frame else None
            maps = None if read is None else self.cache.find(known.key)
            if read is None or maps is None:
                continue
            if plane is not None:
                maps = maps[:, None]
            return read, _part(maps, within(read, there), there)
        return None


def _part(maps: np.ndarray, box: Box, whole: Box) -> np.ndarray:
    """Return a part of uint8 maps, which may be on another grid than the image."""
    shape = tuple(s.stop - s.start for s in whole)
    if maps.shape[1:] == shape:
        return unrounded(maps[(slice(None), *box)])
    from napari_unet.data.resampling import Resized  # torch, which is there by now

    return Resized(maps, shape, unrounded)[(slice(None), *box)]


def cut_cost(source: MapSource, frame: int, plane: int | None) -> editing.Cost:
    """Return what a cut costs by the maps of objects: little where they touch.

    plane : the only one to look at, of a stack; None: all. What was not kept costs the
    same everywhere, so that cuts are straight.
    """

    def cost(box: Box) -> np.ndarray:
        found = np.ones([s.stop - s.start for s in box], np.float32)
        depth = box[:-2] if plane is None else (slice(plane, plane + 1),)
        around = source.around(frame, (*depth, *box[-2:]))
        if around is not None:
            read, maps = around
            foreground, border, distance = maps[:3]
            where = within(read, box) if plane is None else within(read[1:], box[1:])
            # One plane stands for all.
            found[where if plane is None else (slice(None), *where)] = (
                foreground + distance - 2 * border
            )
        return found

    return cost


def grow_at(
    source: MapSource, frame: int, labels: Any, at: Point, number: int, control: Control
) -> Generator[Event, None, Edit]:
    """Return the object that the maps hold at a place, found with lower thresholds.

    labels : of the frame, ``[Z,] Y, X``; other objects keep their pixels
    number : of the new object

    A ValueError if the maps are not kept, or hold nothing there.
    """
    yield Progress("adding", 0)
    if source.around(frame, tuple(slice(i, i + 1) for i in at)) is None:
        raise ValueError(
            "the maps of this place are not kept any more; segment it again, or paint "
            "the object"
        )
    from napari_unet.models.model import Model

    model = Model.load(source.model, source.device)
    size = source.object_size or model.config.object_size
    around = source.around(frame, _read_for(source, size, labels.shape, at))
    assert around is not None
    box, maps = around
    ndim = model.config.ndim
    maps = maps.reshape(len(maps), *maps.shape[-ndim:])
    least = max(LEAST_AREA, LEAST_SHARE * (size or 0) ** ndim / 2)
    for done, share in enumerate(SHARES):
        if control.stopped:
            break
        yield Progress("adding", done, len(SHARES))
        lower = _lowered(model.thresholds, share)
        found = model.formulation.decode(maps, lower, None).labels
        found = found.reshape([s.stop - s.start for s in box])
        here = found[tuple(i - s.start for i, s in zip(at, box, strict=True))]
        edit = editing.add(labels, box, found == here, at, number) if here else None
        if edit is not None and len(edit.values) >= least:
            return edit
    raise ValueError(
        f"the model sees no object here, even at {SHARES[-1]:.0%} of its thresholds; "
        "paint it"
    )


def _read_for(
    source: MapSource, size: float | None, shape: tuple[int, ...], at: Point
) -> Box:
    """Return the box around a place to decode: one plane of planes decoded alone."""
    margin = max(LEAST_CONTEXT, round(CONTEXT * (size or 0)))
    box = grow(tuple(slice(i, i + 1) for i in at), margin, shape)
    if len(box) == 3 and any(known.plane is not None for known in source.maps):
        return (slice(at[0], at[0] + 1), *box[1:])
    return box


def _lowered(thresholds: Mapping[str, float], share: float) -> dict[str, float]:
    """Return thresholds of objects that let in more: 1 leaves them as they are."""
    return {
        "foreground": share * thresholds["foreground"],
        "distance": share * thresholds["distance"],
        "border": 1 - share * (1 - thresholds["border"]),
        "smallest": 0.0,
        "score": 0.0,
    }
