"""A U-Net whose levels are residual blocks."""

from __future__ import annotations

from torch import Tensor, nn

from napari_unet.networks.layers import CONVOLUTION, DoubleConvolution, normalisation
from napari_unet.networks.unet import UNet


class ResidualUNet(UNet):
    """The U-Net with a shortcut around the two convolutions of each level.

    The second convolution is added to the level's input, a 1x1 convolution of it where
    the number of features changes, before its ReLU (the basic block of [1]_, in a U-Net
    as in [2]_).

    The parameters are those of :class:`napari_unet.networks.base.Network`.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image
       Recognition", CVPR 2016.
    .. [2] Z. Zhang, Q. Liu, Y. Wang, "Road Extraction by Deep Residual U-Net", IEEE
       Geoscience and Remote Sensing Letters 15, 2018.
    """

    def block(self, channels: int, features: int, level: int) -> nn.Module:
        """Return the residual block of a level."""
        rate = self.rates[level]
        return ResidualBlock(self.ndim, channels, features, self.norm, rate)

    @property
    def live(self) -> int:
        """The U-Net's, and the shortcut's."""
        return 8


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut around them."""

    def __init__(
        self, ndim: int, channels: int, features: int, norm: str, dropout: float
    ) -> None:
        super().__init__()
        double = DoubleConvolution(ndim, channels, features, norm, dropout)
        self.convolutions = nn.Sequential(*list(double)[:-1])  # all but the last ReLU
        self.shortcut = nn.Sequential(
            CONVOLUTION[ndim](channels, features, 1, bias=norm == "none"),
            *normalisation(ndim, features, norm),
        )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, image: Tensor) -> Tensor:
        """Return the features."""
        added: Tensor = self.convolutions(image) + self.shortcut(image)
        activated: Tensor = self.activation(added)
        return activated
