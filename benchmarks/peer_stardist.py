"""The worker of peers.py for StarDist; runs in an environment with it and TensorFlow.

Options, normalisation and augmentation are those of StarDist's own training notebook:
32 rays on a grid of 2, batches of 4 patches of 256 x 256, percentiles 1 and 99.8,
flips, quarter turns, changed intensities and noise. The weights with the least loss on
the images held back are kept, and both thresholds are optimised on these images.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from csbdeep.utils import normalize
from peer_work import SEED, Segment, hold_back, read_pairs, work
from stardist import fill_label_holes
from stardist.models import Config2D, StarDist2D

EPOCHS = 100_000  # the clock ends training long before


def augment(image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a patch and its labels as the notebook varies them."""
    turns = np.random.randint(4)
    image, labels = np.rot90(image, turns), np.rot90(labels, turns)
    for axis in (0, 1):
        if np.random.rand() < 0.5:
            image, labels = np.flip(image, axis), np.flip(labels, axis)
    image = image * np.random.uniform(0.6, 2) + np.random.uniform(-0.2, 0.2)
    noise = 0.02 * np.random.uniform(0, 1)
    return image + noise * np.random.normal(0, 1, image.shape), labels


class Clock(keras.callbacks.Callback):
    """Ends training when the time is up; the epoch at hand is still validated."""

    def __init__(self, minutes: float) -> None:
        super().__init__()
        self.minutes = minutes
        self.steps = 0
        self.began = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        self.began = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps += 1
        if time.monotonic() - self.began > 60 * self.minutes:
            self.model.stop_training = True


def train(data: Path, folder: Path, minutes: float) -> dict[str, Any]:
    """Train until the time is up, then optimise the thresholds."""
    keras.utils.set_random_seed(SEED)
    images, labels = read_pairs(data)
    images = [normalized(image) for image in images]
    labels = [fill_label_holes(each) for each in labels]
    learnt, held = hold_back(images, labels)
    # Without TensorBoard, which would have to be installed and is not looked at.
    config = Config2D(
        n_rays=32,
        grid=(2, 2),
        n_channel_in=1,
        train_patch_size=(256, 256),
        train_batch_size=4,
        train_tensorboard=False,
    )
    model = StarDist2D(config, name=folder.name, basedir=str(folder.parent))
    model.prepare_for_training()
    clock = Clock(minutes)
    model.callbacks.append(clock)
    model.train(*learnt, validation_data=held, augmenter=augment, epochs=EPOCHS)
    trained = time.monotonic()
    thresholds = model.optimize_thresholds(*held)
    return {
        "steps": clock.steps,
        "seconds": trained - clock.began,
        "tuning_seconds": time.monotonic() - trained,
        "thresholds": thresholds,
    }


def normalized(image: np.ndarray) -> np.ndarray:
    """Return an image between its percentiles 1 and 99.8."""
    return normalize(image, 1, 99.8, axis=(0, 1))


def load(folder: Path) -> Segment:
    """Return what segments one image."""
    model = StarDist2D(None, name=folder.name, basedir=str(folder.parent))

    def labels_of(image: np.ndarray) -> np.ndarray:
        return model.predict_instances(normalized(image), verbose=False)[0]

    return labels_of


if __name__ == "__main__":
    work(train, load)
