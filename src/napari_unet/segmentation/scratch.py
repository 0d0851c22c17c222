"""Room for arrays that may be larger than memory."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
import torch

from napari_unet.device import available_memory

# What takes more than this part of the free memory goes into a temporary file.
IN_MEMORY = 1 / 4
# /tmp is often in memory itself.
ON_DISK = "/var/tmp"


def scratch_array(
    shape: Sequence[int], dtype: Any, what: str = "the array"
) -> np.ndarray:
    """Return zeros in memory, or in a temporary file that is gone with the array.

    A ValueError, which calls it `what`, if it fits neither into memory nor on the disk.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= IN_MEMORY * available_memory(torch.device("cpu")):
        with contextlib.suppress(MemoryError):  # a limit of the process may be lower
            return np.zeros(shape, dtype)
    folder = _folder()
    free = shutil.disk_usage(folder).free
    with tempfile.TemporaryFile(prefix="napari-unet-", dir=folder) as file:
        if size > free or not _reserve(file, size):
            raise ValueError(
                f"{what} takes {size / 1e9:.1f} GB, more than memory has, and {folder} "
                f"has {free / 1e9:.1f} GB left; take a part of the image, or set "
                "TMPDIR to a folder with more"
            )
        return np.memmap(file, dtype, "r+", shape=tuple(shape))


def _reserve(file: IO[bytes], size: int) -> bool:
    """Make a file so large; returns whether the disk has the room.

    Where a system cannot reserve it, a disk that others fill later is a crash.
    """
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
            return True
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                return False
    file.truncate(size)
    return True


def _folder() -> str:
    """Return the folder for large temporary files."""
    named = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    if not named and os.access(ON_DISK, os.W_OK):
        return ON_DISK
    return tempfile.gettempdir()
