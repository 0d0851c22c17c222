"""How an image is segmented: the options of :func:`napari_unet.segment`."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from napari_unet.config.base import SPEED, Config, Precision


class PredictConfig(Config):
    """How an image is segmented."""

    threshold: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Foreground threshold; None: the one that training found.",
    )
    score: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Objects with a lower score are left out; None: as training found.",
    )
    smallest: int | None = Field(
        None,
        title="Smallest (px)",
        ge=0,
        lt=2**31,
        description="Objects of fewer px are left out; None: as training found.",
    )
    object_size: float | None = Field(
        None,
        title="Objects about",
        ge=1,
        le=10_000,
        description="Diameter of the objects in px; the image is resampled to the size "
        "that the model knows. None: it has it, or is estimated by a model that knows "
        "any size.",
    )
    link: float = Field(
        0.5,
        title="Link planes",
        ge=0,
        le=1,
        description="A stack on a 2D model: objects of neighbouring planes are joined "
        "where they share this part of the smaller one; 0: not.",
    )
    intensity: tuple[tuple[float, ...], tuple[float, ...]] | None = Field(
        None,
        description="Intensities that become 0 and 1, per channel; None: from the "
        "image.",
    )
    accurate: bool = Field(
        False,
        description="Average over mirrored images: better, 3 to 4 times slower "
        "(3D: up to 8).",
    )
    level: int | None = Field(
        None,
        json_schema_extra=SPEED,
        ge=1,
        description="unet++: of which of its U-Nets the result is, from 1, the "
        "shallowest and fastest; None: the deepest.",
    )
    tile: int | None = Field(
        None,
        json_schema_extra=SPEED,
        title="Tile (px)",
        ge=32,
        le=8192,
        description="Edge of the tiles in px; None: from memory.",
    )
    memory: float | None = Field(
        None,
        json_schema_extra=SPEED,
        title="Memory (GB)",
        gt=0,
        le=100_000,
        description="Most memory for a tile, in GB; None: a quarter of what is free, "
        "2 at most.",
    )
    block: int = Field(
        2048,
        json_schema_extra=SPEED,
        title="Block (px)",
        ge=64,
        le=16384,
        description="Edge of the blocks that are decoded, in px.",
    )
    precision: Precision = Field("auto", json_schema_extra=SPEED)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.intensity is not None:
            low, high = self.intensity
            if len(low) != len(high) or not all(map(operator.lt, low, high)):
                raise ValueError(
                    f"intensity {self.intensity} must hold as many low as high values, "
                    "each low one below its high one"
                )
        return self

    def over(self, thresholds: Mapping[str, float]) -> dict[str, float]:
        """Return the thresholds of a model, with those of them that are given here."""
        given = {
            "foreground": self.threshold,
            "smallest": self.smallest,
            "score": self.score,
        }
        known = {n: v for n, v in given.items() if v is not None and n in thresholds}
        return {**thresholds, **known}
