"""Zip archives that strangers made: nothing unpacks to more than it may."""

from __future__ import annotations

import os
import zipfile
import zlib
from typing import IO

from napari_unet.atomic import open_regular

# An archive that is damaged, lacks the file, is encrypted or packed in a way that is
# none of ours, or names sizes that are none.
ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    RuntimeError,  # also of Python: too many levels
    ValueError,
    OverflowError,
    MemoryError,
)
# LZMA and bzip2 ask for memory by what the archive claims.
OURS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def unpacked(path: str | os.PathLike[str], name: str, most: int) -> bytes:
    """Return a file of an archive.

    An OSError, or one of :data:`ARCHIVE_ERRORS`, if it cannot be read, is no file, or
    holds more than `most` bytes.
    """
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        _check(archive.getinfo(name), most)
        return archive.read(name)


def check_archive(file: IO[bytes], most: int) -> None:
    """Raise one of :data:`ARCHIVE_ERRORS` unless all of an archive may be unpacked."""
    with zipfile.ZipFile(file) as archive:
        left = most
        for info in archive.infolist():
            _check(info, left)
            left -= info.file_size


def _check(info: zipfile.ZipInfo, most: int) -> None:
    if info.compress_type not in OURS:
        raise zipfile.BadZipFile(f"{info.filename} is packed in a foreign way")
    if info.file_size > most:
        raise zipfile.BadZipFile(
            f"{info.filename} unpacks to {info.file_size / 2**20:,.0f} MiB, "
            f"{most / 2**20:,.0f} are the most"
        )
