"""What names say: which file or folder is an image, which its labels, and of what."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

Words = tuple[str, ...]
"""The words of a name in lower case: of "T001_imgTr" t, 001, img, tr."""

LABEL_SUFFIX = re.compile(r"(^|_)(labels?|cp_masks|masks?|seg)$", re.IGNORECASE)
IMAGE_SUFFIX = re.compile(r"(^|_)images?$", re.IGNORECASE)

# As napari tells layers of one name apart.
COPY = re.compile(r"\s*[\[(]\d+[\])]$")
# Folders of labels are taken in this order.
FIRST = "labels label masks mask annotations annotation gt truth groundtruth".split()
LABELS = frozenset(
    [
        *FIRST,
        *"labelled labeled labelmap labelmaps lbl lbls msk msks seg segs segm".split(),
        *"segmentation segmentations segmented annot annots anno gts".split(),
        *"target targets identities instances".split(),
    ]
)
IMAGES = frozenset(
    "image images img imgs im ims raw source sources input inputs original originals "
    "picture pictures photo photos frame frames".split()
)
# What objects are called: labels only where the name goes on after that of an image.
OBJECTS = frozenset("object objects nucleus nuclei cell cells cyto cytoplasm".split())
# They stand beside a word for labels, and say which.
BESIDE = frozenset(
    "cp cellpose stardist ground simple semantic binary instance manual man hand "
    "final corrected of image images img".split()
)
# Of a data set, in names of folders with x and y.
PARTS = frozenset("train training tr test testing ts val valid validation".split())
# Labels of classes, or of a part of each object.
LESS = frozenset("binary semantic outline outlines overlay simple tra".split())

_WORD = re.compile(r"\d+|[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|[A-Z]+")


def words(name: str) -> Words:
    """Return the words of a name.

    Examples
    --------
    >>> words("man_seg000"), words("imagesTr"), words("cells 1 labels")
    (('man', 'seg', '000'), ('images', 'tr'), ('cells', '1', 'labels'))
    """
    return tuple(word.casefold() for word in _WORD.findall(name))


def is_labels(name: str) -> bool:
    """Return whether a file's name ends as that of labels."""
    name = COPY.sub("", name)
    return bool(LABEL_SUFFIX.search(name)) or any(True for _ in _ends(words(name)))


def speaks_of_labels(name: str) -> bool:
    """Return whether a word for labels is anywhere in a name."""
    return not LABELS.isdisjoint(words(name))


def label_keys(name: str) -> set[Words]:
    """Return what the image of a label file may be called.

    Examples
    --------
    >>> sorted(label_keys("a1_cp_masks"))
    [('a', '1'), ('a', '1', 'cp'), ('a', '1', 'cp', 'masks')]
    """
    original = COPY.sub("", name)
    if original != name:
        return label_keys(original) | {words(name), _without(words(name), LABELS)}
    found = words(name)
    backwards = (key[::-1] for key in _ends(found[::-1]))
    keys = {found, *_ends(found), *backwards, _without(found, LABELS)}
    if speaks_of_labels(name):
        keys.add(_without(found, LABELS | OBJECTS | BESIDE))
    return keys


def image_keys(name: str) -> set[Words]:
    """Return what the labels of an image file may be called after."""
    found = words(name)
    return {found, _without(found, IMAGES)}


def names_objects(name: str, image: str) -> bool:
    """Return whether a name is an image's and then a word for objects.

    Examples
    --------
    >>> names_objects("A01_w1_Nuclei", "A01_w1"), names_objects("A01_w1", "A01")
    (True, False)
    """
    first, all_ = words(image), words(name)
    rest = all_[len(first) :]
    return all_[: len(first)] == first and bool(rest) and set(rest) <= OBJECTS


def numbers(names: Sequence[str]) -> list[tuple[int, ...]]:
    """Return the numbers by which names differ; none where they differ in more.

    Examples
    --------
    >>> numbers(["t2_000", "t2_001"]), numbers(["a1", "b2"]), numbers(["seg7"])
    ([(0,), (1,)], [], [(7,)])
    """
    each = [words(name) for name in names]
    rows = [[int(w) for w in ws if w.isdecimal()] for ws in each]
    rests = {_text(ws) for ws in each}
    if len(rests) != 1 or len({len(row) for row in rows}) != 1 or not rows[0]:
        return []
    columns = [i for i in range(len(rows[0])) if len({row[i] for row in rows}) > 1]
    found = [tuple(row[i] for i in columns or range(len(row))) for row in rows]
    return found if len(set(found)) == len(found) else []


def folder_kind(name: str) -> tuple[str, Words]:
    """Return what is in a folder, and the words of its name that do not say that.

    Examples
    --------
    >>> folder_kind("imagesTr"), folder_kind("Training_target"), folder_kind("01")
    (('images', ('tr',)), ('labels', ('training',)), ('', ('01',)))
    """
    found = words(name)
    rest = _without(found, LABELS | IMAGES | BESIDE)
    letters = _without(rest, PARTS)
    if not LABELS.isdisjoint(found):
        return "labels", rest
    if not IMAGES.isdisjoint(found):
        return "images", rest
    if letters in (("x",), ("y",)):
        kind = "images" if letters == ("x",) else "labels"
        return kind, _without(rest, letters)
    return "", rest


def rank(name: str) -> tuple[bool, int, str]:
    """Return what sorts folders of labels: the one to be taken first."""
    found = words(name)
    places = [FIRST.index(w) for w in found if w in FIRST]
    return not LESS.isdisjoint(found), min(places, default=len(FIRST)), name.casefold()


def _ends(found: Words) -> Iterator[Words]:
    """Yield words without those for labels at the end, as far as any is one."""
    known = False
    for end in range(len(found), 0, -1):
        word = found[end - 1]
        if word not in LABELS | OBJECTS | BESIDE:
            return
        known = known or word in LABELS
        if known:
            yield found[: end - 1]


def _without(found: Words, others: Collection[str]) -> Words:
    return tuple(word for word in found if word not in others)


def _text(found: Words) -> Words:
    return tuple(word for word in found if not word.isdecimal())
