"""``napari-unet evaluate, info, share, doctor``: what is there and how good it is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.atomic import make_folder
from napari_unet.cli.arguments import Device, Selection
from napari_unet.cli.bars import Show
from napari_unet.cli.data import check_writable, find, load
from napari_unet.config import PredictConfig
from napari_unet.data.samples import Sample, data_hash
from napari_unet.events import Note, drain
from napari_unet.files.writers import write_json
from napari_unet.models.card import describe
from napari_unet.models.store import SUFFIX
from napari_unet.reports.methods import training_text
from napari_unet.text import class_name, clock, counted

if TYPE_CHECKING:
    from napari_unet.models.model import Model
    from napari_unet.reports.evaluation import Report

NO_OBJECTS = (
    "tells no objects apart, which the pictures of --output show; leave it out: --json "
    "writes the figures, and napari-unet show draws images"
)


def evaluate(
    data: tuple[Path, ...],
    /,
    *,
    config: PredictConfig,
    model: str | None = None,
    predictions: Path | None = None,
    json: Path | None = None,
    output: Path | None = None,
    selection: Selection = Selection(),  # noqa: B008
    device: Device = "auto",
) -> None:
    """Score a model, or labels from anywhere, against true labels.

    Parameters
    ----------
    data
        Folders with images and true labels.
    model
        A model: the folder that training wrote, a file, or a built-in name.
    predictions
        Instead of a model: a folder with NAME_labels.tif for every image.
    json
        Write the figures into this file.
    output
        Write pictures into this folder: AP over IoU, and the best, median and worst
        images with their errors; and the figures, unless --json says where.
    """
    from napari_unet.reports.evaluation import evaluate as evaluating

    if (model is None) == (predictions is None):
        raise ValueError("give either --model or --predictions")
    if output is not None:
        check_writable(output)
        json = json or output / "figures.json"
    if json is not None:
        check_writable(json.absolute().parent)
    loaded = None if model is None else load_model(model, device)
    if output is not None and loaded is not None and not loaded.formulation.instances:
        raise ValueError(f"{model} {NO_OBJECTS}")
    with Show() as show:
        samples, groups = load(find(data, selection), selection, show)
        if loaded is not None:
            _warn_of_training_images(loaded, samples, show)
        events = evaluating(
            samples,
            model=loaded,
            predictions=predictions,
            config=config,
            groups=groups if any(groups) else None,
        )
        report = drain(events, show)
    figures = report.to_dict()
    print_scores(figures)
    if json is not None:
        make_folder(json.absolute().parent)
        write_json(json, figures)
        print(f"written: {json}")
    if output is not None:
        _draw(samples, report, output)


def _draw(samples: Sequence[Sample], report: Report, folder: Path) -> None:
    from napari_unet.reports.gallery import ap_over_iou, gallery

    make_folder(folder)
    lines, pictures = folder / "ap_over_iou.png", folder / "gallery.png"
    ap_over_iou(report.to_dict(), lines)
    with Show() as show:
        drain(gallery(samples, report, pictures), show)
    print(f"written: {lines}\nwritten: {pictures}")


def print_scores(report: Mapping[str, Any]) -> None:
    """Print the figures of an evaluation, each with what is behind it."""
    print(_counted("all", report))
    print(_table(report))
    for group, scores in report["by_modality"].items():
        print(_counted(group, scores))
        print(_table(scores))
    if report["megapixels_per_second"]:
        speed = f"{report['megapixels_per_second']:.2f} megapixels per second"
        print(f"{clock(report['seconds'])}, {speed}")


def _counted(name: str, scores: Mapping[str, Any]) -> str:
    objects = scores.get("objects")
    behind = "" if objects is None else f", {counted(objects, 'object')}"
    return f"{name}: {counted(scores['images'], 'image')}{behind}"


def _table(scores: Mapping[str, Any]) -> str:
    lines = []
    for name in ("pooled", "per_image"):
        if name in scores:
            row = scores[name]
            ap = "  ".join(
                f"AP{t[2:]} {row['ap'][t]:.3f}" for t in ("0.50", "0.75", "0.90")
            )
            rest = f"mean9 {row['mean9']:.3f}  F1 {row['f1']:.3f}  PQ {row['pq']:.3f}"
            lines.append(f"  {name.replace('_', ' '):<10} {ap}  {rest}")
    if "errors" in scores:
        errors = (f"{number:,} {kind}" for kind, number in scores["errors"].items())
        lines.append(f"  {'errors':<10} {', '.join(errors)}")
    for value, row in scores.get("classes", {}).items():
        name = class_name(value, {value: row["name"]})
        lines.append(f"  {name:<10} Dice {row['dice']:.3f}  IoU {row['iou']:.3f}")
    name = "mean" if "classes" in scores else "foreground"
    lines.append(f"  {name:<10} Dice {scores['dice']:.3f}  IoU {scores['iou']:.3f}")
    return "\n".join(lines)


def info(
    model: str,
    /,
    *,
    methods: bool = False,
) -> None:
    """Tell what a model is, what it was trained on and how good it is.

    Parameters
    ----------
    model
        A model: the folder that training wrote, a file, or a built-in name.
    methods
        Write it as for the methods section of a paper.
    """
    loaded = load_model(model, "cpu")
    if methods:
        print(training_text(Path(model).stem, loaded.header()))
        return
    first, *others = describe(model, loaded.header())
    print("\n".join([first, loaded.network.summary(), *others]))
    print(f"hash: {loaded.hash()}")


def share(
    model: str,
    /,
    *,
    output: Path | None = None,
    crops: bool = False,
) -> None:
    """Write a model as one file, which loads wherever its folder does.

    Parameters
    ----------
    model
        A model: the folder that training wrote, a file, or a built-in name.
    output
        The file; it gets the suffix .unetmodel. By default it has the name of the
        model and is written here.
    crops
        Let the crops of training images go along, which trainings that start from the
        model rehearse so that it forgets less.
    """
    wanted = output or Path(os.path.basename(os.path.realpath(model)))
    check_writable(wanted.absolute().parent)
    loaded = load_model(model, "cpu")
    path = wanted.with_name(wanted.name.removesuffix(SUFFIX) + SUFFIX)
    if path.exists():
        raise ValueError(f"{path} is there already; give another --output")
    loaded.share(path, crops)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    if loaded.rehearsal and not crops:
        print("left out: crops of its training images; --crops takes them along")


def doctor(
    data: tuple[Path, ...] = (),
    /,
    *,
    formulation: str = "instances",
    selection: Selection = Selection(),  # noqa: B008
) -> int:
    """Tell what the machine has; with data, what is wrong with them.

    Parameters
    ----------
    data
        Folders with images and labels.
    formulation
        What is to be learnt: instances or semantic.
    """
    from napari_unet.data.doctor import check
    from napari_unet.reports.machine import describe_machine

    if not data:
        print("\n".join(describe_machine()))
        return 0
    with Show() as show:
        samples, _ = load(find(data, selection), selection, show)
    kinds = sorted(
        {
            f"{s.ndim}D {s.image.array.dtype}, {counted(len(s.image.array), 'channel')}"
            for s in samples
        }
    )
    objects = sum(len(s.objects.ids) for s in samples)
    print(f"{len(samples):,} images ({'; '.join(kinds)}), {objects:,} labels")
    findings = check(samples, formulation=formulation)
    for finding in findings:
        print(f"{finding.severity}: {finding}")
    if not findings:
        print("nothing is wrong")
    return 2 if any(f.severity == "error" for f in findings) else 0


def load_model(path: str, device: str) -> Model:
    """Load a model; torch comes with it."""
    from napari_unet.models.model import Model

    return Model.load(path, device)


def _warn_of_training_images(
    model: Model, samples: Sequence[Sample], show: Show
) -> None:
    known = {entry["sha256"] for entry in model.card.get("data", [])}
    seen = sum(entry["sha256"] in known for entry in data_hash(samples)) if known else 0
    if seen:
        show(
            Note(
                f"{seen} of {len(samples)} images were used in training this model; "
                "figures on them say little about new images"
            )
        )
