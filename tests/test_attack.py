"""A few of the bad inputs and kills of scripts/attack.py: nothing goes wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[1] / "scripts" / "attack.py"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it needs Linux")
def test_bad_inputs_are_refused_and_kills_lose_nothing():
    """Bounded by time: on a slow machine there are fewer."""
    options = ["--inputs", "40", "--kills", "4", "--seconds", "6", "--seed", "7"]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert " bad inputs, seeds 7 to " in done.stdout
    assert " 0 lost, 0 left over" in done.stdout
