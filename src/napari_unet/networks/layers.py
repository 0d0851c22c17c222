"""Building blocks that the members of the family share, for 2 and 3 dimensions."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
MAX_POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
GROUPS = 8
LINEAR = {2: "bilinear", 3: "trilinear"}


class Dropout(nn.Module):
    """Dropout whose randomness comes from a generator that training sets.

    torch's own draws from one generator of the whole process, so that anything else
    that runs beside a training would change its weights.

    Source: Srivastava et al., JMLR 15, 2014.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.generator: torch.Generator | None = None

    def forward(self, features: Tensor) -> Tensor:
        """Set a random part of the features to 0 while training."""
        if not self.training or self.rate == 0:
            return features
        keep = torch.rand(
            features.shape, generator=self.generator, device=features.device
        )
        return features * (keep >= self.rate) / (1 - self.rate)


def normalisation(ndim: int, features: int, norm: str) -> list[nn.Module]:
    """Return the normalisation after a convolution: one layer, or none.

    Sources: Ioffe and Szegedy, ICML 2015 (batch); Wu and He, ECCV 2018 (group).
    """
    if norm == "batch":
        return [BATCH_NORM[ndim](features)]
    if norm == "group":
        return [nn.GroupNorm(math.gcd(GROUPS, features), features)]
    return []


def convolution(
    ndim: int, channels: int, features: int, norm: str, kernel: int = 3
) -> list[nn.Module]:
    """Return a convolution, its normalisation and a ReLU; the size is kept."""
    layers: list[nn.Module] = [
        # A bias before a normalisation would be subtracted again.
        CONVOLUTION[ndim](
            channels, features, kernel, padding=kernel // 2, bias=norm == "none"
        )
    ]
    layers += normalisation(ndim, features, norm)
    layers.append(nn.ReLU(inplace=True))
    return layers


class DoubleConvolution(nn.Sequential):
    """Two 3x3 convolutions, each with normalisation and ReLU; dropout between them."""

    def __init__(
        self, ndim: int, channels: int, features: int, norm: str, dropout: float
    ) -> None:
        layers = convolution(ndim, channels, features, norm)
        if dropout:
            layers.append(Dropout(dropout))
        layers += convolution(ndim, features, features, norm)
        super().__init__(*layers)


class Up(nn.Module):
    """Upsampling by `stride` to `features` channels: transposed or interpolating."""

    def __init__(
        self,
        ndim: int,
        channels: int,
        features: int,
        stride: tuple[int, ...],
        kind: str,
    ) -> None:
        super().__init__()
        self.stride = tuple(float(s) for s in stride)
        self.mode = LINEAR[ndim] if kind == "interpolate" else None
        if self.mode:
            self.convolution: nn.Module = CONVOLUTION[ndim](channels, features, 1)
        else:
            # The hints of torch want as many numbers as axes, not any tuple.
            kernel: Any = stride
            self.convolution = TRANSPOSED[ndim](channels, features, kernel, kernel)

    def forward(self, features: Tensor) -> Tensor:
        """Return the features on the finer grid."""
        features = self.convolution(features)
        if self.mode:
            features = nn.functional.interpolate(
                features, scale_factor=self.stride, mode=self.mode, align_corners=False
            )
        return features


def initialise(network: nn.Module) -> None:
    """Draw all weights after He et al., ICCV 2015: variance 2 / fan-in before a ReLU.

    A transposed convolution whose kernel equals its stride sees each input once, and
    no ReLU follows it: variance 1 / channels.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, nn.ConvTranspose2d | nn.ConvTranspose3d):
            nn.init.normal_(module.weight, std=module.in_channels**-0.5)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
