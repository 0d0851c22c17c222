"""Small trainings."""

import csv

import numpy as np

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.data.samples import Sample

SMALL = ModelConfig(depth=2, width=4)


def discs(seed=0, size=64, count=12, ndim=2, **kwargs):
    """One image of noisy discs (balls) with its labels."""
    rng = np.random.default_rng(seed)
    shape = (size,) * ndim if ndim == 2 else (16, size // 2, size // 2)
    labels = np.zeros(shape, np.int32)
    grid = np.indices(shape)
    for number in range(1, count + 1):
        centre = rng.uniform(4, np.array(shape) - 4)
        radius = rng.uniform(3, 6)
        distance = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))
        labels[(distance < radius**2) & (labels == 0)] = number
    image = (labels > 0) * 100.0 + rng.normal(20, 5, shape)
    return Sample(
        image[None].astype(np.float32), labels, name=f"discs {seed}", **kwargs
    )


def weights(model):
    return {k: v.cpu().numpy() for k, v in model.network.state_dict().items()}


def assert_equal_weights(a, b):
    a, b = weights(a), weights(b)
    assert a.keys() == b.keys()
    for name, value in a.items():
        np.testing.assert_array_equal(value, b[name], err_msg=name)


def history(folder):
    text = (folder / "history.csv").read_text()
    return list(csv.DictReader(text.splitlines()))


def options(**kwargs):
    return TrainConfig(**{"steps": 25, "batch": 4, "patch": 32, "warmup": 5, **kwargs})
