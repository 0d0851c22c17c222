"""The objects in labels: which there are, how large they are, and where."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from napari_unet.boxes import Box


def as_integers(labels: np.ndarray) -> np.ndarray:
    """Return labels as integers if they are floats that are whole; else as they are.

    Examples
    --------
    >>> as_integers(np.array([0.0, 2.0])), as_integers(np.array([0.5]))
    (array([0, 2], dtype=int32), array([0.5]))
    """
    if labels.dtype.kind != "f" or not labels.size:
        return labels
    low, high = labels.min(), labels.max()
    if not (-(2**31) <= low and high < 2**53):  # NaN is neither
        return labels
    dtype = np.int32 if high < 2**31 else np.int64
    whole: np.ndarray = labels.astype(dtype)
    return whole if np.array_equal(whole, labels) else labels


class LabelledObjects:
    """The objects in labels, looked for once and only when they are asked for.

    Parameters
    ----------
    labels : ([Z,] Y, X) integer array
        0 is background, every other value an object, which may lie on several parts.
        Nobody may change it from now on.
    mask : bool array of the same shape, optional
        Where it is False there is nothing.
    """

    def __init__(self, labels: np.ndarray, mask: np.ndarray | None = None) -> None:
        self._given, self._mask = labels, mask

    @property
    def _labels(self) -> np.ndarray:
        if self._mask is None:
            return self._given
        return np.where(self._mask, self._given, 0)

    @cached_property
    def _counted(self) -> tuple[np.ndarray, np.ndarray]:
        labels = self._labels
        if (
            labels.dtype.kind in "ui"
            and labels.min() >= 0
            and self._dense(labels.max())
        ):
            counts = np.bincount(labels.ravel().astype(np.intp, copy=False))
            counts[0] = 0
            ids = np.flatnonzero(counts)
            return ids.astype(labels.dtype), counts[ids]
        return np.unique(labels[labels > 0], return_counts=True)

    def _dense(self, highest: int) -> bool:
        """Return whether a table of all numbers is no larger than the labels."""
        return highest < max(2**16, self._given.size)

    @property
    def ids(self) -> np.ndarray:
        """Their numbers, (N,) array of the dtype of the labels, rising."""
        return self._counted[0]

    @property
    def areas(self) -> np.ndarray:
        """Pixels of each, (N,) array of int."""
        return self._counted[1]

    @cached_property
    def boxes(self) -> list[Box]:
        """The box around each."""
        from scipy import ndimage

        boxes: list[Box] = ndimage.find_objects(self.compact, len(self.ids))
        return boxes

    @property
    def compact(self) -> np.ndarray:
        """The labels with 1 to N for the ids, in the smallest unsigned dtype.

        Not kept, since it costs little more than a copy: the labels themselves where
        they are of this kind.
        """
        labels, ids = self._labels, self.ids
        numbers = np.arange(1, len(ids) + 1, dtype=np.min_scalar_type(len(ids)))
        if not len(ids) or ids[-1] == len(ids):
            return labels.astype(numbers.dtype, copy=False)
        if self._dense(ids[-1]):
            table, places = np.zeros(int(ids[-1]) + 1, numbers.dtype), labels
            table[ids] = numbers
        else:
            table = np.insert(numbers, 0, 0)
            places = np.searchsorted(np.insert(ids, 0, 0), labels)
        return np.take(table, places)
