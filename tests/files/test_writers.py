"""Writers: what is written comes back, and nothing is ever half there."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.atomic import atomic, sha256
from napari_unet.files.readers import read_image, read_labels
from napari_unet.files.writers import write_json, write_labels

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("highest", [1, 65_535, 65_536, 2**32 - 1])
@pytest.mark.parametrize("shape", [(20, 30), (3, 20, 30)])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", ["a_labels.tif", "a.ome.tif"])
def test_labels_and_their_size_come_back(tmp_path, highest, shape, known, name):
    labels = RNG.integers(0, highest, shape, dtype=np.int64, endpoint=True)
    labels.flat[0] = highest
    spacing = (0.28371836501901143, 0.25, 0.12678642066720086)[-len(shape) :]
    path = tmp_path / name
    write_labels(path, labels, spacing if known else None)
    back = read_labels(path)
    np.testing.assert_array_equal(back.array, labels)
    assert back.array.dtype == (np.uint16 if highest < 2**16 else np.uint32)
    assert back.axes == "ZYX"[-len(shape) :]
    assert back.spacing == (pytest.approx(spacing, rel=1e-6) if known else None)
    assert back.spacing == read_image(path).spacing
    np.testing.assert_array_equal(tifffile.imread(path), labels)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_small_labels_are_imagej_and_compressed(tmp_path):
    write_labels(tmp_path / "a.tif", np.zeros((300, 300), int), (0.5, 0.5))
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_imagej and tif.imagej_metadata["unit"] == "um"
    assert (tmp_path / "a.tif").stat().st_size < 10_000


@pytest.mark.parametrize("highest", [9, 70_000])
@pytest.mark.parametrize("axes", ["TYX", "TZYX"])
def test_time_is_not_depth(tmp_path, highest, axes):
    labels = RNG.integers(0, highest, (4, 3, 20, 30)[-len(axes) :], endpoint=True)
    spacing = (2.0, 0.5, 0.5)[1 - len(axes) :]
    write_labels(tmp_path / "a.tif", labels, spacing, axes=axes)
    back = read_labels(tmp_path / "a.tif")
    assert (back.axes, back.spacing) == (axes, spacing)
    np.testing.assert_array_equal(back.array, labels)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((5, 5), np.float32), "float32; convert"),
        (np.full((5, 5), -1), "from -1 to -1"),
        (np.full((5, 5), 2**32), "4294967296"),
        (np.zeros(5, int), "shape"),
        (np.zeros((0, 5), int), "shape"),
    ],
)
def test_what_is_no_label_image_is_refused(tmp_path, labels, words):
    with pytest.raises(ValueError, match=words):
        write_labels(tmp_path / "a.tif", labels)
    assert not list(tmp_path.iterdir())


def test_json_comes_back(tmp_path):
    content = {"a": [1, 2.5, None], "µ": "Å"}
    write_json(tmp_path / "a.json", content)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == content


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyError), atomic(path) as temporary:
        temporary.write_text("half of the ne")
        raise KeyError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_one_sentence(tmp_path, monkeypatch):
    path = tmp_path / "a_labels.tif"
    write_labels(path, np.ones((9, 9), int))
    before = sha256(path)

    def full(temporary, *args, **options):
        Path(temporary).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(
        ValueError, match=r"cannot write .*a_labels\.tif: No space left"
    ):
        write_labels(path, np.zeros((9, 9), int))
    assert sha256(path) == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("no folder")
    for place in (tmp_path / "file" / "a.json", tmp_path / "nowhere" / "a.json"):
        with pytest.raises(ValueError, match=r"cannot write .*a\.json: \w+.*; choose"):
            write_json(place, {})
    (tmp_path / "a.json").mkdir()
    with pytest.raises(ValueError, match="cannot write"):
        write_json(tmp_path / "a.json", {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "file"]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="may write everywhere"
)
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ValueError, match="Permission denied"):
            write_json(tmp_path / "a.json", {})
    finally:
        tmp_path.chmod(0o700)


def test_the_hash_of_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"a\.txt: cannot be read"):
        sha256(tmp_path / "a.txt")
