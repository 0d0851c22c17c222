"""Files of labels become one table, with what segmenting wrote beside them."""

import csv
import json

import numpy as np
import pytest
import tifffile

from napari_unet.cli import main
from napari_unet.files.writers import write_labels, write_table

UM = {"unit": "um"}


def read(path):
    with path.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture
def data(tmp_path):
    """Two images of two channels, of 0.5 µm a pixel, each with two objects."""
    for number in range(2):
        labels = np.zeros((40, 50), np.uint16)
        labels[0:10, 5:15], labels[20:30, 20:40] = 1, 5
        (tmp_path / "labels").mkdir(exist_ok=True)
        write_labels(tmp_path / f"labels/a{number}_labels.tif", labels, (0.5, 0.5))
        image = np.stack([labels * 100, labels * 0 + number]).astype(np.uint16)
        (tmp_path / "images").mkdir(exist_ok=True)
        tifffile.imwrite(
            tmp_path / f"images/a{number}.tif",
            image,
            imagej=True,
            resolution=(2, 2),
            metadata={**UM, "axes": "CYX", "Labels": ["DAPI", "GFP"]},
        )
    return tmp_path


def measure(*tokens):
    return main(["measure", *map(str, tokens)])


def test_folders_give_one_table_and_a_summary_an_image(data, capsys):
    where = data / "new" / "table.csv", data / "new" / "images.csv"
    images = "--image", data / "images"
    given = data / "labels", *images, "--output", where[0], "--summary", where[1]
    assert measure(*given) == 0
    rows = read(where[0])
    assert [(r["image"], r["label"]) for r in rows] == [
        *(("a0", "1"), ("a0", "5"), ("a1", "1"), ("a1", "5"))
    ]
    assert [float(r["area_um2"]) for r in rows[:2]] == [25, 50]
    assert [float(r["intensity_mean-DAPI"]) for r in rows[:2]] == [100, 500]
    assert [float(r["intensity_sum-GFP"]) for r in rows] == [0, 0, 100, 200]
    assert rows[0]["touches_border"] == "True"
    first, second = read(where[1])
    assert (first["image"], first["objects"]) == ("a0", "2")
    assert float(first["density_per_mm2"]) == pytest.approx(2 / (0.02 * 0.025))
    assert float(first["covered"]) == pytest.approx(0.15)
    assert float(second["intensity_mean-GFP"]) == 1
    line = "a0: 2 objects, 4,000 per mm², median 37.5 µm², 1 at the border"
    assert capsys.readouterr().out.splitlines()[0] == line


def test_scores_and_later_corrections_are_known(data):
    names = ("image", "id", "frame", "size", "unit", "score")
    told = [["a0", 1, 0, 25.0, "µm²", 0.9], ["a0", 7, 0, 3.0, "µm²", 0.5]]
    rows = [dict(zip(names, row, strict=True)) for row in told]
    write_table(data / "labels" / "objects.csv", names, rows)
    table = data / "table.csv"
    assert measure(data / "labels/a0_labels.tif", "--output", table) == 0
    found = [(r["label"], r["score"], r["edited"]) for r in read(table)]
    assert found == [("1", "0.9", "False"), ("5", "", "True")]


def test_classes_have_their_names(data):
    told = {"model": {"class_names": {"1": "gland", "5": "stroma"}}}
    (data / "labels/a0_labels.json").write_text(json.dumps(told))
    table = data / "table.csv"
    assert measure(data / "labels/a0_labels.tif", "--output", table) == 0
    assert [r["class"] for r in read(table)] == ["gland", "stroma"]


def test_a_series_has_a_summary_a_time_point(tmp_path, capsys):
    labels = np.zeros((2, 20, 20), np.uint16)
    labels[0, 2:6, 2:6] = 1
    write_labels(tmp_path / "t.tif", labels, (1, 1), axes="TYX")
    table = tmp_path / "table.csv"
    assert measure(tmp_path / "t.tif", "--output", table) == 0
    assert [r["frame"] for r in read(table)] == ["0"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("t, t 0: 1 object, 2,500 per mm²")
    assert lines[1] == "t, t 1: 0 objects, 0 per mm²"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["labels", "--image", "images/a0.tif"], "there is no image of this name"),
        (["images/a1.tif"], "has 2 different channels, so it is no label image"),
        (["labels/a0_labels.tif", "--image", "images", "--channel", "RFP"], "RFP"),
    ],
)
def test_bad_input_is_one_sentence(data, capsys, monkeypatch, given, sentence):
    monkeypatch.chdir(data)
    assert measure(*given, "--output", "table.csv") == 2
    assert sentence in capsys.readouterr().err
    assert not (data / "table.csv").exists()
