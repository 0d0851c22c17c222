"""What numbers in labels mean: objects, background, or nothing known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from napari_unet.boxes import Box, common, within
from napari_unet.config.base import Config

Zero = Literal["background", "unknown"]


class Meaning(Config):
    """What numbers in labels mean."""

    zero: Zero = Field(
        "background",
        description="What 0 in the labels means: background; or unknown, where not "
        "all is annotated yet: unknown pixels teach nothing.",
    )
    background: int | None = Field(
        None,
        ge=1,
        lt=2**63,
        description="Label that background was painted with, where 0 is unknown.",
    )
    ignore: int | None = Field(
        None,
        ge=-(2**63),
        lt=2**63,
        description="Label value that means: not annotated.",
    )

    @model_validator(mode="after")
    def _one_background(self) -> Self:
        if self.background is not None and self.zero == "background":
            raise ValueError(
                f"background {self.background}: 0 is the background already; choose "
                "zero unknown if 0 is not annotated yet, or leave out background"
            )
        return self

    @property
    def others(self) -> set[int]:
        """The numbers above 0 that are no object and no class."""
        return {n for n in (self.background, self.ignore) if n is not None}


PLAIN = Meaning()
"""0 is background, and every other number an object or a class."""


def understood(
    labels: np.ndarray, meaning: Meaning, right: Sequence[Box] = ()
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return labels where 0 is background, and where they count; None: everywhere.

    In the boxes of `right` 0 is background whatever it means elsewhere.
    """
    mask = labels > 0 if meaning.zero == "unknown" else None
    if mask is not None:
        for box in right:
            mask[box] = True
    if meaning.ignore is not None:
        counts = labels != meaning.ignore
        mask = counts if mask is None else mask & counts
    for number in meaning.others:
        labels = np.where(labels == number, 0, labels)
    return labels, mask


def clipped(boxes: Sequence[Box], box: Box) -> list[Box]:
    """Return what boxes have in common with one, as places in that.

    Examples
    --------
    >>> clipped([(slice(0, 9),), (slice(20, 30),)], (slice(5, 15),))
    [(slice(0, 4, None),)]
    """
    shared = (common(other, box) for other in boxes)
    return [within(both, box) for both in shared if both is not None]
