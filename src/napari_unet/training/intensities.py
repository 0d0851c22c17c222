"""Augmentation of intensities, batched on the device."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_unet.config import AugmentConfig
from napari_unet.training.augment import smooth_field, uniform

# Uneven light: control points along each axis.
LIGHT_GRID = 4
MOST_SPECKS = 30
# Crops brighter than this on the average show dark things on a bright ground.
BRIGHT = 0.5
# Part of the changed colour crops that turn grey.
LOST = 0.3
# How far the colours of stains are mixed, and what counts as no light at all.
HUE = 0.12
DARKEST = 0.02
LUMINANCE = (0.2125, 0.7154, 0.0721)


def vary(
    image: Tensor, config: AugmentConfig, shared: bool, generator: torch.Generator
) -> Tensor:
    """Vary colours, gamma, contrast, brightness, background, debris, blur and noise.

    image : (B, C, [Z,] Y, X) float32, normalised: 0 is dark, 1 bright
    shared : whether channels change together (colours), or each by itself (stains)
    """
    count, channels = image.shape[:2]
    size = (count, 1 if shared else channels) + (1,) * (image.ndim - 2)
    if config.colour > 0 and shared and channels == 3:
        image = _partly(image, config.colour, _recolour, generator)
    if config.gamma > 1:
        gamma = torch.exp(uniform(-1, 1, size, generator) * math.log(config.gamma))
        # Unclipped values may be negative; those stay as they are.
        image = torch.where(image > 0, image.clamp(min=1e-6) ** gamma, image)
    if config.contrast > 0:
        image = image * uniform(
            1 - config.contrast, 1 + config.contrast, size, generator
        )
    if config.brightness > 0:
        image = image + uniform(-config.brightness, config.brightness, size, generator)
    if config.background > 0:
        light = functools.partial(_light, most=config.background, shared=shared)
        image = _partly(image, config.part, light, generator)
    if config.debris > 0:
        specks = functools.partial(_specks, shared=shared)
        image = _partly(image, config.debris, specks, generator)
    if config.inversion > 0:
        chosen = uniform(0, 1, (count, *size[1:]), generator) < config.inversion
        image = torch.where(chosen, 1 - image, image)
    if config.blur > 0:
        sigma = float(uniform(0, config.blur, (1,), generator))
        image = _partly(image, config.part, lambda x, _: _blur(x, sigma), generator)
    if config.noise > 0:
        sigma_map = uniform(0, config.noise, size, generator)
        noise = torch.randn(
            (count, size[1], *image.shape[2:]), generator=generator, device=image.device
        )
        image = image + noise * sigma_map
    return image


def _random_field(image: Tensor, channels: int, generator: torch.Generator) -> Tensor:
    """Return a smooth random field (B, channels, ...) from 0 to 1."""
    coarse = [max(2, min(LIGHT_GRID, n // 8)) for n in image.shape[2:]]
    field = torch.rand(
        (len(image), channels, *coarse), generator=generator, device=image.device
    )
    return smooth_field(field, image.shape[2:]).clamp(0, 1)


def _partly(
    image: Tensor,
    part: float,
    change: Callable[[Tensor, torch.Generator], Tensor],
    g: torch.Generator,
) -> Tensor:
    """Change a random part of the crops."""
    chosen = uniform(0, 1, (len(image),), g) < part
    if not bool(chosen.any()):
        return image
    image = image.clone()
    image[chosen] = change(image[chosen], g)
    return image


def _light(image: Tensor, g: torch.Generator, most: float, shared: bool) -> Tensor:
    """Add uneven light, and scale so that the brightest pixels stay about 1."""
    channels = 1 if shared else image.shape[1]
    size = (len(image), channels) + (1,) * (image.ndim - 2)
    added = uniform(0, most, size, g)
    return (image + added * _random_field(image, channels, g)) / (1 + added)


def _specks(image: Tensor, g: torch.Generator, shared: bool) -> Tensor:
    """Put small bright specks on dark crops, dark ones on bright crops."""
    channels = 1 if shared else image.shape[1]
    flat = image.new_zeros((len(image), channels, math.prod(image.shape[2:])))
    place = torch.randint(
        flat.shape[2], (*flat.shape[:2], MOST_SPECKS), generator=g, device=image.device
    )
    strength = uniform(0.2, 1.2, tuple(place.shape), g)
    # Few or many: specks above a random number are left out.
    many = uniform(0, 1, (*flat.shape[:2], 1), g)
    strength = strength * (uniform(0, 1, tuple(place.shape), g) < many)
    flat.scatter_(2, place, strength)
    sigma = float(uniform(0.5, 1.8, (1,), g))
    specks = _blur(flat.reshape(len(image), channels, *image.shape[2:]), sigma)
    specks = specks * (2 * math.pi * sigma**2)
    bright = image.flatten(1).mean(1) > BRIGHT
    sign = torch.where(bright, -1.0, 1.0).reshape(-1, *(1,) * (image.ndim - 1))
    return image + specks * sign


def _recolour(image: Tensor, g: torch.Generator) -> Tensor:
    """Change, or take away, the colours of colour crops; give some to grey ones.

    A grey crop that is bright all over is no fluorescence: it stays as it is. Colours
    change as those of stains do that are thicker, thinner or of another hue: linearly
    in optical density (Tellez et al., IEEE Trans. Med. Imaging 2018).
    """
    one = (len(image),) + (1,) * (image.ndim - 1)
    grey = (image[:, :1] == image[:, 1:]).flatten(1).all(1).reshape(one)
    dark = image.flatten(1).mean(1).reshape(one) < BRIGHT
    lose = uniform(0, 1, one, g) < LOST
    weights = torch.tensor(LUMINANCE, device=image.device).reshape(1, 3, *one[2:])
    luminance = (image * weights).sum(1, keepdim=True).expand_as(image)
    density = -torch.log(image.clamp(min=DARKEST))
    mixing = torch.diag_embed(uniform(0.7, 1.4, (len(image), 3), g))
    mixing = mixing + uniform(-HUE, HUE, (len(image), 3, 3), g)
    varied = torch.exp(-torch.einsum("bij,bj...->bi...", mixing, density))
    varied = torch.where(lose, luminance, varied)
    return torch.where(grey, torch.where(dark, _merge(image, g), image), varied)


def _merge(image: Tensor, g: torch.Generator) -> Tensor:
    """Colour grey crops like a merge of fluorescence channels, nuclei mostly blue.

    The other colours show the light of something that is no nucleus: another crop,
    far out of focus, under uneven light.
    """
    count, one = len(image), (len(image),) + (1,) * (image.ndim - 1)
    blue = torch.tensor([0.0, 0.0, 1.0], device=image.device)
    colour = torch.where(
        uniform(0, 1, (count, 1), g) < 0.6, blue, uniform(0, 1, (count, 3), g)
    )
    colour = colour / colour.amax(1, keepdim=True).clamp(min=1e-3)
    colour = colour.reshape(count, 3, *one[2:])
    other = _blur(image[:, :1].roll(1, 0), float(uniform(3, 10, (1,), g)))
    strength = uniform(0, 0.8, (count, 3, *one[2:]), g) * (1 - colour)
    return image * colour + other * _random_field(image, 3, g) * strength


def _blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur along Y and X."""
    radius = max(1, math.ceil(3 * sigma))
    x = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (x / max(sigma, 1e-3)) ** 2)
    kernel = kernel / kernel.sum()
    flat = image.reshape(-1, 1, *image.shape[-2:])
    for shape in ((1, 1, -1, 1), (1, 1, 1, -1)):
        pad = (0, 0, radius, radius) if shape[2] == -1 else (radius, radius, 0, 0)
        flat = F.conv2d(F.pad(flat, pad, mode="replicate"), kernel.reshape(shape))
    return flat.reshape(image.shape)
