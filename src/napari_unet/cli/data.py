"""What several commands do with data: find, load, and check where results go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from napari_unet.cli.arguments import Selection
from napari_unet.cli.bars import Show
from napari_unet.data.samples import Sample
from napari_unet.events import drain
from napari_unet.files.datasets import Dataset, find_pairs, load_samples
from napari_unet.text import counted

PAIRS_SHOWN = 3


def find(
    data: Sequence[Path], selection: Selection, split: str | None = None
) -> list[Dataset]:
    """Find the images with labels that the options ask for, and tell of them.

    `split` is taken where an index.csv has a split and the user names none.
    """
    where = selection.conditions()
    found = []
    for path in data:
        dataset = find_pairs(path)
        wanted = selection.split or (split if dataset.has_split else None)
        dataset = dataset.only(split=wanted, where=where)
        which = f", {wanted} in index.csv" if wanted else ""
        print(f"{path}: {counted(len(dataset.pairs), 'image')} with labels{which}")
        for pair in dataset.pairs[:PAIRS_SHOWN]:
            print(f"  {pair}")
        if len(dataset.pairs) > PAIRS_SHOWN:
            print("  ...")
        for note in dataset.notes:
            print(f"  {note}")
        found.append(dataset)
    return found


def load(
    datasets: Sequence[Dataset], selection: Selection, show: Show
) -> tuple[list[Sample], list[str]]:
    """Read data sets; returns the samples and the modality of each."""
    samples: list[Sample] = []
    groups: list[str] = []
    meaning = selection.meaning()
    for dataset in datasets:
        events = load_samples(
            dataset,
            channel=selection.channel,
            axes=selection.axes,
            series=selection.series,
            meaning=meaning,
        )
        loaded = drain(events, show)
        groups += [dataset.group(sample) for sample in loaded]
        samples += _named_apart(loaded, {s.name for s in samples}, dataset.path)
    if not samples:
        raise ValueError(
            f"{datasets[0].path}: no time point is annotated, as --zero and --ignore "
            "say what the labels mean; annotate some objects, or leave these out"
        )
    return samples, groups


def _named_apart(loaded: Sequence[Sample], taken: set[str], path: Path) -> list[Sample]:
    """Put the folder before names that another data set has taken."""
    return [
        sample.renamed(
            f"{path}/{sample.name}", sample.series and f"{path}/{sample.series}"
        )
        if sample.name in taken
        else sample
        for sample in loaded
    ]


def check_writable(folder: Path) -> None:
    """Raise a ValueError if a folder, made or not, cannot be written to.

    Found out before the work, and without making it: other input may still be wrong.
    """
    nearest = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    why = "read-only" if nearest.is_dir() else "a file"
    if why == "a file" or not os.access(nearest, os.W_OK | os.X_OK):
        raise ValueError(
            f"cannot write into {folder}: {nearest} is {why}; choose another place"
        )
