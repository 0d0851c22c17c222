"""Maps kept in memory: other thresholds cost no network, and give what it would."""

import numpy as np
import pytest

from napari_unet.config import ModelConfig, PredictConfig
from napari_unet.data.images import ImageSeries, Stats
from napari_unet.events import Control, TileDone, drain
from napari_unet.models.model import Model
from napari_unet.segmentation.cache import MapCache
from napari_unet.segmentation.segment import segment
from napari_unet.segmentation.tiles import rounded, unrounded
from support.made import blobs, echo, maps_of, segmented, shaken
from support.sizes import discs, ruler

OTHERS = (
    PredictConfig(threshold=0.3),
    PredictConfig(threshold=0.6, smallest=9, link=0.9),
    PredictConfig(score=0.55, block=64),
    PredictConfig(smallest=0, score=0.0, tile=64),
)


def real(ndim=2, **options):
    """An untrained network, so that thresholds matter everywhere."""
    config = ModelConfig(ndim=ndim, depth=2, width=4, **options)
    return shaken(Model.create(config, 1, "cpu"))


def noisy(model):
    """What echoes of noisy maps say: objects of all scores."""
    rng = np.random.default_rng(0)
    shape = (24, 40, 44) if model.config.ndim == 3 else (90, 80)
    maps = maps_of(model, blobs(1, shape, 30, (4, 7)).labels)
    return np.clip(maps * rng.uniform(0.5, 1, shape).astype(np.float32), 0, 1)


MAKERS = {
    "objects in 2D": lambda: (echo(), noisy(echo()), {}),
    "objects in 3D": lambda: (echo(3), noisy(echo(3)), {}),
    "planes of a stack": lambda: (
        echo(),
        np.stack([noisy(echo()), noisy(echo()) * np.float32(0.9)], 1),
        {},
    ),
    "a network": lambda: (real(), blobs(2).image.array, {}),
    "classes": lambda: (real(formulation="semantic"), blobs(2).image.array, {}),
    "an estimated size": lambda: (
        ruler(),
        discs(50)[0] * np.float32(0.8),
        {"stats": Stats((0,), (1,))},
    ),
}


def forbid(monkeypatch, model):
    def never(self, images, precision="auto", level=None):
        raise AssertionError("the network ran")

    monkeypatch.setattr(type(model), "maps", never)


def same(a, b):
    np.testing.assert_array_equal(a.labels, b.labels)
    np.testing.assert_array_equal(a.score, b.score)
    np.testing.assert_array_equal(a.area, b.area)
    assert a.object_size == b.object_size


@pytest.mark.parametrize("what", MAKERS)
def test_other_thresholds_need_no_network_and_give_what_it_would(what, monkeypatch):
    model, image, options = MAKERS[what]()
    fresh = [segmented(model, image, config, **options)[0] for config in OTHERS]
    cache = MapCache()
    first, _ = segmented(model, image, cache=cache, **options)
    same(first, segmented(model, image, **options)[0])
    forbid(monkeypatch, model)
    for config, expected in zip(OTHERS, fresh, strict=True):
        found, events = segmented(model, image, config, cache=cache, **options)
        same(found, expected)
        assert not [e for e in events if isinstance(e, TileDone)]
    assert len({f.labels.tobytes() for f in fresh}) > 1


CHANGES = {
    "image": lambda m, i: (m, i + np.float32(1e-3), {}),
    "type": lambda m, i: (m, i.astype(np.float64), {}),
    "intensity": lambda m, i: (m, i, {"stats": Stats((0.1,) * 3, (1,) * 3)}),
    "accurate": lambda m, i: (m, i, {"config": PredictConfig(accurate=True)}),
    "precision": lambda m, i: (m, i, {"config": PredictConfig(precision="float32")}),
    "model": lambda m, i: (echo(width=4), i, {}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_else_changes_asks_the_network(what):
    model = echo()
    image = noisy(model)
    cache = MapCache()
    options = {"stats": Stats((0,) * 3, (1,) * 3)}
    segmented(model, image, cache=cache, **options)
    changed, other, more = CHANGES[what](model, image)
    found, events = segmented(changed, other, cache=cache, **{**options, **more})
    assert [e for e in events if isinstance(e, TileDone)]
    same(found, segmented(changed, other, **{**options, **more})[0])


def test_a_series_and_a_view_of_it_are_kept(monkeypatch):
    model = echo()
    frames = np.stack([noisy(model), noisy(model)[:, ::-1].copy()])
    image = ImageSeries(frames, "TCYX", name="film")
    box = (slice(1, 2), slice(10, 60), slice(5, 50))
    cache = MapCache()
    higher = PredictConfig(threshold=0.7)
    whole = drain(segment(model, image, higher))
    part = drain(segment(model, image, higher, box=box))
    drain(segment(model, image, cache=cache))
    drain(segment(model, image, cache=cache, box=box))
    forbid(monkeypatch, model)
    same(drain(segment(model, image, higher, cache=cache)), whole)
    same(drain(segment(model, image, higher, cache=cache, box=box)), part)


def test_what_was_stopped_is_not_kept():
    model = echo()
    image = noisy(model)
    cache, control = MapCache(), Control()

    def stop(event):
        if isinstance(event, TileDone):
            control.stop()

    config = PredictConfig(tile=56)
    events = segment(model, image, config, control=control, cache=cache)
    result = drain(events, stop)
    assert not result.complete and cache.pixels == 0
    again, _ = segmented(model, image, config, cache=cache)
    assert again.complete
    same(again, segmented(model, image, config)[0])


def test_the_oldest_go_first_and_what_is_too_large_is_not_kept():
    cache = MapCache(pixels=250)
    maps = np.zeros((3, 10, 10), np.uint8)
    for key in "abc":
        cache.keep(key, maps)
        if key == "b":
            assert cache.lost == 0
            cache.find("a")
    assert cache.pixels == 200 and cache.lost == 1
    assert cache.find("b") is None
    assert cache.find("a") is maps and cache.find("c") is maps
    model = echo()
    found, _ = segmented(model, noisy(model), cache=cache)
    assert cache.lost == 2 and cache.pixels == 200
    same(found, segmented(model, noisy(model))[0])


def test_rounding_is_off_by_half_a_level_at_most():
    maps = np.linspace(0, 1, 10_001, dtype=np.float32).reshape(1, -1)
    assert rounded(maps).dtype == np.uint8
    assert np.abs(unrounded(rounded(maps)) - maps).max() <= 0.5 / 255 + 1e-6
    np.testing.assert_array_equal(rounded(unrounded(rounded(maps))), rounded(maps))
