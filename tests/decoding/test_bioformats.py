"""ND2, LIF and CZI: the contract with bioio, with a stand-in for its modules."""

from __future__ import annotations

import sys
from datetime import timedelta
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from napari_unet.decoding.bioformats import frame_seconds
from napari_unet.files.datasets import find_pairs
from napari_unet.files.readers import read_image, read_images, read_labels

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 60_000, (2, 3, 4, 20, 30), dtype=np.uint16)


class Unsupported(Exception):
    """bioio's own error is no ValueError."""


def sizes(z=None, y=None, x=None):
    return SimpleNamespace(Z=z, Y=y, X=x)


@pytest.fixture
def bioio(monkeypatch, tmp_path):
    """A function that says what the image of each file is; returns a path."""
    answer = SimpleNamespace()
    asked = []

    def make(path, reader):
        asked.append((path, reader))
        if isinstance(answer.image, Exception):
            raise answer.image
        return answer.image

    modules = {name: ModuleType(name) for name in ("bioio", "bioio_base.exceptions")}
    modules["bioio"].BioImage = make
    modules["bioio_base"] = ModuleType("bioio_base")
    modules["bioio_base.exceptions"].UnsupportedFileFormatError = Unsupported
    for plugin in ("bioio_nd2", "bioio_lif", "bioio_czi"):
        modules[plugin] = ModuleType(plugin)
        modules[plugin].Reader = plugin
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)

    def file(name="cells.nd2", array=STACK, axes="TCZYX", **image):
        defaults = {
            "data": array,
            "dims": SimpleNamespace(order=axes),
            "physical_pixel_sizes": sizes(1.0, 0.25, 0.25),
            "channel_names": [np.str_("DAPI"), np.str_("GFP"), np.str_("Cy5")],
            "scenes": ("first",),
            "time_interval": None,
        }
        answer.image = image.pop("error", SimpleNamespace(**defaults | image))
        (tmp_path / name).write_bytes(b"not read by the stand-in")
        return tmp_path / name

    file.asked = asked
    return file


@pytest.mark.parametrize("suffix", ["nd2", "lif", "czi", "CZI"])
def test_axes_spacing_and_channels_are_kept(bioio, suffix):
    path = bioio(f"cells.{suffix}")
    image = read_image(path)
    assert (image.axes, image.name, image.rgb) == ("TCZYX", "cells", False)
    assert image.spacing == (1.0, 0.25, 0.25)
    assert image.channels == ("DAPI", "GFP", "Cy5")
    assert all(type(name) is str for name in image.channels)
    np.testing.assert_array_equal(image.array, STACK)
    assert bioio.asked == [(path, f"bioio_{suffix.lower()}")]


def test_axes_of_length_1_go_and_made_up_names_too(bioio):
    path = bioio(array=STACK[:1, :1], channel_names=["Channel:0:0"])
    image = read_image(path)
    assert (image.axes, image.array.shape) == ("CZYX", (1, 4, 20, 30))
    assert image.channels == ()


@pytest.mark.parametrize("unknown", [None, 0.0, float("nan"), float("inf")])
def test_a_missing_calibration_is_no_spacing(bioio, unknown):
    path = bioio(physical_pixel_sizes=sizes(unknown, unknown, unknown))
    assert read_image(path).spacing is None
    path = bioio(physical_pixel_sizes=sizes(unknown, 0.5, 0.5))
    image = read_image(path)
    assert image.spacing is None
    assert any("along Z is not in the file" in note for note in image.notes)


def test_scenes_are_images_each_and_an_overview_is_left_out(bioio):
    scenes = ("A1", "A2", "Overview")
    path = bioio(scenes=scenes, set_scene=lambda scene: None, dtype=STACK.dtype)
    assert [i.name for i in read_images(path)] == ["cells_s0", "cells_s1"]
    first, *others = read_image(path).notes
    assert "were read, not 2 (Overview)" in first
    assert others == ["only the first of 2 image series was read; --series chooses"]
    assert read_image(path, series="A2").name == "cells_s1"


@pytest.mark.parametrize("samples", [3, 4])
def test_colours_lose_alpha_only(bioio, samples):
    array = RNG.integers(0, 255, (1, 1, 1, 20, 30, samples), dtype=np.uint8)
    image = read_image(bioio(array=array, axes="TCZYXS", channel_names=["RGB"]))
    assert image.rgb and image.axes == "CYX"
    np.testing.assert_array_equal(
        image.array, np.moveaxis(array[0, 0, 0, ..., :3], -1, 0)
    )


def test_tiles_that_are_not_stitched_are_refused(bioio):
    path = bioio(array=STACK[:, :, 0, None], axes="MTCYX"[:5])
    with pytest.raises(ValueError, match="2 tiles are not stitched"):
        read_image(path)


def test_seconds_between_frames(bioio):
    assert frame_seconds(bioio()) is None
    assert frame_seconds(bioio(time_interval=timedelta(milliseconds=1500))) == 1.5
    assert frame_seconds(bioio(time_interval=timedelta(0))) is None


@pytest.mark.parametrize(
    "error",
    [Unsupported("does not support the image: 'PATH'. bad header"), OSError("bad")],
)
def test_what_bioio_cannot_read_is_one_sentence(bioio, error, tmp_path):
    text = str(error).replace("PATH", str(tmp_path / "cells.nd2"))
    path = bioio(error=type(error)(text))
    with pytest.raises(ValueError, match="cannot be read .bad") as caught:
        read_image(path)
    assert str(caught.value).count(str(path)) == 1
    assert "ND2" in str(caught.value)


@pytest.mark.parametrize("missing", ["bioio", "bioio_czi"])
def test_without_the_extra_the_line_that_installs_it(bioio, monkeypatch, missing):
    path = bioio("cells.czi")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ValueError, match=r'pip install -e "\.\[bioio,czi\]"') as e:
        read_image(path)
    assert str(e.value).startswith(f"{path}: reading .czi needs the extras bioio,czi")
    assert "\n" not in str(e.value)


def test_a_missing_file_comes_first(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "bioio", None)
    with pytest.raises(ValueError, match="does not exist"):
        read_image(tmp_path / "cells.nd2")


def test_data_sets_find_these_files(bioio, tmp_path):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
        bioio(f"{folder}/cells.lif")
    (pair,) = find_pairs(tmp_path).pairs
    assert pair.image.name == pair.labels.name == "cells.lif"
    bioio("labels/cells.lif", array=STACK[:1, :1, :1])
    assert read_labels(pair.labels).axes == "YX"
