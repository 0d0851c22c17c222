"""``napari-unet demo`` and ``napari-unet open``."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from napari_unet.atomic import make_folder
from napari_unet.cli.arguments import Device, Selection
from napari_unet.cli.bars import Show
from napari_unet.cli.data import check_writable, load
from napari_unet.cli.reports import print_scores
from napari_unet.cli.training import print_result, run
from napari_unet.config import ModelConfig, TrainConfig, checked
from napari_unet.events import drain
from napari_unet.files.datasets import find_pairs
from napari_unet.files.sample_data import folder
from napari_unet.files.writers import write_json, write_labels
from napari_unet.text import counted

MARK = "demo.json"


def demo(
    *,
    minutes: float = 1.0,
    output: Path = Path("napari-unet-demo"),
    seed: int = 0,
    device: Device = "auto",
    show: bool = True,
) -> None:
    """Train on bundled nuclei for a minute and segment images not seen before.

    Parameters
    ----------
    minutes
        How long to train.
    output
        Folder of the model and the pictures; an older demo's is replaced.
    seed
        Seed of all randomness.
    show
        Open napari on the result at the end, where it is installed and has a display.
    """
    from napari_unet.device import pick_device
    from napari_unet.reports.evaluation import evaluate
    from napari_unet.reports.figures import overlay, save

    # A minute is short: small steps, many of them, and an average that keeps up.
    config = checked(
        TrainConfig,
        {"minutes": minutes, "seed": seed, "batch": 4, "warmup": 20, "average": 0.98},
    )
    pick_device(device)
    check_writable(output)
    _clear(output)
    nothing = Selection()
    with Show() as bar:
        samples, _ = load([find_pairs(folder("nuclei"))], nothing, bar)
        print(f"training on {len(samples)} images for {minutes:g} min; Ctrl-C stops it")
        model = run(
            samples, output / "model", config, ModelConfig(), None, False, device, bar
        )
        unseen, _ = load([find_pairs(folder("nuclei/test"))], nothing, bar)
        report = drain(evaluate(unseen, model=model), bar)
    print_result(model, output / "model")
    for sample, labels in zip(unseen, report.labels, strict=True):
        write_labels(output / f"{sample.name}_labels.tif", labels, sample.spacing)
        picture = overlay(sample.image, labels, sample.labels)
        save(picture, output / f"{sample.name}_overlay.png")
        truth = f"truth {sample.labels.max():,}"
        print(f"{sample.name}: {counted(int(labels.max()), 'object')}, {truth}")
    scores = report.to_dict()
    print("on images that the model has not seen:")
    print_scores(scores)
    write_json(output / MARK, scores)
    print(f"labels and overlays are in {output}, the loss curve in {output / 'model'}")
    if show and _has_display():
        from napari_unet.gui.open.demo import show as open_napari

        open_napari(unseen, report.labels, output / "model")


def _has_display() -> bool:
    """Return whether napari is installed and could open a window."""
    if importlib.util.find_spec("napari") is None or not any(
        importlib.util.find_spec(name) for name in ("PyQt6", "PySide6")
    ):
        return False
    variables = ("DISPLAY", "WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or any(map(os.environ.get, variables))


def _clear(output: Path) -> None:
    """Remove an older demo's model; a ValueError if the folder holds anything else."""
    if output.is_dir() and any(output.iterdir()) and not (output / MARK).is_file():
        raise ValueError(
            f"{output} is not empty and no demo of ours; choose another --output"
        )
    make_folder(output)
    write_json(output / MARK, {})
    shutil.rmtree(output / "model", ignore_errors=True)


def open_files(files: tuple[Path, ...] = (), /) -> int:
    """Open napari, with files if any are given.

    Parameters
    ----------
    files
        Images or labels.
    """
    missing = [str(f) for f in files if not f.exists()]
    if missing:
        raise ValueError(f"{', '.join(missing)}: does not exist; check the path")
    if importlib.util.find_spec("napari") is None:
        raise ValueError('napari is not installed; do pip install "napari[all]"')
    return subprocess.call([sys.executable, "-P", "-m", "napari", *map(str, files)])
