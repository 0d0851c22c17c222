"""PNG, JPEG, BMP, WebP and JPEG 2000 as grey or RGB arrays, turned as meant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.decoding.axes import Raw, turned

if TYPE_CHECKING:
    from PIL.Image import Image

JPEG_2000 = (".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", *JPEG_2000)

# Those alone are decoded: Pillow would start Ghostscript for a PostScript file, for
# example, whatever the file is called.
FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
# How a file begins that is a JPEG 2000 picture, as a file or as a bare stream.
MAGIC_2000 = (b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
ORIENTATION = 274


def read_picture(path: Path, indices: bool) -> Raw:
    """Decode a PNG, JPEG, BMP, WebP or JPEG 2000.

    `indices`: keep the numbers of a colour table instead of its colours. A ValueError
    if it is no picture or too large; other errors of the decoder pass through.
    """
    from PIL import Image as pillow
    from PIL import UnidentifiedImageError

    with open(path, "rb") as file:
        header = file.read(26)
    if header.startswith(MAGIC_2000):
        return _jpeg_2000(path)
    try:
        with pillow.open(path, formats=FORMATS) as picture:
            orientation = int(picture.getexif().get(ORIENTATION, 1))
            deep = _deep_colours(header)
            array = _deep(path) if deep else _shallow(picture, indices)
    except pillow.DecompressionBombError as error:
        raise ValueError("it is too large for this format; use TIFF") from error
    except UnidentifiedImageError as error:
        raise ValueError("its content is not an image") from error
    return turned(_raw(array), orientation)


def _raw(array: np.ndarray) -> Raw:
    colours = array.ndim == 3
    return Raw(array, "YXS" if colours else "YX", rgb=colours and array.shape[-1] == 3)


def _deep_colours(header: bytes) -> bool:
    # Pillow cuts colours of 16 bits down to 8: bit depth and colour type of a PNG.
    return (
        header[:4] == b"\x89PNG" and header[24:25] == b"\x10" and header[25:26] != b"\0"
    )


def _deep(path: Path) -> np.ndarray:
    from imagecodecs import png_decode

    array: np.ndarray = png_decode(path.read_bytes())
    return array[..., :-1] if array.shape[2] in (2, 4) else array


def _jpeg_2000(path: Path) -> Raw:
    # Not Pillow, which cuts signed and 16-bit colours down.
    from imagecodecs import jpeg2k_decode

    array: np.ndarray = jpeg2k_decode(path.read_bytes())
    if array.ndim == 3 and array.shape[2] in (2, 4):  # alpha
        array = array[..., :-1]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    return _raw(array)


def _shallow(picture: Image, indices: bool) -> np.ndarray:
    picture.load()
    keep = picture.mode == "P" and indices
    return np.array(picture if keep else _plain_mode(picture))


def _plain_mode(picture: Image) -> Image:
    """Return a Pillow image as grey or RGB."""
    if picture.mode in ("LA", "La"):
        return picture.convert("L")
    if picture.mode in ("P", "PA"):
        picture = picture.convert("RGB")
        red, green, blue = picture.split()
        return red if red == green == blue else picture
    if picture.mode in ("1", "L", "RGB", "F") or picture.mode.startswith("I"):
        return picture
    return picture.convert("RGB")
