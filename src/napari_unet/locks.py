"""A folder that one process at a time may work in."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from napari_unet.atomic import make_folder, reason

LOCK = ".lock"
# Another process holds it; a system that knows no locks says something else.
HELD = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
# Windows locks bytes: one that the text never reaches, so that others can read it.
BYTE = 2**20


class FolderLock:
    """Lets one training at a time work in a folder.

    The system holds the lock, and lets go of it when the process ends however that
    ends: what a dead process leaves behind keeps nobody out. It is taken at once where
    the folder is there, else by :meth:`take`, when it is known that it will be made.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self.late = False  # whether it is taken after the folder was looked into
        self._file: int | None = None

    def __enter__(self) -> Self:
        """Take the lock if the folder is there."""
        self.late = not self.path.parent.is_dir()
        if not self.late:
            self.take()
        return self

    def __exit__(self, *error: object) -> None:
        """Let others in."""
        if self._file is None:
            return
        if os.name == "nt":  # which deletes no file that is open
            os.close(self._file)
        with contextlib.suppress(OSError):
            self.path.unlink()
        if os.name != "nt":
            os.close(self._file)
        self._file = None

    def take(self) -> None:
        """Make the folder and take its lock, unless it is taken already.

        A ValueError says which process has it, if another one has.
        """
        while self._file is None:
            make_folder(self.path.parent)
            try:
                file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as error:
                raise ValueError(
                    f"cannot write into {self.path.parent}: {reason(error)}; choose "
                    "another folder"
                ) from None
            try:
                _lock(file)
            except OSError as error:
                os.close(file)
                if error.errno in HELD:
                    raise ValueError(self._told()) from None
                return  # no locks here
            if self._is(file):
                self._file = file
                self._tell()
            else:  # who had it before took the file away meanwhile
                os.close(file)

    def _is(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), os.stat(self.path))
        except OSError:
            return False

    def _tell(self) -> None:
        """Write who has the lock."""
        assert self._file is not None
        since = datetime.now().astimezone().isoformat(" ", "seconds")
        told = {"pid": os.getpid(), "host": platform.node(), "since": since}
        os.ftruncate(self._file, 0)
        os.write(self._file, json.dumps(told).encode())

    def _told(self) -> str:
        told: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            told = json.loads(self.path.read_text("utf-8"))
        who = "another process"
        if told:
            who = f"process {told['pid']} on {told['host']}, since {told['since'][:19]}"
        return (
            f"{self.path.parent}: another training works in this folder ({who}); "
            "wait for its end, or choose another folder"
        )


def _lock(file: int) -> None:
    """Lock an open file, or raise an OSError at once."""
    if os.name == "nt":
        import msvcrt

        os.lseek(file, BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        os.lseek(file, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
