"""Zips from anywhere: only images come out of them, and only where they belong."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

from napari_unet.atomic import make_folder, reason
from napari_unet.events import Control, Event, Progress
from napari_unet.files.layouts import INDEX
from napari_unet.files.readers import SUFFIXES

# No data set of a plugin for one machine comes near; an archive may claim anything.
MOST_FILES = 300_000
MOST_BYTES = 16 * 2**30

ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,  # an encrypted member
)


@contextmanager
def part(folder: Path, suffix: str = "") -> Iterator[Path]:
    """Give a path in a folder; nothing is left of it after the block."""
    path = make_folder(folder) / f".{secrets.token_hex(6)}.part{suffix}"
    try:
        yield path
    finally:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def extract(path: Path, place: Path, control: Control) -> Generator[Event, None, None]:
    """Unpack the images of a zip, and its index.csv, into the new folder `place`.

    They are all there at once, or nothing is. Members are checked before the first one
    is written.

    Raises
    ------
    ValueError
        If the zip cannot be read, or holds what no data set needs.
    """
    with part(place.parent) as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                members = _wanted(archive.infolist())
                for done, member in enumerate(members):
                    yield Progress("unpacking", done, len(members))
                    if control.stopped:
                        return
                    archive.extract(member, folder)
            os.replace(folder, place)
        except OSError as error:
            if not place.is_dir():  # or another napari was faster
                raise ValueError(
                    f"cannot unpack {path}: {reason(error)}; make room in "
                    f"{place.parent}"
                ) from error
        except (ValueError, *ARCHIVE_ERRORS) as error:
            raise ValueError(
                f"{path}: cannot be unpacked ({reason(error)}); get it again, or "
                "unpack it yourself and open the folder"
            ) from error


def _wanted(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Return the images among an archive's members and its index.csv.

    Raises
    ------
    ValueError
        If a member would lie elsewhere, or there is too much of them.
    """
    for member in members:
        name = member.filename
        parts = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
        if ".." in parts or name.startswith(("/", "\\")) or PureWindowsPath(name).drive:
            raise ValueError(f"its member {name} would lie outside of the folder")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ValueError(f"its member {name} is a link")
    wanted = [m for m in members if _is_image(PurePosixPath(m.filename))]
    total = sum(m.file_size for m in wanted)
    if len(wanted) > MOST_FILES or total > MOST_BYTES:
        raise ValueError(
            f"{len(wanted)} images with {total / 1e9:.1f} GB are more than "
            f"{MOST_FILES} or {MOST_BYTES / 1e9:.1f} GB"
        )
    if not wanted:
        raise ValueError("it holds no images")
    return wanted


def _is_image(path: PurePosixPath) -> bool:
    hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return not hidden and (path.suffix.lower() in SUFFIXES or path.name == INDEX)
