"""What numbers in a labels layer mean; what the user said stays with the layer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from napari.layers import Labels

from napari_unet.data.meaning import Meaning, Zero
from napari_unet.gui.layers.axes import KEY
from napari_unet.gui.layers.pairing import ours, usual_zero

MEANING = "meaning"  # below our key in the metadata of a layer


@dataclass(frozen=True)
class Said:
    """What is known of the numbers in labels.

    zero : what 0 means; None: nobody said
    background : the label of the background, which counts where 0 is unknown
    ignore : the label that teaches nothing
    """

    zero: Zero | None = None
    background: int | None = None
    ignore: int | None = None

    @property
    def meaning(self) -> Meaning:
        """What the numbers mean, as far as it was said."""
        if self.zero != "unknown":
            return Meaning(ignore=self.ignore)
        return Meaning(zero="unknown", background=self.background, ignore=self.ignore)


def said_of(layer: Labels) -> Said:
    """Return what the user said of a layer, else what its origin suggests."""
    known = {field.name for field in fields(Said)}
    stored = {n: v for n, v in _stored(layer).items() if n in known}
    return Said(**{"zero": usual_zero(layer), **stored})


def say(layer: Labels, **changes: Any) -> None:
    """Remember some of it with the layer."""
    said = {**_stored(layer), **changes}
    layer.metadata = {**layer.metadata, KEY: {**ours(layer), MEANING: said}}


def _stored(layer: Labels) -> dict[str, Any]:
    found = ours(layer).get(MEANING)
    return found if isinstance(found, dict) else {}
