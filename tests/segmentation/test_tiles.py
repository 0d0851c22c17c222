"""Tiles: plain geometry, checked on random images, halos and divisors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.boxes import blocks, distance, grow, overlap, within
from napari_unet.segmentation.tiles import padded_shape, tiles

axis = st.tuples(
    st.integers(1, 200),  # size
    st.integers(0, 25),  # halo
    st.sampled_from([1, 2, 3, 4, 8, 16]),  # divisor
    st.integers(0, 60),  # how much more than the least is read
)


def plan(axes):
    shape, halo, divisor, more = zip(*axes, strict=True)
    read = [2 * h + d + m for h, d, m in zip(halo, divisor, more, strict=True)]
    return shape, halo, divisor, list(tiles(shape, read, halo, divisor))


@given(st.lists(axis, min_size=1, max_size=3))
def test_tiles_keep_their_promises(axes):
    shape, halo, divisor, plan_ = plan(axes[:2])
    padded = padded_shape(shape, divisor)
    written = np.zeros(shape, int)
    for tile in plan_:
        written[tile.write] += 1
        assert tile.crop == within(tile.write, tile.read)
        for r, w, n, p, h, d in zip(
            tile.read, tile.write, shape, padded, halo, divisor, strict=True
        ):
            assert 0 <= r.start <= w.start < w.stop <= r.stop <= p
            assert w.stop <= n
            assert r.start % d == 0 and r.stop % d == 0
            assert r.start == 0 or w.start - r.start >= h
            assert r.stop == p or r.stop - w.stop >= h
    assert (written == 1).all(), "every pixel is written exactly once"
    reads = {tuple(s.stop - s.start for s in tile.read) for tile in plan_}
    assert len(reads) == 1, "all reads have one shape"


@given(axis, axis)
def test_tiles_come_in_raster_order(first, second):
    *_, plan_ = plan([first, second])
    starts = [tuple(s.start for s in tile.write) for tile in plan_]
    assert starts == sorted(starts)


@given(st.integers(1, 500), st.integers(0, 120), st.sampled_from([1, 2, 4, 8, 16]))
def test_a_tile_that_is_all_halo_is_refused(size, halo, divisor):
    read = 2 * halo // divisor * divisor
    if read == 0 or read >= padded_shape([size], [divisor])[0]:
        return  # one tile holds it all, so there is no halo
    with pytest.raises(ValueError, match="too small for a halo") as error:
        list(tiles([size], [read], [halo], [divisor]))
    least = int(str(error.value).split("choose ")[1].split()[0])
    assert list(tiles([size], [least], [halo], [divisor]))


def test_one_tile_where_the_image_fits():
    (tile,) = tiles((50, 60), (512, 512), (23, 23), (4, 4))
    assert tile.read == (slice(0, 52), slice(0, 60))
    assert tile.write == tile.crop == (slice(0, 50), slice(0, 60))


def test_padded_shape():
    assert padded_shape((1, 16, 17), (16, 16, 16)) == (16, 16, 32)


shapes = st.lists(st.integers(1, 90), min_size=1, max_size=3)


@given(shapes, st.integers(7, 100))
def test_blocks_cover_the_image_once(shape, edge):
    count = np.zeros(shape, int)
    for box in blocks(shape, edge):
        count[box] += 1
        assert all(0 < s.stop - s.start <= edge for s in box)
    assert (count == 1).all()
    assert len(blocks(shape, edge)) == math.prod(-(-n // edge) for n in shape)


@given(st.data())
def test_boxes(data):
    def box(high=60):
        start = data.draw(st.integers(0, high - 1))
        return slice(start, data.draw(st.integers(start + 1, high)))

    a, b = ((box(), box()) for _ in range(2))
    canvas = np.zeros((60, 60), int)
    canvas[a] += 1
    canvas[b] += 1
    assert overlap(a, b) == overlap(b, a) == (canvas.max() == 2)
    margin = data.draw(st.integers(0, 80))
    wide = grow(a, margin, (60, 60))
    inner = within(a, wide)
    image = np.arange(3600).reshape(60, 60)
    assert (image[wide][inner] == image[a]).all()
    for w, s in zip(wide, a, strict=True):
        assert w.start == max(0, s.start - margin)
        assert w.stop == min(60, s.stop + margin)


def test_distance_is_between_centres():
    assert distance((slice(0, 2), slice(0, 2)), (slice(3, 5), slice(4, 6))) == 5
