"""The UNet++ of Zhou et al. (DLMIA 2018, IEEE TMI 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_unet.networks.base import Key, Network, Node
from napari_unet.networks.layers import CONVOLUTION, DoubleConvolution, Up


class NestedUNet(Network):
    """U-Nets of all depths in one, with dense skips and deep supervision.

    The place in column j of level i sees all places of its level before it, and the one
    below that came before. Each place of the finest level has logits of its own:
    training judges all of them; segmenting takes those of a level, L1 to L4 in the
    paper, and computes no more than these need.

    The parameters are those of :class:`napari_unet.networks.base.Network`.

    References
    ----------
    .. [1] Z. Zhou, M. M. R. Siddiquee, N. Tajbakhsh, J. Liang, "UNet++: A Nested U-Net
       Architecture for Medical Image Segmentation", DLMIA 2018.
    .. [2] Z. Zhou et al., "UNet++: Redesigning Skip Connections to Exploit Multiscale
       Features in Image Segmentation", IEEE Trans. Med. Imaging 39, 2020.
    """

    def graph(self) -> dict[Key, Node]:
        """Column by column, each from the finest level down."""
        nodes = {(0, 0): Node(2)}
        between = self.upsampling == "interpolate"
        for total in range(1, self.depth + 1):
            nodes[total, 0] = Node(2, down=(total - 1, 0))
            for column in range(1, total + 1):
                level = total - column
                nodes[level, column] = Node(
                    2,
                    up=(level + 1, column - 1),
                    skips=tuple((level, k) for k in range(column)),
                    interpolates=between,
                )
        return nodes

    def make(self, channels: int, maps: int) -> None:
        """Make the convolutions of all places, and the logits of the finest level."""
        ndim, features = self.ndim, self.features
        self.convolutions, self.up = nn.ModuleDict(), nn.ModuleDict()
        for level, column in self.nodes:
            before = (column + 1) * features[level]
            if not column:
                before = features[level - 1] if level else channels
            name = f"{level}_{column}"
            self.convolutions[name] = DoubleConvolution(
                ndim, before, features[level], self.norm, self.rates[level]
            )
            if column:
                self.up[name] = Up(
                    ndim,
                    features[level + 1],
                    features[level],
                    self.strides[level],
                    self.upsampling,
                )
        self.output = nn.ModuleList(
            CONVOLUTION[ndim](features[0], maps, 1) for _ in range(self.depth)
        )

    def stage(self, key: Key, skips: list[Tensor], below: Tensor | None) -> Tensor:
        """Pool and convolve, or upsample, join all skips and convolve."""
        level, column = key
        name = f"{level}_{column}"
        assert below is not None
        if column:
            below = torch.cat([*skips, self.up[name](below)], 1)
        elif level:
            below = self.pool[level - 1](below)
        found: Tensor = self.convolutions[name](below)
        return found

    def heads(self, features: dict[Key, Tensor]) -> list[Tensor]:
        """Return the 1x1 convolutions of the finest level, those that are there."""
        return [
            self.output[column - 1](found)
            for (level, column), found in features.items()
            if column and not level
        ]

    @property
    def levels(self) -> int:
        """One a column: U-Nets from depth 1 to the whole depth."""
        return self.depth

    @property
    def live(self) -> int:
        """All places of the finest level, concatenated for the last of them."""
        return 2 * self.depth + 5

    def needs(self, key: Key, level: int | None) -> bool:
        """Return whether a place belongs to the U-Net of that depth."""
        return level is None or sum(key) <= level

    def modules_of(self, level: int) -> list[nn.Module]:
        """Return the layers of all places of the level."""
        names = [f"{i}_{j}" for i, j in self.nodes if i == level]
        layers = [self.convolutions[n] for n in names]
        return layers + [self.up[n] for n in names if n in self.up]
