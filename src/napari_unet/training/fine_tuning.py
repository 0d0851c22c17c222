"""Training from a model: what it knows already, and what it rehearses meanwhile.

A model that is trained on a few objects of a kind that it knows forgets the rest of
what it knew: small steps, thresholds that stay, and crops of its own images between the
new ones (rehearsal; Robins, Connection Science 7, 1995) keep it. One that meets a new
kind needs large steps. How well it does on what was annotated tells which.
"""

from __future__ import annotations

import io
import json
import math
import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from napari_unet.atomic import reason
from napari_unet.boxes import Box
from napari_unet.config import TrainConfig
from napari_unet.config.train import RATE
from napari_unet.data.images import Image, Stats, normalise
from napari_unet.data.samples import Sample
from napari_unet.events import Event
from napari_unet.models.archives import ARCHIVE_ERRORS, check_archive
from napari_unet.models.card import UNKNOWN
from napari_unet.models.model import Model
from napari_unet.scoring.paired import gain
from napari_unet.training.crops import Encoded, encode
from napari_unet.training.validation import Validation, validate

# Of the rate, for a model that finds all of the annotated objects already.
SMALLEST_RATE = 0.1
# Quality on what was annotated from which on a model knows the kind; below UNKNOWN its
# thresholds, too, are of no use.
KNOWN = 0.5
NEAR = 0.25  # of the median distance: how far crops that are alike may be apart
MOST_JUDGED = 4 * 2**20  # pixels that are looked at to find out

MOST_BYTES = 2 * 2**20
MOST_UNPACKED = 64 * 2**20
MOST_CROPS = 128
CROP = {2: (160, 160), 3: (24, 64, 64)}
# Intensities are kept in 8 bits: what normalisation maps to 0 and 1, with room beyond.
LOW, HIGH = 32, 160


@dataclass(frozen=True)
class Start:
    """How a training begins that starts from a model.

    quality : of the model as it is, on what was annotated: AP50 of objects, IoU of
        classes; None where nothing is there to tell
    """

    quality: float | None

    @property
    def knowledge(self) -> float:
        """From 0, a new kind of objects, to 1, one that the model knows, or may."""
        if self.quality is None:
            return 1.0
        return float(np.clip((self.quality - UNKNOWN) / (KNOWN - UNKNOWN), 0, 1))

    @property
    def rate(self) -> float:
        """Learning rate, between that of a training from scratch and a tenth of it."""
        return float(RATE * SMALLEST_RATE**self.knowledge)


def look(
    model: Model, samples: Sequence[Encoded], config: TrainConfig
) -> Generator[Event, None, Start]:
    """Find out how much of what was annotated a model knows; samples as for training.

    Images are looked at until there are 4 Mpx of them.
    """
    views: list[Encoded] = []
    pixels = 0
    for encoded in {id(e.given): e for e in reversed(samples)}.values():
        if len(encoded.centres) and (not views or pixels < MOST_JUDGED):
            views.append(encoded)
            pixels += math.prod(encoded.sample.shape)
    if not views:
        return Start(None)
    found = yield from validate(model, views, config.replace(thresholds=False))
    return Start(found.metrics["ap50" if model.formulation.instances else "iou"])


def keep_statistics(network: torch.nn.Module) -> None:
    """Let batch normalisation use the statistics that it has, and not change them.

    Those of a few crops of one image are not those of all that a model knows.
    """
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            module.eval()


def alike(
    model: Model, crops: Sequence[Encoded], samples: Sequence[Encoded]
) -> np.ndarray:
    """Return how often each crop is rehearsed, sum 1: the more, the more alike.

    What a new image moves is first of all what the model does on images like it. Alike
    are those whose intensities, as the network sees them, have like means, spreads and
    skews.
    """
    here = np.stack([_moments(model, e) for e in samples])
    there = np.stack([_moments(model, e) for e in crops])
    spread = there.std(axis=0) + 1e-3
    far = ((there[:, None] - here[None]) / spread) ** 2
    distance = far.mean(axis=2).min(axis=1)
    weights = np.exp(-distance / max(NEAR * float(np.median(distance)), 1e-6)) + 1e-6
    return np.asarray(weights / weights.sum())


def _moments(model: Model, encoded: Encoded) -> np.ndarray:
    """Return mean, spread and skew of what is annotated, per channel."""
    sample = encoded.sample
    part = sample.image.array[(slice(None), *encoded.annotated)]
    seen = model.prepare(part, sample.rgb, encoded.stats)
    values = np.clip(seen, -0.5, 1.5).reshape(len(seen), -1).astype(float)
    mean, spread = values.mean(axis=1), values.std(axis=1)
    cubes = ((values - mean[:, None]) ** 3).mean(axis=1)
    return np.asarray(np.concatenate([mean, spread, np.cbrt(cubes)]))


def compared(start: Validation, end: Validation) -> dict[str, Any]:
    """Return what the card says of the gain over the model to start from.

    Returns
    -------
    dict
        `score` of the model to start from; for objects also `gain`, the difference,
        `low` and `high`, where it lies in 90 % of resamples, `objects`, `verdict`.
    """
    said: dict[str, Any] = {"score": round(start.score, 4)}
    if not start.matchings:
        return said | {"gain": round(end.score - start.score, 4)}
    found = gain(start.matchings, end.matchings)
    figures = {"gain": found.mean9, "low": found.low, "high": found.high}
    said |= {name: round(value, 4) for name, value in figures.items()}
    return said | {"objects": found.objects, "verdict": found.verdict}


def pack(samples: Sequence[Encoded], weights: np.ndarray, seed: int = 0) -> bytes:
    """Return crops with their labels, for a later training that starts from the model.

    Parameters
    ----------
    samples : sequence of Encoded
        As they were trained on.
    weights : (N,) array of float
        How often each is drawn, sum 1.
    seed : int

    Returns
    -------
    bytes
        Of a compressed .npz archive of at most 2 MiB: images in 8 bits, labels, masks.
    """
    rng = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}
    about: list[dict[str, Any]] = []
    size = 0
    while len(about) < MOST_CROPS:
        encoded = samples[rng.choice(len(samples), p=weights)]
        parts = _cut(encoded, rng)
        size += sum(len(zlib.compress(a.tobytes())) + 300 for a in parts.values())
        if size > MOST_BYTES:
            break
        image = encoded.sample.image
        arrays |= {f"{name} {len(about)}": part for name, part in parts.items()}
        known = {"rgb": image.rgb, "channels": image.channels, "spacing": image.spacing}
        about.append({**known, "name": image.name})
    stream = io.BytesIO()
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez_compressed(stream, allow_pickle=False, about=text, **arrays)
    return stream.getvalue()


def unpack(data: bytes, model: Model) -> list[Encoded]:
    """Return the crops of :func:`pack`, ready for training.

    Raises
    ------
    ValueError
        If they are damaged, or too large.
    """
    try:
        check_archive(io.BytesIO(data), MOST_UNPACKED)
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].tobytes())
            return [_encoded(arrays, i, known, model) for i, known in enumerate(about)]
    except (OSError, SyntaxError, AttributeError, *ARCHIVE_ERRORS) as error:
        raise ValueError(
            f"the crops that the model brings along cannot be read ({reason(error)}); "
            "copy the "
            "model again, or train with --rehearsal 0"
        ) from None


def _encoded(arrays: Any, index: int, known: dict[str, Any], model: Model) -> Encoded:
    about = {key: known[key] for key in ("rgb", "name")}
    about["channels"] = tuple(known["channels"])
    about["spacing"] = known["spacing"] and tuple(known["spacing"])
    image = Image(arrays[f"image {index}"], **about)
    name = f"mask {index}"
    mask = arrays[name] if name in arrays else None
    sample = Sample(image, arrays[f"labels {index}"], mask=mask)
    encoded = encode(sample, model.formulation, model.config.percentiles)
    count = len(encoded.stats.low)
    return replace(encoded, stats=Stats((LOW,) * count, (HIGH,) * count))


def _cut(encoded: Encoded, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Cut a crop around a random object; returns its image, labels and mask."""
    sample = encoded.sample
    box = _box(encoded, rng)
    prepared = normalise(sample.image.array[(slice(None), *box)], encoded.stats)
    scaled = np.rint(LOW + (HIGH - LOW) * prepared)
    labels = sample.labels[box]  # with their numbers, which may be those of classes
    parts = {
        "image": np.clip(scaled, 0, 255).astype(np.uint8),
        "labels": labels.astype(np.min_scalar_type(int(labels.max()))),
    }
    if sample.mask is not None:
        parts["mask"] = sample.mask[box]
    return parts


def _box(encoded: Encoded, rng: np.random.Generator) -> Box:
    shape = encoded.sample.shape
    centre = [n // 2 for n in shape]
    if len(encoded.centres):
        centre = encoded.centres[rng.integers(len(encoded.centres))]
    size = CROP[len(shape)]
    starts = [
        int(np.clip(c - s // 2, 0, max(0, n - s)))
        for c, s, n in zip(centre, size, shape, strict=True)
    ]
    return tuple(
        slice(a, min(n, a + s)) for a, s, n in zip(starts, size, shape, strict=True)
    )
