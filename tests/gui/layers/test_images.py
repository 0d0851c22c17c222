"""Layers -> images and labels; labels lie exactly on their image, whatever it is."""

import dask.array as da
import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels

from napari_unet.gui.layers.axes import KEY, axes_of, choices_of, open_choices, set_axes
from napari_unet.gui.layers.images import channel_names, image_of, labels_of
from napari_unet.gui.layers.placement import (
    file_spacing,
    placement,
    spacing_of,
    use_spacing,
    visible_box,
    with_layer_axes,
)

RNG = np.random.default_rng(0)


def noise(*shape, dtype=np.uint16):
    return RNG.integers(0, 999, shape).astype(dtype)


def grey(*shape, **options):
    return Image(np.zeros(shape, np.uint8), rgb=False, **options)


# ---------------------------------------------------------------------------- axes


@pytest.mark.parametrize(
    ("shape", "options", "axes"),
    [
        ((40, 50), {}, "YX"),
        ((40, 50), {"axis_labels": ("x", "y")}, "XY"),
        ((28, 40, 50), {}, None),
        ((28, 40, 50), {"axis_labels": ("z", "y", "x")}, "ZYX"),
        ((28, 40, 50), {"axis_labels": ("Time", "-2", "-1")}, "TYX"),
        ((28, 40, 50), {"axis_labels": ("position", "y", "x")}, None),
        ((28, 40, 50), {"axis_labels": ("z", "z", "z")}, None),
        ((28, 40, 50), {"units": ("s", "µm", "µm")}, "TYX"),
        ((28, 40, 50), {"units": ("µm", "µm", "µm")}, None),
        ((3, 40, 50), {}, None),
        ((1, 40, 50), {}, "ZYX"),
        ((9, 28, 40, 50), {"axis_labels": ("t", "z", "y", "x")}, "TZYX"),
        ((9, 28, 40, 50), {"axis_labels": ("z", "t", "y", "x")}, "ZTYX"),
        ((1, 28, 40, 50), {}, None),
        ((2, 9, 28, 40, 50), {"axis_labels": ("c", "t", "z", "y", "x")}, "CTZYX"),
        ((2, 2, 2, 9, 40, 50), {}, None),
    ],
)
def test_axes_come_from_labels_and_units_or_are_not_known(shape, options, axes):
    assert axes_of(grey(*shape, **options)) == axes


@pytest.mark.parametrize(
    ("shape", "choices"),
    [
        ((28, 40, 50), ("ZYX", "TYX", "CYX")),
        ((3, 40, 50), ("CYX", "ZYX", "TYX")),
        ((9, 28, 40, 50), ("TZYX", "ZTYX", "TCYX", "CZYX", "ZCYX", "CTYX")),
        ((9, 2, 40, 50), ("TCYX", "ZCYX", "TZYX", "ZTYX", "CZYX", "CTYX")),
        ((2, 2, 2, 9, 40, 50), ()),
    ],
)
def test_choices_are_likeliest_first(shape, choices):
    assert choices_of(grey(*shape)) == choices


def test_a_colour_image_has_no_other_channels():
    assert choices_of(Image(np.zeros((9, 40, 50, 3), np.uint8))) == ("ZYX", "TYX")
    assert axes_of(Image(np.zeros((40, 50, 4), np.uint8))) == "YX"


def test_units_and_lengths_narrow_what_is_left_to_ask():
    told = grey(9, 28, 40, 50, units=("s", "pixel", "pixel", "pixel"))
    assert open_choices(told) == ("TZYX", "TCYX")
    assert open_choices(grey(1, 28, 40, 50)) == ("TZYX", "ZTYX", "TCYX")


def test_the_answer_is_remembered_with_the_layer_and_beats_its_labels():
    layer = grey(28, 40, 50, metadata={"theirs": 1})
    told = []
    layer.events.metadata.connect(lambda event: told.append(axes_of(layer)))
    set_axes(layer, "TYX")
    assert told == ["TYX"]
    assert layer.metadata == {"theirs": 1, KEY: {"axes": "TYX"}}
    labelled = grey(28, 40, 50, axis_labels=("z", "y", "x"))
    set_axes(labelled, "TYX")
    assert axes_of(labelled) == "TYX"
    labelled.data = np.zeros((40, 50))
    assert axes_of(labelled) == "YX"


def test_axes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"'TZYX' do not fit its shape \(28, 40, 50\)"):
        set_axes(grey(28, 40, 50), "TZYX")


# ------------------------------------------------------------------------- spacing


@pytest.mark.parametrize(
    ("options", "spacing"),
    [
        ({"scale": (2, 0.5, 0.25), "units": "µm"}, (2, 0.5, 0.25)),
        ({"scale": (2, 500, 250), "units": ("µm", "nm", "nm")}, (2, 0.5, 0.25)),
        ({"scale": (2, 0.5, 0.25)}, None),
        ({"scale": (2, 0.5, 0.25), "units": ("pixel", "µm", "µm")}, None),
        ({"units": "µm", "affine": np.diag([2, 0.5, 0.25, 1])}, (2, 0.5, 0.25)),
    ],
)
def test_spacing_is_in_micrometres_or_not_known(options, spacing):
    found = spacing_of(grey(5, 40, 50, **options), "ZYX")
    assert found == (spacing and pytest.approx(spacing))


def test_time_and_axes_of_length_one_have_no_spacing():
    moving = grey(5, 40, 50, scale=(60, 0.5, 0.5), units=("s", "µm", "µm"))
    assert spacing_of(moving, "TYX") == (0.5, 0.5)
    flat = grey(1, 40, 50, scale=(2, 0.5, 0.5), units="µm")
    assert spacing_of(flat, "ZYX") == image_of(flat, "ZYX").spacing == (0.5, 0.5)


@pytest.fixture
def opened(tmp_path, make_napari_viewer):
    """Open an ImageJ stack as napari does: it drops the spacing."""
    path = tmp_path / "stack.tif"
    metadata = {"axes": "ZYX", "unit": "um", "spacing": 0.5}
    tifffile.imwrite(
        path, noise(5, 40, 50), imagej=True, resolution=(5, 5), metadata=metadata
    )
    viewer = make_napari_viewer()
    (layer,) = viewer.open(path, plugin="napari")
    return viewer, layer


def test_spacing_of_the_file_is_found_and_used_for_what_lies_on_it(opened):
    viewer, layer = opened
    assert axes_of(layer) == "ZYX", "as the file says"
    set_axes(layer, "TYX")
    assert file_spacing(layer) == pytest.approx((0.2, 0.2))
    set_axes(layer, "ZYX")
    assert file_spacing(layer) == pytest.approx((0.5, 0.2, 0.2))
    drawn = viewer.add_labels(np.zeros((5, 40, 50), int))
    stranger = viewer.add_image(noise(5, 40, 50))
    use_spacing(layer, (0.5, 0.2, 0.2), viewer.layers)
    for moved in (layer, drawn):
        assert spacing_of(moved, "ZYX") == (0.5, 0.2, 0.2)
    assert spacing_of(stranger, "ZYX") is None
    assert file_spacing(layer) is None


def test_a_layer_that_is_moved_stays_with_its_labels():
    layer = grey(5, 40, 50, translate=(1, 10, 20))
    drawn = Labels(np.zeros((5, 40, 50), int), **placement(layer, "ZYX"))
    set_axes(layer, "ZYX")
    use_spacing(layer, (1, 0.5, 0.25), [drawn])
    np.testing.assert_allclose(layer.translate, (1, 5, 5))
    np.testing.assert_allclose(drawn.data_to_world((1, 2, 3)), (2, 6, 5.75))
    with pytest.raises(ValueError, match="its axes are not known"):
        use_spacing(grey(5, 40, 50), (1, 1, 1))
    with pytest.raises(ValueError, match=r"spacing \(0.5,\) does not fit its axes ZYX"):
        use_spacing(layer, (0.5,))


# -------------------------------------------------------------------------- images

IN_ORDER = {
    "YX": "CYX",
    "CYX": "CYX",
    "ZYX": "CZYX",
    "TYX": "TCYX",
    "ZCYX": "CZYX",
    "CTYX": "TCYX",
    "ZTYX": "TCZYX",
    "TZCYX": "TCZYX",
    "XY": "CYX",
}
SIZES = {"T": 4, "C": 3, "Z": 5, "Y": 20, "X": 30}


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("axes", IN_ORDER)
def test_images_have_their_axes_in_order_and_are_views(axes, lazy):
    array = noise(*(SIZES[a] for a in axes))
    layer = Image(da.from_array(array) if lazy else array, rgb=False, name="cells")
    image = image_of(layer, axes)
    assert image.axes == IN_ORDER[axes] and image.name == "cells"
    assert image.array.shape == tuple(
        SIZES[a] if a in axes else 1 for a in IN_ORDER[axes]
    )
    assert isinstance(image.array, da.Array if lazy else np.ndarray)
    if not lazy:
        assert np.shares_memory(image.array, array)
    named = dict(
        zip(image.axes, np.indices(image.array.shape, sparse=True), strict=True)
    )
    expected = array[tuple(named[a] for a in axes)]
    np.testing.assert_array_equal(np.asarray(image.array), expected)


def test_axes_of_length_one_are_left_out_but_for_channels():
    image = image_of(grey(1, 1, 1, 20, 30), "TCZYX")
    assert (image.axes, image.array.shape) == ("CYX", (1, 20, 30))


@pytest.mark.parametrize("colours", [3, 4])
def test_colours_come_first_and_alpha_is_dropped(colours):
    array = noise(5, 40, 50, colours, dtype=np.uint8)
    image = image_of(Image(array, rgb=True), "TYX")
    assert image.rgb and image.axes == "TCYX" and image.channels == ()
    np.testing.assert_array_equal(image.array, np.moveaxis(array[..., :3], -1, 1))


def test_a_multiscale_layer_gives_its_full_resolution():
    array = noise(5, 40, 50)
    layer = Image([array, array[:, ::2, ::2]])
    image = image_of(layer, "ZYX")
    np.testing.assert_array_equal(image.array[0], array)


@pytest.mark.parametrize("dtype", [bool, ">u2", ">f4", "f8", "i4"])
def test_values_are_kept_in_native_order(dtype):
    array = noise(40, 50).astype(dtype)
    image = image_of(Image(array), "YX")
    assert image.array.dtype.isnative and image.array.dtype != bool
    np.testing.assert_array_equal(np.asarray(image.array)[0], array)


def test_nothing_is_read_before_it_is_needed():
    def read(block_info=None):
        raise AssertionError("read")

    lazy = da.map_blocks(read, chunks=((5,), (40,), (50,)), dtype=">u2")
    layer = Image(lazy, contrast_limits=(0, 1), visible=False)
    with pytest.raises(AssertionError):
        lazy.compute()
    image_of(layer, "ZYX", extra=[layer])
    image_of(layer, "CYX", channel=2)


def test_complex_values_are_no_image():
    class Waves:
        data, multiscale, rgb, name = np.zeros((4, 5), complex), False, False, "waves"

    with pytest.raises(ValueError, match="waves: complex128 values are no intensities"):
        image_of(Waves(), "YX")


# ------------------------------------------------------------------------ channels


def test_one_channel_of_several():
    array = noise(4, 3, 20, 30)
    layer = Image(array, rgb=False)
    np.testing.assert_array_equal(image_of(layer, "TCYX", 2).array, array[:, 2:])
    assert channel_names(layer, "TCYX") == image_of(layer, "TCYX").channels == ()
    layer.metadata[KEY] = {"channels": ["DAPI", "GFP", "RFP"]}
    assert channel_names(layer, "TCYX") == ("DAPI", "GFP", "RFP")
    assert channel_names(layer, "TZYX") == ()
    assert image_of(layer, "TCYX", 1).channels == ("GFP",)
    with pytest.raises(ValueError, match="has no channel 3; choose 0 to 2"):
        image_of(layer, "TCYX", 3)


def test_further_layers_are_further_channels():
    dapi, gfp = (
        Image(noise(5, 40, 50), name="DAPI"),
        Image(noise(5, 40, 50), name="GFP"),
    )
    image = image_of(dapi, "ZYX", extra=[gfp])
    assert image.axes == "CZYX" and image.channels == ("DAPI", "GFP")
    np.testing.assert_array_equal(np.asarray(image.array), [dapi.data, gfp.data])
    both = Image(noise(4, 2, 20, 30), name="both", rgb=False)
    moving = Image(noise(4, 20, 30), name="GFP")
    assert image_of(both, "TCYX", extra=[moving]).channels == (
        "both 0",
        "both 1",
        "GFP",
    )
    assert image_of(both, "TCYX", 1, [moving]).array.shape == (4, 2, 20, 30)


def test_colours_with_a_further_channel_are_no_colours():
    tissue = Image(noise(40, 50, 3, dtype=np.uint8), rgb=True, name="tissue")
    image = image_of(tissue, "YX", extra=[Image(noise(40, 50), name="DAPI")])
    assert not image.rgb and image.channels == ("red", "green", "blue", "DAPI")


@pytest.mark.parametrize(
    "other",
    [
        Image(noise(40, 51), name="other"),
        Image(noise(5, 40, 50), name="other"),
        Image(noise(40, 50, 3, dtype=np.uint8), name="other", rgb=True),
    ],
    ids=["size", "axes", "colours"],
)
def test_a_further_channel_of_another_shape_is_one_sentence(other):
    with pytest.raises(ValueError, match=r"other: has shape \(.*cells has \(40, 50\)"):
        image_of(Image(noise(40, 50), name="cells"), "YX", extra=[other])


# -------------------------------------------------------------------------- labels


@pytest.mark.parametrize("axes", IN_ORDER)
def test_labels_go_onto_a_layer_and_come_back(axes):
    layer = Image(noise(*(SIZES[a] for a in axes)), rgb=False)
    image = image_of(layer, axes)
    own = IN_ORDER[axes].replace("C", "")
    labels = noise(*(SIZES[a] for a in own), dtype=np.int32)
    view = with_layer_axes(labels, layer, axes)
    assert np.shares_memory(view, labels)
    back = labels_of(Labels(view, **placement(layer, axes)), axes, image)
    np.testing.assert_array_equal(back, labels)
    assert not np.shares_memory(back, labels)


def test_labels_of_another_shape_are_one_sentence_with_both():
    image = image_of(grey(5, 40, 50, name="cells"), "ZYX")
    for shape in ((40, 50), (5, 40, 51), (2, 5, 40, 50)):
        layer = Labels(np.zeros(shape, int), name="drawn")
        with pytest.raises(ValueError) as error:
            labels_of(layer, "ZYX", image)
        assert f"drawn: the labels have shape {shape}" in str(error.value)
        assert "cells has (5, 40, 50)" in str(error.value)
    with pytest.raises(ValueError, match="the image has the axes Z Y X"):
        labels_of(Labels(np.zeros((40, 50), int)), "ZYX")


def test_axes_of_length_one_may_miss_in_labels():
    image = image_of(grey(1, 40, 50), "ZYX")
    for shape in ((40, 50), (1, 40, 50)):
        assert labels_of(Labels(np.ones(shape, int)), "ZYX", image).shape == (40, 50)


def test_labels_that_napari_made_over_all_channels_are_put_together():
    # napari's button for a new Labels layer gives it the channel axis of the image.
    drawn = np.zeros((3, 40, 50), np.int32)
    drawn[0, :9], drawn[2, 20:] = 1, 2
    merged = labels_of(Labels(drawn), "CYX", image_of(grey(3, 40, 50), "CYX"))
    np.testing.assert_array_equal(merged, drawn.max(axis=0))
    drawn[1, :2] = 5
    with pytest.raises(ValueError, match="differ between channels at 100 px"):
        labels_of(Labels(drawn), "CYX")


def test_lazy_multiscale_labels_are_copied_at_full_resolution():
    full = noise(40, 50, dtype=np.int32)
    layer = Labels([da.from_array(full), da.from_array(full[::2, ::2])])
    np.testing.assert_array_equal(labels_of(layer, "YX"), full)


# --------------------------------------------------------------------------- place


def turned(ndim):
    """A rotation in the YX plane."""
    matrix = np.eye(ndim)
    matrix[-2:, -2:] = [[0.8, -0.6], [0.6, 0.8]]
    return matrix


def upper(ndim):
    matrix = np.eye(ndim)
    matrix[-2, -1] = 0.3
    return matrix


def stretched(ndim):
    matrix = np.eye(ndim + 1)
    matrix[-3:-1, -3:] = [[1.2, 0.1, 7], [-0.2, 0.9, -3]]
    return matrix


PLACES = {
    "scale": lambda n: {"scale": np.arange(1, n + 1) / 4},
    "translate": lambda n: {"translate": np.arange(n) * 10.0},
    "rotate": lambda n: {"rotate": turned(n)},
    "shear": lambda n: {"shear": upper(n)},
    "lower shear": lambda n: {"shear": upper(n).T},
    "affine": lambda n: {"affine": stretched(n)},
    "units": lambda n: {"units": "nm", "axis_labels": [f"a{i}" for i in range(n)]},
}
PLACES["all"] = lambda n: {
    k: v
    for name in PLACES
    if name not in ("all", "lower shear")
    for k, v in PLACES[name](n).items()
}
ON = ["YX", "ZYX", "TYX", "CYX", "TZYX", "CZYX", "TCYX", "ZCYX", "TZCYX", "CTZYX"]


@pytest.mark.parametrize("axes", [*ON, "YX rgb", "ZYX rgb", "1YX"])
@pytest.mark.parametrize("place", PLACES)
def test_labels_lie_exactly_on_their_image(axes, place):
    axes, _, rgb = axes.partition(" ")
    shape = [SIZES.get(a, 1) for a in axes] + [3] * bool(rgb)
    axes = axes.replace("1", "Z")
    options = PLACES[place](len(axes))
    layer = Image(np.zeros(shape, np.uint8), rgb=bool(rgb), **options)
    ours = "".join(a for a in "TZYX" if a in axes and SIZES[a] in shape)
    labels = np.zeros([SIZES[a] for a in ours], np.int32)
    drawn = Labels(with_layer_axes(labels, layer, axes), **placement(layer, axes))
    first = drawn.ndim == len(axes) - 1
    assert first == axes.startswith("C")
    assert drawn.units == layer.units[first:]
    assert drawn.axis_labels == layer.axis_labels[first:]
    for _ in range(20):
        index = RNG.integers(0, shape[: len(axes)])
        world = np.array(layer.data_to_world(index))
        position = drawn.world_to_data(world)  # as the viewer does: by the last axes
        expected = [0 if a == "C" else i for a, i in zip(axes, index, strict=True)][
            first:
        ]
        np.testing.assert_array_equal(np.rint(position), expected)
        exact = [i for i, a in enumerate(axes[first:]) if a != "C"]
        np.testing.assert_allclose(
            np.array(position)[exact], np.array(expected)[exact], atol=1e-6
        )


@pytest.mark.parametrize("axes", ["ZYX", "CZYX", "TCYX"])
def test_labels_are_shown_with_every_frame_and_channel(make_napari_viewer, axes):
    viewer = make_napari_viewer()
    layer = viewer.add_image(
        noise(*(SIZES[a] for a in axes)),
        rgb=False,
        scale=np.arange(1, len(axes) + 1) / 4,
        units=["s" if a == "T" else "µm" for a in axes],
        name="cells",
    )
    ours = [a for a in "TZYX" if a in axes]
    labels = np.ones([SIZES[a] for a in ours], np.int32)
    labels += np.arange(len(labels), dtype=np.int32)[:, None, None]
    drawn = viewer.add_labels(
        with_layer_axes(labels, layer, axes), **placement(layer, axes)
    )
    assert viewer.layers.extent.units is not None  # napari calls them consistent
    for index in np.ndindex(*layer.data.shape[:-2]):
        viewer.dims.set_current_step(range(len(index)), index)
        expected = 1 + index[axes.index(ours[0])]
        assert (
            drawn.get_value((*viewer.dims.point[:-2], 1, 1), world=True)
        ) == expected


# ------------------------------------------------------------------------ in sight


def look(viewer, centre, zoom, size=(200, 400)):
    viewer.canvas.size = size
    viewer.scene.camera.center = centre
    viewer.scene.camera.zoom = zoom


def spans(box):
    return [(s.start, s.stop) for s in box]


def test_what_is_in_sight_is_one_plane_of_what_the_canvas_shows(make_napari_viewer):
    viewer = make_napari_viewer()
    layer = viewer.add_image(noise(5, 400, 500), scale=(2, 0.5, 0.5))
    viewer.dims.set_current_step(0, 3)
    look(viewer, (0, 100, 100), 4)  # 50 x 100 world units
    assert spans(visible_box(viewer, layer, "ZYX")) == [(3, 4), (150, 251), (100, 301)]
    look(viewer, (0, 10, 10), 4)
    assert spans(visible_box(viewer, layer, "TYX")) == [(3, 4), (0, 71), (0, 121)]
    look(viewer, (0, 100, 100), 0.1)
    assert spans(visible_box(viewer, layer, "CYX")) == [(0, 400), (0, 500)]
    look(viewer, (0, -1000, 100), 4)
    with pytest.raises(ValueError, match="is not in sight; move the view"):
        visible_box(viewer, layer, "ZYX")


def test_a_plane_beyond_a_shorter_image_is_not_in_sight(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.add_image(noise(9, 400, 500))
    layer = viewer.add_image(noise(5, 400, 500))
    viewer.dims.set_current_step(0, 8)
    look(viewer, (0, 100, 100), 1)
    with pytest.raises(ValueError, match="is not in sight"):
        visible_box(viewer, layer, "TYX")


def test_in_3d_all_planes_of_the_frame_are_in_sight(make_napari_viewer):
    viewer = make_napari_viewer(ndisplay=3)
    layer = viewer.add_image(noise(4, 5, 20, 30))
    viewer.dims.set_current_step(0, 2)
    box = visible_box(viewer, layer, "TZYX")
    assert spans(box) == [(2, 3), (0, 5), (0, 20), (0, 30)]


def test_a_side_view_takes_the_planes_in_sight_and_all_rows(make_napari_viewer):
    viewer = make_napari_viewer()
    layer = viewer.add_image(noise(50, 400, 500))
    viewer.dims.order = (1, 0, 2)
    look(viewer, (0, 10, 100), 20, (200, 200))
    assert spans(visible_box(viewer, layer, "ZYX")) == [(5, 16), (0, 400), (95, 106)]


def test_rgb_multiscale_and_turned_images_in_sight(make_napari_viewer):
    viewer = make_napari_viewer()
    array = noise(400, 500, 3, dtype=np.uint8)
    layer = viewer.add_image([array, array[::2, ::2]], rgb=True)
    look(viewer, (0, 100, 100), 4)
    assert spans(visible_box(viewer, layer, "YX")) == [(75, 126), (50, 151)]
    layer.rotate = 90
    look(viewer, layer.data_to_world((200, 250)), 4)
    assert spans(visible_box(viewer, layer, "YX")) == [(150, 251), (225, 276)]
