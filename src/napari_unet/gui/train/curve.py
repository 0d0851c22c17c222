"""What a plot of training needs without Qt: points within bounds, and ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from napari_unet.text import clock

MOST_POINTS = 1000
# Seconds between ticks that people can read.
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)
HOUR = 3600


class Curve:
    """Points in their order; when they become many, neighbours are averaged.

    Parameters
    ----------
    most : int
        The most points that are kept; all stand for equally many added ones.
    """

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._most = most
        self._points: list[tuple[float, ...]] = []
        self._waiting: list[tuple[float, ...]] = []
        self._each = 1  # how many added points are one kept point

    def add(self, *point: float) -> None:
        """Add a point; all have as many numbers."""
        self._waiting.append(point)
        if len(self._waiting) < self._each:
            return
        self._points.append(_mean(self._waiting))
        self._waiting = []
        if len(self._points) > self._most:
            pairs = range(0, len(self._points) - 1, 2)
            left = self._points[-1:] if len(self._points) % 2 else []
            self._points = [_mean(self._points[i : i + 2]) for i in pairs]
            # The odd one is half of the next pair.
            self._waiting = left * self._each
            self._each *= 2

    def array(self) -> np.ndarray:
        """Return the points, a row each; (0, 0) where there are none."""
        waiting = [_mean(self._waiting)] if self._waiting else []
        points = [*self._points, *waiting]
        return np.array(points, float) if points else np.zeros((0, 0))


def time_ticks(first: float, last: float) -> list[tuple[float, str]]:
    """Return at most six times within a range of seconds, and how to write them.

    Examples
    --------
    >>> [text for _, text in time_ticks(0, 100)]
    ['0:00', '0:30', '1:00', '1:30']
    """
    span = max(last - first, 1.0)
    step = next((s for s in STEPS if span / s <= 5), HOUR)
    while span / step > 5:
        step += HOUR
    times = range(math.ceil(first / step) * step, math.floor(last) + 1, step)
    return [(t, clock(t) if t >= 60 else f"0:{t:02}") for t in times]


def loss_ticks(low: float, high: float) -> list[float]:
    """Return a few round values between two positive ones, for a logarithmic axis.

    Examples
    --------
    >>> loss_ticks(0.3, 1.4), loss_ticks(0.02, 6)
    ([0.5, 1.0], [0.02, 0.1, 0.5, 2.0])
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    round_ones = [m * 10.0**p for p in powers for m in (1, 2, 5)]
    found = [round(v, 12) for v in round_ones if low <= v <= high]
    if len(found) < 2:  # less than a doubling: even steps
        step = 10.0 ** math.floor(math.log10((high - low) / 2))
        step *= next(m for m in (5, 2, 1) if m * step <= (high - low) / 2)
        count = range(math.ceil(low / step), math.floor(high / step) + 1)
        return [round(n * step, 12) for n in count]
    return found[:: math.ceil(len(found) / 5)]


def _mean(points: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(sum(values) / len(points) for values in zip(*points, strict=True))
