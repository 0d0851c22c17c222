"""Train the model that comes with the package, ``nuclei``.

    python scripts/nuclei.py $NAPARI_UNET_DATA/dsb2018 --output runs/nuclei

trains on the `train` images of all modalities and on generated fields without nuclei
and with few large ones; a tenth of them is held back to pick the best weights and the
thresholds. The `val` images are not read. Killed, it goes on with ``--resume``.
``--second`` goes on from there for a few steps with generated fields of evenly stained
ground. ``--install`` puts the result of that into the package, its weights rounded to
16 bits before they are validated again.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from napari_unet import Sample, TrainConfig, drain, train
from napari_unet.cli.arguments import Selection
from napari_unet.cli.bars import Show
from napari_unet.cli.data import find, load
from napari_unet.cli.training import run
from napari_unet.config import AugmentConfig, ModelConfig
from napari_unet.models.card import quality
from napari_unet.models.model import Model, in_16_bits
from napari_unet.models.store import BUILT_IN, REHEARSAL
from napari_unet.training.crops import encode_all, image_weights
from napari_unet.training.fine_tuning import pack
from napari_unet.training.validation import validate

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "benchmarks")]

import fields  # noqa: E402
from fields import empty_fields, large_fields, stained_fields  # noqa: E402
from quick import arguments  # noqa: E402
from quick import nuclei as tiny  # noqa: E402

STEPS = 20_000
SEED = 0
LARGE_SEED = 100
STAINED_SEED = 200
DECAY = 0.4
# The second stage: few steps, with fields that the first one took for nuclei.
SECOND = {"steps": 1_500, "rate": 5e-4, "warmup": 50, "decay": 0.9}
JUDGES = 4  # of the stained fields
IMAGES = 160  # of which crops go with the model

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


def make_small() -> ModelConfig:
    """Take few generated fields from now on; return a small model."""
    fields.EMPTY_FIELDS, fields.STAINED_FIELDS, fields.LARGE_FIELDS = 2, JUDGES + 2, 1
    return MODEL.replace(width=4, depth=2)


def coloured_again(samples: list[Sample]) -> list[Sample]:
    """Return the colour images once more: they are one in seven, and the hardest.

    An image and its double make a series, which is never split.
    """
    for i, sample in enumerate(samples):
        if sample.rgb:
            samples[i] = replace(sample, series=sample.name)
    return [s for s in samples if s.rgb]


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


def second_stage(folder: Path, samples: list[Sample], show: Show) -> Model:
    """Go on with the model of the first stage; the same images judge it."""
    names = set(Model.load(folder).card["validation"]["names"])
    ground = stained_fields(STAINED_SEED)
    training = [s for s in samples if s.name not in names] + ground[JUDGES:]
    judges = [s for s in samples if s.name in names] + ground[:JUDGES]
    config = config_of(STEPS).replace(**SECOND)
    events = train(training, judges, folder / "second", config, init=folder)
    return drain(events, show)


def halved(folder: Path, samples: list[Sample]) -> Model:
    """Return the model with weights that 16 bits hold, validated again as it is then.

    The images that judge are those that the run held back.
    """
    model = Model.load(folder)
    with torch.no_grad():
        for tensor in model.network.state_dict().values():
            tensor.copy_(in_16_bits(tensor))
    names = set(model.card["validation"]["names"])
    judges = [s for s in samples if s.name in names]
    encoded = drain(encode_all(judges, model, judges=True))
    found = drain(validate(model, encoded, TrainConfig()))
    model.thresholds = dict(found.thresholds)
    model.card["validation"] |= found.summary()
    model.card["weights"] = "rounded to 16 bits before validation"
    return model


def crops(samples: list[Sample], model: Model) -> bytes:
    """Return what later trainings rehearse: crops, half of them of colour images."""
    rng = np.random.default_rng(SEED)
    few = [samples[i] for i in rng.choice(len(samples), IMAGES, replace=False)]
    encoded = drain(encode_all(few, model, judges=True))
    weights, rgb = image_weights(encoded), np.array([s.rgb for s in few])
    for kind in (rgb, ~rgb):
        weights[kind] *= 0.5 / weights[kind].sum()
    return pack(encoded, weights, SEED)


def run_quickly(given: argparse.Namespace) -> None:
    """Train for two steps, go on with it, and save the result elsewhere."""
    small = make_small()
    SECOND["steps"] = given.steps
    selection = Selection()
    with Show() as show:
        found = find((given.data,), selection, split="train")
        samples, _ = load(found, selection, show)
        samples += coloured_again(samples) + generated()
        config = config_of(given.steps)
        run(samples, given.output, config, small, None, False, "cpu", show)
        second_stage(given.output, samples, show)
    samples += stained_fields(STAINED_SEED)
    model = halved(given.output / "second", samples)
    folder = model.save(given.folder / "installed", half=True)
    print(f"{folder}: {quality(model.card)}")


def main() -> None:
    """Train, go on with it, or install the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("runs/nuclei"))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--second", action="store_true")
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--crops", action="store_true", help="of the built-in model")
    parser.add_argument("--where", default=None, help="as of napari-unet train")
    given = arguments(parser, tiny, steps=2)
    if given.quick:
        run_quickly(given)
        return
    selection = Selection(where=(given.where,) if given.where else ())
    with Show() as show:
        found = find((given.data,), selection, split="train")
        samples, _ = load(found, selection, show)
        samples += coloured_again(samples) + generated()
        if given.crops:
            model = Model.load("nuclei")
            path = BUILT_IN / "nuclei" / REHEARSAL
            path.write_bytes(crops(samples, model))
            print(f"{path}: {path.stat().st_size / 2**20:.2f} MiB")
            return
        if given.second:
            second_stage(given.output, samples, show)
            return
        if not given.install:
            config = config_of(given.steps)
            run(samples, given.output, config, MODEL, None, given.resume, "auto", show)
            return
    samples += stained_fields(STAINED_SEED)
    model = halved(given.output / "second", samples)
    model.rehearsal = crops(samples, model)
    folder = model.save(BUILT_IN / "nuclei", half=True)
    print(f"{folder}: {quality(model.card)}")


if __name__ == "__main__":
    main()
