"""What a run starts from, and what must be right before it does."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from . import doctor
from .checkpoint import has_state, read_state
from .config import ModelConfig, TrainConfig, checked
from .device import pick_device
from .events import Event, Note, Progress
from .model import Model
from .model_file import WEIGHTS
from .pixel_features import BASELINES
from .samples import Sample

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
        if isinstance(init, Model):  # which stays where it is
            network, place = copy.deepcopy(init.network), pick_device(device)
            model = Model(init.config, network, init.thresholds, init.card, place)
        else:
            model = Model.load(init, device)
        refuse(model.config.network, "init")
        return Start(config, wanted, model)
    return Start(config, wanted)


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
