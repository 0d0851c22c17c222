"""What is painted while a network learns reaches it."""

import numpy as np

from napari_unet.events import Control
from napari_unet.gui.layers.right_views import add_right_box
from support import strokes, train_dock
from support.train_dock import LONG, Dock, add_pair

own_models, taken = train_dock.own_models, strokes.taken


def paint(layer, where, value):
    layer.data[where] = value
    layer.refresh()
    layer.events.paint(value=[])


def test_strokes_reach_a_training_that_runs(make_napari_viewer, qtbot, taken):
    viewer = make_napari_viewer()
    layer = add_pair(viewer)
    layer.data[:] = np.where(layer.data == 0, 200, layer.data)
    layer.data[:20, :30] = 0
    dock = Dock(viewer, qtbot)
    dock.set(LONG, zero="unknown")
    dock.form.labels_mean.background_box.setValue(200)
    dock.form.labels_mean.ignored_box.setValue(201)
    dock.press()
    dock.wait_for_steps()
    paint(layer, np.s_[4:9, 6:12], 77)
    paint(layer, np.s_[9, 6:12], 200)
    paint(layer, np.s_[10, 6:12], 201)
    qtbot.waitUntil(lambda: bool(taken), timeout=20_000)
    dock.wait_for_steps(2)
    dock.press("stop")
    dock.wait()
    ((name, box, labels, mask),) = taken
    assert (name, box) == ("cells", np.s_[4:11, 6:12])
    assert (labels[:5] == 77).all() and not labels[5:].any()
    assert mask[:6].all() and not mask[6].any()
    assert dock.text.startswith('"cells')


def test_background_can_be_painted_once_it_learns(make_napari_viewer, qtbot, taken):
    viewer = make_napari_viewer()
    layer = add_pair(viewer)
    layer.data[:20, :30] = 0
    add_right_box(viewer, viewer.layers["cells"], "YX", layer, np.s_[30:90, 40:120])
    dock = Dock(viewer, qtbot)
    dock.set(LONG, zero="unknown")
    dock.press()
    dock.wait_for_steps()
    dock.form.labels_mean.paint_button.click()
    paint(layer, np.s_[4:9, 6:12], layer.selected_label)
    qtbot.waitUntil(lambda: bool(taken), timeout=20_000)
    dock.press("stop")
    dock.wait()
    ((_, box, labels, mask),) = taken
    assert box == np.s_[4:9, 6:12]
    assert not labels.any() and mask.all(), "it is no object"


def test_frames_get_what_was_painted_on_them(make_napari_viewer, qtbot, taken):
    viewer = make_napari_viewer()
    frames = [add_pair(viewer, seed=seed) for seed in range(3)]
    image = np.stack([layer.data for layer in viewer.layers[::2]])
    drawn = np.stack([layer.data for layer in frames])
    viewer.layers.clear()
    add_pair(viewer, image, drawn, name="film")
    viewer.layers["film"].axis_labels = ("t", "y", "x")
    dock = Dock(viewer, qtbot)
    dock.set(LONG)
    dock.press()
    dock.wait_for_steps()
    paint(viewer.layers["film labels"], np.s_[1:3, 10:12, 5], 300)
    qtbot.waitUntil(lambda: len(taken) >= 2, timeout=20_000)
    dock.press("stop")
    dock.wait()
    assert [update[0] for update in taken] == ["film_t1", "film_t2"]
    for _, box, labels, mask in taken:
        assert box == np.s_[10:12, 5:6] and (labels == 300).all() and mask is None


def test_nothing_is_sent_without_a_training(make_napari_viewer, qtbot, monkeypatch):
    sent = []
    monkeypatch.setattr(Control, "update", lambda *update: sent.append(update))
    viewer = make_napari_viewer()
    layer = add_pair(viewer)
    dock = Dock(viewer, qtbot)
    dock.set()
    dock.train()
    (row,) = dock.table.pairs
    with qtbot.waitSignal(row._edits.read):
        paint(layer, np.s_[:2, :2], 3)
    assert not sent


def test_an_undo_reaches_a_training_that_runs(make_napari_viewer, qtbot, taken):
    viewer = make_napari_viewer()
    layer = add_pair(viewer)
    before = layer.data.copy()
    dock = Dock(viewer, qtbot)
    dock.set(LONG)
    dock.press()
    dock.wait_for_steps()
    layer.paint((10, 10), 300)
    qtbot.waitUntil(lambda: len(taken) == 1, timeout=20_000)
    layer.undo()
    qtbot.waitUntil(lambda: len(taken) == 2, timeout=20_000)
    dock.press("stop")
    dock.wait()
    (_, box, labels, _), (_, same, again, _) = taken
    assert box == same and (labels == 300).any()
    np.testing.assert_array_equal(again, before[box])


def test_larger_numbers_are_sent_as_they_are(make_napari_viewer, qtbot, taken):
    viewer = make_napari_viewer()
    layer = add_pair(viewer)
    layer.data = layer.data.astype(np.uint8)
    dock = Dock(viewer, qtbot)
    dock.set(LONG)
    dock.press()
    dock.wait_for_steps()
    layer.data = layer.data.astype(np.int32)
    for row, value in ((4, 300), (6, 70_000)):
        taken.clear()
        paint(layer, np.s_[row, 6:12], value)
        qtbot.waitUntil(lambda: bool(taken), timeout=20_000)
        ((_, box, labels, _),) = taken
        assert box == np.s_[row : row + 1, 6:12] and (labels == value).all()
    dock.press("stop")
    dock.wait()
