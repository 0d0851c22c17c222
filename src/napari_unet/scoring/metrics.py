"""How well labels agree with the truth: matching, average precision, Dice.

Average precision at an IoU threshold is TP / (TP + FP + FN) of a one-to-one matching
of objects, as the Data Science Bowl 2018 defined it [1]_ and StarDist computes it [2]_;
panoptic quality is that of Kirillov et al. [3]_.

References
----------
.. [1] Caicedo et al., "Nucleus segmentation across imaging experiments: the 2018 Data
   Science Bowl", Nature Methods 16, 2019. https://doi.org/10.1038/s41592-019-0612-7
.. [2] Schmidt et al., "Cell Detection with Star-convex Polygons", MICCAI 2018.
   https://doi.org/10.1007/978-3-030-00934-2_30
.. [3] Kirillov et al., "Panoptic Segmentation", CVPR 2019.
   https://arxiv.org/abs/1801.00868
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from napari_unet.scoring.run_lengths import first_of_both, number, ratio, runs, sums

THRESHOLDS = (0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95)


@dataclass(frozen=True, eq=False)
class Matching:
    """Which objects of one image overlap, enough to score at any IoU threshold.

    Made by :func:`match`. Areas are in pixels (voxels).

    Parameters
    ----------
    truth_ids, pred_ids : (n_truth,) and (n_pred,) integer arrays
        Label values of the objects that count, ascending.
    truth_areas, pred_areas : (n_truth,) and (n_pred,) int64 arrays
        Areas inside the mask, which IoU compares.
    pred_sizes : (n_pred,) int64 array
        Areas of the predictions as they are, inside and outside the mask.
    truth, pred : (pairs,) int64 arrays
        Indices (not label values) of every two objects that overlap.
    overlap : (pairs,) int64 array
        Area that the two have in common.
    """

    truth_ids: np.ndarray
    pred_ids: np.ndarray
    truth_areas: np.ndarray
    pred_areas: np.ndarray
    pred_sizes: np.ndarray
    truth: np.ndarray
    pred: np.ndarray
    overlap: np.ndarray

    @property
    def n_truth(self) -> int:
        """Number of true objects."""
        return len(self.truth_ids)

    @property
    def n_pred(self) -> int:
        """Number of predicted objects."""
        return len(self.pred_ids)

    @property
    def iou(self) -> np.ndarray:
        """Intersection over union of every pair, (pairs,) float32."""
        areas = self.truth_areas[self.truth] + self.pred_areas[self.pred]
        # float32, as StarDist: an IoU of 7/10 then meets a threshold of 0.1 * 7.
        iou: np.ndarray = self.overlap / (areas - self.overlap)
        return iou.astype(np.float32)

    def drop(self, keep: np.ndarray) -> Matching:
        """Leave predictions out; the same as matching again without them.

        `keep` is False for those that go, (n_pred,) bool, for instance `pred_sizes >=
        30`.
        """
        keep = np.asarray(keep)
        if keep.shape != (self.n_pred,) or keep.dtype != bool:
            raise ValueError(
                f"keep has shape {keep.shape} and dtype {keep.dtype}; give one bool "
                f"for each of the {self.n_pred} predictions"
            )
        pairs = keep[self.pred]
        return Matching(
            truth_ids=self.truth_ids,
            pred_ids=self.pred_ids[keep],
            truth_areas=self.truth_areas,
            pred_areas=self.pred_areas[keep],
            pred_sizes=self.pred_sizes[keep],
            truth=self.truth[pairs],
            pred=(np.cumsum(keep) - 1)[self.pred[pairs]],
            overlap=self.overlap[pairs],
        )


class Counts(NamedTuple):
    """Matched, false and missed objects, and the sum of IoU over the matched."""

    tp: int
    fp: int
    fn: int
    iou_sum: float


@dataclass(frozen=True)
class Averages:
    """Figures of merit under one way of averaging, each from 0 to 1.

    ap : average precision by IoU threshold, keys "0.50" to "0.95".
    mean9, msa : mean of `ap` over .50 to .90 and over .50 to .95.
    f1, pq : F1 and panoptic quality at IoU .5.
    """

    ap: dict[str, float]
    mean9: float
    msa: float
    f1: float
    pq: float


@dataclass(frozen=True)
class Scores:
    """How well predictions agree with the truth over some images.

    images, objects : numbers of images and of true objects.
    pooled : from matched objects summed over all images.
    per_image : mean of each image's own figures.
    dice, iou : of the foreground, pooled over all pixels.
    """

    images: int
    objects: int
    pooled: Averages
    per_image: Averages
    dice: float
    iou: float


def match(
    truth: np.ndarray, labels: np.ndarray, mask: np.ndarray | None = None
) -> Matching:
    """Find the overlaps of true and predicted objects.

    Parameters
    ----------
    truth, labels : integer arrays of one shape, any number of axes
        0 is background, every other value one object.
    mask : bool array of that shape, optional
        True where the annotation counts. Truth outside is ignored; predictions with
        more than half of their area outside do not count; what remains is compared
        inside.

    Returns
    -------
    Matching

    Raises
    ------
    ValueError
        If shapes differ, or labels are negative or not integers.

    Examples
    --------
    >>> truth = np.array([0, 1, 1, 1, 0, 2, 2])
    >>> matching = match(truth, np.array([0, 5, 5, 0, 0, 0, 0]))
    >>> matching.overlap.tolist(), matching.truth_areas.tolist()
    ([2], [3, 2])
    >>> counts(matching, 0.5)[:3]
    (1, 0, 1)
    """
    truth, labels, inside, lengths = runs(truth, labels, mask)
    truth_ids, truth = number(truth * inside)
    pred_ids, pred = number(labels)
    lengths_inside = lengths * inside
    both = np.flatnonzero((truth > 0) & (pred > 0) & inside)
    n_pred = len(pred_ids)
    pairs, index = np.unique(
        (truth[both] - 1) * n_pred + pred[both] - 1, return_inverse=True
    )
    pred_sizes = sums(pred, lengths, n_pred + 1)[1:]
    pred_areas = sums(pred, lengths_inside, n_pred + 1)[1:]
    matching = Matching(
        truth_ids=truth_ids,
        pred_ids=pred_ids,
        truth_areas=sums(truth, lengths_inside, len(truth_ids) + 1)[1:],
        pred_areas=pred_areas,
        pred_sizes=pred_sizes,
        truth=pairs // max(n_pred, 1),
        pred=pairs % max(n_pred, 1),
        overlap=sums(index, lengths[both], len(pairs)),
    )
    return matching.drop(2 * pred_areas >= pred_sizes)


def counts(matching: Matching, threshold: float) -> Counts:
    """Match objects one to one at an IoU threshold, as `stardist.matching` does.

    Pairs with IoU >= `threshold` may match, 0 < threshold <= 1; else ValueError.
    """
    if not 0 < threshold <= 1:
        raise ValueError(
            f"IoU threshold {threshold} is out of range; choose above 0 to 1"
        )
    iou = _matched(matching, threshold)
    tp = len(iou)
    return Counts(
        tp, matching.n_pred - tp, matching.n_truth - tp, float(iou.sum(dtype=float))
    )


def score(matchings: Sequence[Matching]) -> Scores:
    """Figures of merit over images, one at least, pooled and as mean of the images.

    What has neither objects nor predictions scores 1.

    Examples
    --------
    >>> truth = np.repeat([0, 1, 2, 0], 4)
    >>> scores = score([match(truth, truth), match(truth, np.minimum(truth, 1))])
    >>> scores.objects, scores.pooled.ap["0.50"], scores.per_image.ap["0.55"]
    (4, 0.75, 0.5)
    """
    if not matchings:
        raise ValueError("there is nothing to score: give the matching of an image")
    # Above .5 an object has one partner at most, so the pairs matched at .5 hold the
    # matches at every higher threshold.
    matched = [_matched(m, THRESHOLDS[0]) for m in matchings]
    steps = np.array(THRESHOLDS, np.float32)
    tp = np.array([(iou[:, None] >= steps).sum(axis=0) for iou in matched])
    iou_sum = np.array([iou.sum(dtype=float) for iou in matched])
    objects = np.array([[m.n_truth, m.n_pred] for m in matchings])
    both = sum(int(m.overlap.sum()) for m in matchings)
    areas = sum(int(m.truth_areas.sum() + m.pred_areas.sum()) for m in matchings)
    pooled = (a.sum(axis=0, keepdims=True) for a in (tp, iou_sum, objects))
    return Scores(
        images=len(matchings),
        objects=int(objects[:, 0].sum()),
        pooled=_averages(*pooled),
        per_image=_averages(tp, iou_sum, objects),
        dice=float(ratio(2 * both, areas)),
        iou=float(ratio(both, areas - both)),
    )


def _matched(matching: Matching, threshold: float) -> np.ndarray:
    """IoU of the pairs that match one to one, (tp,) float32."""
    iou = matching.iou
    hit = iou >= np.float32(threshold)
    truth, pred, hits = matching.truth[hit], matching.pred[hit], iou[hit]
    if _unique(truth) and _unique(pred):
        return hits
    if threshold >= 0.5:
        # Only an object and its two exact halves (IoU .5 each, no other overlap) can
        # compete here, so either half will do.
        one: np.ndarray = hits[first_of_both(truth, pred)]
        return one
    # Most matches first, then the highest sum of IoU, that of the pairs below the
    # threshold included: StarDist's very costs, so that ties fall the same way.
    shape = (matching.n_truth, matching.n_pred)
    dense = np.zeros(shape, np.float32)
    dense[matching.truth, matching.pred] = iou
    costs = -(dense >= np.float32(threshold)).astype(float) - dense / (2 * min(shape))
    best: np.ndarray = dense[linear_sum_assignment(costs)]
    return best[best >= np.float32(threshold)]


def _unique(index: np.ndarray) -> bool:
    return index.size == 0 or bool(np.bincount(index).max() == 1)


def _averages(tp: np.ndarray, iou_sum: np.ndarray, objects: np.ndarray) -> Averages:
    """Mean over images of tp (n, thresholds), iou_sum (n,), objects (n, 2)."""
    total = objects.sum(axis=1)
    ap = ratio(tp, total[:, None] - tp).mean(axis=0)
    return Averages(
        ap={f"{t:.2f}": float(a) for t, a in zip(THRESHOLDS, ap, strict=True)},
        mean9=float(ap[:9].mean()),
        msa=float(ap.mean()),
        f1=float(ratio(2 * tp[:, 0], total).mean()),
        pq=float(ratio(2 * iou_sum, total).mean()),
    )
