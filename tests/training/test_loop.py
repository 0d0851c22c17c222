"""Contracts of training: equal runs, stop, resume, best on disk, updates, memory."""

import itertools
import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.data.meaning import Meaning
from napari_unet.events import Control, EpochEnd, Note, Preview, StepDone, View, drain
from napari_unet.formulations import formulation_of
from napari_unet.models.model import Model
from napari_unet.networks import NETWORKS
from napari_unet.segmentation.segment import segment
from napari_unet.training import loop as training
from napari_unet.training import run
from napari_unet.training.checkpoint import has_state
from napari_unet.training.loop import train
from support.made import with_array
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
def data():
    return [discs(i) for i in range(4)]


@pytest.mark.parametrize(("ndim", "formulation"), [(2, "instances"), (3, "semantic")])
@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "unet"])
def test_every_network_learns_resumes_and_loads(tmp_path, name, ndim, formulation):
    samples = [discs(i, ndim=ndim) for i in range(3)]
    if formulation == "semantic":
        samples = [replace(s, labels=(s.labels > 0) * 1) for s in samples]
    wanted = ModelConfig(network=name, depth=2, width=4, formulation=formulation)
    config = options(batch=2, patch=16 if ndim == 3 else 32, rate=0.01)
    whole = drain(train(samples, None, tmp_path / "a", config, model=wanted))
    assert_equal_weights(whole, Model.load(tmp_path / "a", "cpu"))
    losses = [float(r["loss"]) for r in history(tmp_path / "a")]
    assert losses[-1] < losses[0]
    control = Control()

    def stop(event):
        if isinstance(event, EpochEnd):
            control.stop()

    events = train(samples, None, tmp_path / "b", config, model=wanted, control=control)
    drain(events, stop)
    resumed = drain(train(samples, None, tmp_path / "b", TrainConfig(), resume=True))
    assert_equal_weights(whole, resumed)


@pytest.mark.parametrize("formulation", ["instances", "semantic"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_trains_saves_and_loads(tmp_path, ndim, formulation):
    samples = [discs(i, ndim=ndim) for i in range(3)]
    if formulation == "semantic":
        samples = [replace(s, labels=(s.labels > 0) * 5) for s in samples]
    config = options(patch=16 if ndim == 3 else 32)
    wanted = ModelConfig(depth=2, width=4, formulation=formulation)
    model = drain(train(samples, None, tmp_path / "m", config, model=wanted))
    loaded = Model.load(tmp_path / "m", "cpu")
    assert_equal_weights(model, loaded)
    assert loaded.config.ndim == ndim
    assert loaded.config.classes == ((5,) if formulation == "semantic" else (1,))
    assert loaded.thresholds == model.thresholds
    assert loaded.card["steps"] in (20, 25)  # whichever validates better
    rows = history(tmp_path / "m")
    assert [int(r["step"]) for r in rows] == [20, 25]
    assert loaded.thumbnail.startswith(b"\x89PNG")
    readable = json.loads((tmp_path / "m" / "config.json").read_text())
    assert readable["card"]["validation"]["images"] == 1


def test_the_loss_falls_and_objects_are_found(tmp_path, data):
    events = []
    config = options(steps=120, batch=8)
    drain(train(data, None, tmp_path / "m", config, model=SMALL), events.append)
    epochs = [e for e in events if isinstance(e, EpochEnd)]
    assert epochs[-1].loss < 0.7 * epochs[0].loss
    assert max(e.metrics["ap50"] for e in epochs) > 0.3
    assert all(e.objects == epochs[0].objects > 0 for e in epochs)


def test_equal_seeds_give_equal_weights_and_other_seeds_do_not(tmp_path, data):
    wanted = ModelConfig(depth=2, width=4, dropout=0.2)
    models = [
        drain(train(data, None, tmp_path / str(i), options(seed=seed), model=wanted))
        for i, seed in enumerate((3, 3, 4))
    ]
    assert_equal_weights(models[0], models[1])
    with pytest.raises(AssertionError):
        assert_equal_weights(models[0], models[2])


def test_previews_pauses_and_other_randomness_do_not_change_a_run(tmp_path, data):
    plain = drain(train(data, None, tmp_path / "a", options(), model=SMALL))
    control = Control()
    view = View(data[1].name, (slice(8, 40), slice(0, 64)))
    control.preview(view)
    events = []

    def disturb(event):
        events.append(event)
        torch.rand(3)
        np.random.rand(3)
        if isinstance(event, StepDone):
            control.pause()
        elif getattr(event, "what", "") == "paused":
            control.resume()

    disturbed = drain(
        train(data, None, tmp_path / "b", options(), model=SMALL, control=control),
        disturb,
    )
    assert_equal_weights(plain, disturbed)
    previews = [e for e in events if isinstance(e, Preview)]
    assert previews
    assert all(p.view == view and p.labels.shape == (32, 64) for p in previews)


def test_a_preview_lies_in_the_image_as_it_was_before_the_split(tmp_path):
    sample = discs(1, 128, 40)
    control, events = Control(), []
    control.preview(View(sample.name, (slice(32, 96), slice(0, 128))))
    config = options(steps=20, rate=0.03, average=0.0, thresholds=False)
    wanted = SMALL.replace(formulation="semantic", classes=(1,))
    model = drain(
        train([sample], None, tmp_path, config, model=wanted, control=control),
        events.append,
    )
    assert model.card["training"]["names"] == model.card["validation"]["names"]
    *_, shown = [e for e in events if isinstance(e, Preview)]
    whole = drain(segment(model, sample.image)).labels
    assert shown.labels.any()
    np.testing.assert_array_equal(shown.labels, whole[32:96])


def test_stop_validates_saves_and_returns_the_best(tmp_path, data):
    control = Control()
    events = []

    def stop_soon(event):
        events.append(event)
        if isinstance(event, StepDone) and event.step >= 1:
            control.stop()

    config = options(steps=None, minutes=5)
    model = drain(
        train(data, None, tmp_path / "m", config, model=SMALL, control=control),
        stop_soon,
    )
    epochs = [e for e in events if isinstance(e, EpochEnd)]
    assert len(epochs) == 1
    assert epochs[0].step < 20
    assert_equal_weights(model, Model.load(tmp_path / "m", "cpu"))
    assert model.card["steps"] == epochs[0].step


def test_the_shortest_time_still_trains(tmp_path, data):
    config = options(steps=None, minutes=1e-9)
    model = drain(train(data, None, tmp_path / "m", config, model=SMALL))
    assert model.card["steps"] == 1


def test_a_closed_generator_leaves_the_last_best(tmp_path, data):
    events = train(data, None, tmp_path / "m", options(steps=60), model=SMALL)
    for event in events:
        if isinstance(event, EpochEnd):
            break
    events.close()
    assert Model.load(tmp_path / "m", "cpu").card["steps"] == 20


@pytest.mark.parametrize("cut", [1, 20, 33])
def test_resume_ends_with_the_weights_of_an_uninterrupted_run(tmp_path, data, cut):
    config = options(steps=45)
    whole = drain(train(data, None, tmp_path / "whole", config, model=SMALL))
    events = train(data, None, tmp_path / "cut", config, model=SMALL)
    for event in events:
        if isinstance(event, (StepDone, EpochEnd)) and event.step >= cut:
            break
    events.close()
    resumed = drain(train(data, None, tmp_path / "cut", resume=True, config=config))
    assert_equal_weights(whole, resumed)
    assert whole.thresholds == resumed.thresholds
    read = [
        [
            {k: v for k, v in row.items() if k != "seconds"}
            for row in history(tmp_path / name)
        ]
        for name in ("whole", "cut")
    ]
    assert read[0] == read[1]


def test_resume_goes_on_beyond_the_first_budget(tmp_path, data):
    # The rate must not fall at the end of the first one.
    config = options(steps=60, decay=0)
    whole = drain(train(data, None, tmp_path / "a", config, model=SMALL))
    config = config.replace(steps=40)
    drain(train(data, None, tmp_path / "b", config, model=SMALL))
    longer = drain(
        train(data, None, tmp_path / "b", TrainConfig(steps=60), resume=True)
    )
    assert_equal_weights(whole, longer)


def test_resume_with_other_data_is_refused(tmp_path, data):
    drain(train(data, None, tmp_path / "m", options(), model=SMALL))
    with pytest.raises(ValueError, match="other data"):
        drain(train(data[:3], None, tmp_path / "m", options(), resume=True))


def test_resume_without_a_run_keeps_the_model(tmp_path, data):
    model = drain(train(data, None, tmp_path / "m", options(), model=SMALL))
    (tmp_path / "m" / "run" / "state.safetensors").unlink()
    with pytest.raises(ValueError, match="no run to resume; start from it with --init"):
        drain(train(data, None, tmp_path / "m", options(), resume=True))
    assert_equal_weights(model, Model.load(tmp_path / "m", "cpu"))


def test_numbers_of_objects_are_learnt_as_foreground(tmp_path, data):
    """The guide's binary network trains on the same labels as instances do."""
    from napari_unet.config import PRESETS

    many = [
        replace(s, labels=np.where(s.labels > 0, s.labels + 20 * i, 0))
        for i, s in enumerate(data)
    ]
    preset = ModelConfig(**{**PRESETS["guide"]["model"], "width": 2})
    for i, wanted in enumerate((preset, SMALL.replace(formulation="semantic"))):
        model = drain(train(many, None, tmp_path / str(i), options(), model=wanted))
        assert model.config.classes == (1,)
        assert model.formulation.channels == 1
        target, weight = model.formulation.encode(many[0].labels)
        np.testing.assert_array_equal(target[0], many[0].labels > 0)
        assert weight.all()


def test_a_model_is_not_overwritten_by_accident(tmp_path, data):
    drain(train(data, None, tmp_path / "m", options(), model=SMALL))
    with pytest.raises(ValueError, match="holds a model already"):
        drain(train(data, None, tmp_path / "m", options(), model=SMALL))


def test_init_starts_from_the_given_weights(tmp_path, data):
    first = drain(train(data, None, tmp_path / "a", options(), model=SMALL))
    config = options(steps=1, rate=1e-9)
    second = drain(train(data, None, tmp_path / "b", config, init=tmp_path / "a"))
    assert second.config == first.config
    a, b = weights(first), weights(second)
    kernels = [k for k in a if k.endswith("weight")]
    for name in kernels:
        np.testing.assert_allclose(a[name], b[name], atol=1e-6)


def test_a_model_to_start_from_is_left_as_it_is(tmp_path, data):
    first = Model.create(SMALL, device="cpu")
    before = weights(first)
    drain(train(data, None, tmp_path / "b", options(), init=first))
    for name, value in weights(first).items():
        np.testing.assert_array_equal(value, before[name])


def test_images_of_two_kinds_are_one_sentence(tmp_path, data):
    mixed = [*data, discs(9, ndim=3)]
    with pytest.raises(ValueError, match="discs 9 is 3D but discs 0 is 2D; train on"):
        drain(train(mixed, None, tmp_path / "m", options()))
    assert not (tmp_path / "m").exists()


def test_early_stopping_waits_for_patience(tmp_path, data, monkeypatch):
    scores = iter([0.5, 0.4, 0.3, 0.2, 0.1, 0.1])
    real = training.validate

    def worse_and_worse(model, samples, config, turn=None):
        found = yield from real(model, samples, config, turn)
        return found if turn is None else replace(found, score=next(scores))

    monkeypatch.setattr(training, "validate", worse_and_worse)
    events = []
    config = options(steps=200, patience=2)
    model = drain(train(data, None, tmp_path / "m", config, model=SMALL), events.append)
    epochs = [e for e in events if isinstance(e, EpochEnd)]
    assert [e.best for e in epochs] == [True, False, False]
    assert model.card["steps"] == 20  # the best, not the last


def test_a_nan_loss_stops_keeps_the_best_and_says_so(tmp_path, data, monkeypatch):
    real = training._backward

    def broken(run, *tensors):
        loss = real(run, *tensors)
        return loss * math.nan if run.counters.step >= 25 else loss

    monkeypatch.setattr(training, "_backward", broken)
    events = []
    model = drain(
        train(data, None, tmp_path / "m", options(steps=60), model=SMALL), events.append
    )
    notes = [e.text for e in events if isinstance(e, Note)]
    assert any("the loss is nan" in n and "best model is kept" in n for n in notes)
    assert model.card["steps"] == 20
    assert all(np.isfinite(v).all() for v in weights(model).values())


def test_out_of_memory_halves_the_batch_and_goes_on(tmp_path, data, monkeypatch):
    sizes = []
    real = Model.create

    def create(*args, **kwargs):
        model = real(*args, **kwargs)
        outputs = model.network.outputs

        def limited(image, level=None):
            if model.network.training or image.shape[-1] == 32:
                sizes.append(len(image))
                if len(image) > 2:
                    raise torch.OutOfMemoryError("out of memory")
            return outputs(image, level)

        model.network.outputs = limited
        return model

    monkeypatch.setattr(Model, "create", create)
    events = []
    drain(
        train(data, None, tmp_path / "m", options(batch=8), model=SMALL), events.append
    )
    notes = [e.text for e in events if isinstance(e, Note)]
    assert sum("memory ran out" in n for n in notes) == 2
    assert sizes[:3] == [8, 4, 2]
    assert set(sizes[3:]) == {2}


def test_few_objects_train_without_validation(tmp_path):
    events = []
    sample = discs(count=8)
    model = drain(
        train([sample], None, tmp_path / "m", options(), model=SMALL), events.append
    )
    epochs = [e for e in events if isinstance(e, EpochEnd)]
    assert all(e.score is None and e.objects == 0 and e.best for e in epochs)
    assert model.card["steps"] == 25
    assert model.thresholds == model.formulation.thresholds


def test_changed_labels_enter_the_run(tmp_path, data):
    control = Control()
    box = (slice(0, 64), slice(0, 64))
    name = data[0].name
    done = []

    def erase(event):
        if isinstance(event, StepDone) and not done:
            control.update(name, box, np.zeros((64, 64), np.int32))
            done.append(event.step)

    changed = drain(
        train(data, None, tmp_path / "a", options(), model=SMALL, control=control),
        erase,
    )
    plain = drain(train(data, None, tmp_path / "b", options(), model=SMALL))
    assert done
    with pytest.raises(AssertionError):
        assert_equal_weights(changed, plain)


def test_changed_validation_labels_score_the_kept_best_again(tmp_path, data):
    control = Control()
    empty = np.zeros((64, 64), np.int32)
    epochs = []

    def erase(event):
        if isinstance(event, EpochEnd):
            epochs.append(event)
            if len(epochs) == 1:
                control.update("judge", (slice(0, 64), slice(0, 64)), empty)

    judge = replace(discs(9), name="judge")
    drain(
        train(
            data,
            [judge],
            tmp_path / "m",
            options(steps=60),
            model=SMALL,
            control=control,
        ),
        erase,
    )
    assert epochs[0].objects > 0
    assert all(e.objects == 0 for e in epochs[1:])


def test_unknown_pixels_teach_nothing(tmp_path):
    """Two runs that differ only where the mask is False end alike."""
    known = np.zeros((64, 64), bool)
    known[:40] = True
    sample = discs(count=30, mask=known)
    seen = np.unique(sample.labels[known])
    lies = np.where(np.isin(sample.labels, seen), sample.labels, 0)
    assert (lies != sample.labels).any()
    config = options(validation=0.0)
    models = [
        drain(
            train(
                [replace(sample, labels=labels)],
                None,
                tmp_path / str(i),
                config,
                model=SMALL.replace(object_size=10),
            )
        )
        for i, labels in enumerate((sample.labels, lies))
    ]
    assert_equal_weights(*models)


def test_an_empty_image_among_others_is_legal(tmp_path, data):
    empty = replace(data[0], labels=np.zeros((64, 64), np.int32), name="empty")
    model = drain(train([*data, empty], None, tmp_path / "m", options(), model=SMALL))
    assert model.card["training"]["images"] + model.card["validation"]["images"] == 5


def test_images_of_different_sizes_and_dtypes_train_together(tmp_path, data):
    tiny = discs(7, size=24, count=6)
    wide = discs(8, size=80)
    wide = with_array(wide, (wide.image.array * 100).astype(np.uint16))
    samples = [data[0], tiny, wide]
    model = drain(
        train(samples, [data[1]], tmp_path / "m", options(patch=None), model=SMALL)
    )
    assert model.card["patch"] == [80, 80]


def test_rgb_and_grey_train_together(tmp_path, data):
    array = np.repeat(data[0].image.array, 3, 0)
    rgb = with_array(data[0], array, rgb=True, name="colour")
    model = drain(train([rgb, *data[1:]], None, tmp_path / "m", options(), model=SMALL))
    assert model.config.input == "rgb"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch": 256}, r"discs 0: patch 256 is larger than the image \(64, 64\)"),
        ({"precision": "float16"}, "float16 lets small gradients vanish in training"),
        ({"loss": "hinge"}, "loss 'hinge' is not known; choose one of ce"),
    ],
)
def test_bad_options_are_one_sentence(tmp_path, data, change, message):
    with pytest.raises(ValueError, match=message):
        drain(train(data, None, tmp_path / "m", options(**change), model=SMALL))
    assert not (tmp_path / "m").exists()


def test_bad_samples_are_refused_before_anything_is_written(tmp_path, data):
    binary = [replace(s, labels=(s.labels > 0).astype(np.uint8)) for s in data]
    with pytest.raises(ValueError, match="binary"):
        drain(train(binary, None, tmp_path / "m", options(), model=SMALL))
    assert not (tmp_path / "m").exists()
    assert not has_state(tmp_path / "m")


def test_the_guide_preset_is_the_guides_training():
    from napari_unet.config import PRESETS

    config = TrainConfig(**PRESETS["guide"]["train"])
    assert (config.batch, config.epochs, config.patience) == (16, 25, 2)
    assert (config.loss, config.optimizer, config.validation) == ("ce", "adam", 0.1)
    model = ModelConfig(**PRESETS["guide"]["model"])
    network = Model.create(model, device="cpu").network
    widths = [b[0].out_channels for b in network.encoder]
    assert widths == [16, 32, 64, 128, 256]
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())


@pytest.fixture
def rates(monkeypatch):
    """The learning rate of each step, as it is taken."""
    found, step = [], torch.optim.AdamW.step

    def told(optimizer, *args, **kwargs):
        found.append(optimizer.param_groups[0]["lr"])
        return step(optimizer, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", told)
    return found


def test_the_rate_rises_stays_and_falls(tmp_path, data, rates):
    config = options(steps=20, warmup=4, decay=0.5, rate=0.01)
    drain(train(data, [], tmp_path / "m", config, model=SMALL))
    assert rates[:5] == pytest.approx([0.0025, 0.005, 0.0075, 0.01, 0.01])
    assert rates[9:12] == pytest.approx([0.01, 0.01, 0.009])
    assert rates[-1] == pytest.approx(0.001)


def test_the_rate_falls_too_where_the_budget_is_a_time(
    tmp_path, data, rates, monkeypatch
):
    clock = itertools.count(2 * int(time.monotonic()))
    monkeypatch.setattr(run.time, "monotonic", lambda: next(clock) / 2)
    config = options(steps=None, minutes=2, warmup=0, decay=0.5, rate=0.01)
    drain(train(data, [], tmp_path / "m", config, model=SMALL))
    steps = len(rates)
    assert steps > 10 and rates == sorted(rates, reverse=True)
    assert rates[: steps // 3] == [0.01] * (steps // 3)
    assert 0 < rates[-1] < 0.002
    # The same steps, however long they take: the same rates and weights.
    minutes = rates.copy()
    rates.clear()
    config = options(steps=steps, warmup=0, decay=0.5, rate=0.01)
    drain(train(data, [], tmp_path / "n", config, model=SMALL))
    assert rates == minutes
    assert_equal_weights(Model.load(tmp_path / "m"), Model.load(tmp_path / "n"))


def test_a_short_budget_warms_up_for_a_tenth_of_it(tmp_path, data, rates, monkeypatch):
    done = property(lambda run: run.counters.step / 40)
    monkeypatch.setattr("napari_unet.training.run.Run.done", done)
    config = options(steps=None, minutes=1, warmup=100, decay=0, rate=0.01)
    drain(train(data, [], tmp_path / "m", config, model=SMALL))
    assert rates[:6] == pytest.approx([0.0001, 0.0025, 0.005, 0.0075, 0.01, 0.01])
    assert len(rates) == 40


def test_the_rate_stays_where_labels_come_meanwhile(tmp_path, data, rates):
    control = Control()
    control.update(data[0].name, (slice(0, 9), slice(0, 9)), np.full((9, 9), 99), None)
    config = options(warmup=0, decay=0.5, rate=0.01)
    drain(train(data, [], tmp_path / "m", config, model=SMALL, control=control))
    assert rates == [0.01] * 25


@pytest.mark.parametrize("formulation", ["instances", "semantic"])
def test_rare_classes_weigh_more_where_that_is_wanted(tmp_path, data, formulation):
    wanted = SMALL.replace(formulation=formulation, classes=(1,))
    config = options(class_weights="frequencies")
    drain(train(data, [], tmp_path / "a", config, model=wanted))
    share = np.mean([(s.labels > 0).mean() for s in data])
    median = (1 - share + share) / 2
    numbers = (median / (1 - share), median / share)
    stored = Model.load(tmp_path / "a").card["options"]["class_weights"]
    assert stored == pytest.approx(numbers, rel=1e-3)
    config = config.replace(class_weights=tuple(stored))
    drain(train(data, [], tmp_path / "b", config, model=wanted))
    assert_equal_weights(Model.load(tmp_path / "a"), Model.load(tmp_path / "b"))


def test_an_ignored_label_teaches_nothing(tmp_path, data):
    marked = [replace(s, labels=np.where(s.labels == 3, 255, s.labels)) for s in data]
    ignored = [s.understood(Meaning(ignore=255)) for s in marked]
    for before, after in zip(marked, ignored, strict=True):
        assert not (after.labels == 255).any()
        np.testing.assert_array_equal(after.mask, before.labels != 255)
    twice = ignored[0].understood(Meaning(ignore=2))
    np.testing.assert_array_equal(twice.mask, ~np.isin(marked[0].labels, (255, 2)))
    assert data[0].understood(Meaning(ignore=99)).mask is None
    changed = [
        with_array(s, np.where(s.mask, s.image.array, s.image.array.max()))
        for s in ignored
    ]
    formulation = formulation_of(SMALL)
    for sample in changed:
        _, weight = formulation.encode(sample.labels, sample.mask)
        assert not weight[:, ~sample.mask].any()
    wanted = SMALL.replace(formulation="semantic")
    model = drain(train(ignored, [], tmp_path / "m", options(), model=wanted))
    assert 255 not in model.config.classes


def test_names_and_colours_of_classes_are_kept_with_the_model(tmp_path, data):
    samples = [replace(s, labels=np.minimum(s.labels, 2)) for s in data]
    wanted = SMALL.replace(
        formulation="semantic",
        class_names=("cell", "debris"),
        class_colours=("#e69f00", "#56B4E9"),
    )
    drain(train(samples, [], tmp_path / "m", options(), model=wanted))
    config = Model.load(tmp_path / "m").config
    assert config.names == {1: "cell", 2: "debris"}
    assert config.colours == {1: "#e69f00", 2: "#56B4E9"}
    for option, entries in (("class_names", ("a",)), ("class_colours", ("#000000",))):
        wrong = SMALL.replace(formulation="semantic", **{option: entries})
        with pytest.raises(ValueError, match=f"{option} has 1 entries but the classes"):
            drain(train(samples, [], tmp_path / "n", options(), model=wrong))


def two_sizes():
    """Images of small discs, and the same three times as large."""
    small = [discs(i, 96, 20) for i in range(4)]
    large = [
        with_array(
            s,
            np.kron(s.image.array, np.ones((1, 3, 3), np.float32)),
            labels=np.kron(s.labels, np.ones((3, 3), np.int32)),
            name=f"large {s.name}",
        )
        for s in small
    ]
    return [*small[:3], *large[:3]], [small[3], large[3]]


def test_a_model_of_any_size_learns_updates_previews_and_resumes(tmp_path):
    samples, judges = two_sizes()
    control = Control()
    control.preview(View("large discs 0", (slice(30, 120), slice(30, 150))))
    box = (slice(0, 20), slice(0, 20))
    control.update("large discs 0", box, np.zeros((20, 20), np.int32), None)
    events = []
    config = options(steps=40, rate=5e-3, decay=0)
    model = SMALL.replace(width=8)
    trained = drain(
        train(samples, judges, tmp_path / "a", config, model=model, control=control),
        events.append,
    )
    assert trained.config.any_size
    assert trained.config.object_size == 24
    previews = [e for e in events if isinstance(e, Preview)]
    assert previews
    assert previews[0].labels.shape == (90, 120)
    ends = [e for e in events if isinstance(e, EpochEnd)]
    assert ends[-1].objects == sum(len(np.unique(s.labels)) - 1 for s in judges)
    for judge in judges:
        result = drain(segment(trained, judge.image))
        assert result.labels.shape == judge.shape
        assert result.object_size is not None
    for steps in (20, 40):
        again = drain(
            train(
                samples,
                judges,
                tmp_path / "b",
                config.replace(steps=steps),
                model=model,
                resume=steps == 40,
            )
        )
    plain = drain(train(samples, judges, tmp_path / "c", config, model=model))
    assert_equal_weights(again, plain)


def test_weights_that_are_no_numbers_are_never_the_best(tmp_path):
    start = Model.create(SMALL, device="cpu")
    with torch.no_grad():
        for weight in start.network.parameters():
            weight.mul_(1e15)
    samples = [discs(i) for i in range(4)]
    events = train(samples, samples[:1], tmp_path, options(steps=1), init=start)
    assert drain(events).finite and Model.load(tmp_path, "cpu").card["steps"] == 0
