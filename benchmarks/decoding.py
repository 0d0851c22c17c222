"""Decoding of 2,000 nuclei in 2048 x 2048 px against the network over that image."""

import argparse
import time

import numpy as np
import torch
from quick import arguments
from scipy import ndimage

from napari_unet.config import ModelConfig, PredictConfig
from napari_unet.data.images import Image, intensity_stats
from napari_unet.events import drain
from napari_unet.models.model import Model
from napari_unet.segmentation.prediction import predict_maps

FLAT = (2048, 2048), 2000, (10.0, 14.0)
DEEP = (64, 256, 256), 500, (8.0, 10.0)
QUICK = ((256, 256), 30, (10.0, 14.0)), ((16, 64, 64), 8, (5.0, 7.0))


def nuclei(shape, count, radius, seed=0):
    """Return labels of discs or balls, most of them in clusters of up to dozens."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    centres, sizes = np.zeros((count, len(shape))), np.zeros(count)
    placed = 0
    while placed < count:
        size = rng.uniform(*radius)
        centre = rng.uniform(0, shape)
        gap = 3.0  # alone
        if placed and rng.random() < 0.75:
            other = rng.integers(placed)
            way = rng.normal(size=len(shape))
            way *= (sizes[other] + size + 0.3) / np.linalg.norm(way)
            centre, gap = centres[other] + way, 0.0
        away = np.linalg.norm(centres[:placed] - centre, axis=1)
        outside = (centre < 0).any() or (centre > np.array(shape) - 1).any()
        if outside or (away < sizes[:placed] + size + gap).any():
            continue
        centres[placed], sizes[placed] = centre, size
        placed += 1
        box = tuple(
            slice(max(0, int(c - size)), min(n, int(c + size) + 2))
            for c, n in zip(centre, shape, strict=True)
        )
        grid = np.ogrid[box]
        squares = [(g - c) ** 2 for g, c in zip(grid, centre, strict=True)]
        labels[box][sum(squares) <= size**2] = placed
    return labels


def maps_of(labels, formulation, blur=1.0, noise=0.05, seed=0):
    """Return maps that say these labels as a network would, blurred and grainy."""
    maps = formulation.encode(labels)[0].astype(np.float32)
    rng = np.random.default_rng(seed)
    grain = rng.normal(0, 1, maps.shape).astype(np.float32)
    for one, its in zip(maps, grain, strict=True):
        one[:] = ndimage.gaussian_filter(one, blur)
        # A network's errors are as smooth as its maps, and less where it is certain.
        its = ndimage.gaussian_filter(its, blur) * (2 * np.sqrt(np.pi) * blur)
        one += noise * its * (0.1 + 4 * one * (1 - one))
    return np.clip(maps, 0, 1)


def touching(labels):
    """Return the share of the nuclei that share a component with another."""
    parts, _ = ndimage.label(labels > 0, np.ones((3,) * labels.ndim))
    _, first = np.unique(labels, return_index=True)
    part = parts.ravel()[first[1:]]
    return (np.bincount(part)[part] > 1).mean()


def seconds(function, runs):
    """Return the least time that a call takes: all else is other work."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


def report(shape, count, radius, width, runs):
    """Print how long decoding and the network take for an image of that shape."""
    model = Model.create(
        ModelConfig(ndim=len(shape), width=16, border_width=width), device="cpu"
    )
    made = model.formulation
    labels = nuclei(shape, count, radius)
    maps = maps_of(labels, made)
    found = made.decode(maps, made.thresholds)
    decoding = seconds(lambda: made.decode(maps, made.thresholds), runs)
    rng = np.random.default_rng(0)
    image = (20 + 80 * (labels > 0) + rng.normal(0, 5, shape))[None].astype(np.float32)
    stats, config = intensity_stats(Image(image)), PredictConfig()
    picture = Image(image)
    network = seconds(lambda: drain(predict_maps(model, picture, stats, config)), 1)
    size = " x ".join(map(str, shape))
    print(
        f"{size}, {count} nuclei, {touching(labels):.0%} of them touching, "
        f"{len(found.ids)} found, border {width} px:\n"
        f"  decode()       {decoding:6.3f} s\n"
        f"  predict_maps() {network:6.3f} s, decode() takes "
        f"{decoding / network:.3f} x as long"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    args = arguments(parser, runs=1)
    flat, deep = QUICK if args.quick else (FLAT, DEEP)
    torch.set_num_threads(1)
    print("one thread, network of width 16 without training")
    report(*flat, 1, args.runs)
    report(*flat, 2, args.runs)
    report(*deep, 1, args.runs)


if __name__ == "__main__":
    main()
