"""Train the model that comes with the package, ``nuclei``.

    python scripts/nuclei.py $NAPARI_UNET_DATA/dsb2018 --output runs/nuclei

trains on the `train` images of all modalities and on generated fields that hold no
nuclei; a tenth of them is held back to pick the best weights and the thresholds. The
`val` images are not read. Killed, it goes on with ``--resume``. ``--install`` puts the
result into the package, its weights rounded to 16 bits before they are validated once
more.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from napari_unet import Sample, TrainConfig, drain
from napari_unet.card import quality
from napari_unet.cli.bars import Show
from napari_unet.cli.data import find, load
from napari_unet.cli.options import Selection
from napari_unet.cli.training import run
from napari_unet.config import AugmentConfig, ModelConfig
from napari_unet.crops import encode_all
from napari_unet.model import Model
from napari_unet.model_file import BUILT_IN
from napari_unet.validation import validate

sys.path.insert(0, str(Path(__file__).parent.parent / "sample_data"))

from make import Style, nuclei_2d

STEPS = 20_000
SEED = 0
EMPTY_FIELDS = 36
EDGE = 256
LARGE = ((40, 55), (50, 75), (65, 90), (80, 100))
LARGE_SEED = 100
DECAY = 0.4

MODEL = ModelConfig(input="rgb", width=24, depth=4, any_size=True)
AUGMENT = AugmentConfig(
    rotation=45,
    gamma=1.6,
    background=0.4,
    debris=0.1,
    colour=0.3,
    blur=1.0,
    noise=0.06,
    inversion=0.12,
)


def empty_fields(rng: np.random.Generator) -> list[Sample]:
    """Return fields without nuclei: noise, uneven light, specks, fibres, haze."""
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


def coloured_again(samples: list[Sample]) -> list[Sample]:
    """Return the colour images once more: they are one in seven, and the hardest.

    An image and its double make a series, which is never split.
    """
    for i, sample in enumerate(samples):
        if sample.rgb:
            samples[i] = replace(sample, series=sample.name)
    return [s for s in samples if s.rgb]


def large_fields(seed: int) -> list[Sample]:
    """Return fields of 1,300 x 1,000 px with few nuclei of 40 to 100 px.

    Uneven background, haze, blur and debris, as cameras of other laboratories show
    them; see ``sample_data/make.py`` for the pictures.
    """
    samples = []
    for i, diameter in enumerate(LARGE * 2):
        style = Style(
            (1000, 1300),
            30,
            diameter,
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


def generated() -> list[Sample]:
    """Return all generated fields that are trained on."""
    return empty_fields(np.random.default_rng(SEED)) + large_fields(LARGE_SEED)


def config_of(steps: int) -> TrainConfig:
    """Return the options of the training."""
    return TrainConfig(
        steps=steps,
        decay=DECAY,
        augment=AUGMENT,
        licence="CC0 (BBBC038)",
        seed=SEED,
    )


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


def halved(folder: Path, samples: list[Sample]) -> Model:
    """Return the model with weights that 16 bits hold, validated again as it is then.

    The images that judge are those that the run held back.
    """
    model = Model.load(folder)
    with torch.no_grad():
        for tensor in model.network.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half().float())
    names = set(model.card["validation"]["names"])
    judges = [s for s in samples if s.name in names]
    encoded = drain(encode_all(judges, model, judges=True))
    found = drain(validate(model, encoded, TrainConfig()))
    model.thresholds = dict(found.thresholds)
    model.card["validation"] |= found.summary()
    model.card["weights"] = "rounded to 16 bits before validation"
    return model


def main() -> None:
    """Train, go on with it, or install the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, default=Path("runs/nuclei"))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--where", default=None, help="as of napari-unet train")
    given = parser.parse_args()
    selection = Selection(where=(given.where,) if given.where else ())
    with Show() as show:
        found = find((given.data,), selection, split="train")
        samples, _ = load(found, selection, show)
        samples += coloured_again(samples) + generated()
        if not given.install:
            config = config_of(given.steps)
            run(samples, given.output, config, MODEL, None, given.resume, "auto", show)
            return
    model = halved(given.output, samples)
    folder = model.save(BUILT_IN / "nuclei", half=True)
    print(f"{folder}: {quality(model.card)}")


if __name__ == "__main__":
    main()
