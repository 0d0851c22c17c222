"""Whether a file still holds what a layer shows."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np

from napari_unet.data.images import ImageSeries
from napari_unet.events import Event, Progress
from napari_unet.files.readers import read_image, read_labels


def same_file(
    path: Path | None, image: ImageSeries
) -> Generator[Event, None, Path | None]:
    """Return the path if reading it gives this image; long work."""
    yield Progress("reading", 0)
    if path is None:
        return None
    try:
        found = read_image(path)
    except ValueError:
        return None  # napari reads more kinds of files than the command line
    alike = found.axes == image.axes and found.array.shape == image.array.shape
    spacings = (found.spacing or (), image.spacing or ())
    alike = alike and len(spacings[0]) == len(spacings[1])
    if alike and np.allclose(*spacings) and np.array_equal(found.array, image.array):
        return path
    return None


def same_labels_file(path: Path | None, labels: np.ndarray) -> Path | None:
    """Return the path if reading it gives these labels."""
    if path is None:
        return None
    try:
        found = read_labels(path).array
    except ValueError:
        return None
    return path if np.array_equal(found, labels) else None
