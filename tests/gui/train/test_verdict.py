"""Which model is used after a training that started from another."""

import re

import numpy as np
import pytest

from napari_unet.config import TrainConfig
from napari_unet.gui.pickers.model_picker import models
from napari_unet.gui.train.verdict import judgement
from support.train_dock import Dock, add_pair, own_models  # noqa: F401

FOUND = {"gain": 0.031, "low": 0.01, "high": 0.05, "objects": 41}


@pytest.mark.quick
@pytest.mark.parametrize(
    ("card", "start", "used", "text"),
    [
        ({}, "", True, ""),
        ({"start": FOUND | {"verdict": "better"}}, "old", True, "is better than"),
        ({"start": FOUND | {"verdict": "worse"}}, "old", False, "old.* stays chosen"),
        (
            {"start": FOUND | {"verdict": "no difference"}},
            "old",
            False,
            "41 objects",
        ),
        ({"knew": 0.9}, "old", False, "0 held-back objects: too few to tell"),
        ({"knew": 0.02}, "old", True, "knew hardly anything .*0.02"),
        ({"knew": 0.7, "start": {"gain": 0.01}}, "old", True, r"Dice .*\+0.010"),
        ({"knew": 0.7, "start": {"gain": -0.2}}, "old", False, "Dice .*-0.200"),
        (
            {"knew": 0.02, "start": FOUND | {"verdict": "worse"}},
            "old",
            False,
            "not better",
        ),
    ],
)
def test_the_judgement(card, start, used, text):
    good, why = judgement(card, "new", start)
    assert good == used
    assert re.search(text, why)
    assert bool(why) == bool(text)


@pytest.fixture
def dock(make_napari_viewer, qtbot, trained):
    viewer = make_napari_viewer(show=True)
    add_pair(viewer)
    dock = Dock(viewer, qtbot)
    path = models().add(trained)
    models().changed.emit()
    dock.form.model_picker.set_path(path)
    dock.form.train_form.set_value(TrainConfig(steps=30, batch=2, patch=32))
    dock.form.labels_mean.background_button.click()
    return dock


def test_the_old_model_stays_where_nobody_can_tell(dock, own_models):  # noqa: F811
    before = models().chosen_path
    labels = dock.viewer.layers["cells labels"]
    labels.data = np.where(labels.data <= 6, labels.data, 0)  # few objects
    dock.press()
    dock.wait()
    verdict = dock.widget.verdict
    assert verdict.isVisible() and "too few to tell" in verdict.text.text()
    assert models().chosen_path == before
    assert "chosen" not in dock.text
    assert verdict.before.isVisible()
    preview = dock.viewer.layers["cells preview"]
    after = np.array(preview.data)
    verdict.before.click()
    first = np.array(preview.data)
    verdict.after.click()
    np.testing.assert_array_equal(preview.data, after)
    assert not np.array_equal(first, after)
    verdict.use.click()
    (folder,) = own_models.iterdir()
    assert models().chosen_path == str(folder)
    assert not verdict.use.isVisible()
    dock.press()
    assert not verdict.isVisible(), "it is of the training before"
    dock.press("stop")
    dock.wait()
