"""Training from a model: what it knows, what it rehearses, what it gains."""

import math

import numpy as np
import pytest

from napari_unet.config import ModelConfig
from napari_unet.data.samples import Sample
from napari_unet.events import Control, EpochEnd, Preview, View, drain
from napari_unet.models.model import Model
from napari_unet.training.checkpoint import read_rehearsal
from napari_unet.training.crops import encode_all, image_weights
from napari_unet.training.fine_tuning import (
    MOST_BYTES,
    Start,
    alike,
    look,
    pack,
    unpack,
)
from napari_unet.training.loop import train
from support.made import blobs
from support.trainings import (
    SMALL,
    assert_equal_weights,
    discs,
    history,
    options,
    weights,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def first(trained):
    """The folder of a model that knows the discs of blobs()."""
    return trained


def field(seed):
    """An image of a kind that it knows."""
    return blobs(seed, (96, 96), 16)


def run(data, folder, config, first, **kwargs):
    """Train from a model; returns the new one and the events."""
    events = []
    model = drain(
        train(data, None, folder, config, init=first, **kwargs), events.append
    )
    return model, events


def encoded(model, samples):
    return drain(encode_all(samples, model))


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("masked", [False, True])
def test_crops_come_back_as_they_were(ndim, masked):
    model = Model.create(ModelConfig(ndim=ndim, depth=2, width=4), device="cpu")
    samples = [discs(i, size=300 if ndim == 2 else 100, ndim=ndim) for i in range(2)]
    if masked:
        masks = [np.arange(s.labels.size).reshape(s.shape) % 7 > 0 for s in samples]
        samples = [
            Sample(s.image, s.labels, mask=m)
            for s, m in zip(samples, masks, strict=True)
        ]
    given = encoded(model, samples)
    data = pack(given, image_weights(given))
    assert len(data) < MOST_BYTES
    crops = unpack(data, model)
    assert len(crops) > 3
    for crop in crops:
        (source,) = (s for s in samples if s.name == crop.sample.name)
        whole = next(e for e in given if e.sample.name == crop.sample.name)
        there = np.argwhere(crop.sample.labels > 0)
        assert len(there)
        assert (crop.sample.mask is not None) == masked
        values = model.prepare(crop.sample.image.array, False, crop.stats)
        all_values = model.prepare(source.image.array, False, whole.stats)
        assert values.min() >= all_values.min() - 0.01
        assert values.max() <= all_values.max() + 0.01
        inside = values[0][tuple(there.T)].mean()
        assert inside == pytest.approx(all_values[0][source.labels > 0].mean(), abs=0.1)


def test_classes_keep_their_numbers():
    config = ModelConfig(depth=1, width=2, formulation="semantic", classes=(3, 7))
    model = Model.create(config, device="cpu")
    sample = field(1)
    labels = np.where(sample.labels > 8, 7, 3) * (sample.labels > 0)
    given = encoded(model, [Sample(sample.image, labels)])
    for crop in unpack(pack(given, image_weights(given)), model):
        np.testing.assert_array_equal(crop.sample.labels, labels)


def test_classes_are_judged_and_rehearsed_too(tmp_path):
    data = [field(i) for i in range(4)]
    data = [Sample(s.image, (s.labels > 0) * 5, name=s.name) for s in data]
    wanted = SMALL.replace(formulation="semantic", classes=(5,))
    config = options(steps=60, rate=0.01)
    drain(train(data, None, tmp_path / "a", config, model=wanted))
    model, _ = run(data, tmp_path / "b", options(steps=5), tmp_path / "a")
    assert model.card["knew"] > 0.5
    assert "gain" in model.card["start"] and "verdict" not in model.card["start"]


def test_many_images_give_at_most_2_mib():
    model = Model.create(SMALL, device="cpu")
    rng = np.random.default_rng(0)
    noise = [
        Sample(
            rng.integers(0, 255, (1, 400, 400)), np.ones((400, 400), int), name=str(i)
        )
        for i in range(2)
    ]
    given = encoded(model, noise)
    assert MOST_BYTES / 2 < len(pack(given, image_weights(given))) <= MOST_BYTES


@pytest.mark.parametrize("damage", [b"", b"PK", None])
def test_damaged_crops_are_said_to_be(damage):
    model = Model.create(SMALL, device="cpu")
    given = encoded(model, [discs()])
    data = pack(given, image_weights(given)) if damage is None else damage
    with pytest.raises(ValueError, match="cannot be read.*--rehearsal 0"):
        unpack(data[:-30] if damage is None else data, model)


def test_nothing_is_left_where_the_crops_are_damaged(tmp_path, first):
    start = Model.load(first, "cpu")
    start.rehearsal = b"PK"
    with pytest.raises(ValueError, match="--rehearsal 0"):
        run([field(1)], tmp_path / "m", options(), start)
    assert not (tmp_path / "m").exists()
    run([field(1)], tmp_path / "m", options(steps=1, rehearsal=0), start)


def test_the_more_a_model_knows_the_smaller_are_the_steps():
    rates = [Start(ap50).rate for ap50 in (0.0, 0.1, 0.3, 0.45, 0.7, 1.0)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(2e-3) and rates[-1] == pytest.approx(2e-4)


def test_it_looks_at_what_was_annotated(first):
    model = Model.load(first, "cpu")
    known = drain(look(model, encoded(model, [field(9)]), options()))
    assert known.quality > 0.5
    dark = field(9)
    other = Sample(dark.image.array.max() - dark.image.array, dark.labels)
    assert drain(look(model, encoded(model, [other]), options())).quality < 0.1
    empty = field(9)
    empty = Sample(empty.image, np.zeros_like(empty.labels))
    assert drain(look(model, encoded(model, [empty]), options())).knowledge == 1


def test_the_model_to_start_from_is_epoch_0(tmp_path, first):
    data = [field(i) for i in range(10, 14)]
    model, events = run(data, tmp_path / "m", options(), first)
    epochs = [e for e in events if isinstance(e, EpochEnd)]
    start = epochs[0]
    assert (start.epoch, start.step, start.loss, start.best) == (0, 0, None, True)
    assert [e.epoch for e in epochs] == list(range(len(epochs)))
    assert history(tmp_path / "m")[0]["step"] == "0"
    card = Model.load(tmp_path / "m", "cpu").card
    assert card["start"]["score"] == pytest.approx(start.score, abs=1e-3)
    assert card["start"]["objects"] == start.objects
    assert {"gain", "low", "high", "verdict"} < set(card["start"])
    assert model.card == card


def test_it_never_ends_worse_than_it_began(tmp_path, first):
    data = [field(i) for i in range(10, 14)]
    config = options(rate=1.0, average=0.0)  # which ruins any model
    model, events = run(data, tmp_path / "m", config, first)
    epochs = [e for e in events if isinstance(e, EpochEnd)]
    if len(epochs) > 1 and max(e.score for e in epochs[1:]) < epochs[0].score:
        assert model.card["steps"] == 0
        assert_equal_weights(model, Model.load(first, "cpu"))
    assert model.card["validation"]["figures"]["mean9"] >= epochs[0].score - 1e-3


def test_a_resumed_run_ends_with_the_same_weights(tmp_path, first):
    data = [field(i) for i in range(10, 14)]
    whole, _ = run(data, tmp_path / "whole", options(), first)
    control = Control()
    events = train(data, None, tmp_path / "m", options(), init=first, control=control)
    drain(
        events, lambda e: control.stop() if isinstance(e, EpochEnd) and e.epoch else 0
    )
    again = drain(train(data, None, tmp_path / "m", options(), resume=True))
    assert_equal_weights(whole, again)
    assert again.card["start"] == whole.card["start"]
    steps = [r["step"] for r in history(tmp_path / "m")]
    assert steps == ["0", "20", "25"]


def test_few_objects_move_no_thresholds(tmp_path, first):
    data = [field(i) for i in range(10, 14)]
    model, _ = run(data, tmp_path / "m", options(), first)
    assert model.card["validation"]["objects"] < 50
    assert model.thresholds == Model.load(first, "cpu").thresholds


def test_thresholds_of_what_it_does_not_know_are_left_behind(tmp_path, first):
    start = Model.load(first, "cpu")
    start.thresholds["score"] = 0.9
    flat = Sample(np.full((1, 64, 64), 7.0) + np.eye(64), discs(3).labels)
    model, _ = run([flat], tmp_path / "m", options(steps=2), start)
    assert model.card["knew"] < 0.15
    assert model.thresholds["score"] != 0.9


def test_a_model_in_memory_is_rehearsed_too(tmp_path, first):
    start = Model.load(first, "cpu")
    run([field(10)], tmp_path / "m", options(steps=1), start)
    assert read_rehearsal(tmp_path / "m") == start.rehearsal


def test_what_is_alike_is_rehearsed_more_often():
    model = Model.create(ModelConfig(depth=1, width=2, input="rgb"), device="cpu")
    bright, dark = field(1), field(2)
    dark = Sample(dark.image.array.max() - dark.image.array, dark.labels)
    crops = encoded(model, [bright, dark, field(3)])
    often = alike(model, crops, encoded(model, [field(4)]))
    assert often.sum() == pytest.approx(1)
    assert often[1] < 0.1 * min(often[0], often[2])


def test_what_a_model_has_seen_is_rehearsed(tmp_path, first):
    assert Model.load(first, "cpu").rehearsal
    data = [field(i) for i in range(10, 14)]
    made = {}
    for part in (0.0, 0.5):
        made[part], _ = run(data, tmp_path / f"{part}", options(rehearsal=part), first)
    assert read_rehearsal(tmp_path / "0.0") is None
    assert read_rehearsal(tmp_path / "0.5") == Model.load(first, "cpu").rehearsal
    with pytest.raises(AssertionError):
        assert_equal_weights(made[0.0], made[0.5])
    crops = unpack(made[0.5].rehearsal, made[0.5])
    shapes = {c.sample.shape for c in crops}
    assert shapes == {(128, 128), (96, 96)}, "those of before, and new ones"


def test_crops_are_kept_where_wanted(tmp_path):
    data = [discs(i) for i in range(3)]
    config = options(steps=2, keep_crops=False)
    model = drain(train(data, None, tmp_path / "m", config, model=SMALL))
    assert model.rehearsal is None


def test_a_shared_model_brings_its_crops_where_wanted(tmp_path, first, capsys):
    from napari_unet.cli import main

    start = Model.load(first, "cpu")
    assert Model.load(start.share(tmp_path / "m"), "cpu").rehearsal is None
    where = str(tmp_path / "n")
    assert main(["share", str(first), "--output", where]) in (None, 0)
    assert "left out: crops of its training images" in capsys.readouterr().out
    where = str(tmp_path / "o")
    assert main(["share", str(first), "--output", where, "--crops"]) in (None, 0)
    assert "left out" not in capsys.readouterr().out
    assert Model.load(f"{where}.unetmodel", "cpu").rehearsal == start.rehearsal


def test_the_view_is_shown_before_the_first_step(tmp_path, first):
    control = Control()
    data = [blobs(3, (64, 64), 6)]
    control.preview(View(data[0].name, (slice(0, 64), slice(0, 64))))
    events = []
    drain(
        train(data, None, tmp_path / "m", options(), init=first, control=control),
        events.append,
    )
    steps = [e.step for e in events if isinstance(e, Preview)]
    assert steps[0] == 0 and steps[-1] == 25


def test_all_weights_are_finite(tmp_path, first):
    model, _ = run([discs(5)], tmp_path / "m", options(), first)
    assert all(np.isfinite(w).all() for w in weights(model).values())
    assert math.isfinite(model.card["seconds"])
