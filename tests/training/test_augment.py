"""Contracts of augmentation: image and maps change alike, each as it should."""

import math

import numpy as np
import pytest
import torch

from napari_unet.config import AugmentConfig
from napari_unet.formulations.base import Map
from napari_unet.training.augment import Batch, margin, turn, warp
from napari_unet.training.intensities import vary
from support.made import UNVARIED

MAPS = (Map("sharp", "nearest"), Map("smooth", "linear"))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def disc(shape, radius):
    """Return an image of one centred disc, in a batch of 4."""
    axes = [torch.arange(n) - (n - 1) / 2 for n in shape]
    distance = sum(a**2 for a in torch.meshgrid(*axes, indexing="ij")).sqrt()
    return (distance < radius).float().expand(4, 1, *shape)


def batch_of(image):
    target = torch.cat([(image > 0.5).float(), image], 1)
    return Batch(image, target, torch.ones_like(target))


@pytest.mark.parametrize("shape", [(12, 12), (6, 8, 8)])
def test_turning_changes_all_arrays_alike_and_keeps_their_values(shape):
    rng = np.random.default_rng(0)
    image = np.arange(math.prod(shape)).reshape(1, *shape)
    seen = set()
    for _ in range(40):
        a, b = turn([image, image * 2], AugmentConfig(), None, rng)
        np.testing.assert_array_equal(a * 2, b)
        np.testing.assert_array_equal(np.sort(a.ravel()), np.sort(image.ravel()))
        assert a.shape == image.shape
        seen.add(a.tobytes())
    assert len(seen) > 5


@pytest.mark.parametrize(("spacing", "mixes"), [((2, 1, 1), False), (None, True)])
def test_quarter_turns_stay_in_planes_of_equal_spacing(spacing, mixes):
    rng = np.random.default_rng(0)
    config = UNVARIED.replace(turns=True)
    depth = np.broadcast_to(np.arange(8)[:, None, None], (1, 8, 8, 8))
    turned = [turn([depth], config, spacing, rng)[0][0] for _ in range(20)]
    by_plane = [(t == t[:, :1, :1]).all() for t in turned]
    assert all(by_plane) != mixes


def test_turns_alone_never_mirror():
    rng = np.random.default_rng(0)
    image = np.arange(9).reshape(1, 3, 3)
    rotations = {np.rot90(image[0], k).tobytes() for k in range(4)}
    config = UNVARIED.replace(turns=True)
    found = {turn([image], config, None, rng)[0][0].tobytes() for _ in range(40)}
    assert found == rotations


@pytest.mark.parametrize("patch", [(16, 16), (8, 16, 16)])
def test_a_neutral_warp_is_the_identity(patch):
    image = torch.rand(4, 1, *patch)
    out = warp(batch_of(image), UNVARIED, patch, MAPS, None, generator())
    torch.testing.assert_close(out.image, image, atol=1e-5, rtol=0)
    torch.testing.assert_close(out.target, batch_of(image).target, atol=1e-5, rtol=0)


@pytest.mark.parametrize("patch", [(32, 32), (16, 32, 32)])
@pytest.mark.parametrize(
    "change", [{"scaling": 1.5}, {"rotation": 90}, {"elastic": 2.0}]
)
def test_image_and_maps_are_warped_alike_each_by_its_interpolation(patch, change):
    config = UNVARIED.replace(**change)
    crop = margin(config, patch)
    image = torch.rand(4, 1, *crop)
    out = warp(batch_of(image), config, patch, MAPS, None, generator())
    assert out.image.shape == (4, 1, *patch)
    torch.testing.assert_close(out.target[:, 1:], out.image)  # the linear map
    assert set(out.target[:, 0].unique().tolist()) <= {0.0, 1.0}
    assert set(out.weight.unique().tolist()) == {1.0}
    assert not torch.allclose(out.image[0], out.image[1])


def test_scaling_stays_within_its_bounds_and_uses_them():
    config = UNVARIED.replace(scaling=2.0)
    radius, patch = 8, (64, 64)
    ratios = []
    for seed in range(20):
        image = disc(margin(config, patch), radius)
        out = warp(batch_of(image), config, patch, MAPS, None, generator(seed))
        area = out.target[:, 0].sum((1, 2)) / (math.pi * radius**2)
        ratios += area.sqrt().tolist()
    assert 0.48 < min(ratios) < 0.6
    assert 1.7 < max(ratios) < 2.05


def test_rotation_keeps_the_true_shape_of_deep_voxels():
    """A disc in µm stays one where Y pixels are twice as long as X pixels."""
    config = UNVARIED.replace(rotation=90)
    patch, spacing = (32, 64), (2.0, 1.0)
    crop = margin(config, patch)
    y = (torch.arange(crop[0]) - (crop[0] - 1) / 2) * 2
    x = torch.arange(crop[1]) - (crop[1] - 1) / 2
    image = ((y[:, None] ** 2 + x[None] ** 2).sqrt() < 20).float()
    image = image.expand(4, 1, *crop)
    out = warp(batch_of(image), config, patch, MAPS, spacing, generator())
    height = out.target[:, 0].amax(2).sum(1) * 2
    width = out.target[:, 0].amax(1).sum(1)
    assert ((height - 40).abs() <= 4).all()
    assert ((width - 40).abs() <= 4).all()


def test_enlarging_adds_its_octaves_to_maps_that_want_it():
    image = disc((40, 40), 6)
    maps = (Map("sharp", "nearest"), Map("size", "nearest", 0.25))
    batch = batch_of(image)
    batch.target[:, 1] = 0.3
    config = UNVARIED.replace(scaling=4.0)
    batch = Batch(
        *(
            x.repeat(16, *(1,) * (x.ndim - 1))
            for x in (batch.image, batch.target, batch.weight)
        )
    )
    out = warp(batch, config, (20, 20), maps, None, generator())
    area = out.target[:, 0].flatten(1).sum(1)
    told = 2 ** ((out.target[:, 1, 0, 0] - 0.3) / 0.25)  # how much it was enlarged
    whole = (area < 300) & (told > 0.9)  # neither cut nor at the end of the scale
    assert whole.sum() > 8
    true = (area[whole] / (image[0] > 0.5).sum()).sqrt()
    assert torch.allclose(told[whole], true, rtol=0.2)


def test_any_size_enlarges_a_part_of_the_crops_much_more():
    image = disc((60, 60), 8)[:1].repeat(200, 1, 1, 1)
    plain, wide = (
        warp(batch_of(image), UNVARIED.replace(scaling=1.2), (50, 50), MAPS, None,
             generator(), any_size).target[:, 0].flatten(1).mean(1)
        for any_size in (False, True)
    )  # fmt: skip
    assert plain.max() < 1.6 * plain.min() * 1.44
    assert 0.15 < (wide > 2 * plain.median()).float().mean() < 0.4


def test_equal_seeds_give_equal_augmentations():
    config = AugmentConfig(rotation=30, elastic=1.0, blur=1.0)
    image = torch.rand(4, 1, *margin(config, (16, 16)))
    outs = []
    for seed in (1, 1, 2):
        source = generator(seed)
        out = warp(batch_of(image), config, (16, 16), MAPS, None, source)
        outs.append(vary(out.image, config, True, source))
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])
