"""What is wrong with a data set before training, where, and the remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from napari_unet.data.disconnected import disconnected
from napari_unet.data.poses import Agreement, Pose, agreement, pose_of_all
from napari_unet.data.samples import Sample
from napari_unet.data.sizes import diameter
from napari_unet.data.whole import PARTS, Background, background_in, hollow
from napari_unet.labels import LabelledObjects

# Median diameters of images may differ by this factor before a warning.
SIZES = 4.0
EMPTY = "the labels are empty"

Fix = Literal["split", "object", "background", "fill", "pose"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong (error) or worth a look (warning).

    name : of the sample, or of all
    place : a pixel, ([Z,] Y, X) of the sample, where it can be seen
    fix : what would fix it without asking anybody; ``split``: an id of its own for each
        separate part, :func:`napari_unet.data.disconnected.split_parts`; ``object``: to
        take the label of the background for an object; ``background``: to make label
        `value` the background; ``fill``: to fill the objects; ``pose``: to bring the
        labels into the pose `value`
    """

    severity: Literal["error", "warning"]
    name: str
    problem: str
    remedy: str
    place: tuple[int, ...] | None = None
    fix: Fix | None = None
    value: int | Pose | None = None

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.name}: {self.problem}; {self.remedy}"


def check(
    samples: Sequence[Sample],
    *,
    formulation: str,
    require_contrast: bool = True,
    any_size: bool = False,
) -> list[Finding]:
    """Look for what would spoil a training; returns errors first.

    formulation : ``instances`` wants one id an object; ``semantic`` does not
    require_contrast : whether a constant image is an error
    any_size : whether images are resampled until their objects are of one size, so that
        sizes may differ
    """
    findings: list[Finding] = []
    diameters: dict[str, float] = {}
    agreeing: list[Agreement] = []
    empty = True
    for sample in samples:
        findings += _check_image(sample, require_contrast)
        wrong = list(_check_values(sample))
        findings += wrong
        there = not wrong and len(sample.objects.ids) > 0
        empty = empty and not wrong and not there
        instances = formulation == "instances"
        odd = list(_check_whole(sample, instances, agreeing)) if there else []
        findings += odd
        if instances and there and not any(f.fix == "background" for f in odd):
            found, diameter = _check_objects(sample)
            findings += found
            diameters[sample.name] = diameter
    findings += _check_together(samples, {} if any_size else diameters)
    if not any(f.fix == "pose" for f in findings):
        findings += _check_poses(samples, agreeing)
    if samples and empty:
        name = samples[0].name if len(samples) == 1 else f"all {len(samples)} images"
        findings.append(Finding("error", name, EMPTY, "annotate some objects"))
    return sorted(findings, key=lambda f: f.severity)


def check_background_label(
    frames: Mapping[str, np.ndarray], number: int, others: Collection[int] = ()
) -> list[Finding]:
    """Look whether a label that is taken as background looks like one of the objects.

    frames : mapping of names to ([Z,] Y, X) integer arrays; the labels as they were
        drawn
    others : numbers that are no objects either

    It does where it is one piece, as large and as long as they are.
    """
    from scipy import ndimage

    areas: list[int] = []
    edges: list[int] = []
    pieces: dict[str, tuple[int, int, tuple[int, ...]]] = {}
    for name, labels in frames.items():
        found = LabelledObjects(labels)
        for n, area, box in zip(found.ids, found.areas, found.boxes, strict=True):
            edge = max(s.stop - s.start for s in box)
            if n == number:
                touching = np.ones((3,) * labels.ndim, int)
                if ndimage.label(labels[box] == n, touching)[1] > 1:
                    return []
                pieces[name] = int(area), edge, _first(labels == n)
            elif n not in others:
                areas.append(int(area))
                edges.append(edge)
    alike = all(
        min(areas, default=1) <= area <= max(areas, default=0) and edge <= max(edges)
        for area, edge, _ in pieces.values()
    )
    return [
        Finding(
            "warning",
            name,
            f"label {number} is as large as the objects, and taken as background",
            "press [fix] if it is an object",
            place,
            "object",
        )
        for name, (_, _, place) in list(pieces.items())[:1]
        if alike
    ]


def raise_errors(findings: Sequence[Finding]) -> None:
    """Raise the errors among the findings, if any, as one ValueError."""
    errors = [str(f) for f in findings if f.severity == "error"]
    if len(errors) == 1:
        raise ValueError(errors[0])
    if errors:
        raise ValueError(
            "\n- ".join([f"the data have {len(errors)} problems", *errors])
        )


def _check_image(sample: Sample, require_contrast: bool) -> Iterator[Finding]:
    image, error = sample.image.array, partial(Finding, "error", sample.name)
    if image.dtype.kind == "f":
        finite = np.isfinite(image)
        bad = image.size - int(np.count_nonzero(finite))
        if bad:
            yield error(
                f"{bad} of {image.size} image values are NaN or infinite",
                "replace them, for example with numpy.nan_to_num",
                _first(~finite.all(axis=0)),
            )
            return
    if require_contrast and image.min() == image.max():
        yield error(
            f"the image is {image.flat[0]} everywhere",
            "leave it out, or choose a channel with contrast",
        )


def _check_values(sample: Sample) -> Iterator[Finding]:
    labels, error = sample.labels, partial(Finding, "error", sample.name)
    if labels.dtype.kind == "f":
        uneven = labels != np.round(labels)  # NaN differs, too
        broken = int(np.count_nonzero(uneven))
        yield error(
            f"the labels are {labels.dtype}, {broken} of {labels.size} values are not "
            "whole",
            "use labels that were never interpolated, saved as integers",
            _first(uneven),
        )
    elif labels.dtype.kind not in "uib":
        yield error(
            f"the labels are {labels.dtype}",
            "give whole numbers, 0 is background",
        )
    elif labels.dtype.kind == "i" and labels.min() < 0:
        yield error(
            f"the labels run from {labels.min()} to {labels.max()}",
            "use 0 for background and positive numbers for objects",
            _first(labels < 0),
        )


def _check_whole(
    sample: Sample, instances: bool, agreeing: list[Agreement]
) -> Iterator[Finding]:
    """Find labels that are wrong as a whole; takes note of how they lie on the image.

    Nothing is told of labels that are not complete.
    """
    if sample.mask is not None:
        return
    warning = partial(Finding, "warning", sample.name)
    found = background_in(sample.labels, sample.objects)
    if found is not None and (instances or found.alone):
        place = _first(sample.labels == found.label)
        yield warning(*_told(found, sample), place, "background", found.label)
        return
    if instances:
        count, total, number = hollow(sample.labels, sample.objects)
        if count >= PARTS and count > total / 2:
            yield warning(
                f"{count} of {total} objects are hollow: outlines, not whole objects",
                "fill them, up to their outline",
                _first(sample.labels == (number or sample.objects.ids[0])),
                "fill",
            )
            return
    seen = agreement(sample)
    if seen is not None:
        agreeing.append(seen)
        yield from _check_place(sample, seen)


def _told(found: Background, sample: Sample) -> tuple[str, str]:
    """Return what is wrong where the background is a label, and the remedy."""
    share = f"it covers {found.cover:.0%} of the image"
    if found.alone:
        return (
            f"the labels look inverted: {found.label} covers {found.cover:.0%} of the "
            f"image, around {found.parts} parts that are 0",
            "make it the background, 0, and give each of these parts its own id",
        )
    looks = f"label {found.label} looks like the background: {share}"
    if found.other is not None:
        return (
            f"{looks}, and {found.parts} separate objects are all {found.other}",
            f"make {found.label} the background, 0, and give each object its own id",
        )
    others = len(sample.objects.ids) - 1
    return (
        f"{looks}, around the {others} other labels",
        "make it 0",
    )


def _check_place(sample: Sample, seen: Agreement) -> Iterator[Finding]:
    """Find labels that would lie better on the image flipped, turned or shifted."""
    warning = partial(Finding, "warning", sample.name)
    largest = sample.objects.ids[sample.objects.areas.argmax()]
    place = _first(sample.labels == largest)
    pose, shift = seen.better(), seen.better_shift()
    if pose is not None:
        yield warning(
            f"the labels look {pose}: they fit the image {seen.poses[pose]:.2f} then, "
            f"{seen.now:.2f} as they are",
            "turn them as the image is, or check that they belong to it",
            place,
            "pose",
            pose,
        )
    elif shift is not None:
        ways = [("deeper", "higher"), ("down", "up"), ("right", "left")][-len(shift) :]
        moves = [
            f"{abs(n)} px {way[n < 0]}" for n, way in zip(shift, ways, strict=True) if n
        ]
        yield warning(
            f"the labels look shifted: they fit the image better {' and '.join(moves)} "
            f"({seen.shifted:.2f}, {seen.now:.2f} as they are)",
            "use labels drawn on this very image",
            place,
        )


def _check_poses(
    samples: Sequence[Sample], agreeing: Sequence[Agreement]
) -> Iterator[Finding]:
    """Find a pose in which all labels fit better, where no image tells it alone."""
    pose = pose_of_all(agreeing)
    if pose is not None:
        yield Finding(
            "warning",
            f"all {len(samples)} images",
            f"taken together, the labels look {pose}",
            "turn them as the images are, or check that they belong to them",
        )


def _check_objects(sample: Sample) -> tuple[list[Finding], float]:
    """Return the findings on the ids of one image and its median diameter in px."""
    areas = sample.objects.areas
    several: list[int] = []
    parts, place = 0, None
    for found in disconnected(sample.labels, sample.objects):
        if not several:
            parts, place = len(found.numbers), found.place
        several.append(found.id)
    typical = float(np.median([diameter(float(a), sample.ndim) for a in areas]))
    if not several:
        return [], typical
    shown = ", ".join(map(str, several[:5])) + ", ..." * (len(several) > 5)
    if len(areas) == 1:
        finding = Finding(
            "error",
            sample.name,
            f"the labels are binary: {parts} separate objects are all {several[0]}",
            "give each its own id (scipy.ndimage.label, or Connected Components "
            "in ImageJ), or learn classes (the formulation semantic)",
            place,
            "split",
        )
    else:
        finding = Finding(
            "warning",
            sample.name,
            f"{len(several)} of {len(areas)} ids lie on separate parts ({shown})",
            "give each object its own id unless the parts are one object",
            place,
            "split",
        )
    return [finding], typical


def _first(wrong: np.ndarray) -> tuple[int, ...]:
    """Return the first pixel that is True."""
    return tuple(int(n) for n in np.unravel_index(wrong.argmax(), wrong.shape))


def _check_together(
    samples: Sequence[Sample], diameters: dict[str, float]
) -> Iterator[Finding]:
    kinds = Counter(s.ndim for s in samples)
    if len(kinds) > 1:
        count = f"{kinds[2]} 2D and {kinds[3]} 3D images"
        rare = next(s for s in samples if s.ndim == min(kinds, key=lambda n: kinds[n]))
        yield Finding(
            "error",
            rare.name,
            f"is {rare.ndim}D, but the data hold {count}",
            "train on images of one kind",
        )
    if diameters:
        small = min(diameters, key=lambda n: diameters[n])
        large = max(diameters, key=lambda n: diameters[n])
        if diameters[large] > SIZES * diameters[small]:
            yield Finding(
                "warning",
                large,
                f"objects are {diameters[large]:.0f} px wide, but "
                f"{diameters[small]:.0f} px in {small}",
                "train with any_size, which resamples them to one size (in 2D), or one "
                "model a size",
            )
