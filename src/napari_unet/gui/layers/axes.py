"""Which axes an Image or Labels layer has; no Qt, no pixels read."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Any

from napari.layers import Image, Labels

from napari_unet.decoding.tiff import SUFFIXES
from napari_unet.files.readers import read_axes

# Our key in the metadata of layers; what stands there is a dict of JSON-able things.
KEY = "napari-unet-live"

# All orders of the axes that occur in microscopy, likeliest first, by their number.
ORDERS = {
    2: ("YX",),
    3: ("ZYX", "TYX", "CYX"),
    4: ("TZYX", "TCYX", "CZYX", "ZCYX", "CTYX", "ZTYX"),
    5: ("TCZYX", "TZCYX", "CTZYX", "CZTYX", "ZTCYX", "ZCTYX"),
}

NAMES = {
    **dict.fromkeys(("t", "time", "frame", "frames"), "T"),
    **dict.fromkeys(("c", "ch", "channel", "channels"), "C"),
    **dict.fromkeys(("z", "depth", "slice", "slices"), "Z"),
    "y": "Y",
    "x": "X",
}

# An axis of so many entries is likely to be channels; a longer one may be.
CHANNELS = range(2, 5)


def full(layer: Image | Labels) -> Any:
    """Return a layer's data at full resolution, as they are."""
    return layer.data[0] if layer.multiscale else layer.data


def shape_of(layer: Image | Labels) -> tuple[int, ...]:
    """Return the shape at full resolution, without the colours of an RGB image."""
    return tuple(int(n) for n in full(layer).shape[: layer.ndim])


def axes_of(layer: Image | Labels) -> str | None:
    """Return a letter of TCZYX for each axis but the colours of an RGB image.

    What :func:`set_axes` remembered comes first, then the layer's axis labels and
    units, then the file behind it. None: the user must be asked, or the layer has too
    few or too many axes.
    """
    remembered = _remembered(layer)
    if remembered in choices_of(layer):
        return remembered
    choices = open_choices(layer)
    return choices[0] if len(choices) == 1 else None


def choices_of(layer: Image | Labels) -> tuple[str, ...]:
    """Return all axes that a layer could have, likeliest first."""
    shape, told = shape_of(layer), _told(layer)
    orders = ORDERS.get(len(shape), ())
    if getattr(layer, "rgb", False):
        orders = tuple(order for order in orders if "C" not in order)
    spelled = "".join(told)
    if set(spelled) >= {"Y", "X"} and _permutes(spelled, orders):
        orders = (spelled, *orders)  # images in the order x, y, z exist

    def rank(order: str) -> tuple[bool, bool, bool]:
        likely = [n in CHANNELS for n in shape[:-2]]
        channel = order.find("C")
        odd = channel >= 0 and shape[channel] not in CHANNELS
        return not _agrees(order, told), odd, channel < 0 and any(likely)

    return tuple(dict.fromkeys(sorted(orders, key=rank)))


def open_choices(layer: Image | Labels) -> tuple[str, ...]:
    """Return the axes that labels and units of a layer leave open, likeliest first.

    Those that differ only in axes of length 1 are the same.
    """
    told, choices = _told(layer), choices_of(layer)
    fitting = [c for c in choices if _agrees(c, told)] or choices
    distinct: dict[str, str] = {}
    for choice in fitting:
        distinct.setdefault(long_axes(choice, shape_of(layer)), choice)
    return tuple(distinct.values())


def set_axes(layer: Image | Labels, axes: str) -> None:
    """Remember a layer's axes with the layer; a ValueError if it cannot have them."""
    choices = choices_of(layer)
    if axes not in choices:
        raise ValueError(
            f"{layer.name}: axes {axes!r} do not fit its shape {shape_of(layer)}; "
            f"choose one of {', '.join(choices) or 'none'}"
        )
    ours = layer.metadata.get(KEY, {})
    layer.metadata = {**layer.metadata, KEY: {**ours, "axes": axes}}


def long_axes(axes: str, shape: Sequence[int]) -> str:
    """Return the letters of the axes that are Y, X or longer than 1."""
    return "".join(a for a, n in zip(axes, shape, strict=True) if n > 1 or a in "YX")


def spatial(layer: Image | Labels, axes: str) -> str:
    """Return those of TZYX that are Y, X or longer than 1, in this order."""
    there = long_axes(axes, shape_of(layer))
    return "".join(a for a in "TZYX" if a in there)


def _remembered(layer: Image | Labels) -> str | None:
    ours = layer.metadata.get(KEY)
    axes = ours.get("axes") if isinstance(ours, dict) else None
    return axes if isinstance(axes, str) else None


def _told(layer: Image | Labels) -> tuple[str, ...]:
    """Return a letter for each axis of which label, unit or file tell, else ''."""
    letters = [NAMES.get(label.strip().lower(), "") for label in layer.axis_labels]
    for axis, unit in enumerate(layer.units):
        # A length says less: many layers have one unit for all axes, channels too.
        if not letters[axis] and unit.is_compatible_with("second"):
            letters[axis] = "T"
    said, _ = of_file(layer)
    free = (a if a not in letters else "" for a in said)
    return tuple(a or b for a, b in zip(letters, free, strict=True))


def of_file(layer: Image | Labels) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return letters and channel names from the header of the TIFF behind a layer.

    napari's own reader leaves them out. A letter for each axis, '' where the file says
    none; positions, which the docks do not know, are T: nothing is joined across them.
    """
    nothing = ("",) * layer.ndim
    path = str(layer.source.path or "")
    if not path.lower().endswith(SUFFIXES):
        return nothing, ()
    try:
        shape, axes, names = _header(path, os.stat(path).st_mtime_ns)
    except OSError:
        return nothing, ()
    if shape != tuple(full(layer).shape):
        return nothing, ()
    axes = axes.replace("P", " " if "T" in axes else "T")
    return tuple(letter.strip() for letter in axes[: layer.ndim]), names


@functools.lru_cache(maxsize=64)
def _header(path: str, _changed: int) -> tuple[tuple[int, ...], str, tuple[str, ...]]:
    return read_axes(path)


def _agrees(order: str, told: Sequence[str]) -> bool:
    return all(letter in ("", a) for a, letter in zip(order, told, strict=True))


def _permutes(axes: str, orders: Sequence[str]) -> bool:
    return any(sorted(axes) == sorted(order) for order in orders)
