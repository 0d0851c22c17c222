"""What a run starts from: nothing, another model, or where it was before."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from .checkpoint import has_state, read_state
from .config import ModelConfig, TrainConfig, checked
from .model import Model
from .model_file import WEIGHTS


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
        model = init if isinstance(init, Model) else Model.load(init, device)
        return Start(config, wanted, model)
    return Start(config, wanted)


def _resumed(config: TrainConfig, stored: dict[str, Any]) -> TrainConfig:
    """Return the stored options with the budget of the new ones, if they name any."""
    budget = {n: getattr(config, n) for n in ("minutes", "steps", "epochs")}
    if any(budget.values()):
        stored = {**stored, **budget}
    return checked(TrainConfig, stored)
