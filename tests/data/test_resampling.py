"""Objects of another size than the model knows; images on other grids."""

import numpy as np
import pytest

from napari_unet.config import PredictConfig
from napari_unet.data import resampling
from napari_unet.data.resampling import Resized, resize
from napari_unet.events import Control, TileDone
from napari_unet.segmentation.tiles import unrounded
from support.made import blobs, boxes_in, echo, maps_of, segmented

SMALL = PredictConfig(tile=64, block=64)


def test_an_image_of_larger_objects_is_resampled():
    model = echo(object_size=13.0)
    labels = blobs(5, (120, 130), 40, (5, 8)).labels
    image = maps_of(model, labels)
    large = np.kron(image, np.ones((1, 2, 2), np.float32))
    plain, _ = segmented(model, image, PredictConfig(object_size=13.0))
    np.testing.assert_array_equal(plain.labels, segmented(model, image)[0].labels)
    config = SMALL.replace(object_size=26.0)
    found, events = segmented(model, large, config)
    assert found.labels.shape == (240, 260), "labels lie on the image's own grid"
    assert len(found.ids) == labels.max()
    truth = np.kron(labels, np.ones((2, 2), int))
    for number in range(1, labels.max() + 1):
        inside = truth == number
        same = found.labels == np.bincount(found.labels[inside]).argmax()
        assert (inside & same).sum() / (inside | same).sum() > 0.8
    # Fewer tiles of the smaller image are run.
    tiles = [e for e in events if isinstance(e, TileDone)]
    _, all_events = segmented(model, large, SMALL)
    assert len(tiles) < len([e for e in all_events if isinstance(e, TileDone)]) / 2


@pytest.mark.parametrize("any_size", [False, True])
def test_the_smallest_is_in_pixels_of_the_known_size(any_size):
    model = echo(object_size=13.0)
    labels = blobs(5, (120, 130), 40, (5, 8)).labels
    areas = np.bincount(labels.ravel())[1:]
    model.thresholds["smallest"] = limit = int(np.median(areas))
    model.config = model.config.replace(any_size=any_size)
    image = maps_of(model, labels)
    large = np.kron(image, np.ones((1, 2, 2), np.float32))
    found, _ = segmented(model, large, SMALL.replace(object_size=26.0))
    expected = np.count_nonzero(areas >= limit)
    assert abs(len(found.ids) - expected) <= 2 < len(areas) - expected


def test_resampled_labels_depend_on_neither_blocks_nor_focus():
    model = echo(object_size=13.0)
    image = maps_of(model, blobs(5, (120, 130), 40, (5, 8)).labels)
    expected, _ = segmented(model, image, PredictConfig(object_size=20.0))
    control = Control()
    control.focus((slice(100, 110), slice(100, 120)))
    config = SMALL.replace(object_size=20.0)
    found, events = segmented(model, image, config, control=control)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert boxes_in(events)[0] == ((64, 120), (64, 128))


def test_object_size_needs_a_model_that_knows_one(crowd):
    model, image, _ = crowd
    with pytest.raises(ValueError, match="object_size is 20 but the model knows no"):
        segmented(model, image, PredictConfig(object_size=20))


@pytest.mark.parametrize("shape", [(50, 61), (13, 30, 41)])
@pytest.mark.parametrize("zoom", [0.4, 0.5, 1.7, 3.0])
def test_resizing_moves_nothing(shape, zoom):
    """A straight ramp stays one: pixel centres keep their places."""
    new = tuple(round(n * zoom) for n in shape)
    for axis in range(len(shape)):
        ramp = np.zeros((1, *shape), np.float32)
        ramp += (np.arange(shape[axis]) + 0.5).reshape(
            [-1 if a == axis else 1 for a in range(len(shape))]
        )
        found = np.moveaxis(resize(ramp, new)[0], axis, 0)
        scale = new[axis] / shape[axis]
        margin = int(np.ceil(2 * max(1, scale)))
        expected = (np.arange(new[axis]) + 0.5) / scale
        inner = slice(margin, -margin)
        values = found.reshape(new[axis], -1)
        np.testing.assert_allclose(values.std(1), 0, atol=0.01)
        np.testing.assert_allclose(values[inner, 0], expected[inner], atol=0.03)


def test_shrinking_averages():
    noise = np.random.default_rng(0).normal(size=(1, 16, 64, 64)).astype(np.float32)
    assert resize(noise, (4, 16, 16)).std() < 0.3
    assert resize(noise[:, 0], (16, 16)).std() < 0.4


GRIDS = [((50, 61), (20, 150)), ((40, 40), (41, 13)), ((9, 30, 41), (5, 60, 17))]


@pytest.mark.parametrize(("before", "after"), GRIDS)
def test_a_large_image_is_resampled_where_it_is_read(before, after):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (3, *before), np.uint8)
    lazy = Resized(image, after, unrounded)
    whole = lazy[(slice(None),) * (1 + len(after))]
    np.testing.assert_allclose(whole, resize(unrounded(image), after), atol=1e-5)
    assert lazy.shape == whole.shape and lazy.dtype == whole.dtype == np.float32
    for _ in range(20):
        ends = [np.sort(rng.integers(0, n + 1, 2)) for n in lazy.shape]
        box = tuple(slice(a, b) for a, b in ends if b > a)
        if len(box) == len(lazy.shape):
            np.testing.assert_array_equal(lazy[box], whole[box])


@pytest.mark.parametrize("size", [8.0, 20.0])
def test_labels_of_a_large_image_are_those_of_a_small_one(monkeypatch, size):
    model = echo(object_size=13.0)
    image = maps_of(model, blobs(5, (120, 130), 40, (5, 8)).labels)
    config = SMALL.replace(object_size=size)
    expected, _ = segmented(model, image, config)
    monkeypatch.setattr(resampling, "AT_ONCE", 0)
    monkeypatch.setattr(resampling, "resize", None)
    found, _ = segmented(model, image, config)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_allclose(found.score, expected.score, atol=1e-3)
