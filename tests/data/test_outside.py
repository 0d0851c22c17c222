"""What of an image shows nothing is found, and is not seen, learnt or counted."""

import numpy as np
import pytest
from scipy import ndimage

from napari_unet import Image, Sample
from napari_unet.config import ModelConfig
from napari_unet.data.images import intensity_stats
from napari_unet.data.outside import find_outside, inside, seen_in_training
from napari_unet.models.model import Model
from napari_unet.training.crops import encode_views

PERCENTILES = (1.0, 99.8)
SHAPES = {2: (96, 120), 3: (4, 96, 120)}


def field(shape, channels=1, bright=False, seed=0):
    """Soft blobs of a tenth of the range, uint16, on a noisy background."""
    rng = np.random.default_rng(seed)
    spots = np.zeros(shape)
    spots[..., 12::24, 12::24] = 1
    blobs = ndimage.gaussian_filter(spots, (0,) * (len(shape) - 2) + (4, 4))
    value = 300 + 4000 * blobs / blobs.max() + rng.normal(0, 20, shape)
    value = 9000 - value if bright else value
    return np.stack([value] * channels).astype(np.uint16)


def square(where):
    where[..., 40:50, 30:42] = True


def fibre(where):
    where[..., 60:62, :] = True


def frame(where):
    where[..., :2, :] = where[..., -2:, :] = where[..., :2] = where[..., -2:] = True


def corners(where):
    y, x = np.indices(where.shape[-2:])
    where[..., (y + x < 50) | (y + x > 160)] = True


DRAWN = {"square": square, "fibre": fibre, "frame": frame, "corners": corners}
VALUES = {"saturated": 65535, "black": 0, "nan": np.nan, "infinite": np.inf}


@pytest.mark.parametrize("ndim", SHAPES)
@pytest.mark.parametrize("shape", DRAWN)
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("rgb", [False, True])
def test_what_shows_nothing_is_outside(ndim, shape, value, rgb):
    clean = field(SHAPES[ndim], 3 if rgb else 1, bright=value == "black")
    where = np.zeros(SHAPES[ndim], bool)
    DRAWN[shape](where)
    array = clean.astype(float if isinstance(VALUES[value], float) else np.uint16)
    array[:, where] = VALUES[value]
    image = Image(array, rgb)
    outside = find_outside(image, PERCENTILES)
    seen = inside(image, outside)
    np.testing.assert_array_equal(seen.inside[0], ~where)
    assert np.isfinite(seen.array).all() and seen.array.dtype == array.dtype
    np.testing.assert_array_equal(seen.array[:, ~where], array[:, ~where])
    a, b = (intensity_stats(i, PERCENTILES) for i in (Image(clean, rgb), seen))
    np.testing.assert_allclose((a.low, a.high), (b.low, b.high), rtol=0.05)
    told = " ".join(outside.notes())
    assert ("far" in told) == (value in ("saturated", "black"))


@pytest.mark.parametrize("ndim", SHAPES)
@pytest.mark.parametrize("shape", ["square", "corners"])
@pytest.mark.parametrize("bright", [True, False])
def test_blurred_edges_hide_no_artefact(ndim, shape, bright):
    clean = field(SHAPES[ndim], bright=not bright)
    where = np.zeros(SHAPES[ndim], bool)
    DRAWN[shape](where)
    part = ndimage.gaussian_filter(where.astype(float), (0, 1, 1)[-ndim:])
    array = (clean * (1 - part) + part * 65535 * bright).astype(np.uint16)
    if not bright:
        clean, array = clean + np.uint16(20000), array + np.uint16(20000) * (part < 0.5)
    seen = inside(Image(array), find_outside(Image(array), PERCENTILES))
    assert not seen.inside[0][part > 0.9].any() and seen.inside[0][part == 0].all()
    a, b = (intensity_stats(i, PERCENTILES) for i in (Image(clean), seen))
    np.testing.assert_allclose((a.low, a.high), (b.low, b.high), rtol=0.1)


def zeros_around(image):
    return np.where(image > 900, image, 0)


def sharp_zeros_around(image):
    return np.where(image > 2500, image, 0)


def clipped(image):
    return np.minimum(image, 2500)


def two_values(image):
    return np.where(image > 2500, 1, 0)


AS_THEY_ARE = [np.asarray, zeros_around, sharp_zeros_around, clipped, two_values]


@pytest.mark.parametrize("ndim", SHAPES)
@pytest.mark.parametrize("change", AS_THEY_ARE)
@pytest.mark.parametrize("bright", [False, True])
def test_objects_and_their_background_are_inside(ndim, change, bright):
    array = np.asarray(change(field(SHAPES[ndim])), np.uint16)
    image = Image(60000 - array if bright else array)
    outside = find_outside(image, PERCENTILES)
    assert not outside.any and inside(image, outside) is image


def test_what_is_read_in_parts_is_as_the_whole():
    array = field(SHAPES[2])
    array[:, 40:50, 30:42] = 65535

    class Lazy:
        shape, dtype = array.shape, array.dtype

        def __getitem__(self, index):
            return array[index]

    whole, lazy = Image(array), Image(Lazy())
    outside = find_outside(whole, PERCENTILES)
    assert find_outside(lazy, PERCENTILES) == outside
    part = (slice(20, 80), slice(10, 70))
    a, b = (inside(image, outside).part(part) for image in (whole, lazy))
    np.testing.assert_array_equal(a.array, b.array)
    np.testing.assert_array_equal(a.inside, b.inside)
    assert np.isfinite(b.array).all() and b.array.max() < 10000


@pytest.mark.parametrize("ndim", SHAPES)
@pytest.mark.parametrize("value", ["saturated", "nan"])
def test_nothing_is_learnt_outside(ndim, value):
    array = field(SHAPES[ndim]).astype(np.float32)
    labels = ndimage.label(array[0] > 1500)[0]
    where = np.zeros(labels.shape, bool)
    corners(where)
    array[:, where] = VALUES[value]
    sizes = {"any_size": True, "object_size": 20.0} if ndim == 2 else {}
    config = ModelConfig(ndim=ndim, depth=1, width=2, **sizes)
    model = Model.create(config, device="cpu")
    encoded = encode_views(Sample(array, labels), model)
    for one in encoded:
        assert np.isfinite(one.sample.image.array).all() and one.stats.high[0] < 10000
        share = np.mean(one.weight.astype(bool).any(0))
        assert abs(share - np.mean(~where)) < 0.1


def test_what_is_labelled_counts_however_bright():
    array = field(SHAPES[2])
    array[:, 40:50, 30:42] = 65535
    labels = np.zeros(SHAPES[2], np.int32)
    sample = Sample(array, labels)
    seen, outside = seen_in_training(sample, PERCENTILES)
    assert outside.bright and not seen.mask[45, 35] and seen.mask[5, 5]
    labels[38:52, 28:44] = 1
    seen, outside = seen_in_training(Sample(array, labels), PERCENTILES)
    assert not outside.any and seen.mask is None
