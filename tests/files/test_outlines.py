"""Outlines for Fiji and QuPath: what their own libraries read, and back as labels."""

import json
import zipfile

import numpy as np
import pytest

from napari_unet.cli import main
from napari_unet.data.images import ImageSeries
from napari_unet.files.outlines import checked_exports, read_outlines, write_outlines
from napari_unet.files.readers import read_labels
from napari_unet.files.writers import write_labels

KINDS = ["rois.zip", "cells.geojson"]


def needs_roifile(name):
    return pytest.importorskip("roifile") if name.endswith(".zip") else None


def some_labels(shape=(40, 50)):
    """Objects of which one has a hole, one two parts, and a number that is large."""
    labels = np.zeros(shape, np.int32)
    labels[..., 2:12, 3:9] = 5
    labels[..., 4:6, 5:7] = 0
    labels[..., 20:25, 4:8] = labels[..., 20:25, 9:12] = 2
    labels[..., 20:39, 30:50] = 70_000
    return labels


def image_like(labels, axes):
    return ImageSeries(np.zeros((1, *labels.shape)), f"C{axes}", (0.5,) * len(axes))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("shape", [(40, 50), (2, 40, 50)], ids=["plane", "stack"])
def test_labels_come_back(tmp_path, name, shape):
    needs_roifile(name)
    labels = some_labels(shape)
    count = write_outlines(tmp_path / name, labels)
    assert count == 3 * (2 if len(shape) == 3 else 1)
    back = read_outlines(tmp_path / name, image_like(labels, "ZYX"[-len(shape) :]))
    np.testing.assert_array_equal(back.array, labels)
    assert back.spacing == (0.5,) * len(shape)
    assert back.notes == ()


@pytest.mark.parametrize("name", KINDS)
def test_a_film_comes_back(tmp_path, name):
    needs_roifile(name)
    labels = some_labels((2, 40, 50))
    labels[0, 30:35, :5] = 1
    write_outlines(tmp_path / name, labels, "TYX")
    image = ImageSeries(np.zeros((2, 1, 40, 50)), "TCYX")
    np.testing.assert_array_equal(read_outlines(tmp_path / name, image).array, labels)


@pytest.mark.parametrize("name", KINDS)
def test_an_older_file_is_replaced(tmp_path, name):
    needs_roifile(name)
    labels = some_labels()
    write_outlines(tmp_path / name, labels)
    write_outlines(tmp_path / name, np.where(labels == 2, 2, 0))
    found = read_outlines(tmp_path / name)
    assert np.unique(found.array).tolist() == [0, 2]
    assert found.array.shape == (25, 12)
    assert found.notes == ("how large the image is, is not told; --image tells it",)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_roifile_reads_what_fiji_would(tmp_path):
    roifile = pytest.importorskip("roifile")
    write_outlines(tmp_path / "rois.zip", some_labels())
    with zipfile.ZipFile(tmp_path / "rois.zip") as file:
        assert file.namelist() == ["0002.roi", "0005.roi", "70000.roi"]
    two_parts, hole, plain = roifile.roiread(tmp_path / "rois.zip")
    assert plain.roitype == roifile.ROI_TYPE.POLYGON
    corners = [[30, 20], [50, 20], [50, 39], [30, 39]]
    assert plain.coordinates().tolist() == corners
    assert (plain.left, plain.top, plain.right, plain.bottom) == (30, 20, 50, 39)
    assert two_parts.composite and hole.composite
    assert len(two_parts.coordinates(multi=True)) == 2


def test_rois_of_others_are_numbered_in_their_order(tmp_path):
    roifile = pytest.importorskip("roifile")
    square = np.array([[1, 1], [6, 1], [6, 6], [1, 6]])
    named = {"0004-0003": square, "nucleus": square + 10}
    rois = [roifile.ImagejRoi.frompoints(p, name=n) for n, p in named.items()]
    point = roifile.ImagejRoi.frompoints([[3, 3]], name="point")
    point.roitype = roifile.ROI_TYPE.POINT
    roifile.roiwrite(tmp_path / "rois.zip", [*rois, point])
    found = read_outlines(tmp_path / "rois.zip")
    assert np.unique(found.array, return_counts=True)[1].tolist()[1:] == [25, 25]
    assert "points, lines and other ROIs without area were left out: 1" in found.notes
    assert "its ROIs are numbered in their order" in found.notes
    rois[1].tofile(tmp_path / "one.roi")
    assert read_outlines(tmp_path / "one.roi").array.max() == 1


def test_geojson_is_what_qupath_imports(tmp_path):
    labels, path = some_labels(), tmp_path / "cells.geojson"
    about = {5: {"measurements": {"Score": 0.5}}}
    write_outlines(path, labels, properties=about)
    features = json.loads(path.read_text())["features"]
    kinds = [f["geometry"]["type"] for f in features]
    assert kinds == ["MultiPolygon", "Polygon", "Polygon"]
    assert features[1]["properties"] == {
        **{"objectType": "detection", "name": "5"},
        "measurements": {"Score": 0.5},
    }
    around, hole = features[1]["geometry"]["coordinates"]
    assert around == [[3, 2], [9, 2], [9, 12], [3, 12], [3, 2]]
    assert hole[0] == hole[-1] and len(hole) == 5


def test_the_command_converts_and_brings_back(tmp_path, capsys):
    labels = some_labels()
    write_labels(tmp_path / "a_labels.tif", labels, (0.5, 0.5))
    given = tmp_path / "a_labels.tif", tmp_path / "a.geojson", tmp_path / "back.tif"
    first, second, third = map(str, given)
    assert main(["convert", first, "--to", second]) == 0
    assert main(["convert", second, "--image", first, "--to", third]) == 0
    back = read_labels(tmp_path / "back.tif")
    np.testing.assert_array_equal(back.array, labels)
    assert back.spacing == (0.5, 0.5)
    assert "a.geojson (3 outlines)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "to", "sentence"),
    [
        ("a.geojson", "{", "b.tif", "cannot be read as GeoJSON"),
        ("a.geojson", "[1]", "b.tif", "holds no features of GeoJSON"),
        ("a.geojson", "[]", "b.tif", "holds no outlines; draw some"),
        ("a.geojson", None, "b.tif", "does not exist"),
        ("a.geojson", "[]", "b.png", "give it the suffix .zip"),
        ("a.geojson", "[]", "a.geojson", "is the file to convert"),
        ("a.zip", "x", "b.tif", "cannot be read as ROIs"),
    ],
)
def test_bad_files_are_one_sentence(tmp_path, capsys, name, content, to, sentence):
    needs_roifile(name)
    if content is not None:
        (tmp_path / name).write_text(content)
    assert main(["convert", str(tmp_path / name), "--to", str(tmp_path / to)]) == 2
    assert sentence in capsys.readouterr().err


def test_exports_are_checked_first(monkeypatch):
    assert checked_exports(["geojson", "geojson,geojson"]) == ("geojson",)
    with pytest.raises(ValueError, match="'svg' is not known; choose one of roi, geo"):
        checked_exports(["svg"])
    monkeypatch.setitem(__import__("sys").modules, "roifile", None)
    with pytest.raises(ValueError, match=r"need the extra roi .* -e \"\.\[roi\]\""):
        checked_exports(["roi"])
