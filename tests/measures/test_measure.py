"""The table of measurements is scikit-image's, with units, by blocks and over time."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import (
    label,
    marching_cubes,
    mesh_surface_area,
    perimeter,
    regionprops_table,
)

from napari_unet.data.images import ImageSeries, LabelImage
from napari_unet.events import drain
from napari_unet.measures.measure import measure

PLANES = ("perimeter", "orientation", "eccentricity")
SHAPES = (
    *("label", "area", "centroid", "bbox", "axis_major_length", "axis_minor_length"),
    *("solidity", "feret_diameter_max"),
)
INTENSITIES = ("mean", "min", "max", "std")


def scattered(shape, seed=0, smooth=1.5):
    """Objects of all forms, with holes, in numbers that are in no order."""
    rng = np.random.default_rng(seed)
    labels = label(ndimage.gaussian_filter(rng.random(shape), smooth) > 0.52)
    if len(shape) == 3:  # scikit-image knows no hulls of flat ones
        labels[np.bincount(labels.ravel())[labels] < 50] = 0
    numbers = np.append(0, rng.permutation(labels.max()) * 3 + 5)
    return numbers[labels].astype(np.int32)


def theirs(labels, image, spacing):
    shapes = SHAPES + PLANES * (labels.ndim == 2)
    wanted = (*shapes, *(f"intensity_{name}" for name in INTENSITIES))
    channels = np.moveaxis(image, 0, -1)
    return regionprops_table(labels, channels, wanted, spacing=spacing)


def renamed(table, ndim):
    """The columns of `theirs` out of ours."""
    size = {"area": "area_um2" if ndim == 2 else "volume_um3"}
    found = {}
    for name in table:
        ours = name.replace("-DAPI", "-0").replace("-GFP", "-1")
        found[ours.removesuffix("_um")] = table[name]
    return found | {name: table[ours] for name, ours in size.items()}


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((90, 110), (0.5, 0.5)), ((12, 30, 34), (2.0, 0.5, 0.6))],
    ids=["plane", "stack"],
)
def test_columns_are_those_of_scikit_image(shape, spacing):
    labels = scattered(shape)
    image = np.random.default_rng(1).integers(0, 4000, (2, *shape)).astype(np.uint16)
    axes = "CYX" if len(shape) == 2 else "CZYX"
    series = ImageSeries(image, axes, spacing, channels=("DAPI", "GFP"))
    ours = renamed(drain(measure(labels, series)), labels.ndim)
    for name, values in theirs(labels, image, spacing).items():
        if name == "orientation":  # both ends of a line are one direction
            turned = np.abs(ours[name] - values) % np.pi
            assert np.minimum(turned, np.pi - turned).max() < 1e-6
            continue
        np.testing.assert_allclose(ours[name], values, 1e-9, 1e-6, err_msg=name)


def test_objects_of_a_pixel_a_line_and_two_parts_are_measured():
    labels = np.zeros((20, 30), int)
    labels[2, 3] = 1
    labels[5, 4:14] = 2
    labels[10:13, 2:5] = labels[16:19, 20:24] = 3
    theirs = regionprops_table(labels, properties=(*SHAPES, *PLANES))
    ours = drain(measure(labels))
    for name in ("solidity", "eccentricity"):
        np.testing.assert_allclose(ours[name], theirs[name])
    names = {n: f"{n}_px" for n in ("feret_diameter_max", "axis_minor_length")}
    for name, in_px in names.items():
        np.testing.assert_allclose(ours[in_px], theirs[name])


def test_what_scikit_image_does_not_measure():
    labels = np.zeros((40, 60), np.uint8)
    labels[0:12, 5:25] = 1
    labels[20:30, 30:40] = 2
    table = drain(measure(LabelImage(labels, "YX", (0.5, 0.5))))
    # A pixel counts with the middles of its edges, so that corners are cut.
    assert table["feret_diameter_min_um"] == pytest.approx([6, 5], abs=0.3)
    assert table["touches_border"].tolist() == [True, False]
    around = 0.5 * perimeter(labels == 2)
    assert table["circularity"][1] == pytest.approx(4 * np.pi * 25 / around**2)


def test_surface_is_that_of_marching_cubes():
    labels = scattered((12, 30, 34))
    spacing = (2.0, 0.5, 0.6)
    table = drain(measure(LabelImage(labels, "ZYX", spacing)))
    for number, surface in zip(table["label"], table["surface_um2"], strict=True):
        body = np.pad(labels == number, 1).astype(np.float32)
        points, faces, *_ = marching_cubes(body, 0.5, spacing=spacing)
        assert surface == pytest.approx(mesh_surface_area(points, faces), rel=1e-5)
    assert (table["sphericity"] <= 1).all()


@pytest.mark.parametrize("shape", [(90, 110), (12, 30, 34)], ids=["plane", "stack"])
def test_blocks_measure_what_the_whole_does(shape):
    labels = scattered(shape)
    labels[..., -2:] = 3  # larger than a block
    image = np.random.default_rng(1).random((1, *shape)).astype(np.float32)
    whole, parts = (drain(measure(labels, image, edge=e)) for e in (None, 9))
    assert len(whole["label"]) >= 5
    for name, values in whole.items():
        np.testing.assert_array_equal(parts[name], values, err_msg=name)


def test_the_same_number_is_another_object_in_each_time_point():
    labels = np.zeros((2, 3, 9, 9), int)
    labels[0, 1, 2:5, 2:5] = 7
    labels[1, 0:2, 2:5, 2:6] = 7
    image = np.arange(2 * labels.size).reshape(2, 2, 3, 9, 9)
    series = ImageSeries(image, "TCZYX")
    table = drain(measure(labels, series))
    assert list(table)[:2] == ["label", "frame"]
    assert table["frame"].tolist() == [0, 1]
    assert table["volume_px3"].tolist() == [9, 24]
    expected = [image[0, 1][labels[0] == 7].mean(), image[1, 1][labels[1] == 7].mean()]
    assert table["intensity_mean-1"].tolist() == expected
    planes = drain(measure(labels, series, ndim=2))
    assert planes["frame"].tolist() == [0, 1, 1]
    assert planes["plane"].tolist() == [1, 0, 1]
    assert planes["area_px2"].tolist() == [9, 12, 12]


def test_what_is_known_of_objects_has_columns():
    labels = np.zeros((9, 9), int)
    labels[1:3, 1:3], labels[5:7, 5:7] = 4, 9
    known = {"score": {4: 0.5}, "class": {9: "mitosis"}, "edited": {4: False, 9: True}}
    table = drain(measure(labels, known=known))
    assert list(table)[:4] == ["label", "score", "class", "edited"]
    np.testing.assert_array_equal(table["score"], [0.5, np.nan])
    assert table["class"].tolist() == ["", "mitosis"]
    assert table["edited"].tolist() == [False, True]


@pytest.mark.parametrize("shape", [(8, 9), (3, 8, 9)])
def test_labels_without_objects_give_the_columns(shape):
    labels, image = np.zeros(shape, np.uint8), np.ones((2, *shape))
    empty, some = drain(measure(labels, image)), drain(measure(labels + 1, image))
    assert list(empty) == list(some)
    assert {len(values) for values in empty.values()} == {0}


def test_pixels_that_are_not_square_have_no_perimeter():
    table = drain(measure(LabelImage(np.ones((4, 4), int), "YX", (1.0, 2.0))))
    assert table["area_um2"].tolist() == [32]
    assert not {"perimeter_um", "circularity"} & set(table)


@pytest.mark.parametrize(
    ("labels", "image", "sentence"),
    [
        (np.ones((4, 5), int), np.ones((1, 5, 4)), r"shape \(4, 5\) but .* \(5, 4\)"),
        (np.full((4, 5), 0.5), None, "not whole numbers; convert them"),
        (np.ones(4, int), None, "got int64 of shape"),
    ],
)
def test_bad_input_is_one_sentence(labels, image, sentence):
    with pytest.raises(ValueError, match=sentence):
        drain(measure(labels, image))
