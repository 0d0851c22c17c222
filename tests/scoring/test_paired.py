"""Whether a gain is more than chance."""

import numpy as np
import pytest

from napari_unet.scoring.metrics import match, score
from napari_unet.scoring.paired import gain


def field(count, kept, false=0, shift=0):
    """Labels of squares, of which some are found, shifted by some pixels."""
    truth = np.zeros((20 * count, 24), int)
    found = np.zeros_like(truth)
    for i in range(count):
        truth[20 * i + 2 : 20 * i + 12, 2:12] = i + 1
        if i < kept:
            found[20 * i + 2 + shift : 20 * i + 12 + shift, 2:12] = i + 1
        if i < false:
            found[20 * i + 2 : 20 * i + 12, 14:22] = 1000 + i
    return match(truth, found)


def test_the_gain_is_that_of_the_scores():
    before = [field(30, 20, 4, 1), field(25, 25, 0, 3)]
    after = [field(30, 28, 2, 1), field(25, 24, 1, 0)]
    found = gain(before, after)
    difference = score(after).pooled.mean9 - score(before).pooled.mean9
    assert found.mean9 == pytest.approx(difference, abs=1e-6)
    assert found.low <= found.mean9 <= found.high
    assert found.objects == 55


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((40, 20), (40, 38), "better"),
        ((40, 38), (40, 20), "worse"),
        ((40, 30), (40, 31), "no difference"),
        ((40, 30), (40, 30), "no difference"),
        ((40, 38, 0), (40, 38, 30), "worse"),
        ((19, 2), (19, 19), "too few to tell"),
    ],
)
def test_the_verdict(before, after, verdict):
    assert gain([field(*before)], [field(*after)]).verdict == verdict


def test_chance_alone_is_rarely_called_better():
    rng = np.random.default_rng(0)
    called = 0
    for seed in range(40):
        hits = rng.random((2, 60)) < 0.7
        truth = np.repeat(np.arange(61), 4)
        ones = [np.where(np.isin(truth, np.flatnonzero(h) + 1), truth, 0) for h in hits]
        found = gain(*([match(truth, one)] for one in ones), seed)
        called += found.verdict == "better"
    assert called <= 6


def test_nothing_and_other_objects():
    empty = match(np.zeros(5, int), np.zeros(5, int))
    assert gain([empty], [empty]).verdict == "too few to tell"
    with pytest.raises(ValueError, match="true objects differ"):
        gain([field(3, 3)], [field(4, 3)])
