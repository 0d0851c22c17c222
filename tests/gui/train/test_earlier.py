"""Earlier trainings on the same images stand behind the plot of a new one."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from napari_unet.events import Control, drain
from napari_unet.gui.pickers.model_picker import models
from napari_unet.gui.train.earlier import earlier
from napari_unet.training.checkpoint import read_history
from support import train_dock
from support.train_dock import SHORT, Dock, add_pair

own_models = train_dock.own_models


def test_the_curve_of_the_first_stands_behind_the_second(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    add_pair(viewer, count=80)  # enough to validate
    dock = Dock(viewer, qtbot)
    dock.set(SHORT)
    dock.form.model_picker.set_path(None)
    folders = []
    for _ in range(2):
        dock.train()
        folders.append(dock.widget.presses.last.folder)
    chart = dock.monitor.plot._chart
    qtbot.waitUntil(lambda: len(chart.earlier) == 1)
    seconds, quality = chart.earlier[0].getData()
    rows = read_history(folders[0])
    np.testing.assert_allclose(seconds, [float(r["seconds"]) for r in rows])
    np.testing.assert_allclose(quality, [float(r["ap50"]) for r in rows])
    assert folders[0].name in chart.earlier[0].toolTip()
    assert models().chosen_path == str(folders[1])
    chart.earlier[0].sigClicked.emit(chart.earlier[0], None)
    assert models().chosen_path == str(folders[0])
    viewer.layers["cells"].name = viewer.layers["cells labels"].name = "others"
    dock.train()
    assert not chart.earlier, "another image"


@pytest.mark.parametrize("broken", ["no history", "no rows", "no model"])
def test_what_cannot_be_read_is_left_out(tmp_path, trained, broken):
    shutil.copytree(trained, tmp_path / "a")
    shutil.copytree(trained, tmp_path / "b")
    assert len(drain(earlier(tmp_path / "a", [tmp_path / "b"], Control()))) == 1
    history = tmp_path / "b" / "history.csv"
    if broken == "no history":
        history.unlink()
    elif broken == "no rows":
        history.write_text(history.read_text().splitlines()[0])
    else:
        (tmp_path / "b" / "model.safetensors").write_bytes(b"nothing")
    assert drain(earlier(tmp_path / "a", [tmp_path / "b"], Control())) == []
