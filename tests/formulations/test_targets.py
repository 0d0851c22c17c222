"""Target maps against their definitions, written over the whole image."""

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.config import ModelConfig
from napari_unet.data.samples import Sample
from napari_unet.formulations import FORMULATIONS, formulation_of
from napari_unet.formulations.targets import (
    OCTAVES,
    inner_distance,
    relative_size,
    touching_border,
)
from napari_unet.labels import LabelledObjects
from support.made import blobs

SHAPES = {"2D": (40, 50), "3D": (9, 20, 24), "a line": (1, 30), "a pixel": (1, 1)}


def pieces(shape, seed=0):
    """Rectangles that touch and hide one another, each id on several parts."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    for _ in range(40):
        low = rng.integers(0, shape)
        box = tuple(slice(a, a + rng.integers(1, 9)) for a in low)
        labels[box] = rng.integers(0, 15) * 7
    return labels


LABELS = {
    "pieces": pieces,
    "noise": lambda shape: np.random.default_rng(0).integers(0, 9, shape),
    "empty": lambda shape: np.zeros(shape, int),
    "full": lambda shape: np.full(shape, 3),
}


@pytest.fixture(params=SHAPES)
def shape(request):
    return SHAPES[request.param]


@pytest.fixture(params=LABELS)
def labels(request, shape):
    return LABELS[request.param](shape)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_border_is_where_a_window_holds_two_ids(labels, width):
    def two(window):
        return len(set(window) - {0, -1}) > 1

    window = 2 * width + 1
    expected = ndimage.generic_filter(labels, two, window, mode="constant", cval=-1)
    border = touching_border(LabelledObjects(labels).compact, width)
    np.testing.assert_array_equal(border, expected)


@pytest.mark.parametrize("spacing", [None, (2.0, 0.3, 0.5)])
def test_a_distance_is_that_to_any_pixel_outside(labels, spacing):
    spacing = spacing and spacing[: labels.ndim]
    expected = np.zeros(labels.shape)
    for number in set(labels.ravel().tolist()) - {0}:
        inside = labels == number
        far = ndimage.distance_transform_edt(inside, spacing)
        expected += inside if inside.all() else far / far.max()
    found = inner_distance(LabelledObjects(labels), spacing)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("name", LABELS)
def test_a_size_is_that_of_a_disc_of_the_area(name):
    labels = LABELS[name](SHAPES["2D"])
    size, whole = relative_size(LabelledObjects(labels), 10.0)
    edge = np.ones(labels.shape, bool)
    edge[1:-1, 1:-1] = False
    for number in set(labels.ravel().tolist()) - {0}:
        inside = labels == number
        diameter = 2 * np.sqrt(inside.sum() / np.pi)
        expected = np.clip(0.5 + np.log2(diameter / 10) / (2 * OCTAVES), 0, 1)
        np.testing.assert_allclose(size[inside], expected, rtol=1e-6)
        assert (whole[inside] == (not (inside & edge).any())).all()
    assert not whole[labels == 0].any()


@pytest.mark.parametrize("name", FORMULATIONS)
@pytest.mark.parametrize("masked", [False, True])
def test_a_sample_s_objects_spare_looking_for_them(name, masked):
    labels = blobs(count=20).labels * 3
    mask = np.random.default_rng(0).random(labels.shape) < 0.5 if masked else None
    sample = Sample(np.zeros((1, *labels.shape)), labels, mask=mask)
    classes = tuple(sample.objects.ids.tolist())
    made = formulation_of(ModelConfig(formulation=name, classes=classes))
    known = made.encode(sample.labels, mask, None, sample.objects)
    for array, expected in zip(known, made.encode(labels, mask), strict=True):
        np.testing.assert_array_equal(array, expected)
        assert array.dtype == expected.dtype
