"""The U-Net of Ronneberger, Fischer and Brox (MICCAI 2015), in 2D and 3D."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_unet.networks.base import Key, Network, Node
from napari_unet.networks.layers import CONVOLUTION, DoubleConvolution, Up


class UNet(Network):
    """Contracting path, bottleneck, expanding path with concatenated skips.

    A level is two 3x3 convolutions, each with ReLU; 2x2 max pooling leads down and
    doubles the features; 2x2 transposed convolution leads up, where the level's skip is
    concatenated before two more convolutions; a 1x1 convolution gives the logits.
    Convolutions keep the size (the paper's shrink it).

    The parameters are those of :class:`napari_unet.networks.base.Network`.

    References
    ----------
    .. [1] O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for
       Biomedical Image Segmentation", MICCAI 2015.
    .. [2] O. Cicek et al., "3D U-Net", MICCAI 2016.
    """

    radius = 2
    """How many px the convolutions of a level look to either side."""

    def block(self, channels: int, features: int, level: int) -> nn.Module:
        """Return the convolutions of a level, on either path."""
        rate = self.rates[level]
        return DoubleConvolution(self.ndim, channels, features, self.norm, rate)

    def graph(self) -> dict[Key, Node]:
        """Down the contracting path, and up again with the skip of each level."""
        nodes = {(0, 0): Node(self.radius)}
        for level in range(1, self.depth + 1):
            nodes[level, 0] = Node(self.radius, down=(level - 1, 0))
        below: Key = (self.depth, 0)
        between = self.upsampling == "interpolate"
        for level in reversed(range(self.depth)):
            nodes[level, 1] = Node(
                self.radius, up=below, skips=((level, 0),), interpolates=between
            )
            below = (level, 1)
        return nodes

    def make(self, channels: int, maps: int) -> None:
        """Make the layers of both paths."""
        features = self.features
        self.encoder = nn.ModuleList(
            self.block(before, after, level)
            for level, (before, after) in enumerate(
                zip([channels, *features], features, strict=False)
            )
        )
        self.up = nn.ModuleList(
            Up(
                self.ndim,
                features[i + 1],
                features[i],
                self.strides[i],
                self.upsampling,
            )
            for i in range(self.depth)
        )
        self.decoder = nn.ModuleList(
            self.block(2 * features[i], features[i], i) for i in range(self.depth)
        )
        self.output = CONVOLUTION[self.ndim](features[0], maps, 1)

    def stage(self, key: Key, skips: list[Tensor], below: Tensor | None) -> Tensor:
        """Pool and convolve, or upsample, join the skip and convolve."""
        level, column = key
        assert below is not None
        if not column:
            found: Tensor = self.encoder[level](
                self.pool[level - 1](below) if level else below
            )
            return found
        found = self.decoder[level](self.join(level, skips[0], self.up[level](below)))
        return found

    def join(self, level: int, skip: Tensor, raised: Tensor) -> Tensor:
        """Return the skip of a level and what comes from below, as one."""
        del level
        return torch.cat([skip, raised], 1)

    def heads(self, features: dict[Key, Tensor]) -> list[Tensor]:
        """Return the 1x1 convolution of the last features."""
        return [self.output(features[self.last])]

    def modules_of(self, level: int) -> list[nn.Module]:
        """Return the layers of both paths."""
        if level == self.depth:
            return [self.encoder[level]]
        return [self.encoder[level], self.up[level], self.decoder[level]]
