"""``napari-unet compare``: which network is best on these images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from napari_unet.cli.arguments import Device, Selection
from napari_unet.cli.bars import Show
from napari_unet.cli.data import check_writable, find, load
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.data.samples import check_background
from napari_unet.events import drain
from napari_unet.files.datasets import Dataset, find_pairs


def compare(
    data: tuple[Path, ...],
    /,
    *,
    output: Path,
    networks: Annotated[
        tuple[str, ...] | None, Parameter(consume_multiple=True, show_default=False)
    ] = None,
    seeds: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (0,),
    judge: str | None = None,
    config: TrainConfig,
    model: ModelConfig,
    selection: Selection = Selection(),  # noqa: B008
    device: Device = "auto",
) -> int:
    """Train several networks on the same images and tell which is best on others.

    All have the same images, budget and seeds. What is done is kept in --output: the
    same command resumes where it was cut off, and one with more networks or seeds adds
    them.

    Parameters
    ----------
    data
        Folders with images and labels; of an index.csv with a split, its train images.
    output
        Folder of the models, and of comparison.json, .md and .png.
    networks
        Names of the networks, such as unet fcn; left out: all of the U-Net family.
    seeds
        Each network is trained once with each; several show what is chance.
    judge
        Images that no training sees: a split of index.csv, or a folder. Left out: val,
        else test, else a fifth of the images.
    """
    from napari_unet.networks import NETWORKS
    from napari_unet.reports.network_comparison import compare as comparing

    check_writable(output)
    names = tuple(NETWORKS) if networks is None else networks
    with Show() as show:
        training = find(data, selection, split="train")
        judging = _judging(data, judge, selection)
        samples, _ = load(training, selection, show)
        check_background(samples)
        judges = load(judging, selection, show)[0] if judging else None
        events = comparing(samples, judges, output, names, seeds, config, model, device)
        print(f"stop at any time: the same command resumes, all is kept in {output}")
        rows = drain(events, show)
    print((output / "comparison.md").read_text("utf-8"))
    print(f"written: {output / 'comparison.md'}, .json and .png")
    return 1 if any("failed" in row for row in rows) else 0


def _judging(
    data: Sequence[Path], judge: str | None, selection: Selection
) -> list[Dataset]:
    """Find the images that judge, if any are set apart."""
    if judge is not None and Path(judge).exists():
        return find([Path(judge)], replace(selection, split=None, where=()))
    wanted = [judge] if judge else [] if selection.split else ["val", "test"]
    found = []
    for path in data:
        known = {pair.row.get("split") for pair in find_pairs(path).pairs}
        split = next((s for s in wanted if s in known), None)
        found += find([path], replace(selection, split=split)) if split else []
    if judge is not None and not found:
        raise ValueError(
            f"--judge {judge} is neither a split of index.csv nor a folder; name one, "
            "or leave it out to hold back a fifth of the images"
        )
    return found
