"""How much memory a pixel of a large image takes while it is segmented.

    python benchmarks/large.py [--quick] [--edges 4000 8000]

segments RGB images of noise with a small network of any size, to whose objects the
images are enlarged 1.5 times, each in a process of its own, and prints the peak of
each over what the process had before, and by how many bytes it grows a pixel.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys

import numpy as np
from quick import arguments

ZOOM = 1.5
TILE = 0.5  # GiB


def peak() -> float:
    """Return the most memory that this process has had, bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def segment_noise(edge: int) -> float:
    """Segment an image, and return what that took, bytes."""
    from napari_unet import Model, ModelConfig, PredictConfig, drain, segment
    from napari_unet.data.images import Image

    known = 24.0
    config = ModelConfig(any_size=True, object_size=known, input="rgb")
    model = Model.create(config.replace(depth=2, width=2), device="cpu")
    model.thresholds["foreground"] = 0.999  # no objects, whose numbers take memory
    image = np.random.default_rng(0).integers(0, 255, (3, edge, edge), np.uint8)
    options = PredictConfig(object_size=known / ZOOM, memory=TILE)
    before = peak()
    drain(segment(model, Image(image, rgb=True), options))
    return peak() - before


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, nargs=2, default=(4000, 8000))
    given = arguments(parser, edges=(256, 512))
    context = multiprocessing.get_context("spawn")
    found = []
    for edge in given.edges:
        with context.Pool(1) as pool:
            found.append(pool.apply(segment_noise, (edge,)))
        print(f"{edge} x {edge} px: {found[-1] / 1e9:.2f} GB", flush=True)
    pixels = given.edges[1] ** 2 - given.edges[0] ** 2
    print(f"{(found[1] - found[0]) / pixels:.1f} bytes per pixel more")


if __name__ == "__main__":
    main()
