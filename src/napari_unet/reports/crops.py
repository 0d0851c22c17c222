"""What a network is shown while it trains: crops as a training draws them, augmented.

Nothing is trained: a training is settled as before its first step, and its first crops
are drawn by the functions that would draw them then.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from napari_unet.config import AugmentConfig, ModelConfig, TrainConfig
from napari_unet.data.samples import Sample
from napari_unet.events import Event
from napari_unet.models.model import Model
from napari_unet.networks.pixel_classifiers import CLASSIFIERS
from napari_unet.training.crops import (
    Crop,
    Encoded,
    cut,
    draw,
    encode_all,
    image_weights,
    seed_step,
)
from napari_unet.training.recipe import batch_of, patch_of
from napari_unet.training.setup import StartingPoint, first_model, prepare

COUNT = 12
"""Crops that are shown at once."""


@dataclass(frozen=True, eq=False)
class Crops:
    """Crops, and what a network is to say of them.

    image : (N, C, [Z,] Y, X) float32
        Normalised: about 0 to 1, not clipped.
    target : (N, maps, [Z,] Y, X) float32
        As :meth:`napari_unet.formulations.Formulation.encode` makes them.
    weight : (N, maps, [Z,] Y, X) float32
        0 where the annotation does not count.
    """

    image: np.ndarray
    target: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, eq=False)
class Source:
    """A training that is settled, of which only the crops are wanted.

    model : untrained, or the one to start from
    training : what crops are drawn from
    patch : shape of the crops, px
    batch : crops per step
    """

    config: TrainConfig
    model: Model
    training: list[Encoded]
    patch: tuple[int, ...]
    batch: int

    def steps(self, count: int = COUNT) -> int:
        """Return of how many steps so many crops are."""
        return -(-count // self.batch)

    def crops(self, count: int = COUNT, step: int = 0) -> Crops:
        """Return crops of some steps of the training, from `step` on.

        Where the steps draw more, those that are shown are spread over all: the first
        ones of a step are neither rotated, scaled nor deformed.
        """
        generator = torch.Generator(self.model.device)

        def drawn(rng: np.random.Generator) -> list[np.ndarray]:
            batch = draw(*self._what, rng, generator)
            arrays = (batch.image, batch.target, batch.weight)
            return [array.cpu().numpy() for array in arrays]

        return self._spread(drawn, generator, count, step)

    def plain(self, count: int = COUNT, step: int = 0) -> Crops:
        """Return the places that :meth:`crops` returns, without augmentation."""

        def drawn(rng: np.random.Generator) -> list[np.ndarray]:
            parts = cut(*self._what, rng)
            crops = [self._middle(crop) for part in parts for crop in part.plain]
            return [np.stack(arrays) for arrays in zip(*crops, strict=True)]

        return self._spread(drawn, torch.Generator(), count, step)

    @property
    def _what(
        self,
    ) -> tuple[list[Encoded], np.ndarray, Model, tuple[int, ...], int, AugmentConfig]:
        weights, augment = image_weights(self.training), self.config.augment
        return self.training, weights, self.model, self.patch, self.batch, augment

    def _middle(self, crop: Crop) -> list[np.ndarray]:
        """Cut the patch out of a crop that may have a margin."""
        shape = crop[0].shape[1:]
        starts = [(n - p) // 2 for n, p in zip(shape, self.patch, strict=True)]
        box = [slice(a, a + p) for a, p in zip(starts, self.patch, strict=True)]
        return [array[(slice(None), *box)].astype(np.float32) for array in crop]

    def _spread(
        self,
        drawn: Callable[[np.random.Generator], list[np.ndarray]],
        generator: torch.Generator,
        count: int,
        step: int,
    ) -> Crops:
        steps = range(step, step + self.steps(count))
        rngs = (seed_step(self.config.seed, number, generator) for number in steps)
        batches = [drawn(rng) for rng in rngs]
        total = self.batch * len(batches)
        chosen = np.linspace(0, total - 1, count).round().astype(int)
        arrays = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
        return Crops(*(array[chosen] for array in arrays))


def source(
    samples: Sequence[Sample],
    validation: Sequence[Sample] | None = None,
    config: TrainConfig | None = None,
    *,
    model: ModelConfig | None = None,
    init: Model | str | Path | None = None,
    device: str = "auto",
) -> Generator[Event, None, Source]:
    """Settle a training whose crops are wanted, drawn as it would; yields events.

    The parameters are those of :func:`napari_unet.train`. A ValueError if the training
    could not start, or is that of a pixel classifier.
    """
    config, wanted = config or TrainConfig(), model or ModelConfig()
    if init is None and wanted.network in CLASSIFIERS:
        raise ValueError(
            f"a {wanted.network} learns from pixels as they are, so there is no "
            "augmentation to look at; choose another network"
        )
    first = None if init is None else first_model(init, device)
    start = StartingPoint(config, wanted, first)
    prepared = yield from prepare(start, samples, validation, device)
    training, network = prepared.training, prepared.model
    patch = patch_of(config, network.config, training, network.divisor)
    encoded = yield from encode_all(training, network)
    return Source(config, network, encoded, patch, batch_of(config, patch))
