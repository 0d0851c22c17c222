"""Generated fields that the model ``nuclei`` is trained on: few nuclei, large, none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy import ndimage

from napari_unet import Sample

sys.path.insert(0, str(Path(__file__).parent.parent / "sample_data"))

from cells import chromatin, field, outline, pixels, place, stain
from make import EOSIN, HAEMATOXYLIN, Style, nuclei_2d

EMPTY_FIELDS = 36
STAINED_FIELDS = 28
EDGE = 256
LARGE = ((40, 55), (50, 75), (65, 90), (80, 100))
LARGE_FIELDS = 2 * len(LARGE)
WHITE = 244


def empty_fields(rng: np.random.Generator) -> list[Sample]:
    """Return fields without nuclei: noise, light, specks, fibres, haze, grain."""
    samples = []
    for i in range(EMPTY_FIELDS):
        image = rng.normal(0, 1, (EDGE, EDGE)) * rng.uniform(0.2, 1)
        kind = ("noise", "light", "specks", "fibres", "haze", "grain")[i % 6]
        if kind == "light":
            image += 8 * rng.uniform(0.2, 1) * _smooth(rng, 80)
        elif kind == "specks":
            image += _specks(rng, int(rng.integers(3, 60)))
        elif kind == "fibres":
            image += _fibres(rng)
        elif kind == "haze":
            image += 6 * _smooth(rng, rng.uniform(25, 60))
        elif kind == "grain":
            image = ndimage.gaussian_filter(image, rng.uniform(0.5, 1.5)) * 3
        image = 1000 + 60 * image
        labels = np.zeros((EDGE, EDGE), np.int32)
        name = f"generated {kind} {i}"
        samples.append(Sample(image[None].astype(np.float32), labels, name=name))
    return samples


def large_fields(seed: int, count: int | None = None) -> list[Sample]:
    """Return fields of 1,300 x 1,000 px with few nuclei of 40 to 100 px.

    Uneven background, haze, blur and debris, as cameras of other laboratories show
    them; see ``sample_data/make.py`` for the pictures.
    """
    samples = []
    for i in range(LARGE_FIELDS if count is None else count):
        style = Style(
            (1000, 1300),
            30,
            LARGE[i % len(LARGE)],
            0.3,
            "uint16",
            defocus=0.25,
            haze=0.3 + 0.1 * (i % 4),
            photons=60,
            background=25,
            debris=40,
        )
        image, labels = nuclei_2d(np.random.default_rng(seed + i), style)
        name = f"generated large nuclei {i}"
        samples.append(Sample(image[None], labels.astype(np.int32), name=name))
    return samples


def stained_fields(seed: int) -> list[Sample]:
    """Return even, stained ground with no nucleus, or a few: 0 to 6.

    What is stretched to the full range there is the grain of the camera.
    """
    samples = []
    for i in range(STAINED_FIELDS):
        rng = np.random.default_rng(seed + i)
        shape = (EDGE, EDGE)
        axes = pixels(shape)
        nuclei = place(rng, axes, i % 7, (9, 24), 0.3, 0.3)
        purple = stain(nuclei, axes, chromatin(rng, shape, 0.35), rng.uniform(0.7, 1.5))
        uneven = 1 + rng.uniform(0, 0.15) * field(rng, shape, rng.uniform(20, 60))
        blue = 0.7 * purple + rng.uniform(0, 0.45) * uneven
        pink = rng.uniform(0, 0.5) * (1 + rng.uniform(0, 0.1) * field(rng, shape, 12))
        density = np.multiply.outer(blue, HAEMATOXYLIN) + np.multiply.outer(pink, EOSIN)
        rgb = WHITE * np.exp(-density)
        rgb += rng.uniform(0.3, 3) * rng.standard_normal(rgb.shape)
        # As a JPEG has them.
        blocks = rng.standard_normal((EDGE // 8, EDGE // 8, 3))
        rgb += rng.uniform(0, 2) * np.kron(blocks, np.ones((8, 8, 1)))
        image = np.clip(np.round(rgb), 0, 255).astype(np.uint8).transpose(2, 0, 1)
        labels = outline(nuclei, axes).astype(np.int32)
        samples.append(Sample(image, labels, name=f"generated ground {i}", rgb=True))
    return samples


def _smooth(rng: np.random.Generator, sigma: float) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.standard_normal((EDGE, EDGE)), sigma)
    return (field - field.mean()) / field.std()


def _specks(rng: np.random.Generator, count: int) -> np.ndarray:
    field = np.zeros((EDGE, EDGE))
    place = rng.integers(0, EDGE, (2, count))
    field[tuple(place)] = rng.uniform(5, 40, count)
    sigma = rng.uniform(0.5, 1.6)
    return ndimage.gaussian_filter(field, sigma) * 2 * np.pi * sigma**2


def _fibres(rng: np.random.Generator) -> np.ndarray:
    field = np.zeros((EDGE, EDGE))
    along = np.linspace(0, 1, 4 * EDGE)
    for _ in range(rng.integers(1, 6)):
        ends = rng.uniform(-0.3, 1.3, (3, 2)) * EDGE
        curve = (
            np.outer((1 - along) ** 2, ends[0])
            + np.outer(2 * along * (1 - along), ends[1])
            + np.outer(along**2, ends[2])
        ).astype(int)
        inside = ((curve >= 0) & (curve < EDGE)).all(1)
        field[tuple(curve[inside].T)] = rng.uniform(5, 30)
    return ndimage.gaussian_filter(field, rng.uniform(0.6, 2)) * 3
