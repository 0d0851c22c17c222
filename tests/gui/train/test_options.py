"""Options of the Train dock: few at hand, and none that means nothing."""

from __future__ import annotations

import pytest

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.gui.parts.form import Fold
from support import train_dock

own_models = train_dock.own_models


plain_dock = train_dock.dock


@pytest.fixture
def dock(plain_dock):
    """The dock with the options as they are at first, all of them in sight."""
    dock = plain_dock
    dock.set(TrainConfig(), ModelConfig())
    for fold in dock.form.findChildren(Fold):
        fold.expand()
    return dock


def shown(dock):
    rows = dock.form.train_form._rows
    return {name for name, row in rows.items() if row.isVisibleTo(dock.form)}


def test_few_options_are_at_hand(dock):
    form = dock.form.train_form
    more = form.folds["More options"]
    at_hand = [n for n, row in form._rows.items() if not more.isAncestorOf(row)]
    assert at_hand == ["patch", "batch", "rate", "validation"]
    assert more.isAncestorOf(dock.form.labels_mean.ignored_box)
    for widget in (dock.form.device_box, dock.form.name, dock.form.look_button):
        assert not more.isAncestorOf(widget)
        assert dock.form.options.isAncestorOf(widget)


@pytest.mark.quick
def test_options_that_mean_nothing_are_hidden(dock, trained):
    assert {"patch", "seed"} <= shown(dock) and "rehearsal" not in shown(dock)
    dock.form.model_picker.set_path(trained)
    assert "rehearsal" in shown(dock)
    dock.form.choose_network("forest")
    dock.form.set_choices(
        {
            "network": ["unet", "forest"],
            "classifier": ["forest"],
            "device": ["cpu"],
            "loss": ["ce"],
        }
    )
    assert {"validation", "seed", "thresholds"} <= shown(dock)
    assert not {"patch", "rate", "rehearsal", "class_weights"} & shown(dock)
    augment = dock.form.train_form._folds["augment"]
    assert not augment.isVisibleTo(dock.form)


def test_an_option_that_is_hidden_does_not_count(dock, trained):
    dock.form.model_picker.set_path(trained)
    dock.set(TrainConfig(rehearsal=0.25, rate=1e-3), ModelConfig())
    assert dock.form.settings().config.rehearsal == 0.25
    dock.form.model_picker.set_path(None)
    assert dock.form.settings().config.model_fields_set == {"minutes", "rate"}
    dock.form.model_picker.set_path(trained)
    assert dock.form.settings().config.rehearsal == 0.25
