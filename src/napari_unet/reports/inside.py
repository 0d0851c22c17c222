"""A look inside a network: features of its levels, gates, and what a skip is worth."""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Generator
from dataclasses import dataclass

import numpy as np
import torch

from napari_unet.boxes import Box, context, within
from napari_unet.config import PredictConfig
from napari_unet.data.images import Image, Stats
from napari_unet.data.outside import Outside, inside
from napari_unet.data.resampling import resampled
from napari_unet.events import Event
from napari_unet.models.model import Model
from napari_unet.networks.attention import AttentionGate
from napari_unet.networks.base import Key
from napari_unet.segmentation.checks import check_stats, outside_of, stats_of
from napari_unet.segmentation.object_size import with_size

# Features of a larger part would take gigabytes.
MOST_PIXELS = 1024 * 1024


@dataclass(frozen=True)
class Features:
    """What a network computes at one place, for a part of an image.

    name : what it is called: ``level 2, down``
    maps : (features, [Z,] Y, X) float32
    stride : px of the image per pixel of the maps, along each axis
    start : where the maps begin in the image, px per axis
    """

    name: str
    maps: np.ndarray
    stride: tuple[int, ...]
    start: tuple[int, ...]


def places(model: Model) -> dict[Key, str]:
    """Return the places of the network that can be looked at, and their names.

    Examples
    --------
    >>> places(model)[2, 0]  # doctest: +SKIP
    'level 2, down'
    """
    network = model.network
    names = {}
    for level, column in network.nodes:
        if level == network.depth:
            names[level, column] = "bottleneck" if not column else "logits, bottleneck"
        elif not column:
            names[level, column] = f"level {level}, down"
        else:
            last = max(c for i, c in network.nodes if i == level)
            way = "up" if last == 1 else f"up {column}"
            names[level, column] = f"level {level}, {way}"
    return names


def skips(model: Model) -> list[Key]:
    """Return the places whose features join others as skips, the finest first."""
    used = {key for node in model.network.nodes.values() for key in node.skips}
    return sorted(used)


def map_names(model: Model) -> list[str]:
    """Return what the maps are called that a model makes of an image."""
    names = [m.name for m in model.formulation.maps]
    if len(names) < model.formulation.channels:  # softmax: one map per class
        return ["background", *map(str, sorted(model.config.classes))]
    return names


def settled(
    model: Model, picture: Image, config: PredictConfig
) -> Generator[Event, None, tuple[PredictConfig, Stats, Outside]]:
    """Return the options with the size of the objects, intensities, what is outside.

    A ValueError where the image does not fit the model.
    """
    picture = model.fitted(picture)
    outside = yield from outside_of(picture, model, config, whole=False)
    picture = inside(picture, outside)
    stats = stats_of(picture, model, config)
    check_stats(stats, picture)
    config = yield from with_size(model, picture, stats, config)
    return config, stats, outside


def as_seen(
    model: Model, picture: Image, config: PredictConfig
) -> Generator[Event, None, tuple[Image, Stats]]:
    """Return an image as the network sees it, and what becomes 0 and 1 in it.

    Resampled to the size of objects that a model of any size knows; see
    :func:`settled`.
    """
    config, stats, outside = yield from settled(model, picture, config)
    picture = inside(model.fitted(picture), outside)
    return resampled(picture, model.config, config.object_size), stats


def look_inside(
    model: Model,
    picture: Image,
    stats: Stats,
    box: Box,
    wanted: Collection[Key],
    without: Collection[Key] = (),
) -> tuple[dict[Key, Features], dict[str, Features], np.ndarray]:
    """Run the network on a part of an image, and keep what it computes on the way.

    picture : as :func:`as_seen` returns it
    box : the part to look at; context around it is read
    wanted : of which places the features are kept; see :func:`places`
    without : skips that are switched off

    Returns the features by their places; what attention gates let through, 0 to 1, by
    their names; and (maps, [Z,] Y, X) float32, what the network says of the box, 0 to
    1. A ValueError if the part is too large to keep features of.
    """
    pixels = math.prod(s.stop - s.start for s in box)
    if pixels > MOST_PIXELS:
        raise ValueError(
            f"{picture.name}: the part holds {pixels:,} px; look at {MOST_PIXELS:,} or "
            "fewer"
        )
    read = context(box, max(model.halo), model.divisor, picture.shape)
    raw = np.asarray(picture.part(read).array)
    prepared = model.prepare(raw, picture.rgb, stats)[None]
    network = model.network.eval()
    caught: dict[int, torch.Tensor] = {}

    def catch(level: int, gate: object, given: object, result: torch.Tensor) -> None:
        caught[level] = result

    hooks = [
        gate.register_forward_hook(functools.partial(catch, level))
        for level, gate in enumerate(getattr(network, "gate", []))
        if isinstance(gate, AttentionGate)
    ]
    try:
        with torch.inference_mode():
            batch = torch.as_tensor(prepared, device=model.device)
            features = network.inside(batch, without=without)
            logits = network.logits(features)[-1]
            maps = model.formulation.activate(logits.float()).cpu().numpy()[0]
    finally:
        for hook in hooks:
            hook.remove()
    names, inner = places(model), within(box, read)
    seen = {k: _cut(names[k], features[k], k[0], model, read, inner) for k in wanted}
    gates = {
        (name := f"gate, level {level}"): _cut(name, found, level, model, read, inner)
        for level, found in sorted(caught.items())
    }
    return seen, gates, maps[(slice(None), *inner)]


def _cut(
    name: str,
    maps: torch.Tensor,
    level: int,
    model: Model,
    read: Box,
    inner: Box,
) -> Features:
    """Return the part of the maps that shows the box, with its place in the image."""
    stride = model.network.scale(level)
    part = tuple(
        slice(s.start // n, -(-s.stop // n)) for s, n in zip(inner, stride, strict=True)
    )
    start = tuple(
        r.start + p.start * n for r, p, n in zip(read, part, stride, strict=True)
    )
    array = maps[0].float().cpu().numpy()[(slice(None), *part)]
    return Features(name, array, stride, start)
