"""Attack the command line: bad inputs, and kills at any moment.

    python scripts/attack.py --inputs 1000 --kills 100 --seconds 3600 --seed 0

Bad inputs go to every command that reads or writes: damaged images, data, models and
runs; odd pixels, paths and archives; options at and beyond their bounds. What must not
happen is counted: a traceback, no end within 30 s, more than 4 GB, and a refusal that
is not exit code 2 with one sentence that names the file or the option, or that leaves
something made. Then trainings, segmentings and shares are killed: what was there must
load, and nothing may be left over after the next run. Each line of a failure holds its
seed; ``--only SEED`` repeats one. Needs Linux.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import tifffile
import torch

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from attack_inputs import Attack, attack
from attacked import GB, SMALL, Outcome, ended, make_good, run, start
from quick import arguments

from napari_unet.models.model import Model
from napari_unet.reports.evaluation import evaluate  # noqa: F401 - loaded once
from napari_unet.reports.figures import save  # noqa: F401
from napari_unet.training.loop import train  # noqa: F401

HANG = 30.0
MOST_MEMORY = 4 * GB
FAULTS = (
    "traceback", "hang", "memory", "exit code", "sentence", "accepted", "left over"
)  # fmt: skip


def faults(given: Attack, found: Outcome) -> list[str]:
    """Return what went wrong with an attack."""
    wrong = []
    if found.seconds >= HANG:
        return ["hang"]
    if "Traceback" in found.err:
        return ["traceback"]
    if found.peak > MOST_MEMORY:
        wrong.append("memory")
    if found.code == 2:
        doctor = given.command[0] == "doctor" and "error: " in found.out
        if not doctor and not _is_sentence(given, found):
            wrong.append("sentence")
        if any(os.path.lexists(path) for path in given.outputs):
            wrong.append("left over")
    elif found.code == 0 and given.surely:
        wrong.append("accepted")
    elif found.code != 0:
        wrong.append("exit code")
    return wrong


def _is_sentence(given: Attack, found: Outcome) -> bool:
    """Return whether one line says what is wrong and names it."""
    if len(found.errors) != 1 or len(found.errors[0]) > 1500:
        return False
    *_, after = found.err.partition(found.errors[0])
    # Several problems of one data set are a line each.
    lines = [x for x in after.split("\n") if x]
    told = "\n".join([found.errors[0], *lines])
    named = any(name in told for name in given.names if name.strip())
    return named and all(x.startswith("- ") for x in lines)


def inputs(good: Path, place: Path, given: argparse.Namespace, until: float) -> int:
    """Run the bad inputs; returns how many went wrong."""
    counts: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    slowest, largest, done = 0.0, 0, 0
    seeds = range(given.seed, given.seed + given.inputs)
    for seed in seeds if given.only is None else [given.only]:
        if time.monotonic() > until:
            break
        here = place / "input"
        here.mkdir()
        made = attack(good, here, seed)
        found = run(made.command, place / "log", HANG)
        wrong = faults(made, found)
        counts.update(wrong)
        codes[f"{made.kind}: exit {found.code}"] += 1
        slowest = max(slowest, found.seconds)
        largest, done = max(largest, found.peak), done + 1
        if wrong or given.only is not None:
            print(f"{', '.join(wrong)}: seed {seed}, {made.kind}, exit {found.code}")
            print(f"    napari-unet {shlex.join(made.command)[:500]!r}")
            print(f"    {found.err[-given.tail :]!r}", flush=True)
        shutil.rmtree(here)
    print(f"{done} bad inputs, seeds {given.seed} to {given.seed + done - 1}")
    for name in FAULTS:
        print(f"  {name:<12}{counts[name]:5d}")
    print(f"  slowest {slowest:.1f} s, largest {largest / GB:.2f} GiB")
    for name, number in sorted(codes.items()):
        print(f"  {name:<36}{number:5d}")
    return sum(counts.values())


def killed(command: list[str], log: Path, after: float) -> bool:
    """Start a command and kill it; returns whether it was still running."""
    child = start(command, log)
    return ended(child, after)[0] == -signal.SIGKILL


def loads(path: Path) -> bool:
    """Return whether a model can be loaded."""
    try:
        Model.load(path, "cpu")
    except ValueError as error:
        print(f"    lost: {error}")
        return False
    return True


def leftovers(folder: Path) -> list[str]:
    """Return files that no command should leave behind."""
    return [p.name for p in folder.rglob("*") if ".part" in p.name or p.name == ".lock"]


def kill_training(good: Path, place: Path, rng: random.Random) -> tuple[bool, int, int]:
    """Kill a training once more, or finish it; whether killed, what is lost, left."""
    folder = place / "killed run"
    there = (folder / "model.safetensors").exists()
    command = ["train", str(good / "data"), "--output", str(folder)]
    command += ["--steps", "40", "--device", "cpu"]
    more = ["--resume"] if there else SMALL
    was = killed([*command, *more], place / "log", rng.uniform(0, 0.8))
    lost = int(there and not loads(folder))
    if rng.random() < 0.5 and (folder / "model.safetensors").exists():
        again = run([*command, "--resume"], place / "log", HANG)
        lost += again.code != 0 or not loads(folder)
        if again.code:
            print(f"    {again.err!r}")
        left = leftovers(folder)
        shutil.rmtree(folder)
        return was, lost, len(left)
    return was, lost, 0


def kill_segmenting(
    good: Path, place: Path, rng: random.Random
) -> tuple[bool, int, int]:
    """Kill a segmenting into a folder that holds results, then let one end."""
    out = place / "killed labels"
    images = str(good / "data" / "images")
    command = ["segment", images, "--model", str(good / "model"), "--output", str(out)]
    command += ["--device", "cpu"]
    was = killed(command, place / "log", rng.uniform(0, 0.25))
    lost = 0
    for path in out.glob("*_labels.tif"):
        try:
            lost += tifffile.imread(path).shape != (48, 56)
        except Exception as error:  # noqa: BLE001 - whatever it says, it is lost
            print(f"    lost: {path}: {error}")
            lost += 1
    again = run(command, place / "log", HANG)
    lost += again.code != 0 or len(list(out.glob("*_labels.tif"))) != 4
    left = leftovers(out)
    if rng.random() < 0.3:
        shutil.rmtree(out)
    return was, lost, len(left)


def kill_share(good: Path, place: Path, rng: random.Random) -> tuple[bool, int, int]:
    """Kill a share of a large model, then let one end."""
    folder = place / "given"
    folder.mkdir(exist_ok=True)
    path = folder / "m.unetmodel"
    command = ["share", "nuclei", "--output", str(path)]
    was = killed(command, place / "log", rng.uniform(0, 0.6))
    lost = int(path.exists() and not loads(path))
    path.unlink(missing_ok=True)
    again = run(command, place / "log", HANG)
    lost += again.code != 0 or not loads(path)
    path.unlink(missing_ok=True)
    return was, lost, len(leftovers(folder))


KILLS: tuple[Callable[[Path, Path, random.Random], tuple[bool, int, int]], ...] = (
    kill_training,
    kill_segmenting,
    kill_share,
)


def kills(good: Path, place: Path, given: argparse.Namespace, until: float) -> int:
    """Kill commands; returns what was lost or left over."""
    rng = random.Random(given.seed)
    done, lost, left, turns = 0, 0, 0, 0
    while done < given.kills and time.monotonic() < until:
        was, gone, over = KILLS[turns % len(KILLS)](good, place, rng)
        turns += 1
        done, lost, left = done + was, lost + gone, left + over
    print(f"{done} kills in {turns} runs: {lost} lost, {left} left over", flush=True)
    return lost + left


def main() -> int:
    """Attack, and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="one bad input, by its seed")
    parser.add_argument("--tail", type=int, default=600, help="characters of a failure")
    given = arguments(parser, inputs=60, kills=4, seconds=60.0)
    torch.set_num_threads(1)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="attack-") as folder:
        place = Path(folder)
        os.chdir(place)
        good = place / "good"
        make_good(good)
        print(f"seed {given.seed}, python {sys.version.split()[0]}", flush=True)
        share = 0.7 if given.kills else 1.0
        wrong = inputs(good, place, given, began + share * given.seconds)
        if given.only is None:
            wrong += kills(good, place, given, began + given.seconds)
    print(f"{time.monotonic() - began:.0f} s, {wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
