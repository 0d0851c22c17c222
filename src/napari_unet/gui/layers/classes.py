"""Classes as a labels layer shows them: their values, names and colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_unet.config import ModelConfig
from napari_unet.gui.layers.meanings import said_of

# As many values are classes at most, and as many pixels are looked through.
MOST_CLASSES = 20
MOST_PIXELS = 16 * 2**20


def as_shown(config: ModelConfig, layers: Sequence[Labels]) -> ModelConfig:
    """Let a model of classes call and colour them as labels layers do.

    config : where it says names, colours or classes itself, it stays as it is
    layers : all that the model learns from; names are the column ``name`` of their
        features; a label of the background is no class
    """
    given = config.model_fields_set & {"classes", "class_names", "class_colours"}
    pixels = sum(int(np.prod(layer.data.shape)) for layer in layers)
    if config.formulation != "semantic" or given or not 0 < pixels < MOST_PIXELS:
        return config
    shown: dict[int, Labels] = {}
    for layer in layers:
        others = said_of(layer).meaning.others
        for value in _values(layer):
            if value not in others:
                shown.setdefault(value, layer)
    if not 0 < len(shown) <= MOST_CLASSES:
        return config
    values = sorted(shown)
    colours = tuple(_colour(shown[value], value) for value in values)
    names = tuple(_name(shown[value], value) for value in values)
    changes: dict[str, Any] = {"class_colours": colours}
    if any(names):
        pairs = zip(names, values, strict=True)
        changes["class_names"] = tuple(name or f"class {v}" for name, v in pairs)
    return config.replace(**changes)


def _values(layer: Labels) -> list[int]:
    data = layer.data
    # Numbers of objects and lazy arrays would take seconds, for nothing.
    if not isinstance(data, np.ndarray) or not 0 <= data.min() <= data.max() < 256:
        return []
    return [int(v) for v in np.flatnonzero(np.bincount(data.ravel())) if v > 0]


def _colour(layer: Labels, value: int) -> str:
    colour = layer.get_color(value)
    red, green, blue = np.round(255 * np.asarray(colour[:3])).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _name(layer: Labels, value: int) -> str:
    features = layer.features
    if not {"index", "name"} <= set(features.columns):
        return ""
    found = features["name"][features["index"] == value]
    return str(found.iloc[0]) if len(found) else ""
