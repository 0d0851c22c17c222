"""Networks compared on the same images: rows, resuming, and what is refused."""

import contextlib
import io
import json
import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_unet.cli import main
from napari_unet.cli.arguments import Selection
from napari_unet.cli.comparing import _judging
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.events import EpochEnd, drain
from napari_unet.files.datasets import find_pairs, load_samples
from napari_unet.models.model import Model
from napari_unet.reports import network_comparison
from napari_unet.reports.evaluation import evaluate
from napari_unet.reports.network_comparison import COLUMNS, compare, draw, markdown
from napari_unet.training.loop import train
from support.made import blobs, with_array
from support.trainings import assert_equal_weights

pytestmark = pytest.mark.slow

OPTIONS = {"patch": 48, "batch": 4, "warmup": 5}
SMALL = "--width 4 --depth 2 --patch 48 --batch 4 --warmup 5 --device cpu".split()
MODEL = ModelConfig(width=4, depth=2)
JUDGE = blobs(9, (64, 64), 12)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Six images of blobs: 0 to 3 are for training, 4 and 5 for validation."""
    root = tmp_path_factory.mktemp("data") / "blobs"
    rows = ["id,split"]
    for i in range(6):
        sample = blobs(i, (64, 64), 12)
        for name, array in (
            ("images", sample.image.array[0]),
            ("labels", sample.labels),
        ):
            (root / name).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(root / name / f"b{i}.tif", array.astype(np.uint16))
        rows.append(f"b{i},{'val' if i > 3 else 'train'}")
    (root / "index.csv").write_text("\n".join(rows))
    return root


@pytest.fixture(scope="module")
def compared(data, tmp_path_factory):
    """The folder of a comparison, and what the command printed."""
    folder = tmp_path_factory.mktemp("compared") / "which"
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert main(line(data, folder, "unet", "tree")) == 0
    return folder, out.getvalue(), err.getvalue()


@pytest.fixture
def copied(compared, tmp_path):
    """A copy of the comparison, to be changed."""
    return shutil.copytree(compared[0], tmp_path / "which")


@pytest.fixture
def begun(monkeypatch):
    """Names of the model folders in which a training begins."""
    names = []

    def noted(samples, validation, folder, *args, **kwargs):
        if folder.name != "none":  # not only checked
            names.append(folder.name)
        return train(samples, validation, folder, *args, **kwargs)

    monkeypatch.setattr(network_comparison, "train", noted)
    return names


def line(data, folder, *networks, steps=6):
    given = ["compare", data, "--output", folder, "--steps", steps, *SMALL]
    return [str(token) for token in [*given, "--networks", *networks]]


def samples_of(data, split):
    return drain(load_samples(find_pairs(data, split=split)))


def rows_of(folder):
    return json.loads((folder / "comparison.json").read_text("utf-8"))["rows"]


def models_of(folder):
    return {p: p.stat().st_mtime_ns for p in folder.glob("*/**/*") if p.is_file()}


def error_of(capsys, *tokens):
    assert main([str(token) for token in tokens]) == 2
    _, *errors = capsys.readouterr().err.split("napari-unet: error: ")
    assert len(errors) == 1 and "Traceback" not in errors[0]
    return errors[0]


# --- rows, table, picture -----------------------------------------------------------


def test_rows_are_those_of_evaluate(data, compared):
    folder = compared[0]
    rows = rows_of(folder)
    assert list(rows) == ["unet-0", "tree-0"]
    for name, row in rows.items():
        model = Model.load(folder / name, "cpu")
        report = drain(evaluate(samples_of(data, "val"), model=model)).to_dict()
        assert (row["network"], row["seed"]) == (name.removesuffix("-0"), 0)
        assert row["score"] == row["mean9"] == report["pooled"]["mean9"]
        assert row["ap75"] == report["pooled"]["ap"]["0.75"]
        assert (row["dice"], row["iou"]) == (report["dice"], report["iou"])
        assert row["seconds_per_image"] > 0
        kept = json.loads((folder / name / "figures.json").read_text("utf-8"))
        assert kept["errors"] == report["errors"] and kept["images"] == 2
    assert rows["unet-0"]["steps"] == 6 and rows["unet-0"]["steps_per_second"] > 0
    assert rows["unet-0"]["parameters"] > 1000
    assert not {"steps", "parameters"} & rows["tree-0"].keys()


def test_the_table_is_written_and_printed(compared):
    folder, out, _ = compared
    text = (folder / "comparison.md").read_text("utf-8")
    assert text in out and "written: " in out
    assert "steps: 6; " in text and "trained on: 4 images, 4" in text
    assert "judged by: 2 images, " in text and "device: cpu" in text
    rows = [r for r in text.splitlines() if r.startswith(("| unet |", "| tree |"))]
    assert len(rows) == 2 and {r.count("|") for r in rows} == {len(COLUMNS) + 2}
    with Image.open(folder / "comparison.png") as picture:
        assert picture.size == (800, 500)


def test_a_log_has_plain_lines(compared):
    _, out, err = compared
    assert "the same command resumes" in out
    assert "[1/2] unet-0\n" in err and "\nunet-0: AP50 " in err
    assert "\n[2/2] tree-0\n" in err and "\ntree-0: AP50 " in err and "\x1b" not in err


def test_nothing_but_models_and_results_is_left(compared):
    results = {"comparison.json", "comparison.md", "comparison.png"}
    assert {path.name for path in compared[0].iterdir()} == {
        "unet-0",
        "tree-0",
    } | results


def test_classes_are_judged_by_dice_on_a_fifth_of_the_images(tmp_path):
    samples = [blobs(i, (64, 64), 12) for i in range(5)]
    config = TrainConfig(steps=2, **OPTIONS)
    model = MODEL.replace(formulation="semantic", classes=(1,))
    folder = tmp_path / "which"
    events = compare(samples, None, folder, ["fcn"], (0, 1), config, model, "cpu")
    rows = drain(events)
    assert [row["seed"] for row in rows] == [0, 1]
    assert all(row["score"] == row["dice"] and "ap50" not in row for row in rows)
    text = (folder / "comparison.md").read_text("utf-8")
    assert "trained on: 4 images" in text and "judged by: 1 image," in text


MADE = {"machine": "a", "seconds_per_image": 0.25}


def row(network, seed, score, **more):
    quality = dict.fromkeys(("score", "ap50", "mean9"), score)
    return {"network": network, "seed": seed, **quality, **MADE, **more}


def test_several_seeds_give_mean_and_spread_and_the_best_comes_first():
    rows = [
        row("unet", 0, 0.4, steps=9),
        row("fcn", 0, 0.7),
        row("unet", 1, 0.6, steps=9),
    ]
    failed = {"network": "fcn", "seed": 1, "failed": "fcn-1 failed: no memory"}
    text = markdown([*rows, failed, row("tree", 0, 0.1, machine="b")], {"steps": 9})
    table = [r for r in text.splitlines() if r.startswith("|")]
    assert table[2:] == [
        "| fcn | 0.700 | 0.700 | - | 0.250 |",
        "| unet | 0.500 ± 0.141 | 0.500 ± 0.141 | 9 | 0.250 |",
        "| tree | 0.100 | 0.100 | - | 0.250 |",
    ]
    assert "fcn-1 failed: no memory" in text and "steps: 9" in text
    assert text.index("Machine: a") < text.index("Machine: b")


def test_many_networks_and_seeds_are_drawn():
    rows = [row(f"network {i}", s, 0.1 * i) for i in range(9) for s in range(2)]
    with Image.open(io.BytesIO(draw(rows))) as picture:
        assert picture.size == (800, 500)


# --- resuming -----------------------------------------------------------------------


def test_what_is_finished_is_not_made_again(data, compared, begun, capsys):
    folder = compared[0]
    before = models_of(folder)
    assert main(line(data, folder, "unet", "tree")) == 0
    assert not begun and before == models_of(folder)
    assert (folder / "comparison.md").read_text("utf-8") in capsys.readouterr().out


def test_a_network_is_added(data, copied, begun):
    before = models_of(copied)
    assert main(line(data, copied, "fcn", "unet")) == 0
    assert begun == ["fcn-0"] and before.items() <= models_of(copied).items()
    assert list(rows_of(copied)) == ["unet-0", "tree-0", "fcn-0"]
    text = (copied / "comparison.md").read_text("utf-8")
    assert "| fcn |" in text and "| tree |" not in text, "of what is asked for"


def test_a_model_that_was_deleted_is_made_again(data, copied, begun):
    shutil.rmtree(copied / "tree-0")
    assert main(line(data, copied, "unet", "tree")) == 0
    assert begun == ["tree-0"] and (copied / "tree-0").is_dir()


def interrupted(monkeypatch, wanted, tokens):
    """Run a command that is interrupted at the first event that is wanted."""

    def show(_, event):
        if wanted(event):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("napari_unet.cli.bars.Show.__call__", show)
        assert main(tokens) == 130


def test_interrupted_and_resumed_equals_undisturbed(data, tmp_path, monkeypatch):
    tokens = line(data, tmp_path / "which", "unet", steps=25)
    interrupted(monkeypatch, lambda e: isinstance(e, EpochEnd), tokens)
    assert rows_of(tmp_path / "which") == {}
    assert main(tokens) == 0
    config, whole = TrainConfig(steps=25, **OPTIONS), tmp_path / "whole"
    samples = samples_of(data, "train")
    expected = drain(train(samples, None, whole, config, model=MODEL, device="cpu"))
    assert_equal_weights(expected, Model.load(tmp_path / "which" / "unet-0", "cpu"))
    assert rows_of(tmp_path / "which")["unet-0"]["steps"] == 25


@pytest.mark.parametrize("network", ["unet", "tree"])
def test_a_model_is_not_trained_again_to_be_judged(
    data, tmp_path, monkeypatch, network
):
    folder, tokens = tmp_path / "which", line(data, tmp_path / "which", network)
    interrupted(monkeypatch, lambda e: getattr(e, "what", "") == "evaluating", tokens)
    history = (folder / f"{network}-0" / "history.csv").read_bytes()
    weights = Model.load(folder / f"{network}-0", "cpu")
    assert main(tokens) == 0
    assert history == (folder / f"{network}-0" / "history.csv").read_bytes()
    assert_equal_weights(weights, Model.load(folder / f"{network}-0", "cpu"))
    assert rows_of(folder)[f"{network}-0"]["score"] >= 0


def test_a_training_that_fails_does_not_end_the_others(
    data, tmp_path, monkeypatch, capsys
):
    def failing(samples, validation, folder, *args, **kwargs):
        if folder.name == "unet-0":
            raise RuntimeError("out of memory")
        return train(samples, validation, folder, *args, **kwargs)

    tokens = line(data, tmp_path / "which", "unet", "fcn")
    with monkeypatch.context() as patch:
        patch.setattr(network_comparison, "train", failing)
        assert main(tokens) == 1
    told = capsys.readouterr()
    assert "unet-0 failed: out of memory" in told.out
    assert "unet-0 failed: out of memory" in told.err
    found = rows_of(tmp_path / "which")
    assert "score" not in found["unet-0"] and "score" in found["fcn-0"]
    assert main(tokens) == 0
    assert "failed" not in rows_of(tmp_path / "which")["unet-0"]


# --- what is refused ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("--rate 0.01", "rate was left out, is 0.01; give the same options"),
        ("--augment.noise 0.1", "augment was left out, is {'noise': 0.1}"),
        ("--norm group", "norm was left out, is group"),
        ("--average 0", "average was left out, is 0.0"),
        ("--split val", "trained on was 4 images, 48 labels"),
    ],
)
def test_other_options_and_images_are_refused(
    data, compared, begun, capsys, more, sentence
):
    tokens = line(data, compared[0], "unet")
    error = error_of(capsys, *tokens, *more.split())
    assert f"{compared[0]} holds another comparison: " in error and sentence in error
    assert not begun


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("--networks vnet", "network 'vnet' is not known; choose one of "),
        ("--networks unet vnet", "network 'vnet' is not known; choose one of "),
        ("--minutes 1 --steps 3", "minutes and steps are given; choose one of them"),
        ("--network unet", "Unknown option: --network. Did you mean --networks?"),
        ("--seed 1", "Unknown option: --seed. Did you mean --seeds?"),
        ("--seeds 0 99999999999", "seed: Input should be less than 2147483648"),
        ("--patch 128", "patch 128 is larger than the image"),
        ("--formulation blobs", "formulation 'blobs' is not known; choose one of"),
        ("--judge elsewhere", "--judge elsewhere is neither a split of index.csv nor"),
        ("--judge train", "b0, b1, b2: 4 images would be trained on and judge, too"),
        ("--device foo", "device 'foo' is not known; choose auto, cpu"),
    ],
)
def test_bad_options_are_one_sentence(data, tmp_path, begun, capsys, more, sentence):
    folder = tmp_path / "which"
    tokens = ["compare", data, "--output", folder, *more.split()]
    if "--networks" not in tokens:
        tokens += ["--networks", "unet"]
    assert sentence in error_of(capsys, *tokens)
    assert not folder.exists(), (
        "nothing is written before all input is known to be good"
    )
    assert not begun


def test_another_budget_is_refused(data, compared, capsys):
    error = error_of(capsys, *line(data, compared[0], "unet", steps=7))
    assert "steps was 6, is 7" in error


def test_empty_lists_are_refused(data, tmp_path, capsys):
    tokens = ["compare", data, "--output", tmp_path / "which"]
    assert "networks" in error_of(capsys, *tokens, "--networks")
    one = [blobs(0, (64, 64), 12)]
    for networks, seeds in (([], [0]), (["unet"], [])):
        with pytest.raises(ValueError, match="there is nothing to compare; name"):
            drain(compare(one, None, tmp_path / "which", networks, seeds))


def test_images_without_labels_are_refused(tmp_path, capsys):
    for i in range(6):
        tifffile.imwrite(tmp_path / f"{i}.tif", np.zeros((64, 64), np.uint8))
    tokens = ["compare", tmp_path, "--output", tmp_path / "which"]
    assert "holds no image with labels" in error_of(capsys, *tokens)
    for i in range(6):
        tifffile.imwrite(tmp_path / f"{i}_labels.tif", np.zeros((64, 64), np.uint8))
    assert "the labels are empty" in error_of(capsys, *tokens, "--networks", "unet")


@pytest.mark.parametrize(
    ("judges", "sentence"),
    [
        ([blobs(9, (64, 64), 0)], "there are no objects to judge by"),
        ([], "there are no objects to judge by"),
        ([with_array(JUDGE, np.zeros((2, 64, 64)))], "the model wants one channel"),
        (
            [with_array(JUDGE, np.full((1, 64, 64), np.nan))],
            "the image is all NaN",
        ),
    ],
)
def test_judges_must_fit(data, tmp_path, begun, judges, sentence):
    samples, config = samples_of(data, "train"), TrainConfig(**OPTIONS)
    with pytest.raises(ValueError, match=sentence):
        drain(compare(samples, judges, tmp_path / "x", ["unet"], (0,), config, MODEL))
    assert not begun and not (tmp_path / "x").exists()


def test_a_folder_of_something_else_is_refused(data, tmp_path, capsys):
    (tmp_path / "letter.txt").write_text("dear")
    error = error_of(capsys, *line(data, tmp_path, "unet"))
    assert f"{tmp_path} holds no comparison; choose a new folder" in error
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    (tmp_path / "comparison.json").write_text('{"rows": [], "settings": 3}')
    error = error_of(capsys, *line(data, tmp_path, "unet"))
    assert f"{tmp_path / 'comparison.json'} is damaged" in error


@pytest.mark.parametrize(
    ("judge", "split", "count"),
    [(None, None, 2), ("train", None, 4), ("FOLDER", None, 6), (None, "train", 0)],
)
def test_images_that_judge_are_found(data, judge, split, count):
    judge = str(data / "images" / "..") if judge == "FOLDER" else judge
    found = _judging([data], judge, Selection(split=split))
    assert sum(len(dataset.pairs) for dataset in found) == count
