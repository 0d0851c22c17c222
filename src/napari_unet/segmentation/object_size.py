"""The size of the objects in an image, estimated before it is segmented.

A model of any size predicts, beside the objects, how large each one is relative to
those that it knows. At the right magnification, the objects that are found are as large
as that map says; a quick look at a few of them finds the right one, and the image is
segmented at that.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from napari_unet.boxes import Box
from napari_unet.config import PredictConfig
from napari_unet.data.images import Image, Stats
from napari_unet.data.resampling import zoomed
from napari_unet.events import Event, Progress
from napari_unet.formulations.targets import OCTAVES
from napari_unet.models.model import Model
from napari_unet.segmentation.cache import MapCache, identity

# What a probe sees, in pixels of the network: the middle of a large image.
PROBE_PIXELS = 320 * 320
# Magnifications to probe, in octaves. Objects of 5 to 250 px are at one of them near
# enough to the known size to be measured.
PROBES_OCTAVES = (0.0, -1.0, -2.0, -3.0)
LEAST_EDGE_PX = 24
# Objects of less than 8 px are measured at none of them; they are looked for where
# something is seen that no probe measures well.
LITTLE_WORTH = 0.4
ENLARGED_OCTAVES = 1.0
# What seems smaller or larger is not believed, nor what is wider than a part of the
# image: noise and specks look like nuclei if only they are enlarged enough, and uneven
# light if it is shrunk enough. The user can say such sizes.
BELIEVED_PX = (6.5, 260.0)
WIDEST_PART = 1 / 3
# A probe so near to the known size needs no check, nor a less near one of much worth.
SURE_WORTH = 0.7
SURE_OCTAVES = 0.8
NEAR_OCTAVES = 0.2
MOST_CHECKS = 2
# By what part a probe counts less for each octave by which its objects are off: they
# are cut by its edge, or their outlines are coarse.
FAR_PER_OCTAVE = 0.05
# An object whose map of sizes and whose own size differ by less, in octaves, agrees.
AGREES_OCTAVES = 0.5
# Fewer pixels of objects than this, in objects of the known size, are no evidence.
LEAST_OBJECTS = 0.2
# What a probe is worth in which no object agrees: its map of sizes is all there is.
WITHOUT_AGREEMENT = 0.1
# Magnifications come in steps, octaves: finer ones tell nothing, and a network gets
# ready for each size of image anew.
STEPS_PER_OCTAVE = 8


@dataclass(frozen=True)
class _SizeProbe:
    """What one magnification showed.

    zoom : octaves by which the image was enlarged
    size : octaves by which the objects are larger there than those known
    worth : how well the map of sizes and the objects agree, 0 to 1; 0: nothing to see
    """

    zoom: float
    size: float = 0.0
    worth: float = 0.0

    @property
    def wanted(self) -> float:
        """Octaves of the zoom at which the objects would have the known size."""
        return self.zoom - self.size


def with_size(
    model: Model,
    picture: Image,
    stats: Stats,
    config: PredictConfig,
    cache: MapCache | None = None,
) -> Generator[Event, None, PredictConfig]:
    """Return the config with the size of the objects, where the model wants one.

    That is where the model knows any size and the user gave none. An image in which
    no objects are found is taken as it is.
    """
    if not model.config.any_size or config.object_size is not None:
        return config
    size = None
    key = cache.key(identity(model), picture, stats, config) if cache else ""
    if cache and key in cache.sizes:
        size = cache.sizes[key]
    elif not stats.constant:
        size = yield from estimate_size(model, picture, stats, config)
        if cache and key:
            cache.sizes[key] = size
    return config.replace(object_size=size or model.config.object_size)


def estimate_size(
    model: Model, picture: Image, stats: Stats, config: PredictConfig
) -> Generator[Event, None, float | None]:
    """Estimate the diameter of the objects in an image, in px, for a model of any size.

    Of a stack the middle plane is looked at. The threshold plays no part: what is seen
    at another one is still of the same size. None: no objects whose size is believed.
    """
    known = model.config.object_size
    assert known is not None
    if picture.ndim == 3:
        picture = picture.plane(picture.shape[0] // 2)
    array = picture.array
    probe = functools.partial(_probe, model, array, picture.rgb, stats, config)
    zooms = [
        z
        for z in PROBES_OCTAVES
        if not z or min(array.shape[1:]) * 2**z >= LEAST_EDGE_PX
    ]
    probes: list[_SizeProbe] = []
    for zoom in zooms:
        probes.append(probe(zoom))
        yield Progress("estimating the size", len(probes), len(zooms) + 1)
    if probes[0].worth and max(seen.worth for seen in probes) < LITTLE_WORTH:
        probes.append(probe(ENLARGED_OCTAVES))
    best = max(probes, key=_trust)
    for _ in range(MOST_CHECKS):
        close = SURE_OCTAVES if best.worth > SURE_WORTH else NEAR_OCTAVES
        if not best.worth or abs(best.size) < close:
            break
        zoom = _step(best.wanted)
        if zoom in [seen.zoom for seen in probes]:
            break
        probes.append(probe(zoom))
        yield Progress("estimating the size", len(probes), len(probes) + 1)
        best = max(probes, key=_trust)
    zoom = _step(best.wanted)
    size = float(known * 2.0**-zoom)
    most = min(BELIEVED_PX[1], WIDEST_PART * min(array.shape[1:]))
    if best.worth <= WITHOUT_AGREEMENT or not BELIEVED_PX[0] <= size <= most:
        return None
    return size


def _trust(seen: _SizeProbe) -> float:
    """Return how much a probe is worth beside others, most at the known size."""
    return seen.worth * (1 - FAR_PER_OCTAVE * abs(seen.size))


def _step(zoom: float) -> float:
    return round(zoom * STEPS_PER_OCTAVE) / STEPS_PER_OCTAVE


def _probe(
    model: Model,
    array: np.ndarray,
    rgb: bool,
    stats: Stats,
    config: PredictConfig,
    zoom: float,
) -> _SizeProbe:
    """See how large objects are at one magnification.

    At the right one, objects are found whose own size is what the map of sizes says; at
    a wrong one, they fall into pieces or into one, and the two disagree.
    """
    known = model.config.object_size
    assert known is not None
    part = np.asarray(array[(slice(None), *_middle(array.shape[1:], zoom))])
    seen = model.prepare(zoomed(part, 2.0**zoom), rgb, stats)
    maps = model.maps(seen[None], config.precision, config.level)[0]
    thresholds = model.thresholds
    inside = maps[0] > thresholds["foreground"]
    one = math.pi / 4 * known**2
    if inside.sum() < LEAST_OBJECTS * one:
        return _SizeProbe(zoom)
    certain = float(maps[0][inside].mean())
    told = float(np.median(_octaves(maps[3][inside])))
    found = model.formulation.decode(maps, thresholds)
    if not len(found.ids):
        return _SizeProbe(zoom, told, WITHOUT_AGREEMENT * certain)
    index = np.searchsorted(found.ids, found.labels[found.labels > 0])
    own = np.log2(np.sqrt(found.area / one))
    mean = np.bincount(index, maps[3][found.labels > 0]) / found.area
    agrees = np.abs(own - _octaves(mean)) < AGREES_OCTAVES
    agreeing = float(found.area[agrees].sum() / inside.sum())
    if agreeing < WITHOUT_AGREEMENT:
        return _SizeProbe(zoom, told, WITHOUT_AGREEMENT * certain)
    order = np.argsort(found.area)
    total = np.cumsum(found.area[order])
    typical = own[order][np.searchsorted(total, total[-1] / 2)]
    return _SizeProbe(zoom, float(typical), agreeing * certain)


def _octaves(size: np.ndarray) -> np.ndarray:
    """Return the map of sizes as octaves from the known size."""
    return (size - 0.5) * 2 * OCTAVES


def _middle(shape: tuple[int, ...], zoom: float) -> Box:
    """Return the middle of an image that a probe takes in."""
    edge = math.sqrt(PROBE_PIXELS) / 2.0**zoom
    box = []
    for axis, n in enumerate(shape):
        # A narrow image is looked at along more of its length.
        other = shape[1 - axis]
        length = min(n, max(edge, edge * edge / max(other, 1)))
        start = int((n - length) // 2)
        box.append(slice(start, start + math.ceil(length)))
    return tuple(box)
