"""Whether one model is better than another by more than chance, on the same objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.scoring.metrics import THRESHOLDS, Matching

LEAST_OBJECTS = 20
RESAMPLES = 1000
CHANCE = 0.05
NINE = np.array(THRESHOLDS[:9], np.float32)


@dataclass(frozen=True)
class Gain:
    """What a second model gains over a first one.

    mean9 : difference of mean9, pooled
    low, high : where it lies in 90 % of the resamples of the objects
    objects : true objects behind it
    """

    mean9: float
    low: float
    high: float
    objects: int

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``no difference``, or ``too few to tell``."""
        if self.objects < LEAST_OBJECTS:
            return "too few to tell"
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no difference"


def gain(before: Sequence[Matching], after: Sequence[Matching], seed: int = 0) -> Gain:
    """Compare two models on the same true objects, by a paired bootstrap over them.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993.

    Parameters
    ----------
    before, after : sequences of Matching
        Of the first and the second model, an image each; the same true objects.
    seed : int

    Returns
    -------
    Gain

    Raises
    ------
    ValueError
        If the true objects are not the same.

    Examples
    --------
    >>> from napari_unet.scoring.metrics import match
    >>> truth = np.repeat(np.arange(31), 4)
    >>> half = np.where(truth > 15, truth, 0)
    >>> found = gain([match(truth, half)], [match(truth, truth)])
    >>> found.mean9, found.verdict
    (0.5, 'better')
    """
    if [m.n_truth for m in before] != [m.n_truth for m in after]:
        raise ValueError("the true objects differ; match both models with the same")
    count = sum(m.n_truth for m in before)
    if not count:
        return Gain(0.0, 0.0, 0.0, 0)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(count, np.full(count, 1 / count), RESAMPLES)
    drawn = np.concatenate([np.ones((1, count), int), drawn])
    first, second = (_resampled(some, drawn, rng) for some in (before, after))
    change = second - first
    low, high = np.quantile(change[1:], (CHANCE, 1 - CHANCE))
    return Gain(float(change[0]), float(low), float(high), count)


def _resampled(
    matchings: Sequence[Matching], drawn: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return mean9 for each row of how often each true object is drawn."""
    hits = np.concatenate([_hits(m) for m in matchings])
    true = drawn @ hits
    # False objects have no partner in the other model: each is drawn for itself.
    false = sum(m.n_pred for m in matchings) - int(hits[:, 0].sum())
    falses = np.concatenate([[false], rng.poisson(false, len(drawn) - 1)])
    found = true[:, :1] + falses[:, None]
    total = drawn.sum(axis=1, keepdims=True) + found - true
    mean: np.ndarray = (true / np.maximum(total, 1)).mean(axis=1)
    return mean


def _hits(matching: Matching) -> np.ndarray:
    """Return which true objects are matched at each threshold, (n_truth, 9) bool."""
    best = np.zeros(matching.n_truth, np.float32)
    np.maximum.at(best, matching.truth, matching.iou)
    return best[:, None] >= NINE
