"""Peak memory of a training against the estimate that is told before it starts.

    python benchmarks/memory.py [--quick] [--precision bfloat16]

Every network in 2D and 3D. One process a network, so that each peak is its own. With
--quick one network, a single step.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from quick import arguments

from napari_unet import Sample, drain, train
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.events import MemoryNeeded
from napari_unet.networks import NETWORKS

CASES = [
    *((name, ndim, 16) for ndim in (2, 3) for name in NETWORKS),
    ("unet", 2, 32),
]
QUICK = [("unet", 3, 8)]


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


def peak_bytes() -> float:
    """Return the most memory that this process has had."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says begins at the size of the parent
        lines = dict(n.split(":", 1) for n in status.read_text().splitlines())
        return 1024 * float(lines["VmHWM"].split()[0])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def measure(name: str, ndim: int, width: int, precision: str, steps: int) -> None:
    """Train a few steps, and print the estimate over the peak."""
    told: list[float] = []

    def listen(event: object) -> None:
        if isinstance(event, MemoryNeeded):
            told.append(event.bytes)

    model = ModelConfig(network=name, width=width)
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(steps=steps, warmup=0, precision=precision)
        drain(train(cubes(ndim), [], Path(folder) / "m", config, model=model), listen)
    peak = peak_bytes()
    print(
        f"{name:10} {ndim}D  width {width:2}  estimate {told[0] / 1e9:5.2f} GB  "
        f"peak {peak / 1e9:5.2f} GB  {told[0] / peak:.2f} x",
        flush=True,
    )


def main() -> None:
    """Measure each case in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--case", nargs=4, help=argparse.SUPPRESS)
    given = arguments(parser)
    steps = 1 if given.quick else 3
    if given.case:
        name, ndim, width, precision = given.case
        measure(name, int(ndim), int(width), precision, steps)
        return
    for case in QUICK if given.quick else CASES:
        options = ["--quick"] * given.quick
        command = [sys.executable, __file__, *options, "--case"]
        subprocess.run([*command, *map(str, case), given.precision], check=True)


if __name__ == "__main__":
    main()
