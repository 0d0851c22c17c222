"""What `attack.py` works with: good files, and commands in processes of their own."""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from napari_unet import cli
from napari_unet.config import ModelConfig
from napari_unet.models.model import Model

GB = 2**30
MOST_SPACE = 24 * GB  # of addresses: the machine stays usable
SMALL = ["--depth", "1", "--width", "2", "--patch", "32", "--batch", "2"]
SHORT = ["--steps", "2", "--device", "cpu"]


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code, -9 if it was killed, and what it said."""

    code: int
    out: str
    err: str
    seconds: float
    peak: int

    @property
    def errors(self) -> list[str]:
        """The lines that say what was wrong."""
        return [x for x in self.err.split("\n") if x.startswith("napari-unet: error:")]


def start(command: Sequence[str], log: Path) -> int:
    """Start a command in a fork of this process; returns its number."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MOST_SPACE, MOST_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number, name in ((0, os.devnull), (1, f"{log}.out"), (2, f"{log}.err")):
            mode = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(name, mode, 0o644), number)
        # Python's own may have been replaced by whoever captures output.
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="surrogateescape")
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="surrogateescape")
        code = cli.main(list(command))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - the end of a process
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def ended(child: int, seconds: float) -> tuple[int, float]:
    """Wait for a process, and kill it after so many seconds; its code and peak."""
    watched = os.pidfd_open(child)
    try:
        if not select.select([watched], [], [], max(seconds, 0.0))[0]:
            os.kill(child, signal.SIGKILL)
        _, status, usage = os.wait4(child, 0)
    finally:
        os.close(watched)
    return os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024.0


def run(command: Sequence[str], log: Path, seconds: float) -> Outcome:
    """Run a command, for so many seconds at most."""
    began = time.monotonic()
    code, peak = ended(start(command, log), seconds)
    out, err = (
        Path(f"{log}{s}").read_text("utf-8", "replace") for s in (".out", ".err")
    )
    return Outcome(code, out, err, time.monotonic() - began, int(peak))


def discs(seed: int, shape: tuple[int, ...] = (48, 56)) -> tuple[np.ndarray, ...]:
    """Return an image of bright discs, and its labels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    grid = np.indices(shape)
    for number in range(1, 9):
        centre = rng.uniform(4, np.array(shape) - 4)
        far = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))
        labels[(far < rng.uniform(3, 6) ** 2) & (labels == 0)] = number
    noise = rng.normal(30, 4, shape)
    return (100 * (labels > 0) + noise).clip(0, 255).astype(np.uint8), labels


def make_good(place: Path) -> None:
    """Write what is attacked: images, data, models and a run."""
    images = place / "images"
    images.mkdir(parents=True)
    image, labels = discs(9)
    for suffix in ("png", "jpg", "bmp", "webp", "gif"):
        Image.fromarray(image).save(images / f"{suffix}.{suffix}")
    coloured = np.stack([image, image // 2, 255 - image], axis=-1)
    Image.fromarray(coloured).save(images / "colour.png")
    tifffile.imwrite(images / "plain.tif", image)
    tifffile.imwrite(images / "packed.tif", image, compression="zlib", tile=(16, 16))
    tifffile.imwrite(images / "big.tif", image.astype(np.float32), bigtiff=True)
    stack = np.stack([discs(n)[0] for n in range(3)])
    tifffile.imwrite(images / "stack.ome.tif", stack, metadata={"axes": "ZYX"})
    tifffile.imwrite(images / "time.tif", stack, imagej=True, metadata={"axes": "TYX"})
    data = place / "data"
    for part in ("images", "labels"):
        (data / part).mkdir(parents=True)
    rows = ["id,split,modality"]
    for number in range(4):
        image, labels = discs(number)
        tifffile.imwrite(data / "images" / f"n{number}.tif", image)
        tifffile.imwrite(data / "labels" / f"n{number}.tif", labels)
        rows.append(f"n{number},{'val' if number == 3 else 'train'},x")
    (data / "index.csv").write_text("\n".join(rows) + "\n")
    options = {"depth": 1, "width": 2}
    Model.create(ModelConfig(**options), device="cpu").save(place / "model")
    Model.load(place / "model", "cpu").share(place / "shared")
    log = place / "log"
    told = run(
        ["train", str(data), "--output", str(place / "run"), *SMALL, *SHORT], log, 60
    )
    if told.code != 0:
        raise RuntimeError(f"a good training failed: {told.err}")
