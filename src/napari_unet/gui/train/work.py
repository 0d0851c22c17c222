"""What the Train dock trains with, and the work that does it; no Qt, no layers."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.events import Control, Event
from napari_unet.models.store import WEIGHTS
from napari_unet.training.annotated import Annotated, Folder, train_on

if TYPE_CHECKING:
    from napari_unet.models.model import Model


@dataclass(frozen=True)
class TrainSettings:
    """What the form says: all that training needs beside images and labels."""

    config: TrainConfig
    model: ModelConfig | None
    init: str | None
    folder: Path
    device: str


def settings_told(settings: TrainSettings) -> dict[str, Any]:
    """Return settings as JSON has them."""
    model = settings.model
    return {
        "config": settings.config.model_dump(mode="json", exclude_defaults=True),
        "model": model and model.model_dump(mode="json", exclude_defaults=True),
        "init": settings.init,
        "folder": str(settings.folder),
        "device": settings.device,
    }


def settings_of(told: dict[str, Any]) -> TrainSettings:
    """Return the settings that were told."""
    model = told["model"]
    return TrainSettings(
        TrainConfig(**told["config"]),
        None if model is None else ModelConfig(**model),
        told["init"],
        Path(told["folder"]),
        told["device"],
    )


def train(
    settings: TrainSettings, items: Sequence[Annotated | Folder], control: Control
) -> Generator[Event, None, Model]:
    """Train a model on these items; long work."""
    return train_on(
        items,
        settings.folder,
        settings.config,
        model=settings.model,
        init=settings.init,
        device=settings.device,
        control=control,
    )


def go_on(
    settings: TrainSettings, items: Sequence[Annotated | Folder], control: Control
) -> Generator[Event, None, Model]:
    """Go on with a training that ended before its end; long work.

    One that was killed before its first step begins anew.
    """
    from napari_unet.models.model import Model as Loaded
    from napari_unet.training.checkpoint import has_state

    folder = settings.folder
    if not has_state(folder):
        there = (folder / WEIGHTS).exists()
        if there and not Loaded.load(folder, "cpu").card.get("steps"):
            shutil.rmtree(folder)
        model = yield from train(settings, items, control)
        return model
    model = yield from train_on(
        items,
        folder,
        settings.config,
        resume=True,
        device=settings.device,
        control=control,
    )
    return model


def train_again(
    settings: TrainSettings, items: Sequence[Annotated | Folder], control: Control
) -> Generator[Event, None, Model]:
    """Train beside the model folder that is to be replaced, and replace it at the end.

    What fails or is stopped leaves the model there as it is.
    """
    folder = settings.folder
    beside = folder.parent / ".again" / "now"
    shutil.rmtree(beside.parent, ignore_errors=True)  # of one that was killed
    try:
        model = yield from train(replace(settings, folder=beside), items, control)
        if not control.stopped:
            if folder.exists():
                folder.replace(beside.with_name("before"))
            beside.replace(folder)
        return model
    finally:
        shutil.rmtree(beside.parent, ignore_errors=True)
