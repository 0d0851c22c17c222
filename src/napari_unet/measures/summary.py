"""What a table of measurements says of a whole image: how many, dense and large."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_unet.measures.measure import Table
from napari_unet.text import counted

SIZES = ("area", "volume")


@dataclass(frozen=True)
class Summary:
    """The objects of an image, or of one time point of it.

    frame : None where there is no time
    field : what the image shows, in mm² (mm³ of bodies); None: its spacing is not known
    covered : the part of it that objects cover
    size : the median size of the objects, in `unit`
    means : the mean over objects of each column `intensity_mean`
    """

    image: str
    frame: int | None
    objects: int
    field: float | None
    covered: float
    size: float
    unit: str
    border: int
    means: dict[str, float]

    @property
    def density(self) -> float | None:
        """Objects in a mm² (mm³ of bodies)."""
        return None if self.field is None else self.objects / self.field

    def row(self) -> dict[str, Any]:
        """Return it as a row of a table."""
        power = self.unit[-1]
        row: dict[str, Any] = {"image": self.image}
        row |= {} if self.frame is None else {"frame": self.frame}
        row["objects"] = self.objects
        if self.field is not None:
            row[f"field_mm{power}"] = self.field
            row[f"density_per_mm{power}"] = self.density
        size = "area" if power == "2" else "volume"
        row |= {"covered": self.covered, f"{size}_{self.unit}-median": self.size}
        return row | {"touch_border": self.border, **self.means}

    def __str__(self) -> str:
        """Return it as people read it."""
        power = "²³"[int(self.unit[-1]) - 2]
        where = self.image if self.frame is None else f"{self.image}, t {self.frame}"
        parts = [counted(self.objects, "object")]
        if self.density is not None:
            parts.append(f"{_figure(self.density)} per mm{power}")
        if self.objects:
            unit = self.unit[:-1].replace("um", "µm")
            parts.append(f"median {_figure(self.size)} {unit}{power}")
            parts.append(f"{self.border:,} at the border")
        return f"{where}: {', '.join(parts)}"


def summaries(
    name: str,
    table: Table,
    shape: tuple[int, ...],
    spacing: tuple[float, ...] | None,
    frames: int | None = None,
) -> list[Summary]:
    """Return a summary of each time point, or of an image without time.

    Parameters
    ----------
    name : str
        Of the image.
    table : dict of arrays
        What was measured.
    shape : tuple of int
        ([Z,] Y, X), of one time point.
    spacing : tuple of float or None
        µm per pixel along each of these axes.
    frames : int, optional
        How many time points there are; None: no time axis.

    Returns
    -------
    list of Summary
    """
    if frames is None:
        return [_summary(name, None, table, shape, spacing)]
    found = []
    for frame in range(frames):
        rows = table["frame"] == frame
        part = {column: values[rows] for column, values in table.items()}
        found.append(_summary(name, frame, part, shape, spacing))
    return found


def size_column(table: Table) -> str:
    """Return the name of the column of areas or volumes."""
    return next(n for n in table if n.partition("_")[0] in SIZES and n.count("_") == 1)


def _summary(
    name: str,
    frame: int | None,
    table: Table,
    shape: tuple[int, ...],
    spacing: tuple[float, ...] | None,
) -> Summary:
    column = size_column(table)
    unit = column.partition("_")[2]
    sizes = table[column]
    power = int(unit[-1])
    # Where objects are those of the planes of a stack, all planes are the field.
    whole = math.prod(shape) * math.prod((spacing or (1.0,) * power)[-power:])
    field = None if spacing is None else whole / 1000**power
    covered = float(sizes.sum()) / whole
    count = len(sizes)
    means = {
        column: float(values.mean()) if count else math.nan
        for column, values in table.items()
        if column.startswith("intensity_mean")
    }
    median = float(np.median(sizes)) if count else math.nan
    border = int(table["touches_border"].sum())
    return Summary(name, frame, count, field, covered, median, unit, border, means)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
