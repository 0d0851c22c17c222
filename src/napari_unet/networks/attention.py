"""The Attention U-Net of Oktay et al. (MIDL 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_unet.networks.layers import CONVOLUTION, normalisation
from napari_unet.networks.unet import UNet


class AttentionUNet(UNet):
    """The U-Net with an additive attention gate on each skip.

    A gate weighs each pixel of the skip by a number from 0 to 1 that it computes from
    the skip and from what comes from below. Unlike the paper's, which work on the
    coarser grid, these gates see the upsampled features, as in most implementations.

    The parameters are those of :class:`napari_unet.networks.base.Network`.

    References
    ----------
    .. [1] O. Oktay et al., "Attention U-Net: Learning Where to Look for the Pancreas",
       MIDL 2018.
    """

    def make(self, channels: int, maps: int) -> None:
        """Make the layers of both paths, and the gates."""
        super().make(channels, maps)
        self.gate = nn.ModuleList(
            AttentionGate(self.ndim, features, self.norm)
            for features in self.features[:-1]
        )

    def join(self, level: int, skip: Tensor, raised: Tensor) -> Tensor:
        """Return the gated skip and what comes from below, concatenated."""
        return torch.cat([skip * self.gate[level](skip, raised), raised], 1)

    def modules_of(self, level: int) -> list[nn.Module]:
        """Return the layers of both paths, and the gate."""
        gates = [self.gate[level]] if level < self.depth else []
        return [*super().modules_of(level), *gates]

    @property
    def live(self) -> int:
        """The U-Net's, and the gate's."""
        return 8


class AttentionGate(nn.Module):
    """Additive attention: sigmoid(psi(ReLU(W_x skip + W_g raised))), one map."""

    def __init__(self, ndim: int, features: int, norm: str) -> None:
        super().__init__()
        inner = max(1, features // 2)
        bias = norm == "none"
        kind = CONVOLUTION[ndim]
        self.of_skip = nn.Sequential(
            kind(features, inner, 1, bias=bias), *normalisation(ndim, inner, norm)
        )
        self.of_raised = nn.Sequential(
            kind(features, inner, 1, bias=bias), *normalisation(ndim, inner, norm)
        )
        self.psi = kind(inner, 1, 1)

    def forward(self, skip: Tensor, raised: Tensor) -> Tensor:
        """Return the weight of each pixel, (B, 1, ...), 0 to 1."""
        both = torch.relu(self.of_skip(skip) + self.of_raised(raised))
        return torch.sigmoid(self.psi(both))
