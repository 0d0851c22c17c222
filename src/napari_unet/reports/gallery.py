"""Pictures of an evaluation: AP over IoU, and the errors of good and bad images."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_unet.colours import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from napari_unet.data.samples import Sample
from napari_unet.events import Event, Note, Progress
from napari_unet.reports.evaluation import Report
from napari_unet.reports.figures import (
    contours,
    middle_plane,
    png,
    save,
    stretched,
)
from napari_unet.scoring import metrics
from napari_unet.scoring.error_table import centres, error_rows
from napari_unet.scoring.errors import COLOURS, Kind, classify, error_image
from napari_unet.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = (SKY, ORANGE, GREEN, PURPLE, VERMILION, BLUE)
DASHES = ("--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (8, 3)))
MARKERS = "os^Dv*P"
# A picture in the gallery shows no more, or outlines would hide small objects.
MOST_SHOWN = 720  # px
PANEL, DPI = 5.0, 150  # inches
MARGIN = 0.01
MOST_GROUPS = 12  # matplotlib draws no picture of more than 65,536 px
LETTERS = 40  # of an image's name


@dataclass(frozen=True)
class Style:
    """How a kind is drawn, so that it is told apart without its colour too."""

    line: Literal["solid", "dashed", "dotted", "dashdot"]
    width: float
    mark: str
    meaning: str


STYLES = {
    Kind.MATCHED: Style("solid", 1.2, "", "true positive"),
    Kind.MISSED: Style("dashed", 1.6, "o", "false negative"),
    Kind.FALSE: Style("dotted", 2.0, "x", "false positive"),
    Kind.MERGED: Style("solid", 2.4, "s", "one prediction, several true objects"),
    Kind.SPLIT: Style("dashdot", 1.8, "^", "one true object, several predictions"),
}


def ap_over_iou(report: Mapping[str, Any], path: str | Path) -> None:
    """Draw AP over IoU, a line for each group of a report of objects; a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    groups = dict(report["by_modality"])
    if len(groups) != 1:
        groups["all"] = report
    for index, (name, scores) in enumerate(groups.items()):
        ap = scores["pooled"]["ap"]
        images = counted(scores["images"], "image")
        axes.plot(
            [float(threshold) for threshold in ap],
            list(ap.values()),
            color="black" if name == "all" else LINES[index % len(LINES)],
            linestyle="-" if name == "all" else DASHES[index % len(DASHES)],
            marker=MARKERS[index % len(MARKERS)],
            label=f"{name} ({images}, {counted(scores['objects'], 'object')})",
        )
    axes.set(xlabel="IoU threshold", ylabel="AP = TP / (TP + FP + FN)", ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.set_title("Average precision, objects of all images pooled")
    axes.legend(loc="best")
    save(png(figure), path)


def gallery(
    samples: Sequence[Sample], report: Report, path: str | Path
) -> Generator[Event, None, None]:
    """Draw the errors of the best, median and worst image of a group; yields events.

    They are chosen by their own mean of AP over IoU .50 to .90. Of a stack the middle
    plane is drawn, of a large image the part with most errors. The file is a PNG.
    """
    from matplotlib.figure import Figure

    chosen = choose(report)
    if len(chosen) > MOST_GROUPS:
        which = f"the {MOST_GROUPS} groups with most images, of {len(chosen)}"
        yield Note(f"the gallery shows {which}")
        largest = sorted(chosen, key=report.groups.count)[-MOST_GROUPS:]
        chosen = {group: chosen[group] for group in sorted(largest)}
    columns = max(len(of_group) for of_group in chosen.values())
    heights = [max(_height(samples[i]) for i in g.values()) for g in chosen.values()]
    # The legend below needs the room of two panels.
    size = (PANEL * max(columns, 2), sum(heights) + 0.6)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(len(chosen), columns, squeeze=False, height_ratios=heights)
    for axes in grid.flat:
        axes.set_axis_off()
        axes.set_anchor("NW")
    panels = [
        (f"{group}, {word}" if group else word, index, axes)
        for (group, of_group), line in zip(chosen.items(), grid, strict=True)
        for (word, index), axes in zip(of_group.items(), line, strict=False)
    ]
    for done, (what, index, axes) in enumerate(panels):
        yield Progress("drawing", done, len(panels))
        _panel(axes, what, samples[index], report, index)
    _legend(figure)
    save(png(figure), path)


def _height(sample: Sample) -> float:
    """Return the height of a panel with its title, in inches."""
    height, width = (min(n, MOST_SHOWN) for n in sample.shape[-2:])
    return PANEL * min(height / width, 2) + 0.45


def choose(report: Report) -> dict[str, dict[str, int]]:
    """Return the best, the median and the worst image of each group; no image twice.

    For each group, "" where there are none, the index of an image by what it is.
    """
    groups = report.groups or [""] * len(report.names)
    chosen = {}
    for group in sorted(set(groups)):
        order = sorted(
            (i for i, g in enumerate(groups) if g == group),
            key=lambda i: (own_figure(report, i), report.matchings[i].n_truth),
        )
        found = {"best": order[-1]}
        if len(order) > 2:
            found["median"] = order[(len(order) - 1) // 2]
        if len(order) > 1:
            found["worst"] = order[0]
        chosen[group] = found if len(order) > 1 else {"the only image": order[0]}
    return chosen


def own_figure(report: Report, index: int) -> float:
    """Return the mean AP over IoU .50 to .90 of one image."""
    return metrics.score([report.matchings[index]]).per_image.mean9


def _panel(axes: Axes, what: str, sample: Sample, report: Report, index: int) -> None:
    labels, truth, mask = report.labels[index], sample.labels, sample.mask
    errors = classify(report.matchings[index])
    kinds = middle_plane(error_image(errors, truth, labels, mask))
    box = window(kinds > Kind.MATCHED)
    picture = stretched(sample.image)[box]
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    true, predicted = middle_plane(truth)[box], middle_plane(labels)[box]
    if mask is not None:
        true = true * middle_plane(mask)[box]
    found = error_rows(errors, truth, labels, mask)
    for kind in STYLES:
        of_kind = [row for row in found if row.kind == kind]
        true_ids = [i for row in of_kind for i in row.truth]
        pred_ids = [i for row in of_kind for i in row.prediction]
        sides = [_only(true, true_ids), _only(predicted, pred_ids)]
        whole, parts = sides if kind in (Kind.MISSED, Kind.SPLIT) else sides[::-1]
        _draw(axes, whole, kind)
        if kind in (Kind.MERGED, Kind.SPLIT):
            _draw(axes, parts, kind, inner=True)
    height, width = picture.shape[:2]
    # Outlines at the edge of the image need room of their own.
    axes.set_xlim(-0.5 - MARGIN * width, width - 0.5 + MARGIN * width)
    axes.set_ylim(height - 0.5 + MARGIN * height, -0.5 - MARGIN * height)
    part = "middle plane" * (labels.ndim == 3)
    if (height, width) != kinds.shape:
        part = f"{part}, part with most errors".removeprefix(", ")
    axes.set_title(_title(what, part, report, index), fontsize=8, loc="left")


def _title(what: str, part: str, report: Report, index: int) -> str:
    """Return what the image is, its figures with the objects behind them, its name."""
    matching, name = report.matchings[index], report.names[index]
    counts = classify(matching).counts().items()
    behind = counted(matching.n_truth, "object")
    figure = f"mean AP {own_figure(report, index):.3f} ({behind})"
    name = name if len(name) <= LETTERS else f"{name[:LETTERS]}..."
    told = ", ".join(f"{number:,} {kind}" for kind, number in counts)
    return f"{what}: {figure}" + f"   ({part})" * bool(part) + f"\n{told}\n{name}"


def _only(labels: np.ndarray, ids: Sequence[int]) -> np.ndarray:
    return np.where(np.isin(labels, ids), labels, 0)


def _draw(axes: Axes, labels: np.ndarray, kind: Kind, inner: bool = False) -> None:
    """Draw objects of one kind; `inner`: the parts of a merge or split, thin."""
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import withStroke

    style, lines = STYLES[kind], contours(labels)
    width = 0.8 if inner else style.width
    # Black around them, since there are dark and light images.
    dark = [withStroke(linewidth=width + 1, foreground="black", alpha=0.6)]
    axes.add_collection(
        LineCollection(
            lines,
            colors=COLOURS[kind],
            linestyles="solid" if inner else style.line,
            linewidths=width,
            path_effects=[] if inner else dark,
        )
    )
    if style.mark and lines and not inner:
        y, x = centres(labels, np.unique(labels[labels > 0])).T
        axes.plot(x, y, path_effects=dark, **_mark(kind), linestyle="none")


def _mark(kind: Kind) -> dict[str, Any]:
    """Return how the middle of an error is marked."""
    return {
        "marker": STYLES[kind].mark,
        "markersize": 5,
        "markerfacecolor": "none",
        "markeredgecolor": COLOURS[kind],
        "markeredgewidth": 1.2,
    }


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for kind, style in STYLES.items():
        line = Line2D([0], [0], color=COLOURS[kind], linestyle=style.line)
        line.set(linewidth=style.width, label=f"{kind.word} ({style.meaning})")
        handles.append(line)
        line.set(**_mark(kind))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=3,
        facecolor="#333333",
        labelcolor="white",
        handlelength=4,
    )


def window(errors: np.ndarray) -> tuple[slice, slice]:
    """Return the part of (Y, X) to show: all of a small image, else most errors."""
    sizes = [min(n, MOST_SHOWN) for n in errors.shape]
    summed = np.pad(errors.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    (high, wide), (height, width) = sizes, errors.shape
    inside = (
        summed[high:, wide:]
        - summed[: height - high + 1, wide:]
        - summed[high:, : width - wide + 1]
        + summed[: height - high + 1, : width - wide + 1]
    )
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return slice(int(top), int(top) + high), slice(int(left), int(left) + wide)
