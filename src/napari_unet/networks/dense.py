"""A U-Net whose levels are dense blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_unet.networks.layers import Dropout, convolution
from napari_unet.networks.unet import UNet

LAYERS = 4


class DenseUNet(UNet):
    """The U-Net with dense blocks and transitions.

    Each of the four 3x3 convolutions of a block sees the block's input and all
    convolutions before it, and adds a quarter of the level's features; a transition, a
    1x1 convolution, brings all that to the level's features (the blocks of [1]_, in
    contracting and expanding path as in [2]_).

    The parameters are those of :class:`napari_unet.networks.base.Network`.

    References
    ----------
    .. [1] G. Huang, Z. Liu, L. van der Maaten, K. Q. Weinberger, "Densely Connected
       Convolutional Networks", CVPR 2017.
    .. [2] S. Jegou et al., "The One Hundred Layers Tiramisu: Fully Convolutional
       DenseNets for Semantic Segmentation", CVPR Workshops 2017.
    """

    radius = LAYERS

    def block(self, channels: int, features: int, level: int) -> nn.Module:
        """Return the dense block of a level and its transition."""
        rate = self.rates[level]
        return DenseBlock(self.ndim, channels, features, self.norm, rate)

    @property
    def live(self) -> int:
        """All layers of the block, concatenated again and again."""
        return 10


class DenseBlock(nn.Module):
    """Convolutions that see all before them, then a 1x1 transition."""

    def __init__(
        self, ndim: int, channels: int, features: int, norm: str, dropout: float
    ) -> None:
        super().__init__()
        growth = -(-features // LAYERS)
        self.layers = nn.ModuleList(
            nn.Sequential(*convolution(ndim, channels + i * growth, growth, norm))
            for i in range(LAYERS)
        )
        self.dropout = Dropout(dropout) if dropout else nn.Identity()
        total = channels + LAYERS * growth
        self.transition = nn.Sequential(
            *convolution(ndim, total, features, norm, kernel=1)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the features."""
        parts = [image]
        for layer in self.layers:
            parts.append(layer(torch.cat(parts, 1)))
        found: Tensor = self.transition(self.dropout(torch.cat(parts, 1)))
        return found
