"""Objects grown, and cuts led, by the maps that segmenting left in a cache."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.config import PredictConfig
from napari_unet.data.images import Stats
from napari_unet.events import Control, drain
from napari_unet.models.model import Model
from napari_unet.segmentation import editing
from napari_unet.segmentation.cache import MapCache
from napari_unet.segmentation.growing import MapSource, cut_cost, grow_at
from support.made import blobs, echo, maps_of, segmented

CASES = {
    "an image": ({}, None),
    "a part": ({"box": (slice(20, 120), slice(30, 150))}, None),
    "planes": ({}, 3),
    "planes of a part": ({"box": (slice(1, 3), slice(20, 120), slice(30, 150))}, 3),
}


def kept(trained, case="an image", **options):
    """What segmenting discs gives, and where its maps are."""
    about, planes = CASES[case]
    image = blobs(9, (128, 160), 30).image.array
    if planes:
        image = np.stack([image] * planes, axis=1)
    cache = MapCache()
    model = Model.load(trained, "cpu")
    config = PredictConfig(**options)
    result, _ = segmented(model, image, config, cache=cache, **about)
    size = model.config.object_size
    return result, MapSource(cache, str(trained), "cpu", result.maps, size)


def some_object(labels):
    """The number of an object that touches no edge, and a pixel in its middle."""
    for number in range(1, int(labels.max()) + 1):
        where = np.argwhere(labels == number)
        if not len(where):
            continue
        at = tuple(int(v) for v in where[len(where) // 2])
        inner = all(
            40 < i < n - 40 for i, n in zip(at[-2:], labels.shape[-2:], strict=True)
        )
        if inner:
            return number, at
    raise AssertionError("there is none")


def grown(source, labels, at, number=999):
    return drain(grow_at(source, 0, labels, at, number, Control()))


@pytest.mark.parametrize("case", CASES)
def test_a_deleted_object_comes_back(trained, case):
    result, source = kept(trained, case)
    _, at = some_object(result.labels)
    labels = result.labels.copy()
    gone = labels == labels[at]
    if labels.ndim == 3:  # what is grown is one plane of it
        gone[: at[0]] = gone[at[0] + 1 :] = False
    labels[gone] = 0
    edit = grown(source, labels, at)
    assert (edit.values == 999).all() and not labels[edit.indices].any()
    new = np.zeros_like(gone)
    new[edit.indices] = True
    assert (new & gone).sum() > 0.9 * (new | gone).sum()


def test_what_thresholds_left_out_is_found(trained):
    result, _ = kept(trained)
    _, at = some_object(result.labels)
    strict, source = kept(trained, score=1.0)
    assert not strict.labels[at], "or there is nothing to add"
    edit = grown(source, strict.labels, at)
    assert len(edit.values) > 0.5 * (result.labels == result.labels[at]).sum()


def test_where_nothing_is_it_is_said(trained):
    result, source = kept(trained)
    empty = np.argwhere(result.labels == 0)
    image = blobs(9, (128, 160), 30).image.array[0]
    dark = tuple(int(v) for v in min(empty, key=lambda p: near(image, p)))
    with pytest.raises(ValueError, match="sees no object here, even at 25% of its"):
        grown(source, result.labels, dark)


def near(image, place):
    y, x = place
    return image[max(0, y - 6) : y + 7, max(0, x - 6) : x + 7].mean()


def test_maps_that_are_not_kept_are_said(trained):
    result, source = kept(trained, "a part")
    with pytest.raises(ValueError, match="not kept any more; segment it again"):
        drain(
            grow_at(
                MapSource(MapCache(), "", "cpu", source.maps),
                0,
                result.labels,
                (60, 60),
                1,
                Control(),
            )
        )


@pytest.mark.parametrize("plane", [None, 1])
def test_a_cut_costs_little_where_the_maps_see_a_border(trained, plane):
    result, source = kept(trained, "an image" if plane is None else "planes")
    _, at = some_object(result.labels)
    box, mask = editing.object_at(result.labels, at)
    cost = cut_cost(source, 0, plane)(box)
    assert cost.shape == mask.shape
    assert cost[mask].mean() > cost[~mask].mean()
    beyond = cut_cost(MapSource(MapCache(), "", "cpu", ()), 0, None)(box)
    assert (beyond == 1).all()


def pairs(count=6):
    """Pairs of discs that touch along a line: labels, its middle, and its way."""
    rng = np.random.default_rng(0)
    labels, lines = np.zeros((50, 50 * count), np.int32), []
    grid = np.mgrid[:50, : 50 * count]
    for pair in range(count):
        middle = np.array([25, 25 + 50 * pair])
        turn = rng.uniform(0, np.pi)
        across = np.array([np.sin(turn), np.cos(turn)])
        centres = [(middle + s * 8 * across)[:, None, None] for s in (-1, 1)]
        away = [np.hypot(*(grid - centre)) for centre in centres]
        for side in (0, 1):
            mine = (away[side] < 12) & (away[side] <= away[1 - side])
            labels[mine] = 2 * pair + side + 1
        lines.append((middle, across[::-1] * (1, -1)))
    return labels, lines


def test_cuts_along_the_maps_are_nearer_to_the_border_than_the_line():
    model, (true, lines) = echo(), pairs()
    image = maps_of(model, true)
    cache, stats = MapCache(), Stats((0,) * len(image), (1,) * len(image))
    result, _ = segmented(model, image, cache=cache, stats=stats)
    source = MapSource(cache, "", "cpu", result.maps)
    one = (true + 1) // 2  # each pair merged
    wrong = {"straight": 0, "along the maps": 0}
    for pair, (middle, along) in enumerate(lines, start=1):
        tilted = along + 0.3 * along[::-1] * (1, -1)  # nobody draws it exactly
        ends = [middle + s * 14 * tilted for s in (-1, 1)]
        line = tuple(tuple(int(v) for v in np.rint(end)) for end in ends)
        for name in wrong:
            cost = None if name == "straight" else cut_cost(source, 0, None)
            edit = editing.split(one, line, cost, 999)
            cut = one.copy()
            cut[edit.indices] = edit.values
            sides = [(cut == 999) ^ (true == n) for n in (2 * pair, 2 * pair - 1)]
            wrong[name] += min(np.count_nonzero(s & (one == pair)) for s in sides)
    assert wrong["along the maps"] < 0.6 * wrong["straight"], wrong
