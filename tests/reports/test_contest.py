"""Networks compared on the same images: figures, going on, and what is refused."""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import psutil
import pytest
import tifffile
from PIL import Image

from napari_unet.cli import main
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.events import Control, Note, drain
from napari_unet.files.datasets import find_pairs, load_samples
from napari_unet.models.model import Model
from napari_unet.reports import contest
from napari_unet.reports.contest import compare, figures, table, work
from napari_unet.reports.contest.plan import plan
from napari_unet.reports.evaluation import evaluate
from napari_unet.training.loop import train
from support.made import blobs

OPTIONS = {"patch": 48, "batch": 4, "warmup": 5}
SMALL = "--width 4 --depth 2 --patch 48 --batch 4 --warmup 5 --device cpu".split()
# A dozen processes load torch one after the other.
pytestmark = pytest.mark.timeout(900)
# Tests that run in the background inherit that interrupts are ignored.
COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from napari_unet.cli import main
sys.exit(main())
"""
KILLS = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Processes that compute as this one does, and leave cores to others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


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
        assert main(line(data, folder, 6, "unet", "fcn")) == 0
    return folder, out.getvalue(), err.getvalue()


def line(data, folder, steps, *networks):
    given = ["compare", data, "--output", folder, "--steps", steps, *SMALL]
    return [str(token) for token in [*given, "--networks", *networks]]


def process(*given):
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *line(*given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def samples_of(data, split):
    return drain(load_samples(find_pairs(data, split=split)))


def content(path):
    return json.loads(path.read_text("utf-8"))


def error_of(capsys, *tokens):
    assert main([str(token) for token in tokens]) == 2
    _, *errors = capsys.readouterr().err.split("napari-unet: error: ")
    assert len(errors) == 1 and "Traceback" not in errors[0]
    return errors[0]


@pytest.fixture
def no_process(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a process was started")

    monkeypatch.setattr(contest.subprocess, "Popen", refuse)


# --- the figures --------------------------------------------------------------------


def test_figures_are_those_of_evaluate(data, compared):
    folder = compared[0]
    found = content(folder / "comparison.json")
    assert list(found["networks"]) == ["unet", "fcn"] and not found["failed"]
    assert found["images"]["training"]["images"] == 4
    for name, of_network in found["networks"].items():
        model = Model.load(folder / f"{name}-0", "cpu")
        report = drain(evaluate(samples_of(data, "val"), model=model)).to_dict()
        written = content(folder / f"{name}-0" / "figures.json")
        for what in ("pooled", "per_image", "errors", "images", "objects"):
            assert written[what] == report[what]
        mean = of_network["mean"]
        assert mean["mean9"] == report["pooled"]["mean9"]
        assert mean["ap75"] == report["pooled"]["ap"]["0.75"]
        parameters = sum(p.numel() for p in model.network.parameters())
        assert (mean["parameters"], mean["steps"]) == (parameters, 6)
        pixels = mean["steps_per_second"] * 4 * 48 * 48 / 1e6
        assert mean["training_megapixels_per_second"] == pytest.approx(pixels)
        assert mean["megapixels_per_second"] > 0
        run = of_network["runs"][0]
        assert run["images"] == 2 and run["objects"] == report["objects"] > 0


def test_memory_is_that_of_a_process_of_its_own(compared):
    runs = [compared[0] / f"{name}-0" for name in ("unet", "fcn")]
    for file in ("training.json", "figures.json"):
        peaks = [content(run / file)["peak_bytes"] for run in runs]
        assert all(5e7 < peak < 3e9 for peak in peaks), peaks


def test_the_table_is_written_and_printed(compared):
    folder, out, _ = compared
    text = (folder / "comparison.md").read_text("utf-8")
    assert text in out
    assert "judged by 2 images" in text and "Machine: " in text and "torch 2" in text
    rows = [r for r in text.splitlines() if r.startswith(("| unet |", "| fcn |"))]
    assert len(rows) == 2
    assert "Trained from scratch on 4 images" in text
    for name in ("comparison.png", "curves.png"):
        with Image.open(folder / name) as picture:
            assert picture.size == (1100, 500)


def test_a_log_has_plain_lines(compared):
    err = compared[2]
    assert "[1/2] unet, seed 0: training\nepoch 1, step 6: loss" in err
    assert "[2/2] fcn, seed 0: segmenting and judging\n" in err
    assert "images: 4 to train on, 2 to judge by; 2 runs; 6 steps of training" in err
    assert "fcn, seed 0: AP50 " in err and "\x1b" not in err


def test_nothing_but_models_and_results_is_left(compared):
    names = {path.name for path in compared[0].iterdir()}
    results = {"comparison.json", "comparison.md", "comparison.png", "curves.png"}
    assert names == {"unet-0", "fcn-0", "settings.json", *results}


# --- going on -----------------------------------------------------------------------


def test_what_is_finished_is_not_done_again(data, compared, no_process, capsys):
    folder = compared[0]
    files = [p for p in folder.rglob("*") if p.parent != folder and p.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    assert main(line(data, folder, 6, "unet", "fcn")) == 0
    assert before == {path: path.stat().st_mtime_ns for path in files}
    assert (folder / "comparison.md").read_text("utf-8") in capsys.readouterr().out


def test_a_network_is_added(data, compared, tmp_path, monkeypatch):
    folder = tmp_path / "which"
    shutil.copytree(compared[0], folder)
    began = []

    def instead(task, log, control):
        began.append((task["stage"], task["folder"]))
        shutil.copytree(folder / "fcn-0", task["folder"])
        log.touch()
        yield Note("trained")
        return ""

    monkeypatch.setattr(contest, "_process", instead)
    assert main(line(data, folder, 6, "dense", "unet")) == 0
    assert began == [("training", str(folder / "dense-0"))]
    found = content(folder / "comparison.json")["networks"]
    assert list(found) == ["dense", "unet"], "of what is asked for"


@KILLS
def test_interrupted_killed_and_gone_on_equals_undisturbed(data, tmp_path):
    folder, steps = tmp_path / "which", 120
    for number, (how, code) in enumerate(
        ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)), start=1
    ):
        with process(data, folder, steps, "unet") as running:
            text = ""
            while f"epoch {number}," not in text:
                text = running.stderr.readline()
                assert text, "it ended early"
            children = psutil.Process(running.pid).children(recursive=True)
            running.send_signal(how)
            err = running.communicate(timeout=120)[1]
        assert running.returncode == code, err
        assert children and not psutil.wait_procs(children, timeout=60)[1]
        if how == signal.SIGINT:
            assert f"what is done is kept in {folder}; the same command goes on" in err
            assert "Traceback" not in err and not (folder / "samples").exists()
        assert not (folder / "unet-0" / "training.json").exists()
    assert main(line(data, folder, steps, "unet")) == 0
    whole = train(
        samples_of(data, "train"),
        None,
        tmp_path / "whole",
        TrainConfig(steps=steps, **OPTIONS),
        model=ModelConfig(width=4, depth=2),
        device="cpu",
    )
    expected = drain(whole).network.state_dict()
    found = Model.load(folder / "unet-0", "cpu").network.state_dict()
    for name, tensor in expected.items():
        np.testing.assert_array_equal(tensor.numpy(), found[name].numpy(), name)
    assert (
        content(folder / "comparison.json")["networks"]["unet"]["mean"]["steps"]
        == steps
    )


def test_a_stopped_comparison_keeps_what_is_done(data, tmp_path):
    control = Control()
    seen = []

    def on_event(event):
        seen.append(event)
        if isinstance(event, contest.Turn):
            control.stop()

    events = compare(
        samples_of(data, "train"),
        samples_of(data, "val"),
        tmp_path / "which",
        ["unet", "fcn"],
        config=TrainConfig(steps=4, **OPTIONS),
        model=ModelConfig(width=4, depth=2),
        device="cpu",
        control=control,
    )
    found = drain(events, on_event)
    assert found["networks"] == {} and found["failed"] == {}
    assert sum(isinstance(event, contest.Turn) for event in seen) == 1


def test_a_run_that_fails_does_not_end_the_others(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(contest, "WORK", "import sys; sys.exit('there is no memory')")
    folder = tmp_path / "which"
    assert main(line(data, folder, 6, "unet", "fcn")) == 1
    found = content(folder / "comparison.json")
    log = folder / "fcn-0.log"
    assert list(found["failed"]) == ["unet, seed 0", "fcn, seed 0"]
    assert found["failed"]["fcn, seed 0"] == f"there is no memory (see {log})"
    assert "there is no memory" in log.read_text("utf-8")
    assert "unet, seed 0 failed: there is no memory" in capsys.readouterr().out


# --- what is refused ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--rate", "0.01"], "rate was left out, is 0.01; give the same options"),
        (["--augment.noise", "0.1"], "augment.noise was left out, is 0.1"),
        (["--norm", "group"], "norm was left out, is group"),
        (["--split", "val"], "the training images were others (4, now 1); the judging"),
    ],
)
def test_other_options_and_images_are_refused(
    data, compared, no_process, capsys, more, sentence
):
    tokens = [*line(data, compared[0], 6, "unet"), *more]
    error = error_of(capsys, *tokens)
    assert f"{compared[0]} holds another comparison: " in error and sentence in error


def test_another_budget_is_refused(data, compared, no_process, capsys):
    error = error_of(capsys, *line(data, compared[0], 7, "unet"))
    assert "steps was 6, is 7" in error


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
def test_bad_options_are_one_sentence(
    data, tmp_path, no_process, capsys, more, sentence
):
    folder = tmp_path / "which"
    tokens = ["compare", data, "--output", folder, *more.split()]
    if "--networks" not in tokens:
        tokens += ["--networks", "unet"]
    assert sentence in error_of(capsys, *tokens)
    assert not folder.exists(), (
        "nothing is written before all input is known to be good"
    )


def test_empty_lists_are_refused(data, tmp_path, no_process, capsys):
    tokens = ["compare", data, "--output", tmp_path / "which"]
    assert "networks" in error_of(capsys, *tokens, "--networks")
    one = [blobs(0, (64, 64), 12)]
    for networks, seeds, what in (([], [0], "networks"), (["unet"], [], "seeds")):
        with pytest.raises(ValueError, match=f"there are no {what} to compare"):
            drain(compare(one, None, tmp_path / "which", networks, seeds=seeds))


def test_images_without_labels_are_refused(tmp_path, no_process, capsys):
    for i in range(6):
        tifffile.imwrite(tmp_path / f"{i}.tif", np.zeros((64, 64), np.uint8))
    tokens = ["compare", tmp_path, "--output", tmp_path / "which"]
    assert "holds no image with labels" in error_of(capsys, *tokens)
    for i in range(6):
        tifffile.imwrite(tmp_path / f"{i}_labels.tif", np.zeros((64, 64), np.uint8))
    assert "the labels are empty" in error_of(capsys, *tokens, "--networks", "unet")


def test_judges_must_fit(data, tmp_path, no_process):
    samples = samples_of(data, "train")
    empty = replace(samples[0], labels=np.zeros((64, 64), int), name="empty")
    stained = replace(samples[0], image=np.zeros((2, 64, 64)), name="stained")
    wanted = {"config": TrainConfig(**OPTIONS), "model": ModelConfig(width=4, depth=2)}
    for judge, sentence in (
        (empty, "empty: the labels are empty"),
        (stained, "stained: the model wants one channel"),
    ):
        with pytest.raises(ValueError, match=sentence):
            drain(compare(samples, [judge], tmp_path / "x", ["unet"], **wanted))
    with pytest.raises(ValueError, match="there are no images to judge by"):
        drain(compare(samples, [], tmp_path / "x", ["unet"], **wanted))


def test_a_folder_of_something_else_is_refused(data, tmp_path, no_process, capsys):
    (tmp_path / "letter.txt").write_text("dear")
    error = error_of(capsys, *line(data, tmp_path, 6, "unet"))
    assert f"{tmp_path} is there and is no comparison; choose another folder" in error
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


# --- parts --------------------------------------------------------------------------


def test_a_part_is_held_back_where_no_images_judge():
    samples = [blobs(i, (64, 64), 12) for i in range(10)]
    found = plan(samples, None, None, None, "cpu")
    assert len(found.samples) == 8 and len(found.judges) == 2
    assert not {s.name for s in found.samples} & {s.name for s in found.judges}
    assert found.config.minutes == 10
    one = plan(samples[:1], None, None, None, "cpu")
    widths = [part.labels.shape[1] for part in (*one.samples, *one.judges)]
    heights = [part.labels.shape[0] for part in (*one.samples, *one.judges)]
    assert sum(widths) == 64 or sum(heights) == 64


def test_samples_are_handed_over_as_they_are(tmp_path):
    sample = blobs(1, (20, 30), 3, spacing=(0.5, 0.25), mask=np.eye(20, 30, dtype=bool))
    samples = [
        replace(sample, image=np.zeros((2, 20, 30), np.uint8), channels=("a", "b")),
        replace(sample, mask=None, spacing=None, series="film"),
    ]
    work.write_samples(samples, tmp_path / "samples.npz")
    found = work.read_samples(tmp_path / "samples.npz")
    for old, new in zip(samples, found, strict=True):
        for name in ("spacing", "rgb", "name", "series", "channels"):
            assert getattr(old, name) == getattr(new, name)
        for name in ("image", "labels", "mask"):
            np.testing.assert_array_equal(getattr(old, name), getattr(new, name))
            assert (getattr(old, name) is None) == (getattr(new, name) is None)
    assert found[0].image.dtype == np.uint8


def row(network, seed, score, **more):
    ap = {f"{t / 100:.2f}": score for t in range(50, 100, 5)}
    return {
        **{"network": network, "seed": seed, "folder": f"{network}-{seed}"},
        **dict.fromkeys(("ap50", "ap75", "ap90", "mean9"), score),
        **{"ap": ap, "machines": [dict(MACHINE)]},
        **dict.fromkeys(table.COSTS, 10),
        **more,
    }


MACHINE = {"cpu": "x", "cores": 4, "threads": 2, "device": "cpu", "torch": "2"}
SETTINGS = {
    "options": {"minutes": 10.0},
    "training": [{"objects": 9}] * 2,
    "judges": [{"objects": 5}],
}


def test_several_seeds_give_mean_and_spread():
    rows = [row("unet", 0, 0.4), row("fcn", 0, 0.7), row("unet", 1, 0.6)]
    found = table.summary(rows, SETTINGS, {"fcn, seed 1": "no memory"})
    assert found["networks"]["unet"]["mean"]["ap50"] == pytest.approx(0.5)
    assert found["networks"]["unet"]["spread"]["ap50"] == pytest.approx(np.sqrt(0.02))
    assert found["networks"]["fcn"]["spread"]["ap50"] is None
    text = table.markdown(found)
    assert "Trained from scratch on 2 images (18 objects), 10 min each; judged" in text
    assert text.index("| fcn | 0.700 |") < text.index("| unet | 0.500 ± 0.141 |")
    assert "One seed" not in text and "Means and standard deviations" in text
    assert "4 cores, 2 threads" in text and "fcn, seed 1 failed: no memory" in text


def test_different_machines_are_told():
    rows = [row("unet", 0, 0.4), row("fcn", 0, 0.7, machines=[{**MACHINE, "cpu": "y"}])]
    text = table.markdown(table.summary(rows, SETTINGS, {}))
    assert "speeds do not compare" in text and text.count("Machine: ") == 2


def test_a_model_without_parameters_and_speed_has_a_row():
    rows = [row("tree", 0, 0.4, parameters=0, steps_per_second=None, peak_bytes=None)]
    text = table.markdown(table.summary(rows, SETTINGS, {}))
    assert "| tree | 0.400 | 0.400 | 0.400 | 0.400 | 0 | 10 | 0.2 | 10.00 |" in text


@pytest.mark.parametrize("semantic", [False, True])
def test_pictures_of_many_networks_and_short_histories(tmp_path, semantic):
    names = [f"network {i}" for i in range(9)]
    more = {"dice": 0.8, "iou": 0.7, "ap": {}} if semantic else {}
    rows = [
        row(name, seed, 0.1 * i, **more, megapixels_per_second=0.01 * 4**i)
        for i, name in enumerate(names)
        for seed in range(2)
    ]
    if semantic:
        rows = [{k: v for k, v in r.items() if k not in table.OBJECTS} for r in rows]
    for one in rows:
        (tmp_path / one["folder"]).mkdir()
        history = f"epoch,step,seconds,loss,score\n1,20,{one['seed']},0.5,\n"
        (tmp_path / one["folder"] / "history.csv").write_text(history)
    figures.write(table.summary(rows, SETTINGS, {}), tmp_path)
    widths = {"comparison.png": 550 if semantic else 1100, "curves.png": 550}
    for name, width in widths.items():
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (width, 500)
    drawn = figures.styles(dict.fromkeys(names))
    assert len({(s["color"], s["marker"]) for s in drawn}) == 9
    assert len({(s["linestyle"], s["marker"]) for s in drawn}) == 9


def test_the_peak_of_memory_rises():
    before = work.peak_memory()
    if sys.platform == "win32":
        assert before is None
        return
    held = np.ones(before // 8 + 10**6)
    assert work.peak_memory() >= held.nbytes > before
    assert work.processor() and os.cpu_count()
