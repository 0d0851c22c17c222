"""The contract of a formulation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from napari_unet.config.base import known
from napari_unet.formulations.losses import LOSSES

if TYPE_CHECKING:
    from napari_unet.config import ModelConfig, TrainConfig
    from napari_unet.labels import LabelledObjects

Thresholds = Mapping[str, float]


@dataclass(frozen=True)
class Map:
    """One target map, and how augmentation interpolates it.

    octave : what is added to its values where the image is enlarged twofold.
    """

    name: str
    interpolation: Literal["nearest", "linear"]
    octave: float = 0.0


@dataclass(frozen=True)
class Objects:
    """What decoding found.

    labels : ([Z,] Y, X) int64. For instances, an object's number is the flat index of
        the first pixel of its seed in the whole image, plus 1: the same from whichever
        block it is seen. For classes, the label value.
    ids : (N,) int64, rising
    score : (N,) float32, 0 to 1, the mean probability over the object's pixels
    area : (N,) int64, px
    unsure : bool array of the shape of `labels`, or None for nowhere
        Pixels of objects that may depend on what lies beyond the maps, of which the
        labels are the best guess. All others are what the whole image would give.
    """

    labels: np.ndarray
    ids: np.ndarray
    score: np.ndarray
    area: np.ndarray
    unsure: np.ndarray | None = None


class Formulation(ABC):
    """Labels to target maps, logits to a loss, predicted maps back to labels.

    Parameters
    ----------
    config : ModelConfig
    """

    maps: tuple[Map, ...]
    """The target maps."""
    channels: int
    """Number of logits per pixel; differs from the number of maps for softmax."""
    decoded: int
    """How many of the predicted maps, the first ones, decoding looks at."""
    instances: bool
    """Whether labels are objects (renumbered in the result) or classes (kept)."""
    thresholds: dict[str, float]
    """Thresholds to start from."""
    search: dict[str, tuple[float, ...]]
    """Steps by which validation tries to better each threshold."""

    @abstractmethod
    def __init__(self, config: ModelConfig) -> None: ...

    @abstractmethod
    def encode(
        self,
        labels: np.ndarray,
        mask: np.ndarray | None = None,
        spacing: tuple[float, ...] | None = None,
        objects: LabelledObjects | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Turn labels into targets.

        Parameters
        ----------
        labels : ([Z,] Y, X) integer array
        mask : ([Z,] Y, X) bool array, optional
            True where the annotation counts.
        spacing : tuple of float, optional
            µm per pixel along each axis.
        objects : LabelledObjects, optional
            Those of `labels`, where somebody has looked for them already.

        Returns
        -------
        target : (maps, [Z,] Y, X) float16 array
        weight : (maps, [Z,] Y, X) uint8 array
            0 = unknown, costs nothing.
        """

    def check(self, config: TrainConfig) -> None:
        """Raise a ValueError if the options of the loss do not fit."""
        known(config.loss, LOSSES, "loss")
        weights, count = config.class_weights, max(2, self.channels)
        if self.instances:
            count = 2
        if weights not in (None, "frequencies") and len(weights) != count:
            raise ValueError(
                f"class_weights has {len(weights)} numbers; give {count}: background "
                "and each class"
            )

    @abstractmethod
    def loss(
        self, logits: Tensor, target: Tensor, weight: Tensor, config: TrainConfig
    ) -> Tensor:
        """Return the mean of the samples' losses, a scalar.

        logits : (B, channels, ...); target and weight : (B, maps, ...)
        """

    @abstractmethod
    def activate(self, logits: Tensor) -> Tensor:
        """Turn logits (B, channels, ...) into maps (B, channels, ...) from 0 to 1."""

    @abstractmethod
    def uncertainty(self, maps: np.ndarray) -> np.ndarray:
        """Return how little sure the maps are: 0 to 1, highest where two are even.

        Parameters
        ----------
        maps : (channels, [Z,] Y, X) float array

        Returns
        -------
        ([Z,] Y, X) float array
            4 p q, with the probabilities p and q of the two likeliest answers.
        """

    def logits_of(self, maps: Tensor) -> Tensor:
        """Return logits that :meth:`activate` turns into these maps."""
        return torch.logit(maps, eps=1e-6)

    @abstractmethod
    def decode(
        self,
        maps: np.ndarray,
        thresholds: Thresholds,
        spacing: tuple[float, ...] | None = None,
        origin: tuple[int, ...] | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> Objects:
        """Turn predicted maps into objects.

        Parameters
        ----------
        maps : (channels, [Z,] Y, X) float array
        thresholds : mapping of str to float
        spacing : tuple of float, optional
        origin, shape : tuple of int, optional
            Where `maps` begin in the whole image, and the shape of that; without
            them `maps` are the whole image.
        """


def class_weights(config: TrainConfig, device: torch.device) -> Tensor | None:
    """Return the config's class weights, if any, as the losses take them.

    "frequencies" were turned into numbers before: see :func:`rarities`.
    """
    weights = config.class_weights
    if weights is None or isinstance(weights, str):
        return None
    return torch.tensor(weights, device=device)


def rarities(
    targets: Iterable[tuple[np.ndarray, np.ndarray]], count: int
) -> tuple[float, ...]:
    """Return weights of classes by how rare they are: the median frequency over each.

    The first map of a target, as :meth:`Formulation.encode` returns it with its weight,
    tells the class; `count` includes background. From 0.1 to 10; 1 for a class that is
    nowhere. Source: Eigen and Fergus, ICCV 2015.
    """
    pixels = np.zeros(count)
    for target, weight in targets:
        known_class = target[0][weight[0] > 0].astype(np.int64)
        pixels += np.bincount(known_class, minlength=count)[:count]
    there = pixels > 0
    weights = np.ones(count)
    weights[there] = np.median(pixels[there]) / pixels[there]
    return tuple(np.round(np.clip(weights, 0.1, 10), 4).tolist())


def table(
    labels: np.ndarray,
    index: np.ndarray,
    ids: np.ndarray,
    probability: np.ndarray,
    unsure: np.ndarray | None = None,
) -> Objects:
    """Make Objects of `index`, 0..N into ``[0, *ids]``, and the probabilities there.

    Both may leave out pixels of no object.
    """
    area = np.bincount(index.ravel(), minlength=len(ids) + 1)[1:]
    score = mean_of(index.ravel(), probability.ravel(), len(ids))
    return Objects(labels, ids, score, area, unsure)


def mean_of(index: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Return the mean of the values at each index of 1..count, (count,) float32."""
    area = np.bincount(index, minlength=count + 1)[1:]
    total = np.bincount(index, values, minlength=count + 1)[1:]
    mean: np.ndarray = (total / np.maximum(area, 1)).astype(np.float32)
    return mean
