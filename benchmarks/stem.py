"""Networks whose levels work at half resolution, against those at the full one.

    python benchmarks/stem.py

prints, for U-Nets of about as many parameters, the pixels that they predict a second
and the steps that they train a second, and the ratio: medians of turns, one thread.
"""

import argparse
import statistics
import time

import torch
from quick import arguments

from napari_unet.config import ModelConfig
from napari_unet.device import pick_dtype
from napari_unet.models.model import Model
from napari_unet.networks.base import count

PAIRS = (
    ({"width": 16}, {"width": 32, "depth": 3, "stem": 2}),
    ({"width": 24}, {"width": 48, "depth": 3, "stem": 2}),
)
BATCH, PATCH = 8, 128


def predict(model: Model, edge: int) -> float:
    """Return the seconds that the maps of an image take."""
    image = torch.rand(1, model.config.channels, edge, edge)
    began = time.perf_counter()
    model.maps(image)
    return time.perf_counter() - began


def step(model: Model, _: int) -> float:
    """Return the seconds that a step of training takes, without the optimiser."""
    dtype = pick_dtype(model.device, training=True)
    image = torch.rand(BATCH, model.config.channels, PATCH, PATCH)
    model.network.train()
    began = time.perf_counter()
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        loss = sum(
            logits.float().square().mean() for logits in model.network.outputs(image)
        )
    loss.backward()
    return time.perf_counter() - began


def main() -> None:
    """Print a row per pair, and per thing that is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=9)
    given = arguments(parser, turns=1)
    torch.set_num_threads(1)
    edge = 64 if given.quick else 512
    for options in PAIRS:
        models = [Model.create(ModelConfig(**o), device="cpu") for o in options]
        sizes = " and ".join(f"{count(m.network) / 1e6:.2f} M" for m in models)
        for name, work in (("maps", predict), ("steps", step)):
            for model in models:
                work(model, edge)  # the first is slower
            turns = [[work(m, edge) for m in models] for _ in range(given.turns)]
            ratio = statistics.median(full / half for full, half in turns)
            told = " against ".join(str(o) for o in options)
            print(f"{told}, {sizes} parameters: {name} {ratio:.2f} times as fast")


if __name__ == "__main__":
    main()
