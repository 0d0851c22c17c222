"""Segmenting end to end: equal labels whatever the tiles, blocks, order or pauses."""

import threading
import time

import numpy as np
import pytest
import torch

from napari_unet.config import ModelConfig, PredictConfig
from napari_unet.data.images import Image, Stats
from napari_unet.events import Block, Control, Progress, TileDone, drain
from napari_unet.models.model import Model
from napari_unet.segmentation.segment import segment
from support.made import (
    ball,
    blobs,
    boxes_in,
    echo,
    maps_of,
    notes,
    numbered,
    segmented,
    shaken,
)

SMALL = PredictConfig(tile=64, block=64)


# Labels


def test_labels_are_right_and_numbered_in_raster_order(crowd):
    model, image, labels = crowd
    result, events = segmented(model, image)
    assert result.complete and not result.notes and not notes(events)
    assert result.labels.dtype == np.int32
    np.testing.assert_array_equal(numbered(result.labels), numbered(labels))
    count = labels.max()
    assert result.ids.tolist() == list(range(1, count + 1))
    np.testing.assert_array_equal(result.area, np.bincount(result.labels.ravel())[1:])
    np.testing.assert_allclose(result.score, 1)
    assert result.stats == (Stats((0, 0, 0), (1, 1, 1)),)
    assert result.seconds > 0


@pytest.mark.parametrize("tile", [None, 60, 64, 100])
@pytest.mark.parametrize("block", [64, 100, 2048])
def test_labels_depend_on_neither_tiles_nor_blocks(crowd, tile, block):
    model, image, _ = crowd
    expected, _ = segmented(model, image)
    found, events = segmented(model, image, PredictConfig(tile=tile, block=block))
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.score, expected.score)
    np.testing.assert_array_equal(found.area, expected.area)
    done = [e for e in events if isinstance(e, Block)]
    assert [e.done for e in done] == list(range(1, len(done) + 1))
    assert {e.total for e in done} == {len(done)}
    tiles = [e for e in events if isinstance(e, TileDone)]
    assert [e.done for e in tiles] == list(range(1, len(tiles) + 1))


def test_labels_in_3d_depend_on_neither_tiles_nor_blocks():
    model = echo(3, depth=1)
    labels = blobs(1, (20, 80, 90), 40, (4, 7)).labels
    image = maps_of(model, labels)
    expected, _ = segmented(model, image)
    np.testing.assert_array_equal(numbered(expected.labels), numbered(labels))
    found, _ = segmented(model, image, PredictConfig(tile=40, block=64))
    np.testing.assert_array_equal(found.labels, expected.labels)


def test_a_real_network_differs_only_near_a_threshold():
    model = shaken(Model.create(ModelConfig(depth=2, width=4), 1, "cpu"))
    image = blobs(2, (150, 170), 50).image.array
    config = PredictConfig(precision="float32")
    expected, _ = segmented(model, image, config)
    found, _ = segmented(model, image, config.replace(tile=64, block=64))
    assert expected.labels.any()
    same = numbered(found.labels) == numbered(expected.labels)
    assert same.mean() > 0.999


def test_all_blocks_of_an_object_show_one_number(crowd):
    model, image, labels = crowd
    result, events = segmented(model, image, SMALL)
    shown = np.zeros(labels.shape, np.int32)
    for event in events:
        if isinstance(event, Block):
            assert event.labels.dtype == np.int32
            shown[event.box] = event.labels
    np.testing.assert_array_equal(numbered(shown), numbered(result.labels))


def test_objects_too_large_are_reported():
    model = echo()
    labels = np.zeros((64, 1600), int)
    labels[20:44, 4:1596] = 1
    result, events = segmented(model, maps_of(model, labels), PredictConfig(block=64))
    (note,) = notes(events)
    assert "objects are too large" in note and "choose a larger block" in note
    assert result.notes == (note,) and result.complete
    whole, events = segmented(model, maps_of(model, labels), PredictConfig(block=2048))
    assert not notes(events) and whole.labels.max() == 1


def test_a_grown_context_waits_for_its_tiles():
    """The first block needs a tile that comes much later."""
    model = echo()
    labels = np.zeros((64, 500), int)
    labels[20:44, 4:496] = 1
    labels[50:60, 2:12] = 2
    image = maps_of(model, labels)
    result, events = segmented(model, image, SMALL)
    np.testing.assert_array_equal(result.labels, labels)
    assert not notes(events)


# Order, stop, pause


def test_focus_changes_the_order_and_never_the_result(crowd):
    model, image, _ = crowd
    expected, plain = segmented(model, image, SMALL)
    control = Control()
    control.focus((slice(190, 210), slice(170, 190)))
    found, events = segmented(model, image, SMALL, control=control)
    assert boxes_in(plain)[0][0] == (0, 64)
    assert boxes_in(events)[0][0] == (192, 210)
    assert sorted(boxes_in(events)) == sorted(boxes_in(plain))
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.area, expected.area)


def test_focus_may_move_while_it_runs(crowd):
    model, image, _ = crowd
    expected, _ = segmented(model, image, SMALL)
    control, rng, done = Control(), np.random.default_rng(0), []

    def move(event):
        y, x = rng.integers(0, 180, 2)
        control.focus(None if y < 30 else (slice(y, y + 9), slice(x, x + 9)))
        done.append(event)

    found = drain(segment(model, image, SMALL, control=control), move)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert boxes_in(done) != sorted(boxes_in(done))


@pytest.mark.parametrize("after", [0, 1, 3])
def test_stop_keeps_finished_blocks(crowd, after):
    model, image, _ = crowd
    expected, _ = segmented(model, image, SMALL)
    control, done = Control(), []

    def count(event):
        done.extend([event] if isinstance(event, Block) else [])
        if len(done) >= after:
            control.stop()

    result = drain(segment(model, image, SMALL, control=control), count)
    assert not result.complete
    assert len(done) == after
    written = np.zeros(result.labels.shape, bool)
    for event in done:
        written[event.box] = True
    assert not result.labels[~written].any()
    np.testing.assert_array_equal(
        numbered(result.labels), numbered(np.where(written, expected.labels, 0))
    )
    assert len(result.ids) == result.labels.max()


def test_stop_after_all_is_done_is_complete(crowd):
    model, image, _ = crowd
    control = Control()

    def stop_late(event):
        if isinstance(event, Block) and event.done == event.total:
            control.stop()

    result = drain(segment(model, image, SMALL, control=control), stop_late)
    assert result.complete


def test_pause_and_resume_from_another_thread(crowd):
    model, image, _ = crowd
    expected, _ = segmented(model, image, SMALL)
    control, seen, paused = Control(), [], threading.Event()

    def resume():
        paused.wait(20)
        time.sleep(0.1)
        control.resume()

    thread = threading.Thread(target=resume)
    thread.start()

    def watch(event):
        seen.append(event)
        if len([e for e in seen if isinstance(e, Block)]) == 2 and not paused.is_set():
            control.pause()
        if event == Progress("paused", 0):
            paused.set()

    found = drain(segment(model, image, SMALL, control=control), watch)
    thread.join()
    assert paused.is_set()
    np.testing.assert_array_equal(found.labels, expected.labels)


def test_a_stop_ends_a_pause(crowd):
    model, image, _ = crowd
    control = Control()
    control.pause()
    stop = threading.Timer(0.2, control.stop)
    stop.start()
    result, _ = segmented(model, image, SMALL, control=control)
    stop.join()
    assert not result.complete and not result.labels.any()


def test_a_closed_generator_ends(crowd):
    model, image, _ = crowd
    events = segment(model, image, SMALL)
    next(events)
    events.close()
    assert list(events) == []


# Stacks, plane by plane


def test_a_stack_on_a_2d_model_is_segmented_plane_by_plane():
    model = echo()
    planes = [blobs(s, (80, 90), 20).labels for s in range(3)]
    images = [maps_of(model, p) for p in planes]
    config = SMALL.replace(link=0)
    result, events = segmented(
        model, np.stack(images, 1), config, spacing=(2.0, 0.5, 0.5)
    )
    (note,) = notes(events)
    assert note.endswith("a stack on a 2D model is segmented plane by plane (3 planes)")
    assert result.complete and result.labels.shape == (3, 80, 90)
    numbers = [set(np.unique(plane)) - {0} for plane in result.labels]
    assert sum(len(n) for n in numbers) == len(set.union(*numbers)) == len(result.ids)
    assert set.union(*numbers) == set(result.ids)
    for plane, image in zip(result.labels, images, strict=True):
        alone, _ = segmented(model, image, SMALL)
        np.testing.assert_array_equal(numbered(plane), numbered(alone.labels))
    done = [e for e in events if isinstance(e, Block)]
    assert [e.done for e in done] == list(range(1, len(done) + 1))
    assert done[-1].done == done[-1].total


def test_focus_in_a_stack_picks_the_plane_first():
    model = echo()
    planes = [blobs(s, (80, 90), 20).labels for s in range(4)]
    image = np.stack([maps_of(model, p) for p in planes], 1)
    expected, _ = segmented(model, image, SMALL)
    control = Control()
    control.focus((slice(2, 3), slice(60, 80), slice(60, 90)))
    found, events = segmented(model, image, SMALL, control=control)
    assert boxes_in(events)[0][0] == (2, 3)
    np.testing.assert_array_equal(found.labels, expected.labels)


def test_a_stopped_stack_keeps_its_planes():
    model, control = echo(), Control()
    planes = [blobs(s, (60, 60), 12).labels for s in range(3)]
    image = np.stack([maps_of(model, p) for p in planes], 1)

    def stop(event):
        if isinstance(event, Block):
            control.stop()

    result = drain(segment(model, image, control=control), stop)
    assert not result.complete
    assert result.labels[0].any() and not result.labels[1:].any()


def columns():
    """Four columns in six planes, two of which touch; the labels."""
    labels = np.zeros((6, 70, 90), np.int32)
    labels[:5, 10:30, 10:30], labels[:5, 10:30, 30:52] = 1, 2
    labels[1:, 40:60, 20:40], labels[2:, 40:60, 50:80] = 3, 4
    return labels


def stack_of(model, labels):
    return np.stack([maps_of(model, plane) for plane in labels], 1)


def test_objects_of_neighbouring_planes_are_joined():
    model, labels = echo(), columns()
    image = stack_of(model, labels)
    result, events = segmented(model, image, SMALL)
    np.testing.assert_array_equal(result.labels, labels)
    assert result.labels.dtype == np.int32 and result.complete
    assert result.ids.tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(result.area, np.bincount(labels.ravel())[1:])
    np.testing.assert_allclose(result.score, 1)
    (note,) = notes(events)
    assert "plane by plane (6 planes), and outlines that overlap" in note
    assert note.endswith("are joined: 19 outlines became 4 objects")
    assert result.notes == (note,)
    apart, _ = segmented(model, image, SMALL.replace(link=0))
    assert apart.labels.max() == len(apart.ids) == 19
    assert [e for e in events if e == Progress("linking planes", 6, 6)]


def test_balls_of_a_stack_come_back_from_their_planes():
    model = echo()
    labels = np.zeros((24, 64, 64), np.int32)
    for number, centre in enumerate([(8, 16, 16), (10, 20, 46), (14, 46, 30)], 1):
        labels[ball(labels.shape, centre, 5 + number)] = number
    labels = numbered(labels)
    config = SMALL.replace(smallest=0)
    for order in (None, (slice(12, 13), slice(0, 64), slice(0, 64))):
        control = Control()
        control.focus(order)
        result, _ = segmented(model, stack_of(model, labels), config, control=control)
        # A formulation may leave out the tips, a few px wide.
        seen = result.labels > 0
        assert seen[labels > 0].mean() > 0.98 and result.labels.max() == 3
        np.testing.assert_array_equal(result.labels[seen], labels[seen])


def test_scores_of_joined_objects_are_weighted_by_area():
    model, labels = echo(), np.zeros((2, 40, 40), np.int32)
    labels[0, 10:30, 10:30], labels[1, 10:30, 10:20] = 1, 1
    image = stack_of(model, labels)
    image[0, 0] *= 0.9
    image[0, 1] *= 0.7
    stats = Stats((0, 0, 0), (1, 1, 1))
    result, _ = segmented(model, image, stats=stats)
    assert result.area.tolist() == [600]
    np.testing.assert_allclose(result.score, (400 * 0.9 + 200 * 0.7) / 600, rtol=1e-3)
    # The score of the whole object decides, not that of its outlines.
    kept, _ = segmented(model, image, PredictConfig(score=0.8), stats=stats)
    np.testing.assert_array_equal(kept.labels, labels)
    gone, events = segmented(model, image, PredictConfig(score=0.85), stats=stats)
    assert not gone.labels.any() and not len(gone.ids)
    assert "2 outlines became 0 objects" in notes(events)[0]
    apart, _ = segmented(model, image, PredictConfig(score=0.8, link=0), stats=stats)
    assert apart.labels[0].any() and not apart.labels[1].any()


def test_a_stopped_stack_joins_what_is_done():
    model, labels, control = echo(), columns(), Control()
    out = np.full(labels.shape, 7, np.int32)  # not ours, where nothing was written

    def stop(event):
        if isinstance(event, Block) and event.done == 3:
            control.stop()

    work = segment(model, stack_of(model, labels), out=out, control=control)
    result = drain(work, stop)
    assert not result.complete and result.labels is out
    np.testing.assert_array_equal(out[:3], labels[:3])
    assert (out[3:] == 7).all()
    np.testing.assert_array_equal(result.area, np.bincount(labels[:3].ravel())[1:])


def test_nothing_is_linked_without_planes_or_objects(crowd):
    model, image, _ = crowd
    _, events = segmented(model, image)
    assert not [e for e in events if isinstance(e, Progress) and "link" in e.what]
    _, events = segmented(model, np.stack([image * 0] * 2, 1))
    assert "constant" in notes(events)[0] and len(notes(events)) == 1
    _, events = segmented(model, image[:, None])
    assert notes(events)[0].endswith("plane by plane (1 plane)")
    semantic = echo(formulation="semantic", classes=(5,), input=("p",))
    stack = (columns()[None] > 0).astype(float)
    result, events = segmented(semantic, stack)
    np.testing.assert_array_equal(result.labels, 5 * stack[0])
    assert notes(events)[0].endswith("plane by plane (6 planes)")


@pytest.mark.parametrize("ndim", [2, 3])
def test_another_size_of_a_pixel_is_told(ndim):
    known = (0.3, 0.1, 0.1)[-ndim:]
    model = echo(ndim, spacing=known, depth=1)
    image = maps_of(model, blobs(1, (12, 40, 40)[-ndim:], 4, (3, 5)).labels)
    for spacing in (known, tuple(1.2 * s for s in known), None):
        assert not segmented(model, image, spacing=spacing)[0].notes
    other = (*known[:-1], 0.2)
    result, events = segmented(model, image, spacing=other)
    (text,) = notes(events)
    assert result.notes == (text,)
    sizes = " x ".join(map(str, known))
    assert f"0.1 x 0.2 µm but the model learnt from {sizes} µm, so less" in text
    sized = echo(ndim, spacing=known, depth=1, object_size=8.0)
    given = PredictConfig(object_size=8.0)
    assert not segmented(sized, image, given, spacing=other)[0].notes


# Options


def test_options_without_effect_are_told():
    model = Model.create(
        ModelConfig(formulation="semantic", classes=(1, 2), depth=1, width=2),
        device="cpu",
    )
    image = np.random.default_rng(0).random((1, 40, 40))
    config = PredictConfig(score=0.5, smallest=3, link=0.2, threshold=0.4)
    result = drain(segment(model, Image(image, name="a"), config))
    first, second = result.notes
    assert first == (
        "a: a semantic model tells no objects apart, so there is no effect of score, "
        "smallest, link"
    )
    assert second.startswith("a: threshold has no effect on several classes")
    assert drain(segment(model, image)).notes == ()


def test_threshold_score_and_smallest_take_effect(crowd):
    model, image, labels = crowd
    dim = image.copy()
    dim[0] *= np.where(labels % 2, 0.9, 0.7)
    stats = Stats((0, 0, 0), (1, 1, 1))
    odd, even = (np.isin(labels, np.unique(labels)[k::2]) for k in (1, 2))
    everything, _ = segmented(model, dim, stats=stats)
    assert len(everything.ids) == labels.max()
    for options in ({"score": 0.8}, {"threshold": 0.8}):
        found, _ = segmented(model, dim, PredictConfig(**options), stats=stats)
        assert (found.labels[odd] > 0).all() and not found.labels[even].any()
        assert found.labels.max() == len(found.ids) == len(found.score)
        assert found.score.min() > 0.8
    limit = int(np.median(everything.area))
    found, _ = segmented(model, dim, PredictConfig(smallest=limit), stats=stats)
    assert sorted(found.area) == sorted(everything.area[everything.area >= limit])


def test_the_score_of_the_model_counts_where_none_is_given(crowd):
    model, image, labels = crowd
    dim = image.copy()
    dim[0] *= np.where(labels % 2, 0.9, 0.7)
    options = {"stats": Stats((0, 0, 0), (1, 1, 1))}
    strict = type(model)(model.config, model.network, {"score": 0.8})
    found, _ = segmented(strict, dim, **options)
    assert 0 < len(found.ids) < labels.max() and found.score.min() > 0.8
    everything, _ = segmented(strict, dim, PredictConfig(score=0), **options)
    assert len(everything.ids) == labels.max()
    # Linked planes are judged together, also by the score of the model.
    stack, planes = np.stack([dim, image], 1), PredictConfig(link=0)
    linked, _ = segmented(strict, stack, **options)
    assert len(linked.ids) == labels.max() and (linked.score < 0.9).any()
    alone, _ = segmented(strict, stack, planes, **options)
    assert len(alone.ids) == len(found.ids) + labels.max()


def test_thresholds_of_the_model_count_where_none_is_given(crowd):
    model, image, labels = crowd
    other = type(model)(model.config, model.network, {"smallest": 1e9})
    assert not segmented(other, image)[0].labels.any()
    assert (
        segmented(other, image, PredictConfig(smallest=0))[0].labels.max()
        == labels.max()
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, float])
def test_labels_do_not_depend_on_units(crowd, dtype):
    model, image, _ = crowd
    expected, _ = segmented(model, np.round(image * 30))
    found, _ = segmented(model, (np.round(image * 30) * 7 + 3).astype(dtype))
    np.testing.assert_array_equal(found.labels, expected.labels)


def test_intensity_fixes_what_becomes_0_and_1(crowd):
    model, image, _ = crowd
    expected, _ = segmented(model, image)
    config = PredictConfig(intensity=((10, 10, 10), (30, 30, 30)))
    found, _ = segmented(model, image * 20 + 10, config)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.stats == (Stats((10, 10, 10), (30, 30, 30)),)
    with pytest.raises(
        ValueError, match="1 low and 1 high intensities .* 3 are needed"
    ):
        segmented(model, image, PredictConfig(intensity=((0,), (1,))))
    with pytest.raises(
        ValueError, match="1 low and 1 high intensities .* 3 are needed"
    ):
        segmented(model, image, stats=Stats((0,), (1,)))


def test_out_of_memory_changes_nothing_but_a_note(crowd, monkeypatch):
    model, image, _ = crowd
    expected, _ = segmented(model, image)
    says = type(model).maps

    def maps(self, images, precision="auto", level=None):
        if images[0, 0].size > 100 * 100:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return says(self, images, precision)

    monkeypatch.setattr(type(model), "maps", maps)
    found, events = segmented(model, image)
    np.testing.assert_array_equal(found.labels, expected.labels)
    (note,) = notes(events)
    assert "memory ran out" in note and found.notes == (note,)


# Classes


@pytest.mark.parametrize("classes", [(5,), (2, 7)])
def test_semantic_labels_keep_their_values(classes):
    channels = ("p",) if len(classes) == 1 else ("none", "a", "b")
    model = echo(formulation="semantic", classes=classes, input=channels)
    index = blobs(1, (150, 140), 40).labels % (len(classes) + 1)
    image = np.moveaxis(np.eye(len(classes) + 1)[index], -1, 0)
    image = image[1:] if len(classes) == 1 else image
    result, events = segmented(model, image, SMALL)
    np.testing.assert_array_equal(result.labels, np.array([0, *classes])[index])
    assert result.ids.tolist() == list(classes)
    assert result.area.tolist() == [(index == k + 1).sum() for k in range(len(classes))]
    assert result.complete and len(boxes_in(events)) == 9


def test_semantic_threshold():
    model = echo(formulation="semantic", input=("p",))
    image = np.linspace(0, 1, 10_000).reshape(1, 100, 100)
    for threshold in (0.3, 0.8):
        found, _ = segmented(model, image, PredictConfig(threshold=threshold))
        assert found.labels.mean() == pytest.approx(1 - threshold, abs=0.01)
