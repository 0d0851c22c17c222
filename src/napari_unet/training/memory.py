"""How much memory a training takes, before it takes it."""

from __future__ import annotations

import functools
import math
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

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
# Python, torch and its kernels, and what malloc keeps in pieces.
PROGRAM = 0.6e9


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

    By ``benchmarks/memory.py`` from 0.85 to 1.25 of what it turns out to be. `samples`
    are all that are held, `dtype` is the number format inside the network.
    """
    shape = (batch, config.channels, *patch)
    return PROGRAM + _held(config, samples) + _of_network(config, shape, dtype)


@functools.lru_cache(maxsize=64)
def _of_network(config: ModelConfig, shape: tuple[int, ...], dtype: torch.dtype) -> int:
    """Return the bytes of the copies of the weights, and of a step."""
    with FakeTensorMode():  # tensors with a shape and no numbers
        network = build(config, formulation_of(config).channels).train()
        step = _of_step(network, config, shape, dtype)
    return 4 * COPIES * count(network) + step


def _of_step(
    network: Network, config: ModelConfig, shape: Sequence[int], dtype: torch.dtype
) -> int:
    """Return the most bytes that tensors of a training step hold at once.

    What autograd keeps for the way back is among them, whatever the network.
    """
    formulation = formulation_of(config)
    with _LiveBytes() as live:
        crops = torch.empty(*shape)
        truth = torch.empty(shape[0], len(formulation.maps), *shape[2:])
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            outputs = network.outputs(crops)
        losses = [
            formulation.loss(logits.float(), truth, truth, TrainConfig())
            for logits in outputs
        ]
        torch.autograd.backward(torch.stack(losses).mean())
    most: int = live.most
    return most


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up what tensors made under it take.

    most : bytes at once, so far
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = 0
        self._now = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in _tensors(made):
            self._add(tensor.untyped_storage())
        passing = 0
        if "convolution" in func.__name__:
            # Volumes are copied into blocks of oneDNN's own, and those of 16 bits
            # once more, transposed.
            passing = sum(4 * t.numel() for t in _tensors([args, made]) if t.ndim == 5)
        self.most = max(self.most, self._now + passing)
        return made

    def _add(self, storage: torch.UntypedStorage) -> None:
        place = storage._cdata
        if place not in self._sizes:
            self._sizes[place] = storage.nbytes()
            self._now += storage.nbytes()
            weakref.finalize(storage, self._remove, place)

    def _remove(self, place: int) -> None:
        self._now -= self._sizes.pop(place)


def _tensors(values: Any) -> list[torch.Tensor]:
    return [v for v in tree_leaves(values) if isinstance(v, torch.Tensor)]


def _held(config: ModelConfig, samples: Sequence[Sample]) -> float:
    """Return the bytes of images and targets, in all views of a model of any size."""
    maps, total = len(formulation_of(config).maps), 0.0
    for sample in samples:
        pixels, array = math.prod(sample.shape), sample.image.array
        given = pixels * (array.dtype.itemsize * array.shape[0] + 4)
        zoom = zoom_of(sample, config)
        views = [(zoom * smaller) ** 2 for smaller, _ in SMALLER]
        seen = pixels * (sum(views) if config.any_size else 1.0)
        total += given + seen * (3 * maps + 8 * config.any_size * array.shape[0])
    return total
