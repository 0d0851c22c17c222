"""What a run starts from, and what must be right before it does."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from napari_unet.config import ModelConfig, TrainConfig, checked
from napari_unet.data import doctor
from napari_unet.data.samples import Sample
from napari_unet.device import pick_device
from napari_unet.events import Event, Note, Progress
from napari_unet.models.model import Model
from napari_unet.models.store import WEIGHTS
from napari_unet.networks.pixel_classifiers import BASELINES
from napari_unet.training.checkpoint import has_state, read_state
from napari_unet.training.recipe import fit, hold_back, patch_of

MOST_NOTES = 5


@dataclass(frozen=True)
class Start:
    """What a run starts from: a model, or a config of one; a state, if it goes on."""

    config: TrainConfig
    wanted: ModelConfig
    model: Model | None = None
    header: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)


def start_of(
    folder: Path,
    config: TrainConfig,
    wanted: ModelConfig | None,
    init: Model | str | Path | None,
    resume: bool,
    device: str,
) -> Start:
    """Find out what a run starts from.

    Raises
    ------
    ValueError
        If the folder holds a model that would be lost, or nothing to resume.
    """
    wanted = wanted or ModelConfig()
    there = (folder / WEIGHTS).exists()
    if there and not resume:
        raise ValueError(
            f"{folder} holds a model already; choose another folder, or --resume "
            "its run"
        )
    if resume and has_state(folder):
        header, tensors = read_state(folder)
        stored = _resumed(config, header["train"])
        return Start(stored, wanted, Model.load(folder, device), header, tensors)
    if there:
        model = Model.load(folder, device)
        if model.card.get("steps"):
            raise ValueError(
                f"{folder} holds a trained model but no run to resume; start from it "
                "with --init, into a new folder"
            )
        wanted = model.config  # killed between its first two files, before any step
    elif init is not None:
        return Start(config, wanted, first_model(init, device))
    return Start(config, wanted)


def first_model(init: Model | str | Path, device: str) -> Model:
    """Return a model to start from; one that is given stays as it is.

    Raises
    ------
    ValueError
        If there is none, or it is a pixel classifier.
    """
    if isinstance(init, Model):  # which stays where it is
        network, place = copy.deepcopy(init.network), pick_device(device)
        model = Model(init.config, network, init.thresholds, init.card, place)
    else:
        model = Model.load(init, device)
    refuse(model.config.network, "init")
    return model


def _resumed(config: TrainConfig, stored: dict[str, Any]) -> TrainConfig:
    """Return the stored options with the budget of the new ones, if they name any."""
    budget = {n: getattr(config, n) for n in ("minutes", "steps", "epochs")}
    if any(budget.values()):
        stored = {**stored, **budget}
    return checked(TrainConfig, stored)


def refuse(network: str, option: str) -> None:
    """Raise a ValueError if a network of this name is a pixel classifier."""
    if network in BASELINES:
        raise ValueError(
            f"network {network} is fitted anew each time, from nothing; leave out "
            f"--{option}"
        )


@dataclass(frozen=True)
class Settled:
    """What is settled before the first step.

    training, judges : those that teach, and those that validate
    patch : shape of the crops, px
    """

    model: Model
    training: list[Sample]
    judges: list[Sample]
    patch: tuple[int, ...]


def settle(
    start: Start,
    samples: Sequence[Sample],
    validation: Sequence[Sample] | None,
    device: str,
) -> Generator[Event, None, Settled]:
    """Check everything that can be wrong; settle on model, split and patch.

    Parameters
    ----------
    start : Start
    samples, validation, device
        As for :func:`napari_unet.train`.

    Raises
    ------
    ValueError
        If samples or options are not fit for it.
    """
    if not samples:
        raise ValueError("there are no samples to train on; give images with labels")
    config = start.config
    wanted = fit(start.wanted, samples) if start.model is None else start.model.config
    everything = [*samples, *(validation or [])]
    yield from examine(everything, wanted)
    model = start.model or Model.create(wanted, config.seed, device)
    check_fit(model, everything, config)
    if validation is None:
        training, judges = hold_back(samples, config, wanted.formulation)
    else:
        training, judges = list(samples), list(validation)
    patch = patch_of(config, wanted, training, model.divisor)
    return Settled(model, training, judges, patch)


def check_fit(model: Model, samples: Sequence[Sample], config: TrainConfig) -> None:
    """Raise a ValueError unless samples and options fit the model."""
    for sample in samples:
        if sample.ndim != model.config.ndim:
            raise ValueError(
                f"{sample.name}: the image is {sample.ndim}D but the model is "
                f"{model.config.ndim}D; give {model.config.ndim}D images"
            )
        model.check(sample.image.shape, sample.rgb, sample.channels, sample.name)
    model.formulation.check(config)


def examine(samples: Sequence[Sample], config: ModelConfig) -> Iterator[Event]:
    """Raise what is wrong with the data as a ValueError, and tell what is odd."""
    yield Progress("checking", 0, len(samples))
    findings = doctor.check(
        samples, formulation=config.formulation, any_size=config.any_size
    )
    doctor.raise_errors(findings)
    for finding in findings[:MOST_NOTES]:
        yield Note(str(finding))
    if len(findings) > MOST_NOTES:
        yield Note(
            f"{len(findings) - MOST_NOTES} more findings; `napari-unet doctor` lists "
            "all"
        )
    if config.formulation == "semantic":
        values = ", ".join(map(str, config.classes))
        what = "all labels are" if len(config.classes) == 1 else f"labels {values} are"
        yield Note(f"{what} learnt as {len(config.classes)} class(es), not as objects")
