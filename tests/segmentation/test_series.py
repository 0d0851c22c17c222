"""Frames, planes and views of an image give the labels of the whole, numbered once."""

import numpy as np
import pytest

from napari_unet.config import ModelConfig, PredictConfig
from napari_unet.data.images import ImageSeries
from napari_unet.events import Block, Control, TileDone, drain
from napari_unet.models.model import Model
from napari_unet.segmentation.segment import segment
from support.made import blobs, echo, maps_of, numbered, shaken


def run(model, image, config=None, **options):
    events = []
    return drain(segment(model, image, config, **options), events.append), events


def film(frames=3):
    """An image file with a time axis whose channels are the maps that a model says."""
    model = echo()
    labels = [blobs(seed, (90, 110), 25).labels for seed in range(frames)]
    array = np.stack([maps_of(model, frame) for frame in labels])
    return model, ImageSeries(array, "TCYX", name="film"), labels


def test_one_frame_is_what_segment_gives(crowd):
    model, maps, _ = crowd
    whole = drain(segment(model, maps))
    series, _ = run(model, ImageSeries(maps, "CYX", name="crowd"))
    np.testing.assert_array_equal(series.labels, whole.labels)
    np.testing.assert_array_equal(series.score, whole.score)
    assert series.complete and series.stats == whole.stats


def test_frames_are_numbered_on_and_each_is_segmented_alone():
    model, image, _ = film()
    series, events = run(model, image)
    assert series.labels.shape == (3, 90, 110)
    seen = set()
    for t in range(3):
        alone = drain(segment(model, image.array[t]))
        np.testing.assert_array_equal(
            numbered(series.labels[t]), numbered(alone.labels)
        )
        ids = set(np.unique(series.labels[t])) - {0}
        assert not ids & seen
        assert ids == set(series.ids[series.frame == t])
        seen |= ids
    assert seen == set(range(1, len(series.ids) + 1))
    areas = [np.count_nonzero(series.labels == i) for i in series.ids]
    np.testing.assert_array_equal(series.area, areas)
    tiles = [e for e in events if isinstance(e, TileDone)]
    assert [t.done for t in tiles] == list(range(1, tiles[-1].total + 1))


def test_blocks_lie_in_the_whole_image():
    model, image, _ = film()
    series, events = run(model, image, PredictConfig(block=64))
    shown = np.zeros(series.labels.shape, np.int32)
    for event in events:
        if isinstance(event, Block):
            shown[event.box] = event.labels
    np.testing.assert_array_equal(shown > 0, series.labels > 0)


@pytest.mark.parametrize(
    "box",
    [
        (slice(20, 60), slice(30, 90)),
        (slice(0, 210), slice(0, 190)),
        (slice(200, 210), slice(0, 9)),
    ],
)
def test_a_view_shows_what_the_whole_image_has_there(crowd, box):
    model, maps, _ = crowd
    image = ImageSeries(maps, "CYX", name="crowd")
    whole, _ = run(model, image)
    view, events = run(model, image, box=box)
    np.testing.assert_array_equal(
        numbered(view.labels[box]), numbered(whole.labels[box])
    )
    outside = view.labels.copy()
    outside[box] = 0
    assert not outside.any()
    assert view.stats == whole.stats
    ids = np.unique(view.labels)
    np.testing.assert_array_equal(ids[ids > 0], view.ids)
    shown = np.zeros_like(view.labels)
    for event in events:
        if isinstance(event, Block):
            shown[event.box] = event.labels
    np.testing.assert_array_equal(shown > 0, view.labels > 0)


def test_a_view_of_a_film_is_one_frame():
    model, image, _ = film()
    box = (slice(1, 2), slice(0, 90), slice(10, 80))
    view, _ = run(model, image, box=box)
    whole, _ = run(model, image)
    np.testing.assert_array_equal(
        numbered(view.labels[box]), numbered(whole.labels[box])
    )
    assert not view.labels[[0, 2]].any()
    assert set(view.frame) == {1}


def test_a_view_of_a_stack_on_a_2d_model_is_one_plane():
    model = echo()
    labels = blobs(1, (90, 110), 25).labels
    stack = np.stack([maps_of(model, labels)] * 4, axis=1)
    box = (slice(2, 3), slice(0, 50), slice(0, 110))
    view, _ = run(model, ImageSeries(stack, "CZYX"), box=box)
    assert view.labels[2].any()
    assert not view.labels[[0, 1, 3]].any()


def leaning(frames=1):
    """Stacks of columns that lean, two of which touch, as an image file with time."""
    model = echo()
    labels = np.zeros((frames, 6, 90, 110), np.int32)
    for z in range(6):
        for number, (y, x) in enumerate([(5, 5), (5, 25), (50, 40), (60, 85)], 1):
            labels[:, z, y + z : y + z + 22, x + z : x + z + 20] = number
    maps = [[maps_of(model, plane) for plane in frame] for frame in labels]
    array = np.moveaxis(np.array(maps), 2, 1)
    return (
        model,
        ImageSeries(array, "TCZYX", channels=model.config.input, name="leaning"),
        labels,
    )


@pytest.mark.parametrize(
    "view",
    [
        (slice(0, 6), slice(0, 90), slice(0, 110)),
        (slice(0, 6), slice(0, 60), slice(20, 70)),
        (slice(2, 5), slice(0, 90), slice(0, 60)),
    ],
)
def test_a_view_of_planes_is_joined_as_the_whole_is(view):
    model, image, labels = leaning()
    image = ImageSeries(image.array[0], "CZYX", name="leaning")
    whole, _ = run(model, image)
    np.testing.assert_array_equal(whole.labels, labels[0])
    part, events = run(model, image, box=view)
    np.testing.assert_array_equal(
        numbered(part.labels[view]), numbered(whole.labels[view])
    )
    assert part.ids.tolist() == list(range(1, part.labels.max() + 1))
    assert len(part.score) == len(part.area) == len(part.ids)
    shown = np.zeros_like(part.labels)
    for event in events:
        if isinstance(event, Block):
            shown[event.box] = event.labels
    np.testing.assert_array_equal(shown > 0, part.labels > 0)


def test_objects_are_joined_over_planes_and_not_over_time():
    model, image, labels = leaning(frames=2)
    series, _ = run(model, image)
    np.testing.assert_array_equal(series.labels[0], labels[0])
    np.testing.assert_array_equal(series.labels[1], labels[1] + 4 * (labels[1] > 0))
    np.testing.assert_array_equal(series.area, np.bincount(series.labels.ravel())[1:])
    assert series.frame.tolist() == [0] * 4 + [1] * 4
    assert [
        n.count("are joined: 24 outlines became 4 objects") for n in series.notes
    ] == [1, 1]


def test_classes_of_a_view_count_only_what_lies_in_it():
    config = ModelConfig(formulation="semantic", depth=2, width=2)
    model = Model.create(config, device="cpu")
    image = np.random.default_rng(0).normal(size=(1, 60, 70)).astype(np.float32)
    box = (slice(10, 30), slice(5, 50))
    view, _ = run(model, ImageSeries(image, "CYX"), box=box)
    for i, area in zip(view.ids, view.area, strict=True):
        assert area == np.count_nonzero(view.labels[box] == i)


def test_stopping_keeps_the_frames_that_are_done():
    model, image, _ = film()
    control = Control()
    whole, _ = run(model, image)
    frames_done = []

    def stop_after_the_first(event):
        if isinstance(event, Block):
            frames_done.append(event.box[0].start)
            if event.box[0].start == 1:
                control.stop()

    events = segment(model, image, control=control)
    series = drain(events, stop_after_the_first)
    assert not series.complete
    np.testing.assert_array_equal(series.labels[0], whole.labels[0])
    assert not series.labels[2].any()


def test_a_box_of_the_wrong_number_of_axes_is_refused():
    model, image, _ = film()
    with pytest.raises(ValueError, match="the box has 2 axes but the image has 3"):
        run(model, image, box=(slice(0, 5), slice(0, 5)))


def test_lazy_arrays_are_read_by_tiles(crowd):
    dask = pytest.importorskip("dask.array")
    model, maps, _ = crowd
    whole, _ = run(model, ImageSeries(maps, "CYX"))
    lazy, _ = run(model, ImageSeries(dask.from_array(maps, chunks=(1, 64, 64)), "CYX"))
    np.testing.assert_array_equal(lazy.labels, whole.labels)


def test_a_view_through_a_real_network_is_the_whole_image_there():
    config = ModelConfig(formulation="semantic", classes=(1, 2), depth=3, width=4)
    model = shaken(Model.create(config, seed=1, device="cpu"))
    image = ImageSeries(blobs(2, (230, 250), 60).image.array, "CYX", name="blobs")
    options = PredictConfig(precision="float32")
    box = (slice(101, 150), slice(93, 140))
    whole, _ = run(model, image, options)
    view, _ = run(model, image, options, box=box)
    assert len(np.unique(whole.labels[box])) > 1
    np.testing.assert_array_equal(view.labels[box], whole.labels[box])
