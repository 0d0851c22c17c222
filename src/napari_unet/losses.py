"""Losses of class maps: one number a sample, so that samples weigh equally."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

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
        if class_weights is not None:
            loss = loss * (
                class_weights[0] + target * (class_weights[1:] - class_weights[0])
            )
        return weighted_mean(loss, weight)
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
    if logits.shape[1] == 1:
        probability, truth = torch.sigmoid(logits), target
    else:
        probability = torch.softmax(logits, 1)[:, 1:]
        truth = F.one_hot(target[:, 0].round().long(), logits.shape[1])
        truth = truth.movedim(-1, 1)[:, 1:].to(probability.dtype)
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


LOSSES: dict[str, PixelLoss] = {
    "ce": cross_entropy,
    "dice": dice,
    "ce+dice": cross_entropy_and_dice,
}
"""Losses of class maps by name."""
