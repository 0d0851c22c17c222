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
from napari_unet.data.samples import Sample, data_hash
from napari_unet.device import pick_device
from napari_unet.events import Event, Note, Progress
from napari_unet.formulations.base import rarities
from napari_unet.models.model import Model
from napari_unet.models.store import WEIGHTS
from napari_unet.networks.pixel_classifiers import CLASSIFIERS
from napari_unet.text import version
from napari_unet.training.checkpoint import (
    Counters,
    clean,
    has_state,
    read_state,
    restore,
)
from napari_unet.training.crops import Encoded, encode_all
from napari_unet.training.memory import tell_memory
from napari_unet.training.recipe import (
    batch_of,
    complete,
    epoch_steps,
    hold_back,
    patch_of,
)
from napari_unet.training.run import Run

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
    if network in CLASSIFIERS:
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
    wanted = (
        complete(start.wanted, samples) if start.model is None else start.model.config
    )
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
        model.check(sample.image)
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


WEIGHT_DECAY = 1e-4


def prepare(
    samples: Sequence[Sample],
    validation: Sequence[Sample] | None,
    folder: Path,
    config: TrainConfig,
    model_config: ModelConfig | None,
    init: Model | str | Path | None,
    resume: bool,
    device: str,
) -> Generator[Event, None, Run]:
    """Check everything that can be wrong, then load, split and encode."""
    start = start_of(folder, config, model_config, init, resume, device)
    settled = yield from settle(start, samples, validation, device)
    config, model, patch = start.config, settled.model, settled.patch
    everything = [*samples, *(validation or [])]
    data = data_hash(everything)
    if start.header and data != start.header["data"]:
        raise ValueError(
            f"{folder}: the run was made with other data "
            f"({len(start.header['data'])} images, now {len(data)} or changed); give "
            "the same, or train with --init into a new folder"
        )
    yield from tell_memory(model, everything, patch, config)
    encoded = yield from encode_all(settled.training, model)
    judged = yield from encode_all(settled.judges, model, judges=True)
    if config.class_weights == "frequencies":
        count = 2 if model.formulation.instances else max(2, model.formulation.channels)
        targets = ((e.target, e.weight) for e in encoded)
        config = config.replace(class_weights=rarities(targets, count))
    run = _new_run(folder, config, model, encoded, judged, everything, patch, data)
    if start.model and not start.header:
        run.card["init"] = start.model.hash()
    elif start.model and "init" in start.model.card:
        run.card["init"] = start.model.card["init"]
    if start.header:
        _restore(run, start.header, start.tensors)
    clean(folder)
    return run


def _new_run(
    folder: Path,
    config: TrainConfig,
    model: Model,
    encoded: list[Encoded],
    judged: list[Encoded],
    given: list[Sample],
    patch: tuple[int, ...],
    data: list[dict[str, Any]],
) -> Run:
    batch = batch_of(config, patch)
    trained = Model(
        model.config, copy.deepcopy(model.network), model.thresholds, {}, model.device
    )
    averaged = Model(
        model.config, copy.deepcopy(model.network), model.thresholds, {}, model.device
    )
    first = list({id(e.given): e for e in reversed(encoded)}.values())[::-1]
    seen, parts = [e.sample for e in first], [e.given for e in first]
    return Run(
        folder,
        config,
        trained,
        averaged,
        _optimizer(trained, config),
        encoded,
        judged,
        given,
        patch,
        batch,
        epoch_steps(seen, patch, batch, config.steps),
        data,
        {
            **card_of(config, parts, [e.given for e in judged], data),
            "patch": list(patch),
            "batch": batch,
        },
    )


def _optimizer(model: Model, config: TrainConfig) -> torch.optim.Optimizer:
    parameters = model.network.parameters()
    # One pass over the weights: half the time of the default on a CPU.
    fused = model.device.type in {"cpu", "cuda"}
    if config.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=config.rate, fused=fused)
    return torch.optim.AdamW(
        parameters, lr=config.rate, weight_decay=WEIGHT_DECAY, fused=fused
    )


def card_of(
    config: TrainConfig,
    training: Sequence[Sample],
    held_back: Sequence[Sample],
    data: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return what the card of a model says of its data and options."""
    return {
        "data": list(data),
        "training": {"names": [s.name for s in training], "images": len(training)},
        "validation": {"names": [s.name for s in held_back], "images": len(held_back)},
        "options": config.model_dump(mode="json", exclude_defaults=True),
        "seed": config.seed,
        "versions": {name: version(name) for name in ("torch", "numpy")},
        "licence": config.licence,
    }


def _restore(
    run: Run, header: dict[str, Any], tensors: dict[str, torch.Tensor]
) -> None:
    run.counters = Counters(**header["counters"])
    if run.config.minutes != header["train"]["minutes"]:
        run.counters.total = None  # of the minutes before
    run.before = run.counters.seconds
    run.averaged.thresholds = dict(run.counters.thresholds)
    networks = {"network": run.model.network, "averaged": run.averaged.network}
    restore(tensors, networks, run.optimizer)
