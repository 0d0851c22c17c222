"""Contracts of crops: where they come from, and that they are what they say."""

import numpy as np
import pytest
import torch

from napari_unet.config import AugmentConfig, ModelConfig, TrainConfig
from napari_unet.data.samples import Sample
from napari_unet.models.model import Model
from napari_unet.training.crops import draw, encode, image_weights
from napari_unet.training.recipe import (
    batch_of,
    complete,
    epoch_steps,
    patch_of,
    strides_for,
)
from support.made import UNVARIED


def sample(shape=(40, 50), objects=5, seed=0, mask=None, name="a"):
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    for number in range(1, objects + 1):
        corner = rng.integers(0, np.array(shape) - 4)
        box = tuple(slice(c, c + 4) for c in corner)
        labels[box] = number
    image = rng.integers(0, 1000, (1, *shape)).astype(np.uint16)
    return Sample(image, labels, mask=mask, name=name)


def drawn(samples, patch, batch=8, seed=0, augment=UNVARIED):
    config = ModelConfig(ndim=samples[0].ndim, depth=1, width=2)
    model = Model.create(config, device="cpu")
    encoded = [encode(s, model.formulation, (1, 99.8)) for s in samples]
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    weights = image_weights(encoded)
    crops = draw(encoded, weights, model, patch, batch, augment, rng, generator)
    return model, encoded, crops


@pytest.mark.parametrize(
    ("shape", "patch"), [((40, 50), (16, 16)), ((10, 20, 30), (8, 8, 16))]
)
def test_crops_are_parts_of_the_prepared_image_with_their_own_targets(shape, patch):
    model, encoded, crops = drawn([sample(shape)], patch)
    (only,) = encoded
    whole = model.prepare(only.sample.image.array, False, only.stats)
    for image, target, weight in zip(
        crops.image, crops.target, crops.weight, strict=True
    ):
        first = np.argwhere(np.isclose(whole[0], float(image.flatten()[0])))
        boxes = [
            tuple(slice(a, a + n) for a, n in zip(p, patch, strict=True)) for p in first
        ]
        match = [
            b
            for b in boxes
            if whole[(0, *b)].shape == patch
            and np.allclose(whole[(0, *b)], image[0].numpy(), atol=1e-6)
        ]
        assert match
        np.testing.assert_array_equal(only.target[(slice(None), *match[0])], target)
        np.testing.assert_array_equal(only.weight[(slice(None), *match[0])], weight)


def test_small_images_are_completed_by_mirroring():
    model, encoded, crops = drawn([sample((10, 12))], (16, 16))
    whole = model.prepare(encoded[0].sample.image.array, False, encoded[0].stats)[0]
    mirrored = np.pad(whole, ((0, 6), (0, 4)), mode="symmetric")
    for image in crops.image:
        np.testing.assert_allclose(image[0].numpy(), mirrored, atol=1e-6)


def test_half_of_the_crops_hold_an_object_of_a_sparse_image():
    labels = np.zeros((400, 400), np.int32)
    labels[200:206, 100:106] = 1
    sparse = Sample(np.random.default_rng(0).random((1, 400, 400)), labels)
    _, _, crops = drawn([sparse], (32, 32), batch=200)
    part = (crops.target[:, 0].flatten(1).sum(1) > 0).float().mean()
    assert 0.4 < part < 0.65


def test_crops_stay_with_what_is_annotated():
    mask = np.zeros((300, 300), bool)
    mask[100:140, 100:140] = True
    partly = sample((300, 300), objects=60, mask=mask)
    _, encoded, crops = drawn([partly], (32, 32), batch=100)
    assert (crops.weight[:, 0].flatten(1).sum(1) > 0).all()
    inside = partly.labels[mask]
    assert len(encoded[0].centres) == len(np.unique(inside[inside > 0]))


def test_statistics_are_those_of_the_whole_image():
    dark = sample((64, 64))
    dark.image.array[:, :, 32:] *= 10
    _, _, crops = drawn([dark], (16, 16), batch=30)
    means = crops.image.mean((1, 2, 3))
    assert means.max() > 3 * means.min()


def test_images_weigh_by_the_root_of_their_area():
    _, encoded, _ = drawn([sample((16, 16)), sample((32, 32))], (8, 8))
    np.testing.assert_allclose(image_weights(encoded), [1 / 3, 2 / 3])


@pytest.mark.parametrize("augment", [UNVARIED, AugmentConfig(rotation=20, elastic=1)])
def test_equal_seeds_give_equal_crops_of_the_asked_shape(augment):
    samples = [sample(), sample(seed=1, name="b")]
    batches = [drawn(samples, (24, 24), seed=s, augment=augment)[2] for s in (5, 5, 6)]
    assert batches[0].image.shape == (8, 1, 24, 24)
    assert batches[0].target.shape == batches[0].weight.shape == (8, 3, 24, 24)
    assert torch.equal(batches[0].image, batches[1].image)
    assert not torch.equal(batches[0].image, batches[2].image)


def test_the_recipe_follows_the_data():
    config = complete(ModelConfig(), [sample()])
    assert (config.input, config.ndim, config.object_size) == ("grey", 2, 4.51)
    assert config.border_width == 1
    deep = Sample(
        np.zeros((1, 8, 32, 32), np.uint8),
        np.ones((8, 32, 32), np.int32),
        spacing=(2.0, 0.5, 0.5),
    )
    config = complete(ModelConfig(), [deep])
    assert (config.ndim, config.depth) == (3, 2)
    assert config.strides == ((1, 2, 2), (1, 2, 2))
    assert strides_for((1.0, 0.5, 0.5), 2) == ((1, 2, 2), (2, 2, 2))
    assert complete(ModelConfig(depth=3), [deep]).depth == 3


def test_stains_and_classes_are_named():
    two = Sample(
        np.zeros((2, 16, 16)), np.full((16, 16), 7), channels=("DAPI", "actin")
    )
    config = complete(ModelConfig(formulation="semantic"), [two])
    assert config.input == ("DAPI", "actin")
    assert config.classes == (7,)
    one = Sample(np.zeros((1, 16, 16)), np.ones((16, 16), int), name="one")
    with pytest.raises(ValueError, match="one has 1 channels but .* has 2"):
        complete(ModelConfig(), [two, one])
    with pytest.raises(ValueError, match="2D but the model is 3D"):
        complete(ModelConfig(ndim=3), [one])


def test_patch_batch_and_epoch_have_sensible_sizes():
    config = TrainConfig()
    many = [sample((256, 256), objects=30)]
    patch = patch_of(config, ModelConfig(object_size=20), many, (16, 16))
    assert patch == (128, 128)
    assert batch_of(config, patch) == 8
    assert epoch_steps(many, patch, 16) == 20
    assert epoch_steps(many * 600, patch, 16) == 150
    large = patch_of(config, ModelConfig(object_size=60), many, (16, 16))
    assert large == (240, 240)
    tiny = patch_of(config, ModelConfig(), [sample((30, 20))], (16, 16))
    assert tiny == (32, 32)
    with pytest.raises(ValueError, match="has 3 axes, not 2"):
        patch_of(TrainConfig(patch=(8, 8, 8)), ModelConfig(), many, (16, 16))
