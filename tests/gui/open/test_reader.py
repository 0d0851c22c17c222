"""What napari opens through this plugin, and what it opens as if it were not there."""

from __future__ import annotations

import napari
import numpy as np
import pytest
import tifffile
from PIL import Image as pillow

from napari_unet.data.images import ImageSeries
from napari_unet.gui.layers.axes import axes_of
from napari_unet.gui.open import open as opening
from napari_unet.gui.open import reader

PLUGIN = "napari-unet-live"
RNG = np.random.default_rng(0)
UM = {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm", "PhysicalSizeZUnit": "µm"}


def ome(path, shape, axes, **metadata):
    array = RNG.integers(0, 60_000, shape, dtype=np.uint16)
    sizes = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25, "PhysicalSizeZ": 1.0, **UM}
    tifffile.imwrite(
        path,
        array,
        ome=True,
        photometric="minisblack",
        metadata={"axes": axes, **sizes, **metadata},
    )
    return array


@pytest.mark.parametrize("name", ["a.ome.tif", "a.OME.TIFF"])
def test_ome_tiff_keeps_scale_units_and_channel_names(
    make_napari_viewer, tmp_path, name
):
    array = ome(
        tmp_path / name,
        (2, 3, 4, 20, 30),
        "TCZYX",
        TimeIncrement=500.0,
        TimeIncrementUnit="ms",
        Channel={"Name": ["DAPI", "GFP", "Cy5"]},
    )
    viewer = make_napari_viewer()
    layers = viewer.open(tmp_path / name, plugin=PLUGIN)
    assert [layer.name for layer in layers] == ["a: DAPI", "a: GFP", "a: Cy5"]
    assert len({layer.colormap.name for layer in layers}) == 3
    for channel, layer in enumerate(layers):
        np.testing.assert_array_equal(layer.data, array[:, channel])
        assert layer.scale.tolist() == [0.5, 1, 0.25, 0.25]
        assert [str(u) for u in layer.units] == ["second"] + 3 * ["micrometer"]
        assert layer.axis_labels == ("t", "z", "y", "x")
        assert axes_of(layer) == "TZYX"
        assert not layer.rgb


def test_what_the_file_does_not_say_stays_in_pixels(make_napari_viewer, tmp_path):
    ome(tmp_path / "a.ome.tif", (3, 20, 30), "TYX")
    (layer,) = make_napari_viewer().open(tmp_path / "a.ome.tif", plugin=PLUGIN)
    assert (layer.name, layer.scale.tolist()) == ("a", [1, 0.25, 0.25])
    assert [str(u) for u in layer.units] == ["pixel", "micrometer", "micrometer"]


@pytest.mark.parametrize("step", ["nan", "", "soon", "-1", "0"])
def test_an_impossible_time_step_is_none(tmp_path, step):
    ome(tmp_path / "a.ome.tif", (3, 20, 30), "TYX", TimeIncrement=7.25)
    assert reader.frame_seconds(tmp_path / "a.ome.tif") == 7.25
    data = (tmp_path / "a.ome.tif").read_bytes()
    wrong = data.replace(b'"7.25"', f'"{step:4}"'.encode())
    assert wrong != data and len(wrong) == len(data)
    (tmp_path / "a.ome.tif").write_bytes(wrong)
    assert reader.frame_seconds(tmp_path / "a.ome.tif") is None


def test_colours_become_one_layer(make_napari_viewer):
    array = RNG.integers(0, 255, (3, 20, 30), dtype=np.uint8)
    image = ImageSeries(array, "CYX", (0.5, 0.5), rgb=True, name="tissue")
    ((data, meta, kind),) = reader.image_layers(image)
    layer = make_napari_viewer().add_image(data, **meta)
    assert (kind, layer.rgb, layer.name) == ("image", True, "tissue")
    assert layer.data.shape == (20, 30, 3) and layer.scale.tolist() == [0.5, 0.5]


def test_channels_without_names_have_numbers(make_napari_viewer):
    # 20 x 30 x 3 is what napari would take for colours.
    image = ImageSeries(np.zeros((2, 20, 30, 3)), "CZYX", name="a")
    ((data, meta, _),) = reader.image_layers(image)
    layers = make_napari_viewer().add_image(data, **meta)
    assert [layer.name for layer in layers] == ["a: 0", "a: 1"]
    assert [layer.data.shape for layer in layers] == 2 * [(20, 30, 3)]
    assert not any(layer.rgb for layer in layers)


@pytest.mark.parametrize(
    "name", ["a.tif", "a.png", "a.zarr", "a.txt", "a", "folder.ome.tif", "folder.nd2"]
)
def test_other_paths_are_not_ours(tmp_path, name):
    path = tmp_path / name
    path.mkdir() if name.startswith("folder") else path.write_bytes(b"")
    assert reader.get_reader(str(path)) is None


@pytest.mark.parametrize(
    "path", [["a.ome.tif", "b.ome.tif"], "missing.ome.tif", "https://a/b.ome.tif", ""]
)
def test_what_cannot_be_known_is_none(path):
    assert reader.get_reader(path) is None


@pytest.mark.parametrize("name", ["a.ome.tif", "a.nd2", "a.lif", "a.czi"])
def test_a_damaged_file_is_one_sentence(tmp_path, name):
    (tmp_path / name).write_bytes(b"nonsense")
    read = reader.get_reader(str(tmp_path / name))
    with pytest.raises(ValueError) as caught:
        read(str(tmp_path / name))
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(caught.value)


def test_notes_of_a_file_are_shown(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(reader, "show_info", told.append)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tif:
        for size in (10, 30):
            tif.write(np.zeros((size, size), np.uint8), photometric="minisblack")
    reader.read_layers(str(tmp_path / "a.ome.tif"))
    (note,) = told
    assert note.startswith("a: of 2 image series, 1 (") and "not 0 (" in note


def test_all_images_of_a_file_are_opened(make_napari_viewer, tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tif:
        for size in (28, 30):
            tif.write(np.zeros((size, size), np.uint8), photometric="minisblack")
    layers = make_napari_viewer().open(tmp_path / "a.ome.tif", plugin=PLUGIN)
    assert [layer.name for layer in layers] == ["a_s0", "a_s1"]


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_ordinary_files_open_as_without_us(make_napari_viewer, tmp_path, suffix):
    array = RNG.integers(0, 255, (20, 30), dtype=np.uint8)
    pillow.fromarray(array).save(tmp_path / f"a.{suffix}")
    # Without a plugin it is a drop, or File > Open: two readers would be an error.
    (layer,) = make_napari_viewer().open(tmp_path / f"a.{suffix}", plugin=None)
    assert layer.source.reader_plugin == "napari"
    np.testing.assert_array_equal(layer.data, array)


def test_an_ordinary_folder_opens_as_without_us(make_napari_viewer, tmp_path):
    for i in range(2):
        pillow.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / f"{i}.png")
    (layer,) = make_napari_viewer().open(tmp_path, plugin=None)
    assert layer.source.reader_plugin == "napari"
    assert layer.data.shape == (2, 20, 30)


def test_a_model_is_chosen_in_the_segment_dock(
    make_napari_viewer, tmp_path, monkeypatch
):
    docks = []
    monkeypatch.setattr(
        opening, "open_dock", lambda viewer, name: docks.append((viewer, name))
    )
    (tmp_path / "a.unetmodel").write_bytes(b"read when it is used")
    viewer = make_napari_viewer()
    chosen = []
    opening.models().chosen.connect(chosen.append)
    assert viewer.open(tmp_path / "a.unetmodel", plugin=None) == []
    opening.models().chosen.disconnect(chosen.append)
    assert chosen == [str(tmp_path / "a.unetmodel")]
    assert docks == [(viewer, "Segment")]
    docks.clear()


def test_without_a_viewer_a_model_is_nothing(tmp_path):
    assert napari.current_viewer() is None
    (tmp_path / "a.unetmodel").write_bytes(b"")
    read = reader.get_reader(str(tmp_path / "a.unetmodel"))
    assert read(str(tmp_path / "a.unetmodel")) == [(None,)]
