"""Pictures of what a model does: outlines, loss curve, truth beside prediction."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.atomic import atomic
from napari_unet.colours import GREEN, ORANGE, SKY
from napari_unet.data.images import Image, intensity_stats, normalise
from napari_unet.data.samples import Sample
from napari_unet.labels import LabelledObjects

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST_EDGE = 800  # px; smaller images are enlarged
MOST_EDGE = 4000


def overlay(image: Image, labels: np.ndarray, truth: np.ndarray | None = None) -> bytes:
    """Draw outlines of objects on their image, or on its middle plane, as a PNG file.

    Labels, ([Z,] Y, X), are orange and solid, the truth is blue and dashed.
    """
    from matplotlib.figure import Figure

    picture = stretched(image)
    height, width = picture.shape[:2]
    scale = max(LEAST_EDGE / max(height, width), 1.0)
    scale = min(scale, MOST_EDGE / max(height, width))
    dpi = 100
    figure = Figure(figsize=(width * scale / dpi, height * scale / dpi), dpi=dpi)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    _outline(axes, middle_plane(labels), ORANGE, "solid", "segmented")
    if truth is not None:
        _outline(axes, middle_plane(truth), SKY, "dashed", "truth")
        axes.legend(loc="lower right", framealpha=0.8)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    return png(figure)


def loss_curve(
    rows: Sequence[Mapping[str, Any]], path: str | Path, *, objects: int | None = None
) -> None:
    """Draw the history of a training: losses, score and best epoch; a PNG file.

    rows : the rows of ``history.csv``, numbers or text
    objects : number of validation objects behind the score
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    steps = _column(rows, "step")
    axes.plot(steps, _column(rows, "loss"), "-", color=SKY, label="training loss")
    axes.set(xlabel="step", ylabel="loss")
    title = "no validation"
    scores = _column(rows, "score")
    if np.isfinite(scores).any():
        name = "mean AP .50-.90" if "mean9" in rows[0] else "Dice"
        losses = _column(rows, "validation_loss")
        axes.plot(steps, losses, "--", color=ORANGE, label="validation loss")
        right = axes.twinx()
        right.plot(steps, scores, "-.", marker="o", color=GREEN, label=name)
        right.set(ylabel=name, ylim=(0, 1))
        best = max((i for i, r in enumerate(rows) if int(r["best"])), default=0)
        axes.axvline(steps[best], color="black", linestyle=":", label="best epoch")
        handles, names = axes.get_legend_handles_labels()
        more, others = right.get_legend_handles_labels()
        axes.legend([*handles, *more], [*names, *others], loc="best")
        behind = f" ({objects:,} objects)" if objects else ""
        title = f"best at step {steps[best]:,.0f}: {name} {scores[best]:.3f}{behind}"
    axes.set_title(title)
    save(png(figure), path)


def draw_rows(
    rows: Sequence[tuple[str, Sample, np.ndarray]],
    path: str | Path,
    *,
    instances: bool = True,
) -> None:
    """Draw images beside true and predicted labels, or their middle planes; a PNG file.

    A row is a title, a sample and its prediction, ([Z,] Y, X); with `instances`,
    objects are counted in the titles.
    """
    from matplotlib.figure import Figure

    size = (9, 3.3 * len(rows))
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    grid = figure.subplots(len(rows), 3, squeeze=False)
    for axes, (title, sample, labels) in zip(grid, rows, strict=True):
        pictures = (
            stretched(sample.image),
            _coloured(middle_plane(sample.labels)),
            _coloured(middle_plane(labels)),
        )
        counts = ("", _count(sample.labels), _count(labels))
        for one, picture, name, count in zip(
            axes, pictures, (title, "truth", "prediction"), counts, strict=True
        ):
            one.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            one.set_title(name + (count if instances else ""), fontsize="small")
            one.set_axis_off()
    save(png(figure), path)


def save(content: bytes, path: str | Path) -> None:
    """Write a picture that appears whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def stretched(image: Image) -> np.ndarray:
    """Return an image, or its middle plane, (Y, X) or (Y, X, 3) from 0 to 1."""
    if image.ndim == 3:
        image = image.plane(image.shape[0] // 2)
    between = np.clip(normalise(image.array, intensity_stats(image)), 0, 1)
    return np.moveaxis(between, 0, -1) if image.rgb else between.mean(axis=0)


def middle_plane(labels: np.ndarray) -> np.ndarray:
    """Return the plane that :func:`stretched` shows."""
    return labels[len(labels) // 2] if labels.ndim == 3 else labels


def contours(labels: np.ndarray) -> list[np.ndarray]:
    """Return the outline of every object, holes too, as lines that can be dashed.

    Of (Y, X) integers; a line is (n, 2), points x, y in px.
    """
    from skimage.measure import find_contours

    objects, lines = LabelledObjects(labels), []
    for number, box in zip(objects.ids, objects.boxes, strict=True):
        part = np.pad(labels[box] == number, 1).astype(np.float32)
        corner = np.array([box[0].start - 1, box[1].start - 1])
        contours = find_contours(part, 0.5)  # type: ignore[no-untyped-call]
        lines += [(line + corner)[:, ::-1] for line in contours]
    return lines


def _outline(
    axes: Axes, labels: np.ndarray, colour: str, style: str, name: str
) -> None:
    from matplotlib.collections import LineCollection

    axes.add_collection(
        LineCollection(
            contours(labels),
            colors=colour,
            linestyles=style,
            linewidths=1.2,
            label=name,
        )
    )


def _coloured(labels: np.ndarray) -> np.ndarray:
    """Give each label a colour and a white outline, (Y, X, 3) float."""
    from skimage.segmentation import find_boundaries

    objects = LabelledObjects(labels)
    colours = np.random.default_rng(0).uniform(0.2, 0.9, (len(objects.ids) + 1, 3))
    colours[0] = 0
    coloured: np.ndarray = colours[objects.compact]
    edges = find_boundaries(labels, mode="inner")  # type: ignore[no-untyped-call]
    coloured[edges] = 1
    return coloured


def _count(labels: np.ndarray) -> str:
    return f": {len(LabelledObjects(labels).ids):,} objects"


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    """Return a column as floats, NaN where it is empty."""
    return np.array([float(row[name]) if row[name] != "" else math.nan for row in rows])
