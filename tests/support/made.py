"""Touching objects, a network that says its input, and what segmenting gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from napari_unet.config import AugmentConfig, ModelConfig
from napari_unet.data.images import Image, ImageSeries
from napari_unet.data.samples import Sample
from napari_unet.events import Block, Note, drain
from napari_unet.models.model import Model
from napari_unet.segmentation.segment import segment

# Crops as they are.
UNVARIED = AugmentConfig(
    flips=False,
    turns=False,
    scaling=1.0,
    brightness=0.0,
    contrast=0.0,
    gamma=1.0,
    noise=0.0,
)


def ball(shape, centre, radius, spacing=None):
    """True inside a disc or ball; `radius` in px of the finest axis."""
    spacing = spacing or (1,) * len(shape)
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    distance = [
        ((g - c) * s) ** 2 for g, c, s in zip(grid, centre, spacing, strict=True)
    ]
    return sum(distance) <= radius**2


def blobs(seed=0, shape=(96, 96), count=20, radius=(4, 9), spacing=None, **kwargs):
    """A Sample of discs or balls that do not overlap, most of them touching another."""
    rng = np.random.default_rng(seed)
    scale = np.array(spacing or (1,) * len(shape), float)
    labels, placed = np.zeros(shape, np.int32), []
    for _ in range(20 * count):
        size = rng.uniform(*radius)
        centre = rng.uniform(0, np.array(shape) - 1)
        if placed and rng.random() < 0.8:
            other, other_size = placed[rng.integers(len(placed))]
            direction = rng.normal(size=len(shape))
            direction *= (other_size + size + rng.uniform(0, 1.2)) / np.linalg.norm(
                direction
            )
            centre = other + direction / scale
        inside = ((centre >= 0) & (centre <= np.array(shape) - 1)).all()
        free = all(np.linalg.norm((centre - c) * scale) >= size + r for c, r in placed)
        if inside and free:
            placed.append((centre, size))
            labels[ball(shape, centre, size, spacing)] = len(placed)
        if len(placed) == count:
            break
    image = 100.0 * (labels > 0) + rng.normal(20, 5, shape)
    return Sample(
        image[None].astype(np.float32), labels, spacing, name=f"blobs {seed}", **kwargs
    )


def with_array(sample, array, **changes):
    """The sample with other pixels."""
    return replace(sample, image=replace(sample.image, array=array), **changes)


def numbered(labels):
    """Labels as 0..n in the order of their first pixels: equal if the objects are."""
    values, first, index = np.unique(labels, return_index=True, return_inverse=True)
    first = np.where(values == 0, -1, first)
    rank = np.argsort(np.argsort(first)) + int(values[0] != 0)
    return rank[index].reshape(np.shape(labels))


class Echo(Model):
    """A model whose network says its input: the image's channels are the maps.

    So its maps are exact, whatever the tiles; halo and divisor are a real network's.
    """

    def maps(self, images, precision="auto", level=None):
        assert np.shape(images)[1] == self.formulation.channels
        return np.array(images, np.float32)


def echo(ndim=2, **options):
    """An Echo of the instances formulation and, without any noise, an untrained net."""
    options = {
        "input": ("foreground", "border", "distance"),
        "percentiles": (0.0, 100.0),
        "depth": 2,
        "width": 2,
        **options,
    }
    model = Model.create(ModelConfig(ndim=ndim, **options), device="cpu")
    return Echo(model.config, model.network)


def maps_of(model, labels, spacing=None):
    """The maps, (channels, ...) float32, that say these labels."""
    return model.formulation.encode(labels, None, spacing)[0].astype(np.float32)


def shaken(model, seed=0):
    """The model with random batch statistics and biases, as after a training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.network.state_dict().items():
            if name.endswith("running_mean") or name.endswith("bias"):
                tensor.normal_(0, 0.2, generator=generator)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 2.0, generator=generator)
    return model


def segmented(
    model,
    image,
    config=None,
    *,
    rgb=False,
    spacing=None,
    channels=(),
    name="",
    **kwargs,
):
    """The result and the events."""
    events = []
    if not isinstance(image, Image | ImageSeries):
        wanted = model.config.input
        if not channels and isinstance(wanted, tuple) and len(wanted) == image.shape[0]:
            channels = wanted
        image = Image(image, rgb, spacing, channels, name or "image")
    result = drain(segment(model, image, config, **kwargs), events.append)
    return result, events


def notes(events):
    return [e.text for e in events if isinstance(e, Note)]


def boxes_in(events):
    return [tuple((s.start, s.stop) for s in e.box) for e in events if type(e) is Block]
