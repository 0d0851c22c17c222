"""The worker of peers.py for Cellpose 3; runs in an environment with it.

The network starts from random weights and is trained by `cellpose.train.train_seg` with
its defaults: AdamW at 0.005, batches of 8 patches of 224 x 224, objects brought to one
diameter, 17 px as in Cellpose's own model of nuclei. Its schedule goes by epochs; here
that of 500 is stretched over the minutes: the rate rises in the first 10 and is halved
ten times in the last 100. The model of sizes is trained, too, and the images held back
say which diameter is better: the one that it estimates for an image, or the mean of the
training images.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cellpose import dynamics, metrics
from cellpose import train as training
from cellpose.models import CellposeModel, SizeModel
from peer_work import SEED, Images, Segment, hold_back, read_pairs, work
from torch.optim.optimizer import register_optimizer_step_pre_hook

DIAMETER = 17.0
RATE = 0.005
WARM_UP, DECAY, HALVINGS = 10 / 500, 100 / 500, 10
EPOCHS = 100_000  # the clock ends training long before
CHANNELS = (0, 0)  # grey, and no second one
SIZE_EPOCHS = 2  # of 10: on a CPU each takes minutes
PATCH = 224  # the tiles from which sizes are estimated, too


class TimeIsUpError(Exception):
    """Ends train_seg(), which knows epochs only."""


class Clock:
    """Sets the learning rate before each step, and ends training."""

    def __init__(self, minutes: float) -> None:
        self.minutes = minutes
        self.began = 0.0
        self.steps = 0

    def __call__(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self.began = self.began or time.monotonic()
        done = (time.monotonic() - self.began) / (60 * self.minutes)
        if done >= 1 and self.steps:
            raise TimeIsUpError
        rate = RATE * min(1.0, done / WARM_UP)
        if done > 1 - DECAY:
            rate *= 0.5 ** np.ceil(HALVINGS * (done - 1 + DECAY) / DECAY)
        for group in optimizer.param_groups:
            group["lr"] = rate
        self.steps += 1


def network(file: Path | None = None, fast: bool = True) -> CellposeModel:
    """Return a model with random weights, or with those of a file."""
    # oneDNN's own tensors are for prediction only.
    return CellposeModel(
        gpu=False,
        pretrained_model=str(file) if file else False,
        diam_mean=DIAMETER,
        mkldnn=fast,
    )


def train(data: Path, folder: Path, minutes: float) -> dict[str, Any]:
    """Train until the time is up, then the model of sizes; choose the diameter."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.manual_seed(SEED)
    learnt, held = hold_back(*read_pairs(data))
    folder.mkdir(parents=True)
    model = network(fast=False)
    flows = dynamics.labels_to_flows(
        [each.astype(np.int32) for each in learnt[1]], device=model.device
    )
    options = {
        "train_data": learnt[0],
        "train_labels": flows,
        "channels": list(CHANNELS),
    }
    clock = Clock(minutes)
    hook = register_optimizer_step_pre_hook(clock)
    try:
        training.train_seg(
            model.net, **options, n_epochs=EPOCHS, save_path=str(folder), save_every=10
        )
    except TimeIsUpError:
        trained = time.monotonic()
    hook.remove()
    file = folder / "network"
    model.net.save_model(str(file))
    training.train_size(
        model.net, str(file), **options, n_epochs=SIZE_EPOCHS, batch_size=8, bsize=PATCH
    )
    choice = choose_diameter(folder, *held)
    return {
        "steps": clock.steps,
        "seconds": trained - clock.began,
        "tuning_seconds": time.monotonic() - trained,
        **choice,
    }


def choose_diameter(folder: Path, images: Images, labels: Images) -> dict[str, Any]:
    """Note which diameter scores better on the images held back."""
    scores = {}
    for way in ("estimated", "mean"):
        (folder / "diameter").write_text(way, "utf-8")
        segment = load(folder)
        found = [segment(image) for image in images]
        precision = metrics.average_precision(labels, found, threshold=[0.5, 0.75, 0.9])
        scores[way] = float(np.mean(precision[0]))
    best = max(scores, key=lambda way: scores[way])
    (folder / "diameter").write_text(best, "utf-8")
    return {"diameter": best, "diameter_scores": scores}


def load(folder: Path) -> Segment:
    """Return what segments one image."""
    file = folder / "network"
    model = network(file)
    mean = float(model.diam_labels)
    sizes = None
    if (folder / "diameter").read_text("utf-8") == "estimated":
        # The first look is at the image as it is, as sizes were learnt.
        model.diam_labels = model.diam_mean
        sizes = SizeModel(model, pretrained_size=f"{file}_size.npy")

    def labels_of(image: np.ndarray) -> np.ndarray:
        channels = list(CHANNELS)
        diameter = sizes.eval(image, channels=channels)[0] if sizes else mean
        return model.eval(image, channels=channels, diameter=diameter)[0]

    return labels_of


if __name__ == "__main__":
    work(train, load)
