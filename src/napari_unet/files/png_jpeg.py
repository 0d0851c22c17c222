"""PNG, JPEG and BMP as grey or RGB arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.files.axes import Raw

if TYPE_CHECKING:
    from PIL.Image import Image


def read_picture(path: Path, indices: bool) -> Raw:
    """Decode a PNG, JPEG or BMP.

    `indices`: keep the numbers of a colour table instead of its colours. A ValueError
    if it is no picture or too large; other errors of the decoder pass through.
    """
    from PIL import Image as pillow
    from PIL import UnidentifiedImageError

    with open(path, "rb") as file:
        header = file.read(26)
    # Pillow cuts colours of 16 bits down to 8: bit depth and colour type of a PNG.
    if header[:4] == b"\x89PNG" and header[24:25] == b"\x10" and header[25:26] != b"\0":
        from imagecodecs import png_decode

        array = png_decode(path.read_bytes())
        if array.shape[2] in (2, 4):
            array = array[..., :-1]
        return Raw(array, "YXS", rgb=array.shape[2] == 3)
    try:
        with pillow.open(path) as picture:
            picture.load()
            keep = picture.mode == "P" and indices
            array = np.array(picture if keep else _plain_mode(picture))
    except pillow.DecompressionBombError as error:
        raise ValueError("it is too large for this format; use TIFF") from error
    except UnidentifiedImageError as error:
        raise ValueError("its content is not an image") from error
    colours = array.ndim == 3
    return Raw(array, "YXS" if colours else "YX", rgb=colours)


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
