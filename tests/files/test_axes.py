"""Axes, positions and series are what the file, or the user, says."""

import numpy as np
import pytest
import tifffile

from napari_unet.cli import main
from napari_unet.events import drain
from napari_unet.files.datasets import find_pairs, load_samples
from napari_unet.files.readers import read_axes, read_image, read_images, read_labels
from napari_unet.files.writers import write_labels

RNG = np.random.default_rng(0)
PAGES = RNG.integers(0, 60_000, (3, 20, 30), dtype=np.uint16)
GREY = {"photometric": "minisblack"}


def positions(path, shape, axes):
    array = RNG.integers(0, 999, (*shape, 20, 30), dtype=np.uint16)
    tifffile.imwrite(path, array, metadata={"axes": f"{axes}YX"}, **GREY)
    return array


@pytest.mark.parametrize("letter", "RAVM")
def test_positions_are_several_images(tmp_path, letter):
    array = positions(tmp_path / "well.tif", (3,), letter)
    image = read_image(tmp_path / "well.tif")
    assert [f.name for f in image.frames()] == ["well_p0", "well_p1", "well_p2"]
    assert {f.series for f in image.frames()} == {""}, "each stands for itself"
    np.testing.assert_array_equal(image.array[:, 0], array)
    assert image.label_axes == "PYX"


@pytest.mark.parametrize("axes", ["TR", "RT"])
def test_positions_of_a_time_lapse_are_time_lapses(tmp_path, axes):
    array = positions(tmp_path / "a.tif", (2, 3), axes)
    image = read_image(tmp_path / "a.tif")
    places = array.swapaxes(0, 1) if axes == "TR" else array
    np.testing.assert_array_equal(image.array[:, 0], places.reshape(-1, 20, 30))
    times = places.shape[1]
    first, *_, last = image.frames()
    assert (first.series, last.series) == ("a_p0", f"a_p{len(places) - 1}")
    assert last.name == f"a_p{len(places) - 1}_t{times - 1}"
    labels = np.arange(6 * 20 * 30).reshape(6, 20, 30)
    shaped = image.on_label_axes(labels)
    assert image.label_axes == axes.replace("R", "P") + "YX"
    assert shaped.shape == array.shape, "they lie on the image"
    write_labels(tmp_path / "a_labels.tif", shaped, axes=image.label_axes)
    found = read_labels(tmp_path / "a_labels.tif", image.label_axes)
    np.testing.assert_array_equal(found.array, labels)
    samples = drain(load_samples(find_pairs(tmp_path / "a.tif")))
    assert [s.name for s in samples] == [f.name for f in image.frames()]
    assert {s.series for s in samples} == {f"a_p{i}" for i in range(len(places))}


@pytest.mark.parametrize(
    ("texts", "axes", "names"),
    [
        (["DAPI", "GFP", "Cy5"], "CYX", ("DAPI", "GFP", "Cy5")),
        (
            [f'{{"channel.target": "{n}"}}' for n in ("dsDNA", "CD45", "Au")],
            "CYX",
            ("dsDNA", "CD45", "Au"),
        ),
        (["t=0", "t=1", "t=2"], "TYX", ()),
        (["z001", "z002", "z003"], "ZYX", ()),
        (["same", "same", "same"], " YX", ()),
    ],
)
def test_pages_are_what_they_say_of_themselves(tmp_path, texts, axes, names):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page, text in zip(PAGES, texts, strict=True):
            writer.write(page, description=text, metadata=None, contiguous=False)
    assert read_axes(tmp_path / "a.tif") == ((3, 20, 30), axes, names)
    image = read_image(tmp_path / "a.tif")
    assert image.channels == names
    assert image.axes == {"C": "CYX", "T": "TCYX"}.get(axes[0], "CZYX")
    assert bool(image.notes) == (axes[0] == " ")


@pytest.mark.parametrize(
    ("said", "axes", "shape"),
    [
        ("TYX", "TCYX", (3, 1, 20, 30)),
        ("cyx", "CYX", (3, 20, 30)),
        ("ZYX", "CZYX", (1, 3, 20, 30)),
        ("PYX", "TCYX", (3, 1, 20, 30)),
        ("YXS", "CYX", (30, 3, 20)),
        ("XYT", "TCYX", (30, 1, 20, 3)),
    ],
)
def test_what_the_user_says_the_axes_are(tmp_path, said, axes, shape):
    tifffile.imwrite(tmp_path / "a.tif", PAGES, **GREY)
    image = read_image(tmp_path / "a.tif", said.upper())
    assert (image.axes, image.array.shape, image.notes) == (axes, shape, ())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("TYQ", "'Q' is no axis"),
        ("TT", "T is named twice"),
        ("TC", "Y and X are needed"),
        ("TCYX", "names 4 axes but the file has 3 (3 x 20 x 30)"),
    ],
)
@pytest.mark.parametrize("command", ["segment", "doctor"])
def test_axes_that_cannot_be_are_refused(tmp_path, capsys, command, said, words):
    tifffile.imwrite(tmp_path / "a.tif", PAGES, **GREY)
    tifffile.imwrite(tmp_path / "a_labels.tif", PAGES, **GREY)
    out = ["--output", tmp_path / "out"] if command == "segment" else []
    tokens = [command, tmp_path / "a.tif", *out, "--axes", said]
    assert main([str(token) for token in tokens]) == 2
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error


def series(path, *arrays, **options):
    with tifffile.TiffWriter(path, **options) as writer:
        for array in arrays:
            writer.write(array, **GREY)
    return path


def test_the_largest_series_is_read_not_a_thumbnail(tmp_path):
    path = series(tmp_path / "a.tif", PAGES[0, :5, :5], PAGES[1])
    (image,) = read_images(path)
    np.testing.assert_array_equal(image.array[0], PAGES[1])
    assert image.name == "a" and "1 (20 x 30) was read, not 0 (5 x 5)" in image.notes[0]


def test_equal_series_are_all_read_and_chosen(tmp_path):
    path = series(tmp_path / "a.ome.tif", PAGES[0], PAGES[1][:-1])
    first, second = read_images(path)
    assert (first.name, second.name) == ("a_s0", "a_s1")
    np.testing.assert_array_equal(second.array[0], PAGES[1][:-1])
    (chosen,) = read_images(path, series="1")
    assert chosen.name == "a_s1"
    assert [i.name for i in read_images(path, series="ALL")] == ["a_s0", "a_s1"]
    with pytest.raises(ValueError, match="--series 7: there is no such series"):
        next(read_images(path, series="7"))
    for number in range(2):
        array = np.zeros((20 - number, 30), np.uint8)
        array[2:9, 2:9] = 1
        tifffile.imwrite(tmp_path / f"a_s{number}_labels.tif", array)
