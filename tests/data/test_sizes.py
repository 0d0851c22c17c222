"""Objects of any size: how large they are, and samples resampled to one size."""

import numpy as np
import pytest

from napari_unet.config import ModelConfig, PredictConfig
from napari_unet.data.images import Image, ImageSeries, Stats
from napari_unet.data.samples import Sample
from napari_unet.data.sizes import KNOWN_SIZE, SMALLER, resample, typical_size, zoom_of
from napari_unet.events import drain
from napari_unet.formulations import formulation_of
from napari_unet.formulations.targets import OCTAVES
from napari_unet.models.model import Model
from napari_unet.segmentation.object_size import estimate_size
from napari_unet.segmentation.segment import segment
from napari_unet.training.crops import encode_all, encode_views, image_weights
from napari_unet.training.recipe import complete
from support.made import ball, blobs, echo, notes, segmented
from support.sizes import ANY, discs, ruler


@pytest.mark.parametrize(("shape", "radius"), [((90, 90), 20), ((50, 50, 50), 15)])
def test_typical_size_is_the_diameter_of_equal_objects(shape, radius):
    labels = ball(shape, np.array(shape) / 2, radius).astype(np.int32)
    sample = Sample(np.zeros((1, *shape)), labels)
    assert typical_size([sample]) == pytest.approx(2 * radius, rel=0.03)
    assert typical_size([Sample(np.zeros((1, *shape)), 0 * labels)]) is None


def test_specks_do_not_move_the_typical_size():
    _, labels = discs(40)
    clean = typical_size([Sample(np.zeros((1, 400, 400)), labels)])
    for i in range(60):  # five times as many specks as objects
        labels[5 * i, 0] = 1000 + i
    assert typical_size([Sample(np.zeros((1, 400, 400)), labels)]) == clean


def test_only_annotated_pixels_are_measured():
    _, labels = discs(30)
    labels[:100] = 9999
    mask = np.ones((400, 400), bool)
    mask[:100] = False
    sample = Sample(np.zeros((1, 400, 400)), labels, mask=mask)
    assert typical_size([sample]) == pytest.approx(30, rel=0.05)


@pytest.mark.parametrize("zoom", [0.3, 0.5, 1.7, 3.0])
@pytest.mark.parametrize("shape", [(64, 96), (20, 30, 40)])
def test_resampled_samples_hold_the_same_objects(zoom, shape):
    sample = blobs(2, shape, 6, (5, 9), spacing=(2.0,) * len(shape))
    near = resample(sample, zoom)
    assert near.image.shape == near.labels.shape
    if zoom > 1:  # smaller ones may vanish
        assert set(np.unique(near.labels)) == set(np.unique(sample.labels))
    size, other = typical_size([sample]), typical_size([near])
    if min(round(n * zoom) for n in shape) >= 16:  # no axis is kept at its least
        assert other == pytest.approx(size * zoom, rel=0.1)
        assert near.spacing == pytest.approx([2 / zoom] * len(shape), rel=0.05)
    assert resample(sample, 1.0) is sample


def test_only_models_of_any_size_resample():
    sample = blobs(1, (96, 96), 8, (10, 12))
    assert zoom_of(sample, ANY.replace(any_size=False)) == 1
    zoom = zoom_of(sample, ANY)
    assert zoom == pytest.approx(24 / typical_size([sample]))
    empty = Sample(sample.image, 0 * sample.labels)
    assert zoom_of(empty, ANY) == 1


def test_views_show_the_known_size_and_smaller_and_share_one_weight():
    model = Model.create(ANY, device="cpu")
    samples = [blobs(1, (96, 96), 8, (10, 12)), blobs(2, (96, 96), 30, (3, 4))]
    encoded = drain(encode_all(samples, model))
    assert len(encoded) == 2 * len(SMALLER)
    for i, sample in enumerate(samples):
        own = encoded[3 * i : 3 * i + 3]
        assert all(e.given is sample for e in own)
        for one, (smaller, _) in zip(own[:2], SMALLER, strict=False):
            size = typical_size([one.sample])
            assert size == pytest.approx(24 * smaller, rel=0.15)
    weights = image_weights(encoded)
    assert weights[:3].sum() == pytest.approx(0.5)
    assert weights[0] == pytest.approx(0.5 * SMALLER[0][1])
    (judge,) = encode_views(samples[0], model, judges=True)
    assert judge.sample.shape == encoded[0].sample.shape


def test_the_map_of_sizes_tells_sizes_of_whole_objects():
    labels = np.zeros((200, 200), np.int32)
    labels[ball((200, 200), (60, 60), 12)] = 1
    labels[ball((200, 200), (120, 120), 48)] = 2
    labels[ball((200, 200), (199, 20), 12)] = 3
    formulation = formulation_of(ANY)
    target, weight = formulation.encode(labels)
    assert [m.name for m in formulation.maps][-1] == "size"
    np.testing.assert_allclose(target[3][labels == 1], 0.5, atol=0.01)
    np.testing.assert_allclose(
        target[3][labels == 2], 0.5 + 2 / (2 * OCTAVES), atol=0.01
    )
    np.testing.assert_array_equal(weight[3] > 0, (labels == 1) | (labels == 2))


@pytest.mark.parametrize(("diameter", "edge"), [(4, 300), (120, 200)])
def test_specks_and_what_fills_the_image_are_no_magnification(diameter, edge):
    image, _ = discs(diameter, (edge, edge), 3 if diameter > 9 else 40)
    stats = Stats((0.0,), (1.0,))
    events = estimate_size(ruler(), Image(image), stats, PredictConfig())
    assert drain(events) is None


@pytest.mark.parametrize("diameter", [5, 24, 100, 250])
def test_sizes_from_5_to_250_px_can_be_given(diameter):
    edge = max(200, 3 * diameter)
    image, labels = discs(diameter, (edge, edge + 50), 4)
    config = PredictConfig(object_size=float(diameter))
    result, _ = segmented(ruler(), image, config)
    assert len(result.ids) == labels.max()


@pytest.mark.parametrize("diameter", [7, 9, 15, 24, 40, 70, 120, 180, 250])
def test_sizes_from_7_to_250_px_are_estimated(diameter):
    edge = max(300, 4 * diameter)
    image, _ = discs(diameter, (edge, edge + 50))
    model = ruler()
    events = estimate_size(model, Image(image), Stats((0.0,), (1.0,)), PredictConfig())
    assert drain(events) == pytest.approx(diameter, rel=0.15)


def test_a_segmentation_says_and_uses_the_estimate():
    image, labels = discs(96, (500, 600), 9)
    result, _ = segmented(ruler(), image)
    assert result.object_size == pytest.approx(96, rel=0.1)
    assert len(result.ids) == labels.max()
    given, _ = segmented(ruler(), image, PredictConfig(object_size=50.0))
    assert given.object_size == 50
    plain, _ = segmented(echo(), np.zeros((3, 40, 40), np.float32))
    assert plain.object_size is None


def test_an_empty_image_is_taken_as_it_is():
    image = np.random.default_rng(0).normal(0, 0.1, (1, 200, 200))
    dark = PredictConfig(intensity=((0.0,), (10.0,)))
    result, _ = segmented(ruler(), image, dark)
    assert (result.object_size, len(result.ids)) == (24.0, 0)
    constant, events = segmented(ruler(), np.ones((1, 90, 90)))
    assert (constant.object_size, len(constant.ids)) == (24.0, 0)
    assert any("constant" in text for text in notes(events))


def test_a_view_takes_the_size_of_the_whole():
    image, _ = discs(60, (500, 600), 12)
    file = ImageSeries(image, "CYX", name="discs")
    whole = drain(segment(ruler(), file))
    box = (slice(100, 300), slice(150, 420))
    part = drain(segment(ruler(), file, box=box))
    assert part.object_size == whole.object_size
    np.testing.assert_array_equal(part.labels[box] > 0, whole.labels[box] > 0)


def test_any_size_is_chosen_where_images_differ():
    small = [
        blobs(
            i,
            (96, 96),
            20,
            (4, 5),
        )
        for i in range(4)
    ]
    large = [blobs(i, (160, 160), 8, (16, 18)) for i in range(4)]
    fitted = complete(ModelConfig(), small + large)
    assert (fitted.any_size, fitted.object_size) == (True, KNOWN_SIZE)
    assert not complete(ModelConfig(), small).any_size
    assert not complete(ModelConfig(any_size=False), small + large).any_size
    assert not complete(ModelConfig(formulation="semantic"), small + large).any_size


def test_any_size_is_for_instances_in_2d():
    for wrong in ({"ndim": 3}, {"formulation": "semantic"}):
        with pytest.raises(ValueError, match="any_size is given for"):
            ModelConfig(any_size=True, **wrong)
