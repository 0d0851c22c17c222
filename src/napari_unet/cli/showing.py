"""``napari-unet show``: pictures of what a model does, and of what happens inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.atomic import make_folder
from napari_unet.cli.arguments import Device, Selection
from napari_unet.cli.bars import Show
from napari_unet.cli.data import check_writable, find, load
from napari_unet.cli.reports import load_model
from napari_unet.config import PredictConfig
from napari_unet.data.images import whole_name
from napari_unet.data.samples import Sample
from napari_unet.events import Progress, drain
from napari_unet.files.datasets import Dataset

if TYPE_CHECKING:
    from napari_unet.models.model import Model

IMAGES_OF_EACH = 3  # images of each kind


def show(
    data: tuple[Path, ...],
    /,
    *,
    model: str,
    output: Path = Path("show.png"),
    seed: int = 0,
    inside: bool = False,
    config: PredictConfig,
    selection: Selection = Selection(),  # noqa: B008
    device: Device = "auto",
) -> None:
    """Draw random training and validation images with truth and prediction.

    With --inside, draw the features that the network computes of one of them.

    Parameters
    ----------
    data
        Folders with images and labels.
    model
        A model: the folder that training wrote, a file, or a built-in name.
    output
        The picture, a PNG file.
    seed
        Which images are drawn.
    inside
        Draw features instead: a row per level of the network, the contracting path on
        the left, the expanding path on the right, and what each skip is worth.
    """
    from napari_unet.networks.pixel_classifiers import CLASSIFIERS
    from napari_unet.reports.figures import draw_rows as drawing
    from napari_unet.segmentation.segment import segment

    check_writable(output.absolute().parent)
    loaded = load_model(model, device)
    network = loaded.config.network
    if inside and network in CLASSIFIERS:
        raise ValueError(
            f"{model}: a {network} classifies each pixel by itself and has no levels; "
            "leave out --inside"
        )
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, Sample, np.ndarray]] = []
    with Show() as show:
        datasets = find(data, selection)
        chosen = _choose(datasets, loaded.card, rng, selection, show)
        make_folder(output.absolute().parent)
        if inside:
            _draw_inside(loaded, chosen[-1][1], config, output, show)
            return
        for kind, sample in chosen:
            show(Progress("segmenting", len(rows)))
            events = segment(loaded, sample.image, config)
            name = sample.name if len(sample.name) <= 24 else f"{sample.name[:21]}..."
            rows.append((f"{kind}: {name}", sample, drain(events, show).labels))
        drawing(rows, output, instances=loaded.formulation.instances)
    print(f"written: {output}")


def _draw_inside(
    model: Model, sample: Sample, config: PredictConfig, output: Path, show: Show
) -> None:
    from napari_unet.reports.inside import as_seen
    from napari_unet.reports.inside_figure import draw

    image = sample.image
    if sample.ndim > model.config.ndim:
        image = image.plane(image.shape[0] // 2)
    seen, stats = drain(as_seen(model, image, config), show)
    draw(model, seen, stats, output)
    print(f"{sample.name}\nwritten: {output}")


def _choose(
    datasets: Sequence[Dataset],
    card: Mapping[str, Any],
    rng: np.random.Generator,
    selection: Selection,
    show: Show,
) -> list[tuple[str, Sample]]:
    """Return random samples of training, validation, or else of what is there."""
    chosen: list[tuple[str, Sample]] = []
    pairs = [(d, i) for d in datasets for i in range(len(d.pairs))]
    for kind in ("training", "validation", "image"):
        names = set(card.get(kind, {}).get("names", ()))
        # A time-lapse is one pair, but a name per frame.
        series = {whole_name(name) for name in names}
        known = [
            (dataset, i)
            for dataset, i in pairs
            if kind == "image" or dataset.pairs[i].name in names | series
        ]
        if kind == "image" and chosen:
            break
        for number in rng.permutation(len(known))[:IMAGES_OF_EACH]:
            dataset, i = known[number]
            alone = replace(dataset, pairs=(dataset.pairs[i],))
            samples, _ = load([alone], selection, show)
            fitting = [s for s in samples if s.name in names] or samples
            chosen.append((kind, fitting[rng.integers(len(fitting))]))
    return chosen
