"""The estimate of a training's memory: told first, true to what grows it."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.events import MemoryNeeded, Note, Progress, drain
from napari_unet.formulations import formulation_of
from napari_unet.networks import NETWORKS, build
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


def test_features_grow_with_pixels_and_shrink_with_16_bits():
    config = SMALL.replace(width=16)
    one, two, four = (estimate(config, batch=8 * n) for n in (1, 2, 4))
    assert four - two == pytest.approx(2 * (two - one), rel=1e-2)
    half = [estimate(config, batch=n, dtype=torch.bfloat16) for n in (8, 16)]
    assert 0.5 <= (half[1] - half[0]) / (two - one) < 0.75  # losses are in 32


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_what_autograd_keeps_is_counted(name, ndim):
    config = SMALL.replace(network=name, ndim=ndim, width=16)
    few, more = (
        training_memory(config, [], (16,) * ndim, batch, torch.float32)
        for batch in (2, 10)
    )
    kept = (kept_by_autograd(config, 10) - kept_by_autograd(config, 2)) / (more - few)
    assert 0.55 < kept < 1


def kept_by_autograd(config, batch):
    """The bytes that the way forth of a real step leaves for the way back."""
    network = build(config, formulation_of(config).channels).train()
    kept = {}

    def pack(tensor):
        kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        outputs = network.outputs(torch.zeros(batch, 1, *(16,) * config.ndim))
    del outputs
    return sum(kept.values())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peaks are those of glibc")
def test_the_estimate_is_near_the_peak():
    """Of one network: benchmarks/memory.py has them all."""
    script = Path(__file__).parents[2] / "benchmarks" / "memory.py"
    case = ["--quick", "--case", "unet++", "3", "16", "float32"]
    done = subprocess.run(
        [sys.executable, script, *case],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    ratio = float(re.search(r"([\d.]+) x", done.stdout)[1])
    assert 0.7 < ratio < 1.5, done.stdout


def test_the_estimate_draws_no_random_number():
    state = torch.get_rng_state()
    estimate(SMALL.replace(dropout=0.5))
    assert torch.equal(torch.get_rng_state(), state)


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
    assert told < encoding and str(events[told]) == "about 0.6 GB"
    texts = [e.text for e in events if isinstance(e, Note)]
    assert any("takes about 0.6 GB of memory but 0.1 GB are free" in t for t in texts)
    assert np.isfinite(events[told].bytes)
