"""Peak memory of a training against the estimate that is told before it starts.

    python benchmarks/memory.py

One process a network, so that each peak is its own.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from napari_unet import Sample, drain, train
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.events import MemoryNeeded
from napari_unet.networks import NETWORKS

CASES = [
    *((name, 2, 16) for name in NETWORKS),
    ("unet", 2, 32),
    ("unet", 3, 16),
    ("unet++", 3, 16),
]


def cubes(ndim: int) -> list[Sample]:
    """Return images of bright cubes in noise."""
    rng = np.random.default_rng(0)
    shape = (256, 256) if ndim == 2 else (48, 96, 96)
    samples = []
    for number in range(4):
        labels = np.zeros(shape, np.int32)
        for i in range(1, 40):
            centre = [int(rng.integers(6, n - 6)) for n in shape]
            labels[tuple(slice(c - 4, c + 4) for c in centre)] = i
        image = rng.normal(100, 10, (1, *shape)) + 50 * (labels > 0)
        samples.append(Sample(image.astype(np.float32), labels, name=f"cubes {number}"))
    return samples


def measure(name: str, ndim: int, width: int) -> None:
    """Train a few steps, and print the estimate over the peak."""
    told: list[float] = []

    def listen(event: object) -> None:
        if isinstance(event, MemoryNeeded):
            told.append(event.bytes)

    model = ModelConfig(network=name, width=width)
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(steps=3, warmup=0)
        drain(train(cubes(ndim), [], Path(folder) / "m", config, model=model), listen)
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{name:10} {ndim}D  width {width:2}  estimate {told[0] / 1e9:5.2f} GB  "
        f"peak {peak / 1e9:5.2f} GB  {told[0] / peak:.2f} x",
        flush=True,
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    else:
        for case in CASES:
            subprocess.run([sys.executable, __file__, *map(str, case)], check=True)
