"""Annotate here next: the view goes to where the model is least sure."""

import numpy as np
import pytest

from napari_unet.events import drain
from napari_unet.gui.layers.placement import visible_box
from napari_unet.gui.train import next_place as next_button
from napari_unet.gui.train.next_place import fill_view
from napari_unet.models.model import Model
from napari_unet.segmentation.uncertainty import least_certain
from support import train_dock
from support.made import blobs
from support.train_dock import add_pair

own_models = train_dock.own_models


@pytest.fixture
def dock(make_napari_viewer, qtbot):
    return train_dock.Dock(make_napari_viewer(), qtbot)


def go(dock):
    button = dock.widget.next_button
    assert button.isEnabled(), button.toolTip()
    button.click()
    assert button.text() == next_button.LOOKING
    dock.qtbot.waitUntil(lambda: button._job is None, timeout=20_000)
    assert button.text() == next_button.NEXT


def within(box, seen):
    return all(
        s.start <= b.start and b.stop <= s.stop for b, s in zip(box, seen, strict=True)
    )


def test_it_goes_to_what_the_model_is_least_sure_of(dock, trained, notices):
    sample = blobs(0, (256, 256), 60)
    add_pair(
        dock.viewer,
        sample.image.array[0],
        np.where(sample.labels < 20, sample.labels, 0),
    )
    button = dock.widget.next_button
    assert not button.isEnabled() and "no model yet" in button.toolTip()
    dock.set(zero="unknown")
    dock.form.model_picker.set_path(str(trained))
    layers = dock.viewer.layers
    layers.selection.active = layers["cells"]
    known = layers["cells labels"].data != 0
    for _ in range(2):
        go(dock)
        look = least_certain(Model.load(trained, "cpu"), sample.image, known=known)
        box = drain(look).box
        seen = visible_box(dock.viewer, layers["cells"], "YX")
        assert within(box, seen) and min(s.stop - s.start for s in seen) < 100
        known[box] = True  # it was shown
    assert layers.selection.active == layers["cells labels"]
    assert "least sure here" in notices[-1] and "This view is right" in notices[-1]
    layers["cells labels"].data = np.ones((256, 256), np.int32)
    go(dock)
    assert "every place is annotated" in notices[-1]


def test_it_takes_the_model_that_learns_here(dock, trained, notices, monkeypatch):
    taken = []

    def find_next(images, model, device, control):
        taken.append((model, device))
        yield from ()

    monkeypatch.setattr(next_button, "find_next", find_next)
    add_pair(dock.viewer)
    dock.set(train_dock.SHORT)
    dock.form.model_picker.set_path(str(trained))
    go(dock)
    dock.train()
    go(dock)
    dock.viewer.layers.clear()
    add_pair(dock.viewer, name="others")
    go(dock)
    folder = str(dock.widget.presses.last.folder)
    assert taken == [(str(trained), "cpu"), (folder, "cpu"), (str(trained), "cpu")]


def test_stop_and_a_closed_dock_end_the_look(dock, trained, notices, monkeypatch):
    controls = []

    def find_next(images, model, device, control):
        controls.append(control)
        while not control.stopped:
            yield from ()
        return 0, np.s_[10:30, 40:60]

    monkeypatch.setattr(next_button, "find_next", find_next)
    add_pair(dock.viewer)
    dock.form.model_picker.set_path(str(trained))
    button = dock.widget.next_button
    button.click()
    button.click()
    dock.qtbot.waitUntil(lambda: button._job is None, timeout=20_000)
    box = visible_box(dock.viewer, dock.viewer.layers["cells"], "YX")
    assert box[0].start <= 10 and box[0].stop >= 30 and "least sure" in notices[-1]
    button.click()
    dock.close()
    assert controls[-1].stopped


@pytest.mark.parametrize(
    ("axes", "shape", "box"),
    [
        ("YX", (200, 300), np.s_[50:90, 60:100]),
        ("TCYX", (4, 2, 200, 300), np.s_[2:3, 50:90, 60:100]),
        ("ZYX", (5, 200, 300), np.s_[3:4, 0:40, 260:300]),
    ],
)
def test_a_part_fills_the_view(make_napari_viewer, axes, shape, box):
    viewer = make_napari_viewer()
    layer = viewer.add_image(np.zeros(shape), scale=[2.0] * len(shape))
    layer.translate = [7.0] * len(shape)
    layer.axis_labels = tuple(axes.lower())
    if "C" in axes:
        viewer.dims.set_point(1, 9.0)
    fill_view(viewer, layer, axes, box)
    seen = visible_box(viewer, layer, axes)
    assert within(box, seen)
    assert min(s.stop - s.start for s in seen[-2:]) <= 44, "no more than needed"
    assert seen[: len(box) - 2] == box[:-2]
    if "C" in axes:
        assert viewer.dims.point[1] == 9.0
