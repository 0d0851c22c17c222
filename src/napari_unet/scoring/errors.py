"""What went wrong, object by object: missed, false, merged and split.

Objects are first matched one to one at an IoU of .5, so that the *matched* are the true
positives of AP50. "Mostly" means more than half of an area, the criterion by which the
Cell Tracking Challenge assigns objects [1]_. A prediction that holds the most of each
of two or more true objects is a *merge* (under-segmentation). A true object is *split*
(over-segmentation) where two or more predictions lie mostly inside it and together
cover the most of it. The kind of an object is the first that applies:

========  ================================  ====================================
kind      a true object                     a prediction
========  ================================  ====================================
matched   has a partner (true positive)     has a partner (true positive)
merged    lies mostly in a merge            is a merge
split     is split                          is a part of a true object's split
missed    none of these (false negative)    cannot be
false     cannot be                         none of these (false positive)
========  ================================  ====================================

So all that is not matched is a false negative or a false positive of AP50, and *missed*
and *false* are those of them that no merge or split explains; the field has counted
these four for long, as missing, added, merged and split [2]_ [3]_. A merge or split may
hold a matched object: a large nucleus that swallows a small one is matched, the small
one is merged.

References
----------
.. [1] Maška et al., "A benchmark for comparison of cell tracking algorithms",
   Bioinformatics 30, 2014. https://doi.org/10.1093/bioinformatics/btu080
.. [2] Coelho et al., "Nuclear segmentation in microscope cell images: a hand-segmented
   dataset and comparison of algorithms", ISBI 2009.
   https://doi.org/10.1109/ISBI.2009.5193098
.. [3] Caicedo et al., "Evaluation of deep learning strategies for nucleus segmentation
   in fluorescence images", Cytometry A 95, 2019. https://doi.org/10.1002/cyto.a.23863
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from napari_unet.colours import GREEN, ORANGE, PURPLE, SKY, YELLOW
from napari_unet.scoring.metrics import Matching
from napari_unet.scoring.run_lengths import first_of_both, runs

IOU = 0.5


class Kind(IntEnum):
    """What became of an object; the values of an error image."""

    BACKGROUND = 0
    MATCHED = 1
    MISSED = 2
    FALSE = 3
    MERGED = 4
    SPLIT = 5

    @property
    def word(self) -> str:
        """The kind as people read it."""
        return self.name.lower()


COLOURS = {
    Kind.MATCHED: GREEN,
    Kind.MISSED: SKY,
    Kind.FALSE: ORANGE,
    Kind.MERGED: PURPLE,
    Kind.SPLIT: YELLOW,
}


@dataclass(frozen=True, eq=False)
class Errors:
    """The kind of every object of one image; made by :func:`classify`.

    truth, pred : (n_truth,) and (n_pred,) uint8, the Kind of each object
    matches, merges, splits : (pairs,) bool, which overlaps of `matching` are a match, a
        part of a merge, a part of a split
    """

    matching: Matching
    truth: np.ndarray
    pred: np.ndarray
    matches: np.ndarray
    merges: np.ndarray
    splits: np.ndarray

    def counts(self) -> dict[str, int]:
        """Return how many are matched, missed, false, merged and split.

        `merged` counts predictions that are merges, `split` true objects.
        """
        return {
            "matched": int(self.matches.sum()),
            "missed": int((self.truth == Kind.MISSED).sum()),
            "false": int((self.pred == Kind.FALSE).sum()),
            "merged": len(np.unique(self.matching.pred[self.merges])),
            "split": len(np.unique(self.matching.truth[self.splits])),
        }


def classify(matching: Matching) -> Errors:
    """Tell what became of every object of one image.

    Examples
    --------
    >>> truth = np.array([0, 1, 1, 1, 2, 2, 2, 0, 3, 3])
    >>> found = classify(match(truth, np.array([0, 7, 7, 7, 7, 7, 7, 0, 0, 0])))
    >>> found.counts()
    {'matched': 1, 'missed': 1, 'false': 0, 'merged': 1, 'split': 0}
    """
    m = matching
    matches = _matches(m)
    swallowed = 2 * m.overlap > m.truth_areas[m.truth]
    merges = (
        swallowed & (np.bincount(m.pred[swallowed], minlength=m.n_pred) > 1)[m.pred]
    )
    inside = 2 * m.overlap > m.pred_areas[m.pred]
    parts = np.bincount(m.truth[inside], minlength=m.n_truth)
    covered = np.bincount(m.truth[inside], m.overlap[inside], m.n_truth)
    is_split = (parts > 1) & (2 * covered > m.truth_areas)
    splits = inside & is_split[m.truth]
    truth = np.full(m.n_truth, Kind.MISSED, np.uint8)
    pred = np.full(m.n_pred, Kind.FALSE, np.uint8)
    # The first kind of the table that applies is written last.
    for kind, pairs in (
        (Kind.SPLIT, splits),
        (Kind.MERGED, merges),
        (Kind.MATCHED, matches),
    ):
        truth[m.truth[pairs]] = kind
        pred[m.pred[pairs]] = kind
    return Errors(m, truth, pred, matches, merges, splits)


def error_image(
    errors: Errors,
    truth: np.ndarray,
    labels: np.ndarray,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Paint every pixel with the kind of the objects there, uint8; 0: none, or masked.

    Where a true object and a prediction overlap, the true object tells, unless it is
    matched: then the prediction does. The arrays are those that were matched.
    """
    shape = np.shape(truth)
    true, predicted, inside, lengths = runs(truth, labels, mask)
    of_truth = _look_up(true, errors.matching.truth_ids, errors.truth)
    of_pred = _look_up(predicted, errors.matching.pred_ids, errors.pred)
    kinds = np.where(of_truth > Kind.MATCHED, of_truth, np.maximum(of_truth, of_pred))
    return np.repeat(kinds * inside, lengths).astype(np.uint8).reshape(shape)


def total(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    """Return the sum of the counts of several images, one at least."""
    return {name: sum(one[name] for one in counts) for name in counts[0]}


def _matches(matching: Matching) -> np.ndarray:
    """Which pairs match one to one at an IoU of .5, (pairs,) bool."""
    hits = np.flatnonzero(matching.iou >= np.float32(IOU))
    # Only an object and its two exact halves can compete here: either half will do.
    one = first_of_both(matching.truth[hits], matching.pred[hits])
    chosen = np.zeros(len(matching.overlap), bool)
    chosen[hits[one]] = True
    return chosen


def _look_up(values: np.ndarray, ids: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Return the kind of the object of each label value, 0 where there is none."""
    if not len(ids):
        return np.zeros(values.shape, np.uint8)
    index = np.minimum(np.searchsorted(ids, values), len(ids) - 1)
    found: np.ndarray = np.where(ids[index] == values, kinds[index], 0)
    return found
