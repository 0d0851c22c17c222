"""Runs every benchmark, and every script of scripts/, with --quick: `make bench-quick`.

Prints a line per script with its seconds, and what a script that failed had said. What
is measured so means nothing; that it is still measured is what counts. For the scripts,
this module also holds the option, and tiny data in place of what cannot be downloaded.
"""

from __future__ import annotations

import argparse
import atexit
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FOLDERS = (HERE, HERE.parent / "scripts")
TOGETHER = 2  # processes, each on one core
MOST_SECONDS = 600  # of one script
NAPARI = re.compile(r"^\s*import napari$", re.M)
STAINED_EDGE = 96


def arguments(
    parser: argparse.ArgumentParser,
    data: Callable[[Path], Path] | None = None,
    default: Path | None = None,
    **small: Any,
) -> argparse.Namespace:
    """Read the command line, to which --quick is added.

    Parameters
    ----------
    parser : ArgumentParser
    data : callable, optional
        Writes the tiny data set that --quick takes into a folder; the argument `data`
        is added then.
    default : Path, optional
        The data set without --quick where none is named.
    **small
        Values that options have with --quick.
    """
    parser.add_argument("--quick", action="store_true", help="seconds, on tiny images")
    if data is not None:
        parser.add_argument("data", type=Path, nargs="?", default=default)
    given = parser.parse_args()
    if given.quick:
        folder = Path(tempfile.mkdtemp(prefix="napari-unet-quick-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        given.folder = folder
        if data is not None:
            given.data = data(folder)
        if hasattr(given, "output"):
            given.output = folder / "runs"
        for name, value in small.items():
            setattr(given, name, value)
        print("--quick: tiny images, few steps; the figures mean nothing", flush=True)
    elif data is not None and given.data is None:
        parser.error("name the folder with the data, or give --quick")
    return given


def nuclei(folder: Path) -> Path:
    """Write bundled images as `dsb2018` has its own: nuclei, dark ones, tissue."""
    import tifffile

    from napari_unet.files.sample_data import folder as bundled

    home = folder / "nuclei"
    for part in ("images", "labels"):
        (home / part).mkdir(parents=True)
    rows = []

    def write(name: str, modality: str, split: str, image: Any, labels: Any) -> None:
        tifffile.imwrite(home / "images" / f"{name}.tif", image)
        tifffile.imwrite(home / "labels" / f"{name}.tif", labels)
        rows.append({"id": name, "modality": modality, "split": split})

    for number, file in enumerate(sorted((bundled("nuclei") / "images").glob("*"))[:4]):
        image = tifffile.imread(file)
        labels = tifffile.imread(bundled("nuclei") / "labels" / file.name)
        split = "val" if number == 3 else "train"
        write(f"bright_{number}", "fluorescence", split, image, labels)
        if number < 2:
            dark = image.max() - image
            write(f"dark_{number}", "brightfield", "train", dark, labels)
    tissue = tifffile.imread(bundled("nuclei").parent / "tissue.tif")
    labels = tifffile.imread(bundled("nuclei").parent / "tissue_labels.tif")
    for number in range(6):
        y, x = 160 * (number % 2), 80 * (number // 2)
        box = slice(y, y + STAINED_EDGE), slice(x, x + STAINED_EDGE)
        split = "train" if number < 5 else "val"
        write(f"stained_{number}", "stained", split, tissue[box], labels[box])
    with (home / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return home


def stacks(folder: Path) -> Path:
    """Write two parts of the bundled stack as `nuclei_3d` has its own."""
    import tifffile

    from napari_unet.files.sample_data import folder as bundled

    home = folder / "stacks"
    home.mkdir()
    for kind, source in (("image", "nuclei_3d"), ("labels", "nuclei_3d_labels")):
        stack = tifffile.imread(bundled("nuclei").parent / f"{source}.tif")
        for name, part in (("1135", stack[:, :64]), ("1136", stack[:, 64:])):
            tifffile.imwrite(home / f"{name}_{kind}.tif", part[::2, :, :64])
    return home


def scripts() -> list[Path]:
    """Return all that can be run, but this module and the workers of peers.py."""
    found = [file for folder in FOLDERS for file in sorted(folder.glob("*.py"))]
    return [
        file
        for file in found
        if file != HERE / "quick.py"
        and not file.name.startswith("peer_")
        and "__main__" in file.read_text("utf-8")
    ]


def run(script: Path) -> bool:
    """Run a script, and print whether it ended well, and after how many seconds."""
    began = time.monotonic()
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONUNBUFFERED="1")
    command = [sys.executable, str(script), "--quick"]
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            timeout=MOST_SECONDS,
        )
        code, said = str(done.returncode), done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b"").decode(errors="replace")
        code = f"no end in {MOST_SECONDS} s"
    seconds = time.monotonic() - began
    name = f"{script.parent.name}/{script.name}"
    if code == "0":
        print(f"{name:<28}{seconds:6.1f} s", flush=True)
        return True
    print(f"{name:<28}{seconds:6.1f} s  FAILED ({code})\n{said}", flush=True)
    return False


def main() -> int:
    """Run them all, two at a time; those that open napari one after the other."""
    began = time.monotonic()
    every = scripts()
    docks = [s for s in every if NAPARI.search(s.read_text("utf-8"))]
    with ThreadPoolExecutor(TOGETHER) as pool:
        windows = pool.submit(lambda: [run(s) for s in docks])
        others = pool.map(run, [s for s in every if s not in docks])
        good = [*others, *windows.result()]
    print(f"{sum(good)} of {len(good)} ran, {time.monotonic() - began:.0f} s")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
