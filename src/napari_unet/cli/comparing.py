"""``napari-unet compare``: which network is best on these images."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from napari_unet.cli.arguments import Device, Selection
from napari_unet.cli.bars import Show
from napari_unet.cli.data import check_writable, find, load
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.events import Event, Progress, drain
from napari_unet.files.datasets import Dataset, find_pairs

if TYPE_CHECKING:
    from napari_unet.data.samples import Sample

JUDGES = ("val", "test")  # splits, the first that is there
STAGES = {"training": "training", "figures": "segmenting and judging"}


class Shows(Show):
    """Shows the events of one run after the other."""

    def __call__(self, event: Event) -> None:
        """Show one event; a stage that begins is a line."""
        from napari_unet.reports.contest import Turn

        if isinstance(event, Turn):
            self._step, self._outer, self._figure = None, Progress("", 0), ""
            where = f"[{event.number}/{event.total}] {event.run.name}"
            text = f"{where}: {STAGES[event.stage]}"
            print(text, file=sys.stderr, flush=True)
        else:
            super().__call__(event)


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

    All have the same images, budget and seeds, and each run a process of its own. What
    is done is kept in --output: the same command goes on where it was cut off, and one
    with more networks or seeds adds them.

    Parameters
    ----------
    data
        Folders with images and labels; of an index.csv with a split, its train images.
    output
        Folder of the models, comparison.json, .md and .png, and curves.png.
    networks
        Names of the networks, such as unet fcn; left out: all of the U-Net family.
    seeds
        Each network is trained once with each; several show what is chance.
    judge
        Images that no training sees: a split of index.csv, or a folder. Left out: val,
        else test, else a fifth of the images.
    """
    from napari_unet.networks import NETWORKS
    from napari_unet.reports.contest import compare as comparing
    from napari_unet.reports.contest.table import markdown

    names = tuple(NETWORKS) if networks is None else networks
    check_writable(output)
    with Shows() as show:
        samples, judges = _images(data, judge, selection, show)
        events = comparing(
            samples,
            judges,
            output,
            names,
            seeds=seeds,
            config=config,
            model=model,
            device=device,
        )
        try:
            with closing(events):
                table = drain(events, show)
        except KeyboardInterrupt:
            kept = f"what is done is kept in {output}; the same command goes on"
            print(kept, file=sys.stderr)
            raise
    print(markdown(table))
    print(f"written: {output / 'comparison.md'}, .json and .png, and curves.png")
    return 1 if table["failed"] else 0


def _images(
    data: Sequence[Path], judge: str | None, selection: Selection, show: Show
) -> tuple[list[Sample], list[Sample] | None]:
    """Return the images to train on and those that judge; None: none are set apart."""
    training = find(data, selection, split="train")
    judging = _judging(data, judge, selection)
    sys.stdout.flush()
    samples, _ = load(training, selection, show)
    return samples, load(judging, selection, show)[0] if judging else None


def _judging(
    data: Sequence[Path], judge: str | None, selection: Selection
) -> list[Dataset]:
    """Find the images that judge, if any are set apart.

    Raises
    ------
    ValueError
        If `judge` is neither a split nor a folder.
    """
    if judge is not None and Path(judge).exists():
        return find([Path(judge)], replace(selection, split=None, where=()))
    if judge is None and selection.split is not None:
        return []
    found = []
    for path in data:
        known = {pair.row.get("split") for pair in find_pairs(path).pairs}
        wanted = [s for s in ([judge] if judge else JUDGES) if s in known]
        if wanted:
            found += find([path], replace(selection, split=wanted[0]))
    if judge is not None and not found:
        raise ValueError(
            f"--judge {judge} is neither a split of index.csv nor a folder; name one, "
            "or leave it out to hold back a fifth of the images"
        )
    return found
