"""A 3D model against a 2D model plane by plane, on stacks of an anisotropic microscope.

    python benchmarks/stacks.py $NAPARI_UNET_DATA/nuclei_3d --output runs/stacks

trains both on the stack 1135 for the same minutes, with the same voxels held back, and
scores them and the built-in model on the stack 1136, whose objects are judged in 3D;
those of the 2D models are joined where they overlap in neighbouring planes. Prints a
table as Markdown. A run that is finished is not made again.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from quick import arguments, stacks

from napari_unet import Sample, drain, train
from napari_unet.cli.bars import Show
from napari_unet.config import TrainConfig
from napari_unet.data.samples import split
from napari_unet.files.datasets import find_pairs, load_samples
from napari_unet.models.model import Model
from napari_unet.reports.evaluation import evaluate

WAYS = ("3D", "2D plane by plane", "built-in nuclei, plane by plane")
FIGURES = ("0.50", "0.75")


def planes(stack: Sample) -> list[Sample]:
    """Return each plane that holds objects as an image of its own."""
    spacing = stack.spacing[1:] if stack.spacing else None
    return [
        Sample(
            stack.image.array[:, z],
            stack.labels[z],
            spacing,
            name=f"{stack.name}_z{z}",
            channels=stack.channels,
        )
        for z in range(stack.shape[0])
        if np.any(stack.labels[z])
    ]


def model_of(way: str, stack: Sample, given: argparse.Namespace) -> Model:
    """Return the model of one way, trained where it must be."""
    if way.startswith("built-in"):
        return Model.load("nuclei")
    config = TrainConfig(minutes=given.minutes)
    training, judges = split([stack], config.validation, config.seed)
    if way.startswith("2D"):
        training, judges = (
            [p for s in part for p in planes(s)] for part in (training, judges)
        )
    folder = given.output / way / f"model {time.time():.0f}"  # killed runs stay
    with Show() as show:
        return drain(train(training, judges, folder, config), show)


def run(way: str, given: argparse.Namespace) -> dict[str, Any]:
    """Train and score once, or read what an earlier run found."""
    result = given.output / way / "figures.json"
    if result.exists():
        found: dict[str, Any] = json.loads(result.read_text("utf-8"))
        return found
    every = {s.name[:4]: s for s in drain(load_samples(find_pairs(given.data)))}
    model = model_of(way, every[given.train], given)
    found = drain(evaluate([every[given.judge]], model=model)).to_dict()
    found["steps"] = model.card.get("steps", 0)
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(found, indent=1), "utf-8")
    return found


def main() -> None:
    """Make what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("runs/stacks"))
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--train", default="1135")
    parser.add_argument("--judge", default="1136")
    given = arguments(parser, stacks, minutes=0.01)
    print("| model | AP50 | AP75 | mean9 | Dice | steps | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for way in WAYS:
        found = run(way, given)
        pooled = found["pooled"]
        figures = [pooled["ap"][t] for t in FIGURES] + [pooled["mean9"]]
        figures.append(found["dice"])
        text = " | ".join(f"{value:.3f}" for value in figures)
        steps = f"{found['steps']:,} | {found['seconds']:.1f}"
        print(f"| {way} | {text} | {steps} |", flush=True)


if __name__ == "__main__":
    main()
