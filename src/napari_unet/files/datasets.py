"""Data sets from files: pairs of an image and its labels, read into samples."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from napari_unet.atomic import reason
from napari_unet.data.meaning import PLAIN, Meaning
from napari_unet.data.samples import Sample
from napari_unet.events import Event, Note, Progress
from napari_unet.files.foreign import how_to_convert, image_of
from napari_unet.files.layouts import INDEX, Finder, Pair, is_lost, listing
from napari_unet.files.pairs import load_pair
from napari_unet.files.readers import SUFFIXES, stem

# What the column split of an index.csv may say.
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Dataset:
    """The pairs found under one path.

    Parameters
    ----------
    path : Path
    pairs : tuple of Pair
        Sorted by name.
    notes : tuple of str
        What was skipped or assumed, a sentence each.
    problems : tuple of str
        What must be put right; :func:`load_samples` raises them with its own.
    columns : tuple of str
        The columns of index.csv; empty without one.
    """

    path: Path
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def has_split(self) -> bool:
        """Whether an index.csv says which images are for training."""
        return "split" in self.columns

    def for_training(self) -> Dataset:
        """Return what index.csv marks as train, or all where it marks nothing."""
        return self.only(split="train") if self.has_split else self

    def only(
        self, *, split: str | None = None, where: Mapping[str, str] | None = None
    ) -> Dataset:
        """Return the data set with the pairs that index.csv describes like this.

        Parameters
        ----------
        split : str, optional
            Wanted value of the column `split`.
        where : mapping of str to str, optional
            Wanted value of other columns.

        Raises
        ------
        ValueError
            If there is no index.csv, no such column or value, or no such image.
        """
        wanted = dict(where or {}) | ({} if split is None else {"split": split})
        pairs = self.pairs
        for column, value in wanted.items():
            self._check_known(column, value)
            pairs = tuple(p for p in pairs if p.row.get(column) == value)
        if not pairs:
            text = " and ".join(f"{c} {v!r}" for c, v in wanted.items())
            raise ValueError(f"{self.path}: no image has {text}; ask for less at once")
        return replace(self, pairs=pairs)

    def _check_known(self, column: str, value: str) -> None:
        if not self.columns:
            raise ValueError(
                f"{self.path}: has no {INDEX}, so {column} {value!r} cannot be chosen; "
                f"leave it out, or write {INDEX} with the columns id and {column}"
            )
        if column not in self.columns:
            raise ValueError(
                f"{self.path}: {INDEX} has no column {column!r}; choose one of "
                f"{', '.join(self.columns)}"
            )
        known = sorted({p.row[column] for p in self.pairs if p.row})
        if value not in known:
            raise ValueError(
                f"{self.path}: no image has {column} {value!r}; choose one of "
                f"{', '.join(known)}"
            )

    def group(self, sample: Sample, column: str = "modality") -> str:
        """Return what index.csv says in `column` about a sample, or ``""``."""
        rows = {p.name: p.row for p in self.pairs}
        row: Mapping[str, str] = rows.get(sample.name) or rows.get(sample.series) or {}
        return row.get(column, "")


def find_pairs(
    path: str | os.PathLike[str],
    *,
    split: str | None = None,
    where: Mapping[str, str] | None = None,
) -> Dataset:
    """Find the images with labels in a folder, or the labels of one image.

    The folder is laid out in one of these ways, or holds folders that are:
    ``ID/images/*`` with ``ID/masks/*``, one mask per object (Data Science Bowl 2018);
    a folder of images and one of labels, of any usual names (``images/`` and
    ``labels/``, ``imagesTr/`` and ``labelsTr/``, ``x/`` and ``y/``, ``01/`` and
    ``01_GT/SEG/`` ...); or images and labels side by side, where a word such as labels,
    masks or seg tells which is which (``a.tif`` and ``a_labels.tif``, ``img_1.tif`` and
    ``mask_1.tif`` ...). Files are paired by the other words of their names.
    An ``index.csv`` with the column `id` tells more about each image.

    Parameters
    ----------
    path : path-like
        A folder, or one image file with its labels beside it.
    split, where
        See :meth:`Dataset.only`.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        If nothing is found, or nothing of it is wanted.
    """
    path, finder = Path(path), Finder()
    try:
        if not path.exists():
            raise ValueError(f"{path}: does not exist; give a folder or an image file")
        pairs = finder.file(path) if path.is_file() else finder.tree(path)
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read ({reason(error)}); check its permissions"
        ) from error
    if not pairs:
        unread = [f"{f}: is {how_to_convert(f)}" for f in finder.foreign[:1]]
        raise ValueError(_joined(path, finder.problems or unread) or _nothing(path))
    root = path.parent if path.is_file() else path
    columns, rows = _index(root / INDEX)
    notes = list(finder.notes)
    for what, lost in (
        ("files that are no images were skipped", False),
        ("links to files that are not there were skipped", True),
    ):
        if strays := [f.name for f in finder.strays if is_lost(f) == lost]:
            notes.append(listing(what, strays))
    paired = {p.name for p in pairs} | {stem(p.labels) for p in pairs}
    skipped = [f for f in finder.foreign if image_of(f) not in paired]
    if skipped:
        notes.append(
            f"{listing('labels were skipped', [f.name for f in skipped])}; "
            f"{skipped[0].name} is {how_to_convert(skipped[0])}"
        )
    if columns:
        names = {p.name for p in pairs}
        for what, missing in (
            (f"rows of {INDEX} have no image with labels", rows.keys() - names),
            (f"images are not listed in {INDEX}", names - rows.keys()),
        ):
            if missing and root == path:
                notes.append(listing(what, sorted(missing)))
        if "split" in columns:
            known = {name: row for name, row in rows.items() if name in names}
            notes += _other_splits(known)
    pairs = [replace(p, row=rows.get(p.name, {})) for p in pairs]
    pairs.sort(key=lambda p: p.name)
    found = Dataset(path, tuple(pairs), tuple(notes), tuple(finder.problems), columns)
    return found.only(split=split, where=where)


def _nothing(path: Path) -> str:
    if path.is_file():
        return (
            f"{path}: has no labels; looked beside it for {path.stem}_labels and the "
            "like, and for a folder labels/ beside a folder images/"
        )
    inside = chain.from_iterable(path.glob(p) for p in ("*", "*/*", "*/*/*"))
    if not any(file.suffix.lower() in SUFFIXES for file in inside):
        return f"{path}: holds no images; give a folder with {' '.join(SUFFIXES)} files"
    return (
        f"{path}: holds no image with labels; looked for images/ with labels/ (or "
        "masks/, gt/ ...), for ID/images/ with ID/masks/, and for NAME.tif with "
        "NAME_labels.tif (or NAME_masks.tif ...); rename files or folders so"
    )


def _index(path: Path) -> tuple[tuple[str, ...], dict[str, dict[str, str]]]:
    """Return the columns of an index.csv and its rows by id; empty without one."""
    if not path.is_file():
        return (), {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first, *rest = list(csv.reader(file)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"{path}: cannot be read ({reason(error)}); save it as a CSV file in UTF-8"
        ) from error
    columns = tuple(name.strip() for name in first)
    listed = [_row(columns, values) for values in rest if "".join(values).strip()]
    again = [c for c, n in Counter(columns).items() if n > 1 and c]
    if again:
        raise ValueError(
            f"{path}: has two columns {', '.join(again)}; keep one of each name"
        )
    if "id" not in columns:
        raise ValueError(
            f"{path}: has no column id but {', '.join(columns) or 'nothing'}; name the "
            "column with the images' names so"
        )
    twice = [i for i, n in Counter(row["id"] for row in listed).items() if n > 1]
    if twice:
        raise ValueError(f"{path}: lists {', '.join(twice)} twice; keep one row an id")
    return columns, {row["id"]: row for row in listed}


def _row(columns: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """Return a row by column, without spaces around; what is missing is ""."""
    filled = chain(values, [""] * len(columns))
    row = {c: v.strip() for c, v in zip(columns, filled, strict=False)}
    if row.get("split", "").casefold() in SPLITS:
        row["split"] = row["split"].casefold()
    return row


def _other_splits(rows: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Tell of images of which the column split says nothing that is known."""
    other = {name: row["split"] for name, row in rows.items()}
    other = {name: split for name, split in other.items() if split not in SPLITS}
    if not other:
        return []
    values = ", ".join(sorted({repr(split) for split in other.values()})[:5])
    what = f"images have a split in {INDEX} that is none of {', '.join(SPLITS)}"
    return [
        f"{listing(f'{what}, but {values}', sorted(other))}; only those of "
        "train are trained on"
    ]


def load_samples(
    dataset: Dataset,
    *,
    channel: str | int | None = None,
    meaning: Meaning = PLAIN,
) -> Generator[Event, None, list[Sample]]:
    """Read the files of a data set; long work, see :mod:`napari_unet.events`.

    Parameters
    ----------
    dataset : Dataset
    channel : str or int, optional
        Take only this channel of each image, by name or number from 0.
    meaning : Meaning, optional
        What numbers in the labels mean.

    Yields
    ------
    Progress, Note
        Files read so far; then what was assumed or left out.

    Returns
    -------
    list of Sample
        One per image, in the order of `dataset.pairs`; of a time-lapse one per frame of
        which something is known.

    Raises
    ------
    ValueError
        One for all problems of the data set, each with its file.
    """
    samples: list[Sample] = []
    problems = list(dataset.problems)
    notes: dict[str, Counter[str]] = {}
    for done, pair in enumerate(dataset.pairs):
        yield Progress("loading", done, len(dataset.pairs))
        loaded = load_pair(pair, channel, meaning)
        samples += loaded.samples
        problems += loaded.problems
        for text, count in loaded.notes.items():
            notes.setdefault(text, Counter())[pair.name] += count
    yield Progress("loading", len(dataset.pairs), len(dataset.pairs))
    if problems:
        raise ValueError(_joined(dataset.path, problems))
    for text, counts in notes.items():
        total = counts.total()
        text = text if total == len(counts) else f"{text}, {total} in all"
        yield Note(listing(text, sorted(counts)))
    return samples


def _joined(path: Path, problems: Sequence[str]) -> str:
    if len(problems) < 2:
        return "".join(problems)
    lines = "".join(f"\n- {p}" for p in problems)
    return f"{path}: {len(problems)} problems{lines}"
