"""Which channels of an image are wanted: by name whatever its case, or by number."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

COLOURS = ("red", "green", "blue")
_AUTOMATIC = re.compile(r"channel \d+")

# How names are compared, first what is most alike. Layers of one image are called
# "image: channel".
_KEYS: tuple[Callable[[str], str], ...] = (
    str,
    lambda name: name.strip().casefold(),
    lambda name: name.rpartition(": ")[2].strip().casefold(),
)


def find(name: str, names: Sequence[str]) -> int | None:
    """Return where a name is among others; None: nowhere, or at several places.

    Examples
    --------
    >>> find("GFP", ["dapi", "gfp"]), find("GFP", ["DAPI"])
    (1, None)
    """
    for key in _KEYS:
        found = [i for i, other in enumerate(names) if key(other) == key(name)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def numbers_of(
    channel: str | int, names: Sequence[str], count: int
) -> tuple[list[int], bool]:
    """Return the numbers of the channels that somebody chose, and whether by number.

    channel : a number from 0, a name, or several with commas between them

    A ValueError if there is no such channel, or one is chosen twice; it lists those
    there are.
    """
    text = str(channel)
    whole = find(text, names)
    parts = [text] if whole is not None else [p.strip() for p in text.split(",")]
    found: list[int] = []
    numbered = True
    for part in parts:
        index = find(part, names)
        numbered = numbered and index is None
        if index is None and part.isdecimal() and int(part) < count:
            index = int(part)
        if index is None:
            shown = channel if len(parts) == 1 else part
            raise ValueError(
                f"has no channel {shown!r}; choose one of {listed(names, count)}"
            )
        if index in found:
            raise ValueError(f"channel {part!r} is chosen twice; choose it once")
        found.append(index)
    return found, numbered


def listed(names: Sequence[str], count: int) -> str:
    """Return the channels that there are.

    Examples
    --------
    >>> listed(["DAPI", "GFP"], 2), listed([], 2)
    ('0 (DAPI), 1 (GFP)', '0, 1')
    """
    known = [f"{i} ({names[i]})" if i < len(names) else str(i) for i in range(count)]
    return ", ".join(known)


def in_order(
    wanted: Sequence[str], names: Sequence[str], count: int, picked: bool
) -> list[int] | None:
    """Return which channels are those that a model wants; None: names do not match.

    names : of the image's channels, empty where not known: then their order counts
    picked : whether somebody picked them one by one, so that their order counts where
        their names differ
    """
    found = [find(name, names) for name in wanted]
    if None not in found and len(set(found)) == len(found):
        return [i for i in found if i is not None]
    by_order = not names or picked or are_numbered(wanted)
    return list(range(count)) if by_order and count == len(wanted) else None


def are_numbered(names: Sequence[str]) -> bool:
    """Return whether names say nothing, as of a model of channels without names."""
    return all(map(_AUTOMATIC.fullmatch, names))


def take(array: Any, numbers: Sequence[int], axis: int) -> Any:
    """Return these channels; a view where they follow each other."""
    first, last = numbers[0], numbers[-1] + 1
    before = (slice(None),) * axis
    if list(numbers) == list(range(first, last)):
        return array[(*before, slice(first, last))]
    if isinstance(array, np.ndarray):
        return array.take(list(numbers), axis=axis)
    return array[(*before, list(numbers))]
