"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}
# How the names of temporary files begin; they are short, however long a name is.
MARK = ".unet"
MOST_SHOWN = 300  # characters of a reason, which may hold what was read
# A file system that cannot flush.
UNKNOWN = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EROFS}
# Of a process on another computer; no file takes so long to write.
LOST_SECONDS = 86_400


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path that becomes `path` when the block ends well.

    The temporary file lies in the same folder and has the same suffix. If the block
    fails, or the process is interrupted, nothing appears under `path`, a file that was
    there stays as it was, and the temporary file is removed; one that a killed process
    left behind goes with the next write into the folder. What a link points to is
    written, and the link stays. All is on the disk before `path` is replaced, so that
    it is whole after a power cut, too. A ValueError if the file cannot be written: no
    such folder, no permission, disk full, or something that is no file. Writers that
    report a full disk by anything but an OSError should make the bytes first.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with atomic(Path(folder) / "a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     Path(folder, "a.txt").read_text()
    'whole'
    """
    given, path = path, Path(os.path.realpath(path))
    check_target(given)
    clean(path.parent)
    token = f"{os.getpid()}.{secrets.token_hex(4)}"
    temporary = path.with_name(f"{MARK}.{_host()}.{token}.part{path.suffix}")
    try:
        try:
            yield temporary
            _flush(temporary, os.O_RDWR)
            os.replace(temporary, path)
            _flush(path.parent, os.O_RDONLY)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ValueError(
            f"cannot write {path}: {reason(error)}; choose a folder that exists, may "
            "be written to and has room"
        ) from error


def check_target(path: str | os.PathLike[str]) -> None:
    """Raise a ValueError if something that is no file has the name of one to write."""
    try:
        what = kind_of(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise ValueError(
            f"cannot write {path}: {reason(error)}; choose another name"
        ) from None
    if what:
        raise ValueError(f"cannot write {path}: it is {what}; choose another name")


def kind_of(path: str | os.PathLike[str]) -> str:
    """Return what something is, behind links; nothing of a file."""
    mode = os.stat(path).st_mode
    return "" if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "no file")


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading; never waits for a pipe or reads a device.

    An OSError if it is not there, or is no file.
    """
    what = kind_of(path)
    if what:
        raise OSError(errno.EINVAL, f"it is {what} and no file")
    return open(path, "rb")


def clean(folder: Path) -> None:
    """Remove what processes that are no more left of files that they wrote."""
    names = []
    with contextlib.suppress(OSError):
        names = os.listdir(folder)
    for name in names:
        if name.startswith(MARK) and ".part" in name:
            left = folder / name
            with contextlib.suppress(OSError, ValueError):
                if _is_left(left):
                    left.unlink()


def _is_left(part: Path) -> bool:
    """Return whether nobody writes a temporary file any more."""
    _, _, host, pid, *_ = part.name.split(".")
    changed = part.stat().st_mtime
    if host != _host() or not pid.isdigit():
        return time.time() - changed > LOST_SECONDS
    return not runs(int(pid), changed)


def runs(pid: int, since: float) -> bool:
    """Return whether a process of this computer that ran at that time still does."""
    import psutil

    try:
        return bool(psutil.Process(pid).create_time() <= since + 1)
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False


def _host() -> str:
    return hashlib.blake2b(platform.node().encode(), digest_size=2).hexdigest()


def _flush(path: Path, mode: int) -> None:
    """Wait until a file or a folder is on the disk, where the system can tell."""
    try:
        number = os.open(path, mode | getattr(os, "O_BINARY", 0))
    except OSError:
        if path.is_dir():
            return  # Windows opens no folders
        raise
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise
    finally:
        os.close(number)


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder and its parents, unless it is there, and return its path."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"cannot make the folder {path}: {reason(error)}; choose another place"
        ) from error
    return path


def longest_name(folder: Path) -> int:
    """Return how long a file's name may be in a folder, made or not, in bytes."""
    nearest = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    try:
        return int(os.pathconf(nearest, "PC_NAME_MAX"))
    except (AttributeError, OSError, ValueError):  # not on Windows
        return 255


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file as 64 hex digits."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read ({reason(error)}); check the path"
        ) from error


def reason(error: BaseException) -> str:
    """Return why something failed in a few words, without paths and line breaks."""
    text = getattr(error, "strerror", None) or " ".join(str(error).split())
    if len(text) > MOST_SHOWN:
        text = f"{text[:MOST_SHOWN]} ..."
    return text or type(error).__name__
