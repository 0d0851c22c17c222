"""Earlier trainings on the same data: how good they were, and when."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.events import Control, Event, Progress
from napari_unet.models.store import read_header, read_weights
from napari_unet.text import main_figure

MOST_READ = 30  # models, the newest first
MOST = 5


@dataclass(frozen=True, eq=False)
class Earlier:
    """An earlier training.

    figure : what `curve` shows, ``"ap50"``
    curve : (N, 2) float array: seconds and quality of each validation
    """

    folder: Path
    figure: str
    curve: np.ndarray

    @property
    def text(self) -> str:
        """Return what a tooltip says."""
        best = self.curve[:, 1].max()
        return (
            f"{self.folder.name}: an earlier training on these images, at best "
            f"{best:.3f}. Click to choose its model in the Segment dock."
        )


def earlier(
    folder: Path, others: Sequence[Path], control: Control
) -> Generator[Event, None, list[Earlier]]:
    """Return trainings on the images of the one in `folder`; long work.

    Those are the same whose names are, whatever their labels were then.
    """
    names = _names(folder)
    found: list[Earlier] = []
    for other in others[:MOST_READ]:
        yield Progress("reading earlier trainings", 0)
        if control.stopped or len(found) == MOST:
            break
        if other != folder and names and _names(other) == names:
            run = _run(other)
            if run is not None:
                found.append(run)
    return found


def _names(folder: Path) -> set[str]:
    """Return the names of the images that a model was trained on."""
    try:
        card = read_header(read_weights(folder), str(folder)).get("card", {})
    except ValueError:
        return set()
    return {str(entry.get("name")) for entry in card.get("data", [])}


def _run(folder: Path) -> Earlier | None:
    """Return how a training went; None: nothing was validated, or kept of it."""
    from napari_unet.training.checkpoint import read_history

    try:
        rows = read_history(folder)
    except OSError:
        return None
    figure = main_figure(dict.fromkeys(rows[0], 0.0)) if rows else None
    if figure is None:
        return None
    points = [_point(row, figure) for row in rows]
    curve = np.array([p for p in points if p is not None], float)
    return Earlier(folder, figure, curve) if len(curve) else None


def _point(row: Mapping[str, Any], figure: str) -> tuple[float, float] | None:
    try:
        return float(row["seconds"]), float(row[figure])
    except (KeyError, ValueError):
        return None
