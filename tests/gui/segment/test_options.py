"""Options of the Segment dock: what is in sight, what is hidden when, object sizes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet import Model
from napari_unet.config import ModelConfig, PredictConfig
from napari_unet.gui.layers.axes import set_axes
from napari_unet.gui.parts.form import Fold
from napari_unet.gui.pickers.model_picker import models
from support import segment_dock
from support.segment_dock import Dock, picture

dock, own_models = segment_dock.dock, segment_dock.own_models


@pytest.fixture
def bare(make_napari_viewer, qtbot):
    """The dock without a model."""
    return Dock(make_napari_viewer(), qtbot)


@pytest.fixture
def choose(bare, tmp_path):
    """Makes a model and chooses it."""

    def make(**options):
        config = ModelConfig(**{"depth": 2, "width": 2, "object_size": 12.0, **options})
        folder = tmp_path / f"model {len(list(tmp_path.iterdir()))}"
        Model.create(config, 1, "cpu").save(folder)
        models().choose(folder)

    return make


def shown(dock):
    """The options that are there when all folds are open."""
    for fold in dock.form.findChildren(Fold):
        fold.expand()
    rows = dock.form.options_form._rows
    return {name for name, row in rows.items() if row.isVisibleTo(dock.form)}


def add(dock, *shape, axes=None, name="cells", **place):
    layer = dock.viewer.add_image(np.zeros(shape, np.uint8), name=name, **place)
    if axes:
        set_axes(layer, axes)
    return layer


@pytest.mark.quick
def test_options_that_mean_nothing_are_hidden(bare, choose):
    dock = bare
    choose()
    add(dock, 32, 32)
    assert shown(dock) == {
        *("threshold", "smallest", "intensity", "accurate"),
        *("tile", "memory", "block", "precision"),
    }
    stack = add(dock, 5, 32, 32, axes="ZYX", name="stack")
    dock.form.picker.set_layer(stack)
    assert "link" in shown(dock)
    choose(ndim=3)
    assert "link" not in shown(dock)
    choose(network="unet++")
    assert {"link", "level"} <= shown(dock)
    choose(formulation="semantic", object_size=None)
    assert not {"link", "smallest", "level"} & shown(dock)
    assert not dock.form.object_size.isVisibleTo(dock.form)


def test_an_option_that_is_hidden_does_not_count(bare, choose):
    dock, form = bare, bare.form.options_form
    choose(network="unet++")
    form.set_value(PredictConfig(level=2))
    assert dock.form.config().level == 2
    choose()
    assert dock.form.config().level is None
    choose(network="unet++")
    assert dock.form.config().level == 2, "the user's choice stays"


def test_few_options_are_at_hand(bare):
    speed = bare.form.options_form.folds["Speed and memory"]
    assert not speed.isExpanded() and speed.isVisibleTo(bare.form)
    assert speed.isAncestorOf(bare.form.device)
    rows = bare.form.options_form._rows.values()
    assert sum(not speed.isAncestorOf(row) for row in rows) == 5


def test_objects_are_said_in_px_or_in_um(bare, choose):
    dock, field = bare, bare.form.object_size
    choose()
    plain = add(dock, 32, 32)
    scaled = add(dock, 32, 32, name="scaled", scale=(0.5, 0.5), units=("µm", "µm"))
    finer = add(dock, 32, 32, name="finer", scale=(0.25, 0.25), units=("µm", "µm"))
    pick = dock.form.picker.set_layer
    pick(plain)
    assert (field.unit.text(), dock.form.config().object_size) == ("px wide", None)
    field.edit.setText("20")
    assert dock.form.config().object_size == 20
    pick(scaled)
    assert (field.unit.text(), field.edit.text()) == ("µm wide", "10")
    assert dock.widget._target().press.config.object_size == 20
    pick(finer)
    assert field.edit.text() == "10", "objects are as wide in µm"
    assert dock.widget._target().press.config.object_size == 40
    other = dock.widget._other_target(scaled, "YX")
    assert other.press.config.object_size == 20, "each image has its own pixels"
    pick(plain)
    assert (field.unit.text(), field.edit.text()) == ("px wide", "40")


@pytest.mark.parametrize("text", ["many", "0", "-3", "nan", "inf"])
def test_no_size_is_one_sentence(bare, choose, notices, text):
    choose()
    add(bare, 32, 32)
    bare.form.object_size.edit.setText(text)
    bare.press()
    assert notices == [
        f"Objects about is {text}; give a number above 0, or leave it empty"
    ]


def test_what_was_estimated_is_shown_for_its_image(bare, choose):
    field = bare.form.object_size
    assert field.edit.placeholderText() == "automatic"
    field.follow((0.5, 0.5), 20.2)
    assert field.edit.placeholderText() == "10.1"
    assert field.unit.text() == "µm wide, estimated"
    field.edit.setText("12")
    assert field.unit.text() == "µm wide"
    field.edit.clear()
    choose()
    add(bare, 32, 32)
    assert (field.edit.placeholderText(), field.unit.text()) == ("automatic", "px wide")


def test_the_size_that_is_given_is_segmented_with(dock):
    dock.viewer.add_image(picture(), name="cells")
    dock.form.object_size.edit.setText("14")
    dock.segment()
    press = dock.widget._result().press
    assert press.config.object_size == 14
    assert dock.form.object_size.unit.text() == "px wide", "nothing was estimated"
