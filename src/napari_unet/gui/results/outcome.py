"""What segmenting an image gave, as tables and text; no Qt, no layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.gui.results.images_table import ImageRow
from napari_unet.gui.wording import in_dock
from napari_unet.text import class_name, clock, counted

if TYPE_CHECKING:
    import pandas as pd

    from napari_unet.segmentation.result import Result


POWERS = {2: "²", 3: "³"}


@dataclass(frozen=True, eq=False)
class Present:
    """The objects that a labels layer holds now, after corrections.

    ids, pixels : (N,) arrays; the numbers, rising, and how many px each has
    frame : time points of numbers that no result knows
    """

    ids: np.ndarray
    pixels: np.ndarray
    frame: Mapping[int, int] = field(default_factory=dict)

    def same(self, other: Present) -> bool:
        """Return whether another has the same objects, as large."""
        pairs = (self.ids, other.ids), (self.pixels, other.pixels)
        return all(np.array_equal(a, b) for a, b in pairs)


@dataclass(frozen=True)
class Outcome:
    """The result of one image.

    about : what made it and what it says; JSON-able
    instances : whether it holds objects; else classes
    ndim : axes of an object: 2 where a stack was segmented plane by plane and its
        planes were not linked
    spacing : µm per pixel of the image, one number for each of ``[Z]YX``
    """

    result: Result
    about: dict[str, Any]
    instances: bool
    ndim: int
    spacing: tuple[float, ...] | None

    @property
    def estimated(self) -> float | None:
        """How wide the objects are in px, where that was estimated."""
        about = self.about
        if not about.get("objects") or about["options"]["object_size"]:
            return None
        size = about.get("object_size")
        return None if size is None else float(size)

    @property
    def unit(self) -> str:
        """What areas are told in: µm², µm³, px² or px³."""
        return f"{'px' if self.spacing is None else 'µm'}{POWERS[self.ndim]}"

    @property
    def area(self) -> np.ndarray:
        """Area of the objects in that unit."""
        return np.round(self.result.area * self._one, 6)

    @property
    def _one(self) -> float:
        """Area of a px in that unit."""
        return 1.0 if self.spacing is None else math.prod(self.spacing[-self.ndim :])

    @cached_property
    def pixels(self) -> np.ndarray:
        """How many px each object has in the labels: of whole ones, its area."""
        result = self.result
        if result.box is None:
            return result.area
        most = int(result.ids.max(initial=0))
        shown = np.asarray(result.labels[result.box]).ravel()
        counts: np.ndarray = np.bincount(shown, minlength=most + 1)[result.ids]
        return counts

    @property
    def names(self) -> dict[str, str]:
        """Names of the classes that have one, by their values."""
        return dict(self._model.get("class_names", {}))

    @property
    def colours(self) -> dict[int, str]:
        """Colours of the classes that have one."""
        colours = self._model.get("class_colours", {})
        return {int(value): colour for value, colour in colours.items()}

    @property
    def least(self) -> float:
        """The score that objects must have as training found."""
        return float(self._model.get("thresholds", {}).get("score", 0.0))

    @property
    def _model(self) -> dict[str, Any]:
        return dict(self.about.get("model", {}))

    def passing(self, score: float) -> np.ndarray:
        """Return which objects have at least this score; all classes do."""
        every: np.ndarray = self.result.score >= (score if self.instances else 0)
        return every

    def counted(self, present: Present) -> np.ndarray:
        """Return how many px each object has in a layer, after corrections."""
        counts = np.zeros(len(self.result.ids), np.int64)
        _, ours, theirs = np.intersect1d(
            self.result.ids, present.ids, return_indices=True
        )
        counts[ours] = present.pixels[theirs]
        return counts

    def features(
        self, score: float = 0.0, present: Present | None = None
    ) -> pd.DataFrame:
        """Return a row for each object of at least this score, or for each class.

        present : what a layer holds instead, after corrections
        """
        import pandas as pd  # a third of a second, which an opening dock has not

        if not self.instances:
            parts, names = self.about["classes"], self.names
            values = [int(c) for c in parts]
            columns = {"index": values, "class": values, "share": list(parts.values())}
            if names:
                columns["name"] = [names.get(c, "") for c in parts]
            return pd.DataFrame(columns)
        if present is not None:
            return pd.DataFrame(self._corrected(present))
        keep = self.passing(score)
        table = {
            "index": self.result.ids[keep],
            f"area ({self.unit})": self.area[keep],
            "score": np.round(self.result.score[keep], 4),
        }
        if "T" in self.about["axes"]:
            table["frame"] = self.result.frame[keep]
        return pd.DataFrame(table)

    def _corrected(self, present: Present) -> dict[str, np.ndarray]:
        """Return the columns of the objects in a layer; no score of new ones."""
        result = self.result
        _, ours, theirs = np.intersect1d(result.ids, present.ids, return_indices=True)
        area = np.round(present.pixels * self._one, 6)
        same = (self.counted(present) == self.pixels)[ours]
        area[theirs[same]] = self.area[ours[same]]
        score = np.full(len(present.ids), np.nan)
        score[theirs] = np.round(result.score[ours], 4)
        table = {"index": present.ids, f"area ({self.unit})": area, "score": score}
        if "T" in self.about["axes"]:
            frame = np.array([present.frame.get(int(i), 0) for i in present.ids], int)
            frame[theirs] = result.frame[ours]
            table["frame"] = frame
        return table

    def summary(self, score: float = 0.0, present: Present | None = None) -> str:
        """Return one line: how many objects or what of each class, and how long."""
        if "device" not in self.about:  # nobody knows how it was made
            return "   ".join(self._found(score, present))
        device = self.about["device"].partition(":")[0]
        where = {"cpu": "CPU", "cuda": "GPU"}.get(device, device.upper())
        parts = [
            *self._found(score, present),
            f"{clock(self.result.seconds)} on the {where}",
        ]
        if not self.result.complete:
            parts.insert(0, "stopped before the end:")
        return "   ".join(parts)

    def row(self, name: str, score: float) -> ImageRow:
        """Return what the image of this name gave, as one of several."""
        notes = in_dock(" ".join(self.result.notes))
        if not self.instances:
            (found,) = self._found(score, None)
            return ImageRow(name, note=" ".join([found, notes]).strip())
        area = self.area[self.passing(score)]
        median = float(np.median(area)) if len(area) else None
        return ImageRow(name, len(area), median, self.unit, notes)

    def _found(self, score: float, present: Present | None) -> list[str]:
        if not self.instances:
            shares, names = self.about["classes"].items(), self.names
            return [", ".join(f"{class_name(c, names)} {p:.1%}" for c, p in shares)]
        keep = self.passing(score)
        area, hidden = self.area[keep], int((~keep).sum())
        if present is not None:
            area = self._corrected(present)[f"area ({self.unit})"]
            hidden = int((~keep & ~np.isin(self.result.ids, present.ids)).sum())
        count, total = len(area), len(area) + hidden
        what = counted(total, "object")
        if count < total:
            what = f"{count:,} of {what} ({total - count:,} below the score)"
        if not count:
            return [what]
        return [
            what,
            f"median {_figure(float(np.median(area)))} {self.unit}",
        ]


def _figure(value: float) -> str:
    """Return a number with three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
