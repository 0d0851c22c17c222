"""Corrections of objects: what changes, and nothing else, in 2D and in stacks."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.segmentation import editing

DEPTHS = [(), (5,)]  # an image, and a stack


def ellipse(shape, centre, radii):
    grid = np.mgrid[tuple(slice(0, n) for n in shape)]
    away = [
        ((g - c) / r) ** 2
        for g, c, r in zip(grid, centre[-len(shape) :], radii, strict=False)
    ]
    return sum(away) < 1


def discs(depth, dtype=np.int32):
    """Objects 3 and 8, apart, on every plane; where a pixel of each lies."""
    labels = np.zeros((40, 90), dtype)
    labels[ellipse(labels.shape, (20, 25), (12, 15))] = 3
    labels[ellipse(labels.shape, (20, 65), (12, 15))] = 8
    middle = tuple(n // 2 for n in depth)
    labels = np.array(np.broadcast_to(labels, (*depth, *labels.shape)))
    return labels, (*middle, 20, 25), (*middle, 20, 65)


def applied(labels, edit):
    """The labels after an edit, which names each pixel once and no other axis."""
    assert len(edit.indices) == labels.ndim
    assert edit.values.dtype == labels.dtype and edit.values.ndim == 1
    flat = np.ravel_multi_index(edit.indices, labels.shape)
    assert len(np.unique(flat)) == len(flat)
    changed = labels.copy()
    changed[edit.indices] = edit.values
    return changed


@pytest.mark.parametrize("depth", DEPTHS)
def test_an_object_is_deleted_and_nothing_else(depth):
    labels, a, _ = discs(depth)
    after = applied(labels, editing.delete(labels, a))
    assert np.array_equal(after, np.where(labels == 3, 0, labels))


@pytest.mark.parametrize("depth", DEPTHS)
def test_two_become_one(depth):
    labels, a, b = discs(depth)
    after = applied(labels, editing.merge(labels, a, b))
    assert np.array_equal(after, np.where(labels == 8, 3, labels))


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("angle", [0, 30, 90, 200])
def test_a_line_cuts_an_object_in_two(depth, angle):
    labels, a, _ = discs(depth)
    away = 18 * np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))])
    ends = [(*a[:-2], *(int(v) for v in np.rint(a[-2:] + s * away))) for s in (-1, 1)]
    after = applied(labels, editing.split(labels, tuple(ends)))
    assert set(np.unique(after)) == {0, 3, 8, 9}, "the next free number"
    assert np.array_equal(after > 0, labels > 0)
    assert np.array_equal(after == 8, labels == 8)
    one, other = (after == 3).sum(), (after == 9).sum()
    assert other <= one < 1.3 * other, "through the middle: two halves"
    for number in (3, 9):
        _, mask = editing.object_at(after, tuple(np.argwhere(after == number)[0]))
        assert mask.sum() == (after == number).sum(), "each in one piece"


def test_a_line_that_ends_inside_goes_on_to_the_edge():
    labels, *_ = discs(())
    after = applied(labels, editing.split(labels, ((15, 25), (25, 25))))
    assert abs((after == 3).sum() - (after == 9).sum()) < 60


def test_a_cut_follows_the_lowest_ridge():
    labels = np.zeros((40, 90), np.int32)
    labels[ellipse(labels.shape, (20, 30), (14, 20))] = 3
    labels[ellipse(labels.shape, (20, 60), (14, 20))] = 3
    ridge = np.abs(np.arange(90) - 45 - 3 * np.sin(np.arange(40) / 4)[:, None])
    drawn = ((2, 49), (38, 43))
    straight = applied(labels, editing.split(labels, drawn))
    low = applied(labels, editing.split(labels, drawn, cost=lambda box: ridge[box]))
    true = np.arange(90) > 45 + 3 * np.sin(np.arange(40) / 4)[:, None]

    def wrong(after):
        side = (after == after[20, 75]) & (labels > 0)
        return np.count_nonzero(side ^ (true & (labels > 0)))

    assert wrong(low) < 0.4 * wrong(straight)
    same = editing.split(labels, drawn, cost=lambda box: np.ones_like(ridge[box]))
    assert wrong(applied(labels, same)) < 1.3 * wrong(straight)


@pytest.mark.parametrize("depth", DEPTHS)
def test_holes_are_filled_and_edges_smoothed(depth):
    labels, a, _ = discs(depth)
    clean = labels.copy()
    labels[..., 18:22, 20:24] = 0
    labels[..., 20:22, 40:46] = 3  # a spike
    after = applied(labels, editing.fill_and_smooth(labels, (*a[:-2], 12, 25)))
    assert (after[..., 18:22, 20:24] == 3).all()
    assert not after[..., 20, 43:].any() or (after[..., 20, 43:] != 3).all()
    wrong = (after == 3) ^ (clean == 3)
    assert wrong.sum() < 0.06 * (clean == 3).sum()
    assert np.array_equal(after == 8, labels == 8)


def test_an_object_in_a_hole_and_a_neighbour_keep_their_pixels():
    labels, *_ = discs(())
    labels[18:22, 20:24] = 5
    labels[5:35, 38:42][labels[5:35, 38:42] == 0] = 6
    after = applied(labels, editing.fill_and_smooth(labels, (12, 25)))
    for number in (5, 6, 8):
        assert np.array_equal(after == number, labels == number)


def test_what_is_added_is_one_piece_of_the_background():
    labels, *_ = discs(())
    mask = np.zeros((10, 60), bool)
    mask[2:8, :] = True
    box = (slice(15, 25), slice(20, 80))
    after = applied(labels, editing.add(labels, box, mask, (20, 45)))
    new = after == 9
    assert new[20, 45] and np.array_equal(after[~new], labels[~new])
    assert not labels[new].any()
    assert editing.add(labels, box, mask, (15, 45)) is None


def test_parts_of_one_number_that_lie_apart_are_two_objects():
    labels, a, b = discs(())
    labels[labels == 8] = 3
    after = applied(labels, editing.delete(labels, a))
    assert not after[a] and after[b] == 3


@pytest.mark.parametrize(
    ("correct", "words"),
    [
        (lambda y: editing.delete(y, (1, 2)), "no object at 1, 2; click on one"),
        (lambda y: editing.merge(y, (20, 25), (1, 2)), "no object at 1, 2"),
        (
            lambda y: editing.merge(y, (20, 25), (21, 26)),
            "both ends lie on object 3; press on one object and let go on the other",
        ),
        (
            lambda y: editing.split(y, ((0, 0), (0, 50))),
            "the line crosses no object; draw it across the one to split",
        ),
        (
            lambda y: editing.split(y, ((20, 25), (20, 25))),
            "does not part object 3; draw it from one side of the object to the other",
        ),
        (
            lambda y: editing.free_number(y.astype(np.uint8), 255),
            "labels of uint8 have no number above 255; convert the layer to int32",
        ),
    ],
)
def test_what_cannot_be_done_is_told(correct, words):
    labels, *_ = discs(())
    with pytest.raises(ValueError, match=words):
        correct(labels)


def test_little_of_large_labels_is_read():
    class Watched:
        """Labels of 8192 x 8192 px that count what is read of them."""

        def __init__(self):
            self.labels, self.read = np.zeros((8192, 8192), np.int32), 0
            self.labels[5000:5040, 100:190] = discs(())[0]
            self.shape, self.dtype = self.labels.shape, self.labels.dtype

        def __getitem__(self, index):
            found = self.labels[index]
            self.read += np.size(found)
            return found

    labels = Watched()
    a, b = (5020, 125), (5020, 165)
    editing.delete(labels, a)
    editing.merge(labels, a, b)
    editing.split(labels, ((5000, 125), (5040, 125)), number=9)
    editing.fill_and_smooth(labels, a)
    assert labels.read < 10**5
