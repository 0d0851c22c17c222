"""Samples: shapes, the honest split, intensity statistics."""

from dataclasses import replace

import numpy as np
import pytest

from napari_unet.data.images import Image, Stats, intensity_stats, normalise
from napari_unet.data.samples import Sample, split
from support.made import blobs


def unique(shape, start, **kwargs):
    """A Sample no two pixels of which, in all the world, have one value."""
    image = np.arange(start, start + np.prod(shape)).reshape(1, *shape)
    return Sample(image, (image[0] % 7 == 0).astype(np.uint8), **kwargs)


def uniques(count, shape=(8, 9), **kwargs):
    size = int(np.prod(shape))
    return [unique(shape, i * size, name=str(i), **kwargs) for i in range(count)]


def pixels(samples):
    """All pixel values, sorted."""
    return np.sort(np.concatenate([s.image.array.ravel() for s in samples] or [[]]))


def assert_honest(samples, train, validation):
    """No pixel is in both, none is made up."""
    a, b = pixels(train), pixels(validation)
    assert len(np.intersect1d(a, b)) == 0
    assert np.isin(np.concatenate([a, b]), pixels(samples)).all()
    for s in [*train, *validation]:
        np.testing.assert_array_equal(s.labels, s.image.array[0] % 7 == 0)


# Sample


def test_a_sample_knows_its_shape():
    sample = blobs(shape=(40, 50))
    assert (sample.ndim, sample.shape) == (2, (40, 50))
    assert blobs(shape=(9, 30, 30), count=3).ndim == 3


@pytest.mark.parametrize(
    ("image", "labels", "options", "message"),
    [
        ((1, 8, 8), (8, 9), {}, r"labels have shape \(8, 9\) but the image has \(8, 8"),
        ((1, 8, 8), (1, 8, 8), {}, r"labels have shape \(1, 8, 8\)"),
        (
            (1, 8, 8),
            (8, 8),
            {"mask": np.ones((8, 7), bool)},
            r"mask has shape \(8, 7\)",
        ),
        ((8, 8), (8,), {}, r"must be \(C, Y, X\) or \(C, Z, Y, X\).*\(8, 8\)"),
        ((1, 0, 8), (0, 8), {}, "not empty"),
        ((4, 8, 8), (8, 8), {"rgb": True}, "RGB image has 3 channels, got 4.*alpha"),
        ((1, 8, 8), (8, 8), {"spacing": (1.0,)}, "spacing .* does not fit 2 spatial"),
        ((1, 8, 8), (8, 8), {"spacing": (1.0, 0.0)}, "one positive number per axis"),
        ((1, 8, 8), (8, 8), {"spacing": (1.0, np.nan)}, "one positive number per axis"),
    ],
)
def test_shapes_that_differ_are_refused(image, labels, options, message):
    with pytest.raises(ValueError, match=message) as error:
        Sample(np.ones(image), np.ones(labels, int), name="cells", **options)
    assert str(error.value).startswith("cells: ")


def test_complex_images_are_refused():
    with pytest.raises(ValueError, match="must hold real numbers, got complex128"):
        Sample(np.ones((1, 4, 4), complex), np.ones((4, 4), int))


# split


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("count", [2, 3, 10])
@pytest.mark.parametrize("seed", range(3))
def test_several_images_are_divided_whole(fraction, count, seed):
    samples = uniques(count)
    train, validation = split(samples, fraction, seed)
    assert_honest(samples, train, validation)
    assert len(train) + len(validation) == count
    assert len(validation) == min(max(1, round(fraction * count)), count - 1)
    assert all(s in samples for s in [*train, *validation])  # the very same, uncut


def test_the_split_depends_on_the_seed_alone():
    samples = uniques(20)
    names = [[s.name for s in split(samples, 0.3, seed)[1]] for seed in (0, 0, 1)]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize("fraction", [0.1, 0.34, 0.6, 0.95])
@pytest.mark.parametrize("count", [3, 4, 10])
@pytest.mark.parametrize("seed", range(4))
def test_a_time_series_is_divided_with_a_gap(fraction, count, seed):
    samples = uniques(count, series="movie")
    train, validation = split(samples, fraction, seed)
    assert_honest(samples, train, validation)
    assert train and validation
    times = [[int(s.name) for s in part] for part in (train, validation)]
    for part in times:
        assert part == list(range(part[0], part[-1] + 1)), "contiguous"
    assert max(min(part) for part in times) - min(max(part) for part in times) == 2
    assert len(train) + len(validation) == count - 1


def test_frames_of_one_series_stay_together():
    samples = uniques(9)
    samples = [
        Sample(s.image, s.labels, name=s.name, series="abc"[i // 3])
        for i, s in enumerate(samples)
    ]
    for seed in range(5):
        train, validation = split(samples, 0.3, seed)
        assert not {s.series for s in train} & {s.series for s in validation}
        assert len(train) + len(validation) == 9


@pytest.mark.parametrize("shape", [(40, 30), (30, 40), (12, 20, 30), (50, 8, 9)])
@pytest.mark.parametrize("fraction", [0.05, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(3))
def test_a_single_image_is_cut_in_two(shape, fraction, seed):
    samples = uniques(1, shape)
    train, validation = split(samples, fraction, seed)
    assert_honest(samples, train, validation)
    (a,), (b,) = train, validation
    assert a.labels.size + b.labels.size == np.prod(shape), "nothing is lost"
    # The longest of the last two axes is cut: planes of a stack stay whole.
    assert a.shape[:-2] == shape[:-2]
    part = b.labels.size / np.prod(shape)
    assert part == pytest.approx(fraction, abs=1.5 / max(shape[-2:]))


def test_the_cut_goes_by_what_is_annotated():
    image = np.zeros((1, 100, 20), np.float32)
    labels = np.ones((100, 20), int)
    mask = np.zeros((100, 20), bool)
    mask[:20] = True
    (_,), (validation,) = split([Sample(image, labels, mask=mask)], 0.25, 0)
    assert validation.mask.sum() == pytest.approx(0.25 * mask.sum(), abs=20)
    assert validation.mask.shape == validation.labels.shape


@pytest.mark.parametrize("count", [0, 1, 5])
def test_no_validation(count):
    samples = uniques(count)
    assert split(samples, 0, 0) == (samples, [])


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, float("nan")])
def test_a_part_that_is_none_is_refused(fraction):
    with pytest.raises(ValueError, match=r"validation .* is not a part of the data"):
        split(uniques(3), fraction, 0)


# intensities


def test_percentiles_are_taken_channel_by_channel():
    image = np.stack([np.arange(101), 10 * np.arange(101)]).reshape(2, 1, 101)
    assert intensity_stats(Image(image), (10, 90)) == Stats((10, 100), (90, 900))


def test_percentiles_of_rgb_are_joint():
    image = np.arange(303).reshape(3, 1, 101)
    stats = intensity_stats(Image(image, rgb=True), (0, 100))
    assert stats == Stats((0,), (302,))
    prepared = normalise(image, stats)
    assert prepared[0].max() < prepared[2].min()  # colours keep their relation


def test_normalised_values_are_not_clipped():
    image = np.array([[[-50.0, 0, 100, 300]]])
    prepared = normalise(image, Stats((0,), (100,)))
    assert prepared.dtype == np.float32
    np.testing.assert_allclose(prepared, [[[-0.5, 0, 1, 3]]])


def test_a_constant_channel_becomes_0():
    image = np.stack([np.full((4, 4), 7), np.arange(16).reshape(4, 4)])
    prepared = normalise(image, intensity_stats(Image(image)))
    assert not prepared[0].any()
    assert prepared[1].any()


def test_few_bright_pixels_on_one_value_are_not_constant():
    image = np.zeros((1, 100, 100), np.uint8)
    image[0, 4:7, 4:7] = 200  # less than 0.2 % of all
    stats = intensity_stats(Image(image))
    assert stats == Stats((0,), (200,))


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", "u2", "i4", "u4", "i8", "f2", "f8"])
def test_all_real_types_are_taken(dtype):
    image = np.arange(100).reshape(1, 10, 10).astype(dtype)
    prepared = normalise(image, intensity_stats(Image(image), (0, 100)))
    assert prepared.dtype == np.float32
    assert (prepared.min(), prepared.max()) == (0, 1)


@pytest.mark.parametrize("dtype", ["i4", "u4", "i8", "f8"])
def test_contrast_on_a_high_pedestal_survives(dtype):
    image = (2_000_000_000 + np.arange(100)).reshape(1, 10, 10).astype(dtype)
    prepared = normalise(image, intensity_stats(Image(image), (0, 100)))
    expected = np.linspace(0, 1, 100, dtype=np.float32)
    np.testing.assert_allclose(prepared.ravel(), expected, atol=1e-6)


def test_large_images_are_sampled_evenly(monkeypatch):
    from napari_unet.data import images

    image = np.random.default_rng(0).normal(size=(1, 300, 300))
    whole = intensity_stats(Image(image), (1, 99))
    monkeypatch.setattr(images, "MOST_VALUES", 10_000)
    part = intensity_stats(Image(image), (1, 99))
    assert part != whole
    assert part.low[0] == pytest.approx(whole.low[0], abs=0.2)
    assert part.high[0] == pytest.approx(whole.high[0], abs=0.2)


def test_objects_are_looked_for_once_and_anew_in_other_labels():
    labels = np.zeros((20, 20), np.int32)
    labels[:5], labels[8:12] = 3, 7
    mask = np.ones((20, 20), bool)
    mask[:6] = False
    sample = Sample(np.zeros((1, 20, 20)), labels, mask=mask)
    assert sample.objects is sample.objects
    assert sample.objects.ids.tolist() == [3, 7]
    assert sample.annotated_objects is sample.annotated_objects
    assert sample.annotated_objects.ids.tolist() == [7]
    whole = replace(sample, mask=None)
    assert whole.annotated_objects is whole.objects
    assert replace(sample, labels=labels % 7).objects.ids.tolist() == [3]
