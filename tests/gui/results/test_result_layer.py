"""Results in layers: placed on their image, and never over what the user drew."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_unet.config import PredictConfig
from napari_unet.data.images import Stats
from napari_unet.events import Block
from napari_unet.gui.copy_as.press import SegmentPress
from napari_unet.gui.layers.axes import KEY
from napari_unet.gui.parts.sorted_table import SortedModel
from napari_unet.gui.results import objects_table
from napari_unet.gui.results.outcome import Outcome
from napari_unet.gui.results.result_layer import ResultLayer
from napari_unet.segmentation.result import Result

PRESS = SegmentPress("cells", None, "YX", "m", PredictConfig())


def outcome(labels, score, *, spacing=None, ndim=2, axes="YX", frame=None, box=None):
    """What segmenting gave, with one score an object."""
    ids, area = np.unique(labels[labels > 0], return_counts=True)
    series = Result(
        labels,
        ids,
        np.array(score, float),
        area,
        np.zeros(len(ids), np.int64) if frame is None else np.array(frame),
        (Stats((0.0,), (1.0,)),),
        3.14,
        box=box,
    )
    about = {"axes": axes, "device": "cpu", "options": {"score": 0.0}, "objects": 1}
    return Outcome(series, about, True, ndim, spacing)


def squares(shape=(20, 30)):
    labels = np.zeros(shape, np.int32)
    labels[..., 2:6, 2:6], labels[..., 2:6, 10:20], labels[..., 12:18, 3:5] = 1, 2, 3
    return labels


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


def written(viewer, found, **place):
    image = viewer.add_image(np.zeros(found.result.labels.shape), name="cells", **place)
    result = ResultLayer(viewer, image)
    result.begin(found.result.labels.shape, found.about["axes"])
    result.finish(found, PRESS, 0.0)
    return result


def test_it_lies_on_its_image_and_says_what_made_it(viewer):
    place = {"scale": (0.5, 0.25), "translate": (3, 4), "rotate": 30}
    found = outcome(squares(), [0.9, 0.5, 0.7], spacing=(0.5, 0.25))
    result = written(viewer, found, units="um", axis_labels=("y", "x"), **place)
    layer, image = result.layer, result.image
    assert layer.name == "cells labels"
    assert np.array_equal(layer.data, squares()) and layer.data.dtype == np.int32
    assert np.allclose(layer.extent.world, image.extent.world)
    assert layer.units == image.units and layer.axis_labels == image.axis_labels
    assert list(layer.features) == ["index", "area (µm²)", "score"]
    assert layer.features["area (µm²)"].tolist() == [2.0, 5.0, 1.5]
    assert json.loads(json.dumps(layer.metadata[KEY])) == layer.metadata[KEY]


def test_blocks_are_shown_before_the_end(viewer):
    image = viewer.add_image(np.zeros((20, 30)), name="cells")
    result = ResultLayer(viewer, image)
    result.begin((20, 30), "YX")
    box = (slice(0, 10), slice(0, 30))
    result.fill([Block(box, np.full((10, 30), 7, np.int32), 1, 2)])
    assert (result.layer.data[:10] == 7).all() and not result.layer.data[10:].any()


def test_a_score_hides_objects_and_shows_them_again(viewer):
    result = written(viewer, outcome(squares(), [0.9, 0.5, 0.7]))
    result.set_score(0.6)
    layer = result.layer
    assert np.array_equal(layer.data, np.where(squares() == 2, 0, squares()))
    assert layer.features["index"].tolist() == [1, 3]
    assert layer.metadata[KEY]["options"]["score"] == 0.6
    assert layer.metadata[KEY]["objects"] == 2
    assert result.outcome.summary(0.6).startswith(
        "2 of 3 objects (1 below the score)   median 14 px²"
    )
    result.set_score(0.95)
    assert not layer.data.any() and not len(layer.features)
    result.set_score(0.0)
    assert np.array_equal(layer.data, squares()) and len(layer.features) == 3
    assert result.replaceable and not result.edited


def paint(layer):
    layer.paint((0, 0), 5)


def fill(layer):
    layer.fill((2, 2), 9)


def replace(layer):
    layer.data = np.ones_like(layer.data)


def write_in_place(layer):
    layer.data[0, 0] = 4


def erase_and_undo_twice(layer):
    layer.fill((2, 2), 0)
    layer.undo()


EDITS = [paint, fill, replace, write_in_place, erase_and_undo_twice]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_layer_is_not_replaced_and_its_edits_are_not_hidden(
    viewer, qtbot, edit
):
    result = written(viewer, outcome(squares(), [0.9, 0.5, 0.7]))
    result.set_score(0.6)
    before = result.layer.data.copy()
    edit(result.layer)
    mine = result.layer.data.copy()
    assert not result.replaceable
    result.set_score(0.8)
    assert result.edited
    if edit is replace:  # other labels, of which no object is known
        assert not result.slides and np.array_equal(result.layer.data, mine)
        return
    qtbot.waitUntil(lambda: result.score == 0.8)
    untouched = (mine == before) & (squares() == 3)
    assert untouched.any() and not result.layer.data[untouched].any()
    assert np.array_equal(result.layer.data, np.where(untouched, 0, mine))
    result.set_score(0.6)
    qtbot.waitUntil(lambda: result.score == 0.6)
    assert np.array_equal(result.layer.data, mine)


def correct(layer, mask, value):
    layer.data_setitem(np.nonzero(mask), np.int32(value))


def test_the_table_and_the_count_follow_every_edit_and_its_undoing(viewer, qtbot):
    result = written(viewer, outcome(squares(), [0.9, 0.5, 0.7], spacing=(0.5, 2.0)))
    layer = result.layer

    def told(ids, *words):
        qtbot.waitUntil(lambda: layer.features["index"].tolist() == ids)
        summary = result.outcome.summary(result.score, result.present)
        assert all(word in summary for word in words), summary
        assert layer.metadata[KEY]["objects"] == len(ids)

    correct(layer, squares() == 2, 0)
    told([1, 3], "2 objects", "median 14 µm²")
    correct(layer, squares() == 3, 1)
    told([1], "1 object ")
    assert layer.features["area (µm²)"].tolist() == [28.0]
    layer.data_setitem((np.full(4, 19), np.arange(4)), np.int32(9))
    told([1, 9], "2 objects")
    assert layer.features["area (µm²)"].tolist() == [28.0, 4.0]
    assert layer.features["score"].isna().tolist() == [False, True]
    shown = objects_table.columns(layer.features)
    assert [shown[2].text(row) for row in range(2)] == ["0.900", ""]
    for ids in ([1], [1, 3], [1, 2, 3]):
        layer.undo()
        told(ids)
    assert np.array_equal(layer.data, squares())


def test_a_score_spares_what_was_corrected(viewer, qtbot):
    result = written(viewer, outcome(squares(), [0.9, 0.5, 0.7]))
    layer = result.layer

    def slide(score):
        result.set_score(score)
        qtbot.waitUntil(lambda: result.score == score)

    correct(layer, squares() == 1, 0)  # deleted: no score brings it back
    slide(0.6)
    assert set(np.unique(layer.data)) == {0, 3}
    assert result.outcome.summary(0.6, result.present).startswith("1 of 2 objects")
    layer.data_setitem((np.array([3]), np.array([12])), np.int32(7))
    slide(0.95)
    assert set(np.unique(layer.data)) == {0, 7}
    slide(0.0)
    now = np.unique(layer.data).tolist()
    assert now == [0, 3, 7], "what would lie under another object stays hidden"
    assert layer.features["index"].tolist() == [3, 7]
    layer.data_setitem((np.array([3]), np.array([12])), np.int32(0))
    slide(0.1)
    assert np.array_equal(layer.data, np.where(squares() == 1, 0, squares()))


def test_new_objects_of_a_series_have_their_frame(viewer, qtbot):
    labels = squares((2, 20, 30))
    labels[1][labels[1] > 0] += 3
    found = outcome(labels, [0.9] * 6, axes="TYX", frame=[0, 0, 0, 1, 1, 1])
    layer = written(viewer, found).layer
    layer.data_setitem((np.array([1]), np.array([19]), np.array([0])), np.int32(9))
    qtbot.waitUntil(lambda: len(layer.features) == 7)
    assert layer.features["frame"].tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_objects_cut_by_a_view_keep_their_area(viewer, qtbot):
    labels = squares()
    box = (slice(0, 20), slice(0, 15))
    labels[:, 15:] = 0
    found = outcome(labels, [0.9, 0.5, 0.7], box=box)
    found.result.area[1] = 40  # of which the view shows 20
    layer = written(viewer, found).layer
    correct(layer, labels == 3, 0)
    qtbot.waitUntil(lambda: len(layer.features) == 2)
    assert layer.features["area (px²)"].tolist() == [16, 40]


def test_editing_tells_once(viewer, qtbot):
    result = written(viewer, outcome(squares(), [0.9, 0.5, 0.7]))
    with qtbot.waitSignal(result.changed):
        paint(result.layer)
    with qtbot.assertNotEmitted(result.changed):
        paint(result.layer)


def test_what_is_not_an_edit_leaves_it_replaceable(viewer):
    result = written(viewer, outcome(squares(), [0.9, 0.5, 0.7]))
    result.layer.name, result.layer.opacity, result.layer.contour = "mine", 0.3, 2
    result.layer.selected_label = 3
    assert result.replaceable
    first = result.layer
    result.begin((20, 30), "YX")
    result.finish(outcome(squares() * 2, [0.9, 0.5, 0.7]), PRESS, 0.0)
    assert result.layer is first and len(viewer.layers) == 2
    assert np.array_equal(first.data, squares() * 2)
    first.undo()
    assert np.array_equal(first.data, squares() * 2)


def test_a_moved_image_moves_its_next_result(viewer):
    result = written(viewer, outcome(squares(), [0.9, 0.5, 0.7]))
    result.image.scale, result.image.translate = (2, 3), (7, 8)
    result.begin((20, 30), "YX")
    assert np.allclose(result.layer.extent.world, result.image.extent.world)


def test_the_part_beyond_a_view_is_checked_for_edits_too(viewer):
    box = (slice(0, 10), slice(0, 30))
    labels = squares()
    labels[10:] = 0
    found = outcome(labels, [0.9, 0.5], box=box)
    result = written(viewer, found)
    assert result.replaceable and result.layer.data.shape == (20, 30)
    result.layer.data[15, 15] = 1
    assert not result.replaceable


def test_frames_and_volumes(viewer):
    labels = squares((2, 20, 30))
    labels[1][labels[1] > 0] += 3
    frame = [0, 0, 0, 1, 1, 1]
    found = outcome(labels, [0.9] * 6, axes="TYX", frame=frame, spacing=(2.0, 2.0))
    table = written(viewer, found).layer.features
    assert table["frame"].tolist() == frame
    assert table["area (µm²)"].tolist() == [64, 160, 48] * 2
    stack = outcome(squares((2, 20, 30)), [0.9] * 3, axes="ZYX", spacing=(1.0, 2, 2))
    assert stack.unit == "µm²", "planes one by one: areas"
    plain = [outcome(squares(), [0.9] * 3, ndim=n).unit for n in (2, 3)]
    assert plain == ["px²", "px³"]
    volume = outcome(
        squares((2, 20, 30)), [0.9] * 3, axes="ZYX", spacing=(0.5, 2, 2), ndim=3
    )
    assert volume.unit == "µm³" and volume.area.tolist() == [64, 160, 48]


def test_a_table_row_brings_its_object_into_sight(viewer):
    labels = np.zeros((5, 40, 60), np.int32)
    labels[3, 10:20, 30:40] = 8
    found = outcome(labels, [0.9], axes="ZYX")
    result = written(viewer, found, scale=(2, 0.5, 0.5))
    viewer.dims.set_current_step(0, 0)
    result.show_object(8)
    assert viewer.dims.current_step[0] == 3
    assert np.allclose(viewer.scene.camera.center[-2:], (7.25, 17.25), atol=0.3)
    assert result.layer.selected_label == 8


def test_classes_have_colours_and_shares_but_no_scores(viewer):
    labels = squares()
    about = {"axes": "YX", "device": "cuda:0", "options": {"score": 0.0}}
    about["classes"] = {"1": 0.25, "3": 0.02}
    series = outcome(labels, [0.9, 0.5, 0.7]).result
    classes = Outcome(series, about, False, 2, None)
    result = written(viewer, classes)
    layer = result.layer
    assert list(layer.features) == ["index", "class", "share"]
    assert layer.features["class"].tolist() == [1, 3]
    assert not np.allclose(layer.get_color(1), layer.get_color(3))
    assert classes.summary(0.5) == "class 1 25.0%, class 3 2.0%   3.1 s on the GPU"
    result.set_score(0.8)
    assert np.array_equal(layer.data, labels)


def test_classes_are_called_and_coloured_as_their_model_says(viewer):
    labels = squares()
    about = {"axes": "YX", "device": "cpu", "options": {"score": 0.0}}
    about["classes"] = {"1": 0.25, "3": 0.02}
    about["model"] = {
        "class_names": {"1": "tumour", "3": "stroma"},
        "class_colours": {"3": "#0072b2"},
    }
    series = outcome(labels, [0.9, 0.5, 0.7]).result
    classes = Outcome(series, about, False, 2, None)
    layer = written(viewer, classes).layer
    assert layer.features["name"].tolist() == ["tumour", "stroma"]
    assert np.allclose(layer.get_color(3)[:3], [0, 0x72 / 255, 0xB2 / 255], atol=1e-3)
    assert classes.summary().startswith("tumour (1) 25.0%, stroma (3) 2.0%   ")
    table = SortedModel()
    table.set_columns(objects_table.columns(layer.features))

    def cells():
        places = [[table.index(r, c) for c in range(3)] for r in range(2)]
        return [[table.data(place) for place in row] for row in places]

    assert cells() == [["1", "25.0%", "tumour"], ["3", "2.0%", "stroma"]]
    table.sort(2)
    assert [row[2] for row in cells()] == ["stroma", "tumour"]


def test_no_objects_and_thousands(viewer):
    nothing = outcome(np.zeros((20, 30), np.int32), [])
    assert nothing.summary().startswith("0 objects   3.1 s")
    assert not len(written(viewer, nothing).layer.features)
    many = outcome(np.arange(1, 1205, dtype=np.int32)[None], np.full(1204, 0.9))
    assert many.summary() == "1,204 objects   median 1 px²   3.1 s on the CPU"
