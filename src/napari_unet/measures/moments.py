"""Where objects are, and the ellipses with the same second moments."""

from __future__ import annotations

import numpy as np

from napari_unet.measures.groups import Groups


def centres(groups: Groups) -> np.ndarray:
    """Return the centroids, (N, axes) in px from the object's `low`."""
    sums = [groups.sums(place) for place in groups.local]
    found: np.ndarray = np.stack(sums, axis=1) / groups.counts[:, None]
    return found


def inertia(
    groups: Groups, centre: np.ndarray, spacing: tuple[float, ...]
) -> np.ndarray:
    """Return the inertia tensors, (N, axes, axes), per pixel, in the unit of spacing.

    As scikit-image's ``inertia_tensor``: from sums over pixels that lie in the centres
    of their squares.
    """
    axes = len(spacing)
    away = [
        (place - groups.spread(centre[:, i])) * spacing[i]
        for i, place in enumerate(groups.local)
    ]
    moments = np.zeros((len(groups.ids), axes, axes))
    for i in range(axes):
        for j in range(i, axes):
            moments[:, i, j] = moments[:, j, i] = groups.sums(away[i] * away[j])
    moments /= groups.counts[:, None, None]
    traces = np.trace(moments, axis1=1, axis2=2)
    tensor: np.ndarray = traces[:, None, None] * np.eye(axes) - moments
    return tensor


def ellipses(tensor: np.ndarray) -> dict[str, np.ndarray]:
    """Return axes, and in 2D orientation and eccentricity, of inertia tensors.

    Lengths end in ``_um``. As scikit-image has them: the orientation is the angle
    between the first axis and the longer axis of the ellipse, from -pi/2 to pi/2.
    """
    values = np.clip(np.linalg.eigvalsh(tensor)[:, ::-1], 0, None)
    first, last = values[:, 0], values[:, -1]
    if tensor.shape[-1] == 3:
        middle = values[:, 1]
        major, minor = first + middle - last, middle + last - first
        return {
            "axis_major_length": np.sqrt(10 * np.clip(major, 0, None)),
            "axis_minor_length": np.sqrt(10 * np.clip(minor, 0, None)),
        }
    ratio = np.divide(last, first, out=np.ones_like(first), where=first > 0)
    return {
        "axis_major_length": 4 * np.sqrt(first),
        "axis_minor_length": 4 * np.sqrt(last),
        "orientation": orientation(tensor),
        "eccentricity": np.sqrt(1 - ratio),
    }


def orientation(tensor: np.ndarray) -> np.ndarray:
    """Return the orientations of inertia tensors of planes."""
    a, b, c = tensor[:, 0, 0], tensor[:, 0, 1], tensor[:, 1, 1]
    even = np.where(b < 0, np.pi / 4, -np.pi / 4)
    return np.where(a == c, even, np.arctan2(-2 * b, c - a) / 2)
