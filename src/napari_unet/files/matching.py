"""Which files of labels belong to which image files, by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_unet.files.names import (
    IMAGE_SUFFIX,
    LABEL_SUFFIX,
    Words,
    image_keys,
    is_labels,
    label_keys,
    names_objects,
    numbers,
    speaks_of_labels,
)
from napari_unet.files.readers import stem

# As nnU-Net names the channels of an image.
CHANNEL = re.compile(r"(.+)_(\d{4})$")


class Matcher:
    """Pairs image files with files of labels.

    pairs : the name, the files of the image (of several, each a channel), and the
        labels
    problems : what is not clear, a sentence each
    lonely : images without labels
    rest : labels without an image
    """

    def __init__(self, images: Sequence[Path], labels: Sequence[Path]) -> None:
        self.pairs: list[tuple[str, list[Path], Path]] = []
        self.problems: list[str] = []
        self._channels = _channels(images, labels)
        images = [f for f in images if f not in self._channels]
        found = _by_name(images, labels) or _by_object(images)
        found = found or _by_number(images, labels)
        self._take(images, found)
        used = {f for files in found.values() for f in files}
        self.lonely = [f for f in images if f not in found and f not in used]
        self.rest = [f for f in labels if f not in used]

    def _take(self, images: Sequence[Path], found: Mapping[Path, list[Path]]) -> None:
        used: dict[Path, Path] = {}
        more: dict[Path, list[Path]] = {}
        for file, first in self._channels.items():
            more.setdefault(first, []).append(file)
        for image in images:
            files = found.get(image, [])
            if len(files) > 1:
                self._unclear(image, files)
            elif files and files[0] in used:
                self._unclear(image, [files[0], used[files[0]]])
            elif files:
                name = stem(image)
                if _base(image) == stem(files[0]):
                    name = stem(files[0])
                self.pairs.append((name, [image, *more.get(image, [])], files[0]))
            used |= dict.fromkeys(files, image)

    def _unclear(self, image: Path, others: Sequence[Path]) -> None:
        names = " and ".join(str(f) for f in others)
        self.problems.append(
            f"{image}: its labels are not clear, there are {names}; keep one image and "
            "one file of labels"
        )


def labels_among(files: Sequence[Path]) -> list[Path]:
    """Return the files of a folder that are labels of others in it.

    By the end of their names, or by words anywhere in them: by what pairs more.
    """
    ending = [f for f in files if is_labels(stem(f))]
    speaking = [f for f in files if speaks_of_labels(stem(f))]
    if len(speaking) > len(ending) and _paired(files, speaking) > _paired(
        files, ending
    ):
        return speaking
    return ending


def _paired(files: Sequence[Path], labels: Sequence[Path]) -> int:
    """Return how many images would have labels."""
    images = without(files, labels)
    return len(_by_name(images, labels) or _by_number(images, labels))


def without(files: Sequence[Path], others: Sequence[Path]) -> list[Path]:
    """Return the files that are none of others, in their order."""
    known = set(others)
    return [f for f in files if f not in known]


def labels_beside(files: Sequence[Path]) -> list[Path]:
    """Return the files of a folder that are labels, where their image is there, too."""
    labels = labels_among(files)
    images = without(files, labels)
    found = _by_name(images, labels) or _by_object(images)
    found = found or _by_number(images, labels)
    return sorted({f for those in found.values() for f in those})


def _by_name(images: Sequence[Path], labels: Sequence[Path]) -> dict[Path, list[Path]]:
    """Return the labels of each image that has some.

    Labels go to the images with which they have most words in common, and images take
    the labels with which they have most.
    """
    by_key: dict[Words, list[Path]] = {}
    for image in images:
        for key in _keys_of_image(image):
            by_key.setdefault(key, []).append(image)
    offers: dict[Path, list[tuple[int, Path]]] = {}
    for file in labels:
        keys = label_keys(_name(file))
        known = [key for key in keys if key in by_key]
        if not known:
            continue
        best = max(known, key=len)
        owners = by_key[best]
        plain = [i for i in owners if _plain_keys(file) & _plain_image_keys(i)]
        for image in plain or owners:
            offers.setdefault(image, []).append((len(best), file))
    return {
        image: [f for n, f in found if n == max(found)[0]]
        for image, found in offers.items()
    }


def _by_object(images: Sequence[Path]) -> dict[Path, list[Path]]:
    """Return files with an image's name and a word for objects after it."""
    found: dict[Path, list[Path]] = {}
    names = {f: stem(f) for f in images}
    by_start = {name: f for f, name in names.items()}
    for file, name in names.items():
        starts = (m.start() for m in re.finditer(r"[\W_]", name))
        owners = (by_start.get(name[:end]) for end in starts)
        for image in owners:
            if image is not None and names_objects(name, stem(image)):
                found.setdefault(image, []).append(file)
    return found


def _by_number(
    images: Sequence[Path], labels: Sequence[Path]
) -> dict[Path, list[Path]]:
    """Pair files that differ in nothing but a number in their folder."""
    if not images or not labels or (len(images) == 1) != (len(labels) == 1):
        return {}  # of one image there may be a mask for each object
    here = numbers([stem(f) for f in images])
    there = numbers([_name(f) for f in labels])
    owners = dict(zip(there, labels, strict=False))
    return {
        image: [owners[n]]
        for image, n in zip(images, here, strict=False)
        if n in owners
    }


def _channels(images: Sequence[Path], labels: Sequence[Path]) -> dict[Path, Path]:
    """Return the further channels of images, each with the file of the first."""
    names = {_name(f) for f in labels}
    first = {
        _base(f): f
        for f in images
        if stem(f).endswith("_0000") and _base(f) in names and stem(f) not in names
    }
    return {f: first[_base(f)] for f in images if first.get(_base(f), f) != f}


def _base(image: Path) -> str:
    """Return an image's name without the number of its channel."""
    found = CHANNEL.match(stem(image))
    return found.group(1) if found else ""


def _name(labels: Path) -> str:
    return labels.name if labels.is_dir() else stem(labels)


def _keys_of_image(image: Path) -> set[Words]:
    keys = image_keys(stem(image))
    return keys | image_keys(_base(image)) if stem(image).endswith("_0000") else keys


def _plain_keys(labels: Path) -> set[str]:
    return {_name(labels), LABEL_SUFFIX.sub("", _name(labels))}


def _plain_image_keys(image: Path) -> set[str]:
    return {stem(image), IMAGE_SUFFIX.sub("", stem(image))}
