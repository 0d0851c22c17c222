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

pytestmark = pytest.mark.slow

TESTS = str(Path(__file__).parents[1])
KILLS = 4
STEPS = 100
SCRIPT = f"""
import os, sys, torch
from support.trainings import discs, SMALL
from napari_unet.config import TrainConfig
from napari_unet.events import StepDone, drain
from napari_unet.training.loop import train

torch.set_num_threads(1)
config = TrainConfig(steps={STEPS}, batch=4, patch=32)
samples = [discs(i) for i in range(4)]
for line in sys.stdin:
    run = os.fork()  # a process of its own, that need not import torch again
    if run:
        print("exit", os.waitstatus_to_exitcode(os.waitpid(run, 0)[1]), flush=True)
        continue
    print(os.getpid(), flush=True)
    events = train(samples, None, line.rstrip(), config, model=SMALL, resume=True)
    drain(events, lambda e: isinstance(e, StepDone) and print(e.step, flush=True))
    os._exit(0)
"""


class Trainings:
    """Starts trainings, each in a process of its own."""

    def __init__(self):
        self.parent = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": TESTS},
            text=True,
        )

    def start(self, folder):
        """Return the number of the process."""
        self.parent.stdin.write(f"{folder}\n")
        self.parent.stdin.flush()
        return int(self.parent.stdout.readline())

    def end(self):
        """Wait for the end; returns the exit code."""
        lines = iter(self.parent.stdout.readline, "")
        return next(int(x.split()[1]) for x in lines if x.startswith("exit"))


@pytest.fixture
def trainings():
    made = Trainings()
    yield made
    with made.parent as parent:
        parent.kill()


def weights(folder):
    network = Model.load(folder, "cpu").network
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_kill_at_random_moments_then_resume(tmp_path, trainings):
    trainings.start(tmp_path / "whole")
    assert trainings.end() == 0
    rng = random.Random(0)
    killed = 0
    folder = tmp_path / "killed"
    for _ in range(KILLS):
        process = trainings.start(folder)
        # Loading, the first save, steps and validations all come within a second.
        first = not (folder / WEIGHTS).exists()
        if first:
            assert (
                trainings.parent.stdout.readline()
            )  # until then there is nothing to load
        time.sleep(rng.uniform(0, 0.5))
        os.kill(process, signal.SIGKILL)
        killed += trainings.end() == -signal.SIGKILL
        assert Model.load(folder, "cpu").card["steps"] <= STEPS
    assert killed >= KILLS // 2, "most runs ended before they were killed"
    trainings.start(folder)
    assert trainings.end() == 0
    expected, found = weights(tmp_path / "whole"), weights(folder)
    for name, value in expected.items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)
    assert not list(folder.rglob(".*.part*"))
