"""Train U-Nets on microscopy images; in Python, from the command line, in napari.

The names below are loaded on first use: importing the package loads neither torch nor
Qt.

Examples
--------
>>> from napari_unet import drain, find_pairs, load_samples, segment, train
>>> samples = drain(load_samples(find_pairs("nuclei")))  # doctest: +SKIP
>>> model = drain(train(samples, None, "my-model"))  # doctest: +SKIP
>>> result = drain(segment(model, samples[0].image))  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import events as events
    from .config import PRESETS as PRESETS
    from .config import AugmentConfig as AugmentConfig
    from .config import ModelConfig as ModelConfig
    from .config import PredictConfig as PredictConfig
    from .config import TrainConfig as TrainConfig
    from .datasets import find_pairs as find_pairs
    from .datasets import load_samples as load_samples
    from .doubt import least_sure as least_sure
    from .evaluation import evaluate as evaluate
    from .events import Control as Control
    from .events import drain as drain
    from .formulations import FORMULATIONS as FORMULATIONS
    from .kept import KeptMaps as KeptMaps
    from .losses import LOSSES as LOSSES
    from .model import Model as Model
    from .networks import NETWORKS as NETWORKS
    from .readers import read_image as read_image
    from .samples import Sample as Sample
    from .samples import split as split
    from .segmentation import segment as segment
    from .series import segment_series as segment_series
    from .training import train as train
    from .writers import write_labels as write_labels

    __version__: str

_MODULES = {
    "config": (
        "AugmentConfig",
        "ModelConfig",
        "PRESETS",
        "PredictConfig",
        "TrainConfig",
    ),
    "datasets": ("find_pairs", "load_samples"),
    "doubt": ("least_sure",),
    "evaluation": ("evaluate",),
    "events": ("Control", "drain", "events"),
    "formulations": ("FORMULATIONS",),
    "kept": ("KeptMaps",),
    "losses": ("LOSSES",),
    "model": ("Model",),
    "networks": ("NETWORKS",),
    "readers": ("read_image",),
    "samples": ("Sample", "split"),
    "segmentation": ("segment",),
    "series": ("segment_series",),
    "training": ("train",),
    "writers": ("write_labels",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [*sorted(_HOME), "__version__"]


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name == "__version__":
        value: Any = _version()
    elif name in _HOME:
        module = import_module(f".{_HOME[name]}", __name__)
        value = module if name == _HOME[name] else getattr(module, name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("napari-unet-live")
    except PackageNotFoundError:  # run from a checkout that is only on the path
        return "unknown"
