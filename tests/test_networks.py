"""Contracts of the family: any size in and out, true halo, equal seeds, He weights."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from napari_unet.config import ModelConfig
from napari_unet.model import Model
from napari_unet.networks import NETWORKS, build
from napari_unet.networks.layers import Dropout

SMALL = {"depth": 2, "width": 2}
STRIDES = {
    2: ((1, 2), (2, 2)),
    3: ((1, 2, 2), (2, 3, 1)),
}


def network(maps=3, **options):
    return build(ModelConfig(**{**SMALL, **options}), maps).eval()


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def counted_by_hand(ndim, channels, maps, depth, width, batch_norm):
    """Weights and biases of the structure in the guide, level by level."""

    def twice(before, after):
        extra = 2 * after if batch_norm else after  # scale and shift, or a bias
        return 3**ndim * (before + after) * after + 2 * extra

    features = [width * 2**level for level in range(depth + 1)]
    total = twice(channels, width) + width * maps + maps
    for above, below in itertools.pairwise(features):
        total += twice(above, below)  # down
        total += below * above * 2**ndim + above  # transposed convolution
        total += twice(2 * above, above)  # skip and upsampled, concatenated
    return total


def test_parameter_counts_of_the_guide():
    assert parameters(build(ModelConfig(), 3)) == 1_942_323
    # The plain structure on RGB, one logit: the figure known from its many copies.
    plain = build(ModelConfig(norm="none", input="rgb"), 1)
    assert parameters(plain) == 1_941_105


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize(("depth", "width", "maps"), [(1, 2, 1), (2, 3, 4), (3, 4, 2)])
def test_structure_counts_as_by_hand(name, ndim, norm, depth, width, maps):
    made = network(
        maps, network=name, ndim=ndim, norm=norm, depth=depth, width=width, input="rgb"
    )
    expected = counted_by_hand(ndim, 3, maps, depth, width, norm == "batch")
    assert parameters(made) == expected


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("upsampling", ["transposed", "interpolate"])
@pytest.mark.parametrize("strides", [False, True])
@pytest.mark.parametrize(
    "size", [(1, 1), (3, 2), (7, 33), (32, 32), (1, 1, 1), (3, 9, 14), (8, 8, 8)]
)
@torch.inference_mode()
def test_any_size_in_same_size_out(name, size, upsampling, strides):
    ndim = len(size)
    made = network(
        5,
        network=name,
        ndim=ndim,
        input=("a", "b"),
        upsampling=upsampling,
        strides=STRIDES[ndim] if strides else None,
    )
    logits = made(torch.randn(2, 2, *size))
    assert logits.shape == (2, 5, *size)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_divisor_is_the_product_of_the_strides(name, ndim):
    assert network(network=name, ndim=ndim).divisor == (4,) * ndim
    strided = network(network=name, ndim=ndim, strides=STRIDES[ndim])
    assert strided.divisor == {2: (2, 4), 3: (2, 6, 2)}[ndim]


@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_padding_repeats_the_last_row(name):
    made = network(network=name)
    image = torch.randn(1, 1, 8, 8)
    padded = torch.cat([image, image[:, :, -1:].repeat(1, 1, 4, 1)], 2)
    cut = made(padded[:, :, :9])
    torch.testing.assert_close(made(padded)[:, :, :9], cut)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "options",
    [
        {"depth": 1},
        {"depth": 2},
        {"depth": 3},
        {"depth": 4},
        {"depth": 1, "upsampling": "interpolate"},
        {"depth": 3, "upsampling": "interpolate"},
        {"depth": 2, "strides": ((1, 2), (2, 3))},
        {"depth": 2, "strides": ((3, 1), (1, 4)), "upsampling": "interpolate"},
        {"depth": 2, "ndim": 3},
        {"depth": 2, "ndim": 3, "strides": STRIDES[3], "upsampling": "interpolate"},
    ],
    ids=lambda o: "-".join(str(v) for v in o.values()),
)
def test_halo_is_the_receptive_field(name, options):
    """With positive weights alone, what a pixel reaches is what it changes."""
    made = network(1, network=name, norm="none", **options).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.fill_(0.1 if parameter.ndim > 1 else 0.0)
    for axis, (halo, divisor) in enumerate(zip(made.halo, made.divisor, strict=True)):
        shape = list(made.divisor)
        before = -(-halo // divisor) * divisor
        shape[axis] = 2 * before + divisor
        reach = 0
        for place in range(before, before + divisor):  # every phase of the pooling
            image = torch.zeros(1, 1, *shape, dtype=torch.float64)
            image.movedim(axis + 2, 0)[place] = 1
            with torch.inference_mode():
                changed = made(image)[0, 0].movedim(axis, 0).flatten(1).sum(1) > 0
            where = np.flatnonzero(changed.numpy())
            reach = max(reach, int(abs(where - place).max()))
        assert reach == halo


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_a_pixel_beyond_the_halo_changes_nothing(name, ndim):
    made = network(network=name, ndim=ndim)
    (halo, *_), (divisor, *_) = made.halo, made.divisor
    size = -(-2 * halo // divisor) * divisor + divisor
    image = torch.randn(1, 1, size, *made.divisor[1:])
    changed = image.clone()
    changed[:, :, 0] += 100
    with torch.inference_mode():
        before, after = made(image), made(changed)
    assert torch.equal(before[:, :, halo + 1 :], after[:, :, halo + 1 :])
    assert not torch.equal(before, after)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_norm_and_dropout_can_be_switched_off(name, ndim):
    plain = network(network=name, ndim=ndim, norm="none")
    kinds = {type(m) for m in plain.modules()}
    assert not kinds & {nn.BatchNorm2d, nn.BatchNorm3d, Dropout}
    full = network(network=name, ndim=ndim, dropout=(0.1, 0.0, 0.3))
    assert {nn.BatchNorm2d, nn.BatchNorm3d} & {type(m) for m in full.modules()}
    rates = [m.rate for m in full.modules() if isinstance(m, Dropout)]
    assert rates == [0.1, 0.3, 0.1]  # encoder, bottleneck, decoder; none where 0


def test_strides_pool_only_where_they_say():
    made = network(ndim=3, strides=((1, 2, 2), (1, 2, 2)), upsampling="transposed")
    assert made.divisor == (1, 4, 4)
    assert [m.kernel_size for m in made.pool] == [(1, 2, 2)] * 2
    assert [m.convolution.kernel_size for m in made.up] == [(1, 2, 2)] * 2


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_weights_are_drawn_after_he(name, ndim):
    made = network(network=name, ndim=ndim, width=16, norm="none")
    for module in made.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            fan_in = module.in_channels * math.prod(module.kernel_size)
            expected = math.sqrt(2 / fan_in)
        elif isinstance(module, nn.ConvTranspose2d | nn.ConvTranspose3d):
            expected = math.sqrt(1 / module.in_channels)
        else:
            continue
        count = module.weight.numel()
        tolerance = 5 / math.sqrt(2 * count)  # five standard errors
        assert module.weight.std().item() == pytest.approx(expected, rel=tolerance)
        assert abs(module.weight.mean()) < 5 * expected / math.sqrt(count)
        assert not module.bias.any()


@torch.inference_mode()
def test_the_signal_keeps_its_size_through_an_untrained_network():
    made = network(width=16, depth=4, norm="none")
    logits = made(torch.randn(4, 1, 64, 64, generator=torch.Generator().manual_seed(0)))
    assert 0.1 < logits.std() < 10


@pytest.mark.parametrize("name", NETWORKS)
def test_equal_seeds_give_equal_weights_and_disturb_nobody(name):
    config = ModelConfig(network=name, **SMALL)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    a, b, other = (Model.create(config, seed, "cpu") for seed in (3, 3, 4))
    assert torch.rand(1) == expected
    assert a.to_bytes() == b.to_bytes() != other.to_bytes()


def test_dropout_draws_from_its_own_generator():
    features = torch.ones(1, 8, 64, 64)
    drop = Dropout(0.3)
    drop.generator = torch.Generator().manual_seed(1)
    state = torch.get_rng_state()
    first = drop(features)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(first, drop(features))
    drop.generator.manual_seed(1)
    assert torch.equal(first, drop(features))
    assert (first == 0).float().mean() == pytest.approx(0.3, abs=0.02)
    assert first.mean() == pytest.approx(1, abs=0.02)
    assert torch.equal(drop.eval()(features), features)


def test_summary_tells_levels_parameters_and_receptive_field():
    made = build(ModelConfig(), 3)
    head, *levels, last = made.summary((250, 300)).splitlines()
    assert head.split() == ["level", "size", "features", "parameters"]
    assert [row.split()[0] for row in levels] == [
        *"0123",
        "bottleneck",
        "output",
    ]
    assert "256 x 304" in levels[0] and "16 x 19" in levels[4]
    assert [int(r.split()[-2]) for r in levels] == [16, 32, 64, 128, 256, 3]
    assert sum(int(r.split()[-1].replace(",", "")) for r in levels) == 1_942_323
    assert "1,942,323 parameters" in last
    assert "receptive field 215 x 215 px" in last and "16 x 16" in last


def test_unknown_network_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"network 'vnet' is not known.*unet"):
        build(ModelConfig(network="vnet"), 1)
