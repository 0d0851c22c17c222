"""Augmentation in space, for 2 and 3 dimensions at once, batched on the device.

Crops of the samples that are warped come with a margin; the others come at the size
of the patch. Maps are warped each with its own interpolation.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_unet.config import AugmentConfig
from napari_unet.formulations.base import Map

# Elastic deformation: distance of the control points, as a part of the patch.
ELASTIC_GRID = 8
# Of the warped crops of a model of any size, so many are enlarged by up to so much.
CLOSER = 0.35
CLOSEST = 5.0


@dataclass
class Batch:
    """Crops on the device.

    image : (B, C, [Z,] Y, X) float32
    target, weight : (B, maps, [Z,] Y, X) float32
    """

    image: Tensor
    target: Tensor
    weight: Tensor


def margin(config: AugmentConfig, patch: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of a crop from which a warped patch can be cut."""
    reach = config.scaling * (math.sqrt(2) if config.rotation else 1.0)
    extra = 2 * math.ceil(2 * config.elastic)
    return tuple(math.ceil(n * reach) + extra for n in patch)


def warps(config: AugmentConfig) -> bool:
    """Return whether the config asks for any warping."""
    return config.scaling > 1 or config.rotation > 0 or config.elastic > 0


def turn(
    arrays: Sequence[np.ndarray],
    config: AugmentConfig,
    spacing: tuple[float, ...] | None,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Mirror and turn a crop and its maps, (..., [Z,] Y, X), by quarters.

    3D only in planes of equal spacing. Works on one crop before it is copied to the
    device: numpy's views cost nothing.
    """
    result = list(arrays)
    ndim = result[0].ndim - 1
    shape = result[0].shape[1:]
    if config.turns:
        for a, b in itertools.combinations(range(ndim), 2):
            quarters = int(rng.integers(4))
            alike = not spacing or math.isclose(spacing[a], spacing[b], rel_tol=0.05)
            if shape[a] == shape[b] and alike:
                result = [np.rot90(x, quarters, (a + 1, b + 1)) for x in result]
    if config.flips:
        for axis in range(ndim):
            if rng.random() < 0.5:
                result = [np.flip(x, axis + 1) for x in result]
    return result


def warp(
    batch: Batch,
    config: AugmentConfig,
    patch: Sequence[int],
    maps: Sequence[Map],
    spacing: tuple[float, ...] | None,
    generator: torch.Generator,
    any_size: bool = False,
) -> Batch:
    """Rotate, scale and deform crops that have a margin, and cut them to the patch.

    Scaling is isotropic, rotation turns the YX plane, the deformation is a smooth
    random field (Simard et al., ICDAR 2003; Ronneberger et al., MICCAI 2015).
    With `any_size` a part is enlarged much more.
    """
    zoom = _zoom(len(batch.image), config, any_size, generator)
    grid = _grid(batch.image.shape, config, patch, spacing, zoom, generator)
    linear = [i for i, m in enumerate(maps) if m.interpolation == "linear"]
    nearest = [i for i, m in enumerate(maps) if m.interpolation == "nearest"]
    channels = batch.image.shape[1]
    sample = functools.partial(
        F.grid_sample, grid=grid, padding_mode="reflection", align_corners=False
    )
    smooth = torch.cat([batch.image, batch.target[:, linear]], 1)
    smooth = sample(smooth, mode="bilinear")
    sharp = torch.cat([batch.target[:, nearest], batch.weight], 1)
    sharp = sample(sharp, mode="nearest")
    target = torch.empty((*batch.target.shape[:2], *patch), device=grid.device)
    target[:, linear] = smooth[:, channels:]
    target[:, nearest] = sharp[:, : len(nearest)]
    for i, map_ in enumerate(maps):
        if map_.octave:
            shift = map_.octave * torch.log2(zoom)
            target[:, i] += shift.reshape(-1, *(1,) * len(patch))
            target[:, i].clamp_(0, 1)
    return Batch(smooth[:, :channels], target, sharp[:, len(nearest) :])


def _zoom(
    count: int, config: AugmentConfig, any_size: bool, generator: torch.Generator
) -> Tensor:
    """Return by how much each crop is enlarged, (count,)."""
    reach = math.log(max(config.scaling, 1.0))
    zoom = torch.exp(uniform(-1, 1, (count,), generator) * reach)
    if not any_size:
        return zoom
    closer = torch.exp(uniform(0, math.log(CLOSEST), (count,), generator))
    chosen = uniform(0, 1, (count,), generator) < CLOSER
    return torch.where(chosen, closer, zoom)


def _grid(
    shape: Sequence[int],
    config: AugmentConfig,
    patch: Sequence[int],
    spacing: tuple[float, ...] | None,
    zoom: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Return where each pixel of the patches comes from, as grid_sample wants it."""
    count, crop, ndim, device = shape[0], shape[2:], len(patch), generator.device
    axes = [torch.arange(n, device=device) - (n - 1) / 2 for n in patch]
    place = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)  # (*patch, ndim) px
    angle = uniform(-1, 1, (count,), generator) * math.radians(config.rotation)
    matrix = torch.eye(ndim, device=device).repeat(count, 1, 1)
    # Rows: where to look in Y and X; the ratio keeps turned voxels' true shape.
    ratio = spacing[-1] / spacing[-2] if spacing else 1.0
    matrix[:, -2, -2] = matrix[:, -1, -1] = torch.cos(angle)
    matrix[:, -2, -1] = -torch.sin(angle) * ratio
    matrix[:, -1, -2] = torch.sin(angle) / ratio
    matrix = matrix / zoom[:, None, None]
    grid = place.reshape(1, -1, ndim) @ matrix.transpose(1, 2)
    grid = grid.reshape(count, *patch, ndim)
    if config.elastic > 0:
        grid = grid + _displacement(count, patch, config.elastic, generator)
    half = torch.tensor(crop, device=device) / 2
    return (grid / half).flip(-1)  # grid_sample wants X first


def _displacement(
    count: int, patch: Sequence[int], sigma: float, generator: torch.Generator
) -> Tensor:
    coarse = [max(2, min(ELASTIC_GRID, n // 8)) for n in patch]
    field = torch.randn(
        (count, len(patch), *coarse), generator=generator, device=generator.device
    )
    return smooth_field(field, patch).movedim(1, -1) * sigma


def smooth_field(coarse: Tensor, shape: Sequence[int]) -> Tensor:
    """Return numbers on a coarse grid, (B, C, ...), as a smooth field."""
    mode = "bicubic" if len(shape) == 2 else "trilinear"
    return F.interpolate(coarse, size=tuple(shape), mode=mode, align_corners=False)


def uniform(
    low: float, high: float, size: Sequence[int], generator: torch.Generator
) -> Tensor:
    """Return uniform random numbers from `low` to `high`."""
    values = torch.rand(tuple(size), generator=generator, device=generator.device)
    return low + (high - low) * values
