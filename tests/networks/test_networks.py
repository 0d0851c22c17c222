"""Contracts of the family: any size in and out, true halo, equal seeds, He weights."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from napari_unet.config import ModelConfig
from napari_unet.models.model import Model
from napari_unet.networks import NETWORKS, build
from napari_unet.networks.base import to_channels, to_pixels
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


class Count:
    """Counts weights and biases by hand, from what the papers say of a structure."""

    def __init__(self, ndim, channels, maps, depth, width, norm):
        self.ndim, self.channels, self.maps, self.depth = ndim, channels, maps, depth
        self.extra = {"batch": 2, "group": 2, "none": 1}[norm]  # scale, shift; or bias
        self.features = [width * 2**level for level in range(depth + 1)]

    def conv(self, before, after, kernel=3):
        return kernel**self.ndim * before * after + self.extra * after

    def twice(self, before, after):
        return self.conv(before, after) + self.conv(after, after)

    def one(self, before, after):
        """A 1x1 convolution without normalisation."""
        return before * after + after

    def raised(self, level):
        above, below = self.features[level : level + 2]
        return below * above * 2**self.ndim + above  # transposed convolution

    def u_shape(self, block):
        total = block(self.channels, self.features[0])
        total += self.one(self.features[0], self.maps)
        for level, (above, below) in enumerate(itertools.pairwise(self.features)):
            total += block(above, below) + self.raised(level) + block(2 * above, above)
        return total

    def unet(self):
        return self.u_shape(self.twice)

    def residual(self):
        return self.u_shape(lambda a, b: self.twice(a, b) + self.conv(a, b, 1))

    def attention(self):
        gates = [
            2 * self.conv(f, max(1, f // 2), 1) + self.one(max(1, f // 2), 1)
            for f in self.features[:-1]
        ]
        return self.unet() + sum(gates)

    def dense(self):
        def block(before, after):
            growth = math.ceil(after / 4)
            layers = sum(self.conv(before + i * growth, growth) for i in range(4))
            return layers + self.conv(before + 4 * growth, after, 1)

        return self.u_shape(block)

    def nested(self):
        total = self.depth * self.one(self.features[0], self.maps)
        for level, own in enumerate(self.features):
            above = self.features[level - 1] if level else self.channels
            total += self.twice(above, own)
            for column in range(1, self.depth - level + 1):
                total += self.twice((column + 1) * own, own) + self.raised(level)
        return total

    def fcn(self):
        steps = itertools.pairwise([self.channels, *self.features])
        total = sum(self.twice(a, b) for a, b in steps)
        coarse = self.features[max(0, self.depth - 2) :]
        total += sum(self.one(f, self.maps) for f in coarse)
        up = self.maps * self.maps * 2**self.ndim + self.maps
        return total + up * (len(coarse) - 1)


COUNTS = {
    "unet": Count.unet,
    "residual": Count.residual,
    "unet++": Count.nested,
    "attention": Count.attention,
    "dense": Count.dense,
    "fcn": Count.fcn,
}


def test_parameter_counts_of_the_guide():
    assert parameters(build(ModelConfig(), 3)) == 1_942_323
    # The plain structure on RGB, one logit: the figure known from its many copies.
    plain = build(ModelConfig(norm="none", input="rgb"), 1)
    assert parameters(plain) == 1_941_105


@pytest.mark.parametrize(
    ("name", "million"), [("unet", 7.76), ("unet++", 9.04)], ids=["unet", "unet++"]
)
def test_parameter_counts_of_the_papers(name, million):
    """Zhou et al., 2018, table 2: width 32, depth 4; they do not count the same way."""
    config = ModelConfig(network=name, width=32, norm="none", input="rgb")
    assert parameters(build(config, 1)) == pytest.approx(million * 1e6, rel=0.02)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("norm", ["batch", "group", "none"])
@pytest.mark.parametrize(("depth", "width", "maps"), [(1, 2, 1), (2, 3, 4), (3, 4, 2)])
def test_structure_counts_as_by_hand(name, ndim, norm, depth, width, maps):
    made = network(
        maps, network=name, ndim=ndim, norm=norm, depth=depth, width=width, input="rgb"
    )
    by_hand = Count(ndim, 3, maps, depth, width, norm)
    assert parameters(made) == COUNTS[name](by_hand)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("upsampling", ["transposed", "interpolate"])
@pytest.mark.parametrize(("strides", "stem"), [(False, 1), (True, 1), (True, 2)])
@pytest.mark.parametrize(
    "size", [(1, 1), (3, 2), (7, 33), (32, 32), (1, 1, 1), (3, 9, 14), (8, 8, 8)]
)
@torch.inference_mode()
def test_any_size_in_same_size_out(name, size, upsampling, strides, stem):
    ndim = len(size)
    made = network(
        5,
        network=name,
        ndim=ndim,
        input=("a", "b"),
        upsampling=upsampling,
        strides=STRIDES[ndim] if strides else None,
        stem=stem,
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
    assert network(network=name, ndim=ndim, stem=2).divisor == (8,) * ndim
    strided = network(network=name, ndim=ndim, strides=STRIDES[ndim], stem=2)
    assert strided.divisor == {2: (2, 8), 3: (2, 12, 4)}[ndim], "where pooling halves"


@pytest.mark.parametrize("block", [(1, 1), (2, 2), (1, 2), (1, 2, 2), (2, 2, 2)])
def test_pixels_become_channels_and_back(block):
    image = torch.arange(2 * 3 * 8 ** len(block)).reshape(2, 3, *[8] * len(block))
    packed = to_channels(image, block)
    assert packed.shape[1] == 3 * math.prod(block)
    assert packed.shape[2:] == tuple(8 // b for b in block)
    assert torch.equal(to_pixels(packed, block), image)
    if block == (2, 2):
        assert torch.equal(packed, nn.functional.pixel_unshuffle(image, 2))


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
        {"depth": 1, "stem": 2},
        {"depth": 2, "stem": 2, "upsampling": "interpolate"},
        {"depth": 2, "stem": 2, "strides": ((1, 2), (2, 3))},
        {"depth": 1, "stem": 2, "ndim": 3},
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
    assert not kinds & {nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, Dropout}
    group = {type(m) for m in network(network=name, ndim=ndim, norm="group").modules()}
    assert nn.GroupNorm in group and not group & {nn.BatchNorm2d, nn.BatchNorm3d}
    full = network(network=name, ndim=ndim, dropout=(0.1, 0.0, 0.3))
    assert {nn.BatchNorm2d, nn.BatchNorm3d} & {type(m) for m in full.modules()}
    rates = [m.rate for m in full.modules() if isinstance(m, Dropout)]
    assert set(rates) == {0.1, 0.3}  # none where 0
    assert rates.count(0.3) == 1  # the bottleneck


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
