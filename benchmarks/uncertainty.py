"""Whether the place where a model is least sure holds more errors than others.

    python benchmarks/uncertainty.py $NAPARI_UNET_DATA/dsb2018 [--model nuclei]

segments the `val` images, finds in each the square that `least_certain` would have
annotated next, and counts the objects that are wrong there (missed or false at an IoU
of .5, both cut at the edges of the square). Prints that number, its mean over all
squares of the size in the same images (in steps of half an edge), and the ratio.
Images with fewer than four squares are left out.
"""

from __future__ import annotations

import argparse
import itertools

import numpy as np
from quick import arguments, nuclei

from napari_unet import Sample, drain, segment
from napari_unet.boxes import Box
from napari_unet.files.datasets import find_pairs, load_samples
from napari_unet.models.model import Model
from napari_unet.scoring.metrics import counts, match
from napari_unet.segmentation.uncertainty import least_certain

SQUARES = 4


def wrong(sample: Sample, labels: np.ndarray, box: Box) -> int:
    """Return how many objects are missed or false in a part of an image."""
    found = counts(match(sample.labels[box], labels[box]), 0.5)
    return found.fp + found.fn


def squares(shape: tuple[int, ...], edges: list[int]) -> list[Box]:
    """Return squares in steps of half an edge, all of which lie inside."""
    starts = [
        range(0, n - e + 1, max(1, e // 2)) for n, e in zip(shape, edges, strict=True)
    ]
    return [
        tuple(slice(s, s + e) for s, e in zip(place, edges, strict=True))
        for place in itertools.product(*starts)
    ]


def main() -> None:
    """Count, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nuclei")
    given = arguments(parser, nuclei)
    model = Model.load(given.model)
    found, usual = [], []
    for sample in drain(load_samples(find_pairs(given.data, split="val"))):
        place = drain(least_certain(model, sample.image))
        if place is None:
            continue
        edges = [s.stop - s.start for s in place.box]
        others = squares(sample.shape, edges)
        if len(others) < SQUARES:
            continue
        labels = drain(segment(model, sample.image)).labels
        found.append(wrong(sample, labels, place.box))
        usual.append(np.mean([wrong(sample, labels, box) for box in others]))
    print(f"{len(found)} images")
    print(f"wrong objects in the least sure square: {np.mean(found):.2f}")
    print(f"in squares of its size: {np.mean(usual):.2f}")
    print(f"ratio: {np.mean(found) / np.mean(usual):.2f}")


if __name__ == "__main__":
    main()
