"""What became of every object: by definition, as a picture, as a table, over time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_unet.events import Control, Progress, drain
from napari_unet.scoring.error_table import ErrorRow, centres, error_rows, list_errors
from napari_unet.scoring.errors import COLOURS, Kind, classify, error_image, total
from napari_unet.scoring.metrics import counts, match
from support.made import blobs

MATCHED, MISSED, FALSE, MERGED, SPLIT = list(Kind)[1:]


def line(*parts):
    """Labels along a line, from (value, length)."""
    return np.concatenate([np.full(n, value) for value, n in parts])


def found(truth, labels, mask=None):
    errors = classify(match(truth, labels, mask))
    return errors, errors.counts()


def numbers(matched=0, missed=0, false=0, merged=0, split=0):
    names = ("matched", "missed", "false", "merged", "split")
    return dict(zip(names, (matched, missed, false, merged, split), strict=True))


def test_matched_missed_and_false():
    truth = line((0, 2), (1, 10), (0, 2), (2, 10), (0, 12))
    labels = line((0, 3), (7, 10), (0, 15), (5, 4), (0, 4))
    errors, told = found(truth, labels)
    assert told == numbers(matched=1, missed=1, false=1)
    assert errors.truth.tolist() == [MATCHED, MISSED]
    assert errors.pred.tolist() == [FALSE, MATCHED], "in the order 5, 7"


def test_a_bad_outline_is_a_miss_and_a_false_object():
    truth, labels = line((1, 10), (0, 10)), line((0, 6), (1, 10), (0, 4))
    assert found(truth, labels)[1] == numbers(missed=1, false=1)


def test_one_prediction_over_two_objects_is_one_merge():
    truth = line((1, 10), (2, 10), (3, 10))
    errors, told = found(truth, line((9, 30)))
    assert told == numbers(merged=1)
    assert errors.truth.tolist() == [MERGED] * 3 and errors.pred.tolist() == [MERGED]


def test_an_object_in_two_predictions_is_one_split():
    truth, labels = line((1, 30)), line((4, 10), (5, 10), (6, 10))
    errors, told = found(truth, labels)
    assert told == numbers(split=1)
    assert errors.truth.tolist() == [SPLIT] and errors.pred.tolist() == [SPLIT] * 3


def test_a_match_may_take_part_in_a_merge_or_a_split():
    truth, labels = line((1, 20), (2, 3), (0, 7)), line((8, 23), (0, 7))
    errors, told = found(truth, labels)
    assert told == numbers(matched=1, merged=1), "the large one swallows the small one"
    assert errors.truth.tolist() == [MATCHED, MERGED]
    assert errors.pred.tolist() == [MATCHED]
    errors, told = found(labels, truth)
    assert told == numbers(matched=1, split=1)
    assert errors.truth.tolist() == [MATCHED]
    assert errors.pred.tolist() == [MATCHED, SPLIT]


def test_mostly_means_more_than_half():
    truth = line((1, 10), (2, 10), (0, 20))
    half = line((0, 5), (3, 35))  # half of 1, all of 2
    assert found(truth, half)[1] == numbers(missed=2, false=1)
    more = line((0, 4), (3, 36))
    assert found(truth, more)[1] == numbers(merged=1)


def test_the_parts_of_a_split_cover_most_of_the_object():
    truth = line((1, 30))
    specks = line((0, 5), (2, 5), (0, 5), (3, 5), (0, 10))
    assert found(truth, specks)[1] == numbers(missed=1, false=2)
    larger = line((0, 5), (2, 8), (0, 2), (3, 8), (0, 7))
    assert found(truth, larger)[1] == numbers(split=1)
    outside = line((2, 9), (0, 30), (3, 9)), line((0, 5), (1, 30), (0, 13))
    assert found(outside[1], outside[0])[1] == numbers(missed=1, false=2)


def test_two_exact_halves_are_one_match_and_a_split():
    truth, labels = line((1, 10)), line((1, 5), (2, 5))
    assert found(truth, labels)[1] == numbers(matched=1, split=1)
    assert found(labels, truth)[1] == numbers(matched=1, merged=1)


def test_nothing_at_all():
    nothing = np.zeros(9, int)
    errors, told = found(nothing, nothing)
    assert told == numbers() and not error_image(errors, nothing, nothing).any()
    assert error_rows(errors, nothing, nothing) == []
    assert found(nothing, line((1, 9)))[1] == numbers(false=1)
    assert found(line((1, 9)), nothing)[1] == numbers(missed=1)


def test_what_is_outside_the_mask_does_not_count():
    truth = line((1, 5), (0, 5), (2, 5))
    labels = line((0, 8), (3, 1), (0, 6))
    mask = np.arange(15) < 7
    errors, told = found(truth, labels, mask)
    assert told == numbers(missed=1)
    picture = error_image(errors, truth, labels, mask)
    assert picture.tolist() == [MISSED] * 5 + [0] * 10
    assert len(error_rows(errors, truth, labels, mask)) == 1


labels_4 = arrays(np.int32, (6, 7), elements=st.integers(0, 4))


@settings(max_examples=300, deadline=None)
@given(labels_4, labels_4, arrays(bool, (6, 7)))
def test_the_kinds_add_up(truth, labels, mask):
    matching = match(truth, labels, mask)
    errors = classify(matching)
    told, tp = errors.counts(), counts(matching, 0.5)
    assert told["matched"] == tp.tp == (errors.truth == MATCHED).sum()
    assert (errors.pred == MATCHED).sum() == tp.tp
    unmatched = (errors.truth != MATCHED).sum(), (errors.pred != MATCHED).sum()
    assert unmatched == (tp.fn, tp.fp)
    assert FALSE not in errors.truth and MISSED not in errors.pred
    listed = error_rows(errors, truth, labels, mask)
    assert [row.kind for row in listed] == sorted(row.kind for row in listed)
    for kind in list(Kind)[1:]:
        assert sum(row.kind == kind for row in listed) == told[kind.word]
    assert {i for row in listed for i in row.truth} == set(matching.truth_ids)
    assert {i for row in listed for i in row.prediction} == set(matching.pred_ids)
    for row in listed:
        own = truth if len(row.truth) == 1 else labels
        inside = own[row.centre] in (*row.truth, *row.prediction) and mask[row.centre]
        assert inside and 0 <= row.iou <= 1 and row.area > 0
    picture = error_image(errors, truth, labels, mask)
    kept = np.isin(labels, matching.pred_ids) & (labels > 0)
    assert np.array_equal(picture > 0, ((truth > 0) | kept) & mask)


def test_the_picture_shows_each_kind_in_its_place():
    truth = line((1, 6), (0, 2), (2, 6), (3, 6), (0, 2), (4, 6), (0, 6))
    labels = line((1, 7), (0, 1), (2, 14), (0, 7), (5, 2), (0, 3))
    errors, told = found(truth, labels)
    assert told == numbers(matched=1, missed=1, false=1, merged=1)
    expected = line((1, 7), (0, 1), (MERGED, 14), (MISSED, 6), (0, 1), (FALSE, 2))
    picture = error_image(errors, truth, labels)
    assert picture.dtype == np.uint8
    assert picture.tolist() == [*expected.tolist(), 0, 0, 0]


def test_the_true_object_tells_unless_it_is_matched():
    truth, labels = line((1, 10), (0, 10)), line((0, 6), (1, 10), (0, 4))
    picture = error_image(found(truth, labels)[0], truth, labels)
    assert picture.tolist() == [MISSED] * 10 + [FALSE] * 6 + [0] * 4
    truth, labels = line((1, 20)), line((8, 12), (9, 8))
    picture = error_image(found(truth, labels)[0], truth, labels)
    assert picture.tolist() == [MATCHED] * 12 + [SPLIT] * 8


def test_the_table_says_who_where_and_how_well():
    truth, labels = np.zeros((2, 20, 30), int)
    truth[2:8, 2:8], labels[2:8, 2:10] = 3, 1
    truth[12:18, 2:6], truth[12:18, 6:12], labels[12:18, 2:12] = 4, 5, 2
    truth[2:5, 20:23] = 7
    labels[15:18, 20:25] = 70_000
    errors, _ = found(truth, labels)
    assert error_rows(errors, truth, labels) == [
        ErrorRow(MATCHED, (3,), (1,), 36, pytest.approx(0.75), (4, 4)),
        ErrorRow(MATCHED, (5,), (2,), 36, pytest.approx(0.6), (14, 8)),
        ErrorRow(MISSED, (7,), (), 9, 0, (3, 21)),
        ErrorRow(FALSE, (), (70_000,), 15, 0, (16, 22)),
        ErrorRow(MERGED, (4, 5), (2,), 60, pytest.approx(0.6), (14, 6)),
    ]


def test_centres_lie_on_their_objects():
    crescent = np.zeros((40, 40), int)
    y, x = np.mgrid[:40, :40]
    crescent[(np.hypot(y - 20, x - 20) < 15) & (np.hypot(y - 20, x - 20) > 11)] = 6
    crescent[:, :20] = 0
    labels = np.stack([np.zeros_like(crescent), crescent, crescent])
    (centre,) = centres(labels, np.array([6]))
    assert labels[tuple(centre)] == 6 and abs(centre[1] - 20) <= 1
    discs = blobs(3, (80, 90), 12).labels
    ids = np.unique(discs)[1:]
    for number, centre in zip(ids, centres(discs, ids), strict=True):
        exact = np.argwhere(discs == number).mean(axis=0)
        assert np.abs(centre - exact).max() <= 0.5 + 1e-9


def test_frames_are_compared_each_by_itself():
    first, second = blobs(1, (64, 64), 9).labels, blobs(2, (64, 64), 9).labels
    film = np.stack([first, second])
    labels = np.stack([first, np.zeros_like(first)])
    events = []
    outcome = drain(list_errors(film, labels, timed=True), events.append)
    count = len(np.unique(second)) - 1
    assert outcome.counts["missed"] == count and outcome.counts["false"] == 0
    assert outcome.scores.objects == len(np.unique(first)) - 1 + count
    assert outcome.image.shape == film.shape
    assert {row.centre[0] for row in outcome.rows if row.kind == MISSED} == {1}
    assert all(film[row.centre] == row.truth[0] for row in outcome.rows)
    assert [e.done for e in events if isinstance(e, Progress)] == [0, 1]
    swapped = drain(list_errors(film, film[::-1], timed=True))
    assert swapped.scores.pooled.ap["0.50"] < 0.5, "not those of the other frame"


def test_planes_of_a_stack_are_one_volume():
    truth = np.zeros((6, 20, 20), int)
    truth[:, 4:12, 4:12] = 1
    planes = truth * np.arange(1, 7)[:, None, None]
    outcome = drain(list_errors(truth, planes))
    assert outcome.counts == numbers(split=1) and outcome.scores.objects == 1
    assert (outcome.image[truth > 0] == SPLIT).all()
    assert outcome.rows[0].prediction == (1, 2, 3, 4, 5, 6)


def test_a_comparison_stops_and_refuses_what_does_not_fit():
    control = Control()
    control.stop()
    labels = blobs().labels
    assert drain(list_errors(labels, labels, control=control)) is None
    with pytest.raises(ValueError, match="labels of the same image"):
        drain(list_errors(labels, labels[:5]))
    with pytest.raises(ValueError, match="must be integers"):
        drain(list_errors(labels, labels + 0.5))


def test_sums_and_colours():
    assert total([numbers(1, 2), numbers(3, split=4)]) == numbers(4, 2, split=4)
    assert len(set(COLOURS.values())) == len(COLOURS) == len(Kind) - 1
