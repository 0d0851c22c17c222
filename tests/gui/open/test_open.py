"""Opening data sets and models, with a train dock that only writes down."""

from __future__ import annotations

import threading
import zipfile

import imagecodecs
import numpy as np
import pytest
import tifffile
from napari.layers import Labels
from qtpy.QtWidgets import QFileDialog

from napari_unet.events import Progress
from napari_unet.files import downloads
from napari_unet.gui import worker
from napari_unet.gui.layers.axes import axes_of
from napari_unet.gui.layers.pairing import usual_zero
from napari_unet.gui.open import open as opening
from support.made import blobs
from support.opened import dock, wait, with_dock


@pytest.fixture
def viewer(make_napari_viewer):
    """A viewer with the train dock open."""
    return with_dock(make_napari_viewer())


@pytest.fixture(autouse=True)
def told(monkeypatch, tmp_path):
    """What the user is told; the cache is a folder of the test."""
    told = []
    for name in ("show_info", "show_warning"):
        monkeypatch.setattr(opening, name, told.append)
    monkeypatch.setattr(worker, "show_error", told.append)
    monkeypatch.setattr(downloads, "cache", lambda: tmp_path / "cache")
    return told


def data_set(folder, count):
    """A folder of `count` images with labels; returns their arrays."""
    arrays = []
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for i in range(count):
        sample = blobs(i, (40, 50), 4)
        image, labels = sample.image.array[0].astype(np.uint16), sample.labels
        arrays.append((image, labels))
        for kind, array in (("images", image), ("labels", labels.astype(np.uint16))):
            tifffile.imwrite(folder / kind / f"{i:02}.tif", array)
    return arrays


def test_all_images_of_a_small_folder_become_pairs(viewer, qtbot, tmp_path, told):
    arrays = data_set(tmp_path / "set", 3)
    opening.open_pairs(viewer, tmp_path / "set")
    wait(qtbot)
    names = [name for i in range(3) for name in (f"0{i}", f"0{i} labels")]
    assert [layer.name for layer in viewer.layers] == names
    for (image, labels), a, b in zip(
        arrays, viewer.layers[::2], viewer.layers[1::2], strict=True
    ):
        np.testing.assert_array_equal(a.data, image)
        np.testing.assert_array_equal(b.data, labels)
        assert b.data.dtype == np.int32
    assert dock(viewer).pairs == [(f"0{i}", f"0{i} labels") for i in range(3)]
    assert dock(viewer).folders == [] and told == []


def test_large_numbers_are_counted_anew_and_notes_of_files_are_told(
    viewer, qtbot, tmp_path, told
):
    ((_, labels),) = data_set(tmp_path / "set", 1)
    large = np.where(labels > 0, labels.astype(np.int64) + 2**32 - 100, 0)
    red = np.stack([large, 0 * large]).astype(np.uint32)
    file = tmp_path / "set" / "labels" / "00.tif"
    tifffile.imwrite(file, red, metadata={"axes": "CYX"})
    opening.open_pairs(viewer, tmp_path / "set")
    wait(qtbot)
    np.testing.assert_array_equal(viewer.layers["00 labels"].data, labels)
    assert told == [
        "labels are taken from channel 0; the others are 0 (1): 00",
        "labels above 2,147,483,647 are numbered anew, from 1 (1): 00",
    ]


@pytest.mark.quick
def test_one_image_is_in_sight_and_active(viewer, qtbot, tmp_path):
    data_set(tmp_path / "set", 3)
    opening.open_pairs(viewer, tmp_path / "set")
    wait(qtbot)
    assert [layer.visible for layer in viewer.layers] == 2 * [True] + 4 * [False]
    assert viewer.layers.selection.active.name == "00"


def test_of_a_large_folder_ten_images_are_shown(viewer, qtbot, tmp_path, told):
    data_set(tmp_path / "set", 12)
    opening.open_pairs(viewer, tmp_path / "set")
    wait(qtbot)
    assert len(viewer.layers) == 20
    assert dock(viewer).pairs == []
    assert dock(viewer).folders == [tmp_path / "set"]
    (text,) = told
    assert "10 of 12 images are shown" in text
    assert all(usual_zero(k) for k in viewer.layers if isinstance(k, Labels))


def test_channels_stay_together_in_the_folder(viewer, qtbot, tmp_path):
    folder = tmp_path / "set"
    data_set(folder, 1)
    tifffile.imwrite(
        folder / "images" / "00.tif",
        np.zeros((2, 40, 50), np.uint8),
        imagej=True,
        metadata={"axes": "CYX"},
    )
    opening.open_pairs(viewer, folder)
    wait(qtbot)
    names = [layer.name for layer in viewer.layers]
    assert names == ["00: 0", "00: 1", "00 labels"]
    assert dock(viewer).pairs == [] and dock(viewer).folders == [folder]


def test_films_and_scale_stay_whole(viewer, qtbot, tmp_path):
    film = np.arange(3 * 20 * 30, dtype=np.uint16).reshape(3, 20, 30)
    step = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "TimeIncrement": 2.0}
    for name, array in (("a", film), ("a_labels", film % 5)):
        tifffile.imwrite(
            tmp_path / f"{name}.ome.tif",
            array,
            ome=True,
            metadata={"axes": "TYX"} | step,
        )
    opening.open_pairs(viewer, tmp_path)
    wait(qtbot)
    image, labels = viewer.layers
    np.testing.assert_array_equal(image.data, film)
    np.testing.assert_array_equal(labels.data, film % 5)
    for layer in (image, labels):
        assert layer.scale.tolist() == [2.0, 0.5, 0.5] and axes_of(layer) == "TYX"
        assert [str(u) for u in layer.units] == ["second", "micrometer", "micrometer"]


def test_colour_images_and_masks_of_single_objects(viewer, qtbot, tmp_path):
    colours = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    for kind in ("images", "masks"):
        (tmp_path / "abc" / kind).mkdir(parents=True)
    imagecodecs.imwrite(tmp_path / "abc" / "images" / "abc.png", colours)
    for i in range(2):
        mask = np.zeros((20, 30), np.uint8)
        mask[2 + 8 * i : 6 + 8 * i, 3:9] = 255
        imagecodecs.imwrite(tmp_path / "abc" / "masks" / f"{i}.png", mask)
    opening.open_pairs(viewer, tmp_path)
    wait(qtbot)
    image, labels = viewer.layers
    assert image.rgb and np.array_equal(image.data, colours)
    assert np.unique(labels.data).tolist() == [0, 1, 2]
    assert dock(viewer).pairs == [("abc", "abc labels")]


def test_a_zip_is_opened_like_its_folder(viewer, qtbot, tmp_path):
    data_set(tmp_path / "set", 2)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for file in (tmp_path / "set").rglob("*.tif"):
            archive.write(file, file.relative_to(tmp_path))
    opening.open_path(viewer, tmp_path / "set.zip")
    wait(qtbot)
    assert [layer.name for layer in viewer.layers][::2] == ["00", "01"]
    (folder,) = (tmp_path / "cache").iterdir()
    assert folder.name.startswith("set-")


@pytest.mark.parametrize("what", ["nothing in it", "damaged", "floats", "no zip"])
def test_what_cannot_be_opened_is_one_notification(viewer, qtbot, tmp_path, told, what):
    path = tmp_path / "set"
    data_set(path, 0 if what == "nothing in it" else 2)
    for i in range(2):
        if what == "damaged":
            (path / "images" / f"0{i}.tif").write_bytes(b"II*\0")
        elif what == "floats":
            half = np.full((40, 50), 0.5, np.float32)
            tifffile.imwrite(path / "labels" / f"0{i}.tif", half)
    if what == "no zip":
        path = tmp_path / "set.zip"
        path.write_bytes(b"no zip")
    opening.open_pairs(viewer, path)
    wait(qtbot)
    (text,) = told
    assert "\n" not in text and str(path) in text
    assert len(viewer.layers) == 0 and dock(viewer).folders == []
    data_set(tmp_path / "other", 1)
    opening.open_pairs(viewer, tmp_path / "other")
    wait(qtbot)
    assert len(viewer.layers) == 2


def test_one_bad_image_does_not_hide_the_others(viewer, qtbot, tmp_path, told):
    data_set(tmp_path / "set", 3)
    (tmp_path / "set" / "images" / "01.tif").write_bytes(b"II*\0")
    opening.open_pairs(viewer, tmp_path / "set")
    wait(qtbot)
    assert [layer.name for layer in viewer.layers][::2] == ["00", "02"]
    (text,) = told
    assert "01.tif: cannot be read" in text
    # The folder says again what is wrong in it, before a training.
    assert dock(viewer).folders == [tmp_path / "set"]


@pytest.fixture
def stuck():
    """A source that goes on until it is stopped, and whether it was."""
    stopped = threading.Event()

    def source(control):
        try:
            while not control.stopped:
                yield Progress("waiting", 1, 2)
                threading.Event().wait(0.01)
        finally:
            stopped.set()

    return source, stopped


def test_cancel_in_the_activity_dock(viewer, qtbot, told, stuck):
    source, stopped = stuck
    opening.open_source(viewer, source, "a set")
    (one,) = opening._openings
    qtbot.waitUntil(lambda: one._bar.n == 1)
    assert (one._bar.total, one._bar.desc.strip(": ")) == (2, "waiting")
    one._bar.cancel()
    wait(qtbot)
    assert stopped.is_set() and told == ["a set: cancelled"]
    assert one._bar.disable  # closed


def test_the_same_is_not_opened_twice_at_once(viewer, qtbot, told, stuck):
    source, _ = stuck
    for _ in range(2):
        opening.open_source(viewer, source, "a set")
    assert told == ["a set is being opened already"]
    (one,) = opening._openings
    one._bar.cancel()
    wait(qtbot)


@pytest.mark.own_viewer
def test_closing_the_viewer_ends_it(viewer, qtbot, told, stuck):
    source, stopped = stuck
    opening.open_source(viewer, source, "a set")
    (one,) = opening._openings
    viewer.close()
    wait(qtbot)
    qtbot.waitUntil(stopped.is_set)
    assert told == [] and one._bar.disable


def test_cancel_while_layers_come(viewer, qtbot, tmp_path):
    data_set(tmp_path / "set", 10)
    opening.open_pairs(viewer, tmp_path / "set")
    (one,) = opening._openings
    qtbot.waitUntil(lambda: len(viewer.layers) >= 2)
    one._bar.cancel()
    wait(qtbot)
    assert len(viewer.layers) < 20
    assert len(dock(viewer).pairs) == len(viewer.layers) / 2


def test_layers_that_go_meanwhile_harm_nothing(viewer, qtbot, tmp_path):
    data_set(tmp_path / "set", 5)
    opening.open_pairs(viewer, tmp_path / "set")
    qtbot.waitUntil(lambda: len(viewer.layers) >= 2)
    viewer.layers.clear()
    wait(qtbot)
    assert len(dock(viewer).pairs) == 5


def test_the_commands_ask_for_a_path(viewer, monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(opening, "open_pairs", lambda v, path: opened.append(path))
    monkeypatch.setattr(opening, "choose_model", lambda v, path: opened.append(path))
    answers = {
        "getExistingDirectory": str(tmp_path),
        "getOpenFileName": (str(tmp_path / "a.zip"), ""),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(
            QFileDialog, name, lambda *args, answer=answer, **kwargs: answer
        )
    opening.open_data_folder(viewer)
    opening.open_data_zip(viewer)
    answer = (str(tmp_path / "run" / "model.safetensors"), "")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: answer)
    opening.open_model(viewer)
    assert opened == [tmp_path, tmp_path / "a.zip", tmp_path / "run"]


def test_a_dialog_that_was_closed_opens_nothing(viewer, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: "")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: ("", ""))
    for command in (
        opening.open_data_folder,
        opening.open_data_zip,
        opening.open_model,
    ):
        command(viewer)
    assert len(viewer.layers) == 0 and not opening._openings


def test_a_dropped_model_folder_is_a_model(viewer, trained, monkeypatch):
    docks, chosen = [], []
    monkeypatch.setattr(opening, "open_dock", lambda v, name: docks.append(name))
    opening.models().chosen.connect(chosen.append)
    opening.open_path(viewer, trained)
    opening.models().chosen.disconnect(chosen.append)
    assert chosen == [str(trained.resolve())] and docks == ["Segment"]


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.ome.tif", "text.txt"])
def test_a_dropped_image_is_opened_as_napari_does(viewer, tmp_path, name):
    path = tmp_path / name
    image = np.arange(24, dtype=np.uint8).reshape(4, 6)
    if name == "a.png":
        path.write_bytes(imagecodecs.png_encode(image))
    elif name == "text.txt":
        path.write_text("no image")
        with pytest.raises(ValueError, match=r"text\.txt: cannot be opened"):
            opening.open_path(viewer, path)
        return
    else:
        tifffile.imwrite(path, image, ome="ome" in name)
    opening.open_path(viewer, path)
    (layer,) = viewer.layers
    np.testing.assert_array_equal(np.asarray(layer.data), image)
