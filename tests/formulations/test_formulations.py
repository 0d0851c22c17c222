"""Labels to maps and back: exact on discs and balls, nearly so on real labels."""

import csv

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.segmentation import watershed

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.formulations import FORMULATIONS, formulation_of
from napari_unet.formulations.losses import LOSSES
from napari_unet.formulations.targets import inner_distance
from napari_unet.labels import LabelledObjects
from napari_unet.scoring import metrics
from support.made import ball, blobs, numbered

SHAPES = {2: (48, 60), 3: (12, 24, 30)}


def formulation(name="instances", **options):
    return formulation_of(ModelConfig(formulation=name, **options))


def encoded(made, labels, mask=None, spacing=None):
    return made.encode(labels, mask, spacing)[0].astype(np.float32)


def back(made, labels, spacing=None):
    """Decode what was encoded."""
    return made.decode(encoded(made, labels, None, spacing), made.thresholds, spacing)


def assert_exact(labels, spacing=None, **options):
    found = back(formulation(**options), labels, spacing)
    np.testing.assert_array_equal(numbered(found.labels), numbered(labels))
    return found


def truth(name, ndim):
    """Labels that fit the formulation."""
    labels = blobs(shape=SHAPES[ndim], count=8, radius=(4, 6)).labels
    return labels if name == "instances" else labels % 2


# What every formulation promises


@pytest.mark.parametrize("name", FORMULATIONS)
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_targets_have_their_shapes_and_types(name, ndim, dtype):
    made, labels = formulation(name), truth(name, ndim).astype(dtype)
    target, weight = made.encode(labels)
    assert target.shape == weight.shape == (len(made.maps), *labels.shape)
    assert (target.dtype, weight.dtype) == (np.float16, np.uint8)
    assert target.min() == 0 and target.max() == 1
    assert set(np.unique(weight)) <= {0, 1}


@pytest.mark.parametrize("name", FORMULATIONS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_where_the_mask_is_false_weight_is_0(name, ndim):
    made, labels = formulation(name), truth(name, ndim)
    mask = np.random.default_rng(0).random(labels.shape) < 0.5
    target, weight = made.encode(labels, mask)
    whole, all_weights = made.encode(labels)
    assert not weight[:, ~mask].any()
    np.testing.assert_array_equal(weight[:, mask], all_weights[:, mask])
    np.testing.assert_array_equal(target, whole)


@pytest.mark.parametrize("name", FORMULATIONS)
@pytest.mark.parametrize("classes", [(1,), (1, 4, 9)])
def test_activation_and_its_inverse(name, classes):
    made = formulation(name, classes=classes)
    logits = torch.randn(2, made.channels, 5, 6)
    maps = made.activate(logits)
    assert maps.shape == logits.shape
    assert maps.min() >= 0 and maps.max() <= 1
    torch.testing.assert_close(made.activate(made.logits_of(maps)), maps)


@pytest.mark.parametrize("name", FORMULATIONS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("ndim", [2, 3])
def test_loss_is_a_mean_over_samples_and_ignores_weight_0(name, loss, ndim):
    made, config = formulation(name), TrainConfig(loss=loss)
    pairs = [made.encode(np.roll(truth(name, ndim), i, 1)) for i in range(3)]
    target, weight = (
        torch.from_numpy(np.stack(arrays)).float()
        for arrays in zip(*pairs, strict=True)
    )
    weight[:, :, : weight.shape[2] // 2] = 0
    generator = torch.Generator().manual_seed(0)
    shape = (3, made.channels, *target.shape[2:])
    logits = torch.randn(shape, generator=generator).requires_grad_()
    total = made.loss(logits, target, weight, config)
    assert total.ndim == 0
    alone = [
        made.loss(logits[i : i + 1], target[i : i + 1], weight[i : i + 1], config)
        for i in range(3)
    ]
    torch.testing.assert_close(total, torch.stack(alone).mean())
    total.backward()
    assert not logits.grad[:, :, : weight.shape[2] // 2].any()
    assert logits.grad.any()
    right = made.logits_of(target if made.channels > 1 else target[:, :1])
    assert made.loss(right, target, weight, config) < total


@pytest.mark.parametrize("name", FORMULATIONS)
def test_a_batch_without_weight_costs_0(name):
    made = formulation(name)
    target, _ = made.encode(truth(name, 2))
    logits = torch.randn(1, made.channels, *target.shape[1:]).requires_grad_()
    target = torch.from_numpy(target).float()[None]
    loss = made.loss(logits, target, torch.zeros_like(target), TrainConfig())
    assert loss == 0
    loss.backward()
    assert not logits.grad.any()


@pytest.mark.parametrize("name", FORMULATIONS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_nothing_in_nothing_out(name, ndim):
    made = formulation(name)
    empty = np.zeros(SHAPES[ndim], int)
    found = back(made, empty)
    assert not found.labels.any()
    assert len(found.ids) == len(found.score) == len(found.area) == 0


@pytest.mark.parametrize("name", FORMULATIONS)
def test_the_table_describes_the_labels(name):
    made, labels = formulation(name), truth(name, 2)
    maps = encoded(made, labels)
    maps[0] *= np.linspace(0.6, 1, maps.shape[2], dtype=np.float32)
    found = made.decode(maps, made.thresholds)
    assert found.labels.dtype == found.ids.dtype == np.int64
    assert found.score.dtype == np.float32
    ids, area = np.unique(found.labels[found.labels > 0], return_counts=True)
    np.testing.assert_array_equal(found.ids, ids)
    np.testing.assert_array_equal(found.area, area)
    expected = [maps[0][found.labels == i].mean() for i in ids]
    np.testing.assert_allclose(found.score, expected, rtol=1e-5)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ValueError, match="formulation 'flows' is not .*instances, sem"):
        formulation("flows")
    with pytest.raises(
        ValueError, match="loss 'hinge' is not known.*ce, ce.dice, dice, focal, tv"
    ):
        formulation().check(TrainConfig(loss="hinge"))
    with pytest.raises(ValueError, match="class_weights has 3 numbers; give 2"):
        formulation().check(TrainConfig(class_weights=(1, 2, 3)))


# Instances: exact on discs and balls


@settings(deadline=None, max_examples=150)
@given(
    st.floats(4, 20),
    st.floats(4, 20),
    st.floats(0, 2 * np.pi) | st.sampled_from([k * np.pi / 4 for k in range(8)]),
    st.floats(0, 3) | st.just(0.0),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_exact_for_two_discs(first, second, angle, gap, offset):
    """Touching, or nearly so, in any direction, of sizes however unequal."""
    distance = first + second + gap
    a = np.array([22.0, 22.0]) + offset
    b = a + distance * np.array([np.sin(angle), np.cos(angle)])
    low = np.floor(np.minimum(a - first, b - second)) - 2
    shape = np.ceil(np.maximum(a + first, b + second) - low).astype(int) + 3
    labels = np.zeros(shape, int)
    labels[ball(shape, a - low, first)] = 1
    # Discs at integer places can share the one pixel in which they touch.
    labels[ball(shape, b - low, second) & (labels == 0)] = 2
    assert len(assert_exact(labels).ids) == 2


@settings(deadline=None, max_examples=40)
@given(st.data(), st.sampled_from([None, (2.0, 1.0, 1.0), (1.0, 0.5, 0.5)]))
def test_exact_for_two_balls(data, spacing):
    first, second = (data.draw(st.floats(4, 8)) for _ in range(2))
    direction = np.array(data.draw(st.tuples(*[st.floats(-1, 1)] * 3)))
    assume(np.linalg.norm(direction) > 0.1)
    gap = data.draw(st.floats(0, 2))
    scale = np.array(spacing or (1, 1, 1)) / np.min(spacing or 1)
    step = (first + second + gap) * direction / np.linalg.norm(direction) / scale
    a, b = np.zeros(3), step
    low = np.floor(np.minimum(a - first / scale, b - second / scale)) - 2
    high = np.maximum(a + first / scale, b + second / scale)
    shape = np.ceil(high - low).astype(int) + 3
    labels = np.zeros(shape, int)
    labels[ball(shape, a - low, first, tuple(scale))] = 1
    labels[ball(shape, b - low, second, tuple(scale)) & (labels == 0)] = 2
    assert_exact(labels, spacing)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("radius", [(4, 6), (4, 14)])
def test_exact_for_crowds_of_discs(seed, radius):
    sample = blobs(seed, (150, 150), 60, radius)
    found = assert_exact(sample.labels)
    assert len(found.ids) == sample.labels.max() > 20


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("spacing", [None, (2.0, 1.0, 1.0)])
def test_exact_for_crowds_of_balls(seed, spacing):
    sample = blobs(seed, (20, 60, 60), 25, (4, 7), spacing)
    assert_exact(sample.labels, spacing)


@pytest.mark.parametrize(("width", "radius"), [(2, (8, 20)), (3, (14, 24))])
def test_exact_for_equal_sizes_and_wide_borders(width, radius):
    for seed in range(4):
        sample = blobs(seed, (200, 200), 40, radius)
        assert_exact(sample.labels, border_width=width)


def test_objects_may_touch_the_image_s_edge():
    labels = np.zeros((40, 40), int)
    labels[ball(labels.shape, (0, 0), 9)] = 1
    labels[ball(labels.shape, (20, 39), 6)] = 2
    labels[30:, :20] = 3
    assert_exact(labels)
    assert_exact(np.full((20, 20), 7))


def test_label_values_play_no_part():
    labels = blobs(count=20).labels.astype(np.int64)
    expected = formulation().encode(labels)[0]
    for values in (
        labels.astype(np.uint8),
        np.where(labels > 0, labels + 70_000, 0),
        np.where(labels > 0, labels * 2**40 + 1, 0),
        -labels.astype(np.uint64),  # from 2**64 - 1 down
    ):
        np.testing.assert_array_equal(formulation().encode(values)[0], expected)


def test_touching_means_near_two_objects():
    labels = np.zeros((5, 20), int)
    labels[:, 2:8], labels[:, 8:14], labels[:, 16:] = 1, 2, 3
    border = encoded(formulation(), labels)[1]
    assert np.flatnonzero(border[2]).tolist() == [7, 8]
    wide = encoded(formulation(border_width=2), labels)[1]
    assert np.flatnonzero(wide[2]).tolist() == [6, 7, 8, 9, 14, 15]


def test_distance_rises_to_1_in_each_object_and_knows_the_spacing():
    labels = blobs(count=20).labels
    distance = encoded(formulation(), labels)[2]
    for number in range(1, labels.max() + 1):
        assert distance[labels == number].max() == 1
        assert distance[labels == number].min() > 0
    flat = np.zeros((7, 41, 41), int)
    flat[1:6, 3:-3, 3:-3] = 1
    plain = encoded(formulation(), flat)[2][:, 20, 20]
    deep = encoded(formulation(), flat, None, (10.0, 1.0, 1.0))[2][:, 20, 20]
    np.testing.assert_allclose(plain[:4], [0, 1 / 3, 2 / 3, 1], atol=1e-3)
    np.testing.assert_allclose(deep[:3], [0, 10 / 18, 1], atol=1e-3)


def test_ids_are_places_of_the_seeds_first_pixels():
    made = formulation()
    labels = blobs(count=20).labels
    maps = encoded(made, labels)
    found = made.decode(maps, made.thresholds)
    seeds = (maps[1] < 0.4) & (maps[2] > 0.3)
    for number in range(1, labels.max() + 1):
        first = np.flatnonzero(seeds & (labels == number))[0]
        assert (found.labels[labels == number] == first + 1).all()
    moved = made.decode(maps, made.thresholds, None, (500, 70), (700, 1000))
    rows, columns = np.unravel_index(found.ids - 1, labels.shape)
    ids = np.ravel_multi_index((rows + 500, columns + 70), (700, 1000)) + 1
    assert set(moved.ids) == set(ids)


def test_objects_are_dropped_below_the_smallest_size():
    labels = blobs(count=25, radius=(4, 9)).labels
    area = np.bincount(labels.ravel())[1:]
    made = formulation()
    limit = float(np.median(area))
    found = made.decode(encoded(made, labels), {**made.thresholds, "smallest": limit})
    assert sorted(found.area) == sorted(area[area >= limit])


def test_a_component_without_a_seed_is_no_object():
    maps = np.zeros((3, 20, 40), np.float32)
    maps[0, 5:15, 5:15] = maps[0, 5:15, 25:35] = 1
    maps[2, 8:12, 8:12] = 1
    found = formulation().decode(maps, formulation().thresholds)
    assert len(found.ids) == 1
    assert found.area[0] == 100
    assert not found.labels[:, 20:].any()


def test_without_a_border_the_valley_of_the_distance_divides():
    shape = (30, 60)
    first, second = ball(shape, (15, 19), 12), ball(shape, (15, 41), 12)
    depth = [inner_distance(LabelledObjects(disc * 1)) for disc in (first, second)]
    maps = np.stack([first | second, np.zeros(shape), np.maximum(*depth)])
    found = formulation().decode(maps, {**formulation().thresholds, "distance": 0.6})
    left, right = found.labels[15, 19], found.labels[15, 41]
    assert left != right
    # They overlap by 3 px; the middle of that is the lowest place.
    assert (found.labels[:, :30][first[:, :30]] == left).all()
    assert (found.labels[:, 31:][second[:, 31:]] == right).all()


def by_watershed(maps, thresholds, width):
    """Decode by scikit-image's watershed over the whole image, as simply as can be."""
    foreground, border, distance = maps
    inside = foreground > thresholds["foreground"]
    seeds = inside & (border < thresholds["border"])
    seeds &= distance > thresholds["distance"]
    size = 2 * width - 1
    for axis in range(border.ndim) if width > 1 else ():
        border = ndimage.correlate1d(
            border, np.full(size, 1 / size), axis, mode="nearest"
        )
    height = (width * border - distance).astype(np.float64)
    # No two pixels tie: those of one level are taken in raster order.
    order = np.argsort(np.rint((height.ravel() + 1) * 2**20), kind="stable")
    rank = np.empty(inside.size)
    rank[order] = np.arange(inside.size)
    neighbours = np.ones((3,) * inside.ndim)
    index, _ = ndimage.label(seeds, neighbours)
    numbers, first = np.unique(index, return_index=True)
    ids = np.where(numbers > 0, first + 1, 0)
    grown = watershed(rank.reshape(inside.shape), index, neighbours, mask=inside)
    return ids[grown - numbers[0]]


def assert_as_watershed(maps, width=1, **thresholds):
    made = formulation(ndim=maps.ndim - 1, border_width=width)
    thresholds = {**made.thresholds, **thresholds}
    found = made.decode(maps, thresholds)
    expected = by_watershed(maps, thresholds, width)
    np.testing.assert_array_equal(found.labels, expected)
    return found


@settings(deadline=None, max_examples=150)
@given(
    st.integers(0, 10**6),
    st.sampled_from([(60, 70), (1, 90), (90, 1), (12, 20, 24)]),
    st.sampled_from([0, 0.7, 1.5, 3]),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([0, 4, 8]),
)
def test_objects_are_those_of_a_watershed(seed, shape, smooth, width, levels):
    """On noise: lakes within lakes, foreground without seeds, with levels many ties."""
    noise = np.random.default_rng(seed).normal(size=(3, *shape))
    maps = np.stack([ndimage.gaussian_filter(n, smooth) for n in noise])
    maps = np.clip(0.5 + 0.3 * maps / maps.std(), 0, 1).astype(np.float32)
    if levels:
        maps = np.round(maps * levels) / levels
    assert_as_watershed(maps, width, foreground=0.3)


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("shape", [(400, 400), (20, 60, 60)])
def test_crowds_are_divided_as_by_a_watershed(shape, width):
    labels = blobs(0, shape, 300, (6, 9)).labels
    maps = encoded(formulation(ndim=len(shape), border_width=width), labels)
    maps = np.stack([ndimage.gaussian_filter(m, 1) for m in maps])
    maps += np.random.default_rng(0).normal(0, 0.05, maps.shape).astype(np.float32)
    found = assert_as_watershed(np.clip(maps, 0, 1), width)
    assert len(found.ids) > 20


# Instances: real labels


def ap(made, labels):
    matchings = [metrics.match(x, back(made, x, s).labels) for x, s in labels]
    return metrics.score(matchings).pooled.ap


def test_real_nuclei_survive(real_data):
    from skimage.io import imread

    folder = real_data / "dsb2018"
    rows = csv.DictReader((folder / "index.csv").read_text().splitlines())
    names = [r["id"] for r in rows if r["split"] == "val"]
    labels = [(imread(folder / "labels" / f"{n}.png"), None) for n in names]
    found = ap(formulation(), labels)
    assert found["0.50"] >= 0.99
    assert found["0.90"] >= 0.99


def test_real_nuclei_in_3d_survive(real_data):
    import tifffile

    paths = sorted((real_data / "nuclei_3d").rglob("*label*.tif*"))
    assert paths
    spacing = (0.28, 0.127, 0.127)
    labels = [(tifffile.imread(p)[:60, :80, :80], spacing) for p in paths]
    assert ap(formulation(ndim=3), labels)["0.50"] >= 0.98


# Semantic


@pytest.mark.parametrize("classes", [(1,), (3,), (1, 2), (7, 2, 300), (1, 2**31 - 1)])
@pytest.mark.parametrize("ndim", [2, 3])
def test_classes_keep_their_values(classes, ndim):
    made = formulation("semantic", classes=classes)
    values = np.array([0, *classes])
    labels = np.random.default_rng(0).choice(values, SHAPES[ndim])
    index = encoded(made, labels)[0].astype(int)
    maps = np.eye(len(values), dtype=np.float32)[index]
    maps = maps[..., 1:] if made.binary else maps
    found = made.decode(np.moveaxis(maps, -1, 0), made.thresholds)
    np.testing.assert_array_equal(found.labels, labels)
    assert found.ids.tolist() == sorted(classes)
    assert found.area.tolist() == [(labels == c).sum() for c in sorted(classes)]
    assert (found.score == 1).all()


def test_values_that_the_model_does_not_know_are_unknown():
    made = formulation("semantic", classes=(2, 5))
    target, weight = made.encode(np.array([[0, 1, 2, 3, 5, 9]]))
    assert target[0].tolist() == [[0, 0, 1, 0, 2, 0]]
    assert weight[0].tolist() == [[1, 0, 1, 0, 1, 0]]


def test_with_one_class_objects_teach_foreground():
    made = formulation("semantic", classes=(3,))
    labels = np.array([[0, 1, 3, 70]])
    target, weight = made.encode(labels)
    assert target[0].tolist() == [[0, 1, 1, 1]]
    assert weight.all()
    assert back(made, labels).labels.tolist() == [[0, 3, 3, 3]]


def test_a_class_that_is_nowhere_is_not_in_the_table():
    made = formulation("semantic", classes=(1, 2, 3))
    maps = np.zeros((4, 4, 4), np.float32)
    maps[0], maps[2, 0] = 0.5, 0.9
    found = made.decode(maps, made.thresholds)
    assert found.ids.tolist() == [2]
    assert found.score[0] == pytest.approx(0.9)


def test_class_weights_reach_the_loss():
    made = formulation("semantic", classes=(1, 2))
    target, weight = made.encode(np.array([[0, 1, 2, 2]]))
    target, weight = (torch.from_numpy(a).float()[None] for a in (target, weight))
    logits = torch.randn(1, 3, 1, 4, generator=torch.Generator().manual_seed(0))
    configs = [TrainConfig(loss="ce", class_weights=w) for w in ((1, 1, 1), (1, 0, 0))]
    whole, background = (made.loss(logits, target, weight, c) for c in configs)
    alone = -torch.log_softmax(logits, 1)[0, 0, 0, 0] / 4
    torch.testing.assert_close(background, alone)
    assert whole > background
