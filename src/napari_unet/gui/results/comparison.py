"""What comparing a result with a truth layer gave, as work and text; no Qt."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_unet.boxes import Box
from napari_unet.events import Control, Event
from napari_unet.gui.results.outcome import POWERS, Outcome
from napari_unet.scoring.error_table import Comparison, ErrorRow, list_errors
from napari_unet.scoring.errors import COLOURS, Kind
from napari_unet.text import counted

MOST_IDS = 3  # of a merge or split that the table names
AREA = "Size of the true object; of the result's where it is false or merged."
UNITS = ("px²", "px³", "µm²", "µm³")
HELP = {
    "kind": "Matched (IoU of .5 or more), missed, false, merged or split.",
    "truth": "Numbers of the objects in the truth layer.",
    "result": "Numbers of the objects in the result.",
    **dict.fromkeys(UNITS, AREA),
    "IoU": "Highest overlap with any one object of the other layer, 0 to 1.",
    "t": "Time point, from 0.",
}
LONG = ("truth", "result")  # columns that may hold several numbers


@dataclass(frozen=True, eq=False)
class ComparisonTable:
    """A comparison, and its rows as the columns of a table.

    texts : what the columns show
    keys : what they are sorted by
    view : whether only a view was segmented and compared
    """

    comparison: Comparison
    texts: dict[str, list[str]]
    keys: dict[str, np.ndarray]
    view: bool


def compare(
    truth: np.ndarray, labels: np.ndarray, outcome: Outcome, control: Control
) -> Generator[Event, None, ComparisonTable | None]:
    """Compare labels with the truth, where it was segmented; None: it was stopped.

    truth, labels : ([T,] [Z,] Y, X) integer arrays of one shape
    outcome : of the result: its axes, its box, and the spacing that gives areas their
        unit
    """
    timed, box = "T" in outcome.about["axes"], outcome.result.box
    where = box or (slice(None),) * labels.ndim
    events = list_errors(truth[where], labels[where], timed=timed, control=control)
    found = yield from events
    if found is None:
        return None
    if box is not None:
        found = _placed(found, labels.shape, box)
    columns = _columns(found.rows, outcome.spacing, timed)
    return ComparisonTable(found, *columns, box is not None)


def _placed(found: Comparison, shape: tuple[int, ...], box: Box) -> Comparison:
    """Return the comparison of a box as one of the whole image."""
    image = np.zeros(shape, np.uint8)
    image[box] = found.image
    corner = [part.start for part in box]
    rows = [row._replace(centre=_moved(row.centre, corner)) for row in found.rows]
    return replace(found, image=image, rows=rows)


def told(found: ComparisonTable) -> tuple[str, str]:
    """Return two lines: the figures with the objects behind them, and the errors.

    The second is rich text; its squares have the colours of the error layer.
    """
    scores, counts = found.comparison.scores, found.comparison.counts
    ap, behind = scores.pooled.ap, counted(scores.objects, "true object")
    where = " in the view" if found.view else ""
    figures = f"AP50 {ap['0.50']:.3f}   AP75 {ap['0.75']:.3f}   ({behind}{where})"
    parts = [
        # A word must not leave its square and number when the line breaks.
        f'<span style="color:{COLOURS[kind]}">■</span>&nbsp;'
        f"{counts[kind.word]:,}&nbsp;{kind.word}"
        for kind in COLOURS
    ]
    return figures, "&nbsp; ".join(parts)


def written(found: ComparisonTable) -> str:
    """Return the rows as a CSV file: all ids, areas and overlaps as numbers.

    Places are px from 0, one column per axis; several ids have spaces between them.
    """
    rows = found.comparison.rows
    unit = next(name for name in found.texts if name in UNITS)
    axes = ["t"] * ("t" in found.texts)
    axes += list("zyx"[-(len(rows[0].centre) - len(axes)) :]) if rows else []
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    out.writerow(["kind", "truth", "result", f"area ({unit})", "IoU", *axes])
    for row, area in zip(rows, found.keys[unit], strict=True):
        ids = [" ".join(map(str, some)) for some in (row.truth, row.prediction)]
        numbers = [f"{area:.10g}", f"{row.iou:.6f}", *row.centre]
        out.writerow([row.kind.word, *ids, *numbers])
    return file.getvalue()


def _columns(
    rows: Sequence[ErrorRow], spacing: Sequence[float] | None, timed: bool
) -> tuple[dict[str, list[str]], dict[str, np.ndarray]]:
    """Return the columns of a table, as text and as what they are sorted by."""
    ndim = len(rows[0].centre) - timed if rows else 2
    one = 1.0 if spacing is None else math.prod(spacing[-ndim:])
    unit = f"{'px' if spacing is None else 'µm'}{POWERS[ndim]}"
    areas = np.array([row.area for row in rows]) * one
    places = 0 if spacing is None else 1
    iou = np.array([row.iou for row in rows])
    texts = {
        "kind": [row.kind.word for row in rows],
        "truth": [_ids(row.truth) for row in rows],
        "result": [_ids(row.prediction) for row in rows],
        unit: [f"{area:,.{places}f}" for area in areas],
        "IoU": [f"{value:.2f}" for value in iou],
    }
    keys = {
        "kind": np.array([_rank(row.kind) for row in rows]),
        "truth": np.array([row.truth[0] if row.truth else 0 for row in rows]),
        "result": np.array(
            [row.prediction[0] if row.prediction else 0 for row in rows]
        ),
        unit: areas,
        "IoU": iou,
    }
    if timed:
        frames = [row.centre[0] for row in rows]
        texts["t"] = [str(frame) for frame in frames]
        keys["t"] = np.array(frames)
    return texts, keys


def _rank(kind: Kind) -> int:
    """Return where a kind is sorted: errors first."""
    return int(kind) if kind != Kind.MATCHED else len(Kind)


def _ids(ids: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in ids[:MOST_IDS])
    return shown + f" +{len(ids) - MOST_IDS}" * (len(ids) > MOST_IDS)


def _moved(point: Sequence[int], corner: Sequence[int]) -> tuple[int, ...]:
    return tuple(at + start for at, start in zip(point, corner, strict=True))
