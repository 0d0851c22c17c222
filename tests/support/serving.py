"""A small zip, and a server on this machine to download it from."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import imagecodecs
import numpy as np

from napari_unet.files.downloads import Archive

PICTURE = imagecodecs.png_encode(np.full((8, 8), 7, np.uint8))


def zipped(members):
    """The bytes of a zip; members are names, or ZipInfo, with their bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def pairs(count=3, top="set/train/"):
    names = [f"{top}{kind}/{i}.png" for i in range(count) for kind in ("images", "gt")]
    return dict.fromkeys(names, PICTURE)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *args):
        """A client that goes away in the middle is what some tests want."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder; gives the url."""
    handler = partial(Quiet, directory=str(folder))
    with Server(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


def archive_of(data, url, sha256=None):
    """The entry of a zip whose data set is in set/train."""
    sha256 = sha256 or hashlib.sha256(data).hexdigest()
    return Archive(
        "a set", f"{url}/set.zip", max(len(data), 1) / 1e6, sha256, "set/train"
    )
