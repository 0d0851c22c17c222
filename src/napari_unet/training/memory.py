"""How much memory a training takes, before it takes it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.data.samples import Sample
from napari_unet.data.sizes import SMALLER, zoom_of
from napari_unet.device import available_memory, pick_dtype
from napari_unet.events import Event, MemoryNeeded, Note
from napari_unet.formulations import formulation_of
from napari_unet.models.model import Model
from napari_unet.networks import build
from napari_unet.networks.base import Network, count
from napari_unet.training.recipe import batch_of

# Weights, averaged weights, gradients, two moments of the optimiser; and copies of
# most of these while the state is written.
COPIES = 9
# Gradients and buffers that live for a moment, over what waits for the way back.
PASSING = 2.0
# Logits, targets, weights and what the losses make of them, float32 a map.
OF_LOSS = 16
# Python, torch and its kernels.
PROGRAM = 0.4e9


def tell_memory(
    model: Model, samples: Sequence[Sample], patch: Sequence[int], config: TrainConfig
) -> Iterator[Event]:
    """Yield how much a training takes, and a warning where it is not there."""
    dtype = pick_dtype(model.device, config.precision, training=True)
    batch = batch_of(config, patch)
    memory = MemoryNeeded(training_memory(model.config, samples, patch, batch, dtype))
    yield memory
    free = available_memory(torch.device("cpu"))
    if model.device.type == "cpu" and memory.bytes > free:
        yield Note(
            f"training takes {memory} of memory but {free / 1e9:.1f} GB are free; a "
            "smaller patch, batch or width takes less"
        )


def training_memory(
    config: ModelConfig,
    samples: Sequence[Sample],
    patch: Sequence[int],
    batch: int,
    dtype: torch.dtype,
) -> float:
    """Estimate the memory that a training takes, in bytes.

    By ``benchmarks/memory.py`` from 0.6 to 1.2 of what it turns out to be. `samples`
    are all that are held, `dtype` is the number format inside the network.
    """
    maps = len(formulation_of(config).maps)
    with torch.device("meta"):
        network = build(config, formulation_of(config).channels).train()
        crops = torch.empty(batch, config.channels, *patch)
    itemsize = torch.finfo(dtype).bits / 8
    waiting = _saved(network, crops) * itemsize / 4 * PASSING
    loss = crops[:, :1].numel() * maps * OF_LOSS * 4
    weights = 4 * COPIES * count(network)
    return PROGRAM + _held(config, samples, maps) + waiting + loss + weights


def _saved(network: Network, crops: torch.Tensor) -> int:
    """Return the bytes in float32 that wait for the way back; on the meta device."""
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        alive.append(tensor)  # or another would get its address
        return tensor

    alive: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        network.outputs(crops)
    return sum(kept.values())


def _held(config: ModelConfig, samples: Sequence[Sample], maps: int) -> float:
    """Return the bytes of images and targets, in all views of a model of any size."""
    total = 0.0
    for sample in samples:
        pixels, array = math.prod(sample.shape), sample.image.array
        given = pixels * (array.dtype.itemsize * array.shape[0] + 4)
        zoom = zoom_of(sample, config)
        views = [(zoom * smaller) ** 2 for smaller, _ in SMALLER]
        seen = pixels * (sum(views) if config.any_size else 1.0)
        total += given + seen * (3 * maps + 8 * config.any_size * array.shape[0])
    return total
