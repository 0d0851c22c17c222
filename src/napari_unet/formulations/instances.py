"""Every object: foreground, touching border, inner distance; watershed regrows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_unet.config.base import known
from napari_unet.formulations.base import (
    Formulation,
    Map,
    Objects,
    Thresholds,
    class_weights,
    mean_of,
)
from napari_unet.formulations.losses import LOSSES, dice, weighted_mean
from napari_unet.formulations.regrow import global_ids, open_frame, regrow
from napari_unet.formulations.targets import (
    OCTAVES,
    inner_distance,
    relative_size,
    touching_border,
)
from napari_unet.labels import LabelledObjects

if TYPE_CHECKING:
    from napari_unet.config import ModelConfig, TrainConfig

# The touching border is a percent or two of all pixels: without more weight the
# network does best by leaving it out.
BORDER_WEIGHT = 3.0
BORDER_POSITIVE = 3.0
BORDER_DICE = 1.0
# Sizes that are far off are rare in crops, and hard: without weight, all are told to be
# nearly the known one.
SIZE_WEIGHT = 5.0
PIECE = 2**14  # pixels whose windows stay in a core's cache


class Instances(Formulation):
    """Maps from which touching objects are told apart.

    * foreground: inside any object,
    * border: near two objects at once, so only where they touch,
    * distance: to the object's edge, divided by its largest value in the object,
    * size (models of any size): the object's diameter over the one that the model
      knows, as a logarithm; decoding does not use it.

    Seeds are the components of (foreground > t1, border < t2, distance > t3); a
    watershed over border - distance regrows them inside the foreground. Objects of
    fewer pixels than `smallest` are dropped, and those whose mean foreground, the
    score, is below `score`.

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
        self.decoded = len(self.maps)
        if config.any_size:
            self.maps += (Map("size", "nearest", 1 / (2 * OCTAVES)),)
        self.channels = len(self.maps)
        self.thresholds = {
            "foreground": 0.5,
            "border": 0.4,
            "distance": 0.3,
            "smallest": 0.0,
            "score": 0.0,
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
        objects: LabelledObjects | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the maps; see Formulation.encode."""
        objects = objects or LabelledObjects(labels)
        inside = labels > 0
        border = touching_border(objects.compact, self.border_width)
        distance = inner_distance(objects, spacing)
        counts = np.ones(labels.shape, bool) if mask is None else mask
        target, weight = (
            [inside, border, distance],
            [counts, counts, counts & inside],
        )
        if self.known_size is not None:
            size, whole = relative_size(objects, self.known_size)
            target.append(size)
            weight.append(counts & whole)
        # NumPy takes twice as long as torch to make halves.
        halves = torch.from_numpy(np.stack(target, dtype=np.float32)).half().numpy()
        return halves, np.stack(weight, dtype=np.uint8)

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
        loss = loss + BORDER_DICE * overlap * touching
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

    def uncertainty(self, maps: np.ndarray) -> np.ndarray:
        """Return the mean of foreground and border; see Formulation.uncertainty."""
        both = maps[:2]
        mean: np.ndarray = (4 * both * (1 - both)).mean(0)
        return mean

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

        def elevation(where: np.ndarray) -> np.ndarray:
            raised = ridge(border, self.border_width, where)
            raised -= distance.ravel()[where]
            return raised

        where, index, first, unsure = regrow(seeds, inside, elevation, frame)
        ids = global_ids(first, inside.shape, origin, shape)
        area = np.bincount(index, minlength=len(ids) + 1)[1:]
        score = mean_of(index, foreground.ravel()[where], len(ids))
        large = area >= max(1, thresholds["smallest"])
        keep = np.flatnonzero(large & (score >= thresholds.get("score", 0.0)))
        keep = keep[np.argsort(ids[keep])]
        renumber = np.zeros(len(ids) + 1, np.int64)
        renumber[1 + keep] = np.arange(1, len(keep) + 1)
        ids, index = ids[keep], renumber[index]
        labels = np.zeros(inside.shape, np.int64)
        labels.ravel()[where] = np.concatenate([[0], ids])[index]
        return Objects(labels, ids, score[keep], area[keep], unsure)


def ridge(border: np.ndarray, width: int, where: np.ndarray) -> np.ndarray:
    """Return the border as a ridge, highest in the middle, where objects touch.

    A border wider than 1 px is a plateau, over which the object with the steeper
    distance would win. Its mean over a window as wide as its half is none. `where` are
    the flat indices of the pixels wanted.
    """
    if width == 1:
        itself: np.ndarray = border.ravel()[where]
        return itself
    padded = np.pad(border, width - 1, mode="edge")
    flat, strides = padded.ravel(), [s // padded.itemsize for s in padded.strides]

    def mean(piece: np.ndarray) -> np.ndarray:
        places = np.unravel_index(piece, border.shape)
        moved = np.ravel_multi_index([p + width - 1 for p in places], padded.shape)
        return _window_mean(flat, moved, strides, width)

    pieces = np.split(where, range(PIECE, len(where), PIECE))
    return width * np.concatenate([mean(piece) for piece in pieces])


def _window_mean(
    flat: np.ndarray, place: np.ndarray, strides: list[int], width: int
) -> np.ndarray:
    """Return means over 2 * width - 1 px along all axes, summed as by correlate1d.

    The running sums of uniform_filter depend on where the array begins.
    """
    if not strides:
        itself: np.ndarray = flat[place]
        return itself
    *others, stride = strides
    weight = 1 / (2 * width - 1)

    def along(step: int) -> np.ndarray:
        found = _window_mean(flat, place + step * stride, others, width)
        return found.astype(np.float64)

    total = along(0) * weight
    for step in range(width - 1, 0, -1):
        total += (along(-step) + along(step)) * weight
    mean: np.ndarray = total.astype(flat.dtype)
    return mean
