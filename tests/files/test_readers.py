"""Readers: every kind of file comes out with known axes, or as one sentence."""

import os
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_unet.files.readers import read_image, read_labels, read_spacing, stem

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 255, (20, 30), dtype=np.uint8)
COLOUR = RNG.integers(0, 255, (20, 30, 3), dtype=np.uint8)
STACK = RNG.integers(0, 60_000, (5, 20, 30), dtype=np.uint16)


def tiff(path: Path, array: np.ndarray, **options) -> Path:
    options = {"photometric": "minisblack"} | options
    tifffile.imwrite(path, array, **options)
    return path


def data(name: str) -> Path:
    folder = os.environ.get("NAPARI_UNET_DATA")
    if not folder:
        pytest.skip("NAPARI_UNET_DATA does not name the folder of real data")
    return Path(folder) / name


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
@pytest.mark.parametrize("array", [GREY, COLOUR], ids=["grey", "colour"])
def test_pictures_are_read_exactly(tmp_path, suffix, array):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(array).save(path)
    image = read_image(path)
    assert (image.axes, image.name, image.spacing) == ("CYX", "a", None)
    assert image.rgb == (array.ndim == 3)
    np.testing.assert_array_equal(image.array, np.moveaxis(np.atleast_3d(array), -1, 0))


def test_a_jpeg_is_read(tmp_path):
    Image.fromarray(np.full((20, 30), 90, np.uint8)).save(tmp_path / "a.jpeg")
    image = read_image(tmp_path / "a.jpeg")
    assert image.array.shape == (1, 20, 30)
    assert abs(int(image.array.mean()) - 90) < 3


def test_alpha_is_dropped_and_equal_colours_stay_colours(tmp_path):
    Image.fromarray(GREY).convert("RGBA").save(tmp_path / "a.png")
    Image.fromarray(GREY).convert("LA").save(tmp_path / "b.png")
    four = np.dstack([COLOUR, GREY])
    tiff(tmp_path / "c.tif", four, photometric="rgb", extrasamples=["unassalpha"])
    a, b, c = (read_image(tmp_path / n) for n in ("a.png", "b.png", "c.tif"))
    assert a.rgb and a.array.shape == (3, 20, 30)
    assert (a.array == GREY).all()
    assert not b.rgb and (b.array == GREY).all()
    assert c.rgb and (c.array == np.moveaxis(COLOUR, -1, 0)).all()


def test_one_bit_images_become_uint8(tmp_path):
    Image.fromarray(GREY > 99).save(tmp_path / "a.png")
    tiff(tmp_path / "b.tif", GREY > 99)
    for name in ("a.png", "b.tif"):
        for array in (
            read_image(tmp_path / name).array[0],
            read_labels(tmp_path / name).array,
        ):
            assert array.dtype == np.uint8
            np.testing.assert_array_equal(array, GREY > 99)


def test_a_colour_table_gives_colours_of_an_image_and_numbers_of_labels(tmp_path):
    numbers = (GREY % 4).astype(np.uint8)
    picture = Image.fromarray(numbers, "L").convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 9, 9, 99])
    picture.save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.rgb
    assert (image.array[0][numbers == 1] == 255).all()
    assert set(np.unique(image.array[2])) == {0, 99}
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png").array, numbers)
    picture.putpalette([0, 0, 0, 50, 50, 50, 100, 100, 100, 150, 150, 150])
    picture.save(tmp_path / "b.png")
    grey = read_image(tmp_path / "b.png")
    assert not grey.rgb and (grey.array == numbers * 50).all()


def test_colours_of_16_bits_keep_them(tmp_path):
    deep = RNG.integers(0, 65535, (20, 30, 3), dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(deep))
    image = read_image(tmp_path / "a.png")
    assert image.rgb and image.array.dtype == np.uint16
    np.testing.assert_array_equal(image.array, np.moveaxis(deep, -1, 0))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int16", "float32"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
def test_tiff_values_survive_in_native_order(tmp_path, dtype, order, compression):
    array = GREY.astype(dtype)
    path = tiff(tmp_path / "a.tif", array, byteorder=order, compression=compression)
    image = read_image(path)
    assert image.array.dtype == np.dtype(dtype) and image.array.dtype.isnative
    np.testing.assert_array_equal(image.array[0], array)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_of_a_tiff_in_both_orders(tmp_path, planar):
    array = COLOUR if planar == "contig" else np.moveaxis(COLOUR, -1, 0)
    path = tiff(tmp_path / "a.tif", array, photometric="rgb", planarconfig=planar)
    image = read_image(path)
    assert image.rgb and image.axes == "CYX"
    np.testing.assert_array_equal(image.array, np.moveaxis(COLOUR, -1, 0))


def test_samples_that_are_no_colours_are_channels(tmp_path):
    five = RNG.integers(0, 9, (20, 30, 5), dtype=np.uint8)
    image = read_image(tiff(tmp_path / "a.tif", five, planarconfig="contig"))
    assert not image.rgb and image.array.shape == (5, 20, 30)


@pytest.mark.parametrize(
    ("unit", "factor"), [("µm", 1), ("nm", 1e-3), ("mm", 1e3), ("pixel", None)]
)
def test_ome_spacing_in_any_unit(tmp_path, unit, factor):
    metadata = {"axes": "ZYX"}
    for axis, size in zip("ZYX", (0.3, 0.2, 0.1), strict=True):
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": unit}
    image = read_image(tiff(tmp_path / "cells.ome.tif", STACK, metadata=metadata))
    assert (image.axes, image.name) == ("CZYX", "cells")
    expected = factor and tuple(s * factor for s in (0.3, 0.2, 0.1))
    assert image.spacing == (expected and pytest.approx(expected))


def test_ome_axes_and_channel_names(tmp_path):
    array = RNG.integers(0, 9, (4, 2, 3, 20, 30), dtype=np.uint8)
    metadata = {"axes": "TZCYX", "Channel": {"Name": ["GFP", "RFP", "DAPI"]}}
    path = tiff(tmp_path / "a.ome.tif", array, metadata=metadata)
    image = read_image(path)
    assert image.axes == "TCZYX" and image.channels == ("GFP", "RFP", "DAPI")
    np.testing.assert_array_equal(image.array, array.swapaxes(1, 2))
    cut = list(image.frames())
    assert [f.name for f in cut] == ["a_t0", "a_t1", "a_t2", "a_t3"]
    assert {f.series for f in cut} == {"a"}
    np.testing.assert_array_equal(cut[2].array, image.array[2])


def test_size_along_one_axis_missing_is_said(tmp_path):
    metadata = {"axes": "ZYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}
    image = read_image(tiff(tmp_path / "a.ome.tif", STACK, metadata=metadata))
    assert image.spacing is None
    assert any("along Z" in note for note in image.notes)


@pytest.mark.parametrize("depth", [0.28, None], ids=["depth", "no depth"])
def test_imagej_spacing(tmp_path, depth):
    metadata = {"axes": "ZYX", "unit": r"\u00B5m"}
    metadata |= {} if depth is None else {"spacing": depth}
    path = tmp_path / "a.tif"
    tiff(path, STACK, imagej=True, resolution=(1 / 0.1, 1 / 0.2), metadata=metadata)
    image = read_image(path)
    assert image.axes == "CZYX"
    # ImageJ writes no depth where it is 1.
    assert image.spacing == pytest.approx((depth or 1.0, 0.2, 0.1))


def test_imagej_hyperstack(tmp_path):
    array = RNG.integers(0, 9, (2, 3, 4, 20, 30), dtype=np.uint8)
    path = tiff(tmp_path / "a.tif", array, imagej=True, metadata={"axes": "TZCYX"})
    image = read_image(path)
    assert image.axes == "TCZYX" and image.spacing is None
    np.testing.assert_array_equal(image.array, array.swapaxes(2, 1))


@pytest.mark.parametrize(
    ("unit", "per_unit", "micrometres"),
    [("CENTIMETER", 20_000, 0.5), ("INCH", 72, None), ("INCH", 300, None)],
)
def test_resolution_tags_count_unless_they_are_of_a_screen(
    tmp_path, unit, per_unit, micrometres
):
    path = tmp_path / "a.tif"
    tiff(path, GREY, resolution=(per_unit, per_unit), resolutionunit=unit)
    expected = micrometres and (micrometres, micrometres)
    assert read_image(path).spacing == expected


def test_spacing_alone_comes_from_the_header(tmp_path):
    metadata = {"axes": "TYX", "PhysicalSizeX": 200, "PhysicalSizeXUnit": "nm"}
    ome = tiff(tmp_path / "a.ome.tif", STACK, metadata=metadata)
    assert read_spacing(ome) == pytest.approx({"X": 0.2})
    metadata = {"axes": "ZYX", "unit": "um", "spacing": 0.5}
    path = tmp_path / "b.tif"
    tiff(path, STACK, imagej=True, resolution=(5, 10), metadata=metadata)
    expected = {"Z": 0.5, "Y": 0.1, "X": 0.2}
    assert read_spacing(path) == pytest.approx(expected)
    with tifffile.TiffFile(path) as file:
        pixels = file.pages.first.dataoffsets[0]
    path.write_bytes(path.read_bytes()[:pixels])
    assert read_spacing(path) == pytest.approx(expected)
    assert read_spacing(tiff(tmp_path / "c.tif", GREY)) == {}


def test_a_file_that_cannot_be_read_tells_no_spacing(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0 and nothing else")
    assert read_spacing(tmp_path / "a.tif") == {}
    assert read_spacing(tmp_path / "missing.tif") == {}


def test_pages_without_a_name_are_depth_and_said_so(tmp_path):
    image = read_image(tiff(tmp_path / "a.tif", STACK))
    assert image.axes == "CZYX"
    np.testing.assert_array_equal(image.array[0], STACK)
    assert any("5 pages" in note and "Z" in note for note in image.notes)


def test_only_the_first_series_and_full_resolution(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(GREY, photometric="minisblack")
        writer.write(GREY[:9, :9], photometric="minisblack")
    image = read_image(tmp_path / "a.tif")
    assert image.array.shape == (1, 20, 30)
    assert any("of 2 image series, 0 " in note for note in image.notes)
    big = np.kron(GREY, np.ones((4, 4), np.uint8))
    with tifffile.TiffWriter(tmp_path / "b.ome.tif") as writer:
        options = {"photometric": "minisblack", "tile": (32, 32)}
        writer.write(big, subifds=1, **options)
        writer.write(big[::2, ::2], subfiletype=1, **options)
    np.testing.assert_array_equal(read_image(tmp_path / "b.ome.tif").array[0], big)


def test_select_a_channel_by_name_or_number(tmp_path):
    metadata = {"axes": "CYX", "Channel": {"Name": ["GFP", "RFP", "DAPI", "Cy5", "x"]}}
    image = read_image(tiff(tmp_path / "a.ome.tif", STACK, metadata=metadata))
    for channel in ("DAPI", "dapi", 2, "2"):
        chosen = image.select(channel)
        assert chosen.channels == ("DAPI",)
        np.testing.assert_array_equal(chosen.array, STACK[2:3])
    both = image.select("x, gfp")
    assert both.channels == ("x", "GFP") and not both.picked
    np.testing.assert_array_equal(both.array, STACK[[4, 0]])
    assert image.select("1,0").picked
    with pytest.raises(ValueError, match="'gfp' is chosen twice"):
        image.select("GFP,gfp")
    for channel in ("YFP", 5, -1, "DAPI,YFP"):
        with pytest.raises(ValueError, match=r"0 \(GFP\), 1 \(RFP\), 2 \(DAPI\)"):
            image.select(channel)


def test_select_a_colour(tmp_path):
    Image.fromarray(COLOUR).save(tmp_path / "a.png")
    green = read_image(tmp_path / "a.png").select("green")
    assert not green.rgb
    np.testing.assert_array_equal(green.array[0], COLOUR[..., 1])


def test_labels_keep_their_dtype_even_if_it_is_wrong(tmp_path):
    for dtype in ("uint8", "uint16", "uint32", "int32", "float32"):
        given = GREY.astype(dtype) + (0.5 if dtype == "float32" else 0)
        labels = read_labels(tiff(tmp_path / "a.tif", given.astype(dtype)))
        assert labels.array.dtype == dtype and labels.axes == "YX"
    labels = read_labels(tiff(tmp_path / "a.tif", GREY.astype(np.float32)))
    assert labels.array.dtype == np.int32
    np.testing.assert_array_equal(labels.array, GREY)


@pytest.mark.parametrize("ground", [(0, 0, 0), (255, 255, 255)])
def test_a_colour_an_object_is_a_number_an_object(tmp_path, ground):
    ids = np.kron(np.arange(16).reshape(4, 4), np.ones((8, 8), int))
    ids[::8] = ids[:, ::8] = ids[:2] = 0
    colours = np.random.default_rng(0).integers(1, 255, (16, 3), np.uint8)
    colours[0] = ground
    Image.fromarray(colours[ids]).save(tmp_path / "a.png")
    labels = read_labels(tmp_path / "a.png")
    assert "each colour is taken as one object" in labels.notes[0]
    np.testing.assert_array_equal(labels.array, ids)
    blurred = Image.fromarray(colours[ids]).resize((64, 64), Image.Resampling.BILINEAR)
    for picture in (blurred, Image.fromarray(COLOUR)):
        picture.save(tmp_path / "b.png")
        with pytest.raises(ValueError, match="3 different channels"):
            read_labels(tmp_path / "b.png")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_labels_in_one_channel_of_rgba(tmp_path, number):
    pixels = np.zeros((8, 9, 4), np.uint8)
    pixels[..., 3], pixels[2:5, 3:6, number] = 255, 7
    Image.fromarray(pixels).save(tmp_path / "a.png")
    labels = read_labels(tmp_path / "a.png")
    np.testing.assert_array_equal(labels.array, pixels[..., number])
    name = ("red", "green", "blue")[number]
    assert labels.notes == (
        f"labels are taken from the {name} channel; the others are 0",
    )


def test_coloured_labels_only_where_the_colours_are_equal(tmp_path):
    Image.fromarray(GREY).convert("RGB").save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png").array, GREY)
    Image.fromarray(COLOUR).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match=r"b\.png: has 3 different channels"):
        read_labels(tmp_path / "b.png")
    tiff(tmp_path / "c.ome.tif", STACK, metadata={"axes": "CYX"})
    with pytest.raises(ValueError, match=r"c\.ome\.tif: has 5 different channels"):
        read_labels(tmp_path / "c.ome.tif")


def test_labels_are_no_jpeg(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="save them as PNG or TIFF"):
        read_labels(tmp_path / "a.jpg")


def test_complex_values_are_no_image(tmp_path):
    tiff(tmp_path / "a.tif", GREY.astype(np.complex64))
    with pytest.raises(ValueError, match="complex64"):
        read_image(tmp_path / "a.tif")


def test_names_lose_their_suffixes():
    assert [stem(n) for n in ("a.tif", "a.OME.tif", "a.b.ome.tiff", "ome.tif")] == [
        "a",
        "a",
        "a.b",
        "ome",
    ]


def test_real_stack_has_its_spacing():
    image = read_image(data("nuclei_3d/1135_image.ome.tif"))
    labels = read_labels(data("nuclei_3d/1135_labels.ome.tif"))
    assert image.axes == "CZYX" and labels.axes == "ZYX"
    assert image.array.shape == (1, 100, 100, 100)
    assert image.spacing == pytest.approx((0.2837, 0.1268, 0.1268), abs=1e-4)
    assert labels.spacing == image.spacing


def test_real_time_lapse_has_ten_frames():
    cut = list(read_image(data("timelapse/images.ome.tif")).frames())
    assert len(cut) == 10
    assert all(f.array.shape == (1, 234, 234) and f.series == "images" for f in cut)


def table(colours):
    return (np.asarray(colours, np.uint16) * 257).T


def test_a_palette_of_colours_is_a_picture_and_a_ramp_is_not(tmp_path):
    stains = RNG.integers(0, 255, (256, 3))
    heat = np.stack([np.arange(256), np.arange(256) // 2, np.zeros(256)], axis=1)
    for name, colours in (("stain", stains), ("heat", heat)):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, GREY, photometric="palette", colormap=table(colours))
    stain, heat = (read_image(tmp_path / f"{n}.tif") for n in ("stain", "heat"))
    assert stain.rgb
    np.testing.assert_array_equal(stain.array, np.moveaxis(stains[GREY], -1, 0))
    assert not heat.rgb
    np.testing.assert_array_equal(heat.array[0], GREY)
    np.testing.assert_array_equal(read_labels(tmp_path / "stain.tif").array, GREY)


TURNED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T,
    8: np.rot90,
}


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize("orientation", TURNED)
def test_the_orientation_is_applied(tmp_path, kind, orientation):
    path = tmp_path / f"a.{kind}"
    if kind == "tif":
        tiff(path, GREY, extratags=[(274, 3, 1, orientation, True)])
    else:
        exif = Image.Exif()
        exif[274] = orientation
        Image.fromarray(GREY).save(path, exif=exif)
    image = read_image(path)
    np.testing.assert_array_equal(image.array[0], TURNED[orientation](GREY))
    assert bool(image.notes) == (orientation > 1)


def test_inks_are_colours_as_a_viewer_shows_them(tmp_path):
    inks = RNG.integers(0, 255, (20, 30, 4), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")
    image = read_image(tmp_path / "a.tif")
    shown = np.asarray(Image.fromarray(inks, "CMYK").convert("RGB")).astype(int)
    assert image.rgb and np.abs(image.array - np.moveaxis(shown, -1, 0)).max() <= 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_0_is_black(tmp_path, dtype):
    array = GREY.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="miniswhite")
    found = read_image(tmp_path / "a.tif").array[0]
    np.testing.assert_array_equal(found, np.iinfo(dtype).max - array)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif").array, array)


@pytest.mark.parametrize("suffix", ["svs", "lsm", "btf", "qptiff", "stk", "ndpi"])
def test_a_tiff_of_another_name_is_read(tmp_path, suffix):
    image = read_image(tiff(tmp_path / f"a.{suffix}", GREY))
    np.testing.assert_array_equal(image.array[0], GREY)


@pytest.mark.parametrize("suffix", ["jp2", "webp"])
def test_pictures_of_newer_kinds_are_read(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "jp2":
        path.write_bytes(imagecodecs.jpeg2k_encode(COLOUR, level=0, reversible=True))
    else:
        Image.fromarray(COLOUR).save(path, lossless=True)
    image = read_image(path)
    assert image.rgb
    np.testing.assert_array_equal(image.array, np.moveaxis(COLOUR, -1, 0))
    with pytest.raises(ValueError, match="changes the numbers of labels"):
        read_labels(path)


def test_nothing_but_the_promised_kinds_is_opened(tmp_path):
    for name, content in (("eps", b"%!PS-Adobe-3.0 EPSF-3.0\n"), ("gif", b"GIF89a")):
        (tmp_path / f"{name}.png").write_bytes(content + bytes(50))
        with pytest.raises(ValueError, match="its content is not an image"):
            read_image(tmp_path / f"{name}.png")
