"""What something far brighter, or darker, than the objects costs.

    python benchmarks/artefacts.py $NAPARI_UNET_DATA/dsb2018 [--model nuclei]

draws a square, a fibre, a frame or debris over 0.3, 1 and 3 % of each `val` image, at
the maximum of its type, and prints AP50 against that of the images as they are. Where
images are bright, the same at 0. Objects that the artefact touches are left out of
both, and so is what is found mostly below it or where they were. With ``--deep`` the
images are taken in 16 bits, whose maximum is 257 times as far.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from quick import arguments, nuclei
from scipy import ndimage

from napari_unet import Sample, drain, segment
from napari_unet.files.datasets import find_pairs, load_samples
from napari_unet.models.model import Model
from napari_unet.scoring import metrics

PARTS = (0.003, 0.01, 0.03)
KINDS = ("fluorescence", "stained", "brightfield")
SEED = 11
MOST_UNDER = 0.5  # of what was found below an artefact that is left out


def square(shape: tuple[int, int], part: float, rng: np.random.Generator) -> np.ndarray:
    """Return a square somewhere."""
    edge = max(1, round(np.sqrt(part * shape[0] * shape[1])))
    drawn = np.zeros(shape, bool)
    y, x = (rng.integers(0, max(1, n - edge)) for n in shape)
    drawn[y : y + edge, x : x + edge] = True
    return drawn


def fibre(shape: tuple[int, int], part: float, rng: np.random.Generator) -> np.ndarray:
    """Return a curved line that crosses the image."""
    t = np.linspace(0, 1, 4 * max(shape))
    y = shape[0] * (rng.uniform(0.2, 0.8) + 0.15 * np.sin(rng.uniform(2, 8) * t))
    centres = np.zeros(shape, bool)
    rows = np.clip(y.astype(int), 0, shape[0] - 1)
    centres[rows, np.minimum((t * shape[1]).astype(int), shape[1] - 1)] = True
    return nearest(ndimage.distance_transform_edt(~centres), part)


def frame(shape: tuple[int, int], part: float, _: np.random.Generator) -> np.ndarray:
    """Return the edge of the image."""
    y, x = np.indices(shape)
    inside = np.minimum.reduce([y, x, shape[0] - 1 - y, shape[1] - 1 - x])
    width = np.searchsorted(np.cumsum(np.bincount(inside.ravel())), part * inside.size)
    return np.asarray(inside <= width)


def debris(shape: tuple[int, int], part: float, rng: np.random.Generator) -> np.ndarray:
    """Return some blobs of no shape in particular."""
    spots = ndimage.gaussian_filter(rng.normal(size=shape), 3)
    return nearest(-spots, part)


def nearest(distance: np.ndarray, part: float) -> np.ndarray:
    """Return the given part of the pixels: those of the least distance."""
    return np.asarray(distance <= np.quantile(distance, part))


SHAPES: dict[str, Callable[..., np.ndarray]] = {
    "square": square,
    "fibre": fibre,
    "frame": frame,
    "debris": debris,
}


def drawn(sample: Sample, where: np.ndarray, dark: bool) -> Sample:
    """Return a sample with an artefact at the end of its type's range."""
    array = sample.image.array.copy()
    array[:, where] = 0 if dark else np.iinfo(array.dtype).max
    return replace(sample, image=replace(sample.image, array=array))


def in_16_bits(sample: Sample) -> Sample:
    """Return a sample with the same values in a type that holds larger ones."""
    array = sample.image.array.astype(np.uint16)
    return replace(sample, image=replace(sample.image, array=array))


def left_out(
    truth: np.ndarray, found: np.ndarray, where: np.ndarray
) -> metrics.Matching:
    """Match objects but for those that an artefact touches."""
    lost = np.unique(truth[where])
    hidden = where | (np.isin(truth, lost) & (truth > 0))
    below = np.bincount(found.ravel(), hidden.ravel())
    gone = np.flatnonzero(below > MOST_UNDER * np.bincount(found.ravel()))
    kept = np.where(np.isin(truth, lost), 0, truth)
    return metrics.match(kept, np.where(np.isin(found, gone), 0, found))


Matched = tuple[list[metrics.Matching], list[metrics.Matching]]


def compare(
    model: Model,
    samples: list[Sample],
    before: list[np.ndarray],
    shape: str,
    part: float,
    dark: bool,
) -> Matched:
    """Match the objects of images as they are, and with an artefact."""
    rng = np.random.default_rng(SEED)
    plain, spoilt = [], []
    for sample, labels in zip(samples, before, strict=True):
        where = SHAPES[shape](sample.shape, part, rng)
        plain.append(left_out(sample.labels, labels, where))
        seen = found(model, drawn(sample, where, dark))
        spoilt.append(left_out(sample.labels, seen, where))
    return plain, spoilt


def row(what: str, matched: Matched) -> float:
    """Print AP50 before and after, and return the change."""
    before, after = (metrics.score(m).pooled.ap["0.50"] for m in matched)
    change = after - before
    print(f"{what} AP50 {before:.3f} -> {after:.3f} {change:+.3f}", flush=True)
    return change


def found(model: Model, sample: Sample) -> np.ndarray:
    """Return the labels of a sample's image."""
    return drain(segment(model, sample.image)).labels


def main() -> None:
    """Print a row per kind, shape and part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--kinds", nargs="+", default=KINDS)
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES))
    parser.add_argument("--deep", action="store_true", help="16 bits")
    parser.add_argument("--parts", nargs="+", type=float, default=PARTS)
    given = arguments(parser, nuclei, parts=(0.01,), kinds=KINDS[:2])
    model = Model.load(given.model)
    cases = [
        (dark, shape, part)
        for dark in (False, True)
        for shape in given.shapes
        for part in given.parts
    ]
    every: dict[tuple[bool, str, float], Matched] = {c: ([], []) for c in cases}
    for kind in given.kinds:
        pairs = find_pairs(given.data, split="val", where={"modality": kind})
        samples = drain(load_samples(pairs))
        if given.deep:
            samples = [in_16_bits(sample) for sample in samples]
        labels = [found(model, sample) for sample in samples]
        for case in cases:
            dark, shape, part = case
            if dark and kind == "fluorescence":
                continue
            matched = compare(model, samples, labels, shape, part, dark)
            row(f"{kind:<13} {told(*case)}", matched)
            for all_of, some in zip(every[case], matched, strict=True):
                all_of += some
    worst = min(row(f"all {told(*c)}", m) for c, m in every.items() if m[0])
    print(f"the worst of all: {worst:+.3f}")


def told(dark: bool, shape: str, part: float) -> str:
    """Return what was drawn."""
    return f"{'dark' if dark else 'bright':<7} {shape:<7} {part:6.1%}"


if __name__ == "__main__":
    main()
