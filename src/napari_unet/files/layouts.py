"""How folders are laid out: which image file belongs to which labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from napari_unet.files import foreign
from napari_unet.files.matching import Matcher, labels_among, without
from napari_unet.files.names import Words, folder_kind, rank, words
from napari_unet.files.readers import SUFFIXES, stem

INDEX = "index.csv"
# Folders are looked into so deep.
DEPTH = 3
# Of the Cell Tracking Challenge: whole objects, and markers for tracking.
SEG, TRA = "seg", "tra"

Place = tuple[Path, list[Path]]
"""A folder of images, and its folders of labels, the best first."""


@dataclass(frozen=True)
class Pair:
    """The files of one image.

    name : file name without suffixes, or the folder's in the Data Science Bowl layout
    labels : a label image, or a folder of masks, one per object
    row : what index.csv says about it; empty without one
    channels : further files, each a channel of the image
    """

    name: str
    image: Path
    labels: Path
    row: Mapping[str, str] = field(default_factory=dict)
    channels: tuple[Path, ...] = ()

    def __str__(self) -> str:
        """Return one line that tells which files belong together."""
        files = " + ".join(map(str, (self.image, *self.channels, self.labels)))
        return f"{files}{os.sep if self.labels.is_dir() else ''}"


class Finder:
    """One search for pairs; state is what it says besides them.

    notes : what was skipped or assumed, a sentence each.
    problems : what must be put right, a sentence each.
    strays : files that are no images.
    foreign : files of labels of other programs, which are not read.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.problems: list[str] = []
        self.strays: list[Path] = []
        self.foreign: list[Path] = []

    def tree(self, root: Path) -> list[Pair]:
        """Return the pairs of a folder, or else those of the folders in it."""
        level = {"": root}
        for _ in range(DEPTH):
            nested = [(name, p) for name, f in level.items() for p in self.folder(f)]
            if nested or self.problems:
                count = Counter(pair.name for _, pair in nested)
                return [
                    replace(p, name=f"{name}/{p.name}")
                    if name and count[p.name] > 1
                    else p
                    for name, p in nested
                ]
            level = {
                f"{name}/{f.name}".lstrip("/"): f
                for name, folder in level.items()
                for f in folders(folder)
            }
        return []

    def file(self, path: Path) -> list[Pair]:
        """Return the pair of one image file; the files around it are not told of."""
        found: list[Pair] = []
        above = path.parent.parent
        if path.parent.name in ("", ".."):
            above = path.absolute().parent.parent
        for folder in (path.parent, above):
            pairs = self.folder(folder)
            found = [p for p in pairs if p.image.absolute() == path.absolute()]
            if found:
                break
        self.notes, self.strays = [], []
        self.problems = [p for p in self.problems if p.startswith(f"{path}:")]
        self.foreign = [f for f in self.foreign if foreign.image_of(f) == stem(path)]
        return found

    def folder(self, root: Path) -> list[Pair]:
        """Return the pairs of a folder: of folders in it, or of files side by side."""
        places = Places(root)
        found = self._in_places(root, places.named())
        if found or self.problems:
            return found
        files = self._files(root)
        labels = labels_among(files)
        found = self._match(without(files, labels), labels)
        if found or self.problems:
            return found
        return self._in_places(root, places.others(bool(files)))

    def _in_places(self, root: Path, places: Iterable[Place]) -> list[Pair]:
        found = [
            (images.name, pair)
            for images, choices in places
            for pair in self._pair_folders(root, images, choices)
        ]
        count = Counter(pair.name for _, pair in found)
        return [
            replace(p, name=f"{n}/{p.name}") if count[p.name] > 1 else p
            for n, p in found
        ]

    def _pair_folders(
        self, root: Path, images: Path, choices: Sequence[Path]
    ) -> list[Pair]:
        """Pair a folder of images with the first of folders of labels that fits."""
        files = self._files(images)
        for folder in choices:
            labels = self._files(folder) or [f for f in folders(folder) if _holds(f)]
            pairs = self._match(files, labels)
            if not pairs and not self.problems and _is_bowl(folder, files, labels):
                pairs = [Pair(root.name, files[0], folder)]
            if pairs or self.problems:
                rest = [f for f in choices if f != folder]
                self.notes += [f"{folder} is used, {other} is not" for other in rest]
                if words(folder.name)[-1:] == (TRA,):
                    self.notes.append(
                        f"{folder} holds markers for tracking, which may be smaller "
                        "than the objects"
                    )
                return pairs
        return []

    def _files(self, folder: Path) -> list[Path]:
        files, strays = image_files(folder)
        ours = [f for f in strays if foreign.how_to_convert(f)]
        rest = [f for f in strays if f.name != INDEX and f not in ours]
        self.foreign += [f for f in ours if f not in self.foreign]
        self.strays += [f for f in rest if f not in self.strays]
        return files

    def _match(self, images: Sequence[Path], labels: Sequence[Path]) -> list[Pair]:
        """Pair files by name; what has no partner is noted where others have one."""
        found = Matcher(images, labels)
        self.problems += found.problems
        pairs = [
            Pair(name, image[0], labels, channels=tuple(image[1:]))
            for name, image, labels in found.pairs
        ]
        if pairs and found.lonely:
            text = "images without labels were skipped"
            self.notes.append(listing(text, [f.name for f in found.lonely]))
        if pairs and found.rest:
            text = "labels without an image were skipped"
            self.notes.append(listing(text, [f.name for f in found.rest]))
        return pairs


class Places:
    """Which folders in a folder hold images, and which labels."""

    def __init__(self, root: Path) -> None:
        self.images: list[tuple[Words, Path]] = []
        self.labels: list[tuple[Words, Path]] = []
        self.rest: list[tuple[Words, Path]] = []
        self._root = root
        for folder in folders(root):
            kind, key = folder_kind(folder.name)
            parts = _tracking(folder)
            if kind == "labels" and not parts:
                self.labels.append((key, folder))
            elif kind == "images":
                self.images.append((key, folder))
            elif not parts:
                self.rest.append((key, folder))
            # A folder like 01_ST is known by what is in it.
            self.labels += [(words(folder.name)[:-1], part) for part in parts]

    def named(self) -> Iterator[Place]:
        """Yield folders of images with those of labels, where both are named so."""
        for key, folder in self.images:
            if labels := self._labels_of(key):
                yield folder, labels

    def others(self, files: bool) -> Iterator[Place]:
        """Yield them where the folder of images has another name.

        files : whether there are image files beside these folders
        """
        named = {key for key, _ in self.labels if key}
        found = [(f, self._labels_of(k)) for k, f in self.rest if k in named]
        if not found and self.labels:
            only = [f for _, f in self.images or self.rest if _holds(f)]
            if files and not self.images:
                found = [(self._root, self._labels_of(()))]
            elif len(only) == 1:
                found = [(only[0], self._sorted([f for _, f in self.labels]))]
        yield from ((images, labels) for images, labels in found if labels)

    def _labels_of(self, key: Words) -> list[Path]:
        return self._sorted([f for k, f in self.labels if k == key])

    def _sorted(self, found: Sequence[Path]) -> list[Path]:
        def place(folder: Path) -> tuple[object, ...]:
            first = folder.relative_to(self._root).parts[0]
            return rank(folder.name), rank(first)

        return sorted(found, key=place)


def image_folders(root: Path) -> list[Path]:
    """Return the folders in a folder that are named as one of images is."""
    return [f for f in folders(root) if folder_kind(f.name)[0] == "images"]


def image_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return a folder's image files and its other files, sorted by name.

    Links to files that are not there are among the others; see :func:`is_lost`.
    """
    images: list[Path] = []
    others: list[Path] = []
    for file in sorted(f for f in folder.iterdir() if f.is_file() or is_lost(f)):
        known = file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
        known = known and not is_lost(file)
        (images if known else others).append(file)
    return images, others


def is_lost(file: Path) -> bool:
    """Return whether a file is a link to nothing."""
    return file.is_symlink() and not file.exists()


def folders(root: Path) -> list[Path]:
    """Return the folders in a folder, sorted; hidden ones are left out."""
    hidden = (".", "__")
    return sorted(
        f for f in root.iterdir() if f.is_dir() and not f.name.startswith(hidden)
    )


def listing(what: str, names: Sequence[str]) -> str:
    """Return `what` with the number of names and the first of them."""
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"{what} ({len(names)}): {shown}"


def _holds(folder: Path) -> bool:
    """Return whether a folder holds image files."""
    return bool(image_files(folder)[0])


def _tracking(folder: Path) -> list[Path]:
    """Return the folders SEG and TRA in one of the Cell Tracking Challenge's."""
    if len(words(folder.name)) < 2 or _holds(folder):
        return []
    return [f for f in folders(folder) if words(f.name) in ((SEG,), (TRA,))]


def _is_bowl(folder: Path, images: Sequence[Path], masks: Sequence[Path]) -> bool:
    """Whether these are one image and a mask for each of its objects."""
    named = {"mask", "masks"} & set(words(folder.name))
    return len(images) == 1 and bool(masks and named)
