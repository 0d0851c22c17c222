"""What the workers of peers.py share; runs in the environment of any of them.

A worker trains on the pairs of a folder, or segments the images of one. It needs
nothing but NumPy and tifffile here, and tells what it measured in a JSON file.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

HELD_BACK = 10  # one in so many training images picks weights and thresholds
SEED = 0
# By what is imported.
PACKAGES = {
    "napari_unet": "napari-unet-live",
    **{n: n for n in ("stardist", "tensorflow", "keras", "cellpose", "torch", "numpy")},
}

Images = list[np.ndarray]
Train = Callable[[Path, Path, float], dict[str, Any]]
Segment = Callable[[np.ndarray], np.ndarray]


def work(train: Train, load: Callable[[Path], Segment]) -> None:
    """Do what the command line asks for.

    Parameters
    ----------
    train : callable
        (data, model, minutes) -> what is told; leaves a model in the folder `model`.
    load : callable
        (model) -> a function that turns a (Y, X) image into its labels.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("stage", choices=("train", "predict"))
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--told", type=Path, required=True)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--labels", type=Path)
    given = parser.parse_args()
    if given.stage == "train":
        told = train(given.data, given.model, given.minutes)
    else:
        told = predict(load, given.model, given.data, given.labels)
    told["versions"] = {
        package: version(package)
        for module, package in PACKAGES.items()
        if module in sys.modules
    }
    given.told.write_text(json.dumps(told), "utf-8")


def read_pairs(data: Path) -> tuple[Images, Images]:
    """Return all images and their labels, sorted by name."""
    files = sorted((data / "images").glob("*.tif"))
    images = [tifffile.imread(file) for file in files]
    labels = [tifffile.imread(data / "labels" / file.name) for file in files]
    return images, labels


def hold_back(
    images: Images, labels: Images
) -> tuple[tuple[Images, Images], tuple[Images, Images]]:
    """Return the pairs to learn from and the tenth, at least one, that is held back."""
    order = np.random.default_rng(SEED).permutation(len(images))
    count = max(1, len(images) // HELD_BACK)
    parts = order[count:], order[:count]
    learnt, held = (([images[i] for i in p], [labels[i] for i in p]) for p in parts)
    return learnt, held


def predict(
    load: Callable[[Path], Segment], model: Path, data: Path, folder: Path
) -> dict[str, Any]:
    """Segment every image from file to file; return the seconds of each.

    One image of each size is segmented beforehand: what is compiled on first use is
    not counted.
    """
    files = sorted((data / "images").glob("*.tif"))
    folder.mkdir(parents=True, exist_ok=True)
    segment = load(model)
    sizes: set[tuple[int, ...]] = set()
    for file in files:
        image = tifffile.imread(file)
        if image.shape not in sizes:
            sizes.add(image.shape)
            segment(image)
    seconds, pixels = [], []
    for file in files:
        began = time.perf_counter()
        image = tifffile.imread(file)
        labels = np.asarray(segment(image)).astype(np.uint16)
        tifffile.imwrite(folder / f"{file.stem}_labels.tif", labels)
        seconds.append(time.perf_counter() - began)
        pixels.append(image.size)
    return {"image_seconds": seconds, "image_pixels": pixels}
