"""The worker of peers.py for napari_unet; runs in this environment."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from peer_work import Segment, work

from napari_unet import drain
from napari_unet.cli import main
from napari_unet.models.model import Model
from napari_unet.segmentation.segment import segment


def train(data: Path, folder: Path, minutes: float) -> dict[str, Any]:
    """Train as the command line does."""
    command = ["train", str(data), "--output", str(folder), "--minutes", f"{minutes:g}"]
    code = main([*command, "--device", "cpu"])
    if code:
        raise SystemExit(code)
    with (folder / "history.csv").open(encoding="utf-8") as file:
        last = list(csv.DictReader(file))[-1]
    return {"steps": int(last["step"]), "seconds": float(last["seconds"])}


def load(folder: Path) -> Segment:
    """Return what segments one image."""
    model = Model.load(folder, "cpu")

    def labels_of(image: np.ndarray) -> np.ndarray:
        return drain(segment(model, image[None])).labels

    return labels_of


if __name__ == "__main__":
    work(train, load)
