"""What all members of the family share: a graph of features on levels of resolution."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_unet.networks.layers import MAX_POOL, initialise

Interval = tuple[int, int]
Key = tuple[int, int]
"""A place in the graph: level (0 is the finest) and column (0: contracting path)."""


@dataclass(frozen=True)
class Node:
    """Features at one place of the graph, and what they are made of.

    radius : how many px its convolutions look to either side
    down : the finer features that are pooled; None: the image, or not so
    up : the coarser features that are upsampled
    skips : features of the same level that join them
    interpolates : whether `up` is upsampled between the centres of coarse pixels
    """

    radius: int
    down: Key | None = None
    up: Key | None = None
    skips: tuple[Key, ...] = ()
    interpolates: bool = False


class Network(nn.Module):
    """A member of the family: features on a graph, then logits of the image's size.

    A subclass says by :meth:`graph` what depends on what, and by :meth:`stage` how
    the features of a place are computed.

    Parameters
    ----------
    ndim : int
        2 or 3.
    channels : int
        Channels of the image.
    maps : int
        Logits per pixel.
    depth : int
        Number of poolings.
    width : int
        Features of the first level; each pooling doubles them.
    norm : str
        ``"batch"``, ``"group"`` or ``"none"``.
    dropout : float or sequence of float
        One rate, or one per level from the top to the bottleneck.
    upsampling : str
        ``"transposed"`` or ``"interpolate"``.
    strides : sequence of tuple of int, optional
        Pooling per axis and level; 2 everywhere by default.
    stem : int
        1, or 2: the levels work at half resolution, along axes that the first pooling
        halves. Blocks of pixels become channels before the first level, and logits
        become blocks of pixels after the last [1]_.

    References
    ----------
    .. [1] W. Shi et al., "Real-Time Single Image and Video Super-Resolution Using an
       Efficient Sub-Pixel Convolutional Neural Network", CVPR 2016.
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
        stem: int = 1,
    ) -> None:
        super().__init__()
        self.ndim, self.depth, self.upsampling = ndim, depth, upsampling
        self.norm = norm
        self.strides = [tuple(s) for s in strides or [(2,) * ndim] * depth]
        self.stem = tuple(stem if s > 1 else 1 for s in self.strides[0])
        self.features = [width * 2**level for level in range(depth + 1)]
        self.rates = [
            *(dropout if isinstance(dropout, Sequence) else [dropout] * (depth + 1))
        ]
        self.pool = nn.ModuleList(MAX_POOL[ndim](s) for s in self.strides)
        self.nodes = self.graph()
        self.last = next(reversed(self.nodes))  # whose features become logits
        self.maps = maps
        block = math.prod(self.stem)
        self.make(channels * block, maps * block)
        initialise(self)

    # What a member says of itself

    @property
    def levels(self) -> int:
        """How many logits there are to choose from, the last being the best."""
        return 1

    @property
    def live(self) -> int:
        """Features of the first level, over the width, that memory holds at once.

        Per pixel of that level.
        """
        return 6

    @property
    def held(self) -> float:
        """Floats per pixel of the image that memory holds at once."""
        held: float = self.live * self.features[0] / math.prod(self.stem)
        return held

    def make(self, channels: int, maps: int) -> None:
        """Make the layers; `channels` and `maps` are those of the first level."""
        raise NotImplementedError

    def graph(self) -> dict[Key, Node]:
        """Return the places in the order in which they are computed."""
        raise NotImplementedError

    def stage(self, key: Key, skips: list[Tensor], below: Tensor | None) -> Tensor:
        """Return the features of a place.

        `skips` are in the order of the node, none on the contracting path; `below` is
        what is pooled, or upsampled, as it is before that; at the top of that path the
        image.
        """
        raise NotImplementedError

    def heads(self, features: dict[Key, Tensor]) -> list[Tensor]:
        """Return logits on the grid of the first level: what counts last.

        Features that were not needed are not there.
        """
        raise NotImplementedError

    def modules_of(self, level: int) -> list[nn.Module]:
        """Return the layers of a level, for the summary."""
        raise NotImplementedError

    # What follows from that

    @property
    def exact(self) -> bool:
        """Whether tiles with a halo give what the whole image would."""
        return self.norm != "group"

    def needs(self, key: Key, level: int | None) -> bool:
        """Return whether the logits of a level depend on a place; None: of the last."""
        del key, level
        return True

    def logits(self, features: dict[Key, Tensor]) -> list[Tensor]:
        """Return logits on the grid of the padded image: what counts last."""
        return [to_pixels(head, self.stem) for head in self.heads(features)]

    def outputs(self, image: Tensor, level: int | None = None) -> list[Tensor]:
        """Return all logits that training judges, each (B, maps, ...) of any size."""
        inner = (slice(None), slice(None), *(slice(n) for n in image.shape[2:]))
        return [logits[inner] for logits in self.logits(self.inside(image, level))]

    def inside(
        self,
        image: Tensor,
        level: int | None = None,
        without: Collection[Key] = (),
    ) -> dict[Key, Tensor]:
        """Return the features of all places, on the grids of their levels.

        `level` is that of :meth:`forward`; of the places `without`, features are 0
        where they join others as skips.
        """
        padded = to_channels(_pad(image, self.divisor), self.stem)
        features: dict[Key, Tensor] = {}
        for key, node in self.nodes.items():
            if not self.needs(key, level):
                continue
            source = node.up if node.down is None else node.down
            below = padded if source is None and not key[1] else None
            below = features[source] if source is not None else below
            skips = [
                torch.zeros_like(features[k]) if k in without else features[k]
                for k in node.skips
            ]
            features[key] = self.stage(key, skips, below)
        return features

    def forward(self, image: Tensor, level: int | None = None) -> Tensor:
        """Return logits (B, maps, ...) of an image (B, C, ...) of any size.

        With `level`, those of one of the `levels`, from 1; None: the last.
        """
        return self.outputs(image, level)[-1]

    @property
    def divisor(self) -> tuple[int, ...]:
        """Sizes that need no padding are multiples of these, per axis."""
        return self.scale(self.depth)

    def scale(self, level: int) -> tuple[int, ...]:
        """Return how many px of the image a pixel of a level is wide, per axis."""
        factors = [self.stem, *self.strides[:level]]
        return tuple(math.prod(f[a] for f in factors) for a in range(self.ndim))

    @property
    def halo(self) -> tuple[int, ...]:
        """How far an output pixel looks, in px per axis: half the receptive field."""
        return tuple(
            max(max(x - low, high - x) for x, (low, high) in enumerate(seen))
            for seen in self.receptive_fields
        )

    @property
    def receptive_fields(self) -> list[list[Interval]]:
        """First and last px, per axis, that pixels 0, 1 ... of the output depend on.

        There are as many as the divisor; from then on, they repeat.
        """
        fields = []
        for axis, divisor in enumerate(self.divisor):
            block = self.stem[axis]
            coarse = [(x // block, x // block) for x in range(divisor)]
            seen = [self._seen(axis, self.last, x) for x in coarse]
            fields.append([(a * block, b * block + block - 1) for a, b in seen])
        return fields

    def _seen(self, axis: int, key: Key, wanted: Interval) -> Interval:
        """Return the pixels that enter the first level for an interval of a place."""
        node, (level, _) = self.nodes[key], key
        wanted = wanted[0] - node.radius, wanted[1] + node.radius
        low, high = wanted
        found = [self._seen(axis, skip, wanted) for skip in node.skips]
        if node.down is not None:
            stride = self.strides[level - 1][axis]
            found.append(
                self._seen(axis, node.down, (low * stride, high * stride + stride - 1))
            )
        if node.up is not None:
            stride = self.strides[level][axis]
            coarse = (low // stride, high // stride)
            if node.interpolates:
                # Between the centres of two coarse pixels, on which it interpolates.
                coarse = (
                    (2 * low + 1 - stride) // (2 * stride),
                    -((stride - 1 - 2 * high) // (2 * stride)),
                )
            found.append(self._seen(axis, node.up, coarse))
        if not found:
            return wanted
        return min(f[0] for f in found), max(f[1] for f in found)

    def summary(self, shape: Sequence[int] | None = None) -> str:
        """Return a table of the levels: size, features, parameters, receptive field.

        `shape` is that of an image, to see the sizes at each level.
        """
        divisor = self.divisor
        size = tuple(shape or (256,) * self.ndim)
        size = tuple(-(-n // d) * d for n, d in zip(size, divisor, strict=True))
        size = tuple(n // s for n, s in zip(size, self.stem, strict=True))
        rows = ["level       size              features  parameters"]
        total = count(self)
        for level, features in enumerate(self.features):
            own = sum(count(part) for part in self.modules_of(level))
            total -= own
            name = "bottleneck" if level == self.depth else str(level)
            rows.append(
                f"{name:<11} {' x '.join(map(str, size)):<17} {features:>8}  {own:>10,}"
            )
            if level < self.depth:
                size = tuple(
                    n // s for n, s in zip(size, self.strides[level], strict=True)
                )
        rows.append(f"{'output':<31}{self.maps:>7}  {total:>10,}")
        field = " x ".join(str(2 * h + 1) for h in self.halo)
        rows.append(
            f"{count(self):,} parameters, receptive field {field} px, "
            f"sizes divisible by {' x '.join(map(str, divisor))} need no padding"
        )
        return "\n".join(rows)


def count(module: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(p.numel() for p in module.parameters())


def _pad(image: Tensor, divisor: Sequence[int]) -> Tensor:
    """Repeat the last rows until every size is a multiple of the divisor."""
    padding: list[int] = []
    for size, d in zip(reversed(image.shape[2:]), reversed(divisor), strict=True):
        padding += [0, -size % d]
    if not any(padding):
        return image
    return nn.functional.pad(image, padding, mode="replicate")


def to_channels(image: Tensor, block: Sequence[int]) -> Tensor:
    """Make channels of the pixels of each block; a block of 1 changes nothing.

    (B, C, ...) becomes (B, C * prod(block), ...) with sizes divided by the block's;
    :func:`to_pixels` undoes it.
    """
    if set(block) == {1}:
        return image
    batch, channels, *sizes = image.shape
    parts = [n for size, b in zip(sizes, block, strict=True) for n in (size // b, b)]
    split = image.reshape(batch, channels, *parts)
    count = len(block)
    order = [0, 1, *range(3, 3 + 2 * count, 2), *range(2, 2 + 2 * count, 2)]
    return split.permute(order).reshape(batch, -1, *parts[::2])


def to_pixels(image: Tensor, block: Sequence[int]) -> Tensor:
    """Make pixels of the channels that :func:`to_channels` made of them."""
    if set(block) == {1}:
        return image
    batch, channels, *sizes = image.shape
    count = len(block)
    split = image.reshape(batch, channels // math.prod(block), *block, *sizes)
    order = [0, 1]
    for axis in range(count):
        order += [2 + count + axis, 2 + axis]
    whole = [size * b for size, b in zip(sizes, block, strict=True)]
    return split.permute(order).reshape(batch, -1, *whole)
