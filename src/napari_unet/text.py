"""Numbers and versions as text, the same in the docks and on the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _installed
from typing import Any

# Also halves of characters, which names of files may hold.
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]|\n(?!- )")
FIGURES = {
    "ap50": "AP50",
    "ap75": "AP75",
    "ap90": "AP90",
    "mean9": "mean9",
    "dice": "Dice",
    "iou": "IoU",
}


def version(package: str = "napari-unet-live") -> str:
    """Return the version of an installed package, or that it is not installed."""
    try:
        return _installed(package)
    except PackageNotFoundError:  # ours too, if run from a checkout on the path
        return "not installed"


def too_little_memory(error: BaseException) -> str:
    """Return what is told where memory ran out.

    Examples
    --------
    >>> too_little_memory(MemoryError("Unable to allocate 9 GiB"))
    'memory ran out (Unable to allocate 9 GiB); close other programs, or take less'
    """
    what = " ".join(str(error).split())[:200]
    why = f" ({what})" if what else ""
    return f"memory ran out{why}; close other programs, or take less"


def printable(text: str) -> str:
    r"""Return a sentence for a terminal, which its control characters cannot change.

    Several problems stay a line each.

    Examples
    --------
    >>> print(printable("a\tb: 2 problems\n- c\n- d\x1b[2J"))
    a\tb: 2 problems
    - c
    - d\x1b[2J
    """
    return CONTROL.sub(lambda match: repr(match[0])[1:-1], text)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "image"), counted(1204, "object")
    ('1 image', '1,204 objects')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def width(told: Mapping[str, Any]) -> str:
    """Return the size of objects where it was estimated; else nothing.

    Examples
    --------
    >>> options = {"object_size": None}
    >>> width({"objects": 9, "object_size": 43.21, "options": options})
    'about 43.2 px wide'
    """
    size = told.get("object_size")
    if not size or not told.get("objects") or told["options"]["object_size"]:
        return ""
    return f"about {size:.3g} px wide"


def sentence(reason: str) -> str:
    """Return a reason as a sentence of its own; nothing for no reason.

    Examples
    --------
    >>> sentence("open an image first"), sentence("choose one with folder...")
    ('Open an image first.', 'Choose one with folder...')
    """
    if not reason:
        return ""
    return reason[0].upper() + reason[1:] + "." * (not reason.endswith("."))


def class_name(value: int | str, names: Mapping[str, str]) -> str:
    """Return what a class is called: its value, and its name if it has one.

    Examples
    --------
    >>> class_name(2, {"2": "nucleus"}), class_name(3, {})
    ('nucleus (2)', 'class 3')
    """
    name = names.get(str(value))
    return f"{name} ({value})" if name else f"class {value}"


def clock(seconds: float, digits: int = 1) -> str:
    """Return a time as people write it; `digits` after the point below a minute.

    Examples
    --------
    >>> clock(3.21), clock(12.3, 0), clock(408), clock(7325)
    ('3.2 s', '12 s', '6:48', '2:02:05')
    """
    if round(seconds, digits) < 60:
        return f"{seconds:.{digits}f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def time_left(seconds: float | None) -> str:
    """Return a guess at the time left; nothing where there is none.

    Examples
    --------
    >>> time_left(12.3), time_left(192), time_left(None)
    ('12 s left', '3:12 left', '')
    """
    return "" if seconds is None else f"{clock(seconds, 0)} left"


def main_figure(metrics: Mapping[str, float]) -> str | None:
    """Return the name of the figure that tells most."""
    return next((name for name in ("ap50", "dice") if name in metrics), None)


def headline(metrics: Mapping[str, float], objects: int) -> str:
    """Return the figure that tells most, with the number of objects behind it.

    Examples
    --------
    >>> headline({"ap50": 0.8125, "dice": 0.9}, 112)
    'AP50 0.812 (112 objects)'
    """
    name = main_figure(metrics)
    return (
        f"{FIGURES[name]} {metrics[name]:.3f} ({counted(objects, 'object')})"
        if name
        else ""
    )


def all_figures(metrics: Mapping[str, float]) -> str:
    """Return all figures in one line."""
    return ", ".join(
        f"{FIGURES.get(name, name)} {value:.3f}" for name, value in metrics.items()
    )
