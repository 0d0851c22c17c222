"""Bad input is one clear sentence and exit code 2; nothing is written for it."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import tifffile
import torch

from napari_unet.cli import main
from napari_unet.config import ModelConfig
from napari_unet.models.model import Model


def noise(*shape):
    return np.random.default_rng(0).integers(0, 200, shape).astype(np.uint8)


def squares(*shape):
    labels = np.zeros(shape, np.uint16)
    for number, x in enumerate(range(4, shape[-1] - 8, 12), start=1):
        labels[..., 8:16, x : x + 8] = number
    return labels


def put(folder, image=None, labels=None, name="a"):
    """Write one pair side by side and return the folder."""
    folder.mkdir(exist_ok=True)
    image = noise(40, 60) if image is None else image
    labels = squares(40, 60) if labels is None else labels
    tifffile.imwrite(folder / f"{name}.tif", image)
    tifffile.imwrite(folder / f"{name}_labels.tif", labels)
    return folder


def model_at(folder, **config):
    model = Model.create(ModelConfig(depth=1, width=2, **config), device="cpu")
    model.save(folder)
    return folder


def refused(capsys, *arguments):
    """Run a command that must be refused; return its sentence."""
    capsys.readouterr()
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert code == 2, captured
    errors = [line for line in captured.err.splitlines() if "error:" in line]
    assert len(errors) == 1, captured.err
    assert "Traceback" not in captured.err
    return captured.err


def refused_training(capsys, tmp_path, data, *options):
    output = tmp_path / "model"
    given = {"--steps": 1, "--device": "cpu"}
    if "--minutes" in options:
        del given["--steps"]
    given |= dict(zip(options[::2], options[1::2], strict=True))
    flags = [part for option in given.items() for part in option]
    sentence = refused(capsys, "train", data, "--output", output, *flags)
    assert not output.exists()
    return sentence


def nothing_left(folder):
    return not folder.exists() or not list(folder.iterdir())


@pytest.mark.parametrize(
    ("image", "labels", "parts"),
    [
        (None, squares(40, 50), ["(40, 50)", "(40, 60)"]),
        (None, squares(40, 60) * 0, ["no labels", "empty", "nothing is labelled"]),
        (None, (squares(40, 60) > 0).astype(np.uint8), ["binary"]),
        (None, squares(40, 60) + np.float32(0.5), ["float"]),
        (None, -squares(40, 60).astype(np.int16), ["from -4 to 0"]),
        (np.full((40, 60), np.nan, np.float32), None, ["NaN"]),
        (np.full((40, 60), np.inf, np.float32), None, ["infinite"]),
        (np.full((40, 60), 7, np.uint8), None, ["7 everywhere"]),
    ],
    ids=["shapes", "empty", "binary", "float", "negative", "nan", "inf", "constant"],
)
def test_data_that_cannot_be_learnt(capsys, tmp_path, image, labels, parts):
    data = put(tmp_path / "data", image, labels)
    sentence = refused_training(capsys, tmp_path, data)
    assert "a" in sentence
    assert any(part in sentence for part in parts), sentence


def test_all_problems_come_at_once_each_with_its_file(capsys, tmp_path):
    data = put(tmp_path / "data", labels=squares(40, 50), name="first")
    put(data, labels=squares(30, 60), name="second")
    sentence = refused_training(capsys, tmp_path, data)
    assert "first" in sentence
    assert "second" in sentence


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--patch", 64], ["patch 64 is larger than the image (40, 60)", "choose 40"]),
        (["--network", "resnet"], ["network 'resnet' is not known", "unet"]),
        (["--formulation", "stars"], ["formulation 'stars' is not known", "semantic"]),
        (["--loss", "hinge"], ["loss 'hinge' is not known", "ce+dice"]),
        (["--width", 1], ["width", "greater than or equal to 2", "1"]),
        (["--rate", 0], ["rate", "greater than 0"]),
        (["--validation", 1], ["validation", "less than 1"]),
        (["--minutes", -3], ["minutes", "greater than 0"]),
        (["--minutes", "inf"], ["minutes", "finite", "inf"]),
        (["--object-size", "nan"], ["object_size", "finite", "nan"]),
        (["--spacing", 2.5], ["spacing (2.5,) must hold 2 numbers"]),
        (["--spacing", "0,1"], ["spacing.0", "greater than 0"]),
        (["--ndim", 2.5], ["ndim", "2 or 3", "2.5"]),
        (["--steps", 3, "--epochs", 2], ["steps and epochs"]),
        (["--depth", "deep"], ["deep"]),
        (["--device", "tpu"], ["device 'tpu'"]),
        (["--channel", "DAPI"], ["DAPI"]),
        (["--channel", 4], ["4"]),
        (["--init", "nowhere"], ["nowhere: there is no such model"]),
        (["--split", "train"], ["index.csv"]),
        (["--where", "modality=x"], ["index.csv"]),
        (["--colour", "red"], ["--colour"]),
    ],
    ids=lambda value: "".join(map(str, value[:2])),
)
def test_options_that_cannot_be_met(capsys, tmp_path, options, parts):
    data = put(tmp_path / "data")
    put(data, name="b")
    sentence = refused_training(capsys, tmp_path, data, *options)
    assert all(part in sentence for part in parts), sentence


def test_a_network_deeper_than_the_images_are_large(capsys, tmp_path):
    data = put(tmp_path / "data", noise(40, 30), squares(40, 30))
    error = refused_training(capsys, tmp_path, data, "--depth", 6)
    assert "depth 6 pools more than there is in an image of 40 x 30 px" in error
    assert "choose 5 or less" in error


def test_folders_without_images(capsys, tmp_path):
    empty = tmp_path / "data"
    empty.mkdir()
    (empty / "readme.txt").write_text("nothing here")
    assert "no images" in refused_training(capsys, tmp_path, empty)
    model = model_at(tmp_path / "m")
    out = tmp_path / "out"
    sentence = refused(capsys, "segment", empty, "--model", model, "--output", out)
    assert "data" in sentence
    assert nothing_left(out)
    sentence = refused_training(capsys, tmp_path, tmp_path / "nowhere")
    assert "does not exist" in sentence


def test_truncated_images(capsys, tmp_path):
    data = put(tmp_path / "data")
    path = data / "a.tif"
    path.write_bytes(path.read_bytes()[:900])
    assert "a.tif: cannot be read" in refused_training(capsys, tmp_path, data)
    model, out = model_at(tmp_path / "m"), tmp_path / "out"
    sentence = refused(capsys, "segment", path, "--model", model, "--output", out)
    assert "a.tif: cannot be read" in sentence
    assert nothing_left(out)


def test_nan_in_an_image_to_segment(capsys, tmp_path):
    image = noise(40, 60).astype(np.float32)
    image[:] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", image)
    model, out = model_at(tmp_path / "m"), tmp_path / "out"
    sentence = refused(
        capsys, "segment", tmp_path / "a.tif", "--model", model, "--output", out
    )
    assert "a: all values are NaN or infinite" in sentence
    assert nothing_left(out)


def test_a_constant_image_in_a_batch_holds_no_objects(capsys, tmp_path):
    tifffile.imwrite(tmp_path / "flat.tif", np.full((40, 60), 9, np.uint8))
    tifffile.imwrite(tmp_path / "a.tif", noise(40, 60))
    model, out = model_at(tmp_path / "m"), tmp_path / "out"
    images = [str(tmp_path / n) for n in ("flat.tif", "a.tif")]
    assert main(["segment", *images, "--model", str(model), "--output", str(out)]) == 0
    assert "constant" in "".join(capsys.readouterr())
    assert tifffile.imread(out / "flat_labels.tif").max() == 0
    assert json.loads((out / "flat_labels.json").read_text())["objects"] == 0
    assert (out / "a_labels.tif").exists()


def test_too_many_channels(capsys, tmp_path):
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        noise(5, 40, 60),
        metadata={
            "axes": "CYX",
            "Channel": {"Name": ["DAPI", "actin", "tubulin", "ER", "RNA"]},
        },
    )
    model, out = model_at(tmp_path / "m"), tmp_path / "out"
    command = ["segment", tmp_path / "a.ome.tif", "--model", model, "--output", out]
    sentence = refused(capsys, *command)
    assert "DAPI, actin, tubulin, ER, RNA" in sentence
    assert "--channel" in sentence
    assert nothing_left(out)
    assert main([*map(str, command), "--channel", "actin"]) == 0


def test_a_flat_image_on_a_3d_model_and_a_stack_on_a_2d_model(capsys, tmp_path):
    tifffile.imwrite(tmp_path / "flat.tif", noise(40, 60))
    tifffile.imwrite(
        tmp_path / "stack.tif", noise(3, 40, 60), imagej=True, metadata={"axes": "ZYX"}
    )
    deep, out = model_at(tmp_path / "m3", ndim=3), tmp_path / "out"
    sentence = refused(
        capsys, "segment", tmp_path / "flat.tif", "--model", deep, "--output", out
    )
    assert "2D" in sentence
    assert "3D" in sentence
    flat = model_at(tmp_path / "m2")
    command = ["segment", tmp_path / "stack.tif", "--model", flat, "--output", out]
    assert main([str(c) for c in command]) == 0
    assert "plane by plane" in "".join(capsys.readouterr())
    assert tifffile.imread(out / "stack_labels.tif").shape == (3, 40, 60)


def rewrite(folder, change):
    """Change the header or the tensors of a model file."""
    path = folder / "model.safetensors"
    with safetensors.safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["napari_unet"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    change(header, tensors)
    path.write_bytes(
        safetensors.torch.save(tensors, {"napari_unet": json.dumps(header)})
    )


def missing(folder):
    (folder / "model.safetensors").unlink()


def truncated(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def foreign(folder):
    (folder / "model.safetensors").write_bytes(b"no tensors in here, just some text")


def without_header(folder):
    tensors = {"a": torch.zeros(3)}
    (folder / "model.safetensors").write_bytes(safetensors.torch.save(tensors))


def wrong_shape(folder):
    rewrite(folder, lambda _, t: t.update({"output.bias": torch.zeros(9)}))


def missing_tensor(folder):
    rewrite(folder, lambda _, t: t.pop("output.bias"))


def newer(folder):
    rewrite(folder, lambda header, _: header.update(format=99))


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (missing, "model.safetensors is missing"),
        (truncated, "model.safetensors is"),
        (foreign, "not a model"),
        (without_header, "not a model"),
        (wrong_shape, "output.bias has shape (9,), expected (3,)"),
        (missing_tensor, "output.bias is missing"),
        (newer, "format 99 is newer than this version reads"),
    ],
)
def test_damaged_models(capsys, tmp_path, damage, part):
    tifffile.imwrite(tmp_path / "a.tif", noise(40, 60))
    model, out = model_at(tmp_path / "m"), tmp_path / "out"
    damage(model)
    sentence = refused(
        capsys, "segment", tmp_path / "a.tif", "--model", model, "--output", out
    )
    assert part in sentence
    assert str(model) in sentence
    assert nothing_left(out)


def test_a_shared_file_that_is_none(capsys, tmp_path):
    path = tmp_path / "m.unetmodel"
    path.write_bytes(b"PK but not a zip")
    assert "not a model file" in refused(capsys, "info", path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("something", "else")
    assert "not a model file" in refused(capsys, "info", path)


def test_outputs_that_cannot_be_written(capsys, tmp_path):
    """A file stands where a folder is wanted: even root cannot write there."""
    data = put(tmp_path / "data")
    block = tmp_path / "file"
    block.write_text("")
    sentence = refused(
        capsys, "train", data, "--output", block / "m", "--steps", 1, "--device", "cpu"
    )
    assert str(block) in sentence
    model = model_at(tmp_path / "m")
    sentence = refused(
        capsys, "segment", data / "a.tif", "--model", model, "--output", block / "out"
    )
    assert str(block) in sentence
    assert block.read_text() == ""


def test_a_full_disk_while_saving_keeps_the_old_best(capsys, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    data = tmp_path / "data"
    for name in "abcd":
        put(data, rng.integers(0, 200, (40, 60)).astype(np.uint8), name=name)
    model = tmp_path / "model"
    small = ["--width", "2", "--depth", "1", "--patch", "32", "--batch", "2"]
    command = ["train", str(data), "--output", str(model), "--device", "cpu", *small]
    assert main([*command, "--steps", "20"]) == 0
    before = Model.load(model, "cpu")
    real = Path.write_bytes

    def full(path, content):
        if len(content) > 1000:
            real(path, content[:500])
            raise OSError(28, "No space left on device")
        return real(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    sentence = refused(capsys, *command, "--steps", "40", "--resume")
    monkeypatch.undo()
    assert "No space left on device" in sentence
    after = Model.load(model, "cpu")
    for name, tensor in before.network.state_dict().items():
        assert torch.equal(tensor, after.network.state_dict()[name])
    assert not list(model.rglob(".*part*"))


def test_memory_that_runs_out_is_one_sentence(capsys, tmp_path, monkeypatch):
    def large(*_, **__):
        raise MemoryError("Unable to allocate 9.00 GiB")

    data, model = put(tmp_path / "data"), model_at(tmp_path / "m")
    monkeypatch.setattr("napari_unet.segmentation.outputs.read_images", large)
    monkeypatch.setattr("napari_unet.files.datasets.load_pair", large)
    command = ["segment", data / "a.tif", "--model", model, "--output", tmp_path / "o"]
    for given in (command, ["doctor", data]):
        sentence = refused(capsys, *given)
        assert "memory ran out (Unable to allocate 9.00 GiB); close" in sentence
    assert not (tmp_path / "o").exists()


def test_weights_whose_output_is_no_number(capsys, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise(40, 60))
    model, out = model_at(tmp_path / "m"), tmp_path / "out"
    rewrite(model, lambda _, t: [v.mul_(1e38) for v in t.values() if v.dim() > 1])
    sentence = refused(
        capsys, "segment", tmp_path / "a.tif", "--model", model, "--output", out
    )
    assert "a: the network gives values that are no numbers" in sentence
    assert nothing_left(out)


def test_names_cannot_write_to_the_terminal(capsys, tmp_path):
    error = refused(capsys, "info", tmp_path / "a\nb\x1b[2J")
    assert r"a\nb\x1b[2J: there is no such model" in error


def test_python_that_is_run_again_takes_nothing_from_the_folder(monkeypatch):
    monkeypatch.setenv("PYTHONSAFEPATH", "")
    monkeypatch.setattr("napari_unet.cli.app", lambda tokens: 0)
    assert main() == 0
    path = [sys.executable, "-S", "-c", "import sys; print(sys.path)"]
    assert "''" not in subprocess.check_output(path, text=True)


def test_unknown_commands_and_models(capsys, tmp_path):
    assert "sgment" in refused(capsys, "sgment", "a.tif")
    sentence = refused(
        capsys, "evaluate", put(tmp_path / "data"), "--model", tmp_path / "nowhere"
    )
    assert "there is no such model" in sentence
