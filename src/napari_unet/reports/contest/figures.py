"""The pictures of a comparison, and all its files."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.atomic import atomic
from napari_unet.files.writers import write_json
from napari_unet.reports.contest.table import budget, main, markdown
from napari_unet.reports.figures import png, save
from napari_unet.reports.gallery import DASHES, LINES, MARKERS
from napari_unet.text import counted
from napari_unet.training.checkpoint import read_history

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AXIS = {
    "mean9": "mean AP at IoU .50 to .90, pooled",
    "dice": "Dice, mean of classes",
}
LEAST_SPAN = 0.1  # of scores: smaller differences should look small
APART = 4  # speeds that differ more are drawn on a logarithmic axis
MARKS = 15  # on a line
LONG = 120  # s; longer trainings are drawn in minutes


def write(table: Mapping[str, Any], folder: Path) -> None:
    """Write ``comparison.json``, ``.md`` and ``.png``, and ``curves.png``."""
    write_json(folder / "comparison.json", table)
    with atomic(folder / "comparison.md") as temporary:
        temporary.write_text(markdown(table), encoding="utf-8")
    if table["networks"]:
        draw(table, folder / "comparison.png")
        draw_curves(table, folder, folder / "curves.png")


def draw(table: Mapping[str, Any], path: Path) -> None:
    """Draw AP over IoU, for objects, and quality over speed."""
    from matplotlib.figure import Figure

    networks: Mapping[str, Any] = table["networks"]
    score, speed = main(table), "megapixels_per_second"
    panels = 2 if score == "mean9" else 1
    figure = Figure(figsize=(5.5 * panels, 5), dpi=100, layout="constrained")
    *left, right = figure.subplots(1, panels, squeeze=False)[0]
    for style, found in zip(styles(networks), networks.values(), strict=True):
        for axes in left:
            ap = [run["ap"] for run in found["runs"]]
            means = [statistics.fmean(a[t] for a in ap) for t in ap[0]]
            axes.plot([float(t) for t in ap[0]], means, **style)
            axes.set(xlabel="IoU threshold", ylabel="AP, objects of all images pooled")
            axes.set_ylim(0, 1.02)
        point = style | {"linestyle": "none", "markeredgecolor": "black"}
        mean, runs = found["mean"], found["runs"]
        right.plot(mean[speed], mean[score], **point, markersize=11)
        if len(runs) > 1:  # each seed, small and pale
            x, y = ([run[what] for run in runs] for what in (speed, score))
            right.plot(x, y, **point, markersize=5, alpha=0.5)
    right.set(xlabel="speed of segmenting, Mpx/s", ylabel=AXIS[score])
    low, high = right.get_ylim()
    middle, half = (low + high) / 2, max(high - low, LEAST_SPAN) / 2
    right.set_ylim(max(0, middle - half), max(0, middle - half) + 2 * half)
    _speeds(right, [r[speed] for found in networks.values() for r in found["runs"]])
    title = f"Training of {budget(table['options'])} each"
    if panels == 2:
        title += (
            f", judged by {counted(table['images']['judges']['objects'], 'object')}"
        )
    _finish(figure, title, networks, path)


def _speeds(axes: Axes, speeds: Sequence[float]) -> None:
    """Set the axis of speeds, logarithmic where they differ much."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    low, high = min(speeds), max(speeds)
    if high <= APART * low:
        axes.set_xlim(0, 1.15 * high)
        return
    axes.set_xscale("log")
    axes.set_xlim(low / 1.5, high * 1.5)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def draw_curves(table: Mapping[str, Any], folder: Path, path: Path) -> None:
    """Draw score and loss over the time of training, a line per run."""
    from matplotlib.figure import Figure

    networks: Mapping[str, Any] = table["networks"]
    histories = {
        name: [history(folder / run["folder"]) for run in found["runs"]]
        for name, found in networks.items()
    }
    every = [h for of_network in histories.values() for h in of_network]
    scored = any(np.isfinite(h["score"]).any() for h in every)
    longest = max(float(np.nanmax(h["seconds"])) for h in every)
    unit, length = ("min", 60) if longest >= LONG else ("s", 1)
    panels = 2 if scored else 1
    score = "mean AP at IoU .50 to .90" if main(table) == "mean9" else "Dice"
    name = {"score": f"{score}, validation", "loss": "training loss"}
    figure = Figure(figsize=(5.5 * panels, 5), dpi=100, layout="constrained")
    *left, right = figure.subplots(1, panels, squeeze=False)[0]
    for style, of_network in zip(styles(networks), histories.values(), strict=True):
        style |= {"markersize": 4, "linewidth": 1.2}
        for one in of_network:
            style["markevery"] = max(1, len(one["seconds"]) // MARKS)
            right.plot(one["seconds"] / length, one["loss"], **style)
            for axes in left:
                axes.plot(one["seconds"] / length, one["score"], **style)
    for axes, what in zip([*left, right], ("score", "loss")[-panels:], strict=True):
        axes.set(xlabel=f"time of training, {unit}", xlim=(0, None))
        axes.set_ylabel(name[what])
    _finish(
        figure,
        "Score on the images held back to validate, and loss, while training",
        networks,
        path,
    )


def history(folder: Path) -> dict[str, np.ndarray]:
    """Return what is drawn of a ``history.csv``, NaN where it is empty."""
    rows = read_history(folder)
    return {
        name: np.array([float(row[name] or "nan") for row in rows])
        for name in ("seconds", "loss", "score")
    }


def styles(networks: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how each network is drawn, so that it is told apart without its colour."""
    dashes = ("-", *DASHES)
    return [
        {
            "color": LINES[i % len(LINES)],
            "linestyle": dashes[(i + i // len(LINES)) % len(dashes)],
            "marker": MARKERS[i % len(MARKERS)],
        }
        for i in range(len(networks))
    ]


def _finish(
    figure: Figure, title: str, networks: Mapping[str, Any], path: Path
) -> None:
    """Add title, grid and legend, and save."""
    from matplotlib.lines import Line2D

    for axes in figure.axes:
        axes.grid(alpha=0.3)
    figure.suptitle(title)
    handles = [
        Line2D([], [], label=name, **style)
        for name, style in zip(networks, styles(networks), strict=True)
    ]
    columns = min(len(handles), 3 * len(figure.axes))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=columns, handlelength=4
    )
    save(png(figure), path)
