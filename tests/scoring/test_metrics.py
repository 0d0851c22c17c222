"""Metrics: hand-computed cases, and equality with stardist.matching."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.scoring.classes import confusion, dice_iou
from napari_unet.scoring.metrics import THRESHOLDS, counts, match, score

EMPTY = np.zeros((4, 8), np.uint8)
small = hnp.arrays(np.int32, st.just((5, 7)), elements=st.integers(0, 5))


def row(text):
    """Labels from digits, one per pixel."""
    return np.array([[int(digit) for digit in text]])


def discs(rng, size=96, number=25):
    """Touching and overlapping discs, their labels neither sorted nor in sequence."""
    labels = np.zeros((size, size), np.int32)
    y, x = np.ogrid[:size, :size]
    for value in rng.permutation(np.arange(3, 3 + 2 * number, 2)):
        cy, cx = rng.integers(0, size, 2)
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= rng.integers(4, 11) ** 2] = value
    return labels


def disturbed(labels, rng):
    """A plausible prediction: shifted, with objects lost, merged and split."""
    result = np.roll(labels, rng.integers(-3, 4, 2), (0, 1))
    ids = np.unique(result[result > 0])
    if len(ids) > 6:
        lost, merged, into, split = rng.choice(ids, 4, replace=False)
        result[result == lost] = 0
        result[result == merged] = into
        rows, columns = np.nonzero(result == split)
        half = columns < np.median(columns)
        result[rows[half], columns[half]] = 999
    return result


def pairs_of_discs(number=12):
    rng = np.random.default_rng(7)
    truths = [discs(rng) for _ in range(number)]
    return truths, [disturbed(truth, rng) for truth in truths]


# Cases computed by hand


def test_iou_of_exactly_one_half_is_a_match():
    matching = match(row("11110000"), row("00220000"))
    assert matching.iou.tolist() == [0.5]
    assert counts(matching, 0.5) == (1, 0, 0, 0.5)
    assert counts(matching, 0.55) == (0, 1, 1, 0.0)


@pytest.mark.parametrize("percent", range(5, 100, 5))
def test_an_iou_equal_to_the_threshold_matches(percent):
    truth = np.ones(20, int)
    labels = (np.arange(20) < percent // 5).astype(int)
    assert counts(match(truth, labels), percent / 100).tp == 1
    assert counts(match(truth, labels), 0.05 * (percent // 5)).tp == 1


@pytest.mark.parametrize("truth, labels", [("1111", "2233"), ("2233", "1111")])
def test_two_halves_of_one_object_match_once(truth, labels):
    matching = match(row(truth), row(labels))
    tp, fp, fn, iou_sum = counts(matching, 0.5)
    assert (tp, fp + fn, iou_sum) == (1, 1, 0.5)
    scores = score([matching])
    assert scores.pooled.ap["0.50"] == 0.5
    assert scores.pooled.ap["0.55"] == 0
    assert scores.pooled.f1 == pytest.approx(2 / 3)
    assert scores.pooled.pq == pytest.approx(0.5 / 1.5)
    assert scores.dice == scores.iou == 1


def test_merged_objects_miss_the_smaller_one():
    scores = score([match(row("111122200"), row("777777700"))])
    # IoU 4/7 with the first, 3/7 with the second.
    assert scores.pooled.ap["0.50"] == scores.pooled.ap["0.55"] == 0.5
    assert scores.pooled.ap["0.60"] == 0
    assert scores.pooled.mean9 == pytest.approx(2 * 0.5 / 9)
    assert scores.pooled.msa == pytest.approx(2 * 0.5 / 10)
    assert scores.objects == 2


def test_below_one_half_the_assignment_makes_the_most_matches():
    # 1 overlaps 3 by 3/7 and 4 by 2/5, 2 only 3 by 2/5: the best pair has to yield.
    matching = match(row("1111122000"), row("3334433000"))
    assert counts(matching, 0.25) == pytest.approx((2, 0, 0, 0.8))


def test_nothing_and_nothing_is_perfect():
    for scores in (score([match(EMPTY, EMPTY)]), score([match(EMPTY[:0], EMPTY[:0])])):
        for averages in (scores.pooled, scores.per_image):
            assert set(averages.ap.values()) == {1.0}
            assert averages.mean9 == averages.msa == averages.f1 == averages.pq == 1
        assert (scores.dice, scores.iou, scores.images, scores.objects) == (1, 1, 1, 0)


@pytest.mark.parametrize("swap", [False, True])
def test_something_against_nothing_is_zero(swap):
    pair = (EMPTY, EMPTY + 1)
    scores = score([match(*(pair[::-1] if swap else pair))])
    assert set(scores.pooled.ap.values()) == {0.0}
    assert scores.per_image.f1 == scores.per_image.pq == scores.dice == 0
    assert scores.objects == int(swap)


def test_an_empty_image_counts_as_one_in_the_mean_and_as_nothing_when_pooled():
    half = match(row("1122"), row("1100"))
    scores = score([half, match(EMPTY, EMPTY)])
    assert scores.pooled.ap["0.50"] == 0.5
    assert scores.per_image.ap["0.50"] == 0.75


# The mask


def test_truth_outside_the_mask_is_ignored():
    mask = row("11110000").astype(bool)
    matching = match(row("11002222"), row("11000000"), mask)
    assert matching.truth_ids.tolist() == [1]
    assert counts(matching, 0.5) == (1, 0, 0, 1.0)


def test_a_truth_cut_by_the_mask_is_compared_inside():
    mask = row("11110000").astype(bool)
    matching = match(row("01111111"), row("01111000"), mask)
    assert matching.iou.tolist() == [1.0]
    assert matching.pred_areas.tolist() == [3]
    assert matching.pred_sizes.tolist() == [4]


def test_predictions_mostly_outside_the_mask_do_not_count():
    mask = row("11110000").astype(bool)
    # 5: one of three pixels inside, gone; 6: half inside, stays.
    assert match(row("00000000"), row("00055500"), mask).n_pred == 0
    assert match(row("00000000"), row("00666600"), mask).pred_ids.tolist() == [6]
    scores = score([match(row("00000000"), row("00055500"), mask)])
    assert scores.dice == scores.pooled.ap["0.50"] == 1


def test_a_mask_of_nothing_leaves_nothing():
    scores = score([match(EMPTY + 1, EMPTY + 1, EMPTY > 0)])
    assert (scores.objects, scores.dice) == (0, 1)


@given(small, small, hnp.arrays(bool, (5, 7)))
def test_mask_equals_its_definition(truth, labels, mask):
    seen = labels.copy()
    for value in np.unique(labels):
        own = labels == value
        if (own & ~mask).sum() > own.sum() / 2:
            seen[own] = 0
    expected = match(np.where(mask, truth, 0), np.where(mask, seen, 0))
    assert_same(match(truth, labels, mask), expected)


# Matching


def assert_same(a, b):
    for field in ("truth_ids", "pred_ids", "truth_areas", "pred_areas", "overlap"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field), field)
    np.testing.assert_array_equal(a.truth, b.truth)
    np.testing.assert_array_equal(a.pred, b.pred)


@given(small, small, st.integers(1, 12))
def test_drop_equals_matching_again(truth, labels, smallest):
    matching = match(truth, labels)
    areas = np.bincount(labels.ravel())
    without = np.where(areas[labels] < smallest, 0, labels)
    dropped = matching.drop(matching.pred_sizes >= smallest)
    assert_same(dropped, match(truth, without))


@given(small, small)
def test_overlaps_equal_their_definition(truth, labels):
    matching = match(truth, labels)
    for t, p, overlap, iou in zip(
        matching.truth, matching.pred, matching.overlap, matching.iou, strict=True
    ):
        a = truth == matching.truth_ids[t]
        b = labels == matching.pred_ids[p]
        assert overlap == (a & b).sum() > 0
        assert iou == pytest.approx((a & b).sum() / (a | b).sum())
    assert matching.overlap.sum() == ((truth > 0) & (labels > 0)).sum()


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_any_integer_dtype_label_value_and_number_of_axes(dtype, ndim):
    highest = np.iinfo(dtype).max
    labels = np.zeros((6,) * ndim, dtype)
    labels[:2], labels[3:5] = highest, 1
    matching = match(labels, labels[::-1][::-1].astype("u8"))
    assert matching.truth_ids.tolist() == matching.pred_ids.tolist() == [1, highest]
    assert counts(matching, 1.0).tp == 2


def test_bad_arrays_are_refused_with_their_numbers():
    with pytest.raises(ValueError, match=r"labels have shape \(2, 2\).*\(4, 8\)"):
        match(EMPTY, EMPTY[:2, :2])
    with pytest.raises(ValueError, match=r"mask have shape \(4, 7\).*\(4, 8\)"):
        match(EMPTY, EMPTY, EMPTY[:, 1:] > 0)
    with pytest.raises(ValueError, match="labels must be integers, got float64"):
        match(EMPTY, EMPTY.astype(float))
    with pytest.raises(ValueError, match="truth must not be negative, got -3"):
        match(EMPTY.astype(int) - 3, EMPTY)
    with pytest.raises(ValueError, match=r"keep has shape \(2,\).*1 predictions"):
        match(EMPTY, EMPTY + 1).drop(np.ones(2, bool))


def test_bad_requests_are_refused():
    matching = match(EMPTY, EMPTY)
    for threshold in (0, 1.01, float("nan")):
        with pytest.raises(ValueError, match=f"threshold {threshold}"):
            counts(matching, threshold)
    with pytest.raises(ValueError, match="nothing to score"):
        score([])


# Scores


def test_its_fields_are_the_json_of_evaluate():
    result = asdict(score([match(row("1122"), row("1102"))]))
    assert list(result) == [
        "images", "objects", "pooled", "per_image", "dice", "iou"
    ]  # fmt: skip
    for averaging in ("pooled", "per_image"):
        assert list(result[averaging]) == ["ap", "mean9", "msa", "f1", "pq"]
        assert list(result[averaging]["ap"]) == [
            f"{t / 100:.2f}" for t in range(50, 100, 5)
        ]
    assert json.loads(json.dumps(result)) == result
    assert result["dice"] == pytest.approx(6 / 7)
    assert result["iou"] == pytest.approx(3 / 4)


def test_counts_and_score_agree_at_every_threshold():
    matchings = [match(*pair) for pair in zip(*pairs_of_discs(), strict=True)]
    scores = score(matchings)
    for threshold in THRESHOLDS:
        tp, fp, fn, _ = np.sum([counts(m, threshold) for m in matchings], axis=0)
        assert scores.pooled.ap[f"{threshold:.2f}"] == tp / (tp + fp + fn)
    assert scores.pooled.mean9 == pytest.approx(
        np.mean(list(scores.pooled.ap.values())[:9])
    )


# Classes


def test_dice_and_iou_of_classes():
    classes = (7, 3)
    table = confusion(row("00337777"), row("03337770"), classes)
    np.testing.assert_array_equal(table, [[1, 0, 1], [1, 3, 0], [0, 0, 2]])
    scores = dice_iou(table, classes)
    assert scores[7] == pytest.approx((6 / 7, 3 / 4))
    assert scores[3] == pytest.approx((4 / 5, 2 / 3))


@given(small, small, hnp.arrays(bool, (5, 7)), st.integers(1, 6))
def test_confusion_adds_up_over_images_and_leaves_the_masked_out(a, b, mask, cut):
    classes = range(1, 6)
    whole = confusion(a, b, classes, mask)
    parts = [(slice(None), slice(cut)), (slice(None), slice(cut, None))]
    added = sum(confusion(a[p], b[p], classes, mask[p]) for p in parts)
    np.testing.assert_array_equal(whole, added)
    assert whole.sum() == mask.sum()
    for value, (_, iou) in dice_iou(whole, classes).items():
        own = ((a == value) & mask, (b == value) & mask)
        either = (own[0] | own[1]).sum()
        assert iou == pytest.approx((own[0] & own[1]).sum() / either if either else 1)


def test_a_value_that_is_no_class_is_refused_unless_masked_out():
    with pytest.raises(ValueError, match=r"truth has the values \[9\].*\(1, 2\)"):
        confusion(row("129"), row("120"), (1, 2))
    with pytest.raises(ValueError, match=r"prediction has the values \[9\]"):
        confusion(row("120"), row("129"), (1, 2))
    table = confusion(row("129"), row("120"), (1, 2), row("110").astype(bool))
    assert table.trace() == table.sum() == 2


# Equality with StarDist


def reference():
    return pytest.importorskip(
        "stardist.matching", reason="stardist, the reference, is not installed"
    )


@settings(deadline=None)
@given(small, small)
def test_counts_equal_stardist(truth, labels):
    stardist = reference()
    matching = match(truth, labels)
    for threshold in (0.05, 0.1, 0.2, 1 / 3, 0.4, *THRESHOLDS, 1.0):
        theirs = stardist.matching(truth, labels, thresh=threshold)
        tp, fp, fn, iou_sum = counts(matching, threshold)
        assert (tp, fp, fn) == (theirs.tp, theirs.fp, theirs.fn)
        assert iou_sum == pytest.approx(
            theirs.mean_true_score * theirs.n_true, abs=1e-6
        )


def assert_equals_stardist(truths, predictions):
    """No image may be empty in both: there StarDist says 0 and contract 13 says 1."""
    scores = score([match(*pair) for pair in zip(truths, predictions, strict=True)])
    for ours, by_image in ((scores.pooled, False), (scores.per_image, True)):
        all_theirs = reference().matching_dataset(
            truths, predictions, THRESHOLDS, by_image=by_image, show_progress=False
        )
        ap = [theirs.accuracy for theirs in all_theirs]
        assert list(ours.ap.values()) == pytest.approx(ap, abs=1e-6)
        assert ours.mean9 == pytest.approx(np.mean(ap[:9]), abs=1e-6)
        assert ours.f1 == pytest.approx(all_theirs[0].f1, abs=1e-6)
        assert ours.pq == pytest.approx(all_theirs[0].panoptic_quality, abs=1e-6)
        assert scores.objects == all_theirs[0].n_true
    return scores


def test_scores_equal_stardist_on_discs():
    scores = assert_equals_stardist(*pairs_of_discs())
    assert 0.2 < scores.pooled.ap["0.50"] < 0.95


def test_scores_equal_stardist_on_real_nuclei():
    data = os.environ.get("NAPARI_UNET_DATA")
    if not data:
        pytest.skip("NAPARI_UNET_DATA names no folder of real data")
    imageio = pytest.importorskip("imageio.v3")
    ndi = pytest.importorskip("scipy.ndimage")
    files = sorted(Path(data, "dsb2018", "labels").glob("*.png"))[:20]
    truths = [imageio.imread(file) for file in files]
    cross = ndi.generate_binary_structure(2, 1)
    eroded = []
    for truth in truths:
        highest, lowest = (
            function(truth, footprint=cross)
            for function in (ndi.maximum_filter, ndi.minimum_filter)
        )
        eroded.append(np.where(highest == lowest, truth, 0))
    scores = assert_equals_stardist(truths, eroded)
    assert scores.pooled.ap["0.50"] > 0.85
    assert scores.pooled.ap["0.95"] < 0.1
