"""The size of the objects in an image, estimated before it is segmented.

A model of any size predicts, beside the objects, how large each one is relative to
those that it knows. A quick look at a few magnifications finds the one at which they
have the known size; the image is then segmented at that one.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from .config import PredictConfig
from .events import Box, Event, Progress
from .formulations.instances import OCTAVES
from .model import Model
from .prediction import Picture
from .resampling import zoomed
from .samples import Stats

# What is looked at, in pixels of the network: a part of a large image.
LOOK_PIXELS = 640 * 640
# Magnifications to start from, in octaves. At one of them objects from 5 to 250 px are
# within what the network's map of sizes tells well.
LOOKS = (0.0, -1.0, -2.0)
# An estimate so close to the known size needs no second look, octaves.
CLOSE = 0.5
MOST_LOOKS = 3
# Fewer pixels of objects than this, at the known size, are no evidence.
LEAST_OBJECTS = 0.5
# Nor is it worth resampling for less, octaves.
TOLERATED = 0.1


@dataclass(frozen=True)
class _Look:
    """What one magnification showed.

    zoom : octaves by which the image was enlarged
    size : octaves by which the objects are larger than known, there
    evidence : pixels of objects there, in objects of the known size
    """

    zoom: float
    size: float
    evidence: float

    @property
    def wanted(self) -> float:
        """Octaves of the zoom at which the objects would have the known size."""
        return self.zoom - self.size


def with_size(
    model: Model, picture: Picture, stats: Stats, config: PredictConfig
) -> Generator[Event, None, PredictConfig]:
    """Return the config with the size of the objects, where the model wants one.

    That is where the model knows any size and the user gave none. An image in which
    no objects are found is taken as it is.
    """
    if not model.config.any_size or config.object_size is not None:
        return config
    size = None
    if any(a < b for a, b in zip(stats.low, stats.high, strict=True)):
        size = yield from estimate_size(model, picture, stats, config)
    return config.replace(object_size=size or model.config.object_size)


def estimate_size(
    model: Model, picture: Picture, stats: Stats, config: PredictConfig
) -> Generator[Event, None, float | None]:
    """Estimate the diameter of the objects in an image, in px.

    Parameters
    ----------
    model : Model
        Of any size.
    picture : Picture
        (C, Y, X), or (C, Z, Y, X), of which the middle plane is looked at.
    stats : Stats
        Intensities that become 0 and 1.
    config : PredictConfig
        For the threshold and the precision.

    Returns
    -------
    float or None
        None where no objects are found.
    """
    known = model.config.object_size
    assert known is not None
    array = picture.array
    if len(picture.shape) == 3:
        array = array[:, picture.shape[0] // 2]
    looks: list[_Look] = []
    for zoom in LOOKS:
        looks.append(_look(model, array, picture.rgb, stats, config, zoom))
        yield Progress("estimating the size", len(looks), len(LOOKS) + 1)
    for _ in range(MOST_LOOKS):
        best = _best(looks)
        if best is None:
            return None
        if abs(best.size) < CLOSE:
            break
        looks.append(_look(model, array, picture.rgb, stats, config, best.wanted))
        yield Progress("estimating the size", len(looks), len(looks) + 1)
    best = _best(looks)
    if best is None or abs(best.wanted) < TOLERATED:
        return known if best else None
    return float(known * 2.0**-best.wanted)


def _best(looks: list[_Look]) -> _Look | None:
    """Return the look to believe: much to see, of about the known size."""
    seen = [look for look in looks if look.evidence >= LEAST_OBJECTS]
    if not seen:
        return None
    # Evidence counts objects, of which smaller magnifications show more; what is far
    # from the known size is told badly.
    return max(seen, key=lambda s: math.log2(s.evidence) - 3 * abs(s.size))


def _look(
    model: Model,
    array: np.ndarray,
    rgb: bool,
    stats: Stats,
    config: PredictConfig,
    zoom: float,
) -> _Look:
    """See how large objects are at one magnification."""
    known = model.config.object_size
    assert known is not None
    part = np.asarray(array[(slice(None), *_middle(array.shape[1:], zoom))])
    seen = model.prepare(zoomed(part, 2.0**zoom), rgb, stats)
    maps = model.maps(seen[None], config.precision)[0]
    threshold = config.threshold or model.thresholds["foreground"]
    inside = maps[0] > threshold
    evidence = inside.sum() / (math.pi / 4 * known**2)
    if not inside.any():
        return _Look(zoom, 0.0, 0.0)
    size = (float(np.median(maps[3][inside])) - 0.5) * 2 * OCTAVES
    return _Look(zoom, size, float(evidence))


def _middle(shape: tuple[int, ...], zoom: float) -> Box:
    """Return the middle of an image that a look takes in."""
    edge = math.sqrt(LOOK_PIXELS) / 2.0**zoom
    box = []
    for axis, n in enumerate(shape):
        # A narrow image is looked at along more of its length.
        other = shape[1 - axis]
        length = min(n, max(edge, edge * edge / max(other, 1)))
        start = int((n - length) // 2)
        box.append(slice(start, start + math.ceil(length)))
    return tuple(box)
