"""What of an image shows nothing: fill around a field, NaN, saturated artefacts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import ndimage

from napari_unet.data.images import Image, finite, groups, subsample

# Values at one end of the range are an artefact or fill if so many pixels have them,
# and if they are further from all others, but for some, than so many times the range
# of the others. Cameras clip the brightest objects and the darkest background too:
# then the others reach up to there, and values rise towards them, while what was drawn
# or filled in has sharp edges.
LEAST_SHARE = 0.002
GAP = 0.3
SHARP_GAP = 0.1
# Of few pixels only what is seen tells: they may be the objects.
SURE_SHARE = 0.02
# How far from the others towards the end of the range everything is outside: edges of
# an artefact are between.
TOWARDS_END = 0.9


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

    middle : the median of what is inside, per channel, which stands in its place
    undefined : the share of NaN and infinite values
    """

    floors: tuple[End | None, ...]
    ceilings: tuple[End | None, ...]
    middle: tuple[float, ...] = ()
    undefined: float = 0.0

    @property
    def any(self) -> bool:
        """Whether there is anything outside."""
        return bool(self.undefined) or any(self.floors) or any(self.ceilings)

    @property
    def doubtful(self) -> bool:
        """Whether it might be objects: few pixels, and bright."""
        return any(c is not None and c.share < SURE_SHARE for c in self.ceilings)

    def without_ceilings(self) -> Outside:
        """Return it with everything bright inside."""
        return replace(self, ceilings=(None,) * len(self.ceilings))

    def without_ends(self) -> Outside:
        """Return it with all numbers inside."""
        return replace(self.without_ceilings(), floors=(None,) * len(self.floors))

    def of(self, values: np.ndarray, rgb: bool) -> np.ndarray:
        """Return what is outside of (C, ...) values, bool; RGB: in all colours."""
        outside = np.zeros(values.shape, bool)
        for parts, floor, ceiling in zip(
            groups(values.shape[0], rgb), self.floors, self.ceilings, strict=True
        ):
            if floor is not None:
                outside[parts] |= values[parts] <= floor.limit
            if ceiling is not None:
                outside[parts] |= values[parts] >= ceiling.limit
        if rgb:
            outside[:] = outside.all(0)
        if self.undefined:
            outside |= ~np.isfinite(values)
        return outside

    def notes(self) -> Iterator[str]:
        """Say what is outside, a sentence each."""
        if self.undefined:
            yield f"{self.undefined:.1%} of the values are NaN or infinite"
        for ends, where in ((self.floors, "below"), (self.ceilings, "above")):
            for end in filter(None, ends):
                yield (
                    f"{end.share:.1%} of the pixels are {end.value:g}, far {where} the "
                    f"others, which end at {end.others:.4g}"
                )


def find_outside(
    image: Image, percentiles: tuple[float, float], undefined: float | None = None
) -> Outside:
    """Find what of an image is outside, from an even subsample of its values.

    `undefined` is the share of NaN and infinite values; None: that of the subsample.
    """
    floors, ceilings = [], []
    sample = subsample(image.array)
    for group in groups(image.array.shape[0], image.rgb):
        floor, ceiling = _ends(sample[group], percentiles)
        floors.append(floor)
        ceilings.append(ceiling)
    bad = ~np.isfinite(sample)
    if undefined is None:
        undefined = float(np.mean(bad))
    outside = Outside(tuple(floors), tuple(ceilings), undefined=undefined)
    shown = ~(outside.of(sample, image.rgb) | bad)
    middle = [np.median(c[w]) if w.any() else 0 for c, w in zip(sample, shown, strict=True)]
    return replace(outside, middle=tuple(map(float, middle)))


def _ends(
    sample: np.ndarray, percentiles: tuple[float, float]
) -> tuple[End | None, End | None]:
    """Return what is no intensity at both ends of (C, [Z,] Y, X)."""
    values = finite(sample)
    if not values.size:
        return None, None
    least, most = values.min(), values.max()
    others = values[(values > least) & (values < most)]
    low, high = np.percentile(others, percentiles) if others.size else (0.0, 0.0)
    if low >= high:  # two or three values in all
        return None, None
    middle, span = float(np.median(others)), high - low

    def end(value: float, edge: float) -> End | None:
        share, gap = float(np.mean(values == value)), abs(value - edge) / span
        if share < LEAST_SHARE or gap <= SHARP_GAP:
            return None
        if gap <= GAP and not _sharp(sample, value, middle):
            return None
        limit = edge + TOWARDS_END * (value - edge)
        return End(float(value), share, float(edge), float(limit))

    return end(least, low), end(most, high)


def _sharp(sample: np.ndarray, value: float, middle: float) -> bool:
    """Whether beside the pixels of this value most are nearer to the middle."""
    there = (sample == value).all(0)
    cross = ndimage.generate_binary_structure(2, 1)
    cross = cross.reshape((1,) * (there.ndim - 2) + cross.shape)
    beside = sample[:, ndimage.binary_dilation(there, cross) & ~there]
    if not beside.size:
        return True
    return bool(abs(np.median(beside) - middle) < abs(value - middle) / 2)


def inside(image: Image, outside: Outside) -> Image:
    """Return an image of which only what is inside counts.

    The median stands outside, and `Image.inside` says where that is. Values are read
    when they are sliced.
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
        self.dtype = change(np.zeros((array.shape[0],), array.dtype)).dtype
        self._array, self._change = array, change

    def __getitem__(self, index: Any) -> np.ndarray:
        """Return a part; all channels are asked for."""
        return self._change(np.asarray(self._array[index]))


def _filled(rgb: bool, outside: Outside, values: np.ndarray) -> np.ndarray:
    middle = np.array(outside.middle).reshape(-1, *(1,) * (values.ndim - 1))
    where = outside.of(values, rgb)
    return np.where(where, middle, values).astype(values.dtype)


def _inside(rgb: bool, outside: Outside, values: np.ndarray) -> np.ndarray:
    return ~outside.of(values, rgb).all(0, keepdims=True)
