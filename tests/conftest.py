"""What several test files share: touching objects, a network that says its input."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from support.made import (
    blobs,
    echo,
    maps_of,
)

torch.set_num_threads(1)


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
