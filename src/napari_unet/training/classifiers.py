"""Pixel classifiers in the place of a network: what one is to beat, in seconds.

Some annotated pixels are drawn, their features computed, and a classifier fitted to
them; validation, thresholds and the folder on disk are those of a network.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch

from napari_unet.boxes import grow
from napari_unet.config import ModelConfig, PredictConfig, TrainConfig
from napari_unet.config.model import OF_NETWORKS
from napari_unet.data.images import Image, Stats
from napari_unet.data.samples import Sample, data_hash
from napari_unet.events import Control, Event, Note, Progress
from napari_unet.locks import FolderLock
from napari_unet.models.model import Model
from napari_unet.networks.pixel_classifiers import (
    LEAST_PROBABILITY,
    PixelClassifier,
    pixel_features,
)
from napari_unet.segmentation.prediction import plan_tiles
from napari_unet.text import version
from napari_unet.training.checkpoint import history_row, write_history
from napari_unet.training.crops import Encoded, encode_all
from napari_unet.training.pixel_fitting import FITS
from napari_unet.training.preview import illustrate, preview
from napari_unet.training.setup import StartingPoint, card_of, claim, prepare
from napari_unet.training.validation import Validation, epoch_end, validate

FIRST_PIXELS = 2**14
# More pixels gain little: neighbours are much alike.
MOST_PIXELS = 12_000
# Share of a class among all pixels, to the power of this, is its share in the fit.
PRIOR = 0.5


def train_classifier(
    start: StartingPoint,
    samples: Sequence[Sample],
    validation: Sequence[Sample] | None,
    folder: Path,
    device: str,
    control: Control,
    lock: FolderLock,
) -> Generator[Event, None, Model]:
    """Train a pixel classifier and save it; see :func:`napari_unet.train`."""
    began, config = time.monotonic(), start.config
    prepared = yield from prepare(start, samples, validation, device)
    yield from _unused(config, start.wanted)
    model = prepared.model
    training = yield from encode_all(prepared.training, model)
    judges = yield from encode_all(prepared.judges, model, judges=True)
    loss = yield from fit_classifier(model, training, config.seed, control)
    found: Validation | None = None
    if judges:
        found = yield from validate(model, judges, config)
        model.thresholds = dict(found.thresholds)
    seconds = time.monotonic() - began
    model.card = card_of(config, prepared, data_hash(prepared.given))
    model.card |= {"steps": 1, "seconds": round(seconds, 1)}
    model.card["versions"]["scikit-learn"] = version("scikit-learn")
    if found:
        model.card["validation"] |= found.summary()
    claim(lock, folder)
    model.save(folder)
    figures = {"epoch": 1, "step": 1, "loss": loss, "best": True, "seconds": seconds}
    end = epoch_end(found, **figures, seconds_left=0.0)
    write_history(folder, [history_row(end)])
    yield end
    seen: dict[str, tuple[Image, Stats]] = {}
    for most in (FIRST_PIXELS, None):  # the middle is there in a second
        yield from preview(model, prepared.given, seen, control, 1, most)
    yield from illustrate(model, (judges or training)[0])
    model.save(folder)
    return Model.load(folder, device)


def _unused(config: TrainConfig, wanted: ModelConfig) -> Iterator[Note]:
    """Tell which options that were given do not count."""
    names = [
        name
        for given in (wanted, config)
        for name in sorted(given.model_fields_set & OF_NETWORKS)
        if getattr(given, name)
        != type(given).model_fields[name].get_default(call_default_factory=True)
    ]
    if names:
        verb = "is" if len(names) == 1 else "are"
        yield Note(f"{', '.join(names)} {verb} not used by network {wanted.network}")


def fit_classifier(
    model: Model, samples: Sequence[Encoded], seed: int, control: Control
) -> Generator[Event, None, float]:
    """Fit the classifier of a model; returns the mean of -log p over the pixels.

    A ValueError where all annotated pixels are of one class.
    """
    rng = np.random.default_rng([seed])
    known = [classes_of(e, model.formulation.instances) for e in samples]
    classifier = cast(PixelClassifier, copy.deepcopy(model.network).cpu())
    there = np.zeros(classifier.classes)
    for k in known:
        there += np.bincount(k[k >= 0], minlength=len(there))
    if np.count_nonzero(there) < 2:
        raise ValueError(
            "all annotated pixels are of one class, so there is nothing to tell apart; "
            "annotate some background and some objects"
        )
    chosen = draw_pixels(known, MOST_PIXELS, rng)
    rows, classes = [], []
    for done, (encoded, k, where) in enumerate(
        zip(samples, known, chosen, strict=True), start=1
    ):
        rows.append((yield from _rows(model, encoded, where, classifier.features)))
        classes.append(k.ravel()[where])
        yield Progress("features", done, len(samples))
    x, y = np.concatenate(rows), np.concatenate(classes)
    drawn = np.bincount(y, minlength=len(there))
    share = there**PRIOR / np.maximum(drawn, 1)
    weight = share[y] / share[y].mean()
    yield from FITS[type(classifier)](classifier, x, y, weight, seed, control)
    model.network.load_state_dict(classifier.state_dict())
    p = classifier.by_parts(torch.from_numpy(x)).numpy()
    right = np.maximum(p[np.arange(len(y)), y], LEAST_PROBABILITY)
    return float(np.average(-np.log(right), weights=weight))


def classes_of(encoded: Encoded, instances: bool) -> np.ndarray:
    """Return the class of each pixel, ([Z,] Y, X) int8; -1 where it is not known."""
    first = encoded.target[0].astype(np.int8)
    if instances:
        # A gap between two objects is background: it must not count as foreground.
        first = np.where((encoded.target[1] > 0) & (first > 0), np.int8(2), first)
    return np.where(encoded.weight[0] > 0, first, np.int8(-1))


def draw_pixels(
    known: Sequence[np.ndarray], count: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Draw pixels, as many of each class, and of each class as many from each image.

    Where a class, or an image, has fewer, others have more. `known` is the class of
    each pixel, an array an image, -1 where it is not known; returned are flat indices,
    rising.
    """
    most = max(int(k.max()) for k in known) + 1
    there = np.array([np.bincount(k[k >= 0], minlength=most) for k in known])
    shares = [
        divided(there[:, c], n) for c, n in enumerate(divided(there.sum(0), count))
    ]
    drawn = []
    for image, k in enumerate(known):
        flat = k.ravel()
        parts = [
            rng.choice(np.flatnonzero(flat == c), share[image], replace=False)
            for c, share in enumerate(shares)
        ]
        drawn.append(np.sort(np.concatenate(parts)))
    return drawn


def divided(available: Sequence[int] | np.ndarray, total: int) -> list[int]:
    """Divide a total evenly, as far as each part is available.

    Examples
    --------
    >>> divided([2, 100, 100], 20)
    [2, 9, 9]
    """
    shares = [0] * len(available)
    for place, i in enumerate(np.argsort(available, kind="stable")):
        shares[i] = min(int(available[i]), total // (len(available) - place))
        total -= shares[i]
    return shares


def _rows(
    model: Model, encoded: Encoded, where: np.ndarray, features: int
) -> Generator[Event, None, np.ndarray]:
    """Return the features of some pixels, (P, features), reading only around them."""
    sample = encoded.sample
    rows = np.zeros((len(where), features), np.float32)
    if not len(where):
        return rows
    places = np.array(np.unravel_index(where, sample.shape))
    box = tuple(
        slice(int(a), int(b) + 1)
        for a, b in zip(places.min(1), places.max(1), strict=True)
    )
    box = grow(box, max(model.halo), sample.shape)
    image = sample.image.part(box)
    places -= np.array([[s.start] for s in box])
    plan = plan_tiles(model, image.shape, PredictConfig())
    for done, tile in enumerate(plan, start=1):
        inside = np.all(
            [
                (s.start <= p) & (p < s.stop)
                for s, p in zip(tile.write, places, strict=True)
            ],
            axis=0,
        )
        if inside.any():
            read = np.asarray(image.part(tile.read).array)
            seen = model.prepare(read, sample.rgb, encoded.stats)
            start = np.array([[s.start] for s in tile.read])
            rows[inside] = pixel_features(seen)[tuple(places[:, inside] - start)]
        yield Progress("computing features", done, len(plan))
    return rows
