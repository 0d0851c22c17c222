"""Contracts of augmented intensities: each variation does what its name says."""

import pytest
import torch

from napari_unet.config import AugmentConfig
from napari_unet.training.intensities import vary
from support.made import UNVARIED


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_no_variation_changes_nothing():
    image = torch.rand(3, 2, 8, 8)
    torch.testing.assert_close(vary(image, UNVARIED, True, generator()), image)


@pytest.mark.parametrize("shape", [(16, 16), (4, 16, 16)])
def test_each_variation_does_what_its_name_says(shape):
    image = torch.rand(64, 1, *shape) * 0.8 + 0.1

    def varied(**change):
        return vary(image, UNVARIED.replace(**change), True, generator())

    shift = (varied(brightness=0.2) - image).flatten(1)
    assert (shift.std(1) < 1e-5).all()
    assert 0.1 < shift[:, 0].abs().max() <= 0.2
    gain = (varied(contrast=0.5) / image).flatten(1)
    assert (gain.std(1) < 1e-4).all()
    assert 0.5 <= gain.min() < 0.7 < 1.3 < gain.max() <= 1.5
    power = (varied(gamma=2.0).log() / image.log()).flatten(1)
    assert 0.49 < power.min() < 0.7 < 1.5 < power.max() < 2.01
    torch.testing.assert_close(varied(inversion=1.0), 1 - image)
    noise = (varied(noise=0.3) - image).flatten(1).std(1)
    assert noise.max() > 0.15
    assert noise.min() < 0.1
    blurred = varied(blur=3.0, part=1.0)
    assert blurred.flatten(1).std(1).mean() < 0.9 * image.flatten(1).std(1).mean()
    torch.testing.assert_close(
        blurred.mean(), image.mean(), atol=0.02, rtol=0
    )  # light is spread, not lost


def test_colours_change_together_and_stains_apart():
    image = torch.rand(4, 3, 8, 8)[:, :1].repeat(1, 3, 1, 1)
    colours = vary(image, AugmentConfig(), True, generator())
    torch.testing.assert_close(colours[:, 0], colours[:, 1])
    stains = vary(image, AugmentConfig(), False, generator())
    assert not torch.allclose(stains[:, 0], stains[:, 1])


def test_negative_values_survive_gamma():
    image = torch.full((2, 1, 4, 4), -0.2)
    varied = vary(image, UNVARIED.replace(gamma=2.0), True, generator())
    torch.testing.assert_close(varied, image)


@pytest.mark.parametrize("shape", [(32, 32), (4, 32, 32)])
def test_uneven_light_is_smooth_and_keeps_the_range(shape):
    image = torch.zeros(32, 1, *shape)
    lit = vary(image, UNVARIED.replace(background=1.0, part=1.0), True, generator())
    assert (lit >= 0).all()
    assert (lit <= 1).all()
    assert lit.flatten(1).amax(1).max() > 0.3
    assert (lit[..., 1:] - lit[..., :-1]).abs().max() < 0.12
    untouched = vary(
        image, UNVARIED.replace(background=1.0, part=0.0), True, generator()
    )
    torch.testing.assert_close(untouched, image)


@pytest.mark.parametrize("ground", [0.1, 0.9])
def test_specks_are_small_and_stand_out_from_their_ground(ground):
    image = torch.full((16, 3, 64, 64), ground)
    specked = vary(image, UNVARIED.replace(debris=1.0), True, generator())
    change = specked - image
    assert (change.amin() < -0.2) == (ground > 0.5)
    assert (change.amax() > 0.2) == (ground < 0.5)
    assert (change.abs() > 0.05).float().mean() < 0.25
    torch.testing.assert_close(specked[:, 0], specked[:, 2])


def test_grey_crops_become_merges_and_colours_change_or_go():
    grey = torch.rand(64, 1, 16, 16).repeat(1, 3, 1, 1) * 0.4
    merged = vary(grey, UNVARIED.replace(colour=1.0), True, generator())
    assert (merged[:, 0] != merged[:, 2]).flatten(1).any(1).float().mean() > 0.9
    # What was bright in the crop is bright in one of the colours still.
    strongest = (merged - grey).flatten(2).abs().mean(2).amin(1)
    assert (strongest < 0.25).all()
    colours = torch.rand(64, 3, 16, 16)
    changed = vary(colours, UNVARIED.replace(colour=1.0), True, generator())
    lost = (changed[:, 0] == changed[:, 1]).flatten(1).all(1).float().mean()
    assert 0.1 < lost < 0.5
    bright = 0.7 + torch.rand(8, 1, 16, 16).repeat(1, 3, 1, 1) * 0.3
    kept = vary(bright, UNVARIED.replace(colour=1.0), True, generator())
    torch.testing.assert_close(kept, bright)
    stains = vary(colours, UNVARIED.replace(colour=1.0), False, generator())
    torch.testing.assert_close(stains, colours)
