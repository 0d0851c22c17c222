"""Downloads and zips: checked, unpacked safely, kept; a local server stands in."""

from __future__ import annotations

import socket
import stat
import zipfile

import pytest

from napari_unet.events import Control, Note, Progress, drain
from napari_unet.files import downloads
from napari_unet.files import downloads as zips
from napari_unet.files.datasets import find_pairs
from napari_unet.files.downloads import ARCHIVES, download, unpack
from support.serving import PICTURE, archive_of, pairs, serving, zipped


@pytest.fixture
def server(tmp_path):
    """The folder that is served, and its url."""
    folder = tmp_path / "served"
    folder.mkdir()
    with serving(folder) as url:
        yield folder, url


@pytest.fixture
def offer(server, tmp_path, monkeypatch):
    """A function that offers a zip for download as "test"."""
    monkeypatch.setattr(downloads, "cache", lambda: tmp_path / "cache")
    folder, url = server

    def offer(data, sha256=None, url=url):
        (folder / "set.zip").write_bytes(data)
        archive = archive_of(data, url, sha256)
        monkeypatch.setitem(ARCHIVES, "test", archive)
        return archive

    return offer


def cached(tmp_path):
    return sorted(p.name for p in (tmp_path / "cache").glob("*"))


def test_the_entries_are_whole():
    for archive in ARCHIVES.values():
        assert archive.url.startswith("https://") and archive.url.endswith(".zip")
        assert len(archive.sha256) == 64 and int(archive.sha256, 16)
        assert 1 < archive.megabytes < 100


def test_a_download_becomes_a_data_set(offer, tmp_path):
    data = zipped(pairs() | {"set/read me.txt": b"no image", "set/index.csv": b"id"})
    archive = offer(data)
    events = []
    folder = drain(download("test"), events.append)
    assert folder == tmp_path / "cache" / f"set-{archive.sha256[:8]}" / "set/train"
    assert len(find_pairs(folder).pairs) == 3
    names = {p.name for p in folder.parent.rglob("*")}
    assert "index.csv" in names and "read me.txt" not in names
    assert cached(tmp_path) == [folder.parents[1].name]
    told = [e for e in events if isinstance(e, Progress)]
    assert [e.done for e in told if e.what == "downloading"][-1] == len(data)
    assert all(e.done <= e.total for e in told)


def test_the_second_time_nothing_is_downloaded(offer, server):
    offer(zipped(pairs()))
    folder = drain(download("test"))
    (server[0] / "set.zip").unlink()
    assert drain(download("test")) == folder


def test_another_file_than_that_one_is_refused(offer, tmp_path):
    offer(zipped(pairs()), sha256="ab" * 32)
    with pytest.raises(ValueError, match="not the file with the SHA-256 abababab"):
        drain(download("test"))
    assert cached(tmp_path) == []


def test_a_server_that_sends_without_end_is_left(offer, server, tmp_path):
    archive = offer(zipped(pairs()))
    (server[0] / "set.zip").write_bytes(bytes(5_000_000))
    with pytest.raises(ValueError, match="is not the file"):
        drain(download("test"))
    assert archive.megabytes < 0.1 and cached(tmp_path) == []


def test_without_a_connection_the_error_names_the_url(offer, tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but nobody listens
        archive = offer(b"", url=f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(ValueError, match="no connection") as caught:
            drain(download("test"))
    assert str(caught.value).startswith(archive.url) and "\n" not in str(caught.value)
    assert cached(tmp_path) == []


def test_a_missing_file_on_the_server_is_told(offer, server):
    offer(b"")
    (server[0] / "set.zip").unlink()
    with pytest.raises(ValueError, match="404 File not found"):
        drain(download("test"))


def test_a_silent_server_is_told(offer, monkeypatch):
    monkeypatch.setattr(downloads, "SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        offer(b"", url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ValueError, match="no answer within"):
            drain(download("test"))


@pytest.mark.parametrize("when", ["downloading", "unpacking"])
def test_stop_leaves_nothing(offer, tmp_path, when):
    offer(zipped(pairs(20)))
    control = Control()

    def stop(event):
        if event.what == when:
            control.stop()

    assert drain(download("test", control=control), stop) is None
    assert cached(tmp_path) == []


def test_a_closed_generator_leaves_nothing(offer, tmp_path):
    offer(zipped(pairs(20)))
    events = download("test")
    while next(events).what != "unpacking":
        pass
    next(events)
    events.close()
    assert cached(tmp_path) == []


def test_a_local_zip_is_unpacked_and_a_known_one_is_told(offer, tmp_path):
    data = zipped(pairs())
    (tmp_path / "mine.zip").write_bytes(data)
    events = []
    folder = drain(unpack(tmp_path / "mine.zip"), events.append)
    assert folder.name.startswith("mine-") and folder.parent == tmp_path / "cache"
    assert len(find_pairs(folder / "set/train").pairs) == 3
    assert not any(isinstance(e, Note) for e in events)
    offer(data)
    folder = drain(unpack(tmp_path / "mine.zip"), events.append)
    assert folder == drain(download("test"))
    (note,) = (e.text for e in events if isinstance(e, Note))
    assert "mine.zip is a set: its SHA-256 agrees" in note


def link():
    info = zipfile.ZipInfo("images/link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("member", "what"),
    [
        ("../evil.png", "outside"),
        ("images/../../evil.png", "outside"),
        ("images\\..\\..\\evil.png", "outside"),
        ("/evil.png", "outside"),
        ("C:\\evil.png", "outside"),
        ("\\\\host\\evil.png", "outside"),
        (link(), "is a link"),
    ],
    ids=str,
)
def test_members_that_lie_elsewhere_are_refused(offer, tmp_path, member, what):
    path = tmp_path / "in" / "bad.zip"
    path.parent.mkdir()
    path.write_bytes(zipped(pairs() | {member: PICTURE}))
    before = {p for p in tmp_path.rglob("*") if p.name != "cache"}
    with pytest.raises(ValueError, match=what) as caught:
        drain(unpack(path))
    assert str(caught.value).startswith(f"{path}: cannot be unpacked (")
    assert {p for p in tmp_path.rglob("*") if p.name != "cache"} == before


@pytest.mark.parametrize("limit", ["MOST_FILES", "MOST_BYTES"])
def test_too_much_is_refused_before_it_is_unpacked(offer, tmp_path, monkeypatch, limit):
    monkeypatch.setattr(zips, limit, 5)
    (tmp_path / "a.zip").write_bytes(zipped(pairs()))
    with pytest.raises(ValueError, match="6 images with 0.0 GB are more than"):
        drain(unpack(tmp_path / "a.zip"))
    assert cached(tmp_path) == []


@pytest.mark.parametrize("what", ["text", "cut", "empty", "no images", "damaged"])
def test_bad_zips_are_one_sentence(offer, tmp_path, what):
    data = zipped(pairs())
    bad = {
        "text": b"no zip at all",
        "cut": data[: len(data) // 2],
        "empty": zipped({}),
        "no images": zipped({"a.txt": b"", ".hidden.png": b"", "__MACOSX/a.png": b""}),
        "damaged": data.replace(PICTURE[20:30], b"0123456789"),
    }
    path = tmp_path / "a.zip"
    path.write_bytes(bad[what])
    with pytest.raises(ValueError, match="cannot be unpacked") as caught:
        drain(unpack(path))
    assert "\n" not in str(caught.value)
    assert cached(tmp_path) == []


def test_a_missing_zip_is_told(offer, tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        drain(unpack(tmp_path / "none.zip"))
