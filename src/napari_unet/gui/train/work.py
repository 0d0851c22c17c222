"""What the Train dock trains with, and the work that does it; no Qt, no layers."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.events import Control, Event
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
