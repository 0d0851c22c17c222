"""An image layer and the labels layer that lies on it."""

from __future__ import annotations

from dataclasses import dataclass

from napari.layers import Image, Labels

from napari_unet.data.images import ImageSeries


@dataclass(frozen=True)
class Pair:
    """The layers of a pair as they were when training started."""

    layer: Image
    labels: Labels
    axes: str
    image: ImageSeries

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of its labels, ([T,] [Z,] Y, X)."""
        sizes = zip(self.image.axes, self.image.array.shape, strict=True)
        return tuple(n for a, n in sizes if a != "C")
