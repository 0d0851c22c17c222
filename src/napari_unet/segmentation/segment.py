"""Segmentation: an image, a time series or a part of it, to labels."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from napari_unet.boxes import Box, common, context, moved, within
from napari_unet.config import PredictConfig
from napari_unet.data.images import Image, ImageSeries, Stats, as_series
from napari_unet.data.outside import inside
from napari_unet.events import Block, Control, Event, Note, TileDone
from napari_unet.models.fitting import channels_told
from napari_unet.models.model import Model
from napari_unet.segmentation.blocks import Context
from napari_unet.segmentation.cache import MapCache, MapsOf
from napari_unet.segmentation.checks import (
    check_level,
    check_out,
    check_stats,
    few_found,
    other_spacing,
    outside_of,
    stats_of,
    tell_outside,
    what_counts,
    without_effect,
)
from napari_unet.segmentation.job import SegmentationJob
from napari_unet.segmentation.object_size import with_size
from napari_unet.segmentation.result import Result


def segment(
    model: Model,
    image: Image | ImageSeries | Any,
    config: PredictConfig | None = None,
    *,
    box: Box | None = None,
    out: Any = None,
    stats: Stats | None = None,
    control: Control | None = None,
    cache: MapCache | None = None,
) -> Generator[Event, None, Result]:
    """Segment an image of any size; yields events, returns the Result.

    Parameters
    ----------
    model : Model
    image : Image, ImageSeries, or (C, [Z,] Y, X) array-like
        Pixels may be anything with shape, dtype and slicing. A time series is
        segmented frame by frame. A stack on a 2D model is segmented plane by plane,
        and objects that overlap in neighbouring planes are joined.
    config : PredictConfig, optional
    box : tuple of slice, optional
        Segment only this part of the ([T,] [Z,] Y, X) image. Intensities are still
        those of the whole frame, and context is read around the box, so the labels are
        those of the whole image but for objects larger than the context.
    out : array-like, optional
        Where labels are written: of the image's shape without channels, integers of 32
        bits or more.
    stats : Stats, optional
        Intensities that become 0 and 1 in all frames, for example those of a whole
        experiment.
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
        If the image does not fit the model.

    Examples
    --------
    >>> result = drain(segment(model, image[None]))  # doctest: +SKIP
    >>> result.labels.max()  # doctest: +SKIP
    214
    """
    began = time.monotonic()
    series, config = as_series(image), config or PredictConfig()
    run = _Run(model, series, config, box, out, stats, control or Control(), cache)
    yield from run.frames()
    return run.result(time.monotonic() - began)


@dataclass
class _Part:
    """The labels of one frame, or of a part of it."""

    labels: Any
    ids: np.ndarray
    score: np.ndarray
    area: np.ndarray
    complete: bool
    kept: dict[int | None, str]  # keys of maps by plane


@dataclass
class _Run:
    """The state of one run of segment()."""

    model: Model
    image: ImageSeries
    config: PredictConfig
    box: Box | None
    labels: Any
    stats: Stats | None
    control: Control
    cache: MapCache | None
    done: list[tuple[int, Stats, _Part]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    last: int = 0  # the highest number so far
    view: tuple[Box, Box] | None = None  # what is read for a part, and that within
    maps: list[MapsOf] = field(default_factory=list)
    odd: int = 0  # frames with something outside

    def __post_init__(self) -> None:
        """Check the box and the array for the labels."""
        shape, name = self.image.shape, self.image.name
        if self.box is not None and len(self.box) != len(shape):
            raise ValueError(
                f"{name}: the box has {len(self.box)} axes but the image has "
                f"{len(shape)} without channels; give one slice per axis"
            )
        if self.labels is None:
            self.labels = np.zeros(shape, np.int32)
        check_out(self.labels, shape, name)
        check_level(self.model, self.config)
        self.timed = "T" in self.image.axes
        every = range(len(self.image))
        self.todo = every[self.box[0]] if self.box and self.timed else every

    def frames(self) -> Iterator[Event]:
        """Segment what is to do, frame by frame."""
        for done, index in enumerate(self.todo):
            if self.control.stopped:
                return
            for event in self._frame(index):
                yield from self._placed(event, index, done)
        if self.odd > 1:
            text = f"{self.image.name}: {self.odd - 1} more time points are like that"
            self.notes.append(text)
            yield Note(text)

    def _frame(self, index: int) -> Generator[Event, None, None]:
        """Segment one frame, or its part of the box."""
        given = self.image.frame(index)
        image = self.model.fitted(given)
        told = "" if self.done else channels_told(self.model.config, given)
        if told:
            yield Note(f"{self.image.name}: {told}")
        if not self.done and (self.timed or self.box is not None):
            yield from self._find_size()
        whole, config = self.box is None, self.config
        outside = yield from outside_of(image, self.model, config, whole)
        if self.stats is not None:
            outside = outside.without(dark=True, bright=True)
        if not self.odd:
            yield from tell_outside(image.name, outside)
        self.odd += any(outside.notes())
        stats, part = yield from self._try(index, inside(image, outside))
        if outside.bright and part.complete and not part.area.any():
            seen = inside(image, outside.without(bright=True))
            yield Note(
                f"{image.name}: nothing was found without the brightest pixels, so "
                "they were looked at, too"
            )
            self.config = config
            stats, part = yield from self._try(index, seen)
        own = self.stats is None and config.intensity is None
        counted = whole and part.complete and self.model.formulation.instances
        if own and counted and not self.done:
            yield from few_found(image, stats, int((part.area > 0).sum()))
        self.maps += self._maps_of(part, index, image.shape)
        self.done.append((index, stats, self._numbered_on(part)))

    def _try(
        self, index: int, image: Image
    ) -> Generator[Event, None, tuple[Stats, _Part]]:
        """Segment one frame of which it is known what counts."""
        stats = self.stats or stats_of(image, self.model, self.config)
        check_stats(stats, image)
        out = self.labels[index] if self.timed else self.labels
        if self.box is None:
            part = yield from self._segment(image, stats, out)
        else:
            part = yield from self._segment_part(image, stats, out)
        if self.timed:
            self.labels[index] = out  # where slicing copies
        return stats, part

    def _maps_of(
        self, part: _Part, index: int, shape: tuple[int, ...]
    ) -> Iterator[MapsOf]:
        """Yield where the maps of one frame lie in it."""
        box = tuple(slice(0, n) for n in shape) if self.view is None else self.view[0]
        for z, key in part.kept.items():
            if z is None:
                yield MapsOf(index, None, box, key)
            else:
                yield MapsOf(index, box[0].start + z, box[1:], key)

    def _numbered_on(self, part: _Part) -> _Part:
        """Let a number mean one object in all frames."""
        if not self.model.formulation.instances:
            return part
        if self.last:
            part.labels[part.labels > 0] += self.last
            part.ids = part.ids + self.last
        self.last = int(part.ids.max(initial=self.last))
        return part

    def _find_size(self) -> Generator[Event, None, None]:
        """Estimate the objects' size once, so that a view looks as in the whole."""
        if not self.model.config.any_size or self.config.object_size is not None:
            return
        image = self.model.fitted(self.image.frame(len(self.image) // 2))
        image = yield from what_counts(image, self.model, self.config, whole=False)
        stats = self.stats or stats_of(image, self.model, self.config)
        self.config = yield from with_size(
            self.model, image, stats, self.config, self.cache
        )

    def _segment(
        self, image: Image, stats: Stats, out: Any
    ) -> Generator[Event, None, _Part]:
        """Segment one image into `out`."""
        model, config = self.model, self.config
        yield from without_effect(model, image, config)
        config = yield from with_size(model, image, stats, config, self.cache)
        self.config = config
        yield from other_spacing(model, image, config)
        job = SegmentationJob(
            model, image, config, self.control, stats, out, self.cache
        )
        yield from job.run()
        ids, score, area = yield from job.finish()
        return _Part(out, ids, score, area, job.complete, job.kept)

    def _segment_part(
        self, image: Image, stats: Stats, out: np.ndarray
    ) -> Generator[Event, None, _Part]:
        """Segment a box of an image with what it needs around it."""
        assert self.box is not None
        box = self.box[1:] if self.timed else self.box
        axes = slice(len(box) - self.model.config.ndim, None)  # planes need no others
        around = context(
            box[axes], self._margin(), self.model.divisor, image.shape[axes]
        )
        read = (*box[: axes.start], *around)
        part = image.part(read)
        inner = within(box, read)
        labels = np.zeros(part.shape, np.int32)
        self.view = read, inner
        found = yield from self._segment(part, stats, labels)
        out[box] = labels[inner]
        return self._inside(found, out, box)

    def _inside(self, part: _Part, out: np.ndarray, box: Box) -> _Part:
        """Leave the objects out that lie beside the box, and number the others."""
        if not self.model.formulation.instances:
            area = [np.count_nonzero(out[box] == i) for i in part.ids]
            return replace(part, labels=out, area=np.array(area, np.int64))
        inside = np.unique(out[box])
        inside = inside[inside > 0]
        lookup = np.zeros(int(part.ids.max(initial=0)) + 1, np.int32)
        lookup[inside] = np.arange(1, len(inside) + 1)
        out[box] = lookup[out[box]]
        return replace(
            part,
            labels=out,
            ids=np.arange(1, len(inside) + 1),
            score=part.score[inside - 1],
            area=part.area[inside - 1],
        )

    def _margin(self) -> int:
        """Return what is read around a box, in px: the halo and the largest object."""
        known = self.model.config.object_size
        size = self.config.object_size or known
        zoom = max(1.0, size / known) if size and known else 1.0
        margin = Context.of((), size, self.model.formulation.instances).margin
        return math.ceil(max(self.model.halo) * zoom) + 2 * margin

    def _placed(self, event: Event, index: int, done: int) -> Iterator[Event]:
        """Yield an event of one frame, or of its part, as one of the whole image."""
        if isinstance(event, Note):
            self.notes.append(event.text)
        if isinstance(event, TileDone):
            count = len(self.todo)
            event = TileDone(done * event.total + event.done, count * event.total)
        if isinstance(event, Block):
            box, labels = event.box, event.labels
            if self.view is not None:
                read, inner = self.view
                seen = common(box, inner)
                if seen is None:
                    return
                box, labels = moved(seen, read), labels[within(seen, box)]
            if self.timed:
                box, labels = (slice(index, index + 1), *box), labels[None]
            event = replace(event, box=box, labels=labels)
        yield event

    def result(self, seconds: float) -> Result:
        """Return the labels of all frames."""
        parts = [part for _, _, part in self.done]
        frame = [np.full(len(part.ids), index) for index, _, part in self.done]
        return Result(
            labels=self.labels,
            ids=_joined([part.ids for part in parts], np.int64),
            score=_joined([part.score for part in parts], np.float64),
            area=_joined([part.area for part in parts], np.int64),
            frame=_joined(frame, np.int64),
            stats=tuple(stats for _, stats, _ in self.done),
            seconds=seconds,
            complete=len(parts) == len(self.todo) and all(p.complete for p in parts),
            notes=tuple(dict.fromkeys(self.notes)),
            box=self.box,
            object_size=self.config.object_size,
            maps=tuple(self.maps),
        )


def _joined(parts: list[np.ndarray], dtype: Any) -> np.ndarray:
    return np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype)
