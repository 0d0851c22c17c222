"""Label images compared run by run: what matching and class figures share."""

from __future__ import annotations

from typing import Any

import numpy as np


def runs(
    truth: np.ndarray, labels: np.ndarray, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the runs of equal pixels: truth, label, whether inside the mask, length.

    Label images have a few runs per row, so all that follows, sorting too, costs little
    next to this one pass over the pixels.
    """
    truth, labels = np.asarray(truth), np.asarray(labels)
    inside = np.ones(truth.shape, bool) if mask is None else np.asarray(mask, bool)
    for array, name in ((labels, "labels"), (inside, "mask")):
        if array.shape != truth.shape:
            raise ValueError(
                f"the {name} have shape {array.shape} but the truth has {truth.shape}; "
                "compare arrays of one shape"
            )
    flat = [array.ravel() for array in (truth, labels, inside)]
    starts = np.empty(truth.size, bool)
    starts[:1] = True
    starts[1:] = flat[0][1:] != flat[0][:-1]
    for array in flat[1:] if mask is not None else flat[1:2]:
        starts[1:] |= array[1:] != array[:-1]
    first = np.flatnonzero(starts)
    found = [array[first] for array in flat]
    for array, name in zip(found[:2], ("truth", "labels"), strict=True):
        if not np.issubdtype(array.dtype, np.integer):
            raise ValueError(
                f"the {name} must be integers, got {array.dtype}; "
                "use label images, where 0 is background"
            )
        if (array < 0).any():
            raise ValueError(
                f"the {name} must not be negative, got {array.min()}; "
                "set what is unknown to 0 and leave it out with a mask"
            )
    return found[0], found[1], found[2], np.diff(first, append=truth.size)


def number(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values but 0, ascending, and each one's number among them, from 1."""
    background = np.zeros(1, values.dtype)  # so that 0 is always number 0
    ids, index = np.unique(np.concatenate([background, values]), return_inverse=True)
    return ids[1:], index[1:]


def sums(index: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    """Return the sum of integer weights for each index; float64 holds them exactly."""
    return np.bincount(index, weights, size).astype(np.int64)


def first_of_both(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the places of pairs of which both numbers are there for the first time."""
    first = np.unique(one, return_index=True)[1]
    return np.intersect1d(first, np.unique(other, return_index=True)[1])


def ratio(part: Any, whole: Any) -> np.ndarray:
    """Return part / whole, and 1 where there is nothing at all (0 / 0)."""
    part = np.asarray(part, float)
    result: np.ndarray = np.ones_like(part)
    np.divide(part, whole, out=result, where=np.asarray(whole) > 0)
    return result
