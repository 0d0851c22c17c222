"""A run that is killed at any moment leaves a model that loads, and can be resumed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_unet.models.model import Model
from napari_unet.models.store import WEIGHTS

TESTS = str(Path(__file__).parents[1])
KILLS = 20
STEPS = 200
SCRIPT = f"""
import sys, torch
from support.trainings import discs, SMALL
from napari_unet.config import TrainConfig
from napari_unet.events import StepDone, drain
from napari_unet.training.loop import train

torch.set_num_threads(1)
config = TrainConfig(steps={STEPS}, batch=4, patch=32)
print("ready", flush=True)
events = train(
    [discs(i) for i in range(4)], None, sys.argv[1], config, model=SMALL, resume=True
)
drain(events, lambda e: isinstance(e, StepDone) and print(e.step, flush=True))
"""


def start(folder):
    environment = {**os.environ, "PYTHONPATH": TESTS}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(folder)],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )


def weights(folder):
    network = Model.load(folder, "cpu").network
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_kill_at_random_moments_then_resume(tmp_path):
    whole = start(tmp_path / "whole")
    whole.communicate()
    assert whole.returncode == 0
    rng = random.Random(0)
    killed = 0
    folder = tmp_path / "killed"
    for _ in range(KILLS):
        process = start(folder)
        assert process.stdout.readline() == "ready\n"
        # Loading, the first save, steps and validations all come within a second.
        first = not (folder / WEIGHTS).exists()
        if first:
            assert process.stdout.readline()  # until then there is nothing to load
        time.sleep(rng.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        assert Model.load(folder, "cpu").card["steps"] <= STEPS
    assert killed >= KILLS // 2, "most runs ended before they were killed"
    last = start(folder)
    last.communicate()
    assert last.returncode == 0
    expected, found = weights(tmp_path / "whole"), weights(folder)
    for name, value in expected.items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)
    assert not list(folder.rglob(".*.part*"))
