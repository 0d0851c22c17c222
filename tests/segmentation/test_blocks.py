"""From the same maps, decoding by blocks equals decoding as a whole, exactly."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_unet.boxes import blocks, grow, within
from napari_unet.config import ModelConfig
from napari_unet.formulations import FORMULATIONS, formulation_of
from napari_unet.formulations.base import Objects
from napari_unet.segmentation.blocks import Context, Numbering, decode_block
from support.made import blobs, numbered

THRESHOLDS = {"foreground": 0.5, "border": 0.4, "distance": 0.3, "smallest": 0.0}


def maps_of(labels, noise=0.0, seed=0, **options):
    """Maps that say these labels; with noise, blurred and grainy as a network's."""
    made = formulation_of(ModelConfig(**options))
    maps = made.encode(labels)[0].astype(np.float32)
    if noise:
        rng = np.random.default_rng(seed)
        maps = np.stack([ndimage.gaussian_filter(m, 1) for m in maps])
        maps += rng.normal(0, noise, maps.shape).astype(np.float32)
    return np.clip(maps, 0, 1)


def by_blocks(maps, boxes, margin, most=None, thresholds=THRESHOLDS, **options):
    """Labels in ids, score and area by id, and how many blocks stayed unsure."""
    made = formulation_of(ModelConfig(**options))
    labels = np.zeros(maps.shape[1:], np.int64)
    score, area, unsure = {}, {}, 0
    for box in boxes:
        context = Context(box, margin, most or 64 * margin)
        sure = False
        while not sure:
            objects, sure = decode_block(maps, context, made, thresholds, None)
            if not sure and not context.grow():
                unsure += 1
                break
        labels[box] = objects.labels
        for i, s, a in zip(objects.ids, objects.score, objects.area, strict=True):
            if sure:  # all blocks that show an object agree about it
                assert (score.setdefault(i, s), area.setdefault(i, a)) == (s, a)
    return labels, score, area, unsure


def assert_as_whole(maps, boxes, margin, thresholds=THRESHOLDS, **options):
    whole = formulation_of(ModelConfig(**options)).decode(maps, thresholds)
    labels, score, area, unsure = by_blocks(
        maps, boxes, margin, thresholds=thresholds, **options
    )
    assert not unsure
    np.testing.assert_array_equal(labels, whole.labels)
    assert score == dict(zip(whole.ids, whole.score, strict=True))
    assert area == dict(zip(whole.ids, whole.area, strict=True))
    return whole


def cuts(draw, shape, count=2):
    """Boxes between random cuts."""
    axes = []
    for n in shape:
        places = draw(st.lists(st.integers(1, n - 1), max_size=count))
        edges = sorted({0, n, *places})
        axes.append([slice(a, b) for a, b in itertools.pairwise(edges)])
    return [tuple(box) for box in np.array(np.meshgrid(*axes)).reshape(len(axes), -1).T]


@settings(deadline=None, max_examples=80)
@given(
    st.data(),
    st.integers(0, 30),
    st.sampled_from([0.0, 0.03, 0.1, 0.2]),
    st.sampled_from([3, 6, 16]),
    st.sampled_from([1, 2, 3]),
)
def test_blocks_equal_the_whole(data, seed, noise, margin, width):
    """Random edges, on perfect maps full of ties as on grainy ones."""
    labels = blobs(seed, (90, 100), 40, (4, 9)).labels
    maps = maps_of(labels, noise, seed, border_width=width)
    boxes = cuts(data.draw, labels.shape)
    smallest = data.draw(st.sampled_from([0.0, 30.0, 100.0]))
    thresholds = {**THRESHOLDS, "smallest": smallest}
    assert_as_whole(maps, boxes, margin, thresholds, border_width=width)


@settings(deadline=None, max_examples=25)
@given(st.data(), st.integers(0, 10), st.sampled_from([0.0, 0.1]))
def test_blocks_equal_the_whole_in_3d(data, seed, noise):
    labels = blobs(seed, (14, 40, 40), 20, (4, 7)).labels
    maps = maps_of(labels, noise, seed)
    assert_as_whole(maps, cuts(data.draw, labels.shape, 1), 5)


@settings(deadline=None, max_examples=60)
@given(
    st.data(),
    st.integers(0, 10**6),
    st.sampled_from([2, 5, 9]),
    st.sampled_from([1, 2, 3]),
)
def test_blocks_equal_the_whole_on_noise(data, seed, margin, width):
    """No discs at all: seeds, plateaus and components of any shape."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(3, 50, 60))
    smooth = np.stack([ndimage.gaussian_filter(n, 1.5) for n in noise])
    maps = np.clip(0.5 + 2 * smooth, 0, 1).astype(np.float32)
    if data.draw(st.booleans()):
        maps = np.round(maps * 4) / 4  # ties everywhere
    boxes = cuts(data.draw, (50, 60))
    assert_as_whole(maps, boxes, margin, border_width=width)


def test_an_object_across_many_blocks_has_one_number():
    labels = np.zeros((40, 300), int)
    labels[10:30, 5:295] = 1
    labels[32:38, 5:20] = 2
    maps = maps_of(labels)
    whole = assert_as_whole(maps, blocks(labels.shape, 16), 8)
    assert len(whole.ids) == 2


def test_a_chain_of_touching_objects_is_cut_by_no_block():
    """All one component of foreground, far longer than any context."""
    labels = np.zeros((20, 400), int)
    for n in range(40):
        labels[4:16, 10 * n : 10 * n + 10] = n + 1
    maps = maps_of(labels)
    found, *_, unsure = by_blocks(maps, blocks(labels.shape, 20), 16, most=32)
    assert not unsure, "the chain as a whole need not be read"
    np.testing.assert_array_equal(numbered(found), labels)


def test_a_foreground_without_seeds_is_dropped_by_all_blocks():
    maps = np.zeros((3, 60, 200), np.float32)
    maps[0, 10:50, 10:190] = 0.9
    maps[2, 20:25, 150:160] = 0.8
    assert_as_whole(maps, blocks((60, 200), 30), 8)


def test_an_object_larger_than_the_widest_context_is_reported():
    labels = np.zeros((40, 400), int)
    labels[10:30, 5:395] = 1
    labels[32:38, 50:60] = 2
    maps = maps_of(labels)
    found, _, _, unsure = by_blocks(maps, blocks(labels.shape, 40), 8, most=16)
    assert unsure >= 8
    assert (found[labels == 1] > 0).all(), "the best guess leaves no holes"
    assert len(np.unique(found[labels == 2])) == 1


def test_only_the_block_and_its_margin_are_read():
    labels = blobs(0, (100, 100), 40).labels
    maps = maps_of(labels)
    box, made = (slice(40, 60), slice(0, 30)), formulation_of(ModelConfig())
    context = Context(box, 24, 24)
    expected, _ = decode_block(maps, context, made, THRESHOLDS, None)
    read = grow(box, 24, labels.shape)
    blind = np.full_like(maps, np.nan)
    blind[(slice(None), *read)] = maps[(slice(None), *read)]
    found, _ = decode_block(blind, context, made, THRESHOLDS, None)
    np.testing.assert_array_equal(found.labels, expected.labels)


def test_no_edge_is_open_where_all_is_read():
    labels = blobs(0, (60, 60), 20).labels
    made = formulation_of(ModelConfig())
    found = made.decode(maps_of(labels), THRESHOLDS, None, (0, 0), (60, 60))
    assert found.unsure is None


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 1000), st.integers(3, 12), st.data())
def test_what_a_part_is_sure_of_holds_in_the_whole(seed, width, data):
    """The promise that decoding by blocks stands on, for any part of an image."""
    rng = np.random.default_rng(seed)
    labels = blobs(seed % 20, (70, 70), 30, (4, 8)).labels
    maps = maps_of(labels, float(rng.choice([0, 0.15])), seed)
    start = [data.draw(st.integers(0, 40)) for _ in range(2)]
    size = [data.draw(st.integers(width, 70)) for _ in range(2)]
    box = tuple(slice(a, min(70, a + n)) for a, n in zip(start, size, strict=True))
    made = formulation_of(ModelConfig())
    whole = made.decode(maps, THRESHOLDS)
    part = made.decode(
        maps[(slice(None), *box)], THRESHOLDS, None, tuple(start), (70, 70)
    )
    sure = np.ones(part.labels.shape, bool)
    if part.unsure is not None:
        sure = ~part.unsure
    np.testing.assert_array_equal(part.labels[sure], whole.labels[box][sure])


@pytest.mark.parametrize("seed", [58, 120, 731, 1081, 1481])
def test_elevation_near_an_open_edge_is_not_trusted(seed):
    """A wide border is averaged over pixels that a part does not have at its edge."""
    rng = np.random.default_rng(seed)
    noise = [ndimage.gaussian_filter(n, 1.5) for n in rng.normal(size=(3, 50, 60))]
    maps = np.clip(0.5 + 2 * np.stack(noise), 0, 1).astype(np.float32)
    maps[2] = 0.28 + 0.1 * maps[2]  # so that the border decides
    start = rng.integers(0, 30, 2)
    stop = np.minimum(start + rng.integers(8, 30, 2), (50, 60))
    box = tuple(map(slice, start.tolist(), stop.tolist()))
    made = formulation_of(ModelConfig(border_width=3))
    whole = made.decode(maps, THRESHOLDS)
    part = made.decode(
        maps[(slice(None), *box)], THRESHOLDS, None, tuple(start.tolist()), (50, 60)
    )
    sure = ~part.unsure
    np.testing.assert_array_equal(part.labels[sure], whole.labels[box][sure])


@pytest.mark.parametrize("name", FORMULATIONS)
def test_context_to_start_with(name):
    box = (slice(0, 10), slice(0, 10))
    instances = formulation_of(ModelConfig(formulation=name)).instances
    for size, margin in ((None, 64), (10.0, 64), (50.0, 200)):
        context = Context.of(box, size, instances)
        assert context.margin == (margin if instances else 0)
        grown = [context.margin]
        while context.grow():
            grown.append(context.margin)
        assert grown == ([margin * k for k in (1, 2, 4, 8)] if instances else [0])


# Numbering


def objects_of(labels):
    labels = np.asarray(labels, np.int64)
    ids, area = np.unique(labels[labels > 0], return_counts=True)
    return Objects(labels, ids, (ids % 10 / 10).astype(np.float32), area)


def test_numbers_are_1_to_n_in_raster_order_whatever_the_order_of_blocks():
    whole = np.zeros((4, 6), np.int64)
    whole[0, 4:], whole[1:3, :2], whole[3, 2:5] = 5, 7, 21
    boxes = blocks(whole.shape, 2)
    expected = numbered(whole)
    for order in (boxes, boxes[::-1], boxes[1::2] + boxes[::2]):
        numbering, out = Numbering(), np.zeros(whole.shape, np.int32)
        for box in order:
            found = objects_of(whole[box])
            out[box] = numbering.add(found, 0)
        lookup, score, area = numbering.final()
        np.testing.assert_array_equal(lookup[out], expected)
        assert lookup.dtype == np.int32
        np.testing.assert_allclose(score, [0.5, 0.7, 0.1])
        assert len(area) == 3


def test_planes_are_numbered_on():
    numbering = Numbering()
    first = numbering.add(objects_of([[3, 3, 0, 0]]), 0)
    second = numbering.add(objects_of([[3, 3, 0, 8]]), 100)
    assert first.tolist() == [[1, 1, 0, 0]]
    assert second.tolist() == [[2, 2, 0, 3]]
    lookup, _, area = numbering.final()
    assert lookup.tolist() == [0, 1, 2, 3]
    assert area.tolist() == [2, 2, 1]


def test_ids_may_be_beyond_32_bits():
    numbering = Numbering()
    found = objects_of([[0, 2**40, 2**40 + 5]])
    assert numbering.add(found, 2**41).tolist() == [[0, 1, 2]]


def test_classes_are_added_up():
    numbering = Numbering()
    one = Objects(np.array([[2]]), np.array([2]), np.array([0.5]), np.array([4]))
    two = Objects(np.array([[2]]), np.array([2]), np.array([1.0]), np.array([12]))
    for objects in (one, two):
        numbering.count(objects)
    ids, score, area = numbering.classes()
    assert ids.tolist() == [2] and area.tolist() == [16]
    assert score[0] == pytest.approx(0.875)


def test_within_is_the_inverse_of_growing():
    box = (slice(3, 9), slice(20, 30))
    read = grow(box, 5, (50, 50))
    assert np.arange(2500).reshape(50, 50)[read][within(box, read)].shape == (6, 10)
