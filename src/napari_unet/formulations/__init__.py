"""What a network learns: labels <-> maps, with their losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.config.base import known
from napari_unet.formulations.base import Formulation, Map, Objects
from napari_unet.formulations.instances import Instances
from napari_unet.formulations.semantic import Semantic

if TYPE_CHECKING:
    from napari_unet.config import ModelConfig

__all__ = ["FORMULATIONS", "Formulation", "Map", "Objects", "formulation_of"]

FORMULATIONS: dict[str, type[Formulation]] = {
    "instances": Instances,
    "semantic": Semantic,
}
"""Formulations by name; a member is called with the ModelConfig."""


def formulation_of(config: ModelConfig) -> Formulation:
    """Make the formulation that a model config names."""
    kind: type[Formulation] = known(config.formulation, FORMULATIONS, "formulation")
    return kind(config)
