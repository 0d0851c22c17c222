from __future__ import annotations

import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage
from skimage.filters import threshold_otsu

from napari_unet.files import sample_data

ROOT = Path(__file__).parents[2] / "sample_data"
FILES = sorted(ROOT.rglob("*.tif"))
LABELS = [f for f in FILES if "labels" in f.as_posix().removeprefix(ROOT.as_posix())]
NAMES = ["nuclei_2d", "nuclei_3d", "timelapse", "tissue"]


def key(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_all_files_are_there_and_small():
    assert len(FILES) == 2 * (8 + 2 + 3)
    assert sum(f.stat().st_size for f in FILES) < 4e6


@pytest.mark.parametrize("path", LABELS, ids=key)
def test_labels_are_whole_objects(path):
    labels = tifffile.imread(path)
    assert labels.dtype == np.uint16
    film = path.name.startswith("timelapse")
    for frame in labels if film else [labels]:
        ids = np.unique(frame)[1:]
        assert len(ids) >= (15 if film else 20)
        for i in ids:
            assert ndimage.label(frame == i)[1] == 1
        assert np.bincount(frame.ravel())[ids].min() >= 10
    np.testing.assert_array_equal(np.unique(labels), np.arange(labels.max() + 1))


@pytest.mark.parametrize("name", ["nuclei", "nuclei/test"])
def test_folders_hold_pairs(name):
    folder = sample_data.folder(name)
    images = sorted((folder / "images").iterdir())
    labels = sorted((folder / "labels").iterdir())
    assert [f.name for f in images] == [f.name for f in labels]
    assert len(images) == {"nuclei": 8, "nuclei/test": 2}[name]
    for image, label in zip(images, labels, strict=True):
        a, b = tifffile.imread(image), tifffile.imread(label)
        assert a.shape == b.shape
        assert min(a.shape) >= 256 and max(a.shape) <= 360
        assert a.dtype in (np.uint8, np.uint16)
        assert a[b > 0].mean() > 1.2 * a[b == 0].mean()


def test_unknown_folder_names_the_known_ones():
    with pytest.raises(ValueError, match="'cells'; choose nuclei or nuclei/test"):
        sample_data.folder("cells")


def test_a_threshold_does_not_solve_it():
    # The share of nuclei that a threshold and connected components find one for one.
    found = total = 0
    for path in sorted((sample_data.folder("nuclei") / "images").iterdir()):
        image = tifffile.imread(path)
        truth = tifffile.imread(path.parents[1] / "labels" / path.name)
        parts = ndimage.label(image > threshold_otsu(image))[0]
        pairs = np.zeros((truth.max() + 1, parts.max() + 1))
        np.add.at(pairs, (truth.ravel(), parts.ravel()), 1)
        union = pairs.sum(0) + pairs.sum(1)[:, None] - pairs
        found += int(((pairs / union)[1:, 1:].max(1) > 0.5).sum())
        total += int(truth.max())
    assert 0.2 < found / total < 0.8


@pytest.mark.parametrize("name", NAMES)
def test_layers_fit_each_other(name):
    (image, at, kind), (labels, labels_at, labels_kind) = getattr(sample_data, name)()
    assert (kind, labels_kind) == ("image", "labels")
    assert at["rgb"] is (name == "tissue")
    assert image.shape[: labels.ndim] == labels.shape
    assert image.ndim == labels.ndim + at["rgb"]
    for entry in ("scale", "units", "axis_labels"):
        assert at[entry] == labels_at[entry]
        assert len(at[entry]) == labels.ndim
    assert labels_at["name"] == f"{at['name']} labels"


@pytest.mark.parametrize("name", NAMES)
def test_layers_have_the_scale_of_their_file(name):
    _, at, _ = getattr(sample_data, name)()[0]
    path = {"nuclei_2d": "nuclei/images/nuclei_04"}.get(name, name)
    with tifffile.TiffFile(ROOT / f"{path}.tif") as file:
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    for axis, step, unit in zip(
        at["axis_labels"], at["scale"], at["units"], strict=True
    ):
        entry = "TimeIncrement" if axis == "t" else f"PhysicalSize{axis.upper()}"
        assert pixels[entry] == step
        assert pixels[f"{entry}Unit"] == unit


def test_the_real_picture_comes_without_a_download(monkeypatch):
    def refuse(*args):
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    ((image, at, kind),) = sample_data.immunohistochemistry()
    assert (kind, at["rgb"]) == ("image", True)
    assert (image.shape, image.dtype) == ((512, 512, 3), np.uint8)
    assert len(at["axis_labels"]) == 2 and image.std() > 20


def test_film_keeps_ids_and_one_nucleus_divides():
    _, (labels, _, _) = sample_data.timelapse()
    ids = [set(np.unique(frame)) - {0} for frame in labels]
    changes = [(a - b, b - a) for a, b in pairwise(ids) if a != b]
    assert [(len(gone), len(new)) for gone, new in changes] == [(1, 2)]
    for before, after in pairwise(labels):
        for i in set(np.unique(before)) & set(np.unique(after)) - {0}:
            a, b = (ndimage.center_of_mass(frame == i) for frame in (before, after))
            assert np.linalg.norm(np.subtract(a, b)) < 8


def test_the_script_makes_these_files(tmp_path):
    subprocess.run([sys.executable, ROOT / "make.py", tmp_path], check=True)
    made = sorted(tmp_path.rglob("*.tif"))
    assert [f.relative_to(tmp_path) for f in made] == [
        f.relative_to(ROOT) for f in FILES
    ]
    for new, old in zip(made, FILES, strict=True):
        a, b = tifffile.imread(new), tifffile.imread(old)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        # On other processors the last bit of a sine may round a grey value differently.
        apart = np.abs(a.astype(int) - b)
        assert apart.max() <= 1 and (apart > 0).mean() < 1e-3
        if old in LABELS:
            np.testing.assert_array_equal(a, b)
