"""Images whose objects have another size than the model knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from .model import Model
from .prediction import Picture

# A resampling blurs; for less than this it is not worth it.
LEAST_CHANGE = 0.02


def resampled(picture: Picture, model: Model, object_size: float | None) -> Picture:
    """Resample an image so that its objects have the size that the model knows.

    Parameters
    ----------
    picture : Picture
    model : Model
    object_size : float or None
        Median diameter of the image's objects in px; None: as the model knows them.

    Returns
    -------
    Picture
        `picture` itself where its objects have that size already.

    Raises
    ------
    ValueError
        If the model knows no object size.
    """
    known = model.config.object_size
    if object_size is None:
        return picture
    if known is None:
        raise ValueError(
            f"{picture.name}: object_size is {object_size:g} but the model knows no "
            "object size; leave it out"
        )
    array = zoomed(picture.array, known / object_size)
    return picture if array is picture.array else replace(picture, array=array)


def zoomed(image: Any, zoom: float) -> Any:
    """Return an image at another magnification, or itself where that changes little.

    Parameters
    ----------
    image : (C, [Z,] Y, X) array-like
    zoom : float
        2 doubles the number of pixels along each axis.

    Returns
    -------
    (C, [Z,] Y, X) float32 array, or `image`
    """
    if abs(zoom - 1) < LEAST_CHANGE:
        return image
    shape = tuple(max(1, round(n * zoom)) for n in image.shape[1:])
    return resize(np.asarray(image).astype(np.float32), shape)


def resize(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Resample linearly, with antialiasing where it shrinks.

    Parameters
    ----------
    array : (C, [Z,] Y, X) float32 array
    shape : sequence of int
        The new spatial shape; corners of the images meet, not centres of pixels.

    Returns
    -------
    (C, *shape) float32 array
    """
    channels = array.shape[0]
    # Planes first, then across them: torch has no antialiasing for three axes.
    planes = _resize_planes(array.reshape(-1, *array.shape[-2:]), shape[-2:])
    if len(shape) == 2:
        return planes
    flat = planes.reshape(channels, array.shape[1], -1)
    return _resize_planes(flat, (shape[0], flat.shape[2])).reshape(channels, *shape)


def _resize_planes(planes: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    tensor = torch.from_numpy(np.ascontiguousarray(planes))[None]
    result = torch.nn.functional.interpolate(
        tensor, size=tuple(shape), mode="bilinear", align_corners=False, antialias=True
    )
    return result[0].numpy()
