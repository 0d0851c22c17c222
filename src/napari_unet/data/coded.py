"""Labels that are coded: in one of several channels, or as a colour an object."""

from __future__ import annotations

import numpy as np

from napari_unet.data.channels import COLOURS

# Of neighbouring pixels of a label image at least so many are equal; of a picture few.
EQUAL = 0.7
# Blends at borders, as of a scaled or compressed image, are thin: no square of 2 px has
# such a colour. More of them than this are too many.
THIN = 0.25
MOST_COLOURS = 2**16


def decoded(channels: np.ndarray, rgb: bool) -> tuple[np.ndarray, str] | None:
    """Return labels that are coded, and what is to be told; None: they are none.

    channels : (C, [T,] [Z,] Y, X)
    rgb : whether the channels are colours
    """
    first = channels[0]
    if len(channels) == 1:
        return first, ""
    if rgb and all(np.array_equal(other, first) for other in channels[1:]):
        return first, ""
    used = [i for i, channel in enumerate(channels) if channel.any()]
    if len(used) == 1:
        number = used[0]
        name = f"the {COLOURS[number]} channel" if rgb else f"channel {number}"
        return channels[number], f"labels are taken from {name}; the others are 0"
    return _from_colours(channels) if rgb else None


def _from_colours(channels: np.ndarray) -> tuple[np.ndarray, str] | None:
    """Give each colour a number, in the order in which they lie; background is 0."""
    if channels.dtype.kind != "u" or channels.dtype.itemsize > 2 or not _flat(channels):
        return None
    codes = np.zeros(channels.shape[1:], np.uint64)
    for channel in channels:
        codes = (codes << np.uint64(16)) | channel.astype(np.uint64)
    colours, firsts, places, counts = np.unique(
        codes, return_index=True, return_inverse=True, return_counts=True
    )
    thin = len(colours) - len(np.unique(codes[_squares(codes)]))
    if len(colours) > MOST_COLOURS or thin > THIN * len(colours):
        return None
    black = np.flatnonzero(colours == 0)
    background = int(black[0]) if len(black) else int(counts.argmax())
    numbers = np.zeros(len(colours), np.int32)
    order = np.argsort(firsts)
    numbers[order[order != background]] = np.arange(1, len(colours))
    labels = numbers[places.reshape(codes.shape)]
    shown = "black" if len(black) else "the most frequent colour"
    return labels, f"each colour is taken as one object, {shown} as background"


def _flat(channels: np.ndarray) -> bool:
    """Return whether most pixels are as their neighbours to the left and above."""
    across = (channels[..., 1:] == channels[..., :-1]).all(axis=0)
    down = (channels[..., 1:, :] == channels[..., :-1, :]).all(axis=0)
    return bool(min(across.mean(), down.mean()) >= EQUAL)


def _squares(codes: np.ndarray) -> np.ndarray:
    """Return where a square of 2 px of one value begins."""
    begins = np.zeros(codes.shape, bool)
    first = codes[..., :-1, :-1]
    begins[..., :-1, :-1] = (
        (first == codes[..., 1:, :-1])
        & (first == codes[..., :-1, 1:])
        & (first == codes[..., 1:, 1:])
    )
    return begins
