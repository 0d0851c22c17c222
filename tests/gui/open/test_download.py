"""Downloading a data set from napari's menus; a server on this machine stands in."""

from __future__ import annotations

import socket

import napari
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unet.files import downloads
from napari_unet.gui import worker
from napari_unet.gui.open import download, reading
from napari_unet.gui.open import open as opening
from support.opened import dock, wait, with_dock
from support.serving import archive_of, pairs, serving, zipped

PLUGIN = "napari-unet-live"
SAMPLES = {"dsb2018_fluorescence": "fluorescence", "dsb2018_all_kinds": "all kinds"}
COMMANDS = {
    download.download_fluorescence: "fluorescence",
    download.download_all_kinds: "all kinds",
}


@pytest.fixture
def viewer(make_napari_viewer):
    """A viewer with the train dock open."""
    return with_dock(make_napari_viewer())


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """What the user is told."""
    told = []
    for module, name in (
        (download, "show_info"),
        (opening, "show_info"),
        (worker, "show_error"),
    ):
        monkeypatch.setattr(module, name, told.append)
    return told


@pytest.fixture
def offer(tmp_path, monkeypatch):
    """A function that offers a zip instead of the real ones: 3 images, 2 to show."""
    monkeypatch.setattr(reading, "MOST_PAIRS", 2)
    monkeypatch.setattr(downloads, "cache", lambda: tmp_path / "cache")
    (tmp_path / "served").mkdir()

    def offer(url, data=None, **kwargs):
        data = zipped(pairs(3)) if data is None else data
        (tmp_path / "served" / "set.zip").write_bytes(data)
        for name in SAMPLES.values():
            archive = archive_of(data, url, **kwargs)
            monkeypatch.setitem(downloads.ARCHIVES, name, archive)
        return archive

    with serving(tmp_path / "served") as url:
        offer.url = url
        yield offer


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_is_downloaded_and_opened(viewer, qtbot, told, offer, sample):
    offer(offer.url)
    assert viewer.open_sample(PLUGIN, sample) == []
    assert len(opening._openings) == 1  # napari goes on while it comes
    wait(qtbot)
    assert len(viewer.layers) == 4
    assert viewer.layers[0].data.tolist() == np.full((8, 8), 7).tolist()
    (folder,) = dock(viewer).folders
    assert folder.parts[-2:] == ("set", "train")
    first, second = told
    assert first.startswith("Getting 0 MB") and "2 of 3 images" in second


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_do_the_same(viewer, qtbot, offer, command):
    offer(offer.url)
    command(viewer)
    wait(qtbot)
    assert len(viewer.layers) == 4 and len(dock(viewer).folders) == 1


def test_without_a_window_the_layers_come_at_once(offer):
    assert napari.current_viewer() is None
    offer(offer.url)
    layers = ViewerModel().open_sample(PLUGIN, "dsb2018_fluorescence")
    assert len(layers) == 4
    assert [layer.name for layer in layers[:2]] == ["0", "0 labels"]


def test_offline_is_one_error_that_names_the_url(viewer, qtbot, told, offer):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but nobody listens
        archive = offer(f"http://127.0.0.1:{closed.getsockname()[1]}")
        viewer.open_sample(PLUGIN, "dsb2018_fluorescence")
        wait(qtbot)
    _, text = told
    assert text.startswith(archive.url) and "no connection" in text
    assert "Open a data set zip..." in text and "\n" not in text
    assert len(viewer.layers) == 0 and dock(viewer).folders == []


def test_a_wrong_hash_is_one_error(viewer, qtbot, told, offer):
    offer(offer.url, sha256="ab" * 32)
    viewer.open_sample(PLUGIN, "dsb2018_fluorescence")
    wait(qtbot)
    _, text = told
    assert "is not the file" in text and len(viewer.layers) == 0


def test_a_zip_with_a_member_outside_is_one_error(viewer, qtbot, told, offer):
    offer(offer.url, zipped(pairs() | {"../evil.png": b""}))
    viewer.open_sample(PLUGIN, "dsb2018_fluorescence")
    wait(qtbot)
    _, text = told
    assert "../evil.png would lie outside" in text and len(viewer.layers) == 0


def test_cancel_leaves_nothing(viewer, qtbot, told, offer, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "SECONDS", 1.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        offer(f"http://127.0.0.1:{silent.getsockname()[1]}")
        viewer.open_sample(PLUGIN, "dsb2018_fluorescence")
        (one,) = opening._openings
        one._bar.cancel()
        wait(qtbot)
    assert told[1:] == ["a set: cancelled"]
    assert len(viewer.layers) == 0 and not list((tmp_path / "cache").glob("*"))
