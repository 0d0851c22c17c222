"""Evaluation against the truth, and the pictures of it."""

import io

import numpy as np
import pytest
from PIL import Image as pillow

from napari_unet.colours import ORANGE, SKY
from napari_unet.config import ModelConfig
from napari_unet.data.images import Image
from napari_unet.data.samples import Sample
from napari_unet.events import Control, Note, drain
from napari_unet.files.writers import write_labels
from napari_unet.models.model import Model
from napari_unet.reports import figures, gallery
from napari_unet.reports.evaluation import evaluate
from napari_unet.scoring.errors import COLOURS, Kind


def discs(seed: int, size: int = 64) -> Sample:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.uint16)
    for number, centre in enumerate(((14, 14), (14, 45), (45, 20), (45, 50)), start=1):
        cy, cx = np.array(centre) + rng.integers(-3, 4, 2)
        labels[(y - cy) ** 2 + (x - cx) ** 2 < 49] = number
    image = rng.normal(20, 3, (1, size, size)) + 80 * (labels > 0)
    return Sample(image.astype(np.float32), labels, name=f"disc{seed}")


@pytest.fixture
def samples():
    return [discs(i) for i in range(3)]


def write_predictions(folder, samples):
    folder.mkdir(exist_ok=True)
    for sample in samples:
        write_labels(folder / f"{sample.name}_labels.tif", sample.labels)
    return folder


def test_the_truth_as_prediction_scores_one(samples, tmp_path):
    folder = write_predictions(tmp_path / "out", samples)
    report = drain(evaluate(samples, predictions=folder, groups=["a", "b", "a"]))
    found = report.to_dict()
    assert found["images"] == 3 and found["objects"] == 12
    assert found["pooled"]["ap"]["0.95"] == found["per_image"]["msa"] == 1
    assert found["dice"] == found["iou"] == 1
    assert {g: s["images"] for g, s in found["by_modality"].items()} == {"a": 2, "b": 1}
    assert found["seconds"] is None and found["megapixels_per_second"] is None
    assert report.names == ["disc0", "disc1", "disc2"]


def test_a_missing_object_costs_what_it_should(samples, tmp_path):
    folder = write_predictions(tmp_path / "out", samples)
    fewer = np.where(samples[1].labels == 2, 0, samples[1].labels)
    write_labels(folder / "disc1_labels.tif", fewer)
    found = drain(evaluate(samples, predictions=folder)).to_dict()
    assert found["pooled"]["ap"]["0.50"] == pytest.approx(11 / 12)
    assert found["per_image"]["ap"]["0.50"] == pytest.approx((1 + 3 / 4 + 1) / 3)
    assert found["by_modality"] == {}


def test_errors_are_counted_over_all_images_and_by_group(samples, tmp_path):
    folder = write_predictions(tmp_path / "out", samples)
    labels = samples[0].labels.copy()
    labels[labels == 1] = 0  # missed
    labels[labels == 3] = 4  # merged
    labels[:5, 30:34] = 9  # false
    write_labels(folder / "disc0_labels.tif", labels)
    halves = samples[1].labels.copy()
    halves[(halves == 2) & (np.arange(64) % 2 == 0)] = 7  # split
    write_labels(folder / "disc1_labels.tif", halves)
    events = evaluate(samples, predictions=folder, groups=["a", "b", "a"])
    found = drain(events).to_dict()
    assert found["errors"] == {"missed": 1, "false": 1, "merged": 1, "split": 1}
    errors = {g: s["errors"] for g, s in found["by_modality"].items()}
    assert errors["a"] == {"missed": 1, "false": 1, "merged": 1, "split": 0}
    assert errors["b"] == {"missed": 0, "false": 0, "merged": 0, "split": 1}


@pytest.mark.parametrize("name", ["{}.png", "{}_cp_masks.png", "{}_seg.png"])
def test_predictions_may_be_called_as_others_call_them(samples, tmp_path, name):
    for sample in samples:
        pillow.fromarray(sample.labels).save(tmp_path / name.format(sample.name))
    found = drain(evaluate(samples, predictions=tmp_path)).to_dict()
    assert found["pooled"]["msa"] == 1


def test_labels_win_over_the_image_beside_them(samples, tmp_path):
    folder = write_predictions(tmp_path, samples)
    pillow.fromarray(samples[0].image.array[0].astype(np.uint8)).save(
        folder / "disc0.png"
    )
    found = drain(evaluate(samples, predictions=folder)).to_dict()
    assert found["pooled"]["msa"] == 1


def test_all_missing_predictions_are_listed(samples, tmp_path):
    folder = write_predictions(tmp_path / "out", samples[:1])
    with pytest.raises(ValueError, match=r"2 of 3 images \(disc1, disc2\)"):
        drain(evaluate(samples, predictions=folder))


def test_a_prediction_of_another_shape_is_named(samples, tmp_path):
    folder = write_predictions(tmp_path / "out", samples)
    write_labels(folder / "disc2_labels.tif", samples[2].labels[:32])
    with pytest.raises(ValueError, match=r"disc2_labels.*\(32, 64\).*\(64, 64\)"):
        drain(evaluate(samples, predictions=folder))


def test_frames_are_compared_with_their_own_time_point(tmp_path):
    film = [discs(i) for i in range(3)]
    stack = np.stack([s.labels for s in film])
    write_labels(tmp_path / "film_labels.tif", stack, axes="TYX")
    frames = [
        Sample(s.image, s.labels, name=f"film_t{i}", series="film")
        for i, s in enumerate(film)
    ]
    found = drain(evaluate(frames[::-1], predictions=tmp_path)).to_dict()
    assert found["pooled"]["msa"] == 1


def test_images_without_objects_score_one(tmp_path):
    empty = Sample(
        np.ones((1, 32, 32), np.uint8), np.zeros((32, 32), np.uint8), name="e"
    )
    write_predictions(tmp_path, [empty])
    assert (
        drain(evaluate([empty], predictions=tmp_path)).to_dict()["pooled"]["msa"] == 1
    )


def test_exactly_one_source_of_labels(samples, tmp_path):
    model = Model.create(ModelConfig(depth=1, width=2))
    for sources in ({}, {"model": model, "predictions": tmp_path}):
        with pytest.raises(ValueError, match="either a model or a folder"):
            drain(evaluate(samples, **sources))


def test_no_images_and_wrong_groups(samples, tmp_path):
    with pytest.raises(ValueError, match="no images to evaluate"):
        drain(evaluate([], predictions=tmp_path))
    with pytest.raises(ValueError, match="3 images but 1 groups"):
        drain(evaluate(samples, predictions=tmp_path, groups=["a"]))


def test_bad_truth_is_found_before_work(samples, tmp_path):
    bad = Sample(samples[0].image, samples[0].labels.astype(float) + 0.5, name="bad")
    with pytest.raises(ValueError, match="bad: the labels are float64"):
        drain(evaluate([*samples, bad], predictions=tmp_path))


def test_a_model_is_timed(samples):
    model = Model.create(ModelConfig(depth=1, width=2), device="cpu")
    found = drain(evaluate(samples, model=model)).to_dict()
    assert found["images"] == 3 and found["seconds"] > 0
    assert found["megapixels_per_second"] == pytest.approx(
        3 * 64 * 64 / 1e6 / found["seconds"]
    )


@pytest.mark.parametrize("classes", [(1,), (1, 2, 3, 4)])
def test_a_semantic_model_is_scored_by_class_and_says_so(samples, classes):
    config = ModelConfig(formulation="semantic", classes=classes, depth=1, width=2)
    events = []
    report = drain(
        evaluate(samples, model=Model.create(config, device="cpu")), events.append
    )
    found = report.to_dict()
    assert "objects" not in found and "pooled" not in found
    assert list(found["classes"]) == [str(c) for c in classes]
    assert any(isinstance(e, Note) and "semantic" in e.text for e in events)
    counted = sum(table.sum() for table in report.tables)
    assert counted == 3 * 64 * 64


def test_foreground_of_a_binary_model_is_every_label_above_0(samples):
    config = ModelConfig(formulation="semantic", depth=1, width=2)
    report = drain(evaluate(samples, model=Model.create(config, device="cpu")))
    truth = sum(np.count_nonzero(s.labels) for s in samples)
    assert sum(table[1].sum() for table in report.tables) == truth


def test_stop_reports_on_what_is_done(samples):
    control = Control()
    model = Model.create(ModelConfig(depth=1, width=2), device="cpu")

    def stop_after_first(event):
        if getattr(event, "what", "") == "evaluating" and event.done == 1:
            control.stop()

    report = drain(evaluate(samples, model=model, control=control), stop_after_first)
    assert report.to_dict()["images"] == 1


def size_of(content):
    with pillow.open(io.BytesIO(content)) as picture:
        return picture.size


def near(picture, colour):
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return np.count_nonzero(
        np.abs(picture[..., :3].astype(int) - wanted).sum(axis=-1) < 30
    )


@pytest.mark.parametrize("stack", [False, True])
def test_overlay_draws_both_outlines(stack):
    sample = discs(0)
    image, labels = sample.image, sample.labels
    if stack:
        image = Image(np.stack([image.array] * 3, axis=1))
        labels = np.stack([labels] * 3)
    shifted = np.roll(labels, 5, axis=-1)
    picture = np.array(pillow.open(io.BytesIO(figures.overlay(image, labels, shifted))))
    assert picture.shape[:2] == (800, 800)
    solid, dashed = near(picture, ORANGE), near(picture, SKY)
    assert solid > 500
    assert 200 < dashed < 0.9 * solid, "dashes leave gaps"
    alone = np.array(pillow.open(io.BytesIO(figures.overlay(image, labels))))
    assert near(alone, SKY) == 0


def test_overlay_of_colours_without_objects():
    image = np.random.default_rng(0).integers(0, 255, (3, 20, 30), np.uint8)
    content = figures.overlay(Image(image, rgb=True), np.zeros((20, 30), int))
    assert size_of(content)[0] == 800


def test_loss_curve_reads_what_history_holds(tmp_path):
    rows = [
        {
            "step": "20",
            "loss": "3.5",
            "validation_loss": "",
            "score": "",
            "best": "1",
        }
    ]
    figures.loss_curve(rows, tmp_path / "a.png")
    scored = [
        {**rows[0], "validation_loss": 3, "score": score, "mean9": score, "best": best}
        for score, best in ((0.2, 1), (0.6, 1), (0.5, 0))
    ]
    figures.loss_curve(scored, tmp_path / "b.png", objects=12)
    figures.loss_curve([], tmp_path / "c.png")
    for name in "abc":
        assert size_of((tmp_path / f"{name}.png").read_bytes()) == (800, 500)


def test_look_draws_a_row_an_image(samples, tmp_path):
    rows = [(s.name, s, s.labels) for s in samples[:2]]
    figures.draw_rows(rows, tmp_path / "look.png")
    assert size_of((tmp_path / "look.png").read_bytes()) == (900, 660)


def test_pictures_that_cannot_be_written_are_errors(tmp_path):
    with pytest.raises(ValueError, match="cannot write"):
        figures.save(b"", tmp_path / "no" / "a.png")


def spoilt(samples, tmp_path, groups=None):
    """A report where image n lacks n objects."""
    folder = write_predictions(tmp_path / "out", samples)
    for number, sample in enumerate(samples):
        fewer = np.where(sample.labels <= number, 0, sample.labels)
        write_labels(folder / f"{sample.name}_labels.tif", fewer)
    return drain(evaluate(samples, predictions=folder, groups=groups))


def test_the_gallery_chooses_best_median_and_worst(tmp_path):
    samples = [discs(i) for i in range(5)]
    groups = ["many", "one", "many", "many", "two"]
    report = spoilt(samples, tmp_path, groups)
    assert gallery.choose(report) == {
        "many": {"best": 0, "median": 2, "worst": 3},
        "one": {"the only image": 1},
        "two": {"the only image": 4},
    }
    report.groups = ["two", "two", "", "", ""]
    assert gallery.choose(report)["two"] == {"best": 0, "worst": 1}
    report.groups = []
    assert gallery.choose(report) == {"": {"best": 0, "median": 2, "worst": 4}}
    assert gallery.own_figure(report, 1) == pytest.approx(3 / 4)


def test_the_gallery_draws_each_kind_in_its_colour(tmp_path):
    sample = discs(0)
    labels = sample.labels.copy()
    labels[labels == 1] = 0  # missed
    labels[40:46, 26:32] = 9  # false
    labels[(labels == 2) & (np.arange(64)[:, None] < 14)] = 7  # split
    write_labels(tmp_path / "disc0_labels.tif", labels)
    report = drain(evaluate([sample], predictions=tmp_path))
    events = []
    drain(gallery.gallery([sample], report, tmp_path / "a.png"), events.append)
    assert [(e.done, e.total) for e in events] == [(0, 1)]
    picture = np.array(pillow.open(tmp_path / "a.png"))
    shown = picture[60:750, :750]  # neither title nor legend
    for kind in (Kind.MATCHED, Kind.MISSED, Kind.FALSE, Kind.SPLIT):
        assert near(shown, COLOURS[kind]) > 100, kind
    assert near(shown, COLOURS[Kind.MERGED]) == 0
    merged = np.where(sample.labels > 2, 3, sample.labels)
    write_labels(tmp_path / "disc0_labels.tif", merged)
    report = drain(evaluate([sample], predictions=tmp_path))
    drain(gallery.gallery([sample], report, tmp_path / "b.png"))
    shown = np.array(pillow.open(tmp_path / "b.png"))[60:750, :750]
    assert near(shown, COLOURS[Kind.MERGED]) > 500


@pytest.mark.parametrize("kind", ["stack", "masked", "colours", "nothing", "binary"])
def test_the_gallery_of_images_of_every_kind(tmp_path, kind):
    image, labels, options = discs(0).image.array, discs(0).labels, {"name": "one"}
    if kind == "stack":
        image, labels = np.stack([image] * 3, axis=1), np.stack([labels] * 3)
    elif kind == "masked":
        options["mask"] = np.arange(64)[:, None] + np.zeros(64, int) > 20
    elif kind == "colours":
        image, options["rgb"] = np.repeat(image, 3, axis=0), True
    elif kind == "binary":
        labels = labels == 1
    else:
        labels = np.zeros_like(labels)
    sample = Sample(image, labels, **options)
    write_labels(tmp_path / "one_labels.tif", labels.astype(np.uint16))
    report = drain(evaluate([sample], predictions=tmp_path))
    drain(gallery.gallery([sample], report, tmp_path / "a.png"))
    assert size_of((tmp_path / "a.png").read_bytes())[0] == 1500


def test_a_large_gallery_leaves_groups_out_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "MOST_GROUPS", 1)
    samples = [discs(i) for i in range(3)]
    report = spoilt(samples, tmp_path, ["a", "b", "b"])
    events = []
    drain(gallery.gallery(samples, report, tmp_path / "a.png"), events.append)
    (note,) = [e.text for e in events if isinstance(e, Note)]
    assert "the 1 groups with most images, of 2" in note


def test_a_large_image_shows_where_most_errors_are():
    errors = np.zeros((900, 1000), bool)
    errors[850:, 950:] = errors[:10, :10] = True
    assert gallery.window(errors) == (slice(180, 900), slice(280, 1000))
    assert gallery.window(errors[:30, :40]) == (slice(0, 30), slice(0, 40))


def test_ap_over_iou_has_a_line_for_each_group_and_for_all(
    samples, tmp_path, monkeypatch
):
    from matplotlib.axes import Axes

    drawn = []
    plot = Axes.plot

    def note(self, x, y, **options):
        drawn.append((options["label"], list(x), list(y)))
        return plot(self, x, y, **options)

    monkeypatch.setattr(Axes, "plot", note)
    for groups in (["a", "b", "a"], ["a"] * 3, None):
        found = spoilt(samples, tmp_path, groups).to_dict()
        gallery.ap_over_iou(found, tmp_path / "ap.png")
    assert [label for label, _, _ in drawn] == [
        *("a (2 images, 8 objects)", "b (1 image, 4 objects)"),
        *("all (3 images, 12 objects)", "a (3 images, 12 objects)"),
        "all (3 images, 12 objects)",
    ]
    assert drawn[1][1][0] == 0.5 and drawn[1][1][-1] == 0.95
    assert drawn[1][2] == [0.75] * 10
    assert size_of((tmp_path / "ap.png").read_bytes()) == (800, 500)
