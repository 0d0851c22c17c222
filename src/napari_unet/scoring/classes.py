"""How well classes agree with the truth: confusion, Dice and IoU of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_unet.scoring.run_lengths import number, ratio, runs, sums


def confusion(
    truth: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[int],
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Count the pixels of each true and predicted class; sum it over images.

    truth, labels : integer arrays of one shape; 0 is background, others are classes
    classes : the K label values that are classes
    mask : True where the annotation counts; other pixels are left out

    Returns (K + 1, K + 1) int64: rows are true, columns predicted; background first,
    then as in `classes`. A ValueError where shapes differ, or a pixel that counts has a
    value that is no class.
    """
    truth, labels, inside, lengths = runs(truth, labels, mask)
    size = len(classes) + 1
    rows = _class_index(truth[inside], classes, "truth")
    columns = _class_index(labels[inside], classes, "prediction")
    return sums(rows * size + columns, lengths[inside], size**2).reshape(size, size)


def dice_iou(
    table: np.ndarray, classes: Sequence[int]
) -> dict[int, tuple[float, float]]:
    """Dice and IoU of each class; 1 where a class is in neither truth nor prediction.

    `table` is that of :func:`confusion`, or the sum of several; `classes` as given to
    it.

    Examples
    --------
    >>> table = confusion(np.array([0, 3, 3, 7]), np.array([0, 3, 7, 7]), (3, 7))
    >>> {c: round(dice, 3) for c, (dice, iou) in dice_iou(table, (3, 7)).items()}
    {3: 0.667, 7: 0.667}
    """
    both = table.diagonal()[1:]
    areas = (table.sum(axis=0) + table.sum(axis=1))[1:]
    dice, iou = ratio(2 * both, areas), ratio(both, areas - both)
    return dict(
        zip(classes, zip(dice.tolist(), iou.tolist(), strict=True), strict=True)
    )


def _class_index(values: np.ndarray, classes: Sequence[int], name: str) -> np.ndarray:
    """Index in (0, *classes) of each value."""
    ids, index = number(values)
    place = {value: i for i, value in enumerate(classes, 1)}
    unknown = [value for value in ids.tolist() if value not in place]
    if unknown:
        raise ValueError(
            f"the {name} has the values {unknown[:5]}, which are none of the classes "
            f"{tuple(classes)}; name them as classes or mask them out"
        )
    lookup = np.array([0, *(place[value] for value in ids.tolist())])
    found: np.ndarray = lookup[index]
    return found
