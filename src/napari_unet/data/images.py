"""What an image and a label image are, with what is known of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Picture:
    """An image to segment, with what is known of it.

    array : (C, [Z,] Y, X), anything with shape, dtype and slicing
    """

    array: Any
    rgb: bool = False
    spacing: tuple[float, ...] | None = None
    channels: tuple[str, ...] = ()
    name: str = "image"

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape."""
        return tuple(self.array.shape[1:])

    def plane(self, z: int) -> Picture:
        """Return one plane of a stack, read into memory."""
        spacing = self.spacing and self.spacing[1:]
        return replace(self, array=np.asarray(self.array[:, z]), spacing=spacing)


@dataclass(frozen=True)
class ImageFile:
    """The image of one file.

    Parameters
    ----------
    array : array, any real dtype in native byte order, bool as uint8
        With the axes of `axes`.
    axes : str
        ``[T]C[Z]YX``: channels are always there, the others where longer than 1.
    spacing : tuple of float, optional
        µm per pixel, one number for each of ``[Z]YX``.
    rgb : bool
        Whether the three channels are colours.
    channels : tuple of str
        Names of the channels, empty where not known.
    name : str
        File name without ``.tif``, ``.ome.tif``, ``.png`` ...
    notes : tuple of str
        What was assumed or left out, a sentence each.
    """

    array: np.ndarray
    axes: str
    spacing: tuple[float, ...] | None = None
    rgb: bool = False
    channels: tuple[str, ...] = ()
    name: str = ""
    notes: tuple[str, ...] = ()

    def select(self, channel: str | int) -> ImageFile:
        """Return the image with one channel only, chosen by name or number from 0.

        Raises
        ------
        ValueError
            If there is no such channel; the message lists those there are.
        """
        axis = self.axes.index("C")
        count = self.array.shape[axis]
        names = list(self.channels) or ["red", "green", "blue"] * self.rgb
        if channel in names:
            index = names.index(str(channel))
        elif str(channel).isdecimal() and int(channel) < count:
            index = int(channel)
        else:
            known = [
                f"{i} ({names[i]})" if i < len(names) else str(i) for i in range(count)
            ]
            raise ValueError(
                f"{self.name}: has no channel {channel!r}; choose one of "
                f"{', '.join(known)}"
            )
        return replace(
            self,
            array=self.array.take([index], axis=axis),
            rgb=False,
            channels=tuple(names[index : index + 1]),
        )


@dataclass(frozen=True)
class LabelFile:
    """The label image of one file.

    Parameters
    ----------
    array : array with the axes of `axes`
        The dtype is the file's (bool as uint8); the doctor finds what is no label.
    axes : str
        ``[T][Z]YX``, without axes of length 1.
    spacing : tuple of float, optional
        µm per pixel, one number for each of ``[Z]YX``.
    name : str
        File name without suffixes.
    notes : tuple of str
        What was assumed or left out, a sentence each.
    """

    array: np.ndarray
    axes: str
    spacing: tuple[float, ...] | None = None
    name: str = ""
    notes: tuple[str, ...] = ()


class Frame(NamedTuple):
    """One time point of a file: image (C, [Z,] Y, X), its name, the series' name."""

    image: np.ndarray
    name: str
    series: str


def frames(image: ImageFile) -> list[Frame]:
    """Cut the time axis into one entry an index; one entry where there is none.

    Parameters
    ----------
    image : ImageFile

    Returns
    -------
    list of Frame
        Views of the image; `series` is the file's name where there are several.
    """
    if "T" not in image.axes:
        return [Frame(image.array, image.name, "")]
    count = len(image.array)
    return [
        Frame(array, frame_name(image.name, index, count), image.name)
        for index, array in enumerate(image.array)
    ]


def frame_name(name: str, index: int, count: int) -> str:
    """Return what one of `count` time points of an image is called."""
    return f"{name}_t{index:0{len(str(count - 1))}}"
