"""Every option, written once: range check, form row, command-line option, docs entry.

The models are frozen and refuse unknown names. ``Field(description=...)`` is the help
text everywhere.
"""

from __future__ import annotations

from napari_unet.config.base import Config, checked
from napari_unet.config.model import ModelConfig
from napari_unet.config.predict import PredictConfig
from napari_unet.config.presets import PRESETS
from napari_unet.config.train import AugmentConfig, TrainConfig

__all__ = [
    "PRESETS",
    "AugmentConfig",
    "Config",
    "ModelConfig",
    "PredictConfig",
    "TrainConfig",
    "checked",
]
