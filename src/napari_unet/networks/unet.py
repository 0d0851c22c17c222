"""The U-Net of Ronneberger, Fischer and Brox (MICCAI 2015), in 2D and 3D."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .layers import CONVOLUTION, MAX_POOL, DoubleConvolution, Up, initialise

Interval = tuple[int, int]


class UNet(nn.Module):
    """Contracting path, bottleneck, expanding path with concatenated skips.

    A level is two 3x3 convolutions, each with ReLU; 2x2 max pooling leads down and
    doubles the features; 2x2 transposed convolution leads up, where the level's skip is
    concatenated before two more convolutions; a 1x1 convolution gives the logits.
    Convolutions keep the size (the paper's shrink it).

    Parameters
    ----------
    ndim : int
        2 or 3.
    channels : int
        Channels of the image.
    maps : int
        Logits a pixel.
    depth : int
        Number of poolings.
    width : int
        Features of the first level.
    norm : str
        ``"batch"`` or ``"none"``.
    dropout : float or sequence of float
        One rate, or one a level from the top to the bottleneck.
    upsampling : str
        ``"transposed"`` or ``"interpolate"``.
    strides : sequence of tuple of int, optional
        Pooling an axis, a level; 2 everywhere by default.

    References
    ----------
    .. [1] O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for
       Biomedical Image Segmentation", MICCAI 2015.
    .. [2] O. Cicek et al., "3D U-Net", MICCAI 2016.
    """

    def __init__(
        self,
        ndim: int,
        channels: int,
        maps: int,
        depth: int = 4,
        width: int = 16,
        *,
        norm: str = "batch",
        dropout: float | Sequence[float] = 0.0,
        upsampling: str = "transposed",
        strides: Sequence[Sequence[int]] | None = None,
    ) -> None:
        super().__init__()
        self.ndim, self.depth, self.upsampling = ndim, depth, upsampling
        self.strides = [tuple(s) for s in strides or [(2,) * ndim] * depth]
        features = [width * 2**level for level in range(depth + 1)]
        rates = [*dropout] if isinstance(dropout, Sequence) else [dropout] * (depth + 1)
        self.encoder = nn.ModuleList(
            DoubleConvolution(ndim, before, after, norm, rate)
            for before, after, rate in zip(
                [channels, *features], features, rates, strict=False
            )
        )
        self.pool = nn.ModuleList(MAX_POOL[ndim](s) for s in self.strides)
        self.up = nn.ModuleList(
            Up(ndim, features[i + 1], features[i], self.strides[i], upsampling)
            for i in range(depth)
        )
        self.decoder = nn.ModuleList(
            DoubleConvolution(ndim, 2 * features[i], features[i], norm, rates[i])
            for i in range(depth)
        )
        self.output = CONVOLUTION[ndim](width, maps, 1)
        initialise(self)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, maps, ...) of an image (B, C, ...) of any size."""
        size = image.shape[2:]
        features = _pad(image, self.divisor)
        skips = []
        for level, block in enumerate(self.encoder):
            if level:
                features = self.pool[level - 1](features)
            features = block(features)
            skips.append(features)
        for level in reversed(range(self.depth)):
            features = self.up[level](features)
            features = self.decoder[level](torch.cat([skips[level], features], 1))
        logits: Tensor = self.output(features)
        inner = tuple(slice(n) for n in size)
        return logits[(slice(None), slice(None), *inner)]

    @property
    def divisor(self) -> tuple[int, ...]:
        """Sizes that need no padding are multiples of these, an axis."""
        return tuple(math.prod(s[a] for s in self.strides) for a in range(self.ndim))

    @property
    def halo(self) -> tuple[int, ...]:
        """How far an output pixel looks, in px an axis: half the receptive field."""
        reach = []
        for axis, divisor in enumerate(self.divisor):
            seen = [self._seen(axis, 0, (x, x)) for x in range(divisor)]
            reach.append(
                max(max(x - low, high - x) for x, (low, high) in enumerate(seen))
            )
        return tuple(reach)

    def _seen(self, axis: int, level: int, wanted: Interval) -> Interval:
        """Return the image pixels on which an interval at that level depends."""
        if level == self.depth:
            return self._seen_by_encoder(axis, level, wanted)
        low, high = wanted[0] - 2, wanted[1] + 2  # two convolutions of radius 1
        skip = self._seen_by_encoder(axis, level, (low, high))
        stride = self.strides[level][axis]
        if self.upsampling == "transposed":
            below = (low // stride, high // stride)
        else:
            # Between the centres of two coarse pixels, on which it interpolates.
            below = (
                (2 * low + 1 - stride) // (2 * stride),
                -((stride - 1 - 2 * high) // (2 * stride)),
            )
        deep = self._seen(axis, level + 1, below)
        return min(skip[0], deep[0]), max(skip[1], deep[1])

    def _seen_by_encoder(self, axis: int, level: int, wanted: Interval) -> Interval:
        low, high = wanted[0] - 2, wanted[1] + 2
        for stride in reversed([s[axis] for s in self.strides[:level]]):
            low, high = low * stride - 2, high * stride + stride - 1 + 2
        return low, high

    def summary(self, shape: Sequence[int] | None = None) -> str:
        """Return a table of the levels: size, features, parameters, receptive field.

        Parameters
        ----------
        shape : sequence of int, optional
            Spatial shape of an image, to see the sizes at each level.
        """
        divisor = self.divisor
        size = tuple(shape or (256,) * self.ndim)
        size = tuple(-(-n // d) * d for n, d in zip(size, divisor, strict=True))
        rows = ["level       size              features  parameters"]
        for level in range(self.depth + 1):
            parts = [self.encoder[level]]
            if level < self.depth:
                parts += [self.up[level], self.decoder[level]]
            last = [m for m in parts[0].modules() if hasattr(m, "out_channels")][-1]
            name = "bottleneck" if level == self.depth else str(level)
            rows.append(
                f"{name:<11} {' x '.join(map(str, size)):<17} {last.out_channels:>8}"
                f"  {sum(_count(p) for p in parts):>10,}"
            )
            if level < self.depth:
                size = tuple(
                    n // s for n, s in zip(size, self.strides[level], strict=True)
                )
        rows.append(
            f"{'output':<31}{self.output.out_channels:>7}  {_count(self.output):>10,}"
        )
        field = " x ".join(str(2 * h + 1) for h in self.halo)
        rows.append(
            f"{_count(self):,} parameters, receptive field {field} px, "
            f"sizes divisible by {' x '.join(map(str, divisor))} need no padding"
        )
        return "\n".join(rows)


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _pad(image: Tensor, divisor: Sequence[int]) -> Tensor:
    """Repeat the last rows until every size is a multiple of the divisor."""
    padding: list[int] = []
    for size, d in zip(reversed(image.shape[2:]), reversed(divisor), strict=True):
        padding += [0, -size % d]
    if not any(padding):
        return image
    return nn.functional.pad(image, padding, mode="replicate")
