"""What numbers in labels mean: objects, background, or nothing known. No Qt here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_unet.boxes import Box

Zero = Literal["background", "unknown"]


@dataclass(frozen=True)
class Meaning:
    """What numbers in labels mean; the fields are those of :class:`Annotated`."""

    zero: Zero = "background"
    background: int | None = None
    ignored: int | None = None

    @property
    def others(self) -> set[int]:
        """The numbers above 0 that are no object and no class."""
        return {n for n in (self.background, self.ignored) if n is not None}


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
    if meaning.ignored is not None:
        counts = labels != meaning.ignored
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
    found = []
    for other in boxes:
        part = tuple(
            slice(max(a.start, b.start) - b.start, min(a.stop, b.stop) - b.start)
            for a, b in zip(other, box, strict=True)
        )
        if all(s.start < s.stop for s in part):
            found.append(part)
    return found
