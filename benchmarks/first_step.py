"""Seconds from the call of train() to its first step, now against an older commit.

    python benchmarks/first_step.py [--quick] [--repeats 3] [--before e95d1ab]

The training images of ``$NAPARI_UNET_DATA/dsb2018``; with --quick eight generated ones.
A process for each measurement, in turn, in which a tiny training has gone before, so
that no import counts. Also how often ``np.unique`` has gone over all pixels of the
labels. ``OMP_NUM_THREADS=1`` leaves out what threads cost.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
from quick import arguments

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Measure both, in turn, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--before", default="e95d1ab", help="the older commit")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = arguments(parser)
    if given.measure:
        measure(given.quick)
        return
    with tempfile.TemporaryDirectory() as folder:
        before = source_of(given.before, Path(folder), given.quick)
        sources = {given.before: before, "now": ROOT / "src"}
        least: dict[str, float] = {}
        passes: dict[str, float] = {}
        for _ in range(1 if given.quick else given.repeats):
            for name, source in sources.items():
                seconds, passes[name] = child(source, given.quick)
                least[name] = min(seconds, least.get(name, seconds))
    for name, seconds in least.items():
        print(
            f"{name:10} {seconds:6.2f} s, np.unique over {passes[name]:4.1f} x labels"
        )
    print(f"ratio {least['now'] / least[given.before]:.2f}")


def source_of(commit: str, folder: Path, quick: bool) -> Path:
    """Return the folder of the source as it was at a commit."""
    archive = ["git", "-C", str(ROOT), "archive", commit, "src"]
    try:
        content = subprocess.run(archive, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        if not quick:
            raise
        print(f"commit {commit} is not in this checkout; what is here stands in for it")
        return ROOT / "src"
    with tarfile.open(fileobj=io.BytesIO(content)) as file:
        file.extractall(folder, filter="data")
    return folder / "src"


def child(source: Path, quick: bool) -> tuple[float, float]:
    """Measure in a new process that imports from a folder."""
    command = [sys.executable, __file__, "--measure", *["--quick"] * quick]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    seconds, passes = map(float, done.stdout.split()[-2:])
    return seconds, passes


def measure(quick: bool) -> None:
    """Print the seconds to the first step, and the passes of np.unique."""
    from napari_unet import drain, find_pairs, load_samples

    to_first_step(generated(2, 64))
    if quick:
        samples = generated(8, 256)
    else:
        folder = Path(os.environ["NAPARI_UNET_DATA"]) / "dsb2018"
        samples = drain(load_samples(find_pairs(folder).for_training()))
    unique, seen = np.unique, []

    def counted(array, *arguments, **options):
        seen.append(np.size(array))
        return unique(array, *arguments, **options)

    np.unique = counted
    seconds = to_first_step(samples)
    print(seconds, sum(seen) / sum(s.labels.size for s in samples))


def generated(count: int, edge: int) -> list:
    """Return images of squares in noise, of two sizes."""
    from napari_unet import Sample

    rng = np.random.default_rng(0)
    samples = []
    for number in range(count):
        labels = np.zeros((edge, edge), np.uint16)
        side = 6 + 14 * (number % 2)
        for i in range(1, 31):
            y, x = rng.integers(0, edge - side, 2)
            labels[y : y + side, x : x + side] = i
        image = rng.normal(100, 10, (1, edge, edge)) + 50 * (labels > 0)
        image = image.astype(np.uint8)
        samples.append(Sample(image, labels, name=f"squares {number}"))
    return samples


def to_first_step(samples: list) -> float:
    """Return the seconds from the call of train() to its first step."""
    from napari_unet import train
    from napari_unet.config import TrainConfig
    from napari_unet.events import StepDone

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        config = TrainConfig(steps=1)
        events = train(samples, None, Path(folder) / "m", config, device="cpu")
        for event in events:
            if isinstance(event, StepDone):
                break
        seconds = time.perf_counter() - began
        events.close()
    return seconds


if __name__ == "__main__":
    main()
