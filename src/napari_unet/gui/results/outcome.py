"""What segmenting an image gave, as tables and text; no Qt, no layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.text import class_name, clock, counted, width

if TYPE_CHECKING:
    import pandas as pd

    from napari_unet.segmentation.segment import Result


POWERS = {2: "²", 3: "³"}


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
    def unit(self) -> str:
        """What areas are told in: µm², µm³, px² or px³."""
        return f"{'px' if self.spacing is None else 'µm'}{POWERS[self.ndim]}"

    @property
    def area(self) -> np.ndarray:
        """Area of the objects in that unit."""
        one = 1.0 if self.spacing is None else math.prod(self.spacing[-self.ndim :])
        return np.round(self.result.area * one, 6)

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

    def features(self, score: float = 0.0) -> pd.DataFrame:
        """Return a row for each object of at least this score, or for each class."""
        import pandas as pd  # a third of a second, which an opening dock has not

        if not self.instances:
            parts, names = self.about["classes"], self.names
            values = [int(c) for c in parts]
            columns = {"index": values, "class": values, "share": list(parts.values())}
            if names:
                columns["name"] = [names.get(c, "") for c in parts]
            return pd.DataFrame(columns)
        keep = self.passing(score)
        table = {
            "index": self.result.ids[keep],
            f"area ({self.unit})": self.area[keep],
            "score": np.round(self.result.score[keep], 4),
        }
        if "T" in self.about["axes"]:
            table["frame"] = self.result.frame[keep]
        return pd.DataFrame(table)

    def summary(self, score: float = 0.0) -> str:
        """Return one line: how many objects or what of each class, and how long."""
        device = self.about["device"].partition(":")[0]
        where = {"cpu": "CPU", "cuda": "GPU"}.get(device, device.upper())
        parts = [*self._found(score), f"{clock(self.result.seconds)} on the {where}"]
        if not self.result.complete:
            parts.insert(0, "stopped before the end:")
        return "   ".join(parts)

    def _found(self, score: float) -> list[str]:
        if not self.instances:
            shares, names = self.about["classes"].items(), self.names
            return [", ".join(f"{class_name(c, names)} {p:.1%}" for c, p in shares)]
        keep = self.passing(score)
        count, total = int(keep.sum()), len(keep)
        what = counted(total, "object")
        if count < total:
            what = f"{count:,} of {what} ({total - count:,} below the score)"
        if not count:
            return [what]
        return [
            what,
            *filter(None, [width(self.about)]),
            f"median {_figure(float(np.median(self.area[keep])))} {self.unit}",
        ]


def _figure(value: float) -> str:
    """Return a number with three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
