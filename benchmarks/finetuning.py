"""What three annotated images of another kind are worth to a trained model.

    python scripts/nuclei.py $NAPARI_UNET_DATA/dsb2018 --where modality=fluorescence \
        --output runs/fluorescence
    python benchmarks/finetuning.py $NAPARI_UNET_DATA/dsb2018 \
        --model runs/fluorescence --output runs/finetuning

The model has seen fluorescence only. Three stained images of the `train` split, drawn
at random, are all that is given; the model as it is, a training from scratch, and
fine-tuning with the batch statistics updated and frozen, each for a minute, are scored
on all other stained images. Three draws; a run that is finished is not made again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from quick import arguments, nuclei

from napari_unet import Sample, drain, train
from napari_unet.cli.bars import Show
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.files.datasets import find_pairs, load_samples
from napari_unet.models.model import Model
from napari_unet.reports.evaluation import evaluate

WAYS = ("untouched", "from scratch", "statistics updated", "statistics frozen")
FIGURES = ("0.50", "0.75")


@contextmanager
def frozen(wanted: bool) -> Iterator[None]:
    """Leave the statistics of batch normalisation as they are, for a while."""
    kind = torch.nn.BatchNorm2d
    before = kind.train
    if wanted:
        kind.train = lambda self, mode=True: torch.nn.Module.train(self, False)
    try:
        yield
    finally:
        kind.train = before


def made(
    way: str, given: argparse.Namespace, few: list[Sample], folder: Path, seed: int
) -> Model:
    """Return the model of one way."""
    if way == "untouched":
        return Model.load(given.model)
    config = TrainConfig(minutes=given.seconds / 60, seed=seed)
    start = {"model": ModelConfig()} if way == "from scratch" else {"init": given.model}
    folder = folder / f"model {time.time():.0f}"  # a killed run is left behind
    with Show() as show, frozen(way == "statistics frozen"):
        drain(train(few, None, folder, config, **start), show)
    return Model.load(folder)


def run(way: str, draw: int, given: argparse.Namespace) -> dict[str, Any]:
    """Train and score once, or read what an earlier run found."""
    folder = given.output / f"{way} {draw}"
    result = folder / "figures.json"
    if result.exists():
        found: dict[str, Any] = json.loads(result.read_text("utf-8"))
        return found
    where = {"modality": "stained"}
    stained: list[Sample] = drain(load_samples(find_pairs(given.data, where=where)))
    split = find_pairs(given.data, split="train", where=where)
    trained = {pair.name for pair in split.pairs}
    rng = np.random.default_rng(draw)
    chosen = rng.permutation(sorted(trained))[: given.images]
    few = [s for s in stained if s.name in chosen]
    judges = [s for s in stained if s.name not in chosen]
    model = made(way, given, few, folder, draw)
    with Show() as show:
        found = drain(evaluate(judges, model=model), show).to_dict()
    folder.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(found, indent=1), "utf-8")
    return found


def main() -> None:
    """Make what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("runs/fluorescence"))
    parser.add_argument("--output", type=Path, default=Path("runs/finetuning"))
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--draws", type=int, default=3)
    given = arguments(parser, nuclei, model="nuclei", seconds=0.5, draws=1)
    print("| way | draw | images | nuclei | AP50 | AP75 | mean9 |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for way in WAYS:
        rows = []
        for draw in range(given.draws):
            found = run(way, draw, given)
            pooled = found["pooled"]
            rows.append([*(pooled["ap"][t] for t in FIGURES), pooled["mean9"]])
            text = " | ".join(f"{value:.3f}" for value in rows[-1])
            behind = f"{found['images']} | {found['objects']:,}"
            print(f"| {way} | {draw} | {behind} | {text} |", flush=True)
        means = " | ".join(f"**{value:.3f}**" for value in np.mean(rows, 0))
        print(f"| {way} | mean | | | {means} |", flush=True)


if __name__ == "__main__":
    main()
