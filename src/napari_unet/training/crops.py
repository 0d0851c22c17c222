"""Samples ready for training, and the random crops drawn from them."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from napari_unet.boxes import bounds
from napari_unet.config import AugmentConfig
from napari_unet.data.images import Stats, intensity_stats
from napari_unet.data.outside import seen_in_training
from napari_unet.data.samples import Sample
from napari_unet.data.sizes import views
from napari_unet.events import Event, Note, Progress
from napari_unet.formulations.base import Formulation
from napari_unet.formulations.targets import touching_border
from napari_unet.models.model import Model
from napari_unet.training.augment import Batch, margin, turn, warp, warps
from napari_unet.training.intensities import vary

# Half of the crops are centred on an object, so that sparse images teach too; of these,
# so many near a place where objects touch, if there are any.
ON_OBJECTS = 0.5
ON_TOUCHING = 0.5
MOST_TOUCHING = 1000

Crop = tuple[np.ndarray, np.ndarray, np.ndarray]  # image, target and weight


@dataclass
class Encoded:
    """A sample with its targets and statistics, made once.

    share : how often it is drawn, relative to samples of its area
    original : the sample as it was given; `sample` may be a resampled one
    target : (maps, [Z,] Y, X) float16
    weight : (maps, [Z,] Y, X) uint8
    centres : (N, ndim) centres of the objects, px
    touching : (M, ndim) places where objects touch, px
    annotated : box around what is annotated
    """

    sample: Sample
    target: np.ndarray
    weight: np.ndarray
    stats: Stats
    centres: np.ndarray
    touching: np.ndarray
    annotated: tuple[slice, ...]
    share: float = 1.0
    original: Sample | None = None

    @property
    def given(self) -> Sample:
        """The sample as it was given."""
        return self.sample if self.original is None else self.original


def encode(
    sample: Sample, formulation: Formulation, percentiles: tuple[float, float]
) -> Encoded:
    """Make the targets and the intensity statistics of one sample."""
    target, weight = formulation.encode(
        sample.labels, sample.mask, sample.spacing, sample.objects
    )
    stats = intensity_stats(sample.image, percentiles)
    objects = sample.annotated_objects
    centres = np.array(
        [[(s.start + s.stop) // 2 for s in box] for box in objects.boxes], int
    ).reshape(-1, sample.ndim)
    annotated = None if sample.mask is None else bounds(sample.mask)
    annotated = annotated or tuple(slice(0, n) for n in sample.shape)
    touching = centres[:0]
    if formulation.instances:
        near = np.flatnonzero(touching_border(objects.compact, 1))
        near = near[:: 1 + len(near) // MOST_TOUCHING]
        touching = np.stack(np.unravel_index(near, sample.shape), axis=1)
    return Encoded(sample, target, weight, stats, centres, touching, annotated)


def encode_views(sample: Sample, model: Model, judges: bool = False) -> list[Encoded]:
    """Encode a sample as the network is to see it: resampled, for models of any size.

    One that `judges` has no smaller views.
    """
    seen, _ = seen_in_training(sample, model.config.percentiles)
    return _encode_seen(sample, seen, model, judges)


def _encode_seen(
    sample: Sample, seen: Sample, model: Model, judges: bool
) -> list[Encoded]:
    encoded = []
    shown = views(seen, model.config)
    for view, share in itertools.islice(shown, 1) if judges else shown:
        one = encode(view, model.formulation, model.config.percentiles)
        encoded.append(replace(one, share=share, original=sample))
    return encoded


def encode_all(
    samples: Sequence[Sample], model: Model, judges: bool = False
) -> Generator[Event, None, list[Encoded]]:
    """Encode samples one by one, telling the progress and what is not learnt.

    See :func:`encode_views`.
    """
    encoded, odd = [], []
    for done, sample in enumerate(samples):
        yield Progress("encoding", done, len(samples))
        seen, outside = seen_in_training(sample, model.config.percentiles)
        encoded += _encode_seen(sample, seen, model, judges)
        odd += [f"{sample.name}: {note}" for note in outside.notes()][:1]
    yield Progress("encoding", len(samples), len(samples))
    if odd:
        more = f"; {len(odd) - 1} more images are like that" if len(odd) > 1 else ""
        yield Note(f"{odd[0]}; nothing is learnt there{more}")
    return encoded


def image_weights(samples: Sequence[Encoded]) -> np.ndarray:
    """Return how often each sample is drawn: by the root of its area.

    By the area itself, few large images would drown many small ones of other kinds.
    Views of one sample share its part.
    """
    area = np.array([np.prod(e.given.shape, dtype=float) for e in samples]) ** 0.5
    area *= [e.share for e in samples]
    weights: np.ndarray = area / area.sum()
    return weights


def draw(
    samples: Sequence[Encoded],
    weights: np.ndarray,
    model: Model,
    patch: tuple[int, ...],
    batch: int,
    config: AugmentConfig,
    rng: np.random.Generator,
    generator: torch.Generator,
) -> Batch:
    """Draw random crops and augment them, on the generator's device."""
    parts, device = [], generator.device
    for some in cut(samples, weights, model, patch, batch, config, rng):
        stacked = [np.stack(arrays) for arrays in zip(*some.turned, strict=True)]
        part = Batch(*(torch.from_numpy(a).to(device).float() for a in stacked))
        if some.shape != patch:
            maps, spacing = model.formulation.maps, model.config.spacing
            any_size = model.config.any_size
            part = warp(part, config, patch, maps, spacing, generator, any_size)
        parts.append(part)
    of_all = zip(*((p.image, p.target, p.weight) for p in parts), strict=True)
    whole = Batch(*map(torch.cat, of_all))
    shared = model.config.input in ("grey", "rgb")
    whole.image = vary(whole.image, config, shared, generator)
    return whole


def seed_step(seed: int, step: int, generator: torch.Generator) -> np.random.Generator:
    """Derive all randomness of a step, from 0: seeds one generator, returns another."""
    rng = np.random.default_rng([seed, step])
    generator.manual_seed(int(rng.integers(2**62)))
    return rng


@dataclass(frozen=True, eq=False)
class Cut:
    """Crops that are about to be varied.

    shape : that of the patch, or larger where they are to be warped, px
    plain : as they lie in their images
    turned : the same, mirrored and turned
    """

    shape: tuple[int, ...]
    plain: list[Crop]
    turned: list[list[np.ndarray]]


def cut(
    samples: Sequence[Encoded],
    weights: np.ndarray,
    model: Model,
    patch: tuple[int, ...],
    batch: int,
    config: AugmentConfig,
    rng: np.random.Generator,
) -> Iterator[Cut]:
    """Cut random crops: first those that stay as they are, then those to be warped."""
    warped = rng.random(batch) < config.part if warps(config) else np.zeros(batch, bool)
    for chosen, shape in ((~warped, patch), (warped, margin(config, patch))):
        some = Cut(shape, [], [])
        for _ in range(int(chosen.sum())):
            crop = _crop(samples, weights, model, patch, shape, rng)
            some.plain.append(crop)
            some.turned.append(turn(crop, config, model.config.spacing, rng))
        if some.plain:
            yield some


def _crop(
    samples: Sequence[Encoded],
    weights: np.ndarray,
    model: Model,
    patch: tuple[int, ...],
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> Crop:
    """Cut one crop of `shape` around a patch that lies inside a random sample."""
    encoded = samples[rng.choice(len(samples), p=weights)]
    size = encoded.sample.shape
    if len(encoded.centres) and rng.random() < ON_OBJECTS:
        near = bool(len(encoded.touching)) and rng.random() < ON_TOUCHING
        places = encoded.touching if near else encoded.centres
        centre = places[rng.integers(len(places))]
        centre = centre + rng.integers(-np.array(patch) // 4, np.array(patch) // 4 + 1)
    else:
        box = encoded.annotated
        centre = rng.integers([s.start for s in box], [s.stop for s in box])
    start = np.clip(
        centre - np.array(patch) // 2, 0, np.maximum(0, np.array(size) - patch)
    )
    start = start - (np.array(shape) - patch) // 2
    index = tuple(
        _mirrored(a, n, m) for a, n, m in zip(start, shape, size, strict=True)
    )
    image = _take(encoded.sample.image.array, index)
    prepared = model.prepare(image, encoded.sample.rgb, encoded.stats)
    return prepared, _take(encoded.target, index), _take(encoded.weight, index)


def _mirrored(start: int, length: int, size: int) -> slice | np.ndarray:
    """Return an index of `length` px from `start`, mirrored beyond the image."""
    if 0 <= start and start + length <= size:
        return slice(start, start + length)
    index = np.arange(start, start + length) % (2 * size)
    return np.where(index < size, index, 2 * size - 1 - index)


def _take(array: np.ndarray, index: tuple[slice | np.ndarray, ...]) -> np.ndarray:
    """Index all axes but the first; a view where no axis is mirrored."""
    for axis, where in enumerate(index, start=1):
        array = array[(slice(None),) * axis + (where,)]
    return array
