"""Contracts of pixel classifiers: they learn, load, tile and segment as networks do."""

import csv
import functools
import json
import subprocess
import sys
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import tifffile
import torch
from safetensors import safe_open

from napari_unet.cli import main
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.events import Control, EpochEnd, Progress, drain
from napari_unet.models.model import Model
from napari_unet.networks.pixel_classifiers import CLASSIFIERS, Forest, pixel_features
from napari_unet.segmentation.prediction import plan_tiles
from napari_unet.training import classifiers as baselines
from napari_unet.training.classifiers import (
    classes_of,
    divided,
    draw_pixels,
    fit_classifier,
)
from napari_unet.training.crops import encode
from napari_unet.training.loop import train
from napari_unet.training.pixel_fitting import grow_trees, rounded_down
from napari_unet.training.recipe import complete
from support.fresh import loaded_after
from support.made import blobs, notes, segmented
from support.maps import FLOAT32, tiled_maps, whole_maps

pytestmark = pytest.mark.slow

SHAPE = {2: (48, 56), 3: (8, 22, 24)}


@functools.cache
def sample(seed=0, ndim=2, rgb=False, formulation="instances"):
    """Blobs; as classes, every second one is darker."""
    one = blobs(seed, SHAPE[ndim], 8, (3, 6))
    labels, image = one.labels, one.image.array
    if formulation == "semantic":
        labels = np.where(labels > 0, 4 + labels % 2, 0)
        image = np.where(labels == 5, image / 2, image)
    if rgb:
        image = np.concatenate([image, image / 2, 120 - image])
        image = image.clip(0, 255).astype(np.uint8)
    return replace(one, labels=labels, image=image, rgb=rgb)


@functools.cache
def made(name, ndim=2, rgb=False, formulation="instances", seed=0):
    """A fitted model, never saved."""
    samples = [sample(i, ndim, rgb, formulation) for i in range(2)]
    config = complete(ModelConfig(network=name, formulation=formulation), samples)
    model = Model.create(config, device="cpu")
    encoded = [encode(s, model.formulation, config.percentiles) for s in samples]
    with patch.object(baselines, "MOST_PIXELS", 1500):  # for speed
        drain(fit_classifier(model, encoded, seed, Control()))
    return model


def files(folder, count=3, **options):
    for i in range(count):
        one = sample(i, **options)
        for part, array in (("images", one.image.array[0]), ("labels", one.labels)):
            (folder / part).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(folder / part / f"b{i}.tif", array)
    return folder


def trained(folder, name="forest", samples=None, config=None, **options):
    """The model and the events of a training."""
    events = []
    samples = samples or [sample(0), sample(1)]
    model = drain(
        train(
            samples, None, folder, config, model=ModelConfig(network=name), **options
        ),
        events.append,
    )
    return model, events


@pytest.mark.parametrize(
    ("rgb", "formulation"), [(False, "instances"), (True, "semantic")]
)
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_member_learns_saves_and_loads(tmp_path, name, ndim, rgb, formulation):
    model, unseen = (
        made(name, ndim, rgb, formulation),
        sample(5, ndim, rgb, formulation),
    )
    result, _ = segmented(model, unseen.image)
    if formulation == "semantic":
        assert set(np.unique(result.labels)) == {0, 4, 5}
        constant = (unseen.labels == 0).mean()
        assert (result.labels == unseen.labels).mean() > 0.5 + constant / 2
    else:
        found, truth = result.labels > 0, unseen.labels > 0
        assert (found & truth).sum() > 0.7 * (found | truth).sum()
        assert len(result.ids) > 1
    loaded = Model.load(model.save(tmp_path / "m"), "cpu")
    assert loaded.to_bytes() == model.to_bytes()
    again, _ = segmented(loaded, unseen.image)
    np.testing.assert_array_equal(again.labels, result.labels)
    prepared = np.random.default_rng(0).normal(size=(1, 3 if rgb else 1, *SHAPE[ndim]))
    prepared = prepared.astype(np.float32)
    np.testing.assert_array_equal(loaded.maps(prepared), model.maps(prepared))


@pytest.mark.parametrize(
    ("ndim", "shape", "tile"), [(2, (40, 150), 90), (3, (7, 20, 50), 40)]
)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_tiled_maps_equal_those_of_the_whole_image(name, ndim, shape, tile):
    model = made(name, ndim)
    image = np.random.default_rng(1).normal(60, 40, (1, *shape)).astype(np.float32)
    config = FLOAT32.replace(tile=tile)
    assert len(plan_tiles(model, shape, config)) > 1
    found = tiled_maps(model, image, config)
    np.testing.assert_allclose(found, whole_maps(model, image), rtol=0, atol=1e-5)
    assert found.std() > 0.01


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_halo_is_how_far_a_pixel_looks(ndim):
    (halo, *_) = made("tree", ndim).halo
    image = np.zeros((1, *(1,) * (ndim - 1), 3 * halo), np.float32)
    other = image.copy()
    other[..., halo] = 1e6
    differ = np.any(pixel_features(image) != pixel_features(other), -1).ravel()
    assert differ[: 2 * halo].all() and not differ[2 * halo + 1 :].any()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_equal_seeds_give_equal_models(name):
    one, other = made(name), made.__wrapped__(name)
    assert one.to_bytes() == other.to_bytes()
    if name != "tree":
        assert one.to_bytes() != made(name, seed=1).to_bytes()


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", ["forest", "tree"])
def test_trees_say_what_those_of_scikit_learn_say(name, classes):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(0)
    # Few values: many lie on a threshold.
    x = rng.integers(0, 9, (600, 20)).astype(np.float32) / 7
    y = (x[:, 0] + x[:, 1] > 1).astype(int) + (classes - 2) * (x[:, 2] > 1)
    weight = rng.uniform(0.5, 2, 600)
    config = ModelConfig(network=name, formulation="semantic", classes=(1, 2))
    forest = CLASSIFIERS[name](config, 3)
    drain(grow_trees(forest, x, y, weight, 3, Control()))
    options = {"max_depth": forest.depth, "min_samples_leaf": 3, "random_state": 3}
    kind = DecisionTreeClassifier(**options)
    if name == "forest":
        kind = RandomForestClassifier(forest.trees, **options)
    wanted = kind.fit(x, y, weight).predict_proba(x)
    found = forest.by_parts(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found[:, :classes], wanted, atol=1e-5)
    assert (found[:, classes:] == 0).all()


def test_thresholds_are_rounded_so_that_no_comparison_changes():
    x = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    limits = x.astype(np.float64)
    for limit in (limits, limits + 1e-12, limits - 1e-12):
        np.testing.assert_array_equal(x > rounded_down(limit), x > limit)


def test_pixels_are_drawn_evenly_and_only_where_annotated():
    mask = np.zeros(SHAPE[2], bool)
    mask[:20] = True
    model = made("tree")
    known = [
        classes_of(encode(replace(sample(i), mask=m), model.formulation, (1, 99)), True)
        for i, m in enumerate((mask, None))
    ]
    drawn = draw_pixels(known, 300, np.random.default_rng(0))
    assert (known[0].ravel()[drawn[0]] >= 0).all()
    assert mask.ravel()[drawn[0]].all()
    assert all(len(np.unique(d)) == len(d) for d in drawn)
    counts = [np.bincount(k.ravel()[d]) for k, d in zip(known, drawn, strict=True)]
    there = [np.bincount(k[k >= 0]) for k in known]
    assert sum(c.sum() for c in counts) == 300
    for c in range(3):
        wanted = divided([t[c] for t in there], sum(n[c] for n in counts))
        assert [n[c] for n in counts] == wanted
    assert divided([2, 100, 100], 20) == [2, 9, 9]
    assert divided([1, 2], 20) == [1, 2]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_few_strokes_on_one_image_will_do(tmp_path, name):
    whole = sample(2)
    mask = np.zeros(whole.shape, bool)
    mask[::6] = True
    model, events = trained(tmp_path / "m", name, [replace(whole, mask=mask)])
    (end,) = [e for e in events if isinstance(e, EpochEnd)]
    assert end.score is None and end.best and end.loss < 0.5
    found = segmented(model, whole.image)[0].labels > 0
    truth = whole.labels > 0
    assert (found & truth).sum() > 0.7 * (found | truth).sum()


def test_training_validates_and_writes_what_a_network_does(tmp_path):
    samples = [sample(i) for i in range(4)]
    model, events = trained(tmp_path / "m", samples=samples)
    (end,) = [e for e in events if isinstance(e, EpochEnd)]
    assert end.metrics["ap50"] > 0.3 and end.objects > 0
    assert {e.what for e in events if isinstance(e, Progress)} >= {
        "checking",
        "encoding",
        "features",
        "growing trees",
        "validating",
    }
    (row,) = csv.DictReader((tmp_path / "m" / "history.csv").read_text().splitlines())
    assert float(row["ap50"]) == pytest.approx(end.metrics["ap50"], abs=1e-4)
    card = json.loads((tmp_path / "m" / "config.json").read_text())["card"]
    assert card["validation"]["objects"] == end.objects
    assert len(card["data"]) == 4 and card["versions"]["scikit-learn"]
    assert model.thumbnail.startswith(b"\x89PNG")
    assert model.thresholds != model.formulation.thresholds


def test_stop_ends_with_the_trees_that_have_grown(tmp_path):
    control = Control()
    control.stop()
    model, _ = trained(tmp_path / "m", control=control)
    votes = model.network.votes.sum((1, 2))
    assert 0 < (votes > 0).sum() < Forest.trees
    prepared = np.zeros((1, 1, 20, 20), np.float32)
    inside, border = model.maps(prepared)[0, 2], model.maps(prepared)[0, 1]
    assert ((0 <= inside + border) & (inside + border <= 1.0001)).all()


def test_images_of_different_objects_are_not_resampled(tmp_path):
    small = blobs(0, (40, 40), 6, (2, 3))
    large = blobs(1, (60, 60), 3, (9, 12))
    model, _ = trained(tmp_path / "m", "tree", [small, large])
    assert not model.config.any_size and model.formulation.channels == 3


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_file_holds_plain_arrays_and_is_small(tmp_path, name):
    made(name, 2, True, "semantic").save(tmp_path)
    with safe_open(tmp_path / "model.safetensors", "np") as file:
        assert set(file.keys()) == set(made(name).network.state_dict())
    data = (tmp_path / "model.safetensors").read_bytes()
    assert b"sklearn" not in data and len(data) < 3e6
    assert {p.suffix for p in tmp_path.iterdir()} == {".safetensors", ".json"}


def test_segmenting_needs_no_scikit_learn(tmp_path):
    for name in CLASSIFIERS:
        made(name).save(tmp_path / name)
    np.save(tmp_path / "image.npy", sample(5).image.array)
    code = f"""
import sys, pathlib
import numpy as np
sys.modules["sklearn"] = None
from napari_unet import Model, drain, segment
folder = pathlib.Path({str(tmp_path)!r})
for name in {list(CLASSIFIERS)}:
    result = drain(segment(Model.load(folder / name), np.load(folder / "image.npy")))
    np.save(folder / (name + ".npy"), result.labels)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    for name in CLASSIFIERS:
        labels = segmented(made(name), sample(5).image)[0].labels
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), labels)


def test_what_loads_at_once_loads_no_scikit_learn():
    assert "sklearn" not in loaded_after("import napari_unet.training.loop")


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_an_image_of_any_size_goes_through(name):
    for ndim, shape in ((2, (1, 1)), (2, (1, 40)), (3, (1, 9, 1))):
        maps = made(name, ndim).maps(np.ones((2, 1, *shape), np.float32))
        assert maps.shape == (2, 3, *shape) and np.isfinite(maps).all()


def test_options_that_do_not_count_are_told(tmp_path):
    events = []
    config = TrainConfig(minutes=5, rate=0.5, patch=32)
    model = ModelConfig(network="tree", depth=3, width=16)
    drain(train([sample()], None, tmp_path / "m", config, model=model), events.append)
    told = [text for text in notes(events) if "not used" in text]
    assert told == ["depth, patch, rate are not used by network tree"]


def test_bad_input_is_one_sentence(tmp_path):
    trained(tmp_path / "old", "tree")
    forest = ModelConfig(network="forest")
    background = replace(sample(), mask=sample().labels == 0)
    for samples, folder, options, message in (
        ([sample()], "old", {"model": forest}, "old holds a model already"),
        ([sample()], "old", {"resume": True}, "tree is fitted anew .* --resume"),
        (
            [sample()],
            "new",
            {"resume": True, "model": forest},
            "forest is fitted anew .* leave out --resume",
        ),
        (
            [sample()],
            "new",
            {"init": tmp_path / "old"},
            "tree is fitted anew .* leave out --init",
        ),
        (
            [sample()],
            "new",
            {"init": "nuclei", "model": forest},
            "forest is fitted anew .* leave out --init",
        ),
        (
            [sample()],
            "new",
            {"model": forest.replace(any_size=True)},
            "any_size is given for network forest",
        ),
        ([background], "new", {"model": forest}, "all annotated pixels are of one"),
        ([], "new", {"model": forest}, "there are no samples"),
        (
            [sample()],
            "new",
            {"model": ModelConfig(network="bush")},
            "'bush' is not known; choose one of .*forest.*svm.*tree.*unet",
        ),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            drain(train(samples, None, tmp_path / folder, TrainConfig(), **options))
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "new").exists()


def test_the_command_line_takes_them_for_networks(tmp_path, capsys):
    data, model = files(tmp_path / "data", 4), tmp_path / "m"
    arguments = ["train", str(data), "--network", "forest", "--output", str(model)]
    assert main([*arguments, "--minutes", "1", "--device", "cpu"]) == 0
    told = capsys.readouterr().out
    assert "network: forest, instances, 2D\n" in told
    assert "32 trees of depth 10" in told and "not used" not in told
    assert (model / "loss.png").exists()
    assert main(["info", str(model)]) == 0
    assert "20 features per pixel" in capsys.readouterr().out
    image = str(data / "images" / "b0.tif")
    out = tmp_path / "out"
    assert main(["segment", image, "--model", str(model), "--output", str(out)]) == 0
    assert main(["evaluate", str(data), "--model", str(model)]) == 0
    capsys.readouterr()
    assert main([*arguments, "--resume"]) == 2
    assert "is fitted anew each time" in capsys.readouterr().err
