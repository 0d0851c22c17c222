"""Models: what is saved is what is loaded; what cannot be loaded says why."""

import errno
import json
import math
import os
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from napari_unet.config import ModelConfig
from napari_unet.models import store as model_file
from napari_unet.models.model import Model
from napari_unet.models.store import CONFIG, SUFFIX, WEIGHTS, migrate
from napari_unet.networks import NETWORKS
from support.made import shaken

FORMATS = Path(__file__).parent


def made(**options):
    """A model as after a training: batch statistics, thresholds, a card."""
    options = {"depth": 2, "width": 3, **options}
    model = shaken(Model.create(ModelConfig(**options), 3, "cpu"))
    model.thresholds = {**model.thresholds, "foreground": 0.61}
    model.card = {"data": [{"name": "é", "sha256": "00"}], "steps": 12, "seconds": 0.5}
    return model


def image(model, size=37, seed=0):
    """A batch of one prepared image."""
    shape = (1, model.config.channels, *(size,) * model.config.ndim)
    return np.random.default_rng(seed).normal(0.5, 0.3, shape).astype(np.float32)


def assert_same(a, b):
    assert a.config == b.config
    assert a.thresholds == b.thresholds
    assert a.card == b.card
    assert a.hash() == b.hash()
    np.testing.assert_array_equal(a.maps(image(a)), b.maps(image(a)))


KINDS = [
    {},
    {"ndim": 3, "depth": 1},
    {"formulation": "semantic", "classes": (2, 9), "input": "rgb"},
    {"input": ("DAPI", "actin"), "spacing": (0.5, 0.25), "object_size": 17.5},
    {"norm": "none", "dropout": (0.1, 0.2, 0.3), "upsampling": "interpolate"},
    {"strides": ((1, 2), (2, 2)), "border_width": 2, "percentiles": (0, 99)},
    {"norm": "group", "width": 8},
    {"stem": 2, "depth": 1},
    *({"network": name} for name in NETWORKS if name != "unet"),
]


# Save and load


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_same_input_same_output_after_loading(tmp_path, options):
    model = made(**options)
    folder = model.save(tmp_path / "new" / "folder")
    assert folder == tmp_path / "new" / "folder"
    assert sorted(p.name for p in folder.iterdir()) == [CONFIG, WEIGHTS]
    assert_same(model, Model.load(folder, "cpu"))
    assert_same(model, Model.load(str(folder), "cpu"))


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_shared_file_loads_as_the_folder_does(tmp_path, options):
    model = made(**options)
    model.thumbnail = b"\x89PNG picture"
    path = model.share(tmp_path / "kidney")
    assert path == tmp_path / f"kidney{SUFFIX}"
    assert_same(model, Model.load(path, "cpu"))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == [CONFIG, WEIGHTS, "thumbnail.png"]
    assert model.share(path) == path  # the suffix is not doubled
    loaded = Model.load(path, "cpu")
    assert_same(model, loaded)
    assert loaded.thumbnail == model.thumbnail
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_the_weights_file_alone_is_the_truth(tmp_path):
    model = made()
    folder = model.save(tmp_path / "m")
    readable = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    assert readable == model.header()
    (folder / CONFIG).write_text("not even JSON")
    assert_same(model, Model.load(folder, "cpu"))
    (folder / CONFIG).unlink()
    assert_same(model, Model.load(folder, "cpu"))
    assert_same(model, Model.load(folder / WEIGHTS, "cpu"))


def test_a_loaded_model_lives_without_its_file(tmp_path):
    model = made()
    folder = model.save(tmp_path / "m")
    loaded = Model.load(folder, "cpu")
    (folder / WEIGHTS).write_bytes(bytes((folder / WEIGHTS).stat().st_size))
    shutil.rmtree(folder)
    assert_same(model, loaded)


def test_saving_replaces(tmp_path):
    made().save(tmp_path)
    other = made(width=4)
    other.save(tmp_path)
    assert_same(other, Model.load(tmp_path, "cpu"))


def test_a_loaded_model_can_be_trained(tmp_path):
    loaded = Model.load(made().save(tmp_path), "cpu")
    loaded.network.train()
    loaded.network(torch.from_numpy(image(loaded))).sum().backward()
    assert all(p.grad is not None for p in loaded.network.parameters())


def test_half_precision_weights_load_as_float32(tmp_path):
    model = made()
    folder = model.save(tmp_path)
    tensors = safetensors.torch.load_file(folder / WEIGHTS)
    half = {k: t.half() if t.is_floating_point() else t for k, t in tensors.items()}
    write(folder, model.header(), half)
    loaded = Model.load(folder, "cpu")
    assert {p.dtype for p in loaded.network.parameters()} == {torch.float32}
    difference = loaded.maps(image(model)) - model.maps(image(model))
    assert 0 < abs(difference).max() < 0.05


def test_hash_is_of_all_that_counts():
    model = made()
    assert model.hash() == made().hash() and len(model.hash()) == 16
    changed = made()
    changed.thresholds["foreground"] = 0.62
    assert changed.hash() != model.hash() != made(width=4).hash()


@pytest.mark.parametrize("number", [1])
def test_models_of_every_format_still_load(number):
    """One folder for each format number ever written; none is ever remade."""
    folder = FORMATS / f"format-{number}"
    model = Model.load(folder, "cpu")
    stored = np.load(folder / "reference.npz")
    np.testing.assert_allclose(
        model.maps(stored["image"], "float32"), stored["maps"], rtol=0, atol=1e-5
    )
    assert model.thresholds["foreground"] == 0.61
    assert model.card["steps"] == 12


def test_there_is_a_fixture_for_the_format_of_today():
    assert (FORMATS / f"format-{model_file.FORMAT}" / WEIGHTS).is_file()


# What cannot be loaded


def write(folder, header, tensors, key=model_file.HEADER):
    text = header if isinstance(header, str) else json.dumps(header)
    (folder / WEIGHTS).write_bytes(safetensors.torch.save(tensors, {key: text}))


def refused(path, *words):
    """The one sentence with which loading fails."""
    with pytest.raises(ValueError, match=".") as error:
        Model.load(path, "cpu")
    text = str(error.value)
    assert str(path) in text and "\n" not in text and len(text) < 400, text
    for word in words:
        assert word in text, text


@pytest.fixture
def saved(tmp_path):
    """A model, its folder and its tensors."""
    model = made()
    folder = model.save(tmp_path / "model")
    return model, folder, safetensors.torch.load_file(folder / WEIGHTS)


def test_a_missing_file(saved):
    _, folder, _ = saved
    (folder / WEIGHTS).unlink()
    refused(folder, WEIGHTS, "is missing", "give the folder that training wrote")


@pytest.mark.parametrize("keep", [0, 5, 8, 100, 0.3, 0.999, -1])
def test_a_truncated_file(saved, keep):
    _, folder, _ = saved
    data = (folder / WEIGHTS).read_bytes()
    keep = int(keep * len(data)) if isinstance(keep, float) else keep
    (folder / WEIGHTS).write_bytes(data[:keep])
    refused(folder, WEIGHTS, "copy it again")


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"hello " * 99, b"\xff" * 100, bytes(100), b"\x80\x04" * 50]
)
@pytest.mark.parametrize("name", ["folder", "file.unetmodel", "file.safetensors"])
def test_a_foreign_file(tmp_path, data, name):
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
        (path / WEIGHTS).write_bytes(data)
    else:
        path.write_bytes(data)
    refused(path)


def test_safetensors_of_somebody_else(saved):
    _, folder, tensors = saved
    (folder / WEIGHTS).write_bytes(safetensors.torch.save(tensors))
    refused(folder, "not a model of napari-unet-live")
    (folder / WEIGHTS).write_bytes(safetensors.torch.save(tensors, {"format": "pt"}))
    refused(folder, "not a model of napari-unet-live")


@pytest.mark.parametrize(
    "header",
    ["", "null", "[]", "3", '"text"', "{}", '{"format": "one"}', '{"format": 0}'],
)
def test_a_header_that_is_none(saved, header):
    _, folder, tensors = saved
    write(folder, header, tensors)
    refused(folder, "model")


@pytest.mark.parametrize(
    "change",
    [
        {"config": None},
        {"config": 3},
        {"config": {"width": 0}},
        {"config": {"widht": 3}},
        {"config": {"network": "vnet"}},
        {"config": {"formulation": "flows"}},
        {"thresholds": None},
        {"thresholds": {"foreground": "half"}},
        {"thresholds": {"foreground": math.nan}},
        {"thresholds": {"smallest": math.inf}},
        {"card": []},
        {"card": {"steps": "x" * 9999}},
        {"card": {"data": [3]}},
        {"card": {"validation": {"figures": {"ap50": None}}}},
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_header_with_nonsense(saved, change):
    model, folder, tensors = saved
    write(folder, {**model.header(), **change}, tensors)
    refused(folder)


def test_a_header_without_a_bottom(saved):
    _, folder, tensors = saved
    deep = "[" * 100_000 + "]" * 100_000
    write(folder, f'{{"format": 1, "card": {deep}}}', tensors)
    refused(folder, "not a model")


def test_a_newer_format(saved):
    model, folder, tensors = saved
    write(folder, {**model.header(), "format": model_file.FORMAT + 1}, tensors)
    refused(folder, "format 2 is newer than this version reads (1)", "update")


def test_migrate_leaves_today_s_header_alone():
    header = made().header()
    assert migrate(header) == header
    assert migrate(header) is not header


def test_weights_of_another_shape(saved):
    model, folder, tensors = saved
    write(folder, {**model.header(), "config": {"depth": 2, "width": 4}}, tensors)
    refused(folder, "the weights do not fit the config", "shape", "expected")


def test_weights_too_many_or_too_few(saved):
    model, folder, tensors = saved
    key = "output.bias"
    write(folder, model.header(), {k: t for k, t in tensors.items() if k != key})
    refused(folder, "output.bias is missing")
    write(folder, model.header(), {**tensors, "extra": torch.zeros(3)})
    refused(folder, "extra is foreign")
    write(folder, model.header(), {**tensors, key: tensors[key].int()})
    refused(folder, "output.bias holds torch.int32")


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_weights_that_are_no_numbers(saved, value):
    model, folder, tensors = saved
    tensors["output.bias"][1] = value
    write(folder, model.header(), tensors)
    refused(folder, "output.bias holds NaN or infinite values")


@pytest.mark.parametrize("place", [0.05, 0.3, 0.5, 0.9])
def test_a_damaged_shared_file(tmp_path, place):
    path = made().share(tmp_path / "m")
    data = bytearray(path.read_bytes())
    start = int(place * len(data))
    data[start : start + 40] = bytes(40)
    path.write_bytes(data)
    refused(path)


def test_a_damaged_picture_does_no_harm(tmp_path):
    model = made()
    model.thumbnail = b"\x89PNG" + bytes(range(256)) * 20
    folder, path = model.save(tmp_path / "m"), model.share(tmp_path / "m")
    assert Model.load(folder, "cpu").thumbnail == model.thumbnail
    data = path.read_bytes()
    place = data.index(b"thumbnail.png") + 60
    path.write_bytes(data[:place] + bytes(30) + data[place + 30 :])
    loaded = Model.load(path, "cpu")
    assert_same(model, loaded)
    assert loaded.thumbnail is None


def test_a_truncated_shared_file(tmp_path):
    path = made().share(tmp_path / "m")
    path.write_bytes(path.read_bytes()[:-100])
    refused(path, "not a model file")


def test_an_archive_without_a_model(tmp_path):
    path = tmp_path / f"m{SUFFIX}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    refused(path, "not a model file")


def test_a_shared_file_may_be_large(tmp_path):
    model = made(depth=4, width=32)  # 31 MB
    assert_same(model, Model.load(model.share(tmp_path / "m"), "cpu"))


def test_an_archive_that_claims_too_much(tmp_path, monkeypatch):
    path = made().share(tmp_path / "m")
    monkeypatch.setattr(model_file, "MOST_BYTES", 1000)
    refused(path, "unpacks to 0 MiB")
    monkeypatch.setattr("napari_unet.models.model.MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="may hold 0 MiB; hand its folder on"):
        made().share(tmp_path / "other")


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_an_archive_packed_in_a_foreign_way(tmp_path, packing):
    folder, path = made().save(tmp_path / "m"), tmp_path / f"m{SUFFIX}"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.write(folder / WEIGHTS, WEIGHTS)
    refused(path, "packed in a foreign way")


@pytest.mark.skipif(sys.platform == "win32", reason="of POSIX")
def test_a_model_that_is_no_file(tmp_path):
    os.mkfifo(tmp_path / WEIGHTS)
    refused(tmp_path, "it is a pipe")
    (tmp_path / f"m{SUFFIX}").symlink_to("/dev/zero")
    refused(tmp_path / f"m{SUFFIX}", "it is a device")


def test_a_folder_that_is_none(tmp_path, monkeypatch):
    refused(tmp_path / "nowhere", "there is no such model")
    (tmp_path / WEIGHTS).mkdir()
    refused(tmp_path, "cannot be read")


def test_an_unknown_name_lists_the_built_in_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(model_file, "BUILT_IN", tmp_path)
    model = made()
    for name in ("nuclei", "cells"):
        model.save(tmp_path / name)
    (tmp_path / "empty").mkdir()
    refused("nuclie", "there is no such model", "built in: cells, nuclei")
    refused("empty", "built in: cells, nuclei")
    assert_same(model, Model.load("nuclei", "cpu"))


def test_a_device_that_is_none(saved):
    _, folder, _ = saved
    with pytest.raises(ValueError, match="device 'tpu' is not known; choose auto, cpu"):
        Model.load(folder, "tpu")


# What cannot be saved


@pytest.mark.parametrize("where", ["replace", "write"])
def test_a_full_disk_leaves_the_old_model(tmp_path, monkeypatch, where):
    old, new = made(), made(width=4)
    folder = old.save(tmp_path / "m")
    shared = old.share(tmp_path / "m")

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        if where == "replace":
            patch.setattr(os, "replace", full)
        else:
            patch.setattr(Path, "write_bytes", full)
            patch.setattr(zipfile.ZipFile, "writestr", full)
        for save in (lambda: new.save(folder), lambda: new.share(shared)):
            with pytest.raises(ValueError, match="cannot write .*No space left") as e:
                save()
            assert "\n" not in str(e.value)
    assert_same(old, Model.load(folder, "cpu"))
    assert_same(old, Model.load(shared, "cpu"))
    left = sorted(p.name for p in tmp_path.rglob("*"))
    assert left == sorted(["m", shared.name, CONFIG, WEIGHTS]), "nothing half-written"


def test_an_output_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match="cannot make the folder"):
        made().save(tmp_path / "file" / "model")
    with pytest.raises(ValueError, match="cannot write"):
        made().share(tmp_path / "nowhere" / "model")


# Maps


def test_maps_are_probabilities_of_the_image_s_size():
    model = made()
    maps = model.maps(np.concatenate([image(model), image(model, seed=1)]))
    assert maps.shape == (2, 3, 37, 37) and maps.dtype == np.float32
    assert 0 <= maps.min() < maps.max() <= 1
    np.testing.assert_allclose(maps[:1], model.maps(image(model)), atol=1e-6)


def test_maps_do_not_change_the_model():
    model = made(dropout=0.5)
    model.network.train()
    before = model.hash()
    first = model.maps(image(model))
    np.testing.assert_array_equal(first, model.maps(image(model)))
    assert model.hash() == before
    assert not model.network.training


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_less_precision_gives_nearly_the_same(precision):
    model = made()
    expected = model.maps(image(model), "float32")
    found = model.maps(image(model), precision)
    assert found.dtype == np.float32
    assert 0 < abs(found - expected).max() < 0.1


def test_luminance_weighs_colours():
    from napari_unet.data.images import Stats

    model = made()
    image_ = np.zeros((3, 4, 4), np.uint8)
    image_[1] = 255
    grey = model.prepare(image_, True, Stats((0,), (255,)))
    np.testing.assert_allclose(grey, np.full((1, 4, 4), 0.7154), rtol=1e-5)
    rgb = made(input="rgb").prepare(image_[1:2], False, Stats((0,), (255,)))
    np.testing.assert_allclose(rgb, np.ones((3, 4, 4)))


def test_16_bits_a_weight_leave_the_statistics_as_they_are(tmp_path):
    model = Model.create(ModelConfig(depth=1, width=2), device="cpu")
    state = model.network.state_dict()
    name = next(n for n in state if n.endswith("running_var"))
    state[name].fill_(2.4e6)  # more than 16 bits hold
    model.save(tmp_path / "m", half=True)
    loaded = Model.load(tmp_path / "m", "cpu").network.state_dict()
    assert torch.equal(loaded[name], state[name])
    for key, tensor in state.items():
        assert torch.isfinite(loaded[key]).all()
        assert torch.allclose(loaded[key], tensor, rtol=1e-3, atol=1e-6)
