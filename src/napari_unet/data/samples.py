"""Samples: an image with its labels; the honest split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from napari_unet.data.images import Image
from napari_unet.data.meaning import Meaning, understood
from napari_unet.labels import LabelledObjects, as_integers


@dataclass(frozen=True, eq=False, init=False)  # arrays have no one truth value
class Sample:
    """One image with its labels, as training and evaluation take it.

    Parameters
    ----------
    image : Image, or (C, [Z,] Y, X) array of any real dtype
    labels : ([Z,] Y, X) integer array, or bool, or floats that are whole
        0 is background, every other value one object (or one class).
    spacing, rgb, name, series, channels
        As of :class:`Image`; those that are given replace the image's own.
    mask : ([Z,] Y, X) bool array, optional
        True where the annotation counts; None: everywhere.
    start : tuple of int
        Of a part: the place of its first pixel in the image that it was cut from.

    Raises
    ------
    ValueError
        If shapes do not fit each other.
    """

    image: Image
    labels: np.ndarray
    mask: np.ndarray | None
    start: tuple[int, ...]

    def __init__(
        self,
        image: Image | np.ndarray,
        labels: np.ndarray,
        spacing: tuple[float, ...] | None = None,
        mask: np.ndarray | None = None,
        rgb: bool = False,
        name: str = "",
        series: str = "",
        channels: tuple[str, ...] = (),
        start: tuple[int, ...] = (),
    ) -> None:
        if isinstance(image, Image):
            about: dict[str, Any] = {"rgb": rgb, "spacing": spacing, "name": name}
            about |= {"series": series, "channels": channels}
            image = replace(image, **{k: v for k, v in about.items() if v})
        else:
            image = Image(image, rgb, spacing, channels, name, series)
        labels = (
            labels.astype(np.uint8) if labels.dtype == bool else as_integers(labels)
        )
        fields = {"image": image, "labels": labels, "mask": mask, "start": start}
        for field, value in fields.items():
            object.__setattr__(self, field, value)
        called = image.name or "sample"
        if (drawn := tuple(labels.shape)) != image.shape:
            remedy = "use labels drawn on this very image"
            if (*drawn[:-2], *drawn[:-3:-1]) == image.shape:
                remedy = "they look transposed: swap X and Y of the labels"
            raise ValueError(
                f"{called}: the labels have shape {drawn} but the image has "
                f"{image.shape}; {remedy}"
            )
        if mask is not None and tuple(mask.shape) != image.shape:
            raise ValueError(
                f"{called}: the mask has shape {tuple(mask.shape)} but the image "
                f"has {image.shape}; use a mask of the image's shape"
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

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """µm per pixel along each axis."""
        return self.image.spacing

    @property
    def rgb(self) -> bool:
        """Whether the three channels are colours."""
        return self.image.rgb

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, where known."""
        return self.image.channels

    @property
    def name(self) -> str:
        """What errors and the model card call it."""
        return self.image.name

    @property
    def series(self) -> str:
        """Frames of one time series share this name and keep their order."""
        return self.image.series

    @property
    def ndim(self) -> int:
        """Number of spatial axes, 2 or 3."""
        return self.image.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape."""
        return self.image.shape

    def renamed(self, name: str, series: str) -> Sample:
        """Return the sample under another name."""
        return replace(self, image=replace(self.image, name=name, series=series))

    def understood(self, meaning: Meaning) -> Sample:
        """Return the sample with labels in which 0 is background, and what counts."""
        labels, mask = understood(self.labels, meaning)
        if mask is None or mask.all():
            return replace(self, labels=labels)
        mask = mask if self.mask is None else self.mask & mask
        return replace(self, labels=labels, mask=mask)


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
        image=sample.image.part(box),
        labels=sample.labels[box],
        mask=None if sample.mask is None else sample.mask[box],
        start=tuple((where.start or 0) * (a == axis) for a in range(sample.ndim)),
    )


def check_background(samples: Sequence[Sample]) -> None:
    """Raise a ValueError where no pixel is known to be background."""
    for sample in samples:
        known = sample.labels == 0
        if sample.mask is not None:
            known &= sample.mask
        if known.any():
            return
    if any(s.mask is not None for s in samples):
        raise ValueError(
            f"{samples[0].name}: 0 means not annotated yet, and no pixel is known to "
            "be background; paint some with a label of its own ([Paint background], "
            "--background), or press [This view is right] where all objects are "
            "labelled"
        )


def data_hash(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Say what samples hold, for the model card.

    Of each its name, sha256 (16 digits, of image and label values), shape and objects.
    """
    described = []
    for sample in samples:
        digest = hashlib.sha256(np.ascontiguousarray(sample.image.array).data)
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
