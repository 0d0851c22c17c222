"""What is found in labels, against passes over the whole array for each object."""

import numpy as np
import pytest

from napari_unet.labels import LabelledObjects

IDS = {
    "compact": range(1, 40),
    "with gaps": range(3, 120, 3),
    "large": [2, *range(2**31 - 3, 2**31 + 30), 2**40],
    "the largest": [2**64 - 1, 2**63, 1],
}
DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
CASES = [
    (name, dtype)
    for name in IDS
    for dtype in DTYPES
    if max(IDS[name]) <= np.iinfo(dtype).max
]


def scattered(ids, dtype, shape=(9, 14, 11), background=True):
    """Labels whose objects lie on many parts."""
    rng = np.random.default_rng(0)
    table = np.array([*([0] * background), *ids], dtype)
    return table[rng.integers(0, len(table), shape)]


@pytest.mark.parametrize("masked", [False, True], ids=["everywhere", "masked"])
@pytest.mark.parametrize("shape", [(40, 30), (9, 14, 11)], ids=["2D", "3D"])
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_objects_are_all_that_is_not_background(name, dtype, shape, masked):
    labels = scattered(IDS[name], dtype, shape)
    mask = np.random.default_rng(1).random(shape) < 0.5 if masked else None
    objects = LabelledObjects(labels, mask)
    seen = labels if mask is None else np.where(mask, labels, 0)
    ids = sorted(set(seen.ravel().tolist()) - {0})
    assert objects.ids.tolist() == ids
    assert objects.ids.dtype == labels.dtype
    numbers = dict(zip([0, *ids], range(len(ids) + 1), strict=True))
    expected = [numbers[value] for value in seen.ravel().tolist()]
    np.testing.assert_array_equal(objects.compact.ravel(), expected)
    assert objects.compact.dtype == np.uint8
    for number, area, box in zip(ids, objects.areas, objects.boxes, strict=True):
        where = np.nonzero(seen == number)
        assert area == len(where[0])
        assert box == tuple(slice(w.min(), w.max() + 1) for w in where)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_image_may_be_full_or_empty(dtype):
    full = LabelledObjects(scattered([5, 9], dtype, background=False))
    assert full.ids.tolist() == [5, 9] and full.areas.sum() == 9 * 14 * 11
    assert set(full.compact.ravel().tolist()) == {1, 2}
    empty = LabelledObjects(np.zeros((4, 5), dtype))
    assert not len(empty.ids) and not len(empty.areas) and not empty.boxes
    assert not empty.compact.any()


def test_numbers_beyond_a_byte_are_compact_in_two():
    labels = np.arange(0, 3 * 300, 3).reshape(20, 15)
    compact = LabelledObjects(labels).compact
    assert compact.dtype == np.uint16
    np.testing.assert_array_equal(compact, labels // 3)


def test_compact_labels_are_not_copied():
    labels = scattered(range(1, 9), np.uint8)
    assert LabelledObjects(labels).compact is labels
