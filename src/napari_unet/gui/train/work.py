"""What the Train dock trains with, and the work that does it; no Qt, no layers."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.data.meaning import Meaning
from napari_unet.events import Control, Event
from napari_unet.gui.worker import Work
from napari_unet.training.annotated import Annotated, Folder, begin, train_on

if TYPE_CHECKING:
    from napari_unet.models.model import Model
    from napari_unet.reports.crops import Source


@dataclass(frozen=True)
class TrainSettings:
    """What the form says: all that training needs beside images and labels."""

    config: TrainConfig
    model: ModelConfig | None
    init: str | None
    folder: Path
    device: str
    meaning: Meaning

    def work(
        self, items: Sequence[Annotated | Folder], folder: Path | None = None
    ) -> Work[Model]:
        """Return the work of a job that trains on these items.

        Parameters
        ----------
        items : sequence of Annotated or Folder
        folder : Path, optional
            Where the model goes instead.
        """

        def train(control: Control) -> Generator[Event, None, Model]:
            return train_on(
                items,
                folder or self.folder,
                self.config,
                model=self.model,
                init=self.init,
                device=self.device,
                control=control,
            )

        return train

    def crops(self, items: Sequence[Annotated | Folder]) -> Work[Source]:
        """Return the work that settles the same training, for its crops only."""

        def settle(control: Control) -> Generator[Event, None, Source]:
            from napari_unet.reports.crops import source

            del control
            init, training, validation = yield from begin(
                items, self.config, self.model, self.init, self.device
            )
            found = yield from source(
                training,
                validation,
                self.config,
                model=self.model,
                init=init,
                device=self.device,
            )
            return found

        return settle
