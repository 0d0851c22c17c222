"""Labels of many images against the truth: from a model, or from files."""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.config import PredictConfig
from napari_unet.data import doctor
from napari_unet.data.samples import Sample
from napari_unet.events import Control, Event, Note, Progress
from napari_unet.files.layouts import image_files
from napari_unet.files.names import IMAGE_SUFFIX, LABEL_SUFFIX
from napari_unet.files.readers import read_labels, stem
from napari_unet.scoring import metrics
from napari_unet.scoring.classes import confusion, dice_iou
from napari_unet.scoring.errors import classify, total

if TYPE_CHECKING:
    from napari_unet.models.model import Model

UNKNOWN = "unknown"


@dataclass
class Report:
    """What an evaluation found.

    names : one per image
    labels : the labels that were compared with the truth, one array an image
    matchings : one per image, for objects
    tables : confusion of classes, one per image, for a semantic model
    classes : label values that are classes; empty for objects
    class_names : name of each class that has one
    groups : the group of each image, empty where none were given
    seconds, megapixels : time and size of what was segmented; None without a model
    """

    classes: tuple[int, ...] = ()
    class_names: dict[int, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    labels: list[np.ndarray] = field(default_factory=list)
    matchings: list[metrics.Matching] = field(default_factory=list)
    tables: list[np.ndarray] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    seconds: float | None = None
    megapixels: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts and numbers, ready for JSON.

        Returns
        -------
        dict
            For objects `images`, `objects`, `pooled`, `per_image`, `dice`, `iou` and
            `errors`, see :mod:`napari_unet.scoring.errors`; for classes `images`,
            `classes`, `dice`, `iou`; then `by_modality`, with the same for each group,
            `seconds` and `megapixels_per_second`.
        """
        members = {
            group: [i for i, own in enumerate(self.groups) if own == group]
            for group in sorted(set(self.groups))
        }
        speed = self.megapixels / self.seconds if self.seconds else None
        return {
            **self._scores(range(len(self.names))),
            "by_modality": {g: self._scores(which) for g, which in members.items()},
            "seconds": self.seconds,
            "megapixels_per_second": speed,
        }

    def _scores(self, which: Sequence[int]) -> dict[str, Any]:
        if not self.classes:
            matchings = [self.matchings[i] for i in which]
            counts = total([classify(matching).counts() for matching in matchings])
            errors = {
                name: count for name, count in counts.items() if name != "matched"
            }
            return {**asdict(metrics.score(matchings)), "errors": errors}
        table = np.sum([self.tables[i] for i in which], axis=0)
        found = dice_iou(table, self.classes)
        return {
            "images": len(which),
            "classes": {
                str(c): {"name": self.class_names.get(c, ""), "dice": d, "iou": i}
                for c, (d, i) in found.items()
            },
            "dice": float(np.mean([dice for dice, _ in found.values()])),
            "iou": float(np.mean([iou for _, iou in found.values()])),
        }

    def _add(self, sample: Sample, labels: np.ndarray) -> None:
        """Compare one image's labels with the truth."""
        truth, mask = sample.labels, sample.mask
        try:
            if not self.classes:
                self.matchings.append(metrics.match(truth, labels, mask))
            else:
                truth, mask = self._as_classes(truth, mask)
                self.tables.append(confusion(truth, labels, self.classes, mask))
        except ValueError as error:
            raise ValueError(f"{sample.name}: {error}") from error
        self.names.append(sample.name)
        self.labels.append(labels)

    def _as_classes(
        self, truth: np.ndarray, mask: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        if len(self.classes) == 1:
            return (truth > 0).astype(np.int64) * self.classes[0], mask
        known = np.isin(truth, (0, *self.classes))
        # A value that the model never learnt is unknown, as in training.
        return np.where(known, truth, 0), known if mask is None else known & mask


def evaluate(
    samples: Sequence[Sample],
    *,
    model: Model | None = None,
    predictions: str | Path | None = None,
    config: PredictConfig | None = None,
    groups: Sequence[str] | None = None,
    control: Control | None = None,
) -> Generator[Event, None, Report]:
    """Compare labels with the truth; yields events, returns the Report.

    Parameters
    ----------
    samples : sequence of Sample
        Images with true labels.
    model : Model, optional
        Segments the images. A semantic model tells no objects apart: it is scored by
        Dice and IoU of its classes (of the foreground, where it has one class).
    predictions : str or Path, optional
        Instead of a model, a folder with the labels of all images, called
        ``NAME_labels.tif`` or the like, or ``NAME.tif``.
    config : PredictConfig, optional
    groups : sequence of str, optional
        The group of each sample, for instance its modality; scored by themselves, too.
    control : Control, optional
        `stop` ends after the image at hand; the report is on those that are done.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If not one of model and predictions is given, samples are not fit for it,
        predictions are missing (all are listed) or are no labels of their image.

    Examples
    --------
    >>> report = drain(evaluate(samples, model=model))  # doctest: +SKIP
    >>> report.to_dict()["pooled"]["ap"]["0.50"]  # doctest: +SKIP
    0.815
    """
    control = control or Control()
    if (model is None) == (predictions is None):
        raise ValueError("give either a model or a folder of predictions")
    if groups is not None and len(groups) != len(samples):
        raise ValueError(
            f"there are {len(samples)} images but {len(groups)} groups; give one each"
        )
    if predictions is not None and config is not None and config.model_fields_set:
        options = ", ".join(sorted(config.model_fields_set))
        raise ValueError(
            f"{options}: labels in a folder are taken as they are; leave it out, or "
            "give a model"
        )
    report = Report(classes=_classes(model))
    if model is not None:
        report.class_names = model.config.names
    _check(samples, "semantic" if report.classes else "instances")
    files = [] if predictions is None else _find(Path(predictions), samples)
    if report.classes:
        yield Note(
            "a semantic model tells no objects apart: Dice and IoU of "
            + ("the foreground" if len(report.classes) == 1 else "its classes")
        )
    for done, sample in enumerate(samples):
        yield Progress("evaluating", done, len(samples))
        if control.stopped:
            break
        if model is not None:
            labels = yield from _segment(report, sample, model, config, control)
        else:
            labels = _read(files[done], sample)
        if labels is None:  # stopped midway
            break
        report._add(sample, labels)
        if groups is not None:
            report.groups.append(groups[done] or UNKNOWN)
    yield Progress("evaluating", len(report.names), len(samples))
    return report


def _classes(model: Model | None) -> tuple[int, ...]:
    if model is None or model.formulation.instances:
        return ()
    return tuple(sorted(model.config.classes))


def _check(samples: Sequence[Sample], formulation: str) -> None:
    if not samples:
        raise ValueError("there are no images to evaluate; give images with labels")
    # Images that rightly hold nothing can be evaluated, though not trained on.
    if any(sample.labels.any() for sample in samples):
        doctor.raise_errors(
            doctor.check(samples, formulation=formulation, require_contrast=False)
        )


def _segment(
    report: Report,
    sample: Sample,
    model: Model,
    config: PredictConfig | None,
    control: Control,
) -> Generator[Event, None, np.ndarray | None]:
    from napari_unet.segmentation.segment import segment

    began = time.perf_counter()
    result = yield from segment(model, sample.image, config, control=control)
    if not result.complete:
        return None
    report.seconds = (report.seconds or 0.0) + time.perf_counter() - began
    report.megapixels += sample.labels.size / 1e6
    labels: np.ndarray = result.labels
    return labels


def _find(folder: Path, samples: Sequence[Sample]) -> list[Path]:
    """Return the file with the predicted labels of each sample."""
    if not folder.is_dir():
        raise ValueError(
            f"{folder}: is no folder; give the folder with the predictions"
        )
    exact: dict[str, Path] = {}
    plain: dict[str, Path] = {}
    places = {"": folder} | {
        f"{f.name}/": f for f in folder.iterdir() if f.is_dir() and f.name[0] != "."
    }
    for prefix, place in places.items():
        for file in image_files(place)[0]:
            name = stem(file)
            bare = LABEL_SUFFIX.sub("", name)
            (plain if bare == name else exact).setdefault(prefix + bare, file)
    # Beside NAME_labels.tif a NAME.tif is the image itself.
    known = plain | exact
    found: list[Path] = []
    missing: list[str] = []
    for sample in samples:
        name = sample.series or sample.name
        keys = (name, IMAGE_SUFFIX.sub("", name))
        files = [known[key] for key in keys if key in known]
        found += files[:1]
        missing += [] if files else [name]
    if missing:
        missing = list(dict.fromkeys(missing))
        shown = ", ".join(missing[:10]) + (", ..." if len(missing) > 10 else "")
        raise ValueError(
            f"{folder}: holds no labels of {len(missing)} of {len(samples)} images "
            f"({shown}); every NAME needs a NAME_labels.tif"
        )
    return found


def _read(file: Path, sample: Sample) -> np.ndarray:
    """Read the predicted labels of a sample; of a series, those of its frame."""
    found = read_labels(file)
    labels = found.array
    if sample.series and labels.ndim == sample.ndim + 1:
        number = re.search(r"_t(\d+)$", sample.name)
        index = int(number.group(1)) if number else 0
        if index >= len(labels):
            raise ValueError(
                f"{file}: has {len(labels)} time points, but {sample.name} is needed"
            )
        labels = labels[index]
    if labels.shape != sample.shape:
        raise ValueError(
            f"{file}: the labels have shape {labels.shape} but {sample.name} has "
            f"{sample.shape}; give the labels of this very image"
        )
    return labels
