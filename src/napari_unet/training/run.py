"""The state of one training run."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_unet.config import TrainConfig
from napari_unet.data.images import Image, Stats
from napari_unet.data.samples import Sample, data_hash
from napari_unet.device import pick_dtype
from napari_unet.events import StepDone
from napari_unet.models.model import Model
from napari_unet.networks.base import Network
from napari_unet.networks.layers import Dropout
from napari_unet.training.checkpoint import Counters, save_state
from napari_unet.training.crops import Encoded, image_weights
from napari_unet.training.fine_tuning import alike
from napari_unet.training.validation import Validation

DEFAULT_MINUTES = 10.0
PREVIEW_SECONDS = 5.0


@dataclass
class PreviewClock:
    """When the view is shown: by the clock, and at most a tenth of the time."""

    next: float = field(default_factory=lambda: time.monotonic() + PREVIEW_SECONDS)
    first: bool = True

    def due(self, epoch_ends: bool) -> bool:
        """Return whether to show it now; the end of the first epoch will do, too."""
        return time.monotonic() >= self.next or (self.first and epoch_ends)

    def shown(self, seconds: float) -> None:
        """Set the time of the next, after one that took so many seconds."""
        self.first = False
        self.next = time.monotonic() + max(PREVIEW_SECONDS, 9 * seconds)


@dataclass
class Run:
    """The state of one run of :func:`napari_unet.train`."""

    folder: Path
    config: TrainConfig
    model: Model  # the weights being trained
    averaged: Model
    optimizer: torch.optim.Optimizer
    training: list[Encoded]
    rehearsal: list[Encoded]  # crops of the model that it started from
    validation: list[Encoded]
    given: list[Sample]  # before the split, with the labels of now
    patch: tuple[int, ...]
    batch: int
    epoch_steps: int
    data: list[dict[str, Any]]  # as it was given
    card: dict[str, Any]
    start: Model | None = None  # the model that it started from
    counters: Counters = field(default_factory=Counters)
    parts: int = 1  # the batch goes through in so many parts, where memory is short
    losses: list[torch.Tensor] = field(default_factory=list)
    seen: dict[str, tuple[Image, Stats]] = field(default_factory=dict)  # in previews
    began: float = field(default_factory=time.monotonic)
    clock: PreviewClock = field(default_factory=PreviewClock)
    told: float = 0.0
    rescore: bool = False
    painted: set[int] = field(default_factory=set)  # of `given`, since the start
    repainted: set[int] = field(default_factory=set)  # those not in the card yet

    def __post_init__(self) -> None:
        """Set up what follows from the rest."""
        self.generator = torch.Generator(self.model.device)
        self.ends = 0.0  # seconds that the end will take
        if self.rehearsal:
            self.alike = alike(self.model, self.rehearsal, self.training)
        self.dtype = pick_dtype(self.model.device, self.config.precision, training=True)
        for module in self.model.network.modules():
            if isinstance(module, Dropout):
                module.generator = self.generator
        self.before = self.counters.seconds
        new, old = self.model.network.state_dict(), self.averaged.network.state_dict()
        floats = [name for name, tensor in old.items() if tensor.is_floating_point()]
        self.pairs = [old[n] for n in floats], [new[n] for n in floats]

    @property
    def drawn(self) -> tuple[list[Encoded], np.ndarray]:
        """What crops are drawn from, and how often each, sum 1."""
        weights = image_weights(self.training)
        if not self.rehearsal:
            return self.training, weights
        part = self.config.rehearsal
        others = part * self.alike
        both = [*self.training, *self.rehearsal]
        return both, np.concatenate([(1 - part) * weights, others])

    @property
    def seconds(self) -> float:
        """Seconds of training, those before a resume included."""
        return self.before + time.monotonic() - self.began

    @property
    def total_steps(self) -> int | None:
        """Steps of the budget; None as long as it is in minutes."""
        if self.config.epochs:
            return self.config.epochs * self.epoch_steps
        return self.config.steps or self.counters.total

    def minutes_to_steps(self) -> None:
        """Once the rate is to fall, turn a budget of minutes into one of steps.

        From then on time plays no part, so that equal steps give equal weights.
        """
        step, decay = self.counters.step, self.config.decay
        if decay and self.total_steps is None and step and self.done >= 1 - decay:
            self.counters.total = math.ceil(step / (1 - decay))

    @property
    def done(self) -> float:
        """How much of the budget is used up, 0 to 1."""
        if self.total_steps is not None:
            return self.counters.step / self.total_steps
        budget = 60 * (self.config.minutes or DEFAULT_MINUTES)
        return self.seconds / max(budget - self.ends, 1e-9)

    def goes_on(self) -> bool:
        """Return whether the budget and the patience allow another step."""
        counters, patience = self.counters, self.config.patience
        if patience and counters.stale >= patience:
            return False
        if self.total_steps is None and not counters.step:
            return True  # however short the time: an untrained model is no result
        return self.done < 1

    def seconds_left(self) -> float | None:
        """Return a guess at the seconds left; None before the first step."""
        if self.total_steps is None:
            return max(
                0.0, 60 * (self.config.minutes or DEFAULT_MINUTES) - self.seconds
            )
        done = self.counters.step
        return (self.total_steps - done) * self.seconds / done if done else None

    def step_event(self, loss: float) -> StepDone:
        """Return the event of the step just done."""
        pixels = self.counters.step * self.batch * math.prod(self.patch)
        return StepDone(
            self.counters.step,
            self.total_steps,
            loss,
            self.seconds,
            self.seconds_left(),
            pixels / 1e6 / max(self.seconds, 1e-9),
        )

    def save_best(self, found: Validation | None = None) -> None:
        """Write the averaged weights as the best model."""
        for index in self.repainted:
            self.card["data"][index] = data_hash([self.given[index]])[0]
        self.repainted.clear()
        card = {
            **self.card,
            "steps": self.counters.step,
            "seconds": round(self.seconds, 1),
        }
        if found is not None:
            card["validation"] = {**card["validation"], **found.summary()}
        self.averaged.card = card
        self.averaged.save(self.folder)

    def save_state(self) -> None:
        """Write what resuming needs."""
        self.counters.seconds = self.seconds
        self.counters.thresholds = dict(self.averaged.thresholds)
        config = self.config.model_dump(mode="json")
        save_state(
            self.folder,
            self.counters,
            config,
            self.data,
            self.networks,
            self.optimizer,
            [self.given[index] for index in sorted(self.painted)],
        )

    @property
    def networks(self) -> dict[str, Network]:
        """All weights, by the names that they are stored by."""
        models = {"network": self.model, "averaged": self.averaged, "start": self.start}
        return {name: m.network for name, m in models.items() if m is not None}
