"""The estimate of a training's memory: told first, true to what grows it."""

import numpy as np
import pytest
import torch

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.events import MemoryNeeded, Note, Progress, drain
from napari_unet.networks import NETWORKS
from napari_unet.training import memory
from napari_unet.training.loop import train
from napari_unet.training.memory import training_memory
from support.made import blobs

SMALL = ModelConfig(depth=2, width=4)


def estimate(config=SMALL, count=2, patch=32, batch=4, dtype=torch.float32):
    samples = [blobs(i) for i in range(count)]
    return training_memory(config, samples, (patch, patch), batch, dtype)


def test_what_takes_more_is_told_to_take_more():
    least = estimate()
    for more in (
        estimate(count=40),
        estimate(patch=64),
        estimate(batch=8),
        estimate(SMALL.replace(width=8)),
        estimate(SMALL.replace(depth=3)),
        estimate(SMALL.replace(network="unet++")),
    ):
        assert more > least
    assert estimate(dtype=torch.bfloat16) < least


def test_features_grow_with_pixels_and_halve_with_16_bits():
    config = SMALL.replace(width=16)
    one, two, four = (estimate(config, batch=8 * n) for n in (1, 2, 4))
    assert four - two == pytest.approx(2 * (two - one), rel=1e-3)
    half = [estimate(config, batch=n, dtype=torch.bfloat16) for n in (8, 16)]
    loss = 3 * memory.OF_LOSS * 4 * 8 * 32**2
    assert half[1] - half[0] - loss == pytest.approx((two - one - loss) / 2, rel=1e-3)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_every_network_is_estimated(name, ndim):
    config = SMALL.replace(network=name, ndim=ndim)
    found = training_memory(config, [blobs()], (16,) * ndim, 2, torch.float32)
    assert memory.PROGRAM < found < memory.PROGRAM + 1e9


def test_it_is_told_before_the_work_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda device: 10**8)
    events = []
    config = TrainConfig(steps=1, patch=32, batch=2)
    samples = [blobs(i) for i in range(2)]
    drain(train(samples, [], tmp_path / "m", config, model=SMALL), events.append)
    told = next(i for i, e in enumerate(events) if isinstance(e, MemoryNeeded))
    encoding = next(
        i
        for i, e in enumerate(events)
        if isinstance(e, Progress) and e.what == "encoding"
    )
    assert told < encoding and str(events[told]) == "about 0.4 GB"
    texts = [e.text for e in events if isinstance(e, Note)]
    assert any("takes about 0.4 GB of memory but 0.1 GB are free" in t for t in texts)
    assert np.isfinite(events[told].bytes)
