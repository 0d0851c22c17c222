"""Tiles through the network: tiled maps are those of the whole image."""

import re

import numpy as np
import pytest
import torch

from napari_unet.config import ModelConfig, PredictConfig
from napari_unet.data.images import Image, intensity_stats
from napari_unet.events import Control, Note, TileDone, drain
from napari_unet.models.model import Model
from napari_unet.networks import NETWORKS
from napari_unet.segmentation.prediction import (
    Prediction,
    TileLimit,
    plan_tiles,
    predict_maps,
)
from napari_unet.segmentation.tiles import rounded
from support.made import notes, segmented, shaken
from support.maps import FLOAT32, tiled_maps, whole_maps


def model(**options):
    """A small network with the batch statistics of a trained one."""
    options = {"depth": 2, "width": 4, **options}
    return shaken(Model.create(ModelConfig(**options), 1, "cpu"))


def image(*shape, seed=0):
    return np.random.default_rng(seed).normal(100, 30, shape).astype(np.float32)


class Lazy:
    """An array on disk, so to say: shape, dtype and slicing, and no more."""

    def __init__(self, array):
        self._array, self.shape, self.dtype, self.ndim = (
            array,
            array.shape,
            array.dtype,
            array.ndim,
        )
        self.most = 0

    def __getitem__(self, index):
        part = self._array[index]
        self.most = max(self.most, part[0].size)
        return part


@pytest.mark.parametrize(
    ("options", "shape", "tile"),
    [
        ({"depth": 2}, (97, 130), 64),
        ({"depth": 2}, (64, 201), 52),
        ({"depth": 2}, (33, 200), 101),
        ({"depth": 2, "upsampling": "interpolate"}, (90, 131), 72),
        ({"depth": 2, "strides": ((1, 2), (2, 2))}, (80, 99), 60),
        ({"depth": 2, "norm": "none"}, (97, 130), 64),
        *(({"depth": 2, "network": n}, (97, 180), 96) for n in NETWORKS),
        *(
            ({"depth": 1, "ndim": 3, "network": n, "width": 2}, (17, 30, 50), 40)
            for n in NETWORKS
        ),
        ({"depth": 2, "dropout": 0.3}, (97, 130), 64),
        ({"depth": 1, "stem": 2}, (97, 131), 64),
        ({"depth": 1, "stem": 2, "ndim": 3, "width": 2}, (17, 40, 63), 48),
        ({"depth": 3}, (120, 243), 128),
        ({"depth": 4, "width": 2}, (63, 400), 256),
        ({"depth": 1, "ndim": 3}, (20, 37, 50), 32),
        ({"depth": 2, "ndim": 3, "width": 2}, (9, 56, 90), 56),
        ({"depth": 2, "ndim": 3, "strides": ((1, 2, 2),) * 2}, (12, 20, 70), 52),
    ],
    ids=str,
)
def test_tiled_maps_equal_those_of_the_whole_image(options, shape, tile):
    made, array = model(**options), image(1, *shape)
    found = tiled_maps(made, array, FLOAT32.replace(tile=tile))
    plan = plan_tiles(made, shape, FLOAT32.replace(tile=tile))
    assert len(plan) > 1, "or this would test nothing"
    assert found.shape == (made.formulation.channels, *shape)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, whole_maps(made, array), rtol=0, atol=1e-5)
    assert found.std() > 0.01


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_says_where_tiles_differ_from_the_whole(name):
    made, array = model(network=name, norm="group", width=8), image(1, 97, 180)
    assert not made.network.exact
    found = tiled_maps(made, array, FLOAT32.replace(tile=96))
    assert abs(found - whole_maps(made, array)).max() > 1e-4
    config = FLOAT32.replace(tile=96)
    result, events = segmented(made, np.stack([array, array], 1), config)
    (text, *_) = notes(events)
    assert "group normalisation depends on the whole tile" in text
    assert result.notes.count(text) == 1
    assert not any("group" in n for n in segmented(made, array)[0].notes)


@torch.inference_mode()
def test_a_level_is_the_unet_of_that_depth():
    made, array = model(network="unet++", depth=3), image(1, 64, 80)
    every = [tiled_maps(made, array, FLOAT32.replace(level=n)) for n in (1, 2, 3, None)]
    np.testing.assert_array_equal(every[2], every[3])
    assert not np.allclose(every[0], every[1]) and not np.allclose(every[1], every[2])
    # What lies deeper plays no part, and is not computed.
    for key, parameter in made.network.named_parameters():
        if key.startswith(("convolutions.2_", "convolutions.3_", "output.2")):
            parameter.fill_(np.nan)
    shallow = tiled_maps(made, array, FLOAT32.replace(level=1))
    np.testing.assert_array_equal(shallow, every[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_level_that_is_not_there_is_one_sentence(name):
    made = model(network=name)
    levels = 2 if name == "unet++" else 1
    text = f"level is 3 but the network {re.escape(name)} has {levels}"
    with pytest.raises(ValueError, match=text):
        segmented(made, image(1, 40, 40), PredictConfig(level=3))


@pytest.mark.parametrize("formulation", ["instances", "semantic"])
def test_tiled_logits_equal_those_of_the_whole_image(formulation, monkeypatch):
    made = model(formulation=formulation, classes=(1, 2))
    monkeypatch.setattr(made.formulation, "activate", lambda logits: logits)
    array = image(1, 90, 140)
    found = tiled_maps(made, array, FLOAT32.replace(tile=64))
    np.testing.assert_allclose(found, whole_maps(made, array), rtol=0, atol=1e-5)


def test_a_halo_too_short_would_be_noticed(monkeypatch):
    """The tolerance above is strict enough to see one missing pixel of context."""
    made, array = model(), image(1, 97, 130)
    expected = whole_maps(made, array)
    monkeypatch.setattr(type(made), "halo", (8, 8))
    found = tiled_maps(made, array, FLOAT32.replace(tile=48))
    assert abs(found - expected).max() > 1e-5


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_one_tile_where_it_fits(precision):
    made, array = model(), image(1, 50, 61)
    assert len(plan_tiles(made, (50, 61), PredictConfig())) == 1
    found = tiled_maps(made, array, PredictConfig(precision=precision))
    tolerance = 1e-6 if precision == "float32" else 0.05
    np.testing.assert_allclose(found, whole_maps(made, array), rtol=0, atol=tolerance)


def test_lazy_arrays_are_read_tile_by_tile():
    made, array = model(), image(1, 200, 260)
    lazy, config = Lazy(array), FLOAT32.replace(tile=64)
    events = predict_maps(made, Image(lazy), intensity_stats(Image(array)), config)
    np.testing.assert_array_equal(drain(events), tiled_maps(made, array, config))
    assert lazy.most <= 64 * 64


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f8", "?"])
def test_all_real_types_are_taken(dtype):
    made = model()
    array = (image(1, 60, 60) > 100).astype(dtype)
    expected = tiled_maps(made, array.astype(np.float32))
    np.testing.assert_allclose(tiled_maps(made, array), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("expected", "array", "rgb"),
    [("rgb", image(1, 40, 40), False), ("grey", image(3, 40, 40), True)],
)
def test_grey_and_rgb_are_adapted(expected, array, rgb):
    made = model(input=expected)
    assert tiled_maps(made, array, rgb=rgb).shape == (3, 40, 40)


@pytest.mark.parametrize("ndim", [2, 3])
def test_accurate_is_the_mean_over_mirrored_images(ndim):
    made = model(ndim=ndim, depth=1)
    array = image(1, *(8, 14, 18)[-ndim:])
    flips = [
        tuple(a + 1 for a in range(ndim) if bits >> a & 1) for bits in range(2**ndim)
    ]
    mirrored = [np.flip(tiled_maps(made, np.flip(array, f)), f) for f in flips]
    found = tiled_maps(made, array, FLOAT32.replace(accurate=True))
    np.testing.assert_allclose(found, np.mean(mirrored, 0), atol=1e-5)


@pytest.mark.parametrize("ndim", [2, 3])
def test_accurate_maps_of_a_mirrored_image_are_mirrored(ndim):
    made, config = model(ndim=ndim, depth=1), FLOAT32.replace(accurate=True)
    array = image(1, *(8, 16, 24)[-ndim:])
    found = tiled_maps(made, array, config)
    for axis in range(1, ndim + 1):
        mirrored = np.flip(tiled_maps(made, np.flip(array, axis), config), axis)
        np.testing.assert_allclose(mirrored, found, atol=1e-5)
    assert abs(found - tiled_maps(made, array)).max() > 1e-3


def test_accurate_tiles_equal_the_whole():
    made, array = model(), image(1, 90, 130)
    config = FLOAT32.replace(accurate=True)
    found = tiled_maps(made, array, config.replace(tile=64))
    np.testing.assert_allclose(found, tiled_maps(made, array, config), atol=1e-5)


def test_a_tile_too_small_for_the_halo_is_refused():
    with pytest.raises(ValueError, match="tile 32 is too small .* choose 50 or more"):
        tiled_maps(model(), image(1, 100, 100), FLOAT32.replace(tile=32))


def test_events_count_the_tiles():
    made, array, seen = model(), image(1, 90, 130), []
    config = FLOAT32.replace(tile=64)
    events = predict_maps(made, Image(array), intensity_stats(Image(array)), config)
    drain(events, seen.append)
    count = len(plan_tiles(made, (90, 130), config))
    assert seen == [TileDone(n + 1, count) for n in range(count)]


def test_stop_leaves_what_is_done():
    made, array, control = model(), image(1, 90, 130), Control()
    config = FLOAT32.replace(tile=64)
    events = predict_maps(
        made, Image(array), intensity_stats(Image(array)), config, control
    )
    maps = drain(events, lambda _: control.stop())
    (first, second, *_) = plan_tiles(made, (90, 130), config)
    assert maps[(slice(None), *first.write)].any()
    assert not maps[(slice(None), *second.write)].any()


# Memory


def starved(monkeypatch, made, most, error=None):
    """Let the network fail above so many pixels; returns the sizes that it saw."""
    run, sizes = made.maps, []

    def maps(images, precision="auto", level=None):
        pixels = int(np.prod(images.shape[2:]))
        sizes.append(pixels)
        if pixels > most:
            raise error or torch.OutOfMemoryError("CUDA out of memory")
        return run(images, precision)

    monkeypatch.setattr(made, "maps", maps)
    return sizes


@pytest.mark.parametrize(
    ("options", "shape", "most"),
    [
        ({}, (130, 190), 90 * 90),
        ({}, (64, 300), 64 * 80),
        ({"ndim": 3, "depth": 1}, (12, 50, 60), 12 * 40 * 40),
    ],
)
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        MemoryError("Unable to allocate 2.00 GiB for an array"),
    ],
    ids=["cuda", "cpu", "mps", "numpy"],
)
def test_out_of_memory_goes_on_with_less(monkeypatch, options, shape, most, error):
    made, array, seen = model(**options), image(1, *shape), []
    expected = whole_maps(made, array)
    starved(monkeypatch, made, most, error)
    events = predict_maps(made, Image(array), intensity_stats(Image(array)), FLOAT32)
    found = drain(events, seen.append)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    (note,) = [e for e in seen if isinstance(e, Note)]
    assert "memory ran out on a tile of" in note.text and "continuing with" in note.text


def test_rounded_maps_are_those_that_decoding_looks_at():
    array = image(1, 48, 48)
    made = Model.create(
        ModelConfig(any_size=True, object_size=20.0, depth=2, width=4), device="cpu"
    )
    way = Prediction(
        made, Image(array), intensity_stats(Image(array)), FLOAT32, bytes_=True
    )
    list(way.run(Control()))
    every = tiled_maps(made, array, FLOAT32)
    assert len(every) == 4 and len(way.maps) == made.formulation.decoded == 3
    np.testing.assert_array_equal(way.maps, rounded(every)[:3])
    least = dict.fromkeys(made.thresholds, 0.0)
    all_maps, three = (made.formulation.decode(m, least) for m in (every, every[:3]))
    np.testing.assert_array_equal(all_maps.labels, three.labels)


def test_memory_that_ran_out_once_is_not_tried_again(monkeypatch):
    made, array = model(), image(1, 130, 400)
    sizes = starved(monkeypatch, made, 100 * 100)
    tiled_maps(made, array, FLOAT32.replace(tile=128))
    failed = [n for n in sizes if n > 100 * 100]
    assert len(failed) == len(set(failed))
    # Nor for the next plane of a stack.
    memory = TileLimit()
    for _ in range(2):
        sizes.clear()
        way = Prediction(
            made, Image(array), intensity_stats(Image(array)), FLOAT32, memory
        )
        list(way.run(Control()))
    assert max(sizes) <= 100 * 100


def test_memory_that_is_not_even_there_for_a_small_tile(monkeypatch):
    made = model()
    starved(monkeypatch, made, 10)
    with pytest.raises(ValueError, match="memory runs out even on a tile of .* cpu"):
        tiled_maps(made, image(1, 130, 130))


def test_other_errors_pass(monkeypatch):
    made = model()
    starved(monkeypatch, made, 10, RuntimeError("cuDNN: bad luck"))
    with pytest.raises(RuntimeError, match="bad luck"):
        tiled_maps(made, image(1, 130, 130))


def test_tiles_are_chosen_to_fit_into_memory(monkeypatch):
    from napari_unet.segmentation import prediction

    made, shape = model(), (1000, 3000)
    monkeypatch.setattr(prediction, "available_memory", lambda device: 4 * 2**30)
    assert len(plan_tiles(made, shape, PredictConfig())) == 1
    monkeypatch.setattr(prediction, "available_memory", lambda device: 64 * 2**20)
    plan = plan_tiles(made, shape, PredictConfig())
    pixels = {np.prod([s.stop - s.start for s in t.read]) for t in plan}
    bytes_ = max(pixels) * made.network.held * 4
    assert len(plan) > 1 and bytes_ <= 16 * 2**20 * 1.1
    monkeypatch.setattr(prediction, "available_memory", lambda device: 0)
    assert plan_tiles(made, shape, PredictConfig())
