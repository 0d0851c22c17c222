"""This view is right: what is 0 in it is background, from then on."""

import numpy as np
import pytest
from napari.layers import Vectors

from napari_unet.data.images import ImageSeries
from napari_unet.data.meaning import clipped
from napari_unet.events import drain
from napari_unet.gui.layers.placement import visible_box
from napari_unet.gui.layers.right_views import _edges, add_right_box, right_boxes
from napari_unet.training.annotated import Annotated, load
from support import segment_dock, train_dock
from support.strokes import taken  # noqa: F401
from support.train_dock import add_pair

own_models = train_dock.own_models


def marks(viewer):
    return [layer for layer in viewer.layers if isinstance(layer, Vectors)]


@pytest.mark.parametrize(
    ("axes", "shape", "box", "planes"),
    [
        ("YX", (20, 30), np.s_[2:9, 3:8], 1),
        ("YXC", (20, 30, 3), np.s_[2:9, 3:8], 3),
        ("ZYX", (5, 20, 30), np.s_[1:4, 2:9, 3:8], 3),
        ("TCYX", (4, 2, 20, 30), np.s_[3:4, 2:9, 3:8], 2),
        ("ZYX", (1, 20, 30), np.s_[2:9, 3:8], 1),
    ],
)
def test_a_rectangle_lies_around_the_pixels_on_each_plane(axes, shape, box, planes):
    edges = _edges(box, axes, shape)
    assert edges.shape == (4 * planes, 2, len(axes))
    ends = edges.sum(1)
    for axis, (low, high) in (("Y", (1.5, 8.5)), ("X", (2.5, 7.5))):
        at = axes.index(axis)
        for points in (edges[:, 0, at], ends[:, at]):
            assert set(points) == {low, high}
    others = [i for i, a in enumerate(axes) if a not in "YX"]
    assert len(np.unique(edges[:, 0][:, others], axis=0)) == planes
    assert not edges[:, 1][:, others].any()


def test_what_boxes_have_in_common_with_one():
    boxes = [np.s_[0:10, 0:10], np.s_[8:30, 4:6], np.s_[40:50, 0:9]]
    assert clipped(boxes, np.s_[5:20, 5:25]) == [np.s_[0:5, 0:5], np.s_[3:15, 0:1]]


@pytest.mark.parametrize("timed", [False, True])
def test_zero_is_background_in_views_that_are_right(timed):
    labels = np.zeros((3, 20, 30) if timed else (20, 30), np.int32)
    labels[..., 4:8, 4:8] = 3
    axes = "TCYX" if timed else "CYX"
    image = ImageSeries(
        np.random.default_rng(0).random(labels.shape)[..., None, :, :], axes, name="a"
    )
    box = np.s_[1:2, 0:9, 2:12] if timed else np.s_[0:9, 2:12]
    samples, _ = drain(load([Annotated(image, labels, zero="unknown", right=(box,))]))
    assert len(samples) == 1 + 2 * timed
    for index, sample in enumerate(samples):
        expected = labels[0] > 0 if timed else labels > 0
        if not timed or index == 1:
            expected = expected.copy()
            expected[0:9, 2:12] = True
        np.testing.assert_array_equal(sample.mask, expected)
    with pytest.raises(ValueError, match=r"press \[This view is right\]"):
        drain(load([Annotated(image, labels, zero="unknown")]))


def test_marks_lie_on_the_image_and_can_be_taken_back(make_napari_viewer):
    viewer = make_napari_viewer()
    labels = add_pair(viewer)
    image = viewer.layers["cells"]
    for layer in (image, labels):
        layer.scale, layer.translate = (0.5, 0.25), (7, 3)
    active = viewer.layers.selection.active
    add_right_box(viewer, image, "YX", labels, np.s_[10:20, 30:50])
    (layer,) = marks(viewer)
    assert viewer.layers.selection.active is active
    low, high = layer.extent.world
    np.testing.assert_allclose(low, [7 + 9.5 * 0.5, 3 + 29.5 * 0.25])
    np.testing.assert_allclose(high, [7 + 19.5 * 0.5, 3 + 49.5 * 0.25])
    add_right_box(viewer, image, "YX", labels, np.s_[0:5, 0:5])
    assert marks(viewer) == [layer] and len(layer.data) == 8
    assert right_boxes(viewer.layers, labels) == (np.s_[10:20, 30:50], np.s_[0:5, 0:5])
    viewer.layers.remove(layer)
    assert right_boxes(viewer.layers, labels) == ()


def test_segment_look_train(make_napari_viewer, qtbot, trained, notices):
    from napari_unet.gui.docks import find_dock
    from napari_unet.gui.pickers.model_picker import models

    models().choose(trained)
    dock = segment_dock.Dock(make_napari_viewer(), qtbot)
    assert not dock.form.right_button.isEnabled()
    image = dock.viewer.add_image(segment_dock.picture(), name="cells")
    dock.segment()
    dock.press("train")
    train = find_dock(dock.viewer, "Train")
    assert train.form.labels_mean.zero == "unknown"
    assert "This view is right" in train.why_not(), "no background is known"
    dock.press("right")
    (result,) = dock.labels()
    seen = visible_box(dock.viewer, image, "YX")
    assert right_boxes(dock.viewer.layers, result) == (seen,)
    assert train.why_not() == ""
    (item,) = train.table.items()
    assert item.right == (seen,) and item.zero == "unknown"
    (sample,), _ = drain(load([item]))
    assert sample.mask[seen].all()
    assert not dock.form.score.isEnabled(), "hiding objects would undo that"
    dock.segment()
    assert len(dock.labels()) == 2, "what is right is kept, and another layer made"
    dock.viewer.layers.remove(dock.labels()[1])
    (press,) = train.table.press()
    assert press.right == (seen,)
    (layer,) = marks(dock.viewer)
    dock.viewer.layers.remove(layer)
    assert "This view is right" in train.why_not()
    assert not notices


def test_a_view_that_is_right_reaches_a_training_that_runs(
    make_napari_viewer,
    qtbot,
    taken,  # noqa: F811
    notices,
):
    viewer = make_napari_viewer()
    layer = add_pair(viewer)
    layer.data[:] = np.where(layer.data == 0, 200, layer.data)
    layer.data[:50, :60] = 0
    dock = train_dock.Dock(viewer, qtbot)
    assert not dock.form.right_button.isVisibleTo(dock.form)
    dock.set(train_dock.LONG, zero="unknown")
    assert dock.form.right_button.isVisibleTo(dock.form)
    dock.form.labels_mean.background_box.setValue(200)
    dock.press()
    dock.wait_for_steps()
    image = viewer.layers["cells"]
    viewer.scene.camera.center, viewer.scene.camera.zoom = (24, 30), 30
    box = visible_box(viewer, image, "YX")
    assert box != np.s_[0:96, 0:128]
    dock.form.right_button.click()
    qtbot.waitUntil(lambda: bool(taken), timeout=20_000)
    dock.press("stop")
    dock.wait()
    ((name, sent, labels, mask),) = taken
    assert (name, sent) == ("cells", box)
    assert mask.all() and (labels == 0).any()
    viewer.scene.camera.center = (5000, 5000)
    dock.form.right_button.click()
    assert "not in sight" in notices[-1]
