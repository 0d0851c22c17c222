"""How folders are laid out: which image file belongs to which labels."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from napari_unet.files.readers import SUFFIXES, stem

LABEL_FOLDERS = ("labels", "masks", "annotations", "gt", "ground_truth")
LABEL_SUFFIX = re.compile(r"(^|_)(labels?|cp_masks|masks?|seg)$", re.IGNORECASE)
IMAGE_SUFFIX = re.compile(r"(^|_)images?$", re.IGNORECASE)
INDEX = "index.csv"


@dataclass(frozen=True)
class Pair:
    """The files of one image.

    name : file name without suffixes, or the folder's in the Data Science Bowl layout
    labels : a label image, or a folder of masks, one per object
    row : what index.csv says about it; empty without one
    """

    name: str
    image: Path
    labels: Path
    row: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return one line that tells which files belong together."""
        return f"{self.image} + {self.labels}{os.sep if self.labels.is_dir() else ''}"


class Finder:
    """One search for pairs; state is what it says besides them.

    notes : what was skipped or assumed, a sentence each.
    problems : what must be put right, a sentence each.
    strays : names of files that are no images.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.problems: list[str] = []
        self.strays: list[str] = []

    def tree(self, root: Path) -> list[Pair]:
        """Return the pairs of a folder, or else those of the folders in it."""
        pairs = self.folder(root)
        if pairs or self.problems:
            return pairs
        nested = [(f.name, p) for f in _folders(root) for p in self.folder(f)]
        count = Counter(pair.name for _, pair in nested)
        return [
            replace(p, name=f"{folder}/{p.name}") if count[p.name] > 1 else p
            for folder, p in nested
        ]

    def file(self, path: Path) -> list[Pair]:
        """Return the pair of one image file; the files around it are not told of."""
        folder = path.parent
        pairs = self.folder(folder)
        if not pairs and folder.name.lower() == "images":
            pairs = self.folder(folder.parent)
        self.notes, self.strays = [], []
        self.problems = [p for p in self.problems if p.startswith(f"{path}:")]
        return [p for p in pairs if p.image == path]

    def folder(self, root: Path) -> list[Pair]:
        """Return the pairs of a folder in one of the three layouts."""
        folders = {f.name.lower(): f for f in _folders(root)}
        kinds = [folders[n] for n in LABEL_FOLDERS if n in folders]
        if "images" in folders and kinds:
            for other in kinds[1:]:
                self.notes.append(f"{kinds[0]} is used, {other} is not")
            images, labels = self._files(folders["images"]), self._files(kinds[0])
            if kinds[0].name.lower() == "masks" and _is_bowl(images, labels):
                return [Pair(root.name, images[0], kinds[0])]
            return self._match(images, labels)
        files = self._files(root)
        labels = [f for f in files if LABEL_SUFFIX.search(stem(f))]
        images = [f for f in files if not LABEL_SUFFIX.search(stem(f))]
        return self._match(images, labels)

    def _files(self, folder: Path) -> list[Path]:
        files, strays = image_files(folder)
        self.strays += [f.name for f in strays if f.name != INDEX]
        return files

    def _match(self, images: Sequence[Path], labels: Sequence[Path]) -> list[Pair]:
        """Pair files by name; what has no partner is noted where others have one."""
        by_key: dict[str, list[Path]] = {}
        for file in labels:
            for key in {stem(file), LABEL_SUFFIX.sub("", stem(file))}:
                by_key.setdefault(key, []).append(file)
        pairs: list[Pair] = []
        used: dict[Path, Path] = {}
        lonely = []
        for image in images:
            keys = (stem(image), IMAGE_SUFFIX.sub("", stem(image)))
            found = next((by_key[k] for k in keys if k in by_key), [])
            if not found:
                lonely.append(image.name)
            elif len(found) > 1:
                self._unclear(image, found)
            elif found[0] in used:
                self._unclear(image, [found[0], used[found[0]]])
            else:
                pairs.append(Pair(stem(image), image, found[0]))
            used |= dict.fromkeys(found, image)
        rest = [f.name for f in labels if f not in used]
        if pairs and lonely:
            self.notes.append(listing("images without labels were skipped", lonely))
        if pairs and rest:
            self.notes.append(listing("labels without an image were skipped", rest))
        return pairs

    def _unclear(self, image: Path, others: Sequence[Path]) -> None:
        names = " and ".join(str(f) for f in others)
        self.problems.append(
            f"{image}: its labels are not clear, there are {names}; keep one image and "
            "one file of labels"
        )


def image_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return a folder's image files and its other files, sorted by name."""
    images: list[Path] = []
    others: list[Path] = []
    for file in sorted(f for f in folder.iterdir() if f.is_file()):
        known = file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
        (images if known else others).append(file)
    return images, others


def listing(what: str, names: Sequence[str]) -> str:
    """Return `what` with the number of names and the first of them."""
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"{what} ({len(names)}): {shown}"


def _folders(root: Path) -> list[Path]:
    hidden = (".", "__")
    return sorted(
        f for f in root.iterdir() if f.is_dir() and not f.name.startswith(hidden)
    )


def _is_bowl(images: Sequence[Path], masks: Sequence[Path]) -> bool:
    """Whether these are one image and a mask for each of its objects."""
    if len(images) != 1 or not masks:
        return False
    names = {stem(m) for m in masks} | {LABEL_SUFFIX.sub("", stem(m)) for m in masks}
    return not names & {stem(images[0]), IMAGE_SUFFIX.sub("", stem(images[0]))}
