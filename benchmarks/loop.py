"""What a view that a person annotates is worth to a start model, and what it costs it.

    python benchmarks/loop.py --start nuclei --kind stained

A square of one image with about 20 objects is annotated and trained on for two minutes,
as the Train dock does it: 0 beyond the square means not annotated yet. The model as it
was and the new one are scored on the other `val` images of that kind, and on `val`
images of the kinds that the start model knows. The square lies in a `val` image where
the start model has learnt from the `train` images of that kind (``--known``), else in a
`train` image. ``--corrected``: the labels are those that the start model gives, where
they match a true object, and the true ones where they do not.

``--all`` trains on all `train` images of the kind instead: what there is to reach;
``--scratch`` from nothing. A draw that is finished is not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from quick import arguments, nuclei

from napari_unet import (
    Model,
    Sample,
    TrainConfig,
    drain,
    find_pairs,
    load_samples,
    train,
)
from napari_unet.cli.bars import Show
from napari_unet.config import ModelConfig
from napari_unet.data.images import as_series
from napari_unet.reports.evaluation import evaluate
from napari_unet.scoring import metrics
from napari_unet.segmentation.segment import segment
from napari_unet.training.annotated import Annotated, train_on

KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "fluorescence": ("dsb2018", {"modality": "fluorescence"}),
    "stained": ("dsb2018", {"modality": "stained"}),
    "phase": ("phase_cells", {}),
}
OBJECTS = 20
OTHERS = 40  # images of the kinds that the start model knows
FIGURES = {"AP50": "0.50", "AP75": "0.75"}
Figures = dict[str, float]


@dataclass
class View:
    """A square of a sample that is annotated, all the rest is not."""

    sample: Sample
    box: tuple[slice, slice]

    def item(self, labels: np.ndarray) -> Annotated:
        """Return what a dock would hold."""
        drawn = np.zeros_like(labels)
        drawn[self.box] = labels[self.box]
        series = as_series(self.sample.image)
        return Annotated(series, drawn, zero="unknown", right=(self.box,))


def images_of(
    data: Path, kind: str, split: str, most: int | None = None
) -> list[Sample]:
    """Return the samples of a kind, at most so many of them, evenly drawn."""
    folder, where = KINDS[kind]
    pairs = find_pairs(data / folder, split=split, where=where)
    samples: list[Sample] = drain(load_samples(pairs))
    return samples if most is None else samples[:: -(-len(samples) // most)]


def view_of(samples: list[Sample], seed: int) -> View:
    """Return a square with about 20 objects around a random one."""
    rng = np.random.default_rng(seed)
    rich = [s for s in samples if len(s.objects.ids) >= OBJECTS]
    sample = rich[rng.integers(len(rich))]
    index = rng.integers(len(sample.objects.ids))
    centre = [(s.start + s.stop) // 2 for s in sample.objects.boxes[index]]
    edge = 32
    while True:
        edge += 16
        box = tuple(
            slice(a := min(max(0, c - edge // 2), max(0, n - edge)), min(n, a + edge))
            for c, n in zip(centre, sample.shape, strict=True)
        )
        if len(np.unique(sample.labels[box])) > OBJECTS:
            return View(sample, box)


def corrected(model: Model, view: View) -> np.ndarray:
    """Return the model's outlines where they are right, and the true ones elsewhere."""
    sample = view.sample
    found = drain(segment(model, sample.image)).labels
    matching = metrics.match(sample.labels, found)
    labels = sample.labels.copy()
    for pair in np.flatnonzero(matching.iou >= 0.5):
        true = matching.truth_ids[matching.truth[pair]]
        own = matching.pred_ids[matching.pred[pair]]
        alone = (found == own) & ((labels == 0) | (labels == true))
        labels[labels == true] = 0
        labels[alone] = true
    return labels


def scored(model: Model, samples: list[Sample]) -> Figures:
    """Return average precisions of pooled objects."""
    with Show() as show:
        pooled = drain(evaluate(samples, model=model), show).to_dict()["pooled"]
    figures = {name: pooled["ap"][key] for name, key in FIGURES.items()}
    return figures | {"mean9": pooled["mean9"]}


class Loop:
    """One start model and one kind of images."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.start = Model.load(given.start)
        self.judges = images_of(given.data, given.kind, "val")
        known = [k for k in given.knows.split(",") if k]
        each = max(1, given.others // max(1, len(known)))
        others = [images_of(given.data, kind, "val", each) for kind in known]
        self.others = [s for some in others for s in some]
        split = "val" if given.kind in known else "train"
        self.source = images_of(given.data, given.kind, split)

    def trained(self, draw: int, folder: Path) -> tuple[Model, str]:
        """Train; returns the model, and the name of the image that was annotated."""
        given = self.given
        config = TrainConfig(
            minutes=None if given.steps else given.seconds / 60,
            steps=given.steps,
            seed=draw,
            **json.loads(given.options),
        )
        how: dict[str, Any] = {"init": given.start}
        if given.scratch:
            how = {"model": ModelConfig()}
        with Show() as show:
            if given.all:
                samples = images_of(given.data, given.kind, "train")
                drain(train(samples, None, folder, config, **how), show)
                return Model.load(folder), ""
            view = view_of(self.source, draw)
            labels = view.sample.labels
            if given.corrected:
                labels = corrected(self.start, view)
            drain(train_on([view.item(labels)], folder, config, **how), show)
        return Model.load(folder), view.sample.name

    def draw(self, draw: int) -> dict[str, Any]:
        """Train and score once, or read what an earlier run found."""
        result: Path = self.given.output / f"{self.name} {draw}.json"
        if result.exists():
            found: dict[str, Any] = json.loads(result.read_text("utf-8"))
            return found
        self.given.output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.given.output) as folder:
            began = time.monotonic()
            model, painted = self.trained(draw, Path(folder) / "model")
            seconds = time.monotonic() - began
        judges = [s for s in self.judges if s.name != painted]
        others = [s for s in self.others if s.name != painted]
        found = {
            "seconds": seconds,
            "steps": model.card.get("steps"),
            "before": scored(self.start, judges),
            "after": scored(model, judges),
            "others before": scored(self.start, others) if others else None,
            "others after": scored(model, others) if others else None,
        }
        part = result.with_name(f".{result.name}.part")
        part.write_text(json.dumps(found, indent=1), "utf-8")
        os.replace(part, result)
        return found

    @property
    def name(self) -> str:
        """Name of this case in files and in the table."""
        given = self.given
        start = "scratch" if given.scratch else Path(given.start).name
        labels = "all" if given.all else "corrected" if given.corrected else "painted"
        budget = f"{given.steps} steps" if given.steps else f"{given.seconds:.0f} s"
        words = [start, given.kind, labels, budget, given.name]
        return " ".join(w for w in words if w)


def row(name: str, found: dict[str, Any]) -> str:
    """Return a row of the table."""
    cells = []
    for which in ("before", "after", "others before", "others after"):
        figures = found[which] or {}
        cells.append(" ".join(f"{figures[n]:.3f}" for n in figures) or "-")
    return (
        f"| {name} | {found['steps']} | {found['seconds']:.0f} | {' | '.join(cells)} |"
    )


def mean(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean of several draws."""
    if not isinstance(rows[0], dict):
        return None if rows[0] is None else float(np.mean(rows))  # type: ignore[return-value]
    return {key: mean([r[key] for r in rows]) for key in rows[0]}


def folders(folder: Path) -> Path:
    """Write tiny data as NAPARI_UNET_DATA has its own."""
    nuclei(folder).rename(folder / "dsb2018")
    return folder


def quick_start(folder: Path) -> str:
    """Train a small model for two steps."""
    samples = images_of(folder, "fluorescence", "train")
    small = ModelConfig(input="rgb", depth=2, width=4, any_size=True)
    config = TrainConfig(steps=2, batch=2)
    drain(train(samples, None, folder / "start", config, model=small))
    return str(folder / "start")


def main() -> None:
    """Make what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--start", default="nuclei")
    parser.add_argument("--kind", choices=list(KINDS), default="stained")
    parser.add_argument("--knows", default="stained,fluorescence")
    parser.add_argument("--corrected", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--scratch", action="store_true")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--others", type=int, default=OTHERS)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--options", default="{}", help="of TrainConfig, as JSON")
    parser.add_argument("--name", default="", help="of these options, in the table")
    parser.add_argument("--output", type=Path, default=Path("runs/loop"))
    home = os.environ.get("NAPARI_UNET_DATA")
    small = {"kind": "fluorescence", "knows": "", "steps": 2, "draws": 1}
    given = arguments(parser, folders, Path(home) if home else None, **small)
    if given.quick:
        given.start = quick_start(given.folder)
    loop = Loop(given)
    figures = "AP50 AP75 mean9"
    print(
        f"| {loop.name} | steps | s | {figures} before | after | others before "
        "| after |"
    )
    print("| --- | ---: | ---: | --- | --- | --- | --- |")
    rows = []
    for draw in range(given.draws):
        rows.append(loop.draw(draw))
        print(row(f"draw {draw}", rows[-1]), flush=True)
    print(row("mean", mean(rows)), flush=True)


if __name__ == "__main__":
    main()
