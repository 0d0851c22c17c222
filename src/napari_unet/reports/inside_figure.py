"""A picture of what a network computes: a row per level, down on the left, up again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.boxes import Box, middle
from napari_unet.data.images import Image, Stats
from napari_unet.models.model import Model
from napari_unet.reports.figures import middle_plane, png, save, stretched
from napari_unet.reports.inside import (
    MOST_PIXELS,
    Features,
    look_inside,
    map_names,
    places,
    skips,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 5  # maps of a place, those that vary most
MOST_EDGE = 384  # px of the network that are looked at


def draw(model: Model, picture: Image, stats: Stats, path: str | Path) -> None:
    """Draw the features of the middle of an image; of a stack, their middle plane.

    `picture` is as :func:`as_seen` returns it; the file is a PNG, an older one is
    replaced.
    """
    from matplotlib.figure import Figure

    box = _middle(picture.shape)
    found, gates, maps = look_inside(model, picture, stats, box, list(places(model)))
    worth = _worth(model, picture, stats, box, maps)
    depth = model.network.depth
    size = (1.3 * (2 * SHOWN + 1), 1.5 * (depth + 2))
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    grid = figure.subplots(depth + 2, 2 * SHOWN + 1, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    _head(grid[0], model, picture, box, maps)
    for level in range(depth + 1):
        row = grid[level + 1]
        columns = sorted(key for key in found if key[0] == level)
        _row(row[:SHOWN], found[columns[0]])
        if len(columns) > 1:
            _row(row[SHOWN + 1 :], found[columns[-1]])
        gate = gates.get(f"gate, level {level}")
        if gate is not None:
            _show(row[SHOWN], gate.maps[0], (0.0, 1.0))
            _title(row[SHOWN], "gate")
        if (level, 0) in worth:
            text = f"skip: {worth[level, 0]:.3f}"
            where = (0.5, -0.04 if gate is not None else 0.5)
            at = row[SHOWN].transAxes
            aligned = {"ha": "center", "va": "top" if gate is not None else "center"}
            written = row[SHOWN].text(*where, text, **aligned, fontsize=7, transform=at)
            written.set_in_layout(False)
    _say(figure, model)
    save(png(figure), path)


def _middle(shape: tuple[int, ...]) -> Box:
    starts = [max(0, (n - MOST_EDGE) // 2) for n in shape]
    box = (slice(a, min(a + MOST_EDGE, n)) for a, n in zip(starts, shape, strict=True))
    return middle(tuple(box), MOST_PIXELS)


def _worth(
    model: Model, picture: Image, stats: Stats, box: Box, maps: np.ndarray
) -> dict[tuple[int, int], float]:
    """Return how far the first map changes on the average without each skip."""
    found = {}
    for key in skips(model):
        _, _, other = look_inside(model, picture, stats, box, [], without=[key])
        found[key] = float(np.abs(other[0] - maps[0]).mean())
    return found


def _head(
    row: np.ndarray, model: Model, picture: Image, box: Box, maps: np.ndarray
) -> None:
    """Show the image on the left, and what the network says of it on the right."""
    row[0].imshow(stretched(picture.part(box)), cmap="gray", vmin=0, vmax=1)
    _title(row[0], "image")
    right = row[SHOWN + 1 :]
    for axes, name, values in zip(right, map_names(model), maps, strict=False):
        _show(axes, values, (0.0, 1.0))
        _title(axes, name)


def _row(row: np.ndarray, features: Features) -> None:
    """Show the maps of a place that vary most, each stretched by itself."""
    maps = features.maps
    spread = maps.reshape(len(maps), -1).std(1)
    chosen = np.sort(np.argsort(-spread)[: len(row)])
    for axes, index in zip(row, chosen, strict=False):
        low, high = np.percentile(maps[index], (1, 99.5))
        _show(axes, maps[index], (float(low), float(max(high, low + 1e-6))))
    size = " x ".join(map(str, maps.shape[1:]))
    _title(row[0], f"{features.name}: {len(maps)} maps of {size}")


def _show(axes: Axes, values: np.ndarray, limits: tuple[float, float]) -> None:
    axes.imshow(middle_plane(values), cmap="gray", vmin=limits[0], vmax=limits[1])


def _title(axes: Axes, text: str) -> None:
    """Write above a picture, and over its neighbours if need be."""
    axes.set_title(text, fontsize=8, loc="left").set_in_layout(False)


def _say(figure: Figure, model: Model) -> None:
    config = model.config
    figure.suptitle(
        f"{config.network}, depth {config.depth}, width {config.width}: down on the "
        "left, up on the right; skip: how far the first map changes without it",
        fontsize=9,
    )
