"""What all runs of a comparison have in common, and whether it can be done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.data import doctor
from napari_unet.data.samples import Sample, data_hash, split
from napari_unet.device import pick_device
from napari_unet.events import Event, Note, Progress
from napari_unet.models.model import Model
from napari_unet.text import counted
from napari_unet.training.loop import train
from napari_unet.training.recipe import complete
from napari_unet.training.run import DEFAULT_MINUTES

JUDGING = 0.2  # part of the data that is held back to judge, where none is given
SETTINGS = "settings.json"
BUDGETS = ("minutes", "steps", "epochs")


@dataclass(frozen=True, eq=False)
class Plan:
    """What all runs have in common; `judges` are images that none is trained on."""

    samples: Sequence[Sample]
    judges: Sequence[Sample]
    config: TrainConfig
    model: ModelConfig
    device: str

    def options(self, network: str, seed: int) -> tuple[TrainConfig, ModelConfig]:
        """Return the options of one run."""
        return self.config.replace(seed=seed), self.model.replace(network=network)

    def settings(self) -> dict[str, Any]:
        """Return all that must be the same when a comparison goes on."""
        options = self.config.model_dump(
            mode="json", exclude={"seed"}, exclude_defaults=True
        )
        augment = options.pop("augment", {})
        options |= {f"augment.{name}": value for name, value in augment.items()}
        options |= self.model.model_dump(
            mode="json", exclude={"network"}, exclude_unset=True
        )
        return {
            "format": 1,
            "options": {**options, "device": str(pick_device(self.device))},
            "training": data_hash(self.samples),
            "judges": data_hash(self.judges),
        }


def plan(
    samples: Sequence[Sample],
    judges: Sequence[Sample] | None,
    config: TrainConfig | None,
    model: ModelConfig | None,
    device: str,
) -> Plan:
    """Put the images to train on and those that judge apart.

    Raises
    ------
    ValueError
        If there are none of one kind, or one is of both.
    """
    config, model = config or TrainConfig(), model or ModelConfig()
    if not any(getattr(config, budget) for budget in BUDGETS):
        config = config.replace(minutes=DEFAULT_MINUTES)
    if not samples or (judges is not None and not judges):
        what = "judge by" if samples else "train on"
        raise ValueError(f"there are no images to {what}; give images with labels")
    if judges is None:
        return Plan(*split(samples, JUDGING, seed=0), config, model, device)
    seen = {entry["sha256"] for entry in data_hash(samples)}
    both = [e["name"] for e in data_hash(judges) if e["sha256"] in seen]
    if both:
        raise ValueError(
            f"{', '.join(both[:3])}: {counted(len(both), 'image')} would be trained on "
            "and judge, too; judge by other images"
        )
    return Plan(samples, judges, config, model, device)


def check_folder(folder: Path, settings: Mapping[str, Any]) -> None:
    """Raise a ValueError unless the folder is new or holds runs with these settings."""
    if not (folder / SETTINGS).is_file():
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise ValueError(
                f"{folder} is there and is no comparison; choose another folder"
            )
        return
    before = json.loads((folder / SETTINGS).read_text("utf-8"))
    old, new = before["options"], settings["options"]
    changed = [
        f"{name} was {old.get(name, 'left out')}, is {new.get(name, 'left out')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    for what, kind in (("training", "training images"), ("judges", "judging images")):
        if before[what] != settings[what]:
            numbers = f"{len(before[what])}, now {len(settings[what])}"
            changed.append(f"the {kind} were others ({numbers})")
    if changed:
        raise ValueError(
            f"{folder} holds another comparison: {'; '.join(changed)}; give the same "
            "options and images, or choose another folder"
        )


def check(
    plan: Plan, networks: Sequence[str], seed: int, place: Path
) -> Iterator[Event]:
    """Raise a ValueError if a training or the judging could not begin; yields notes.

    Parameters
    ----------
    plan : Plan
    networks : sequence of str
    seed : int
    place : Path
        A folder that is not there, and will not be.
    """
    told: set[str] = set()
    checking = Progress("checking", 0, len(plan.samples))
    for network in networks:
        config, model = plan.options(network, seed)
        # A training checks all its input before it encodes the first image.
        with closing(
            train(plan.samples, None, place, config, model=model, device=plan.device)
        ) as events:
            for event in events:
                if not isinstance(event, Note):
                    yield checking
                    if event != checking:
                        break
                elif event.text not in told:
                    told.add(event.text)
                    yield event
    fitted = complete(plan.options(networks[0], seed)[1], plan.samples)
    probe = Model.create(fitted, device="cpu")
    for judge in plan.judges:
        probe.check(judge.image)
    doctor.raise_errors(
        doctor.check(
            plan.judges, formulation=fitted.formulation, require_contrast=False
        )
    )
