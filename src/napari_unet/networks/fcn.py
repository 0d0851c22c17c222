"""The fully convolutional network of Long, Shelhamer and Darrell (CVPR 2015)."""

from __future__ import annotations

from torch import Tensor, nn

from napari_unet.networks.base import Key, Network, Node
from napari_unet.networks.layers import CONVOLUTION, LINEAR, DoubleConvolution, Up

SUMMED = 2
"""Skips: with them, FCN-8s predicts at two poolings finer than its bottleneck."""


class FCN(Network):
    """Contracting path; logits of its coarse levels are upsampled and summed.

    What the U-Net improved upon: skips are logits, added instead of concatenated, and
    only from the two levels above the bottleneck, as in FCN-8s; from there the logits
    are interpolated to the image's grid, so outlines are coarse. The levels are those
    of the U-Net, two 3x3 convolutions each, instead of VGG's.

    The parameters are those of :class:`napari_unet.networks.base.Network`.

    References
    ----------
    .. [1] J. Long, E. Shelhamer, T. Darrell, "Fully Convolutional Networks for Semantic
       Segmentation", CVPR 2015.
    """

    def graph(self) -> dict[Key, Node]:
        """Down the contracting path; logits up again, finest last."""
        nodes = {(0, 0): Node(2)}
        for level in range(1, self.depth + 1):
            nodes[level, 0] = Node(2, down=(level - 1, 0))
        nodes[self.depth, 1] = Node(0, skips=((self.depth, 0),))
        between = self.upsampling == "interpolate"
        for level in reversed(range(self.depth)):
            skips = ((level, 0),) if level >= self.finest else ()
            interpolates = between or not skips
            below = (level + 1, 1)
            nodes[level, 1] = Node(0, up=below, skips=skips, interpolates=interpolates)
        return nodes

    @property
    def finest(self) -> int:
        """The finest level whose logits are added."""
        return max(0, self.depth - SUMMED)

    def make(self, channels: int, maps: int) -> None:
        """Make the contracting path, and the logits of the coarse levels."""
        ndim, features = self.ndim, self.features
        self.encoder = nn.ModuleList(
            DoubleConvolution(ndim, before, after, self.norm, rate)
            for before, after, rate in zip(
                [channels, *features], features, self.rates, strict=False
            )
        )
        coarse = range(self.finest, self.depth + 1)
        self.score = nn.ModuleDict(
            {str(i): CONVOLUTION[ndim](features[i], maps, 1) for i in coarse}
        )
        self.up = nn.ModuleDict(
            {
                str(i): Up(ndim, maps, maps, self.strides[i], self.upsampling)
                for i in coarse[:-1]
            }
        )

    def stage(self, key: Key, skips: list[Tensor], below: Tensor | None) -> Tensor:
        """Pool and convolve, or upsample the logits and add those of the level."""
        level, column = key
        if not column:
            assert below is not None
            found: Tensor = self.encoder[level](
                self.pool[level - 1](below) if level else below
            )
            return found
        if below is None:  # the bottleneck
            found = self.score[str(level)](skips[0])
            return found
        if not skips:
            return nn.functional.interpolate(
                below,
                scale_factor=tuple(float(s) for s in self.strides[level]),
                mode=LINEAR[self.ndim],
                align_corners=False,
            )
        found = self.up[str(level)](below) + self.score[str(level)](skips[0])
        return found

    def heads(self, features: dict[Key, Tensor]) -> list[Tensor]:
        """Return the logits of the finest level."""
        return [features[self.last]]

    def modules_of(self, level: int) -> list[nn.Module]:
        """Return the convolutions of the level, and its logits."""
        name = str(level)
        heads = [m[name] for m in (self.score, self.up) if name in m]
        return [self.encoder[level], *heads]
