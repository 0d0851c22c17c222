"""Every object: foreground, touching border, inner distance; watershed regrows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from napari_unet.losses import LOSSES, dice, weighted_mean
from napari_unet.networks import known

from .base import Formulation, Map, Objects, Thresholds, class_weights, table
from .regrow import global_ids, open_frame, regrow

if TYPE_CHECKING:
    from napari_unet.config import ModelConfig, TrainConfig

# The touching border is a percent or two of all pixels: without more weight the
# network does best by leaving it out.
BORDER_WEIGHT = 3.0
BORDER_POSITIVE = 3.0
# The map of sizes reaches this far to either side of the known one: 1/8 to 8 times.
OCTAVES = 3.0
SIZE_WEIGHT = 2.0


class Instances(Formulation):
    """Maps from which touching objects are told apart.

    * foreground: inside any object,
    * border: near two objects at once, so only where they touch,
    * distance: to the object's edge, divided by its largest value in the object,
    * size (models of any size): the object's diameter over the one that the model
      knows, as a logarithm; decoding does not use it.

    Seeds are the components of (foreground > t1, border < t2, distance > t3); a
    watershed over border - distance regrows them inside the foreground. Objects of
    fewer pixels than `smallest` are dropped.

    References
    ----------
    .. [1] J. C. Caicedo et al., "Nucleus segmentation across imaging experiments: the
       2018 Data Science Bowl", Nature Methods 16, 2019 (borders as a class).
    """

    instances = True

    def __init__(self, config: ModelConfig) -> None:
        self.border_width = config.border_width
        self.known_size = config.object_size if config.any_size else None
        self.maps = (
            Map("foreground", "nearest"),
            Map("border", "nearest"),
            Map("distance", "linear"),
        )
        if config.any_size:
            self.maps += (Map("size", "nearest", 1 / (2 * OCTAVES)),)
        self.channels = len(self.maps)
        self.thresholds = {
            "foreground": 0.5,
            "border": 0.4,
            "distance": 0.3,
            "smallest": 0.0,
        }
        self.search = {
            "foreground": (0.1, 0.05),
            "border": (0.2, 0.1),
            "distance": (0.1, 0.05),
        }

    def encode(
        self,
        labels: np.ndarray,
        mask: np.ndarray | None = None,
        spacing: tuple[float, ...] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the maps; see Formulation.encode."""
        inside = labels > 0
        border = touching_border(labels, self.border_width)
        distance = inner_distance(labels, spacing)
        counts = np.ones(labels.shape, bool) if mask is None else mask
        target, weight = (
            [inside, border, distance],
            [counts, counts, counts & inside],
        )
        if self.known_size is not None:
            size, whole = relative_size(labels, self.known_size)
            target.append(size)
            weight.append(counts & whole)
        return np.stack(target).astype(np.float16), np.stack(weight).astype(np.uint8)

    def loss(
        self, logits: Tensor, target: Tensor, weight: Tensor, config: TrainConfig
    ) -> Tensor:
        """Return the sum of the maps' losses."""
        pixel_loss = known(config.loss, LOSSES, "loss")
        fg, border, distance = (slice(i, i + 1) for i in range(3))
        weights = class_weights(config, logits.device)
        loss = pixel_loss(logits[:, fg], target[:, fg], weight[:, fg], weights)
        positive = torch.tensor(BORDER_POSITIVE, device=logits.device)
        entropy = F.binary_cross_entropy_with_logits(
            logits[:, border], target[:, border], reduction="none", pos_weight=positive
        )
        loss = loss + BORDER_WEIGHT * weighted_mean(entropy, weight[:, border])
        # Where nothing touches, Dice would only say "less", and crops of single objects
        # would drown the few that teach where objects do.
        touching = (target[:, border] * weight[:, border]).flatten(1).amax(1) > 0
        overlap = dice(logits[:, border], target[:, border], weight[:, border])
        loss = loss + overlap * touching
        error = F.smooth_l1_loss(
            torch.sigmoid(logits[:, distance]),
            target[:, distance],
            reduction="none",
            beta=0.1,
        )
        loss = loss + weighted_mean(error, weight[:, distance])
        if self.known_size is not None:
            error = F.smooth_l1_loss(
                torch.sigmoid(logits[:, 3:]), target[:, 3:], reduction="none", beta=0.05
            )
            loss = loss + SIZE_WEIGHT * weighted_mean(error, weight[:, 3:])
        mean: Tensor = loss.mean()
        return mean

    def activate(self, logits: Tensor) -> Tensor:
        """Return the maps, each from 0 to 1."""
        return torch.sigmoid(logits)

    def decode(
        self,
        maps: np.ndarray,
        thresholds: Thresholds,
        spacing: tuple[float, ...] | None = None,
        origin: tuple[int, ...] | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> Objects:
        """Return the objects, numbered by their seeds; see Formulation.decode."""
        del spacing
        foreground, border, distance = maps[:3]
        inside = foreground > thresholds["foreground"]
        seeds = (
            inside
            & (border < thresholds["border"])
            & (distance > thresholds["distance"])
        )
        frame = open_frame(inside.shape, origin, shape, self.border_width)
        elevation = ridge(border, self.border_width) - distance
        index, first, unsure = regrow(seeds, inside, elevation, frame)
        ids = global_ids(first, inside.shape, origin, shape)
        area = np.bincount(index.ravel(), minlength=len(ids) + 1)[1:]
        keep = area >= max(1, thresholds["smallest"])
        order = np.argsort(ids[keep])
        renumber = np.zeros(len(ids) + 1, np.int64)
        renumber[1:][np.flatnonzero(keep)[order]] = np.arange(1, keep.sum() + 1)
        ids, index = ids[keep][order], renumber[index]
        labels = np.concatenate([[0], ids])[index]
        return table(labels, index, ids, foreground, unsure)


def touching_border(labels: np.ndarray, width: int) -> np.ndarray:
    """Return True where two different objects lie within `width` px (a square window).

    Parameters
    ----------
    labels : integer array of any number of axes
    width : int

    Returns
    -------
    bool array of the same shape
    """
    # Neighbouring numbers may be far apart or beyond int32; filters need neither.
    values, index = np.unique(labels, return_inverse=True)
    compact = index.reshape(labels.shape).astype(np.int32) + np.int32(values[0] > 0)
    size = 2 * width + 1
    highest = ndimage.maximum_filter(compact, size)
    lowest = ndimage.minimum_filter(
        np.where(compact > 0, compact, np.iinfo(np.int32).max), size
    )
    near: np.ndarray = (highest > 0) & (lowest != highest)
    return near


def inner_distance(
    labels: np.ndarray, spacing: tuple[float, ...] | None = None
) -> np.ndarray:
    """Return each pixel's distance to its object's edge, over the object's largest.

    The image's own edge is no edge of an object, which may go on outside.

    Parameters
    ----------
    labels : integer array of any number of axes
    spacing : tuple of float, optional
        µm per pixel an axis.

    Returns
    -------
    float32 array of the same shape, 0 to 1
    """
    result = np.zeros(labels.shape, np.float32)
    values, compact = np.unique(labels, return_inverse=True)
    compact = compact.reshape(labels.shape) + int(values[0] > 0)
    for number, box in enumerate(ndimage.find_objects(compact), start=1):
        grown = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in box)
        inside = compact[grown] == number
        if inside.all():
            result[grown] = 1
            continue
        distance = ndimage.distance_transform_edt(inside, sampling=spacing)
        result[grown][inside] = (distance / distance.max())[inside]
    return result


def relative_size(
    labels: np.ndarray, known_size: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's object's diameter on the scale of the map of sizes.

    Parameters
    ----------
    labels : (Y, X) integer array
    known_size : float
        Diameter in px that becomes 0.5; 8 times as much 1, an eighth 0.

    Returns
    -------
    size : float32 array, 0 to 1
    whole : bool array
        Pixels of objects that the image's edge does not cut.
    """
    values, index, area = np.unique(labels, return_inverse=True, return_counts=True)
    index = index.reshape(labels.shape)
    octaves = np.log2(2 * np.sqrt(area / np.pi) / known_size)
    size = np.clip(octaves / (2 * OCTAVES) + 0.5, 0, 1).astype(np.float32)
    whole = values > 0
    for edge in (index[0], index[-1], index[:, 0], index[:, -1]):
        whole[edge] = False
    return size[index], whole[index]


def ridge(border: np.ndarray, width: int) -> np.ndarray:
    """Return the border as a ridge, highest in the middle, where objects touch.

    A border wider than 1 px is a plateau, over which the object with the steeper
    distance would win. Its mean over a window as wide as its half is none.
    """
    size = 2 * width - 1
    if size == 1:
        return border
    # Not uniform_filter: its running sums depend on where the array begins.
    for axis in range(border.ndim):
        border = ndimage.correlate1d(
            border, np.full(size, 1 / size), axis, mode="nearest"
        )
    return width * border
