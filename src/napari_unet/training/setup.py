"""What happens before the first step: checks, the division of the samples, targets."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from napari_unet.config import ModelConfig, TrainConfig, checked
from napari_unet.data import doctor
from napari_unet.data.samples import Sample, data_hash
from napari_unet.device import pick_device
from napari_unet.events import Event, Note, Progress
from napari_unet.formulations.base import rarities
from napari_unet.locks import FolderLock
from napari_unet.models.fitting import channels_told
from napari_unet.models.model import Model
from napari_unet.models.store import WEIGHTS
from napari_unet.networks.pixel_classifiers import CLASSIFIERS
from napari_unet.text import version
from napari_unet.training.checkpoint import (
    RUN,
    STATE,
    Counters,
    clean,
    damaged,
    has_state,
    read_rehearsal,
    read_state,
    restore,
    write_rehearsal,
)
from napari_unet.training.crops import encode_all
from napari_unet.training.fine_tuning import unpack
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
TAKEN = "{} holds a model already; choose another folder, or --resume its run"


@dataclass(frozen=True)
class StartingPoint:
    """What a training starts from: a model, or a config of one; a state, to resume."""

    config: TrainConfig
    wanted: ModelConfig
    model: Model | None = None
    header: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def network(self) -> str:
        """Name of the network, or of the pixel classifier."""
        return (self.model.config if self.model else self.wanted).network


def starting_point(
    folder: Path,
    config: TrainConfig,
    wanted: ModelConfig | None,
    init: Model | str | Path | None,
    resume: bool,
    device: str,
) -> StartingPoint:
    """Find out what a training starts from.

    A ValueError where the folder holds a model that would be lost, or nothing to
    resume, or where a pixel classifier is to start from another model, or to be
    resumed.
    """
    wanted = wanted or ModelConfig()
    there, state = (folder / WEIGHTS).exists(), resume and has_state(folder)
    if init is not None:
        refuse(wanted.network, "init")
    if resume and (state or not there):
        refuse(wanted.network, "resume")
    if there and not resume:
        raise ValueError(TAKEN.format(folder))
    if state:
        header, tensors = read_state(folder)
        stored = _resumed(config, header["train"], folder)
        model = Model.load(folder, device)
        return StartingPoint(stored, wanted, model, header, tensors)
    if there:
        model = Model.load(folder, device)
        refuse(model.config.network, "resume")
        if model.card.get("steps"):
            raise ValueError(
                f"{folder} holds a trained model but no run to resume; start from it "
                "with --init, into a new folder"
            )
        wanted = model.config  # killed between its first two files, before any step
    elif init is not None:
        return StartingPoint(config, wanted, first_model(init, device))
    return StartingPoint(config, wanted)


def claim(lock: FolderLock, folder: Path) -> None:
    """Take the folder that a training is about to write into.

    A ValueError if another one writes into it, or has since it was looked into.
    """
    lock.take()
    if lock.late and (folder / WEIGHTS).exists():
        raise ValueError(TAKEN.format(folder))


def first_model(init: Model | str | Path, device: str) -> Model:
    """Return a network to start from; a model that is given stays as it is."""
    if isinstance(init, Model):  # which stays where it is
        network, place = copy.deepcopy(init.network), pick_device(device)
        model = Model(init.config, network, init.thresholds, init.card, place)
        model.rehearsal = init.rehearsal
    else:
        model = Model.load(init, device)
    refuse(model.config.network, "init")
    return model


def _resumed(config: TrainConfig, stored: dict[str, Any], folder: Path) -> TrainConfig:
    """Return the stored options with the budget of the new ones, if they name any."""
    try:
        checked(TrainConfig, stored)
    except ValueError as error:
        raise ValueError(damaged(folder / RUN / STATE, error)) from None
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
class Prepared:
    """A model and checked samples.

    given : all samples
    training, judges : those that teach, and those that validate
    """

    model: Model
    given: list[Sample]
    training: list[Sample]
    judges: list[Sample]


def prepare(
    start: StartingPoint,
    samples: Sequence[Sample],
    validation: Sequence[Sample] | None,
    device: str,
) -> Generator[Event, None, Prepared]:
    """Check everything that can be wrong; create the model and divide the samples."""
    if not samples:
        raise ValueError("there are no samples to train on; give images with labels")
    config, model, wanted = start.config, start.model, start.wanted
    given = [*samples, *(validation or [])]
    wanted = complete(wanted, samples) if model is None else model.config
    yield from check_data(given, wanted)
    model = model or Model.create(wanted, config.seed, device)
    fitted = check_fit(model, given, config)
    yield from _tell_channels(model, given)
    given = fitted
    samples = given[: len(samples)]
    if validation is not None:
        return Prepared(model, given, samples, given[len(samples) :])
    return Prepared(model, given, *hold_back(samples, config, wanted.formulation))


def _tell_channels(model: Model, samples: Sequence[Sample]) -> Iterator[Note]:
    """Tell which channels are taken where it is not plain."""
    told: dict[str, list[str]] = {}
    for sample in samples:
        if text := channels_told(model.config, sample.image):
            told.setdefault(text, []).append(sample.name)
    for text, names in told.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield Note(f"{names[0]}{more}: {text}")


def check_fit(
    model: Model, samples: Sequence[Sample], config: TrainConfig
) -> list[Sample]:
    """Return samples with the channels that the model wants.

    A ValueError unless samples and options fit the model.
    """
    fitted = []
    for sample in samples:
        if sample.ndim != model.config.ndim:
            raise ValueError(
                f"{sample.name}: the image is {sample.ndim}D but the model is "
                f"{model.config.ndim}D; give {model.config.ndim}D images"
            )
        image = model.fitted(sample.image)
        same = image is sample.image
        fitted.append(sample if same else replace(sample, image=image))
    model.formulation.check(config)
    return fitted


def check_data(samples: Sequence[Sample], config: ModelConfig) -> Iterator[Event]:
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
        yield from _tell_classes(samples, config.classes)


def _tell_classes(samples: Sequence[Sample], classes: Sequence[int]) -> Iterator[Note]:
    """Tell of labels that are no class, and of classes that are no label.

    Of one class nothing is left out: all labels are learnt as it.
    """
    there = {int(n) for s in samples for n in s.annotated_objects.ids}
    left = sorted(there - set(classes))
    if left and len(classes) > 1:
        which = f"label {left[0]} is" if len(left) == 1 else f"labels {_few(left)} are"
        yield Note(
            f"{which} left out, in none of the classes {_few(classes)}: these pixels "
            "are learnt neither as a class nor as background"
        )
    missing = sorted(set(classes) - there)
    if missing and len(classes) > 1:
        which = (
            f"class {missing[0]}" if len(missing) == 1 else f"classes {_few(missing)}"
        )
        yield Note(f"{which} cannot be learnt: no image has such labels")


def _few(numbers: Sequence[int]) -> str:
    """Return the first of several numbers."""
    return ", ".join(map(str, numbers[:10])) + ", ..." * (len(numbers) > 10)


WEIGHT_DECAY = 1e-4


def new_run(
    start: StartingPoint,
    samples: Sequence[Sample],
    validation: Sequence[Sample] | None,
    folder: Path,
    device: str,
    lock: FolderLock,
) -> Generator[Event, None, Run]:
    """Prepare a training and encode its samples; return it as it is before a step."""
    prepared = yield from prepare(start, samples, validation, device)
    config, model, given = start.config, prepared.model, prepared.given
    patch = patch_of(config, model.config, prepared.training, model.divisor)
    data = data_hash(given)
    if start.header and data != start.header["data"]:
        raise ValueError(
            f"{folder}: the run was made with other data "
            f"({len(start.header['data'])} images, now {len(data)} or changed); give "
            "the same, or train with --init into a new folder"
        )
    yield from tell_memory(model, given, patch, config)
    training = yield from encode_all(prepared.training, model)
    judges = yield from encode_all(prepared.judges, model, judges=True)
    if config.class_weights == "frequencies":
        count = 2 if model.formulation.instances else max(2, model.formulation.channels)
        targets = ((e.target, e.weight) for e in training)
        config = config.replace(class_weights=rarities(targets, count))
    crops = _crops(start, config, folder)
    rehearsal = unpack(crops, model) if crops else []
    claim(lock, folder)
    if crops and not start.header:
        write_rehearsal(folder, crops)
    batch, trained = batch_of(config, patch), _copied(model)
    first = {id(e.given): e.sample for e in reversed(training)}  # view of each
    run = Run(
        folder=folder,
        config=config,
        model=trained,
        averaged=_copied(model),
        optimizer=_optimizer(trained, config),
        training=training,
        rehearsal=rehearsal,
        validation=judges,
        given=given,
        patch=patch,
        batch=batch,
        epoch_steps=epoch_steps([*first.values()], patch, batch, config.steps),
        data=data,
        card=card_of(config, prepared, data) | {"patch": list(patch), "batch": batch},
    )
    if start.header:
        _restore(run, start)
    elif start.model:
        run.card["init"] = start.model.hash()
        run.start = _copied(model)
    clean(folder)
    return run


def _crops(start: StartingPoint, config: TrainConfig, folder: Path) -> bytes | None:
    """Return the crops that are rehearsed, if any."""
    if start.header:
        return read_rehearsal(folder)
    return start.model.rehearsal if start.model and config.rehearsal else None


def _copied(model: Model) -> Model:
    """Return a copy with an empty card."""
    network = copy.deepcopy(model.network)
    return Model(model.config, network, model.thresholds, {}, model.device)


def _optimizer(model: Model, config: TrainConfig) -> torch.optim.Optimizer:
    parameters = model.network.parameters()
    # One pass over the weights: half the time of the default on a CPU.
    fused = model.device.type in {"cpu", "cuda"}
    if config.optimizer == "adam":
        return torch.optim.Adam(parameters, fused=fused)
    return torch.optim.AdamW(parameters, weight_decay=WEIGHT_DECAY, fused=fused)


def card_of(
    config: TrainConfig, prepared: Prepared, data: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what the card of a model says of its data and options."""
    training, validation = (
        {"names": [s.name for s in part], "images": len(part)}
        for part in (prepared.training, prepared.judges)
    )
    return {
        "data": list(data),
        "training": training,
        "validation": validation,
        "options": config.model_dump(mode="json", exclude_defaults=True),
        "seed": config.seed,
        "versions": {name: version(name) for name in ("torch", "numpy")},
        "licence": config.licence,
    }


def _restore(run: Run, start: StartingPoint) -> None:
    """Put the state of a run that is resumed into a new one."""
    run.counters = Counters(**start.header["counters"])
    if run.config.minutes != start.header["train"].get("minutes"):
        run.counters.total = None  # of the minutes before
    run.before = run.counters.seconds
    run.averaged.thresholds |= run.counters.thresholds
    if start.model and "init" in start.model.card:
        run.card["init"] = start.model.card["init"]
        for name in ("knew", "rate"):
            if name in start.model.card:
                run.card[name] = start.model.card[name]
    if any(key.startswith("start.") for key in start.tensors):
        run.start = _copied(run.model)
    try:
        restore(start.tensors, run.networks, run.optimizer)
    except (RuntimeError, LookupError, ValueError, TypeError) as error:
        raise ValueError(damaged(run.folder / RUN / STATE, error)) from None
