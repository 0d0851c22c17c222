"""Segmentation of an image as files and layers hold it: frames, planes, or a view."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from napari_unet.boxes import Box, grow, within
from napari_unet.config import PredictConfig
from napari_unet.data.images import Frame, ImageFile, Picture, frames
from napari_unet.data.samples import Stats
from napari_unet.events import Block, Control, Event, Note, TileDone
from napari_unet.models.model import Model
from napari_unet.segmentation.blocks import Context
from napari_unet.segmentation.cache import MapCache
from napari_unet.segmentation.checks import stats_of
from napari_unet.segmentation.object_size import with_size
from napari_unet.segmentation.segment import Result, segment


@dataclass(frozen=True)
class Series:
    """What segmenting an image file or layer gave.

    labels : ([T,] [Z,] Y, X) int32; a number occurs in one frame only
    ids, score, area, frame : one entry per object (or class and frame); area in px
    stats : the intensities that became 0 and 1, one entry per frame that was segmented
    complete : False where the work was stopped; what was done is in `labels`
    box : the part that was segmented; None: everything
    object_size : diameter of the objects in px, as given or estimated; None: neither
    """

    labels: np.ndarray
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


def segment_series(
    model: Model,
    image: ImageFile,
    config: PredictConfig | None = None,
    *,
    box: Box | None = None,
    control: Control | None = None,
    cache: MapCache | None = None,
) -> Generator[Event, None, Series]:
    """Segment an image, a time series frame by frame; yields events.

    Parameters
    ----------
    model : Model
    image : ImageFile
        Its array may be anything with shape, dtype and slicing.
    config : PredictConfig, optional
    box : tuple of slice, optional
        Segment only this part of the ([T,] [Z,] Y, X) image. Intensities are still
        those of the whole frame, and context is read around the box, so the labels are
        those of the whole image but for objects larger than the context.
    control : Control, optional
    cache : MapCache, optional
        As for :func:`napari_unet.segment`.

    Returns
    -------
    Series

    Raises
    ------
    ValueError
        If the image does not fit the model, or holds NaN or infinite values.
    """
    began = time.monotonic()
    config, control = config or PredictConfig(), control or Control()
    job = _Frames(model, image, config, box, control, cache)
    yield from job.run()
    return job.series(time.monotonic() - began)


@dataclass
class _Frames:
    """The state of one run of segment_series()."""

    model: Model
    image: ImageFile
    config: PredictConfig
    box: Box | None
    control: Control
    cache: MapCache | None
    results: list[tuple[int, Result]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    last: int = 0  # the highest number so far

    def __post_init__(self) -> None:
        axes, shape = self.image.axes, self.image.array.shape
        self.timed = "T" in axes
        spatial = [n for n, a in zip(shape, axes, strict=True) if a != "C"]
        if self.box is not None and len(self.box) != len(spatial):
            raise ValueError(
                f"{self.image.name}: the box has {len(self.box)} axes but the image "
                f"has {len(spatial)} without channels; give one slice per axis"
            )
        self.labels = np.zeros(spatial, np.int32)
        self.frames = frames(self.image)
        every = range(len(self.frames))
        self.todo = every[self.box[0]] if self.box and self.timed else every

    def run(self) -> Iterator[Event]:
        yield from self._find_size()
        for done, index in enumerate(self.todo):
            if self.control.stopped:
                return
            out = self.labels[index] if self.timed else self.labels
            for event in self._frame(index, self.frames[index], out):
                yield self._placed(event, index, done)

    def _find_size(self) -> Iterator[Event]:
        """Estimate the objects' size once, so that a view looks as in the whole."""
        if not self.model.config.any_size or self.config.object_size is not None:
            return
        picture = self._picture(self.frames[len(self.frames) // 2])
        self.model.check(
            picture.array.shape, picture.rgb, picture.channels, picture.name
        )
        stats = stats_of(picture, self.model, self.config)
        self.config = yield from with_size(
            self.model, picture, stats, self.config, self.cache
        )

    def _frame(self, index: int, frame: Frame, out: np.ndarray) -> Iterator[Event]:
        """Segment one frame, or its part of the box, into `out`."""
        picture = self._picture(frame)
        if self.box is None:
            result = yield from self._segment(picture, None, out)
        else:
            box = self.box[1:] if self.timed else self.box
            result = yield from self._part(picture, box, out)
        # Frames and views are numbered on, so that a number means one object.
        if self.model.formulation.instances and self.last:
            out[out > 0] += self.last
            result = replace(result, ids=result.ids + self.last)
        if self.model.formulation.instances and len(result.ids):
            self.last = int(result.ids.max())
        self.results.append((index, result))

    def _picture(self, frame: Frame) -> Picture:
        about = self.image
        return Picture(
            frame.image, about.rgb, about.spacing, about.channels, frame.name
        )

    def _part(
        self, picture: Picture, box: Box, out: np.ndarray
    ) -> Generator[Event, None, Result]:
        """Segment a box with what it needs around it."""
        axes = slice(len(box) - self.model.config.ndim, None)  # planes need no others
        around = grow(box[axes], self._margin(), picture.shape[axes])
        # Poolings must fall on the same pixels as in the whole image.
        around = tuple(
            slice(s.start // d * d, s.stop)
            for s, d in zip(around, self.model.divisor, strict=True)
        )
        read = (*box[: axes.start], *around)
        stats = stats_of(picture, self.model, self.config)
        part = replace(picture, array=picture.array[(slice(None), *read)])
        for_part = np.zeros(part.shape, np.int32)
        events = self._segment(part, stats, for_part)
        inner = within(box, read)
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                result: Result = end.value
                break
            if not isinstance(event, Block):
                yield event
                continue
            seen = _common(event.box, inner)
            if seen is not None:
                labels = event.labels[within(seen, event.box)]
                where = _moved(seen, read)
                yield replace(event, box=where, labels=labels)
        out[box] = for_part[inner]
        return self._kept(result, out, box)

    def _kept(self, result: Result, out: np.ndarray, box: Box) -> Result:
        """Leave the objects out that lie beside the box, and number the others."""
        if not self.model.formulation.instances:
            area = [np.count_nonzero(out[box] == i) for i in result.ids]
            return replace(result, labels=out, area=np.array(area, np.int64))
        inside = np.unique(out[box])
        inside = inside[inside > 0]
        lookup = np.zeros(int(result.ids.max(initial=0)) + 1, np.int32)
        lookup[inside] = np.arange(1, len(inside) + 1)
        out[box] = lookup[out[box]]
        return replace(
            result,
            labels=out,
            ids=np.arange(1, len(inside) + 1),
            score=result.score[inside - 1],
            area=result.area[inside - 1],
        )

    def _margin(self) -> int:
        """Return what is read around a box, in px: the halo and the largest object."""
        known = self.model.config.object_size
        size = self.config.object_size or known
        zoom = max(1.0, size / known) if size and known else 1.0
        context = Context.of((), size, self.model.formulation.instances)
        return math.ceil(max(self.model.halo) * zoom) + 2 * context.margin

    def _segment(
        self, picture: Picture, stats: Stats | None, out: np.ndarray
    ) -> Generator[Event, None, Result]:
        return segment(
            self.model,
            picture.array,
            self.config,
            rgb=picture.rgb,
            spacing=picture.spacing,
            channels=picture.channels,
            name=picture.name,
            out=out,
            stats=stats,
            control=self.control,
            cache=self.cache,
        )

    def _placed(self, event: Event, index: int, done: int) -> Event:
        """Return an event of one frame as one of the whole image."""
        if isinstance(event, Note):
            self.notes.append(event.text)
        if isinstance(event, TileDone):
            count = len(self.todo)
            return TileDone(done * event.total + event.done, count * event.total)
        if isinstance(event, Block) and self.timed:
            where = (slice(index, index + 1), *event.box)
            return replace(event, box=where, labels=event.labels[None])
        return event

    def series(self, seconds: float) -> Series:
        found = [result for _, result in self.results]
        frame = [np.full(len(r.ids), i, np.int64) for i, r in self.results]
        return Series(
            self.labels,
            _joined([r.ids for r in found], np.int64),
            _joined([r.score for r in found], np.float64),
            _joined([r.area for r in found], np.int64),
            _joined(frame, np.int64),
            tuple(r.stats for r in found),
            seconds,
            len(found) == len(self.todo) and all(r.complete for r in found),
            tuple(dict.fromkeys(self.notes)),
            self.box,
            self.config.object_size,
        )


def _joined(parts: list[np.ndarray], dtype: Any) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


def _common(a: Box, b: Box) -> Box | None:
    """Return what two boxes share."""
    both = tuple(
        slice(max(p.start, q.start), min(p.stop, q.stop))
        for p, q in zip(a, b, strict=True)
    )
    return both if all(s.start < s.stop for s in both) else None


def _moved(box: Box, outer: Box) -> Box:
    """Return a box in coordinates of `outer` as one of the whole."""
    return tuple(
        slice(b.start + o.start, b.stop + o.start)
        for b, o in zip(box, outer, strict=True)
    )
