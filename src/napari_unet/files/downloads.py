"""Data sets that come as a zip: downloaded on request, unpacked safely, kept."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from platformdirs import user_cache_path

from napari_unet.atomic import make_folder, reason
from napari_unet.events import Control, Event, Note, Progress
from napari_unet.files.layouts import INDEX
from napari_unet.files.readers import SUFFIXES

CHUNK = 2**18
SECONDS = 10.0
"""How long a server may stay silent."""


@dataclass(frozen=True)
class Archive:
    """A zip that anybody can download.

    folder : the data set inside the zip; ``""`` where it is the whole zip
    """

    title: str
    url: str
    megabytes: float
    sha256: str
    folder: str = ""


ARCHIVES = {
    "fluorescence": Archive(
        "Nuclei of the Data Science Bowl 2018, fluorescence",
        "https://github.com/stardist/stardist/releases/download/0.1.0/dsb2018.zip",
        27.0,
        "e44921950edce378063aa4457e625581ba35b4c2dbd9a07c19d48900129f386f",
        "dsb2018/train",
    ),
    "all kinds": Archive(
        "Nuclei of the Data Science Bowl 2018, all kinds",
        "https://data.broadinstitute.org/bbbc/BBBC038/stage1_train.zip",
        82.9,
        "dcb6edc2690f137406638b2309581a71522c4dff19157d118453b448dcddcb68",
    ),
}
"""What can be downloaded, by the name that :func:`download` takes."""


def cache() -> Path:
    """Return the folder where downloaded and unpacked data sets are kept."""
    return user_cache_path("napari-unet-live", appauthor=False) / "data"


def download(
    name: str, *, control: Control | None = None
) -> Generator[Event, None, Path | None]:
    """Download one of :data:`ARCHIVES` and unpack it, unless that was done before.

    Yields bytes downloaded, then files unpacked; returns the folder of the data set. A
    stop ends it: None is returned, and nothing is left. A ValueError if there is no
    connection, or what came is not the file that was asked for.
    """
    archive, control = ARCHIVES[name], control or Control()
    place = _place(archive.url, archive.sha256)
    if not place.is_dir():
        with part(cache(), ".zip") as file:
            yield from _fetch(archive, file, control)
            if not control.stopped:
                yield from extract(file, place, control)
    return None if control.stopped else place / archive.folder


def unpack(
    path: str | os.PathLike[str], *, control: Control | None = None
) -> Generator[Event, None, Path | None]:
    """Unpack the images of a zip into the cache, unless that was done before.

    A zip that :func:`download` knows is told by its SHA-256, whatever it is called.
    Yields bytes checked, then files unpacked; returns the folder of the data set. A
    stop ends it: None is returned, and nothing is left. A ValueError if it cannot be
    read, or holds what no data set needs.
    """
    path, control = Path(path), control or Control()
    digest = yield from _sha256(path, control)
    known = next((a for a in ARCHIVES.values() if a.sha256 == digest), None)
    if known is not None:
        yield Note(f"{path.name} is {known.title}: its SHA-256 agrees")
    place = _place(known.url if known else path.name, digest)
    if not control.stopped and not place.is_dir():
        yield from extract(path, place, control)
    return None if control.stopped else place / (known.folder if known else "")


def _place(name: str, digest: str) -> Path:
    return cache() / f"{PurePosixPath(name).stem}-{digest[:8]}"


def _fetch(
    archive: Archive, file: Path, control: Control
) -> Generator[Event, None, None]:
    """Download a file and check that it is the one.

    Pooch would call back where this yields, so from a thread, and counts whole chunks.
    """
    import requests

    total = int(1e6 * archive.megabytes)
    yield Progress("downloading", 0, total)
    digest, done = hashlib.sha256(), 0
    try:
        with (
            requests.get(archive.url, stream=True, timeout=SECONDS) as answer,
            open(file, "wb") as out,
        ):
            answer.raise_for_status()
            total = int(answer.headers.get("Content-Length", total))
            for chunk in answer.iter_content(CHUNK):
                done += len(chunk)
                if control.stopped or done > 2e6 * archive.megabytes:
                    break
                digest.update(chunk)
                out.write(chunk)
                yield Progress("downloading", done, total)
    except requests.RequestException as error:
        if control.stopped:
            return
        raise ValueError(
            f"{archive.url}: cannot be downloaded ({_why(error)}); try again later, or "
            'get the file in another way and use "Open a data set zip..."'
        ) from error
    except OSError as error:
        raise ValueError(
            f"cannot write {file.parent}: {reason(error)}; make room there"
        ) from error
    if not control.stopped and digest.hexdigest() != archive.sha256:
        raise ValueError(
            f"{archive.url}: what came ({done} bytes, SHA-256 "
            f"{digest.hexdigest()[:8]}...) is not the file with the SHA-256 "
            f"{archive.sha256[:8]}..., so it was deleted; try again later"
        )


def _why(error: Exception) -> str:
    """Return in a few words why a download failed."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"no answer within {SECONDS:.0f} s"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate is not trusted"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return reason(error)


def _sha256(path: Path, control: Control) -> Generator[Event, None, str]:
    digest, done = hashlib.sha256(), 0
    try:
        total = path.stat().st_size
        with open(path, "rb") as file:
            while not control.stopped and (chunk := file.read(16 * CHUNK)):
                digest.update(chunk)
                done += len(chunk)
                yield Progress("checking", done, total)
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read ({reason(error)}); check the path"
        ) from error
    return digest.hexdigest()


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

    A ValueError if a member would lie elsewhere, or there is too much of them.
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
