"""What the GUI tests share; they drive real widgets in a real viewer on a display."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest

NEEDS_DISPLAY = sys.platform.startswith("linux") and not os.environ.get("DISPLAY")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    skip = pytest.mark.skip(reason="no display: run the tests with xvfb-run")
    for item in items:
        if NEEDS_DISPLAY and HERE in item.path.parents:
            item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def _modules_are_no_garbage():
    """Keep modules out of the garbage collections that every viewer's end brings.

    A collection takes half a second with all of torch in it, and there are several.
    """
    import torch

    import napari_unet.training.loop  # noqa: F401

    torch.optim.AdamW([torch.zeros(1, requires_grad=True)])  # imports the rest of torch
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_built_in_model(request, monkeypatch, tmp_path):
    """Hide the model of the package from tests that do not ask for it: it is large."""
    if "built_in_model" not in request.fixturenames:
        monkeypatch.setattr(
            "napari_unet.gui.pickers.model_picker.BUILT_IN", tmp_path / "none"
        )


@pytest.fixture
def built_in_model():
    """Ask for the model of the package; its path."""
    from napari_unet.models.store import BUILT_IN

    return str(BUILT_IN / "nuclei")


@pytest.fixture(autouse=True)
def _no_job_outlives_its_test():
    from napari_unet.gui import worker

    yield
    assert worker.jobs().stop(20), "a job did not end"
