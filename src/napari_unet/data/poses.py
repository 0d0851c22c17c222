"""Whether labels lie on their image, or would lie better flipped, turned or shifted."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.data.images import Image
from napari_unet.data.samples import Sample
from napari_unet.data.sizes import diameter

# How much better another pose must agree: of 584 real images with labels drawn by hand
# none is told to be wrong, and 98 % are as soon as their labels are transposed.
MARGIN = 0.15
# Larger images are looked at in steps: agreement needs no fine detail.
MOST_SIDE, MOST_VOXELS = 512, 2**21
# Labels are never shifted by more than this part of an image, nor by less than this
# part of an object, which may be how somebody draws.
FARTHEST, NEAREST = 0.25, 0.3


@dataclass(frozen=True, order=True)
class Pose:
    """What is to be done to labels: X and Y swapped first, then the axes turned round.

    swapped : whether X and Y are swapped
    turned : of each axis of [Z,] Y, X, whether it is turned round
    """

    swapped: bool
    turned: tuple[bool, ...]

    def __str__(self) -> str:
        """Return what labels are that need this."""
        z = " and upside down in Z" if self.turned[:-2] == (True,) else ""
        y, x = self.turned[-2:]
        if self.swapped:
            text = "turned by 90°" if y != x else "transposed (X and Y swapped)"
            return text + " and turned by 180°" * (y and x) + z
        texts = {
            (True, True): "turned by 180°",
            (True, False): "flipped top to bottom",
            (False, True): "flipped left to right",
        }
        return texts.get((y, x), "") + z if y or x else "upside down in Z"

    def applied(self, labels: np.ndarray) -> np.ndarray:
        """Return labels, ([Z,] Y, X), in this pose."""
        swapped = labels.swapaxes(-1, -2) if self.swapped else labels
        return swapped[tuple(slice(None, None, -1 if t else 1) for t in self.turned)]


@dataclass(frozen=True)
class Agreement:
    """How well the labels of one image agree with it.

    poses : of each pose that fits the shape, from 0 (not at all) to about 2
    shift : px along each axis of the labels, and `shifted` how well they agree then
    objects : how many there are
    margin : what chance may do
    wide : of the typical object, px
    """

    poses: Mapping[Pose, float]
    shift: tuple[int, ...]
    shifted: float
    objects: int
    margin: float
    wide: float

    @property
    def now(self) -> float:
        """Of the labels as they are."""
        return next(iter(self.poses.values()))

    def better(self) -> Pose | None:
        """Return a pose that is clearly better."""
        best = max(self.poses, key=lambda pose: self.poses[pose])
        return best if self._clearly(self.poses[best]) else None

    def better_shift(self) -> tuple[int, ...] | None:
        """Return a shift that is clearly better."""
        least = max(3.0, NEAREST * self.wide)
        far = float(np.hypot.reduce(self.shift)) >= least
        return self.shift if far and self._clearly(self.shifted) else None

    def _clearly(self, other: float) -> bool:
        return other > self.now + self.margin and other > 1.3 * self.now


def agreement(sample: Sample) -> Agreement | None:
    """Compare labels with their image; None where nothing can be told.

    Objects are brighter or darker than what is around them, and the image has edges
    where the labels have.
    """
    ids = sample.objects.ids
    if not len(ids) or min(sample.shape[-2:]) < 8:
        return None
    step = _step(sample.shape)
    labels = sample.labels[step]
    drawn = [_unit(_smooth(part)) for part in (labels > 0, _borders(labels))]
    seen = [_features(np.asarray(channel)) for channel in _channels(sample.image, step)]
    poses = {
        pose: max(_agree(pair, [pose.applied(d) for d in drawn]) for pair in seen)
        for pose in _poses(labels.shape)
    }
    shifted, shift = max(_best_shift(pair, drawn) for pair in seen)
    factors = [s.step or 1 for s in step]
    wide = np.median([diameter(float(a), sample.ndim) for a in sample.objects.areas])
    return Agreement(
        poses,
        tuple(n * f for n, f in zip(shift, factors, strict=True)),
        shifted,
        len(ids),
        MARGIN + 0.5 / np.sqrt(len(ids)) + 7 / np.sqrt(labels.size),
        float(wide),
    )


def pose_of_all(found: Sequence[Agreement]) -> Pose | None:
    """Return a pose in which the labels of all images agree better, taken together."""
    shared = set.intersection(*({*each.poses} for each in found)) if found else set()
    if len(found) < 3 or len(shared) < 2:
        return None
    mean = {pose: np.mean([each.poses[pose] for each in found]) for pose in shared}
    now = np.mean([each.now for each in found])
    best = max(sorted(shared), key=lambda pose: mean[pose])
    margin = MARGIN + 0.5 / np.sqrt(sum(each.objects for each in found))
    clearly = mean[best] > now + margin and mean[best] > 1.3 * now
    return best if clearly else None


def _poses(shape: tuple[int, ...]) -> list[Pose]:
    """Return the poses that keep a shape, the one that changes nothing first."""
    swaps = (False, True) if shape[-1] == shape[-2] else (False,)
    turns = itertools.product((False, True), repeat=len(shape))
    return [Pose(swap, turn) for swap, turn in itertools.product(swaps, turns)]


def _step(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return an index that takes every so many pixels."""
    step = max(1, -(-max(shape[-2:]) // MOST_SIDE))
    planes = shape[0] if len(shape) == 3 else 1
    while planes * np.prod([n // step for n in shape[-2:]]) > MOST_VOXELS:
        step += 1
    lateral = (slice(None, None, step),) * 2
    return (slice(None, None, 1), *lateral) if len(shape) == 3 else lateral


def _channels(image: Image, step: tuple[slice, ...]) -> list[np.ndarray]:
    array = image.array[(slice(None), *step)]
    return [array.mean(axis=0)] if image.rgb else list(array)


def _features(channel: np.ndarray) -> list[np.ndarray]:
    """Return brightness and edges, without what is far brighter or darker."""
    from scipy import ndimage

    values = channel.astype(np.float32)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    values = _smooth(np.clip(values, *np.percentile(values, (1, 99))))
    edges = ndimage.gaussian_gradient_magnitude(values, 1)
    return [_unit(values), _unit(np.minimum(edges, np.percentile(edges, 99)))]


def _borders(labels: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    size = (1,) * (labels.ndim - 2) + (3, 3)
    high = ndimage.maximum_filter(labels, size)
    borders: np.ndarray = high != ndimage.minimum_filter(labels, size)
    return borders


def _smooth(values: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    smooth: np.ndarray = ndimage.gaussian_filter(values.astype(np.float32), 1)
    return smooth


def _unit(values: np.ndarray) -> np.ndarray:
    """Return values of mean 0 and norm 1, so that a product of two is a correlation."""
    centred = values - values.mean(dtype=np.float64)
    norm = float(np.sqrt((centred**2).sum()))
    unit: np.ndarray = (centred / norm if norm > 0 else centred).astype(np.float32)
    return unit


def _agree(seen: Sequence[np.ndarray], drawn: Sequence[np.ndarray]) -> float:
    inside, edges = (float((a * b).sum()) for a, b in zip(seen, drawn, strict=True))
    return abs(inside) + max(edges, 0.0)


def _best_shift(
    seen: Sequence[np.ndarray], drawn: Sequence[np.ndarray]
) -> tuple[float, tuple[int, ...]]:
    """Return how well labels agree after the best shift, and that shift."""
    from scipy import fft

    shape = drawn[0].shape
    inside, edges = (
        fft.irfftn(fft.rfftn(a) * np.conj(fft.rfftn(b)), s=shape)
        for a, b in zip(seen, drawn, strict=True)
    )
    most = tuple(int(n * FARTHEST) for n in shape)
    near = tuple(slice(0, 2 * m + 1) for m in most)
    total = np.abs(inside) + np.maximum(edges, 0)
    total = np.roll(total, most, tuple(range(len(shape))))[near]
    place = np.unravel_index(int(total.argmax()), total.shape)
    shift = tuple(int(i) - m for i, m in zip(place, most, strict=True))
    return float(total[place]), shift
