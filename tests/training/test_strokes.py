"""Labels that change while a network learns: they land where they were painted."""

import time
from dataclasses import replace

import numpy as np
import pytest

from napari_unet.data.samples import split
from napari_unet.events import Control, EpochEnd, LabelUpdate, Progress, StepDone, drain
from napari_unet.models.model import Model
from napari_unet.training.loop import painted, train
from support.trainings import SMALL, assert_equal_weights, discs, history, options

pytestmark = pytest.mark.slow


def update(rng, shape, name="discs 0", masked=False):
    """A box of random labels somewhere in an image."""
    edges = [np.sort(rng.choice(n + 1, 2, replace=False)) for n in shape]
    box = tuple(slice(int(a), int(b)) for a, b in edges)
    size = [s.stop - s.start for s in box]
    mask = rng.random(size) < 0.5 if masked else None
    return LabelUpdate(name, box, rng.integers(0, 50, size), mask)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_parts_get_what_lies_in_them(ndim, seed):
    rng = np.random.default_rng(seed)
    whole = discs(count=40, ndim=ndim)
    if seed % 2:
        whole = replace(whole, mask=rng.random(whole.shape) < 0.8)
    parts = [p for side in split([whole], 0.3, seed) for p in side]
    assert sum(p.image.array.size for p in parts) == whole.image.array.size
    updates = [update(rng, whole.shape, masked=bool(i % 2)) for i in range(4)]
    expected = painted(whole, updates)
    assert (expected.labels != whole.labels).any()
    for part in parts:
        box = tuple(
            slice(a, a + n) for a, n in zip(part.start, part.shape, strict=True)
        )
        found = painted(part, updates)
        np.testing.assert_array_equal(
            found.image.array, whole.image.array[(slice(None), *box)]
        )
        np.testing.assert_array_equal(found.labels, expected.labels[box])
        mask = np.ones(part.shape, bool) if found.mask is None else found.mask
        np.testing.assert_array_equal(mask, expected.mask[box])


def test_what_does_not_reach_a_sample_leaves_it_as_it_is():
    sample = discs()
    box = (slice(0, 4), slice(0, 4))
    other = LabelUpdate("another", box, np.ones((4, 4), int), None)
    assert painted(sample, [other]) is sample
    assert painted(sample, []) is sample


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint64])
def test_labels_keep_their_dtype_unless_a_number_is_too_large(dtype):
    sample = discs()
    sample = replace(sample, labels=sample.labels.astype(dtype))
    box = (slice(0, 2), slice(0, 2))
    for number in (200, 300, 70_000):
        new = LabelUpdate("discs 0", box, np.full((2, 2), number, np.int64), None)
        labels = painted(sample, [new]).labels
        assert (labels[box] == number).all()
        fits = number <= np.iinfo(dtype).max
        assert labels.dtype == (dtype if fits else np.int64)


def test_one_image_cut_for_validation_takes_strokes_everywhere(tmp_path):
    whole = discs(size=128, count=60)
    control, sent, ends = Control(), [], []
    new = np.zeros((8, 128), np.int32)
    new[2:6, 10:14] = 99

    def paint(event):
        if isinstance(event, StepDone) and not sent:
            for row in range(0, 128, 8):  # on both sides of the cut, and across it
                box = (slice(row, row + 8), slice(0, 128))
                control.update("discs 0", box, new)
                sent.append(box)
        if isinstance(event, EpochEnd):
            ends.append(event)

    config = options(steps=20, validation=0.3)
    model = drain(
        train([whole], None, tmp_path / "m", config, model=SMALL, control=control),
        paint,
    )
    assert len(sent) == 16
    assert 1 <= ends[-1].objects < 16, "the judges are what was painted on their side"
    best = model.card["data"][0]
    assert best["objects"] == 1 and best["shape"] == [128, 128], "all have one id"


def test_time_in_which_a_training_is_paused_does_not_count(tmp_path, monkeypatch):
    control, told, paused = Control(), [], []
    hour, now = 3600, time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + hour * len(paused))

    def pause(event):
        if isinstance(event, StepDone):
            told.append(event.seconds)
            if not paused:
                control.pause()
        elif isinstance(event, Progress) and event.what == "paused":
            paused.append(event)  # an hour goes by
            control.resume()

    data = [discs(i) for i in range(3)]
    config = options(steps=20)
    drain(train(data, [], tmp_path / "m", config, model=SMALL, control=control), pause)
    assert len(paused) == 1 and len(told) > 1
    assert told[0] <= told[-1] < hour
    assert float(history(tmp_path / "m")[-1]["seconds"]) < hour


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_run_that_was_painted_in_resumes_with_equal_weights(tmp_path, ndim):
    """Labels that came while it ran are kept with it; later ones are not needed."""
    whole = discs(size=96, count=40, ndim=ndim)
    model = SMALL.replace(ndim=ndim)
    config = options(steps=24, patch=16, validation=0.3)
    box = tuple(slice(n // 4, 3 * n // 4) for n in whole.shape)
    labels = np.where(whole.labels % 3, whole.labels, 0)[box]
    mask = whole.labels[box] != 2

    def run(folder, until=None, **how):
        control = Control()
        events = train([whole], None, folder, config, control=control, **how)
        sent = how.get("resume", False)
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                return end.value
            if isinstance(event, StepDone) and not sent:
                sent = True
                control.update(whole.name, box, labels, mask)
            if until and isinstance(event, EpochEnd) and event.step >= until:
                events.close()
                return None

    undisturbed = run(tmp_path / "a", model=model)
    run(tmp_path / "b", 12, model=model)
    kept = list((tmp_path / "b" / "run").glob("painted-*.npz"))
    assert len(kept) == 1
    resumed = run(tmp_path / "b", resume=True)
    assert_equal_weights(undisturbed, resumed)
    assert undisturbed.thresholds == resumed.thresholds
    assert undisturbed.card["data"] == resumed.card["data"]


def test_labels_that_are_known_already_change_nothing(tmp_path):
    data, control = [discs(i) for i in range(3)], Control()
    config = options(steps=12, decay=0.5)
    plain = drain(train(data, [], tmp_path / "a", config, model=SMALL))

    def paint(event):
        if isinstance(event, StepDone):
            for sample in data:
                box = tuple(slice(0, n) for n in sample.shape)
                control.update(sample.name, box, sample.labels)

    again = train(data, [], tmp_path / "b", config, model=SMALL, control=control)
    assert_equal_weights(plain, drain(again, paint))


def test_a_resumed_run_still_says_which_model_it_started_from(tmp_path):
    data = [discs(i) for i in range(3)]
    first = drain(train(data, [], tmp_path / "a", options(), model=SMALL))
    for steps, resume in ((10, False), (20, True)):
        model = drain(
            train(
                data,
                [],
                tmp_path / "b",
                options(steps=steps),
                init=None if resume else tmp_path / "a",
                resume=resume,
            )
        )
        assert model.card["init"] == first.hash()
    assert Model.load(tmp_path / "a").card.get("init") is None
