"""The command line, from folders to figures; bad input is one line and exit code 2."""

import csv
import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from cyclopts import App
from PIL import Image
from scipy import ndimage

from napari_unet.cli import app, main
from napari_unet.cli.arguments import options
from napari_unet.cli.bars import Show
from napari_unet.cli.demo import _clear
from napari_unet.cli.training import _stop_on_interrupt, with_preset
from napari_unet.config import AugmentConfig, ModelConfig, PredictConfig, TrainConfig
from napari_unet.config.base import group_of
from napari_unet.events import Control, EpochEnd, Note, Progress, StepDone, drain
from napari_unet.files.readers import read_image, read_labels
from napari_unet.models.model import Model
from napari_unet.text import clock
from napari_unet.training.annotated import Annotated, train_on
from support.trainings import assert_equal_weights

SMALL = "--width 4 --depth 2 --patch 48 --batch 4 --warmup 5 --device cpu".split()


def blobs(seed: int, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    image, labels = rng.normal(20, 3, (size, size)), np.zeros((size, size), np.uint16)
    for cy, cx, radius in rng.uniform((6, 6, 4), (58, 58, 6), (40, 3)):
        distance = np.hypot(y - cy, x - cx)
        if not labels[distance < radius + 2].any():
            labels[distance < radius] = labels.max() + 1
            image[distance < radius] += 80
    return image.clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Six images of blobs: 0 to 3 are for training, 4 and 5 for validation."""
    root = tmp_path_factory.mktemp("data") / "blobs"
    rows = ["id,split,modality"]
    for i in range(6):
        for name, array in zip(("images", "labels"), blobs(i), strict=True):
            (root / name).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(
                root / name / f"b{i}.tif",
                array,
                imagej=True,
                resolution=(4, 4),
                metadata={"unit": "um"},
            )
        rows.append(f"b{i},{'val' if i > 3 else 'train'},{'odd' if i % 2 else 'even'}")
    (root / "index.csv").write_text("\n".join(rows))
    return root


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A model folder."""
    folder = tmp_path_factory.mktemp("models") / "blobs"
    arguments = ["--steps", "40", "--rate", "0.01", "--average", "0.9", *SMALL]
    assert run("train", data, "--output", folder, *arguments) == 0
    return folder


def run(*tokens: object) -> int:
    return main([str(token) for token in tokens])


def error_of(capsys, *tokens: object) -> str:
    """Run what must fail; returns what stderr says from the one error on."""
    assert run(*tokens) == 2
    _, *errors = capsys.readouterr().err.split("napari-unet: error: ")
    assert len(errors) == 1, errors
    assert "Traceback" not in errors[0]
    return errors[0]


def size_of(path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def process(*tokens: object, **options: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "napari_unet", *map(str, tokens)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **options,
    )


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_ends_it_without_a_word():
    with process("info", "nuclei") as running:
        running.stdout.close()
        assert running.stderr.read() == ""
        assert running.wait() == 141


# --- options from the config models -------------------------------------------------


def test_help_loads_no_torch():
    code = (
        "import sys; from napari_unet.cli import main; "
        "commands = ([], ['train'], ['segment'], ['compare']); "
        "codes = [main([*command, '--help']) for command in commands]; "
        "heavy = ('torch', 'skimage', 'matplotlib', 'scipy', 'tifffile'); "
        "print('loaded', codes, *[m for m in heavy if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert found.stdout.splitlines()[-1] == "loaded [0, 0, 0, 0]"
    assert found.stdout.count("Usage: napari-unet") == 4


@pytest.mark.parametrize(
    ("command", "kinds"),
    [
        ("train", [TrainConfig, ModelConfig, AugmentConfig]),
        ("segment", [PredictConfig]),
        ("evaluate", [PredictConfig]),
    ],
)
def test_every_field_is_an_option_with_its_help(capsys, command, kinds):
    assert run(command, "--help") == 0
    text = capsys.readouterr().out
    flat = " ".join(text.replace("│", " ").split())
    for kind in kinds:
        for name, field in kind.model_fields.items():
            if name == "augment":
                continue
            prefix = "augment." if kind is AugmentConfig else ""
            assert f"--{prefix}{name.replace('_', '-')}" in flat
            assert field.description.split()[0] in flat
    assert "[from" in flat and "[default:" in flat


@pytest.mark.parametrize(
    ("command", "kind"), [("train", TrainConfig), ("segment", PredictConfig)]
)
def test_options_have_the_groups_of_the_docks(capsys, command, kind):
    run(command, "--help")
    panel, found = "", {}
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("╭"):
            panel = line.strip("╭─╮ ")
        for name in re.findall(r"^│ *--([a-z-]+)", line):
            found[name.replace("-", "_")] = panel
    groups = {name: group_of(info) for name, info in kind.model_fields.items()}
    assert set(groups.values()) - {""} <= set(found.values())
    for name, group in groups.items():
        if group:
            assert found[name] == group


def given(line: str) -> dict:
    """Return the options that train would get."""
    seen = {}

    def train(*, config: TrainConfig, model: ModelConfig) -> None:
        seen.update(config.model_dump(exclude_unset=True))
        seen.update(model.model_dump(exclude_unset=True))

    small = App(result_action="return_value")
    small.default(options(train))
    small(line.split())
    return seen


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", {}),
        ("--minutes 0.5 --seed 4", {"minutes": 0.5, "seed": 4}),
        ("--patch 64", {"patch": 64}),
        ("--patch 64,32", {"patch": (64, 32)}),
        ("--dropout 0.1", {"dropout": 0.1}),
        ("--input rgb", {"input": "rgb"}),
        ("--input DAPI,GFP", {"input": ("DAPI", "GFP")}),
        ("--classes 3", {"classes": (3,)}),
        ("--depth 2 --strides 1,2/2,2", {"depth": 2, "strides": ((1, 2), (2, 2))}),
        ("--no-thresholds", {"thresholds": False}),
        (
            "--augment.scaling 2 --augment.no-flips",
            {"augment": {"scaling": 2.0, "flips": False}},
        ),
    ],
)
def test_only_what_the_user_gave_is_set(line, expected):
    assert given(line) == expected


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--minutes -3", "minutes: Input should be greater than 0, got '-3'"),
        ("--steps 2.5", "steps: Input should be a valid integer"),
        ("--minutes abc", "minutes: Input should be a valid number"),
        ("--minutes 1 --steps 3", "minutes and steps are given; choose one of them"),
        ("--augment.scaling 9", "augment.scaling: Input should be less than or equal"),
        ("--norm foo", 'Choose from: "batch", "group", "none"'),
        ("--minuts 3", "Unknown option: --minuts. Did you mean --minutes? See"),
        ("--formulation blobs", "formulation 'blobs' is not known; choose one of"),
        (
            "--network vnet",
            "network 'vnet' is not known; choose one of attention, dense, fcn, forest",
        ),
        ("--loss foo", "loss 'foo' is not known; choose one of"),
        ("--preset foo", "preset 'foo' is not known; choose one of guide"),
        ("--patch 128", "patch 128 is larger than the image"),
        ("--where modality", "--where modality is no condition; write COLUMN=VALUE"),
        ("--where modality=x", "choose one of even, odd"),
        ("--split test", "choose one of train, val"),
        ("--channel DAPI", "has no channel 'DAPI'"),
        ("--device foo", "device 'foo' is not known; choose auto, cpu"),
        ("--init nowhere", "nowhere: there is no such model"),
        ("--zero unknown", "no pixel is known to be background; paint some"),
        ("--background 3", "background 3: 0 is the background already; choose zero"),
        ("--zero unknown --background 0", "background: Input should be greater than"),
        ("--zero nothing", 'Choose from: "background", "unknown"'),
        ("--init nuclei --width 8", "width cannot change the model of --init"),
        ("--init nuclei --preset guide", "--preset guide cannot change the model of"),
    ],
)
def test_bad_options_are_one_sentence(capsys, data, tmp_path, line, sentence):
    output = tmp_path / "model"
    assert sentence in error_of(
        capsys, "train", data, "--output", output, *line.split()
    )
    assert not output.exists(), (
        "nothing is written before all input is known to be good"
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("trian", 'Unknown command "trian". Did you mean "train"?'),
        ("--foo", "--foo"),
        ("train", "DATA"),
        ("train data", "--output"),
        ("train nowhere --output m", "nowhere: does not exist"),
        ("segment a.tif", "--output"),
        ("segment nowhere.tif --model m --output o", "m: there is no such model"),
        ("evaluate nowhere", "give either --model or --predictions"),
        ("info nowhere", "nowhere: there is no such model"),
        ("open nowhere.tif", "nowhere.tif: does not exist"),
    ],
)
def test_wrong_commands_are_one_sentence(capsys, tmp_path, monkeypatch, line, sentence):
    monkeypatch.chdir(tmp_path)
    assert sentence in error_of(capsys, *line.split())
    assert not list(tmp_path.iterdir())


def test_a_preset_lies_under_explicit_options():
    given_config = TrainConfig(minutes=3, augment=AugmentConfig(flips=True))
    config, model = with_preset("guide", given_config, ModelConfig(width=8))
    assert (config.minutes, config.epochs, config.patience) == (3, None, 2)
    assert config.augment.flips and not config.augment.turns
    assert (model.width, model.depth, model.norm) == (8, 4, "none")
    assert "ndim" not in model.model_fields_set, "left to the data"
    config, model = with_preset("guide", TrainConfig(), ModelConfig())
    assert config.epochs == 25


def test_all_commands_are_there():
    names = {name for name in app if not name.startswith("-")}
    assert names == {
        *("demo", "train", "segment", "evaluate", "compare", "show", "info"),
        *("doctor", "open", "share", "measure", "convert"),
    }


def test_version(capsys):
    from napari_unet import __version__

    assert run("--version") == 0
    assert capsys.readouterr().out.strip() == __version__


def test_times_are_written_as_people_write_them():
    assert [clock(s) for s in (0, 59.94, 60, 408.4, 7325)] == [
        *("0.0 s", "59.9 s", "1:00", "6:48", "2:02:05")
    ]


# --- train --------------------------------------------------------------------------


def test_train_tells_what_it_does(capsys, data, tmp_path):
    folder = tmp_path / "model"
    assert run("train", data, "--output", folder, "--steps", 2, *SMALL) == 0
    out, err = capsys.readouterr()
    assert "4 images with labels, train in index.csv" in out
    assert f"{data / 'images' / 'b0.tif'} + {data / 'labels' / 'b0.tif'}" in out
    assert "device: cpu, " in out and "7,487 parameters" in out
    assert f"model: {folder} (best after 2 steps" in out
    assert "objects in 1 image" in out
    assert "epoch 1, step 2: loss" in err and "objects)" in err
    assert size_of(folder / "loss.png") == (800, 500)
    card = Model.load(folder).card
    assert card["training"]["images"] + card["validation"]["images"] == 4


def test_train_takes_several_folders(capsys, data, tmp_path):
    again = tmp_path / "more"
    for name in ("images", "labels"):
        (again / name).mkdir(parents=True)
        array = blobs(9)[name == "labels"]
        tifffile.imwrite(again / name / "other.tif", array)
    arguments = ["--output", tmp_path / "m", "--steps", 1, *SMALL]
    assert run("train", data, again, *arguments) == 0
    assert "1 image with labels\n" in capsys.readouterr().out
    card = Model.load(tmp_path / "m").card
    assert len(card["data"]) == 5


def test_train_replaces_no_model_and_resumes(capsys, data, tmp_path):
    folder = tmp_path / "model"
    start = ["train", data, "--output", folder]
    assert run(*start, "--steps", 2, *SMALL) == 0
    capsys.readouterr()
    assert "holds a model already" in error_of(capsys, *start, "--steps", 4)
    assert run(*start, "--steps", 4, "--resume", "--rate", "0.1") == 0
    out = capsys.readouterr().out
    assert "not with this rate" in out and "(best after 4 steps" in out


def test_train_from_another_model(capsys, data, trained, tmp_path):
    start = ["train", data, "--output", tmp_path / "m", "--init", trained]
    error = error_of(capsys, *start, "--width", 8)
    assert "width cannot change the model of --init" in error
    assert run(*start, "--steps", 1, "--batch", 2) == 0
    assert Model.load(tmp_path / "m").config == Model.load(trained).config


def test_partly_annotated_images_train_the_model_that_python_trains(tmp_path):
    """Painted: some objects, some background as 900, one that is to be ignored."""
    items = []
    for i, size in enumerate((64, 64, 72)):
        image, labels = blobs(i, size)
        far = ~ndimage.binary_dilation(labels > 0, iterations=3)
        labels[far & (np.arange(size) < 40)] = 900
        labels[(labels > 5) & (labels < 8)] = 0
        for name, array in (("images", image), ("labels", labels)):
            (tmp_path / name).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / name / f"p{i}.tif", array)
        read = read_image(tmp_path / "images" / f"p{i}.tif")
        meaning = {"zero": "unknown", "background": 900, "ignore": 1}
        items.append(Annotated(read, labels, **meaning))
    line = ["--output", tmp_path / "a", "--steps", 6, *SMALL]
    words = "--zero unknown --background 900 --ignore 1".split()
    assert run("train", tmp_path, *line, *words) == 0
    config = TrainConfig(steps=6, patch=48, batch=4, warmup=5)
    wanted = ModelConfig(width=4, depth=2)
    drain(train_on(items, tmp_path / "b", config, model=wanted, device="cpu"))
    a, b = (Model.load(tmp_path / name, "cpu") for name in "ab")
    assert_equal_weights(a, b)
    assert a.thresholds == b.thresholds and a.card["data"] == b.card["data"]
    assert run("train", tmp_path, *line[:1], tmp_path / "c", *line[2:]) == 0
    c = Model.load(tmp_path / "c", "cpu")
    assert c.card["data"] != a.card["data"], "0 was background"


@pytest.mark.parametrize("command", ["train", "evaluate", "show", "doctor"])
def test_a_film_that_nobody_annotated_is_refused(capsys, tmp_path, command):
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        array, axes = np.zeros((3, 64, 64), np.uint8), {"axes": "TYX"}
        tifffile.imwrite(
            tmp_path / kind / "film.tif", array, imagej=True, metadata=axes
        )
    line = [command, tmp_path, "--zero", "unknown"]
    if command != "doctor":
        line += ["--output", tmp_path / "out"]
    if command in ("evaluate", "show"):
        line += ["--model", "nuclei"]
    assert "no time point is annotated" in error_of(capsys, *line)


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_output_that_cannot_be_is_found_out_first(capsys, data, tmp_path, place):
    (tmp_path / "file").write_text("")
    error = error_of(capsys, "train", data, "--output", tmp_path / place)
    assert "is a file; choose another place" in error
    assert "images with labels" not in error


def test_interrupt_is_first_a_wish_then_deadly(capfd):
    control, before = Control(), signal.getsignal(signal.SIGINT)
    with _stop_on_interrupt(control):
        signal.raise_signal(signal.SIGINT)
        assert control.stopped
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is before
    assert "press again to kill" in capfd.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one")
@pytest.mark.slow
def test_first_interrupt_saves_a_model_that_loads(data, tmp_path):
    folder = tmp_path / "model"
    arguments = ["--output", folder, "--steps", 10**6, *SMALL]
    with process("train", data, *arguments) as training:
        line = training.stderr.readline()
        while not line.startswith("epoch 1"):
            assert line, training.communicate()
            line = training.stderr.readline()
        training.send_signal(signal.SIGINT)
        out, err = training.communicate(timeout=120)
    assert training.returncode == 0, err
    assert "stopping: validating and saving, press again to kill" in err
    assert f"model: {folder}" in out
    assert Model.load(folder).card["steps"] > 0
    assert (folder / "loss.png").exists()


# --- segment ------------------------------------------------------------------------


def test_segment_writes_labels_and_what_made_them(capsys, data, trained, tmp_path):
    image = data / "images" / "b4.tif"
    line = ["segment", image, "--model", trained, "--output", tmp_path / "out"]
    more = "--score", "0.1", "--device", "cpu", "--export", "geojson"
    assert run(*line, *more) == 0
    labels = read_labels(tmp_path / "out" / "b4_labels.tif")
    assert labels.array.dtype == np.uint16 and labels.array.shape == (64, 64)
    assert labels.spacing == pytest.approx((0.25, 0.25))
    about = json.loads((tmp_path / "out" / "b4_labels.json").read_text())
    assert about["objects"] == labels.array.max() > 0
    assert about["model"]["hash"] == Model.load(trained).hash()
    assert len(about["image"]["sha256"]) == 64
    assert about["options"]["score"] == 0.1 and about["device"] == "cpu"
    assert {"torch", "napari-unet-live"} <= about["versions"].keys()
    low, high = (about["normalisation"][0][k][0] for k in ("low", "high"))
    assert 0 < low < high < 256
    assert f"{labels.array.max()} objects" in capsys.readouterr().out
    outlines = json.loads((tmp_path / "out" / "b4.geojson").read_text())["features"]
    assert len(outlines) == about["objects"]
    assert 0 < outlines[0]["properties"]["measurements"]["Score"] <= 1


def test_what_was_segmented_is_measured(data, trained, tmp_path):
    image, table = data / "images" / "b4.tif", tmp_path / "table.csv"
    line = ["segment", image, "--model", trained, "--output", tmp_path]
    assert run(*line, "--device", "cpu") == 0
    labels = tmp_path / "b4_labels.tif"
    assert run("measure", labels, "--image", image, "--output", table) == 0
    with table.open(newline="") as file, (tmp_path / "objects.csv").open() as known:
        rows, told = list(csv.DictReader(file)), list(csv.DictReader(known))
    assert [r["label"] for r in rows] == [r["id"] for r in told] != []
    assert [r["score"] for r in rows] == [r["score"] for r in told]
    assert {r["edited"] for r in rows} == {"False"}
    sizes = [float(r["area_um2"]) for r in rows]
    assert sizes == pytest.approx([float(r["size"]) for r in told])


def test_segment_goes_on_after_a_bad_image(capsys, data, trained, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a_broken.tif").write_bytes(b"II*\0nothing")
    tifffile.imwrite(folder / "b_flat.tif", np.full((64, 64), 7, np.uint8))
    tifffile.imwrite(folder / "c_good.tif", blobs(1)[0])
    tifffile.imwrite(folder / "c_good_labels.tif", blobs(1)[1])
    (folder / "notes.txt").write_text("stray")
    line = ["segment", folder, "--model", trained, "--output", tmp_path / "out"]
    error = error_of(capsys, *line)
    assert "a_broken.tif: cannot be read" in error
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {
        *("b_flat_labels.tif", "b_flat_labels.json"),
        *("c_good_labels.tif", "c_good_labels.json", "objects.csv"),
    }
    good = json.loads((tmp_path / "out" / "c_good_labels.json").read_text())
    with (tmp_path / "out" / "objects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == good["objects"] > 0
    assert {row["image"] for row in rows} == {"c_good"}
    assert [int(row["id"]) for row in rows] == list(range(1, len(rows) + 1))
    assert {row["unit"] for row in rows} == {"px²"}
    flat = json.loads((tmp_path / "out" / "b_flat_labels.json").read_text())
    assert flat["objects"] == 0 and "constant" in flat["notes"][0]


def test_segment_numbers_a_film_throughout(trained, tmp_path):
    film = np.stack([blobs(i)[0] for i in range(3)])
    tifffile.imwrite(tmp_path / "film.tif", film, imagej=True, metadata={"axes": "TYX"})
    assert run("segment", tmp_path, "--model", trained, "--output", tmp_path) == 0
    labels = read_labels(tmp_path / "film_labels.tif")
    assert labels.axes == "TYX" and labels.array.shape == film.shape
    found = [set(np.unique(p[p > 0]).tolist()) for p in labels.array]
    about = json.loads((tmp_path / "film_labels.json").read_text())
    assert sum(map(len, found)) == len(set.union(*found)) == about["objects"] > 0
    assert len(about["normalisation"]) == 3


def test_segment_takes_stacks_folders_and_patterns(
    capsys, data, trained, tmp_path, monkeypatch
):
    stack = np.stack([blobs(1)[0]] * 2)
    axes = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(
        tmp_path / "stack.tif", stack, imagej=True, metadata=axes, resolution=(2, 2)
    )
    monkeypatch.chdir(data)
    line = ["segment", "images/b[01].tif", tmp_path / "stack.tif", "--model", trained]
    assert run(*line, "--output", tmp_path / "out") == 0
    assert "plane by plane" in capsys.readouterr().err
    assert read_labels(tmp_path / "out" / "stack_labels.tif").spacing == (2.0, 0.5, 0.5)
    assert len(list((tmp_path / "out").glob("b?_labels.tif"))) == 2
    assert run("segment", data, "--model", trained, "--output", tmp_path / "all") == 0
    assert len(list((tmp_path / "all").glob("*.tif"))) == 6


def test_segment_picks_a_channel(capsys, trained, tmp_path):
    image = np.stack([np.zeros((64, 64), np.uint8), blobs(1)[0]])
    axes = {"axes": "CYX", "Labels": ["empty", "nuclei"]}
    tifffile.imwrite(tmp_path / "two.tif", image, imagej=True, metadata=axes)
    line = ["segment", tmp_path / "two.tif", "--model", trained, "--output", tmp_path]
    assert "--channel" in error_of(capsys, *line)
    assert not (tmp_path / "two_labels.tif").exists()
    assert run(*line, "--channel", "1") == 0
    about = json.loads((tmp_path / "two_labels.json").read_text())
    assert about["objects"] > 0 and about["options"]["channel"] == "1"


def test_segment_replaces_older_results(trained, tmp_path, data):
    (tmp_path / "b0_labels.tif").write_bytes(b"old")
    line = ["segment", data / "images" / "b0.tif", "--model", trained]
    assert run(*line, "--output", tmp_path) == 0
    assert read_labels(tmp_path / "b0_labels.tif").array.shape == (64, 64)


def test_results_that_would_collide_are_found_out_first(
    capsys, data, trained, tmp_path
):
    (tmp_path / "B0.png").write_bytes((data / "images" / "b0.tif").read_bytes())
    line = ["segment", data / "images", tmp_path, "--model", trained]
    error = error_of(capsys, *line, "--output", tmp_path / "out")
    assert "would write the same b0_labels.tif" in error
    a, b = tmp_path / "a.tif", tmp_path / "a_labels.tif"
    line = ["segment", a, b, "--model", trained, "--output", tmp_path]
    assert "would be overwritten" in error_of(capsys, *line)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("empty", "empty: holds no images"), ("none*.tif", "nothing matches")],
)
def test_nothing_to_segment(capsys, trained, tmp_path, name, sentence):
    (tmp_path / "empty").mkdir()
    line = ["segment", tmp_path / name, "--model", trained, "--output", tmp_path / "o"]
    assert sentence in error_of(capsys, *line)


# --- evaluate, look, info, doctor, open, demo ----------------------------------------


def test_evaluate_writes_the_figures(capsys, data, trained, tmp_path):
    file = tmp_path / "figures.json"
    line = ["evaluate", data, "--model", trained, "--split", "val", "--json", file]
    assert run(*line) == 0
    out, err = capsys.readouterr()
    found = json.loads(file.read_text())
    truth = sum(int(blobs(i)[1].max()) for i in (4, 5))
    assert (found["images"], found["objects"]) == (2, truth)
    for name in ("pooled", "per_image"):
        assert found[name].keys() == {"ap", "mean9", "msa", "f1", "pq"}
        assert list(found[name]["ap"])[::9] == ["0.50", "0.95"]
    assert found["pooled"]["ap"]["0.50"] > 0.5, "it has learnt blobs"
    assert found["by_modality"].keys() == {"even", "odd"}
    assert found["by_modality"]["odd"]["pooled"].keys() == found["pooled"].keys()
    assert 0 < found["dice"] <= 1 and found["megapixels_per_second"] > 0
    assert f"all: 2 images, {truth} objects" in out
    assert "used in training" not in err


def test_evaluate_draws_pictures(capsys, data, trained, tmp_path):
    folder = tmp_path / "new" / "pictures"
    line = ["evaluate", data, "--model", trained, "--split", "val", "--output", folder]
    assert run(*line) == 0
    names = ["ap_over_iou.png", "figures.json", "gallery.png"]
    assert sorted(f.name for f in folder.iterdir()) == names
    found = json.loads((folder / "figures.json").read_text())
    kinds = ["missed", "false", "merged", "split"]
    assert list(found["errors"]) == kinds
    assert size_of(folder / "ap_over_iou.png") == (800, 500)
    out = capsys.readouterr().out
    assert all(f"written: {folder / name}" in out for name in names)
    told = ", ".join(f"{found['errors'][kind]} {kind}" for kind in kinds)
    assert f"errors     {told}" in out


def test_figures_are_written_once(data, trained, tmp_path):
    line = ["evaluate", data, "--model", trained, "--where", "modality=odd"]
    file = tmp_path / "mine.json"
    assert run(*line, "--output", tmp_path / "out", "--json", file) == 0
    assert file.exists() and not (tmp_path / "out" / "figures.json").exists()


def test_pictures_of_classes_are_refused_at_once(capsys, data, tmp_path):
    config = ModelConfig(formulation="semantic", depth=1, width=2)
    folder = Model.create(config, device="cpu").save(tmp_path / "classes")
    line = ["evaluate", data, "--model", folder, "--output", tmp_path / "out"]
    assert "tells no objects apart" in error_of(capsys, *line)
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").touch()
    line = ["evaluate", data, "--model", folder, "--output", tmp_path / "file"]
    assert "cannot write into" in error_of(capsys, *line)


def test_evaluate_says_when_it_looks_at_training_images(capsys, data, trained):
    line = ["evaluate", data, "--model", trained, "--where", "modality=odd"]
    assert run(*line) == 0
    assert "2 of 3 images were used in training" in capsys.readouterr().err


def test_evaluate_predictions(capsys, data, trained, tmp_path):
    line = ["segment", data / "images" / "b4.tif", "--model", trained]
    assert run(*line, "--output", tmp_path) == 0
    line = ["evaluate", data, "--predictions", tmp_path, "--split", "val"]
    assert "1 of 2 images (b5)" in error_of(capsys, *line)
    assert run(*line, "--where", "modality=even") == 0
    assert "all: 1 image," in capsys.readouterr().out


def test_look_draws_training_and_validation_images(data, trained, tmp_path):
    file = tmp_path / "show.png"
    assert run("show", data, "--model", trained, "--output", file) == 0
    assert size_of(file) == (900, 4 * 330), "3 of training, 1 of validation"


def test_info_tells_all(capsys, trained):
    assert run("info", trained) == 0
    out = capsys.readouterr().out
    for text in (
        *("7,487 parameters", "threshold foreground", "objects in 1 image", "hash: "),
        *("0.25 x 0.25 µm", "best after 40 steps", "licence", '"torch"'),
    ):
        assert text in out


def test_figures_go_into_a_folder_that_is_not_there_yet(data, trained, tmp_path):
    path = tmp_path / "new" / "figures.json"
    assert run("evaluate", data, "--model", trained, "--json", path) == 0
    assert json.loads(path.read_text())["images"] == 6


def test_options_without_effect_on_labels_from_a_folder(capsys, data, tmp_path):
    line = ("evaluate", data, "--predictions", tmp_path, "--smallest", 9)
    assert "smallest: labels in a folder are taken as they are" in error_of(
        capsys, *line
    )


def test_data_may_be_called_as_a_built_in_model_is(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nuclei").mkdir()
    assert run("info", "nuclei") == 0
    assert capsys.readouterr().out.startswith("nuclei: unet, instances")


def test_share_writes_one_file_and_replaces_none(capsys, trained, tmp_path):
    wanted = tmp_path / "shared.unetmodel"
    assert run("share", trained, "--output", tmp_path / "shared") == 0
    assert capsys.readouterr().out.startswith(f"{wanted}: ")
    assert Model.load(wanted, "cpu").hash() == Model.load(trained, "cpu").hash()
    assert run("share", trained, "--output", wanted) == 2
    assert "is there already" in capsys.readouterr().err
    assert run("info", wanted) == 0


def test_doctor_of_the_machine_and_of_data(capsys, data, tmp_path):
    assert run("doctor") == 0
    assert "device: " in capsys.readouterr().out
    assert run("doctor", data) == 0
    out = capsys.readouterr().out
    assert "6 images (2D uint8, 1 channel)" in out and "nothing is wrong" in out
    tifffile.imwrite(tmp_path / "a.tif", blobs(0)[0])
    labels = (blobs(0)[1] > 0).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a_labels.tif", labels)
    assert run("doctor", tmp_path) == 2
    assert "error: a: the labels are binary" in capsys.readouterr().out
    assert run("doctor", tmp_path, "--formulation", "semantic") == 0


def test_open_without_napari_says_how_to_get_it(capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert 'pip install "napari[all]"' in error_of(capsys, "open")


@pytest.mark.slow
def test_demo_leaves_a_model_and_pictures_and_makes_room_for_the_next(capsys, tmp_path):
    folder = tmp_path / "demo"
    line = ["demo", "--minutes", "0.01", "--output", folder, "--device", "cpu"]
    line += ["--no-show"]
    assert run(*line) == 0
    out = capsys.readouterr().out
    assert "AP50" in out and "Dice" in out and "objects" in out
    names = {p.name for p in folder.iterdir()}
    assert {"nuclei_08_labels.tif", "nuclei_08_overlay.png", "model"} <= names
    assert (folder / "model" / "loss.png").exists()
    assert Model.load(folder / "model").card["steps"] > 0
    _clear(folder)
    assert not (folder / "model").exists(), "a second demo makes room for its model"


def test_demo_leaves_other_peoples_folders_alone(capsys, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.txt").write_text("years of work")
    assert "is not empty" in error_of(capsys, "demo", "--output", tmp_path)
    assert (tmp_path / "model" / "thesis.txt").exists()


# --- the bar ------------------------------------------------------------------------


def test_the_bar_shows_loss_figure_with_objects_and_time_left(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    end = EpochEnd(1, 20, 1.2, 1.3, 0.5, {"ap50": 0.812}, 1112, True, 30, 408)
    with Show() as show:
        show(end)
        show(StepDone(30, 100, 1.234, 45.0, 408.0, 0.5))
        show(Progress("validating", 3, 55))
        print("a result")
        show(Note("a note"))
    out, err = capsys.readouterr()
    assert out == "a result\n", "results go to stdout, whatever the bar does"
    assert "loss 1.234  AP50 0.812 (1,112 objects)  6:48 left" in err
    assert "validating 3/55" in err and "a note" in err


def test_without_a_terminal_an_epoch_is_a_line(capsys):
    end = EpochEnd(1, 20, 1.2, 1.3, 0.5, {"ap50": 0.812, "dice": 0.9}, 1, True, 30, 90)
    with Show() as show:
        show(Progress("validating", 3, 55))
        show(end)
        show(EpochEnd(2, 40, 1.1, None, None, {}, 0, False, 60))
    assert capsys.readouterr().err.splitlines() == [
        "epoch 1, step 20: loss 1.200, validation loss 1.300, AP50 0.812, Dice 0.900 "
        "(1 object), best so far, 30.0 s, 1:30 left",
        "epoch 2, step 40: loss 1.100, 1:00",
    ]
