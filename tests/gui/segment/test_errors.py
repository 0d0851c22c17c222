"""The Segment dock and what goes wrong: one notice, and the dock stays usable."""

from __future__ import annotations

import numpy as np
import pytest

import napari_unet.segmentation.segment
from napari_unet import Model
from napari_unet.config import ModelConfig
from napari_unet.gui import worker
from napari_unet.gui.pickers.model_picker import models
from support import segment_dock
from support.segment_dock import Slow, begin, picture, usable

dock = segment_dock.dock
own_models = segment_dock.own_models


def test_a_runtime_error_is_one_notice_and_the_dock_recovers(
    dock, monkeypatch, notices
):
    core = napari_unet.segmentation.segment.segment
    broken = Slow(RuntimeError("CUDA error: device-side assert"))
    monkeypatch.setattr(napari_unet.segmentation.segment, "segment", broken)
    begin(dock, broken)
    broken.second.set()
    dock.wait()
    assert notices == ["RuntimeError: CUDA error: device-side assert"]
    assert not dock.labels(), "half a result has no numbers"
    assert not worker.running(worker.SEGMENTING)
    assert dock.form.progress.text == notices[0], "it stays after the notification"
    monkeypatch.setattr(napari_unet.segmentation.segment, "segment", core)
    assert usable(dock, notices)


def test_painting_outlives_an_error(dock, monkeypatch, notices):
    broken = Slow(RuntimeError("out of luck"))
    monkeypatch.setattr(napari_unet.segmentation.segment, "segment", broken)
    begin(dock, broken)
    dock.labels()[0].paint((100, 5), 77)
    broken.second.set()
    dock.wait()
    assert len(notices) == 1 and (dock.labels()[0].data == 77).any()


def nan(folder):
    return np.full_like(picture(), np.nan, np.float32), None, {}


def two_channels(folder):
    return np.stack([picture()] * 2), None, {"axis_labels": ("c", "y", "x")}


def volume_model(folder):
    config = ModelConfig(ndim=3, depth=1, width=2)
    model = Model.create(config, device="cpu").save(folder / "volumes")
    return picture(), model, {}


def damaged_model(folder):
    model = Model.create(ModelConfig(depth=1, width=2), device="cpu")
    where = model.save(folder / "damaged")
    file = where / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    return picture(), where, {}


def removed_model(folder):
    config = ModelConfig(depth=1, width=2)
    where = Model.create(config, device="cpu").save(folder / "gone")
    models().choose(where)
    (where / "model.safetensors").unlink()
    return picture(), None, {}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (nan, "all values are NaN"),
        (two_channels, "2 channels"),
        (volume_model, "the model is 3D"),
        (damaged_model, "damaged"),
        (removed_model, "gone: model.safetensors is missing"),
    ],
)
def test_bad_input_is_one_sentence_and_the_dock_stays_usable(
    dock, notices, tmp_path, trained, bad, words
):
    image, model, options = bad(tmp_path)
    if model is not None:
        models().choose(model)
    layer = dock.viewer.add_image(image, rgb=False, **options)
    dock.segment()
    assert len(notices) == 1 and words in notices[0]
    assert not dock.labels()
    dock.viewer.layers.remove(layer)
    models().choose(trained)
    dock.viewer.add_image(picture())
    assert usable(dock, notices)


def test_an_option_out_of_range_starts_nothing(dock, notices):
    dock.viewer.add_image(picture())
    row = dock.form.options_form._rows["tile"]
    row._editor.value = "5"
    dock.form.image_button.click()
    assert not dock.runs.running and len(notices) == 1 and "tile" in notices[0]
