"""Samples: an image with its labels; the honest split; intensity statistics."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from napari_unet.labels import LabelledObjects

# Percentiles of more values than this are taken from an even subsample: they move
# by less than noise, and sorting a gigapixel would cost minutes.
MOST_VALUES = 4_000_000


@dataclass(frozen=True, eq=False)  # arrays have no one truth value
class Sample:
    """One image with its labels, as training and evaluation take it.

    Parameters
    ----------
    image : (C, [Z,] Y, X) array, any real dtype
        The channel axis is always there and first.
    labels : ([Z,] Y, X) integer array, or bool
        0 is background, every other value one object (or one class).
    spacing : tuple of float, optional
        µm per pixel, one number a spatial axis.
    mask : ([Z,] Y, X) bool array, optional
        True where the annotation counts; None: everywhere.
    rgb : bool
        Whether the three channels are colours, which differs from three stains.
    name : str
        What errors and the model card call it.
    series : str
        Frames of one time series share this name and keep their order.
    channels : tuple of str
        Names of the channels, where known.
    start : tuple of int
        Of a part: the place of its first pixel in the image that it was cut from.

    Raises
    ------
    ValueError
        If shapes do not fit each other. Shapes are checked here and nowhere else.
    """

    image: np.ndarray
    labels: np.ndarray
    spacing: tuple[float, ...] | None = None
    mask: np.ndarray | None = None
    rgb: bool = False
    name: str = ""
    series: str = ""
    channels: tuple[str, ...] = ()
    start: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check that all shapes agree; bool labels become numbers."""
        if self.labels.dtype == bool:
            object.__setattr__(self, "labels", self.labels.astype(np.uint8))
        check_image(self.image, self.rgb, self.spacing, self.name)
        spatial, name = tuple(self.image.shape[1:]), self.name or "sample"
        if tuple(self.labels.shape) != spatial:
            raise ValueError(
                f"{name}: the labels have shape {tuple(self.labels.shape)} but the "
                f"image has {spatial}; use labels drawn on this very image"
            )
        if self.mask is not None and tuple(self.mask.shape) != spatial:
            raise ValueError(
                f"{name}: the mask has shape {tuple(self.mask.shape)} but the image "
                f"has {spatial}; use a mask of the image's shape"
            )

    @cached_property
    def objects(self) -> LabelledObjects:
        """What the labels hold, looked for once."""
        return LabelledObjects(self.labels)

    @cached_property
    def annotated_objects(self) -> LabelledObjects:
        """The same, of those pixels where the annotation counts."""
        if self.mask is None:
            return self.objects
        return LabelledObjects(self.labels, self.mask)

    def ignoring(self, label: int) -> Sample:
        """Return the sample with a label value that counts as not annotated."""
        ignored = self.labels == label
        if not ignored.any():
            return self
        mask = ~ignored if self.mask is None else self.mask & ~ignored
        return replace(self, labels=np.where(ignored, 0, self.labels), mask=mask)

    @property
    def ndim(self) -> int:
        """Number of spatial axes, 2 or 3."""
        return self.image.ndim - 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape."""
        return tuple(self.image.shape[1:])


def check_image(
    image: Any, rgb: bool, spacing: tuple[float, ...] | None, name: str
) -> None:
    """Raise a ValueError unless `image` is (C, [Z,] Y, X) and the others fit it."""
    name = name or "image"
    if np.dtype(image.dtype).kind not in "buif":
        raise ValueError(
            f"{name}: an image must hold real numbers, got {image.dtype}; convert it"
        )
    if image.ndim not in (3, 4) or 0 in image.shape:
        raise ValueError(
            f"{name}: an image must be (C, Y, X) or (C, Z, Y, X) and not empty, "
            f"got shape {tuple(image.shape)}"
        )
    if rgb and image.shape[0] != 3:
        raise ValueError(
            f"{name}: an RGB image has 3 channels, got {image.shape[0]}; "
            "drop the alpha channel or do not call it RGB"
        )
    if spacing is not None and (
        len(spacing) != image.ndim - 1 or not all(0 < s < np.inf for s in spacing)
    ):
        raise ValueError(
            f"{name}: spacing {tuple(spacing)} does not fit {image.ndim - 1} spatial "
            "axes; give one positive number per axis, in µm"
        )


@dataclass(frozen=True)
class Stats:
    """The intensity values of one image that its normalisation maps to 0 and 1.

    low, high : one number per channel (one in all for RGB, taken jointly).
    """

    low: tuple[float, ...]
    high: tuple[float, ...]


def intensity_stats(
    image: Any, rgb: bool = False, percentiles: tuple[float, float] = (1.0, 99.8)
) -> Stats:
    """Percentiles of an image, the once-an-image part of its normalisation.

    Parameters
    ----------
    image : (C, [Z,] Y, X) array-like with shape and slicing
    rgb : bool
        Jointly over the three colours; other channels are taken one by one.
    percentiles : (float, float)
        Which percentiles become 0 and 1.

    Returns
    -------
    Stats
    """
    groups = [slice(None)] if rgb else [slice(c, c + 1) for c in range(image.shape[0])]
    low, high = [], []
    for group in groups:
        values = _subsample(image, group)
        a, b = np.percentile(values, percentiles)
        if a >= b:  # few bright pixels on a background of one value
            a, b = values.min(), values.max()
        low.append(float(a))
        high.append(float(b))
    return Stats(tuple(low), tuple(high))


def _subsample(image: Any, channels: slice) -> np.ndarray:
    spatial = image.shape[1:]
    step = 1
    while np.prod([-(-s // step) for s in spatial], dtype=float) > MOST_VALUES:
        step += 1
    index = (channels, *(slice(None, None, step) for _ in spatial))
    values = np.asarray(image[index]).ravel()
    return values.view(np.uint8) if values.dtype == bool else values


def normalise(image: np.ndarray, stats: Stats) -> np.ndarray:
    """Map `stats.low` to 0 and `stats.high` to 1, unclipped.

    Parameters
    ----------
    image : (C, [Z,] Y, X) array
    stats : Stats
        Of the whole image that `image` is a part of.

    Returns
    -------
    (C, [Z,] Y, X) float32 array
    """
    shape = (-1,) + (1,) * (image.ndim - 1)
    low = np.asarray(stats.low).reshape(shape)
    span = np.asarray(stats.high).reshape(shape) - low
    # A constant image has no contrast to stretch: it becomes 0 everywhere.
    span = np.where(span > 0, span, np.inf).astype(np.float32)
    # Large integers and float64 would lose their contrast if not shifted first.
    exact = np.result_type(image.dtype, np.float32) == np.float32
    shifted = (
        image.astype(np.float32) - low.astype(np.float32) if exact else image - low
    )
    normalised: np.ndarray = shifted.astype(np.float32, copy=False) / span
    return normalised


def split(
    samples: Sequence[Sample], fraction: float, seed: int
) -> tuple[list[Sample], list[Sample]]:
    """Divide samples into training and validation so that no pixel is in both.

    Several images are divided as whole images. The frames of a time series are
    divided into two contiguous blocks with a gap of one frame between them, since
    neighbouring frames are nearly the same picture. A single image is cut in two
    across its longest axis.

    Parameters
    ----------
    samples : sequence of Sample
    fraction : float
        Part kept for validation, 0 <= fraction < 1.
    seed : int

    Returns
    -------
    (list of Sample, list of Sample)
        Training and validation samples; validation is empty where `fraction` is 0.
    """
    if not 0 <= fraction < 1:
        raise ValueError(
            f"validation {fraction} is not a part of the data; choose 0 to below 1"
        )
    samples = list(samples)
    if fraction == 0 or not samples:
        return samples, []
    groups: dict[str, list[Sample]] = {}
    for i, sample in enumerate(samples):
        groups.setdefault(sample.series or f"\0{i}", []).append(sample)
    if len(groups) > 1:
        return _split_groups(list(groups.values()), fraction, seed)
    if len(samples) >= 3:
        return _split_series(samples, fraction, seed)
    train, validation = [], []
    for sample in samples:
        a, b = _cut(sample, fraction, seed)
        train.append(a)
        validation.append(b)
    return train, validation


def _split_groups(
    groups: list[list[Sample]], fraction: float, seed: int
) -> tuple[list[Sample], list[Sample]]:
    order = np.random.default_rng(seed).permutation(len(groups))
    count = min(max(1, round(fraction * len(groups))), len(groups) - 1)
    chosen = set(order[:count].tolist())
    train = [s for i, g in enumerate(groups) if i not in chosen for s in g]
    validation = [s for i, g in enumerate(groups) if i in chosen for s in g]
    return train, validation


def _split_series(
    frames: list[Sample], fraction: float, seed: int
) -> tuple[list[Sample], list[Sample]]:
    count = min(max(1, round(fraction * len(frames))), len(frames) - 2)
    if np.random.default_rng(seed).random() < 0.5:
        return frames[count + 1 :], frames[:count]
    return frames[: -count - 1], frames[-count:]


def _cut(sample: Sample, fraction: float, seed: int) -> tuple[Sample, Sample]:
    """Cut one image in two, where the validation side has `fraction` of what counts."""
    lateral = range(sample.ndim - 2, sample.ndim)  # planes of a stack stay whole
    axis = max(lateral, key=lambda a: sample.shape[a])
    counts = sample.labels > 0
    if sample.mask is not None:
        counts = counts & sample.mask
    others = tuple(a for a in range(sample.ndim) if a != axis)
    along = counts.sum(axis=others, dtype=np.int64) + 1e-9
    at_end = np.random.default_rng(seed).random() < 0.5
    cumulated = np.cumsum(along) / along.sum()
    cut = int(np.searchsorted(cumulated, 1 - fraction if at_end else fraction)) + 1
    cut = min(max(1, cut), sample.shape[axis] - 1)
    first, second = slice(None, cut), slice(cut, None)
    parts = (first, second) if at_end else (second, first)
    return _part(sample, axis, parts[0]), _part(sample, axis, parts[1])


def _part(sample: Sample, axis: int, where: slice) -> Sample:
    box = (slice(None),) * axis + (where,)
    return replace(
        sample,
        image=sample.image[(slice(None), *box)],
        labels=sample.labels[box],
        mask=None if sample.mask is None else sample.mask[box],
        start=tuple((where.start or 0) * (a == axis) for a in range(sample.ndim)),
    )


def data_hash(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Say what samples hold, for the model card.

    Returns
    -------
    list of dict
        A sample each: name, sha256 (16 hex digits of image and label values), shape,
        objects.
    """
    described = []
    for sample in samples:
        digest = hashlib.sha256(np.ascontiguousarray(sample.image).data)
        digest.update(np.ascontiguousarray(sample.labels).data)
        described.append(
            {
                "name": sample.name,
                "sha256": digest.hexdigest()[:16],
                "shape": list(sample.shape),
                "objects": len(sample.objects.ids),
            }
        )
    return described
