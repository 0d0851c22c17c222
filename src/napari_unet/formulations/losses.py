"""Losses of class maps: one number per sample, so that samples weigh equally."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

FOCAL_GAMMA = 2.0
# What a false and a missed pixel cost; .5 and .5 would be Dice.
TVERSKY_FALSE = 0.3
TVERSKY_MISSED = 0.7

PixelLoss = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean over all but the batch axis; 0 where the weights of a sample are all 0."""
    values, weight = values.flatten(1), weight.flatten(1)
    return (values * weight).sum(1) / weight.sum(1).clamp(min=1e-6)


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    weight: Tensor,
    class_weights: Tensor | None = None,
) -> Tensor:
    """Binary or categorical cross-entropy of each sample.

    Parameters
    ----------
    logits : (B, 1 or K, ...) Tensor
        One channel: binary; K channels: classes 0 to K - 1.
    target : (B, 1, ...) Tensor
        Probability of foreground, or the class index.
    weight : (B, 1, ...) Tensor
        Weight map; 0 costs nothing.
    class_weights : (K or 2,) Tensor, optional
        Weight of background and of each class.

    Returns
    -------
    (B,) Tensor
    """
    if logits.shape[1] == 1:
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return weighted_mean(loss * _of_classes(target, class_weights), weight)
    index = target[:, 0].round().long()
    loss = F.cross_entropy(logits, index, class_weights, reduction="none")
    return weighted_mean(loss, weight[:, 0])


def dice(
    logits: Tensor,
    target: Tensor,
    weight: Tensor,
    class_weights: Tensor | None = None,
) -> Tensor:
    """Soft Dice loss, 1 - Dice, of each sample (mean over the classes, not background).

    The arguments are those of :func:`cross_entropy`; `class_weights` plays no part,
    since Dice balances classes by itself. Weights of 0 take pixels out of both sums.

    References
    ----------
    .. [1] F. Milletari, N. Navab, S.-A. Ahmadi, "V-Net", 3DV 2016.
    """
    del class_weights
    probability, truth = _classes(logits, target)
    both = (probability * truth * weight).flatten(2).sum(2)
    sums = ((probability + truth) * weight).flatten(2).sum(2)
    # + 1 px: an empty sample with an empty prediction is right, not undefined.
    return (1 - (2 * both + 1) / (sums + 1)).mean(1)


def cross_entropy_and_dice(
    logits: Tensor,
    target: Tensor,
    weight: Tensor,
    class_weights: Tensor | None = None,
) -> Tensor:
    """Sum of :func:`cross_entropy` and :func:`dice`."""
    return cross_entropy(logits, target, weight, class_weights) + dice(
        logits, target, weight
    )


def focal(
    logits: Tensor,
    target: Tensor,
    weight: Tensor,
    class_weights: Tensor | None = None,
) -> Tensor:
    """Cross-entropy in which pixels that are right already count little.

    The arguments are those of :func:`cross_entropy`. A pixel's entropy is multiplied by
    (1 - p)^2, with p the probability of its true class.

    References
    ----------
    .. [1] T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.
    """
    if logits.shape[1] == 1:
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        loss = _focused(loss) * _of_classes(target, class_weights)
        return weighted_mean(loss, weight)
    index = target[:, 0].round().long()
    loss = _focused(F.cross_entropy(logits, index, reduction="none"))
    if class_weights is not None:
        loss = loss * class_weights.to(loss.dtype)[index]
    return weighted_mean(loss, weight[:, 0])


def _of_classes(target: Tensor, weights: Tensor | None) -> Tensor | float:
    """Return the weight of each pixel's class, between the two that there are."""
    return 1.0 if weights is None else weights[0] + target * (weights[1:] - weights[0])


def _focused(entropy: Tensor) -> Tensor:
    """Multiply an entropy, -log p, by (1 - p)^gamma."""
    return entropy * (-torch.expm1(-entropy)) ** FOCAL_GAMMA


def tversky(
    logits: Tensor,
    target: Tensor,
    weight: Tensor,
    class_weights: Tensor | None = None,
) -> Tensor:
    """Soft Tversky loss: Dice in which missed pixels cost more than false ones.

    The arguments are those of :func:`dice`.

    References
    ----------
    .. [1] S. S. M. Salehi, D. Erdogmus, A. Gholipour, "Tversky Loss Function for Image
       Segmentation Using 3D Fully Convolutional Deep Networks", MLMI 2017.
    """
    del class_weights
    probability, truth = _classes(logits, target)
    both = (probability * truth * weight).flatten(2).sum(2)
    false = (probability * (1 - truth) * weight).flatten(2).sum(2)
    missed = ((1 - probability) * truth * weight).flatten(2).sum(2)
    sums = both + TVERSKY_FALSE * false + TVERSKY_MISSED * missed
    # As for Dice: nothing predicted where nothing is, is right.
    return (1 - (both + 0.5) / (sums + 0.5)).mean(1)


def _classes(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return probability and truth of each class but background, (B, K, ...)."""
    if logits.shape[1] == 1:
        return torch.sigmoid(logits), target
    probability = torch.softmax(logits, 1)[:, 1:]
    truth = F.one_hot(target[:, 0].round().long(), logits.shape[1])
    return probability, truth.movedim(-1, 1)[:, 1:].to(probability.dtype)


LOSSES: dict[str, PixelLoss] = {
    "ce": cross_entropy,
    "dice": dice,
    "ce+dice": cross_entropy_and_dice,
    "focal": focal,
    "tversky": tversky,
}
"""Losses of class maps by name."""
