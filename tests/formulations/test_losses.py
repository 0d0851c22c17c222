"""Losses against hand values and against their formulas written out."""

import math

import numpy as np
import pytest
import torch

from napari_unet.formulations.losses import LOSSES, cross_entropy, dice

ONE = torch.ones(1, 1, 1, 2)


def case(seed=0, channels=1, shape=(5, 6), batch=3):
    """Random logits, targets and weights in float64."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, channels, *shape, generator=generator).double()
    classes = max(2, channels)
    target = torch.randint(0, classes, (batch, 1, *shape), generator=generator)
    weight = torch.rand(batch, 1, *shape, generator=generator)
    return logits, target.double(), weight.double()


def written_out(name, logits, target, weight, class_weights=None):
    """The same losses, one sample after the other, with loops."""
    found = []
    for scores, truth, counts in zip(
        logits.numpy(), target.numpy(), weight.numpy(), strict=True
    ):
        if len(scores) == 1:
            foreground = 1 / (1 + np.exp(-scores[0]))
            probability = np.stack([1 - foreground, foreground])
        else:
            probability = np.exp(scores) / np.exp(scores).sum(0)
        onehot = np.stack([truth[0] == k for k in range(len(probability))])
        weights = np.ones(len(onehot)) if class_weights is None else class_weights
        right = (onehot * probability).sum(0)
        focused = -((1 - right) ** 2) * np.log(right)
        focused = focused * np.tensordot(weights, onehot, 1)
        focused = (focused * counts[0]).sum() / counts.sum()
        tversky = []
        for p, t in zip(probability[1:], onehot[1:], strict=True):
            both, false, missed = (
                (x * counts[0]).sum() for x in (p * t, p * (1 - t), (1 - p) * t)
            )
            tversky.append(1 - (both + 0.5) / (both + 0.3 * false + 0.7 * missed + 0.5))
        entropy = -(onehot * np.log(probability)).sum(0)
        entropy = entropy * np.tensordot(weights, onehot, 1)
        entropy = (entropy * counts[0]).sum() / counts.sum()
        overlaps = [
            1 - (2 * (p * t * counts[0]).sum() + 1) / (((p + t) * counts[0]).sum() + 1)
            for p, t in zip(probability[1:], onehot[1:], strict=True)
        ]
        found.append(
            {
                "ce": entropy,
                "dice": np.mean(overlaps),
                "ce+dice": entropy + np.mean(overlaps),
                "focal": focused,
                "tversky": np.mean(tversky),
            }[name]
        )
    return np.array(found)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("channels", [1, 2, 4])
@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 5)])
def test_equals_the_formula(name, channels, shape):
    logits, target, weight = case(channels=channels, shape=shape)
    found = LOSSES[name](logits, target, weight, None)
    assert found.shape == (3,)
    np.testing.assert_allclose(found, written_out(name, logits, target, weight), 1e-6)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["ce", "focal"])
def test_class_weights_weigh_the_cross_entropy(channels, name):
    logits, target, weight = case(channels=channels)
    numbers = torch.tensor([0.5, 3.0, 7.0][: max(2, channels)]).double()
    found = LOSSES[name](logits, target, weight, numbers)
    expected = written_out(name, logits, target, weight, numbers.numpy())
    np.testing.assert_allclose(found, expected, 1e-6)
    assert torch.equal(
        dice(logits, target, weight, numbers), dice(logits, target, weight)
    )


def test_hand_values():
    logits = torch.tensor([[[[0.0, math.log(3)]]]])  # probabilities 1/2 and 3/4
    target = torch.tensor([[[[1.0, 0.0]]]])
    entropy = cross_entropy(logits, target, ONE).item()
    assert entropy == pytest.approx((math.log(2) + math.log(4)) / 2)
    weighted = cross_entropy(logits, target, torch.tensor([[[[3.0, 1.0]]]])).item()
    assert weighted == pytest.approx((3 * math.log(2) + math.log(4)) / 4)
    # 2 x 0.5 + 1 over 1.25 + 1 + 1
    assert dice(logits, target, ONE).item() == pytest.approx(1 - 2 / 3.25)
    both = LOSSES["ce+dice"](logits, target, ONE, None).item()
    assert both == pytest.approx(entropy + 1 - 2 / 3.25)


def test_the_focal_loss_looks_at_what_is_wrong():
    """Lin et al., 2017: at p = .9, a hundred times less than cross-entropy."""
    logits = torch.tensor([[[[math.log(9)]]]])
    truth = torch.ones(1, 1, 1, 1)
    ratio = LOSSES["focal"](logits, truth, truth) / cross_entropy(logits, truth, truth)
    assert ratio.item() == pytest.approx(0.01, rel=1e-4)


def test_a_missed_pixel_costs_the_tversky_loss_more_than_a_false_one():
    truth = torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]])
    missed = torch.tensor([[[[9.0, -9.0, -9.0, -9.0]]]])
    false = torch.tensor([[[[9.0, 9.0, 9.0, -9.0]]]])
    counts = torch.ones_like(truth)
    tversky = LOSSES["tversky"]
    assert tversky(missed, truth, counts) > 1.5 * tversky(false, truth, counts)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("channels", [1, 3])
def test_weight_0_costs_nothing(name, channels):
    logits, target, weight = case(channels=channels)
    weight[..., :3] = 0
    changed = logits.clone()
    changed[..., :3] += 5
    before, after = (LOSSES[name](x, target, weight, None) for x in (logits, changed))
    torch.testing.assert_close(before, after, rtol=0, atol=0)
    logits.requires_grad_()
    LOSSES[name](logits, target, weight, None).sum().backward()
    assert not logits.grad[..., :3].any()
    assert logits.grad[..., 3:].any()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_sample_without_weight_costs_0(name, channels):
    logits, target, weight = case(channels=channels)
    weight[1] = 0
    logits.requires_grad_()
    found = LOSSES[name](logits, target, weight, None)
    assert found[1] == 0
    found.sum().backward()
    assert torch.isfinite(logits.grad).all() and not logits.grad[1].any()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("channels", [1, 3])
def test_samples_do_not_mix(name, channels):
    logits, target, weight = case(channels=channels)
    together = LOSSES[name](logits, target, weight, None)
    alone = torch.cat(
        [
            LOSSES[name](logits[i : i + 1], target[i : i + 1], weight[i : i + 1], None)
            for i in range(3)
        ]
    )
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("channels", [1, 3])
def test_nothing_there_and_nothing_found_is_a_dice_loss_of_0(channels):
    logits = torch.full((1, channels, 32, 32), -30.0)
    logits[:, 0] = -30.0 if channels == 1 else 30.0
    target, weight = torch.zeros(1, 1, 32, 32), torch.ones(1, 1, 32, 32)
    assert dice(logits, target, weight).item() == pytest.approx(0, abs=1e-6)
    assert dice(-logits, target, weight).item() > 0.4


@pytest.mark.parametrize("name", LOSSES)
def test_a_perfect_prediction_costs_0(name):
    target = torch.zeros(1, 1, 8, 8)
    target[..., 2:5, 2:5] = 1
    logits = 60 * (target - 0.5)
    found = LOSSES[name](logits, target, torch.ones_like(target), None).item()
    assert found == pytest.approx(0, abs=1e-6)
