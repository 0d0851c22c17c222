"""Which models are pixel classifiers: fitted anew each time, from nothing. No torch."""

from __future__ import annotations

import functools
import json
import zipfile
from pathlib import Path

from napari_unet.models.store import ARCHIVE_ERRORS, CONFIG
from napari_unet.reports.methods import CLASSIFIERS

# An archive may claim any size for its text.
MOST_BYTES = 2**24


def classifier_of(path: str | Path) -> str | None:
    """Return which pixel classifier a model is; None: a network, or not known."""
    where = Path(path)
    file = where / CONFIG if where.is_dir() else where
    try:
        name = _network_of(file, file.stat().st_mtime_ns)
    except OSError:
        return None
    return name if name in CLASSIFIERS else None


@functools.lru_cache(maxsize=256)
def _network_of(file: Path, changed: int) -> str:
    """Return the network that a text, or one in an archive, names; "": none."""
    del changed  # the time: another model may lie there later
    try:
        if file.name == CONFIG:
            text = file.read_bytes()
        else:
            with zipfile.ZipFile(file) as archive:
                if archive.getinfo(CONFIG).file_size > MOST_BYTES:
                    return ""
                text = archive.read(CONFIG)
        return str(json.loads(text)["config"]["network"])
    except (OSError, TypeError, ValueError, *ARCHIVE_ERRORS):
        return ""
