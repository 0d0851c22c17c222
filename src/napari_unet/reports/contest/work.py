"""What a process of a comparison does: one training, or one judging.

It prints events as JSON lines and writes its results into a file. It ends when its
standard input closes, which it does when the process that started it ends in any way.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_unet.config import ModelConfig, TrainConfig, checked
from napari_unet.data.samples import Sample
from napari_unet.device import pick_device
from napari_unet.events import (
    EpochEnd,
    Event,
    Note,
    Progress,
    StepDone,
    TileDone,
    drain,
)
from napari_unet.files.writers import write_json
from napari_unet.models.model import Model
from napari_unet.reports.evaluation import evaluate
from napari_unet.segmentation.segment import segment
from napari_unet.training.checkpoint import has_state, read_history
from napari_unet.training.loop import train

Tell = Callable[[Event], None]

EVENTS = {c.__name__: c for c in (EpochEnd, Note, Progress, StepDone, TileDone)}
ARRAYS = ("image", "labels", "mask")
OTHERS = ("spacing", "rgb", "name", "series", "channels")
WARM_UP = 128  # px


def write_samples(samples: Sequence[Sample], path: Path) -> None:
    """Write samples into a .npz file that :func:`read_samples` reads."""
    arrays: dict[str, Any] = {
        f"{name}{i}": getattr(sample, name)
        for i, sample in enumerate(samples)
        for name in ARRAYS
        if getattr(sample, name) is not None
    }
    others = [{name: getattr(sample, name) for name in OTHERS} for sample in samples]
    np.savez(path, others=json.dumps(others), **arrays)


def read_samples(path: Path) -> list[Sample]:
    """Return the samples of a file."""
    with np.load(path) as file:
        others = json.loads(file["others"].item())
        fields: list[dict[str, Any]] = [
            {name: tuple(v) if isinstance(v, list) else v for name, v in other.items()}
            | {name: file[f"{name}{i}"] for name in ARRAYS if f"{name}{i}" in file}
            for i, other in enumerate(others)
        ]
    return [Sample(**of_one) for of_one in fields]


def training(task: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Train, or go on with a training that was cut off; returns what it cost."""
    folder, device = Path(task["folder"]), task["device"]
    resume = has_state(folder)
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    model = drain(
        train(
            read_samples(Path(task["samples"])),
            None,
            folder,
            checked(TrainConfig, task["train"]),
            model=checked(ModelConfig, task["model"]),
            resume=resume,
            device=device,
        ),
        tell,
    )
    rows = read_history(folder)
    if not rows:
        raise ValueError("it ended before its first epoch; a lower rate may help")
    last = rows[-1]
    steps, seconds = int(last["step"]), float(last["seconds"])
    pixels = model.card.get("batch", 0) * math.prod(model.card.get("patch", ()))
    speed = steps / seconds if seconds else None
    return {
        "parameters": sum(p.numel() for p in model.network.parameters()),
        "steps": steps,
        "best_step": model.card.get("steps"),
        "seconds": seconds,
        "steps_per_second": speed,
        "megapixels_per_second": speed * pixels / 1e6 if speed and pixels else None,
        "validation": model.card.get("validation", {}).get("figures"),
        **used(device),
    }


def figures(task: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Judge a model; returns what :func:`napari_unet.evaluate` finds, and the cost."""
    judges = read_samples(Path(task["samples"]))
    model = Model.load(task["folder"], task["device"])
    first = judges[0]
    corner = first.image.part((slice(WARM_UP),) * first.ndim)
    # The first call of a process sets much up, which is no part of the speed.
    drain(segment(model, corner))
    report = drain(evaluate(judges, model=model), tell)
    return {**report.to_dict(), **used(task["device"])}


def used(device: str) -> dict[str, Any]:
    """Return the machine, and the most memory that this process held at once."""
    where = pick_device(device)
    name, on_device = str(where), None
    if where.type == "cuda":
        name = f"{where} ({torch.cuda.get_device_name(where)})"
        on_device = torch.cuda.max_memory_allocated(where)
    cores = os.cpu_count()
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    machine = {
        "cpu": processor(),
        "cores": cores,
        "threads": torch.get_num_threads(),
        "device": name,
        "torch": torch.__version__,
        "system": platform.platform(),
    }
    return {
        "peak_bytes": peak_memory(),
        "device_peak_bytes": on_device,
        "machine": machine,
    }


def processor() -> str:
    """Return what the processor is called."""
    about = Path("/proc/cpuinfo")
    named = (
        re.search(r"model name\s*: (.*)", about.read_text()) if about.exists() else None
    )
    return named[1] if named else platform.processor() or platform.machine()


def peak_memory() -> int | None:
    """Return the largest resident set of this process in bytes; None on Windows."""
    status = Path("/proc/self/status")
    # On Linux getrusage may count what the process was before it became this program.
    peak = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    if peak:
        return 1024 * int(peak[1])
    if find_spec("resource") is None:
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


def main() -> int:
    """Do the task of the command line; returns the exit code."""
    # An interrupt at a terminal reaches all; it is the parent that decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what anything else prints is for the log

    def tell(event: Event) -> None:
        if type(event).__name__ in EVENTS:
            line = json.dumps([type(event).__name__, vars(event)], default=float)
            print(line, file=lines, flush=True)

    task = json.loads(sys.argv[1])
    try:
        found = {"training": training, "figures": figures}[task["stage"]](task, tell)
        write_json(task["result"], found)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
