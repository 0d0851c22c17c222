"""What each part of the recipe is worth: the baseline with three seeds, then parts off.

    python benchmarks/ablation.py $NAPARI_UNET_DATA/dsb2018 --output runs/ablation

trains on the fluorescence `train` images for ten minutes a run, scores the `val`
images and prints a table as Markdown. The spread of the three seeds is the noise that
any other difference must beat. A run that is finished is not made again, so the script
can be killed and started anew, or make a part of the runs (``--only 0 2``: their
places in the table) on each core; one more prints the table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quick import arguments, nuclei

from napari_unet import drain, train
from napari_unet.cli.bars import Show
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.files.datasets import find_pairs, load_samples
from napari_unet.formulations import instances
from napari_unet.models.model import Model
from napari_unet.reports.evaluation import evaluate
from napari_unet.training import crops

SEEDS = (0, 1, 2)
GEOMETRY = {"flips": False, "turns": False, "scaling": 1.0}
INTENSITY = {"brightness": 0.0, "contrast": 0.0, "gamma": 1.0, "noise": 0.0}
PARTS: dict[str, dict[str, dict[str, Any]]] = {
    "one object size for all images": {"model": {"any_size": False}},
    "touching border": {"constants": {"BORDER_WEIGHT": 0.0, "BORDER_DICE": 0.0}},
    "flips, turns and scaling": {"train": {"augment": GEOMETRY}},
    "varied intensities": {"train": {"augment": INTENSITY}},
    "averaging of weights": {"train": {"average": 0.0}},
    "the fall of the rate": {"train": {"decay": 0.0}},
    "crops where objects touch": {"constants": {"ON_TOUCHING": 0.0}},
}
FIGURES = ("0.50", "0.75", "0.90")


@contextmanager
def constants(values: dict[str, float]) -> Iterator[None]:
    """Change constants of the modules that hold them, for a while."""
    homes = {n: m for n in values for m in (crops, instances) if hasattr(m, n)}
    before = {name: getattr(home, name) for name, home in homes.items()}
    for name, home in homes.items():
        setattr(home, name, values[name])
    try:
        yield
    finally:
        for name, home in homes.items():
            setattr(home, name, before[name])


def run(
    folder: Path, given: argparse.Namespace, seed: int, part: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Train and score once, or read what an earlier run found."""
    result = folder / "figures.json"
    if result.exists():
        return json.loads(result.read_text("utf-8"))
    where = {"modality": "fluorescence"}
    samples, judges = (
        drain(load_samples(find_pairs(given.data, split=split, where=where)))
        for split in ("train", "val")
    )
    options = {"minutes": given.minutes, "seed": seed, **part.get("train", {})}
    wanted = ModelConfig(**part.get("model", {}))
    model_folder = folder / f"model {time.time():.0f}"  # a killed run is left behind
    with Show() as show, constants(part.get("constants", {})):
        drain(
            train(samples, None, model_folder, TrainConfig(**options), model=wanted),
            show,
        )
        report = drain(evaluate(judges, model=Model.load(model_folder)))
    found = report.to_dict()
    found["steps"] = Model.load(model_folder).card["steps"]
    folder.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(found, indent=1), "utf-8")
    return found


def row(name: str, found: dict[str, Any]) -> str:
    """Return one line of the table."""
    pooled = found["pooled"]
    figures = [pooled["ap"][t] for t in FIGURES] + [pooled["mean9"]]
    text = " | ".join(f"{value:.3f}" for value in figures)
    return f"| {name} | {text} | {found['steps']:,} |"


def main() -> None:
    """Make what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--minutes", type=float, default=10.0)
    runs = {f"baseline, seed {seed}": (seed, {}) for seed in SEEDS}
    runs |= {f"without {name}": (0, part) for name, part in PARTS.items()}
    every = list(range(len(runs)))
    parser.add_argument("--only", type=int, nargs="+", choices=every, default=every)
    given = arguments(parser, nuclei, minutes=0.01, only=[4])
    print("| run | AP50 | AP75 | AP90 | mean9 | steps |")
    print("| --- | --- | --- | --- | --- | --- |")
    for place, (name, (seed, part)) in enumerate(runs.items()):
        if place in given.only:
            found = run(given.output / name, given, seed, part)
            print(row(name, found), flush=True)


if __name__ == "__main__":
    main()
