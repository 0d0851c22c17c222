"""Files of labels and their images -> one table of all objects."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.data.images import ImageSeries, LabelImage
from napari_unet.events import Event, Progress
from napari_unet.files.layouts import image_files
from napari_unet.files.matching import Matcher, labels_among
from napari_unet.files.readers import read_image, read_labels, stem
from napari_unet.files.writers import write_table
from napari_unet.measures.measure import Table, measure
from napari_unet.measures.summary import Summary, size_column, summaries

OBJECTS = "objects.csv"
"""What segmenting writes beside its labels."""


@dataclass(frozen=True)
class Measured:
    """What one file of labels gave."""

    labels: Path
    table: Table
    summaries: tuple[Summary, ...]
    notes: tuple[str, ...]


def measure_files(
    pairs: Sequence[tuple[Path, Path | None]],
    output: Path,
    tell: Callable[[Measured], None],
    *,
    summary: Path | None = None,
    channel: str | None = None,
    axes: str | None = None,
    series: str | None = None,
) -> Generator[Event, None, None]:
    """Measure the objects of files and write one table of all.

    Parameters
    ----------
    pairs : sequence of (path, path or None)
        Labels and their image, as :func:`find_labels` finds them.
    output : path
        The table; an older one is replaced.
    tell : callable
        Called with what each file gave.
    summary : path, optional
        A second table, of the images.
    channel, axes, series : str, optional
        Of the images; as for :func:`~napari_unet.files.readers.read_image`.
    """
    rows: list[dict[str, Any]] = []
    about: list[dict[str, Any]] = []
    for done, (labels, image) in enumerate(pairs):
        yield Progress("measuring", done, len(pairs))
        found = yield from measure_file(labels, image, channel, axes, series)
        name = found.summaries[0].image
        rows += [{"image": name, **row} for row in as_rows(found.table)]
        about += [one.row() for one in found.summaries]
        tell(found)
    write_table(output, _columns(rows, ["image", "label"]), rows)
    if summary is not None:
        write_table(summary, _columns(about, ["image"]), about)


def measure_file(
    labels: Path,
    image: Path | None = None,
    channel: str | None = None,
    axes: str | None = None,
    series: str | None = None,
) -> Generator[Event, None, Measured]:
    """Measure the objects of one file.

    What segmenting wrote beside the labels gives their score, and whether they were
    edited since; a file of classes gives the names of the classes.
    """
    shown = None if image is None else read_image(image, axes, series)
    if shown is not None and channel is not None:
        shown = shown.select(channel)
    found = read_labels(labels, "" if shown is None else shown.label_axes)
    if shown is not None and shown.spacing is None and found.spacing is not None:
        same = len(found.spacing) == len(shown.axes.replace("C", "").replace("T", ""))
        shown = replace(shown, spacing=found.spacing if same else None)
    told = _told(labels)
    ndim = 2 if any(row["unit"].endswith("²") for row in told.values()) else None
    known: dict[str, dict[int, Any]] = {}
    if told:
        scores = {i: float(row["score"]) for i, row in told.items() if row["score"]}
        known["score"] = scores
    if names := _class_names(labels):
        known["class"] = names
    table = yield from measure(
        found if shown is None else found.array, shown, ndim=ndim, known=known
    )
    if told:
        table = _edited(table, told)
    notes = (*(() if shown is None else shown.notes), *found.notes)
    return Measured(labels, table, _summaries(labels, table, found, shown), notes)


def find_labels(
    labels: Sequence[Path], images: Sequence[Path]
) -> list[tuple[Path, Path | None]]:
    """Return files of labels, each with its image; None for all if none are given.

    labels, images : files, or folders of them

    A ValueError if an image is missing or not clear.
    """
    files = [f for path in labels for f in _files(path, True)]
    if not files:
        raise ValueError(f"{labels[0]}: holds no labels; give a label image, or more")
    if not images:
        return [(file, None) for file in files]
    shown = [f for path in images for f in _files(path, False) if f not in files]
    if len(files) == len(shown) == 1:
        return [(files[0], shown[0])]
    matcher = Matcher(shown, files)
    if matcher.problems:
        raise ValueError(matcher.problems[0])
    owners = {file: image[0] for _, image, file in matcher.pairs}
    lost = [str(file) for file in files if file not in owners]
    if lost:
        raise ValueError(
            f"{', '.join(lost[:4])}: there is no image of this name among --image; "
            "call labels as their image, with _labels behind, or leave them out"
        )
    return [(file, owners[file]) for file in files]


def as_rows(table: Table) -> list[dict[str, Any]]:
    """Return a table as rows; NaN is empty, numbers have nine digits that count."""
    columns = [[_cell(v) for v in values.tolist()] for values in table.values()]
    rows = zip(*columns, strict=True)
    return [dict(zip(table, row, strict=True)) for row in rows]


def _cell(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return "" if np.isnan(value) else float(f"{value:.9g}")


def _columns(rows: Sequence[dict[str, Any]], least: list[str]) -> list[str]:
    """Return the names of the columns of rows that have not all the same."""
    return list(dict.fromkeys([*(n for row in rows for n in row)])) or least


def _files(path: Path, are_labels: bool) -> list[Path]:
    if not path.is_dir():
        return [path]
    files, _ = image_files(path)
    labels = labels_among(files)
    if are_labels:
        return labels or files
    return [f for f in files if f not in labels] or files


def _told(labels: Path) -> dict[int, dict[str, str]]:
    """Return what segmenting said of each object, by its number."""
    file = labels.with_name(OBJECTS)
    name = stem(labels).removesuffix("_labels")
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            rows = [row for row in csv.DictReader(lines) if row.get("image") == name]
        keys = ("id", "size", "unit", "score")
        return {int(r["id"]): {k: r[k] for k in keys} for r in rows}
    except (OSError, ValueError, KeyError, csv.Error):  # none, or not one of ours
        return {}


def _class_names(labels: Path) -> dict[int, str]:
    """Return the names of the classes in labels, as segmenting wrote them."""
    try:
        told = json.loads(labels.with_suffix(".json").read_text(encoding="utf-8"))
        names = told["model"]["class_names"]
        return {int(value): str(name) for value, name in names.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _edited(table: Table, told: dict[int, dict[str, str]]) -> Table:
    """Say which objects are not as segmenting found them, by their size."""
    sizes, ids = table[size_column(table)], table["label"].tolist()
    was = [float(told[i]["size"]) if i in told else np.nan for i in ids]
    edited = ~np.isclose(sizes, was, rtol=1e-4, atol=1e-6)
    names = list(table)
    at = names.index("score") + 1
    order = [*names[:at], "edited", *names[at:]]
    return {name: edited if name == "edited" else table[name] for name in order}


def _summaries(
    path: Path, table: Table, labels: LabelImage, image: ImageSeries | None
) -> tuple[Summary, ...]:
    axes = labels.axes if image is None else image.axes.replace("C", "")
    spacing = labels.spacing if image is None else image.spacing
    shape = labels.array.shape
    frames = None
    if "T" in axes:
        frames, shape = shape[0], shape[1:]
    name = stem(path).removesuffix("_labels") if image is None else image.name
    if "position" in table:  # as if time went on
        length = labels.positions if image is None else image.positions
        table = table | {"frame": table["position"] * length + table["frame"]}
    return tuple(summaries(name, table, shape, spacing, frames))
