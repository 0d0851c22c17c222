"""Linking planes: separate balls come back whole, what touches stays two."""

import numpy as np
import pytest

from napari_unet.events import Progress, drain
from napari_unet.files.readers import read_labels
from napari_unet.scoring.metrics import match, score
from napari_unet.segmentation.linking import by_planes, joined, link
from support.made import ball, numbered


def by_plane(labels):
    """The labels with numbers of their own in every plane, 1..n in raster order."""
    planes, last = np.zeros(labels.shape, np.int32), 0
    for z, plane in enumerate(labels):
        alone = numbered(plane)
        planes[z] = np.where(alone > 0, alone + last, 0)
        last += int(alone.max())
    return planes


def boxes(shape):
    return [
        (slice(z, z + 1), *(slice(0, n) for n in shape[1:])) for z in range(shape[0])
    ]


def linked(planes, part=0.5, written=None, array=None):
    """The planes' labels, linked."""
    count = int(planes.max())
    array = planes if array is None else array
    first = drain(link(array, written or boxes(planes.shape), count, part))
    table = np.ones(count, np.float32), np.ones(count, np.int64)
    lookup, *_ = joined(first, np.arange(count + 1, dtype=np.int32), *table)
    return lookup[planes]


def separate_balls(seed):
    """Balls of several sizes on a grid, two planes and more apart."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((44, 60, 60), np.int32)
    for z in (7, 22, 37):
        for y in (8, 22, 36, 51):
            for x in (8, 22, 36, 51):
                centre = np.array((z, y, x)) + rng.uniform(-0.5, 0.5, 3)
                if rng.random() < 0.8:
                    inside = ball(labels.shape, centre, rng.uniform(2, 6))
                    labels[inside] = labels.max() + 1
    return labels


class Guarded:
    """An array-like that gives one plane at a time, as a file would."""

    def __init__(self, array):
        self.array, self.shape, self.read = array, array.shape, []

    def __getitem__(self, box):
        z = box[0]
        assert z.stop - z.start == 1
        self.read.append(z.start)
        return self.array[box]


# Chains


@pytest.mark.parametrize("seed", range(4))
def test_planes_of_separate_balls_become_the_balls(seed):
    labels = separate_balls(seed)
    planes = by_plane(labels)
    assert planes.max() > 5 * labels.max()
    found = linked(planes)
    np.testing.assert_array_equal(found, numbered(labels))  # 1..n in raster order
    assert found.dtype == np.int32


def test_touching_columns_stay_two():
    labels = np.zeros((6, 20, 20), np.int32)
    labels[:, 4:16, 4:10] = 1
    labels[:, 4:16, 10:16] = 2
    np.testing.assert_array_equal(linked(by_plane(labels)), labels)


def test_a_leaning_column_beside_another_stays_itself():
    labels = np.zeros((8, 20, 40), np.int32)
    for z in range(8):
        labels[z, 4:16, 4 + 2 * z : 12 + 2 * z] = 1
        labels[z, 4:16, 12 + 2 * z : 20 + 2 * z] = 2
    np.testing.assert_array_equal(linked(by_plane(labels)), labels)


def test_an_object_goes_on_in_one_other_only():
    labels = np.zeros((2, 20, 20), np.int32)
    labels[0, 4:16, 4:16] = 1
    labels[1, 4:16, 4:10], labels[1, 4:16, 10:16] = 1, 2  # two exact halves
    found = linked(by_plane(labels))
    np.testing.assert_array_equal(found, labels)


def test_the_better_partner_wins():
    labels = np.zeros((2, 20, 20), np.int32)
    labels[0, 2:18, 2:18] = 1
    labels[1, 2:18, 6:18], labels[1, 2:18, 3:5] = 1, 2  # both lie within
    found = linked(by_plane(labels))
    assert set(found[1, 2:18, 6:18].ravel()) == {1}
    assert found.max() == 2


def test_the_part_is_of_the_smaller_object():
    labels = np.zeros((2, 20, 20), np.int32)
    labels[0, 2:18, 2:18] = 1
    labels[1, 0:4, 8:12] = 1  # half of it lies on the large one
    assert linked(by_plane(labels), 0.5).max() == 1
    assert linked(by_plane(labels), 0.51).max() == 2


def test_one_missed_plane_is_bridged_and_two_are_not():
    labels = np.zeros((9, 20, 20), np.int32)
    labels[:, 4:16, 4:16] = 1
    labels[3] = 0
    np.testing.assert_array_equal(linked(by_plane(labels)), labels)
    labels[4] = 0
    assert linked(by_plane(labels)).max() == 2


def test_tips_are_not_bridged_to_what_lies_above():
    labels = np.zeros((5, 30, 30), np.int32)
    labels[:2] = ball((30, 30), (15, 15), 12)
    labels[3:] = 2 * ball((30, 30), (15, 15), 3)
    np.testing.assert_array_equal(linked(by_plane(labels)), labels)


def test_a_swallowed_object_is_bridged():
    """In one plane two objects have one outline, which goes on with the larger one."""
    labels = np.zeros((7, 30, 40), np.int32)
    labels[:, 5:25, 4:20], labels[:, 10:20, 20:30] = 1, 2
    outlines = labels.copy()
    outlines[3][outlines[3] == 2] = 1
    np.testing.assert_array_equal(linked(by_plane(outlines)), outlines)


def test_empty_planes_and_no_objects():
    nothing = np.zeros((3, 8, 9), np.int32)
    np.testing.assert_array_equal(linked(nothing), nothing)
    assert drain(link(nothing, [], 0, 0.5)).tolist() == [0]


# What is read


def test_one_plane_at_a_time_is_read_once():
    labels = separate_balls(5)
    planes = by_plane(labels)
    guarded = Guarded(planes)
    np.testing.assert_array_equal(linked(planes, array=guarded), numbered(labels))
    assert guarded.read == list(range(len(labels)))


def test_only_what_was_written_is_read():
    labels = np.zeros((3, 20, 20), np.int32)
    labels[:, 4:8, 4:8], labels[:, 12:16, 12:16] = 1, 2
    planes = by_plane(labels)
    written = boxes(labels.shape)
    written[1] = (slice(1, 2), slice(0, 10), slice(0, 20))  # stopped within a plane
    rest = planes.copy()
    rest[1, 10:] = 99  # whatever lay there before
    found = linked(planes, written=written[:2], array=rest)
    assert len(set(found[:2, 4:8, 4:8].ravel())) == 1
    assert len(np.unique(found[:, 12:16, 12:16])) == 3


def test_progress_counts_planes():
    events = list(link(np.zeros((4, 5, 5), int), boxes((4, 5, 5)), 0, 0.5))
    assert events == [Progress("linking planes", z, 4) for z in (1, 2, 3, 4)]


# Tables


def test_areas_are_sums_and_scores_means_weighted_by_them():
    first = np.array([0, 1, 2, 1, 4, 2])
    # Working numbers come in the order of the work, final ones in that of the planes.
    lookup = np.array([0, 2, 1, 4, 5, 3], np.int32)
    score_of = np.array([0.5, 1.0, 0.2, 0.4, 0.9], np.float32)  # by final number
    area = np.array([10, 20, 30, 60, 7])
    numbers, scores, areas = joined(first, lookup, score_of, area)
    assert numbers.tolist() == [0, 2, 1, 2, 3, 1] and numbers.dtype == np.int32
    assert areas.tolist() == [10 + 30, 20 + 60, 7]
    np.testing.assert_allclose(scores, [11 / 40, 44 / 80, 0.9], rtol=1e-6)
    numbers, scores, areas = joined(first, lookup, score_of, area, 0.5)
    assert numbers.tolist() == [0, 1, 0, 1, 2, 0]
    assert areas.tolist() == [80, 7] and len(scores) == 2


def test_what_is_told():
    assert by_planes("cells", 1).endswith("plane by plane (1 plane)")
    assert by_planes("cells", 3, (1, 1200)) == (
        "cells: a stack on a 2D model is segmented plane by plane (3 planes), and "
        "outlines that overlap in neighbouring planes are joined: "
        "1,200 outlines became 1 object"
    )


# Real nuclei


def test_gold_planes_of_real_nuclei_become_the_gold(real_data):
    matchings, bridged = [], []
    rng = np.random.default_rng(0)
    for name in ("1135", "1136"):
        gold = read_labels(real_data / "nuclei_3d" / f"{name}_labels.ome.tif").array
        planes = by_plane(gold)
        matchings.append(match(gold, linked(planes)))
        missed = rng.random(planes.max() + 1) < 0.05
        bridged.append(match(gold, linked(by_plane(np.where(missed[planes], 0, gold)))))
    assert score(matchings).pooled.ap["0.50"] > 0.99
    assert score(bridged).pooled.ap["0.50"] > 0.85
