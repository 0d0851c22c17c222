"""Files are there whole or not at all, and only where a file may be."""

import os
import subprocess
import sys

import pytest

from napari_unet import atomic as module
from napari_unet.atomic import atomic, longest_name, open_regular
from napari_unet.locks import LOCK, FolderLock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="of POSIX")


def write(path, text="new"):
    with atomic(path) as temporary:
        temporary.write_text(text)


def test_what_is_no_file_is_not_replaced(tmp_path):
    pipe, link, loop = (tmp_path / n for n in ("pipe", "link", "loop"))
    os.mkfifo(pipe)
    link.symlink_to("/dev/null")
    loop.symlink_to(loop)
    for path, what in ((pipe, "a pipe"), (link, "a device"), (tmp_path, "a folder")):
        with pytest.raises(ValueError, match=f"cannot write .*: it is {what}; choose"):
            write(path)
        with pytest.raises(OSError, match=f"it is {what}"):
            open_regular(path)
    with pytest.raises(ValueError, match="symbolic links; choose"):
        write(loop)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "loop", "pipe"]


def test_a_link_stays_and_its_file_is_written(tmp_path):
    (tmp_path / "there").mkdir()
    file, link = tmp_path / "there" / "a.txt", tmp_path / "link.txt"
    link.symlink_to(file)
    write(link, "first")
    write(link, "second")
    assert link.is_symlink() and file.read_text() == "second"


def test_the_longest_name_can_be_written(tmp_path):
    path = tmp_path / ("n" * (longest_name(tmp_path) - 4) + ".txt")
    write(path)
    assert path.read_text() == "new"


def test_all_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def told(*args, name=name, real=real):
            done.append(name)
            return real(*args)

        monkeypatch.setattr(module.os, name, told)
    write(tmp_path / "a.txt")
    assert done == ["fsync", "replace", "fsync"]


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    with atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        left = tmp_path / temporary.name.replace(f".{os.getpid()}.", f".{dead.pid}.")
        left.write_text("half")
        write(tmp_path / "b.txt")
        assert temporary.exists() and not left.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "b.txt"]


def test_one_training_at_a_time_works_in_a_folder(tmp_path):
    (tmp_path / LOCK).write_text("{}")  # of a process that is no more
    with FolderLock(tmp_path) as first:
        assert not first.late
        who = rf"another training works in this folder \(process {os.getpid()} on "
        with pytest.raises(ValueError, match=who), FolderLock(tmp_path):
            pass
    assert not list(tmp_path.iterdir())
    folder = tmp_path / "new"
    with FolderLock(folder) as late, FolderLock(folder) as other:
        assert late.late and not folder.exists(), "it is made when all is checked"
        late.take()
        with pytest.raises(ValueError, match="wait for its end"):
            other.take()
    assert not list(folder.iterdir())
