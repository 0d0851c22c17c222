"""Labels compared with the truth: figures, a picture and a table of the errors."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from napari_unet.events import Control, Event, Progress
from napari_unet.scoring.errors import Errors, Kind, classify, error_image, total
from napari_unet.scoring.metrics import Scores, match, score

Index = np.ndarray | list[int]


class ErrorRow(NamedTuple):
    """A matched pair, or one error.

    truth, prediction : label values of the objects that take part: for merged one
        prediction and the two or more true objects in it, for split the other way round
    area : in px, inside the mask: of the true object, but of the prediction where it is
        false or a merge
    iou : the highest IoU that this object has with any one of the other side
    centre : the pixel of this object that is nearest to its centroid
    """

    kind: Kind
    truth: tuple[int, ...]
    prediction: tuple[int, ...]
    area: int
    iou: float
    centre: tuple[int, ...]


@dataclass(frozen=True, eq=False)  # arrays have no one truth value
class Comparison:
    """What :func:`list_errors` found.

    counts : as :meth:`Errors.counts`, over all frames
    image : ([T,] [Z,] Y, X) uint8, values of Kind
    rows : their centres have the axes of `image`
    """

    scores: Scores
    counts: dict[str, int]
    image: np.ndarray
    rows: list[ErrorRow]


def list_errors(
    truth: np.ndarray,
    labels: np.ndarray,
    *,
    timed: bool = False,
    control: Control | None = None,
) -> Generator[Event, None, Comparison | None]:
    """Compare the labels of an image or a time series with the truth; yields events.

    Where they are `timed`, ([T,] [Z,] Y, X), each frame is compared by itself, so that
    no object matches one of another frame. Planes of a stack are one volume. `stop`
    ends before the next frame and returns None.
    """
    if truth.shape != labels.shape:
        raise ValueError(
            f"the truth has shape {truth.shape} but the labels have {labels.shape}; "
            "compare labels of the same image"
        )
    if not timed:
        truth, labels = truth[np.newaxis], labels[np.newaxis]
    image = np.zeros(truth.shape, np.uint8)
    found: list[Errors] = []
    listed: list[ErrorRow] = []
    for index, (true, predicted) in enumerate(zip(truth, labels, strict=True)):
        yield Progress("comparing", index, len(truth))
        if control is not None and control.stopped:
            return None
        errors = classify(match(true, predicted))
        image[index] = error_image(errors, true, predicted)
        of_frame = error_rows(errors, true, predicted)
        if timed:
            of_frame = [r._replace(centre=(index, *r.centre)) for r in of_frame]
        listed += of_frame
        found.append(errors)
    return Comparison(
        score([e.matching for e in found]),
        total([e.counts() for e in found]),
        image if timed else image[0],
        sorted(listed, key=lambda row: row.kind),
    )


def error_rows(
    errors: Errors,
    truth: np.ndarray,
    labels: np.ndarray,
    mask: np.ndarray | None = None,
) -> list[ErrorRow]:
    """List every matched pair and every error with its place, in the order of Kind.

    `truth`, `labels` and `mask` are those that were matched. Every object is in one row
    at least; a matched object that takes part in a merge or split is in two.
    """
    m = errors.matching

    def told(
        labels: np.ndarray, ids: np.ndarray, areas: np.ndarray, index: np.ndarray
    ) -> list[tuple[int, float, tuple[int, ...]]]:
        best = np.zeros(len(ids))
        np.maximum.at(best, index, m.iou)
        places = map(tuple, centres(labels, ids, mask).tolist())
        return list(zip(areas.tolist(), best.tolist(), places, strict=True))

    def row(kind: Kind, truths: Index, preds: Index, own: Any) -> ErrorRow:
        true, predicted = m.truth_ids[truths].tolist(), m.pred_ids[preds].tolist()
        return ErrorRow(kind, tuple(true), tuple(predicted), *own)

    true = told(truth, m.truth_ids, m.truth_areas, m.truth)
    pred = told(labels, m.pred_ids, m.pred_areas, m.pred)
    pairs = _grouped(m.truth[errors.matches], m.pred[errors.matches])
    missed = np.flatnonzero(errors.truth == Kind.MISSED).tolist()
    false = np.flatnonzero(errors.pred == Kind.FALSE).tolist()
    merged = _grouped(m.pred[errors.merges], m.truth[errors.merges])
    split = _grouped(m.truth[errors.splits], m.pred[errors.splits])
    return [
        *(row(Kind.MATCHED, [i], preds, true[i]) for i, preds in pairs),
        *(row(Kind.MISSED, [i], [], true[i]) for i in missed),
        *(row(Kind.FALSE, [], [i], pred[i]) for i in false),
        *(row(Kind.MERGED, truths, [i], pred[i]) for i, truths in merged),
        *(row(Kind.SPLIT, [i], preds, true[i]) for i, preds in split),
    ]


def _grouped(keys: np.ndarray, values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each key with its values."""
    order = np.argsort(keys, kind="stable")  # the pairs are not sorted by prediction
    found, starts = np.unique(keys[order], return_index=True)
    for key, part in zip(found, np.split(values[order], starts[1:]), strict=False):
        yield int(key), part


def centres(
    labels: np.ndarray, ids: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    """Find the pixel of each object that is nearest to its centroid, (n, axes).

    `ids` are values that occur in `labels`, inside the mask; ascending.
    """
    if not len(ids):
        return np.zeros((0, labels.ndim), np.int64)
    labels = labels if mask is None else np.where(mask, labels, 0)
    # An object is a few runs per row; all that follows costs little next to this pass.
    rows = np.ascontiguousarray(labels).reshape(-1, labels.shape[-1])
    starts = np.ones(rows.shape, bool)
    np.not_equal(rows[:, 1:], rows[:, :-1], out=starts[:, 1:])
    first = np.flatnonzero(starts)
    lengths, values = np.diff(first, append=rows.size), rows.ravel()[first]
    index = np.minimum(np.searchsorted(ids, values), len(ids) - 1)
    keep = ids[index] == values
    first, lengths, index = first[keep], lengths[keep], index[keep]
    at = np.array(np.unravel_index(first, labels.shape), float)
    left, right = at[-1].copy(), at[-1] + lengths - 1
    at[-1] = (left + right) / 2
    area = np.bincount(index, lengths)
    centroid = np.array([np.bincount(index, a * lengths) for a in at]) / area
    at[-1] = np.clip(np.rint(centroid[-1][index]), left, right)
    away = ((at - centroid[:, index]) ** 2).sum(axis=0)
    order = np.lexsort((away, index))
    nearest = order[np.unique(index[order], return_index=True)[1]]
    found: np.ndarray = at[:, nearest].T.astype(np.int64)
    return found
