"""Which of the images in one file are read: not thumbnails, labels and overviews."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

EXTRAS = re.compile(
    r"(?<![a-z])(thumb(nail)?s?|labels?|macro|overview|preview)(?![a-z])|^map$", re.I
)

# Smaller by more than this, in pixels, it is a thumbnail or a level of a pyramid.
SMALLEST = 1 / 3


class WrongSeries(ValueError):
    """A file has no image of the name or number that was asked for."""


@dataclass(frozen=True)
class Entry:
    """One image of a file, before it is read.

    shape : without the samples of a pixel.
    kind : images of one kind are alike in this.
    reduced : whether the file says that it shows another one, smaller.
    """

    name: str
    shape: tuple[int, ...]
    kind: object = None
    reduced: bool = False

    @property
    def size(self) -> float:
        """Number of pixels."""
        size = 1.0
        for n in self.shape:
            size *= n
        return size


def choose(entries: Sequence[Entry], wanted: str | None) -> tuple[list[int], str]:
    """Return which images are read, and a note on those that are left out.

    wanted : a number from 0, a name, or "all"; None: the largest one that is no
        thumbnail, label or overview of a slide, and those of its kind and size

    A WrongSeries if there is no such image.
    """
    every = list(range(len(entries)))
    if wanted is not None:
        return _named(entries, wanted), ""
    if len(entries) < 2:
        return every, ""
    images = [i for i in every if not _extra(entries[i])] or every
    largest = max(images, key=lambda i: (entries[i].size, -i))
    kind, size = entries[largest].kind, entries[largest].size
    chosen = [
        i
        for i in images
        if entries[i].kind == kind and entries[i].size >= SMALLEST * size
    ]
    left = [i for i in every if i not in chosen]
    if not left:
        return chosen, ""
    return chosen, (
        f"of {len(entries)} image series, {_listed(entries, chosen)} "
        f"{'was' if len(chosen) == 1 else 'were'} read, not {_listed(entries, left)}; "
        "--series says otherwise"
    )


def _extra(entry: Entry) -> bool:
    return entry.reduced or bool(EXTRAS.search(entry.name))


def _named(entries: Sequence[Entry], wanted: str) -> list[int]:
    names = [entry.name for entry in entries]
    if wanted.strip().lower() == "all":
        return list(range(len(entries)))
    alike = [i for i, name in enumerate(names) if name == wanted] or [
        i for i, name in enumerate(names) if name.casefold() == wanted.casefold()
    ]
    if len(alike) == 1:
        return alike
    if wanted.isdecimal() and int(wanted) < len(entries):
        return [int(wanted)]
    why = "several series are called so" if alike else "there is no such series"
    raise WrongSeries(
        f"--series {wanted}: {why}; choose all, or one of "
        f"{_listed(entries, range(len(entries)))}"
    )


def _listed(entries: Sequence[Entry], which: Sequence[int]) -> str:
    shown = [_described(i, entries[i]) for i in which[:6]]
    return ", ".join(shown) + (", ..." if len(which) > 6 else "")


def _described(number: int, entry: Entry) -> str:
    sizes = " x ".join(str(n) for n in entry.shape if n > 1)
    return f"{number} ({', '.join(filter(None, (entry.name, sizes)))})"
