"""What of an image shows nothing: fill around a field, NaN, saturated artefacts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_unet.data.images import GLARE, Image, beside, finite, groups, subsample

if TYPE_CHECKING:
    from napari_unet.data.samples import Sample

# Values at one end of the range are an artefact or fill if so many pixels have them,
# and if they are further from all others, but for some, than so many times the range
# of the others. Cameras clip the brightest objects and the darkest background too:
# then the others reach up to there, and values rise towards them, while what was drawn
# or filled in has sharp edges.
LEAST_SHARE = 0.002
GAP = 0.3
SHARP_GAP = 0.1
# Blur hides the gap: then what is within this part of the end counts, and it is looked
# away from it, if half of it is one piece. Something must show there: smoothed by so
# many px, the range is this part still, of noise a seventh.
BLURRED = 0.2
FAR_GAP = 2.0
ONE_PIECE = 0.5
SMOOTHED = 2.0
SHOWN = 0.5
# Of the others this part at least is in pieces of this part of the image: else they are
# objects on a background of one value.
MOST_OF_OTHERS = 0.5
FIELD = 0.1
LEAST_VALUES = 10
SOME_VALUES = 20_000
# How far from the others towards the end of the range everything is outside, and after
# how many times the range of the others: edges of an artefact are between.
TOWARDS_END = 0.9
MOST_RANGES = 2.0
# Outside stands the nearest value that is inside, up to so many px away, then the
# median: a network then sees neither an edge nor a hole.
REACH = 16
# Labels that cover more of the pixels at an end than this: they are objects after all.
LABELLED = 0.5


@dataclass(frozen=True)
class End:
    """Values at one end of a channel's range that are no intensities.

    value : what the pixels have
    share : of the pixels, 0 to 1
    others : where the range of the others ends
    limit : from here on everything is outside
    """

    value: float
    share: float
    others: float
    limit: float


@dataclass(frozen=True)
class Outside:
    """What of an image is outside: a floor and a ceiling per channel (one for RGB).

    middle : the median of what is inside, per channel
    undefined : the share of NaN and infinite values; None: it is not known
    """

    floors: tuple[End | None, ...]
    ceilings: tuple[End | None, ...]
    middle: tuple[float, ...] = ()
    undefined: float | None = 0.0

    @property
    def any(self) -> bool:
        """Whether there may be anything outside."""
        return self.undefined != 0 or self.dark or self.bright

    @property
    def dark(self) -> bool:
        """Whether there is a floor."""
        return any(self.floors)

    @property
    def bright(self) -> bool:
        """Whether there is a ceiling."""
        return any(self.ceilings)

    def without(self, dark: bool = False, bright: bool = False) -> Outside:
        """Return it with everything dark, or bright, inside."""
        none = (None,) * len(self.floors)
        return replace(
            self,
            floors=none if dark else self.floors,
            ceilings=none if bright else self.ceilings,
        )

    def of(self, values: np.ndarray, rgb: bool) -> np.ndarray:
        """Return what is outside of (C, ...) values, bool.

        RGB: dark in all colours, bright in any.
        """
        outside = np.zeros(values.shape, bool)
        for parts, floor, ceiling in zip(
            groups(values.shape[0], rgb), self.floors, self.ceilings, strict=True
        ):
            if floor is not None:
                outside[parts] |= values[parts] <= floor.limit
            if rgb:
                outside[:] = outside.all(0)
            if ceiling is not None:
                above = values[parts] >= ceiling.limit
                outside[parts] |= above.any(0) if rgb else above
        if self.undefined != 0:
            outside |= ~np.isfinite(values)
        return outside

    def notes(self) -> Iterator[str]:
        """Say what is outside, a sentence each."""
        if self.undefined:
            yield f"{_percent(self.undefined)} of the values are NaN or infinite"
        for ends, where in ((self.floors, "below"), (self.ceilings, "above")):
            for end in filter(None, ends):
                share = _percent(end.share)
                yield (
                    f"{share} of the pixels are {end.value:g} or near it, far {where} "
                    f"the others, which end at {end.others:.4g}"
                )


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.1f}%" if percent >= 1 else f"{percent:.1g}%"


def find_outside(
    image: Image, percentiles: tuple[float, float], undefined: float | None = None
) -> Outside:
    """Find what of an image is outside, from an even subsample of its values.

    `undefined` is the share of NaN and infinite values; None: not known.
    """
    floors, ceilings = [], []
    sample = subsample(image.array)
    for group in groups(image.array.shape[0], image.rgb):
        floor, ceiling = _ends(sample[group], percentiles)
        floors.append(floor)
        ceilings.append(ceiling)
    if undefined is None and np.dtype(image.array.dtype).kind != "f":
        undefined = 0.0
    outside = Outside(tuple(floors), tuple(ceilings), undefined=undefined)
    if not outside.any:
        return outside
    shown = ~outside.of(sample, image.rgb)
    middle = tuple(
        float(np.median(values[where])) if where.any() else 0.0
        for values, where in zip(sample, shown, strict=True)
    )
    return replace(outside, middle=middle)


def _ends(
    sample: np.ndarray, percentiles: tuple[float, float]
) -> tuple[End | None, End | None]:
    """Return what is no intensity at both ends of (C, [Z,] Y, X)."""
    values = finite(sample)
    if not values.size:
        return None, None
    least, most = float(values.min()), float(values.max())
    others = values[(values > least) & (values < most)]
    dark, bright = (sample == least).all(0), (sample == most).any(0)
    # What is one piece may be nearer to the others.
    alone = np.mean(dark) >= LEAST_SHARE and _is_one(dark)
    mirrored = 100 - percentiles[1], 100 - percentiles[0]
    return (
        _end(sample, dark, least, others, percentiles if alone else mirrored),
        _end(sample, bright, most, others, percentiles),
    )


def _end(
    sample: np.ndarray,
    there: np.ndarray,
    value: float,
    others: np.ndarray,
    percentiles: tuple[float, float],
) -> End | None:
    """Return what is no intensity among pixels of the least or the largest value.

    there : which pixels have it, ([Z,] Y, X)
    others : values of the others
    """
    middle = float(np.median(others)) if others.size else value
    edge, ranges, span = _gap(value, others, percentiles)
    if (
        np.mean(there) < LEAST_SHARE
        or ranges <= SHARP_GAP
        or (ranges <= GAP and not _sharp(sample, there, value, middle))
    ):
        there = _near(sample, value, value + BLURRED * (middle - value))
        far = ~beside(there, GLARE)
        edge, ranges, span = _gap(value, finite(sample[:, far]), percentiles)
        if (
            np.mean(there) < LEAST_SHARE
            or ranges <= FAR_GAP
            or not _is_one(there)
            or not _shows(sample, far, span)
        ):
            return None
    if not _is_field(~there):
        return None
    share = float(np.mean(there))
    step = min(TOWARDS_END * ranges, MOST_RANGES) * span
    limit = edge + step if value > edge else edge - step
    return End(float(value), share, edge, float(limit))


def _near(sample: np.ndarray, value: float, limit: float) -> np.ndarray:
    """Return where (C, [Z,] Y, X) is beyond a limit, towards a value at an end."""
    if value > limit:
        return np.asarray(((sample >= limit) & (sample <= value)).any(0))
    return np.asarray(((sample <= limit) & (sample >= value)).all(0))


def _gap(
    value: float, others: np.ndarray, percentiles: tuple[float, float]
) -> tuple[float, float, float]:
    """Return where the range of others ends, how many ranges off a value is, the range.

    What takes few values, as labels and masks, has no gap.
    """
    some = others[:: 1 + others.size // SOME_VALUES]
    if len(np.unique(some)) < LEAST_VALUES:
        return float(value), 0.0, 0.0
    low, high = map(float, np.percentile(others, percentiles))
    edge = high if value > high else low
    return edge, abs(value - edge) / (high - low) if high > low else 0.0, high - low


def _sharp(sample: np.ndarray, there: np.ndarray, value: float, middle: float) -> bool:
    """Whether beside the pixels of this value most are nearer to the middle."""
    edge = sample[:, beside(there, 1) & ~there]
    if not edge.size:
        return True
    return bool(abs(np.median(edge) - middle) < abs(value - middle) / 2)


def _is_field(others: np.ndarray) -> bool:
    """Whether ([Z,] Y, X) are mostly large pieces."""
    areas = _pieces(others)
    large = areas[areas >= FIELD * np.prod(others.shape[-2:])]
    return bool(large.sum() >= MOST_OF_OTHERS * areas.sum())


def _is_one(there: np.ndarray) -> bool:
    """Whether ([Z,] Y, X) is one piece for the most part, in the plane with most."""
    planes = there.reshape(-1, *there.shape[-2:])
    areas = _pieces(planes[np.argmax(planes.sum((1, 2)))])
    return bool(areas.max(initial=0) >= ONE_PIECE * areas.sum())


def _pieces(where: np.ndarray) -> np.ndarray:
    """Return the areas of pieces of ([Z,] Y, X), plane by plane."""
    cross = ndimage.generate_binary_structure(2, 1)
    planes = where.reshape(-1, *where.shape[-2:])
    pieces, _ = ndimage.label(planes, np.stack([0 * cross, cross, 0 * cross]))
    areas: np.ndarray = np.bincount(pieces.ravel())[1:]
    return areas


def _shows(sample: np.ndarray, far: np.ndarray, span: float) -> bool:
    """Whether there is more than noise in what is far from an artefact."""
    low, high = np.percentile(finite(sample[:, far]), (1, 99.8))
    flat = np.clip(np.nan_to_num(sample, nan=low), low, high).astype(np.float32)
    sigma = (0,) * (sample.ndim - 2) + (SMOOTHED,) * 2
    smooth = ndimage.gaussian_filter(flat, sigma)[:, far]
    return bool(np.ptp(np.percentile(smooth, (1, 99.8))) > SHOWN * span)


def inside(image: Image, outside: Outside) -> Image:
    """Return an image of which only what is inside counts.

    Values like those around stand outside, and `Image.inside` says where that is.
    They are read when they are sliced.
    """
    if not outside.any:
        return image
    known = image.rgb, outside
    array = image.array
    filled = _Computed(array, array.shape[0], functools.partial(_filled, *known))
    where = _Computed(array, 1, functools.partial(_inside, *known))
    if isinstance(array, np.ndarray):
        return replace(image, array=filled[...], inside=where[...])
    return replace(image, array=filled, inside=where)


class _Computed:
    """An array whose values are computed from those of another when it is sliced."""

    def __init__(
        self, array: Any, channels: int, change: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self.shape = (channels, *array.shape[1:])
        self.dtype = change(np.zeros((array.shape[0], 1, 1), array.dtype)).dtype
        self._array, self._change = array, change

    def __getitem__(self, index: Any) -> np.ndarray:
        """Return a part; all channels are asked for."""
        return self._change(np.asarray(self._array[index]))


def _filled(rgb: bool, outside: Outside, values: np.ndarray) -> np.ndarray:
    """Return (C, [Z,] Y, X) values with others where it is outside."""
    where = outside.of(values, rgb)
    if not where.any():
        return values
    filled = values.copy()
    for channel, gone, middle in zip(filled, where, outside.middle, strict=True):
        planes = channel.reshape(-1, *channel.shape[-2:])
        for plane, lost in zip(planes, gone.reshape(planes.shape), strict=True):
            _fill(plane, lost, middle)
    return filled


def _fill(plane: np.ndarray, lost: np.ndarray, middle: float) -> None:
    """Put the nearest values, or else the middle, where those of (Y, X) are lost."""
    if not lost.any():
        return
    distance, nearest = ndimage.distance_transform_edt(lost, return_indices=True)
    near = lost & (distance <= REACH) & ~lost.all()
    plane[near] = plane[tuple(axis[near] for axis in nearest)]
    plane[lost & ~near] = middle


def _inside(rgb: bool, outside: Outside, values: np.ndarray) -> np.ndarray:
    return ~np.asarray(outside.of(values, rgb).all(0, keepdims=True))


def seen_in_training(
    sample: Sample, percentiles: tuple[float, float]
) -> tuple[Sample, Outside]:
    """Return a sample of which only what is inside teaches, and what is outside.

    What is mostly labelled is inside, however bright or dark.
    """
    image = sample.image
    outside = find_outside(image, percentiles)
    for end in ("dark", "bright"):
        alone = outside.without(dark=end == "bright", bright=end == "dark")
        if getattr(outside, end) and _labelled(sample, alone):
            outside = outside.without(**{end: True})
    if not outside.any:
        return sample, outside
    image = inside(image, outside)
    counts = np.asarray(image.inside[0])
    if counts.all():
        return sample, outside
    mask = counts if sample.mask is None else sample.mask & counts
    return replace(sample, image=image, mask=mask), outside


def _labelled(sample: Sample, outside: Outside) -> bool:
    where = ~np.asarray(inside(sample.image, outside).inside[0])
    return bool(where.any() and np.mean(sample.labels[where] > 0) > LABELLED)
