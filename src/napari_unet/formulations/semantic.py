"""One class per pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from napari_unet.config.base import known
from napari_unet.formulations.base import (
    Formulation,
    Map,
    Objects,
    Thresholds,
    class_weights,
    table,
)
from napari_unet.formulations.losses import LOSSES

if TYPE_CHECKING:
    from napari_unet.config import ModelConfig, TrainConfig
    from napari_unet.labels import LabelledObjects


class Semantic(Formulation):
    """Pixels of one class (sigmoid) or of several (softmax); label values are kept."""

    instances = False

    def __init__(self, config: ModelConfig) -> None:
        self.classes = np.array(sorted(config.classes))
        self.binary = len(self.classes) == 1
        self.channels = 1 if self.binary else len(self.classes) + 1
        self.decoded = self.channels
        self.maps = (Map("class", "nearest"),)
        self.thresholds = {"foreground": 0.5} if self.binary else {}
        self.search = {"foreground": (0.2, 0.1, 0.05)} if self.binary else {}

    def encode(
        self,
        labels: np.ndarray,
        mask: np.ndarray | None = None,
        spacing: tuple[float, ...] | None = None,
        objects: LabelledObjects | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the class index of each pixel; see Formulation.encode.

        With one class, whatever is labelled belongs to it, so that labels of objects
        teach foreground.
        """
        del spacing, objects
        if self.binary:
            labels = np.where(labels > 0, self.classes[0], 0)
        index = np.searchsorted(self.classes, labels)
        index = np.minimum(index, len(self.classes) - 1)
        known_value = self.classes[index] == labels
        target = np.where(known_value, index + 1, 0).astype(np.float16)[None]
        # A value that the model does not know is unknown, not background.
        counts = known_value | (labels == 0)
        if mask is not None:
            counts &= mask
        return target, counts.astype(np.uint8)[None]

    def loss(
        self, logits: Tensor, target: Tensor, weight: Tensor, config: TrainConfig
    ) -> Tensor:
        """Return the loss that the config names."""
        weights = class_weights(config, logits.device)
        pixel_loss = known(config.loss, LOSSES, "loss")
        loss: Tensor = pixel_loss(logits, target, weight, weights).mean()
        return loss

    def activate(self, logits: Tensor) -> Tensor:
        """Return probabilities."""
        return torch.sigmoid(logits) if self.binary else torch.softmax(logits, 1)

    def logits_of(self, maps: Tensor) -> Tensor:
        """Return logits that give these probabilities."""
        return super().logits_of(maps) if self.binary else maps.clamp(min=1e-6).log()

    def uncertainty(self, maps: np.ndarray) -> np.ndarray:
        """Return 4 p q of the two likeliest classes; see Formulation.uncertainty."""
        if self.binary:
            maps = np.stack([maps[0], 1 - maps[0]])
        second, first = np.partition(maps, -2, axis=0)[-2:]
        even: np.ndarray = 4 * first * second
        return even

    def decode(
        self,
        maps: np.ndarray,
        thresholds: Thresholds,
        spacing: tuple[float, ...] | None = None,
        origin: tuple[int, ...] | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> Objects:
        """Return the label value of the likeliest class; see Formulation.decode."""
        if self.binary:
            index = (maps[0] > thresholds["foreground"]).astype(np.int64)
            probability = maps[0]
        else:
            index = maps.argmax(0)
            probability = maps.max(0)
        labels = np.concatenate([[0], self.classes])[index]
        objects = table(labels, index, self.classes, probability)
        there = objects.area > 0
        return Objects(
            labels, self.classes[there], objects.score[there], objects.area[there]
        )
