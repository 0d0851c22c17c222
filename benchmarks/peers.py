"""Our U-Net beside StarDist and Cellpose 3, from scratch on the same images and cores.

    python benchmarks/peers.py --minutes 30 > peers.log

trains each for so long on the fluorescence `train` images of $NAPARI_UNET_DATA/dsb2018,
segments the `val` images and scores all labels with `napari-unet evaluate`. The peers
get environments of their own, made on the first run (4 GB); nothing but packages is
downloaded. All run on the processor. A stage that is finished is not run again, so the
script can be killed and started anew; a training that was killed starts from the
beginning. Results go to runs/peers/30min: table.md, table.json, peers.png. For Linux
and macOS; nothing else should be running.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import tifffile
from peer_report import report
from quick import arguments as read_arguments
from quick import nuclei

from napari_unet.events import drain
from napari_unet.files.datasets import Dataset, find_pairs, load_samples
from napari_unet.files.writers import write_json

HERE = Path(__file__).parent
# Versions that work together: StarDist 0.9 knows Keras 3, which TensorFlow brings, and
# Cellpose 3 takes the torch that is there.
PACKAGES: dict[str, tuple[tuple[str, ...], ...]] = {
    "unet": (),
    "stardist": (("stardist==0.9.2", "tensorflow==2.21.0"),),
    "cellpose": (("torch==2.13.0",), ("cellpose==3.1.1.3",)),
}
POOLS = ("OMP", "MKL", "OPENBLAS", "NUMBA", "TF_NUM_INTRAOP", "TF_NUM_INTEROP")


def say(text: str) -> None:
    """Print a line that a log shows at once."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def measured(
    command: list[Any], log: Path, environment: dict[str, str]
) -> dict[str, float]:
    """Run a command; return its seconds and the most memory it held at once.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    began = time.monotonic()
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        # The peak of this child and of its own children; it starts at the size of this
        # script, which therefore stays small.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
    if process.returncode:
        raise RuntimeError(f"failed with {process.returncode}; see {log}")
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "wall_seconds": time.monotonic() - began,
        "peak_bytes": float(usage.ru_maxrss * unit),
    }


def write_data(data: Dataset, folder: Path) -> None:
    """Write the pairs as TIFF files, which every worker can read."""
    done = folder / "done"
    if done.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for pair in data.pairs:  # one at a time, to stay small
        sample = drain(load_samples(replace(data, pairs=(pair,))))[0]
        shape = sample.image.array.shape
        if shape[0] != 1 or len(shape) != 3:
            raise ValueError(
                f"{sample.name}: has shape {shape}; peers are compared on "
                "images of one channel, so choose such with --where"
            )
        name = f"{sample.name}.tif"
        tifffile.imwrite(folder / "images" / name, sample.image.array[0])
        tifffile.imwrite(folder / "labels" / name, sample.labels.astype("uint16"))
    done.touch()


def interpreter(method: str, output: Path, threads: dict[str, str]) -> Path:
    """Return the Python of a method; its environment is made where it is missing."""
    if not PACKAGES[method]:
        return Path(sys.executable)
    home = output / f"env-{method}"
    python, done = home / "bin" / "python", home / "done.txt"
    wanted = "\n".join(" ".join(group) for group in PACKAGES[method])
    if done.exists() and done.read_text("utf-8") == wanted:
        return python
    say(f"{method}: making its environment")
    began = time.monotonic()
    log = output / f"env-{method}.log"
    measured([sys.executable, "-m", "venv", "--clear", home], log, threads)
    for group in PACKAGES[method]:
        measured([python, "-m", "pip", "install", *group], log, threads)
    done.write_text(wanted, "utf-8")
    say(f"{method}: environment made in {time.monotonic() - began:.0f} s")
    return python


def is_there(method: str, output: Path) -> bool:
    """Return whether a method has its environment; says so where it has none."""
    there = not PACKAGES[method] or (output / f"env-{method}" / "done.txt").exists()
    if not there:
        say(f"{method} is left out: a run without --quick makes its environment first")
    return there


def stage(
    name: str, command: list[Any], folder: Path, environment: dict[str, str]
) -> dict[str, Any]:
    """Run a stage of a method, or read what it told; NAME.json is written last."""
    marker = folder / f"{name}.json"
    if marker.exists():
        say(f"{folder.name}: {name} is done")
        return json.loads(marker.read_text("utf-8"))
    say(f"{folder.name}: {name}")
    told = folder / "told.json"
    told.unlink(missing_ok=True)
    found = measured(
        [*command, "--json" if name == "score" else "--told", told],
        folder / f"{name}.log",
        environment,
    )
    found |= json.loads(told.read_text("utf-8"))
    write_json(marker, found)
    say(f"{folder.name}: {name} took {found['wall_seconds']:.0f} s")
    return found


def compete(
    method: str, given: argparse.Namespace, environment: dict[str, str]
) -> dict[str, Any]:
    """Train, segment and score with one method; return what each stage told."""
    python = interpreter(method, given.environments, environment)
    folder = given.results / method
    model, labels, val = folder / "model", folder / "labels", given.results / "val"
    worker = [python, HERE / f"peer_{method}.py"]
    if not (folder / "train.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    train = [*worker, "train", given.results / "train", model]
    train += ["--minutes", given.minutes]
    predict = [*worker, "predict", val, model, "--labels", labels]
    score = [sys.executable, "-m", "napari_unet", "evaluate", val]
    score += ["--predictions", labels]
    return {
        "train": stage("train", train, folder, environment),
        "predict": stage("predict", predict, folder, environment),
        "score": stage("score", score, folder, environment),
    }


def limit_cores(threads: int | None) -> dict[str, str]:
    """Keep this process and its children on so many cores; return the environment."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[:threads]
        os.sched_setaffinity(0, cores)
        threads = len(cores)
    threads = threads or os.cpu_count() or 1
    environment = dict(os.environ, PYTHONUNBUFFERED="1", TF_CPP_MIN_LOG_LEVEL="2")
    environment["CUDA_VISIBLE_DEVICES"] = "-1"  # cores are compared
    environment |= {f"{pool}_NUM_THREADS": str(threads) for pool in POOLS[:4]}
    environment |= {f"{pool}_THREADS": str(threads) for pool in POOLS[4:]}
    return environment


def check_settings(given: argparse.Namespace, cores: str) -> dict[str, Any]:
    """Note the settings of the runs in the folder, or hold them to those noted."""
    settings = {
        "data": str(given.data.resolve()),
        "where": given.where,
        "images": given.images,
        "minutes": given.minutes,
        "cores": int(cores),
        "machine": platform.machine(),
    }
    file = given.results / "settings.json"
    if not file.exists():
        write_json(file, settings)
    noted = json.loads(file.read_text("utf-8"))
    if noted != settings:
        raise ValueError(
            f"{given.results} holds runs with {noted}, not {settings}; choose another "
            "--output"
        )
    return settings


def arguments() -> argparse.Namespace:
    """Read the command line."""
    home = os.environ.get("NAPARI_UNET_DATA", ".")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("runs/peers"))
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--threads", type=int, help="cores to use; all by default")
    parser.add_argument("--where", default="modality=fluorescence")
    parser.add_argument("--images", type=int, help="train and val images, each")
    parser.add_argument(
        "--methods", nargs="+", choices=list(PACKAGES), default=list(PACKAGES)
    )
    environments = parser.get_default("output").resolve()
    given = read_arguments(parser, nuclei, Path(home, "dsb2018"), minutes=0.02)
    given.output = given.output.resolve()
    given.environments = environments if given.quick else given.output
    name = f"{given.minutes:g}min" + (f"-{given.images}images" if given.images else "")
    given.results = given.output / name
    return given


def main() -> int:
    given = arguments()
    # Asked to end, it takes its child along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))
    given.results.mkdir(parents=True, exist_ok=True)
    (given.output / ".gitignore").write_text("*\n", "utf-8")
    environment = limit_cores(given.threads)
    settings = check_settings(given, environment["OMP_NUM_THREADS"])
    where = dict([given.where.split("=", 1)]) if given.where else None
    for split in ("train", "val"):
        data = find_pairs(given.data, split=split, where=where)
        data = replace(data, pairs=data.pairs[: given.images])
        write_data(data, given.results / split)
        say(f"{len(data.pairs)} {split} images")
    if given.quick:
        given.methods = [m for m in given.methods if is_there(m, given.environments)]
    results, failed = {}, 0
    for method in given.methods:
        try:
            results[method] = compete(method, given, environment)
        except RuntimeError as error:
            failed += 1
            say(f"{method}: {error}")
        else:
            print(report(results, settings, given.results), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ValueError as error:
        sys.exit(f"peers.py: {error}")
