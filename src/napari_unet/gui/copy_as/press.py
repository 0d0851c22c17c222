"""What was pressed, and with which settings."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from napari.layers import Image

from napari_unet.boxes import Box
from napari_unet.config import ModelConfig, PredictConfig, TrainConfig
from napari_unet.data.images import ImageSeries
from napari_unet.data.meaning import PLAIN, Meaning

# Options of a segmentation that change nothing of what the network says.
DECODING = ("threshold", "smallest", "link", "score")


@dataclass(frozen=True)
class SegmentPress:
    """One press of Segment.

    image : name of the layer
    path : the file behind the layer, where reading it gives the same image: its values,
        its axes and its spacing
    axes : of the layer, as :func:`napari_unet.gui.layers.images.image_of` takes them
    model : path of the model or its built-in name
    extra : names of the layers that are further channels
    box : the view; None: the whole image
    """

    image: str
    path: Path | None
    axes: str
    model: str
    config: PredictConfig
    channel: int | None = None
    extra: tuple[str, ...] = ()
    device: str = "auto"
    box: Box | None = None


@dataclass(frozen=True)
class SegmentTarget:
    """An image layer to segment, as it was when the button was pressed."""

    layer: Image
    image: ImageSeries
    press: SegmentPress


def decodes_only(press: SegmentPress, before: SegmentPress) -> bool:
    """Return whether a press asks for other thresholds, and else for what was pressed.

    The view plays no part.
    """
    changed = {name: getattr(press.config, name) for name in DECODING}
    if press.config == before.config or replace(press, config=before.config) != replace(
        before, box=press.box
    ):
        return False
    return before.config.replace(**changed) == press.config


@dataclass(frozen=True)
class ItemPress:
    """A pair of layers in a press of Start; the first five as for SegmentPress.

    labels : name of the labels layer
    labels_path : the file behind it, where reading it gives the same labels
    use, meaning, right : as for :class:`napari_unet.training.annotated.Annotated`
    """

    image: str
    path: Path | None
    axes: str
    labels: str
    labels_path: Path | None = None
    channel: int | None = None
    extra: tuple[str, ...] = ()
    use: Literal["automatic", "training", "validation"] = "automatic"
    meaning: Meaning = PLAIN
    right: tuple[Box, ...] = ()

    @property
    def from_files(self) -> bool:
        """Whether files hold all of it."""
        return None not in (self.path, self.labels_path) and not self.extra


@dataclass(frozen=True)
class FolderPress:
    """A data set folder in a press of Start."""

    path: Path
    use: Literal["automatic", "training", "validation"] = "automatic"
    meaning: Meaning = PLAIN


@dataclass(frozen=True)
class TrainPress:
    """One press of Start.

    items : tuple of ItemPress and FolderPress
    folder : where the model goes
    init : the model that training starts from
    """

    items: tuple[ItemPress | FolderPress, ...]
    folder: Path
    config: TrainConfig
    model: ModelConfig | None = None
    init: str | None = None
    device: str = "auto"


def safe(name: str) -> str:
    """Return a layer's name as one that files may have everywhere."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._") or "image"
