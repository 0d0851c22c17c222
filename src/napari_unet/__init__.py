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
    from napari_unet import events as events
    from napari_unet.config import PRESETS as PRESETS
    from napari_unet.config import AugmentConfig as AugmentConfig
    from napari_unet.config import ModelConfig as ModelConfig
    from napari_unet.config import PredictConfig as PredictConfig
    from napari_unet.config import TrainConfig as TrainConfig
    from napari_unet.data.images import Image as Image
    from napari_unet.data.images import ImageSeries as ImageSeries
    from napari_unet.data.meaning import Meaning as Meaning
    from napari_unet.data.samples import Sample as Sample
    from napari_unet.data.samples import split as split
    from napari_unet.events import Control as Control
    from napari_unet.events import drain as drain
    from napari_unet.files import sample_data as sample_data
    from napari_unet.files.datasets import find_pairs as find_pairs
    from napari_unet.files.datasets import load_samples as load_samples
    from napari_unet.files.readers import read_image as read_image
    from napari_unet.files.readers import read_labels as read_labels
    from napari_unet.files.writers import write_labels as write_labels
    from napari_unet.formulations import FORMULATIONS as FORMULATIONS
    from napari_unet.formulations.losses import LOSSES as LOSSES
    from napari_unet.gui.layers.images import image_of as image_of
    from napari_unet.gui.layers.images import labels_of as labels_of
    from napari_unet.gui.layers.placement import placement as placement
    from napari_unet.gui.layers.placement import with_layer_axes as with_layer_axes
    from napari_unet.measures.measure import measure as measure
    from napari_unet.models.model import Model as Model
    from napari_unet.networks import NETWORKS as NETWORKS
    from napari_unet.reports.evaluation import evaluate as evaluate
    from napari_unet.segmentation.cache import MapCache as MapCache
    from napari_unet.segmentation.segment import segment as segment
    from napari_unet.segmentation.uncertainty import least_certain as least_certain
    from napari_unet.training.annotated import Annotated as Annotated
    from napari_unet.training.annotated import Folder as Folder
    from napari_unet.training.annotated import train_on as train_on
    from napari_unet.training.loop import train as train

    __version__: str

_MODULES = {
    "config": (
        "AugmentConfig",
        "ModelConfig",
        "PRESETS",
        "PredictConfig",
        "TrainConfig",
    ),
    "data.images": ("Image", "ImageSeries"),
    "data.meaning": ("Meaning",),
    "files.datasets": ("find_pairs", "load_samples"),
    "segmentation.uncertainty": ("least_certain",),
    "reports.evaluation": ("evaluate",),
    "events": ("Control", "drain", "events"),
    "formulations": ("FORMULATIONS",),
    "segmentation.cache": ("MapCache",),
    "formulations.losses": ("LOSSES",),
    "measures.measure": ("measure",),
    "models.model": ("Model",),
    "networks": ("NETWORKS",),
    "files.readers": ("read_image", "read_labels"),
    "files.sample_data": ("sample_data",),
    "data.samples": ("Sample", "split"),
    "segmentation.segment": ("segment",),
    "training.annotated": ("Annotated", "Folder", "train_on"),
    "training.loop": ("train",),
    "files.writers": ("write_labels",),
}
# What needs napari: for its console, and in no list where napari may be missing.
_IN_NAPARI = {
    "gui.layers.images": ("image_of", "labels_of"),
    "gui.layers.placement": ("placement", "with_layer_axes"),
}
_HOME = {
    name: module for module, names in (_MODULES | _IN_NAPARI).items() for name in names
}

__all__ = [*sorted(n for names in _MODULES.values() for n in names), "__version__"]


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name == "__version__":
        from napari_unet.text import version

        value: Any = version()
    elif name in _HOME:
        module = import_module(f".{_HOME[name]}", __name__)
        value = getattr(module, name, module)  # events and sample_data are modules
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
