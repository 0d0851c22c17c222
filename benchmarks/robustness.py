"""What a model makes of other magnifications, other microscopes and empty fields.

    python benchmarks/robustness.py $NAPARI_UNET_DATA/dsb2018 [--model nuclei]

prints AP50 of the fluorescence `val` images resampled by 0.5, 1, 2 and 4, inverted, and
as the blue of an RGB merge, the error of the size that is estimated, AP50 of generated
fields of few, large nuclei with uneven background, blur and debris, and the objects
found where there are none.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from quick import arguments, nuclei
from scipy import ndimage

from napari_unet import Sample, drain, segment
from napari_unet.data.images import intensity_stats, normalise
from napari_unet.data.sizes import resample, typical_size
from napari_unet.files.datasets import find_pairs, load_samples
from napari_unet.models.model import Model
from napari_unet.scoring import metrics

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from nuclei import empty_fields, large_fields  # noqa: E402

ZOOMS = (0.5, 1.0, 2.0, 4.0)
SEED = 7_000  # of no generated image that was trained on


def magnified(sample: Sample, zoom: float) -> Sample:
    """Return a sample as a camera with other pixels would have given it."""
    if zoom == 1:
        return sample
    near = resample(sample, zoom)
    if sample.image.array.dtype.kind == "u":  # cameras give integers
        top = np.iinfo(sample.image.array.dtype).max
        near = replace(
            near,
            image=np.clip(np.round(near.image.array), 0, top).astype(
                sample.image.array.dtype
            ),
        )
    return near


def stretched(sample: Sample) -> np.ndarray:
    """Return the grey image (Y, X) from 0 to 1."""
    stats = intensity_stats(sample.image)
    return np.clip(normalise(sample.image.array, stats)[0], 0, 1)


def inverted(sample: Sample) -> Sample:
    """Return a fluorescence sample dark on bright."""
    image = 255 * (1 - stretched(sample))
    return replace(sample, image=image.astype(np.uint8)[None])


def merged(sample: Sample, rng: np.random.Generator) -> Sample:
    """Return a sample as blue nuclei among red and green light of the cells around."""
    blue = stretched(sample)
    cells = ndimage.gaussian_filter(blue, 6)
    cells = 0.6 * cells / max(cells.max(), 0.1)
    texture = 0.09 * ndimage.gaussian_filter(rng.random(blue.shape), 4)
    image = np.stack([0.5 * cells, cells + texture, blue]) * 255
    return replace(sample, image=image.clip(0, 255).astype(np.uint8), rgb=True)


def corner(sample: Sample) -> Sample:
    """Return the first 256 x 256 px of a sample."""
    box = slice(256), slice(256)
    image = sample.image.array[(slice(None), *box)]
    return replace(sample, image=image, labels=sample.labels[box])


def ap50(model: Model, samples: list[Sample]) -> tuple[float, int, np.ndarray]:
    """Return pooled AP50, the number of objects, and the errors of size in octaves."""
    found, errors = [], []
    for sample in samples:
        result = drain(segment(model, sample.image))
        found.append(metrics.match(sample.labels, result.labels))
        true = typical_size([sample])
        if true and result.object_size:
            errors.append(np.log2(result.object_size / true))
    scores = metrics.score(found)
    return scores.pooled.ap["0.50"], scores.objects, np.array(errors)


def show(what: str, found: tuple[float, int, np.ndarray], base: float | None) -> None:
    """Print one row."""
    value, objects, errors = found
    low, middle, high = np.percentile(errors, (5, 50, 95)) if len(errors) else [0] * 3
    change = "" if base is None else f"{value - base:+.3f}"
    print(
        f"{what:<28} AP50 {value:.3f} {change:>7} {objects:>6,} objects; size "
        f"{2**low:.2f} {2**middle:.2f} {2**high:.2f} of the true one (5, 50, 95 %)",
        flush=True,
    )


def main() -> None:
    """Print all rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--images", type=int, default=None, help="the first so many")
    given = arguments(parser, nuclei, images=1)
    model = Model.load(given.model)
    where = {"modality": "fluorescence"}
    samples = drain(load_samples(find_pairs(given.data, split="val", where=where)))
    samples = samples[: given.images]
    base = ap50(model, samples)
    for zoom in ZOOMS[:2] if given.quick else ZOOMS:
        found = (
            base if zoom == 1 else ap50(model, [magnified(s, zoom) for s in samples])
        )
        show(f"val x {zoom:g}", found, base[0])
    show("inverted", ap50(model, [inverted(s) for s in samples]), base[0])
    rng = np.random.default_rng(SEED)
    show("RGB merge", ap50(model, [merged(s, rng) for s in samples]), base[0])
    large = [corner(f) for f in large_fields(SEED, 1)] if given.quick else []
    show("generated large nuclei", ap50(model, large or large_fields(SEED)), None)
    fields = empty_fields(np.random.default_rng(SEED))[: 2 if given.quick else None]
    count = sum(len(drain(segment(model, s.image)).ids) for s in fields)
    pixels = sum(s.labels.size for s in fields) / 4e6
    print(
        f"empty fields: {count} objects in {len(fields)}, {count / pixels:.2f} a 4 Mpx"
    )


if __name__ == "__main__":
    main()
