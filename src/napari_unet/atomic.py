"""Files that are there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path that becomes `path` when the block ends well.

    The temporary file lies in the same folder and has the same suffix. If the block
    fails, or the process is interrupted, nothing appears under `path`, a file that was
    there stays as it was, and the temporary file is removed. A ValueError if the file
    cannot be written: no such folder, no permission, disk full. Writers that report a
    full disk by anything but an OSError should make the bytes first and write those.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with atomic(Path(folder) / "a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     Path(folder, "a.txt").read_text()
    'whole'
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(6)}.part{path.suffix}")
    try:
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ValueError(
            f"cannot write {path}: {reason(error)}; choose a folder that exists, may "
            "be written to and has room"
        ) from error


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
    return text or type(error).__name__
