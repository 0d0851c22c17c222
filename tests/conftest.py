"""What several test files share: touching objects, a network that says its input."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from support.made import (
    blobs,
    echo,
    maps_of,
)

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that tests start


@pytest.fixture(scope="session")
def crowd():
    """A model that sees exactly what is there, its image, and the labels."""
    model = echo()
    labels = blobs(3, (210, 190), 90, (4, 9)).labels
    return model, maps_of(model, labels), labels


@pytest.fixture(scope="session")
def real_data():
    """The folder of real data, or a skip."""
    folder = os.environ.get("NAPARI_UNET_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("NAPARI_UNET_DATA names no folder of real images")
    return Path(folder)


@pytest.fixture(scope="session")
def trained(tmp_path_factory, worker_id):
    """The folder of a small model that knows the discs of made.blobs."""
    root = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        root = root.parent  # one model for all processes
    folder = root / "discs"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            _train(folder)
    return folder


def _train(folder):
    from napari_unet.config import ModelConfig, TrainConfig
    from napari_unet.events import drain
    from napari_unet.training.loop import train
    from support.made import blobs

    samples = [blobs(seed, (128, 128), 30) for seed in range(4)]
    config = TrainConfig(steps=120, patch=64, batch=4, rate=5e-3, warmup=10)
    drain(train(samples, None, folder, config, model=ModelConfig(depth=2, width=8)))
