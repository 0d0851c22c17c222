"""Score stained tissue by cross-validation: each image by a model that never saw it.

    python scripts/folds.py $NAPARI_UNET_DATA/dsb2018 --output runs/folds

The 67 stained images of both splits are divided into five folds; five models are
trained with the recipe of ``scripts/nuclei.py``, each on the `train` images of the
other kinds and on four folds, and scored on the fifth. With ``--start`` they go on from
a model that has seen no stained image (``scripts/nuclei.py --where
modality=fluorescence``), which saves time. Prints the figures of each fold, their mean
and spread. A fold that is finished is not trained again, so several processes can take
a part of the folds each (``--only``), and one more prints the table.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from fields import stained_fields

from napari_unet import Sample, drain
from napari_unet.cli.bars import Show
from napari_unet.cli.training import run
from napari_unet.files.datasets import find_pairs, load_samples
from napari_unet.reports.evaluation import evaluate
from napari_unet.training.checkpoint import has_state
from nuclei import (
    MODEL,
    SEED,
    STAINED_SEED,
    arguments,
    coloured_again,
    config_of,
    generated,
    make_small,
    tiny,
)

FOLDS = 5
STEPS = 5_000


def load(data: Path, **where: str) -> list[Sample]:
    """Return the samples of a split and modality."""
    split = where.pop("split", None)
    samples: list[Sample] = drain(
        load_samples(find_pairs(data, split=split, where=where))
    )
    return samples


def fold(number: int, given: argparse.Namespace) -> dict[str, Any]:
    """Train without one fold and score it, or read what an earlier run found."""
    folder = given.output / f"fold {number}"
    result = folder / "figures.json"
    if result.exists():
        found: dict[str, Any] = json.loads(result.read_text("utf-8"))
        return found
    stained = load(given.data, modality="stained")
    order = np.random.default_rng(SEED).permutation(len(stained))
    judges = [stained[i] for i in order[number::FOLDS]]
    names = {s.name for s in judges}
    samples = [s for s in stained if s.name not in names]
    for other in ("fluorescence", "brightfield"):
        samples += load(given.data, modality=other, split="train")
    if given.quick:
        make_small()
    samples += coloured_again(samples) + generated() + stained_fields(STAINED_SEED)
    config = config_of(given.steps)
    with Show() as show:
        resume = has_state(folder)
        start = None if resume else given.start
        wanted = make_small() if given.quick else MODEL
        model = run(samples, folder, config, wanted, start, resume, "auto", show)
        found = drain(evaluate(judges, model=model), show).to_dict()
    result.write_text(json.dumps(found, indent=1), "utf-8")
    return found


def main() -> None:
    """Train what is missing; print the figures of each fold, mean and spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("runs/folds"))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--start", help="a model that has seen no stained image")
    parser.add_argument("--only", type=int, nargs="+", default=list(range(FOLDS)))
    given = arguments(parser, tiny, steps=2, only=[0])
    rows = []
    print("| fold | images | nuclei | AP50 | AP75 | mean9 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for number in given.only:
        found = fold(number, given)
        pooled = found["pooled"]
        rows.append([pooled["ap"]["0.50"], pooled["ap"]["0.75"], pooled["mean9"]])
        text = " | ".join(f"{value:.3f}" for value in rows[-1])
        behind = f"{found['images']} | {found['objects']:,}"
        print(f"| {number} | {behind} | {text} |", flush=True)
    if len(rows) < FOLDS:
        return
    mean, spread = np.mean(rows, 0), np.std(rows, 0, ddof=1)
    pairs = zip(mean, spread, strict=True)
    print(f"| mean | | | {' | '.join(f'{m:.3f} ± {s:.3f}' for m, s in pairs)} |")


if __name__ == "__main__":
    main()
