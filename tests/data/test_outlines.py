"""Outlines go around pixels and come back as the same labels."""

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.data.outlines import Outline, fill, outlines


def ragged(shape, seed=0):
    """Objects with holes, parts and pixels that touch at corners alone."""
    some = np.random.default_rng(seed).random(shape) < 0.45
    labels, _ = ndimage.label(some, np.ones((3,) * len(shape)))
    return labels.astype(np.int32) * 3


@pytest.mark.parametrize("edge", [None, 16])
@pytest.mark.parametrize("shape", [(1, 1), (60, 70), (3, 20, 30), (2, 3, 20, 20)])
def test_labels_come_back(shape, edge):
    labels = ragged(shape)
    back, several = fill(outlines(labels, edge=edge), shape)
    np.testing.assert_array_equal(back, labels)
    assert several == 0


def test_an_outline_has_its_corners_parts_and_holes():
    labels = np.zeros((9, 12), np.uint8)
    labels[1:6, 1:6] = 4
    labels[2:4, 2:4] = 0
    labels[8, 11] = labels[7, 10] = 4  # both touch at a corner alone
    (outline,) = outlines(labels)
    assert outline.number == 4
    around, hole = outline.polygons[0]
    assert around.tolist() == [[1, 1], [1, 6], [6, 6], [6, 1]]
    assert sorted(hole.tolist()) == [[2, 2], [2, 4], [4, 2], [4, 4]]
    others = [ring.min(axis=0).tolist() for (ring,) in outline.polygons[1:]]
    assert others == [[7, 10], [8, 11]]


def test_no_ring_meets_itself():
    for outline in outlines(ragged((40, 50))):
        for ring in (ring for polygon in outline.polygons for ring in polygon):
            assert len(np.unique(ring, axis=0)) == len(ring)


def test_an_overlap_goes_to_the_first_and_what_is_outside_is_cut_off():
    square = np.array([[0, 0], [0, 4], [4, 4], [4, 0]])
    found = [
        *(Outline(7, [[square]]), Outline(9, [[square + 2]])),
        Outline(11, [[square + np.array([-2.0, 30.0])]]),
        Outline(12, [[square]], plane=5),
    ]
    labels, several = fill(found, (8, 33))
    assert several == 4
    counts = dict(zip(*np.unique(labels, return_counts=True), strict=True))
    assert (counts[7], counts[9], counts[11]) == (16, 12, 6)
    assert (labels[:2, 30:] == 11).all() and 12 not in counts


def test_labels_without_objects_have_no_outlines():
    assert list(outlines(np.zeros((4, 5), int))) == []
