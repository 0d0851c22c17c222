"""Kept work as files: a folder each, with ``work.json`` and arrays; no Qt, no layers.

All files appear whole or not at all, and none is needed that is not there: arrays are
written before the ``work.json`` that names them.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from napari_unet.atomic import atomic, make_folder, sha256
from napari_unet.events import Control, Event, Progress
from napari_unet.gui.preferences import preferences
from napari_unet.training.annotated import unique

PLACE = ".kept"
FILE = "work.json"
FORMAT = 1
# Of images that lie in no file; beyond, they are left out, and that is said.
MOST_COPIED = 500 * 2**20
MOST_KEPT = 20  # works; the oldest go first

# Folders that layers of this process are kept in.
in_use: set[Path] = set()


@dataclass(frozen=True)
class Kept:
    """Work that was kept.

    told : what ``work.json`` says
    """

    folder: Path
    told: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Return it for a menu: ``plate 2026-11-29 (37 %)``."""
        training = self.told.get("training")
        if training is None:
            how = f"painted {_when(self.told['saved'])}"
        elif training["ended"]:
            how = f"trained {_when(self.told['saved'])}"
        else:
            how = f"{100 * training['done']:.0f} %"
        return f"{self.told['name']} ({how})"

    @property
    def unfinished(self) -> bool:
        """Whether a training began that did not end."""
        training = self.told.get("training")
        return training is not None and not training["ended"]

    def array(self, name: str) -> np.ndarray:
        """Return an array; a ValueError if its file is damaged or gone."""
        path = self.folder / name
        try:
            if path.suffix == ".npy":
                return np.asarray(np.load(path, allow_pickle=False))
            with np.load(path, allow_pickle=False) as stored:
                return np.asarray(stored["array"])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is damaged or gone ({error})") from None


def place() -> Path:
    """Return the folder of all kept work."""
    return preferences().model_folder / PLACE


def new_folder(name: str) -> Path:
    """Return a folder for work of this name, that is not there yet."""
    there = place()
    taken = {path.name for path in there.iterdir()} if there.is_dir() else set()
    return there / unique(name, taken)


def entries() -> list[Kept]:
    """Return the work that somebody can go on with, the newest first."""
    found = []
    for file in place().glob(f"*/{FILE}"):
        if file.parent not in in_use:
            kept = _read(file)
            if kept is not None and not _alive(kept.told.get("owner")):
                found.append(kept)
    return sorted(found, key=lambda kept: str(kept.told["saved"]), reverse=True)


def read(folder: Path) -> Kept:
    """Return kept work; a ValueError if it is gone or damaged."""
    kept = _read(folder / FILE)
    if kept is None:
        raise ValueError(f"{folder}: {FILE} is damaged or gone; paint anew")
    return kept


def owner() -> dict[str, Any]:
    """Return what tells this process from all others."""
    return {"pid": os.getpid(), "began": psutil.Process().create_time()}


def write(
    folder: Path,
    told: Mapping[str, Any],
    arrays: Mapping[str, Any],
    known: dict[str, str],
    control: Control,
) -> Generator[Event, None, None]:
    """Write arrays, by the names of their files, and then ``work.json``.

    known : hashes of the arrays that were written, and of images' files; it is brought
        up to date, and what has not changed is not written again
    """
    make_folder(folder)
    for name, lazy in arrays.items():
        yield Progress("keeping", 0)
        array = np.ascontiguousarray(lazy)
        digest = hashlib.blake2b(array.data, digest_size=16).hexdigest()
        if known.get(name) != digest:
            _write_array(folder / name, array)
            known[name] = digest
    for image in (i for pair in told["pairs"] for i in pair["images"]):
        if "file" in image:
            if image["file"] not in known:
                known[image["file"]] = sha256(image["file"])
            image["sha256"] = known[image["file"]]
    saved = datetime.now().astimezone().isoformat(timespec="milliseconds")
    text = json.dumps({"format": FORMAT, "saved": saved, **told}, indent=1)
    with atomic(folder / FILE) as temporary:
        temporary.write_text(text, "utf-8")
    _clear(folder, told)


def _write_array(path: Path, array: np.ndarray) -> None:
    content = io.BytesIO()
    if path.suffix == ".npy":
        np.save(content, array, allow_pickle=False)
    else:
        np.savez_compressed(content, allow_pickle=False, array=array)
    with atomic(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def same_file(told: Mapping[str, Any]) -> bool:
    """Return whether the file of an image is as it was when the work was kept."""
    path = Path(told["file"])
    return path.is_file() and sha256(path) == told["sha256"]


def _read(file: Path) -> Kept | None:
    try:
        told = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    good = isinstance(told, dict) and told.get("format") == FORMAT
    return Kept(file.parent, told) if good else None


def _clear(folder: Path, told: Mapping[str, Any]) -> None:
    """Delete what nothing names any more: old arrays, and the oldest works."""
    named = json.dumps(told)
    for path in folder.iterdir():
        if path.suffix in (".npy", ".npz") and f'"{path.name}"' not in named:
            path.unlink(missing_ok=True)
    for kept in entries()[MOST_KEPT:]:
        shutil.rmtree(kept.folder, ignore_errors=True)


def _alive(told: Mapping[str, Any] | None) -> bool:
    """Return whether another process still works in there."""
    if not told or told["pid"] == os.getpid():
        return False
    try:
        return psutil.Process(told["pid"]).create_time() == told["began"]
    except psutil.Error:
        return False


def _when(saved: str) -> str:
    then = datetime.fromisoformat(saved)
    today = then.date() == datetime.now().astimezone().date()
    return f"{then:%H:%M}" if today else f"{then:%Y-%m-%d}"
