"""What an image is, what a label image is, and the intensities of an image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_unet.boxes import Box
from napari_unet.data.channels import COLOURS, in_order, numbers_of, take

# Percentiles of more values than this are taken from an even subsample: they move
# by less than noise, and sorting a gigapixel would cost minutes.
MOST_VALUES = 4_000_000
# So near to an artefact, in px of the subsample, there is glare.
GLARE = 6
# Normalised intensities end here.
CLIPPED = (-1.0, 3.0)


@dataclass(frozen=True, eq=False)  # arrays have no one truth value
class Image:
    """One image of one time point, with what is known of it.

    Parameters
    ----------
    array : (C, [Z,] Y, X), any real dtype
        Anything with shape, dtype and slicing. The channel axis is always there and
        first.
    rgb : bool
        Whether the three channels are colours, which differs from three stains.
    spacing : tuple of float, optional
        µm per pixel along each spatial axis.
    channels : tuple of str
        Names of the channels, where known.
    name : str
        What messages call it.
    series : str
        Frames of one time series share this name and keep their order.
    picked : bool
        Whether somebody picked the channels one by one, so that their order counts
        where their names are not those of a model.
    inside : (1, [Z,] Y, X) bool, optional
        Where the image shows something, as
        :func:`~napari_unet.data.outside.inside` finds it; None: everywhere.

    Raises
    ------
    ValueError
        If the array is no image, or the others do not fit it. Shapes are checked here
        and nowhere else.
    """

    array: Any
    rgb: bool = False
    spacing: tuple[float, ...] | None = None
    channels: tuple[str, ...] = ()
    name: str = "image"
    series: str = ""
    picked: bool = False
    inside: Any = None

    def __post_init__(self) -> None:
        """Check that what is known fits the array."""
        array, name = self.array, self.name or "image"
        shape = tuple(array.shape)
        if np.dtype(array.dtype).kind not in "buif":
            raise ValueError(
                f"{name}: an image must hold real numbers, got {array.dtype}; convert "
                "it"
            )
        if len(shape) not in (3, 4) or 0 in shape:
            raise ValueError(
                f"{name}: an image must be (C, Y, X) or (C, Z, Y, X) and not empty, "
                f"got shape {shape}"
            )
        if self.rgb and shape[0] != 3:
            raise ValueError(
                f"{name}: an RGB image has 3 channels, got {shape[0]}; "
                "drop the alpha channel or do not call it RGB"
            )
        spacing = self.spacing
        if spacing is not None and (
            len(spacing) != self.ndim or not all(0 < s < np.inf for s in spacing)
        ):
            raise ValueError(
                f"{name}: spacing {tuple(spacing)} does not fit {self.ndim} spatial "
                "axes; give one positive number per axis, in µm"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape."""
        return tuple(self.array.shape[1:])

    @property
    def ndim(self) -> int:
        """Number of spatial axes, 2 or 3."""
        return len(self.array.shape) - 1

    def part(self, box: Box) -> Image:
        """Return a box of the spatial axes."""
        box = (slice(None), *box)
        inside = None if self.inside is None else self.inside[box]
        return replace(self, array=self.array[box], inside=inside)

    def fitted(self, wanted: tuple[str, ...]) -> Image | None:
        """Return the image with the channels of these names; None: it has others."""
        found: Image | None = _fitted(self, wanted, 0)
        return found

    def plane(self, z: int) -> Image:
        """Return one plane of a stack, read into memory."""
        spacing = self.spacing and self.spacing[1:]
        inside = None if self.inside is None else np.asarray(self.inside[:, z])
        array = np.asarray(self.array[:, z])
        return replace(self, array=array, spacing=spacing, inside=inside)


@dataclass(frozen=True, eq=False)
class ImageSeries:
    """An image as a file or a layer holds it, with or without a time axis.

    Parameters
    ----------
    array : array with the axes of `axes`, any real dtype
        Anything with shape, dtype and slicing.
    axes : str
        ``[T]C[Z]YX``: channels are always there, the others where longer than 1.
    spacing : tuple of float, optional
        µm per pixel along each of ``[Z]YX``.
    rgb : bool
        Whether the three channels are colours.
    channels : tuple of str
        Names of the channels, empty where not known.
    name : str
        Of a file its name without ``.tif``, ``.ome.tif``, ``.png`` ...
    notes : tuple of str
        What was assumed or left out, a sentence each.
    picked : bool
        As of :class:`Image`.
    positions : int
        Where T counts places that were imaged apart, one after the other: the number
        of time points of each, 1 without time. 0: T is time alone.
    file_axes : str
        The axes but C in the order of the file, where P are positions; "" is `axes`.
    """

    array: Any
    axes: str
    spacing: tuple[float, ...] | None = None
    rgb: bool = False
    channels: tuple[str, ...] = ()
    name: str = ""
    notes: tuple[str, ...] = ()
    picked: bool = False
    positions: int = 0
    file_axes: str = ""

    def select(self, channel: str | int) -> ImageSeries:
        """Return the image with some channels only, by name or number from 0.

        Several have commas between them: ``"DAPI,GFP"``. The case of names is the same.

        Raises
        ------
        ValueError
            If there is no such channel; the message lists those there are.
        """
        axis = self.axes.index("C")
        count = self.array.shape[axis]
        names = self.channels or COLOURS * self.rgb
        try:
            numbers, numbered = numbers_of(channel, names, count)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None
        return replace(
            self,
            array=take(self.array, numbers, axis),
            rgb=False,
            channels=tuple(names[i] for i in numbers) if names else (),
            picked=numbered and len(numbers) > 1,
        )

    def fitted(self, wanted: tuple[str, ...]) -> ImageSeries | None:
        """Return the image with the channels of these names; None: it has others."""
        found: ImageSeries | None = _fitted(self, wanted, self.axes.index("C"))
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape without channels, ([T,] [Z,] Y, X)."""
        sizes = zip(self.axes, self.array.shape, strict=True)
        return tuple(n for a, n in sizes if a != "C")

    def __len__(self) -> int:
        """Return the number of time points."""
        return int(self.array.shape[0]) if "T" in self.axes else 1

    def frame(self, index: int) -> Image:
        """Return one time point; a view of the array where slicing gives one."""
        known = (self.rgb, self.spacing, self.channels)
        if "T" not in self.axes:
            return Image(self.array, *known, self.name, picked=self.picked)
        name, series = self.frame_names(index)
        return Image(self.array[index], *known, name, series, self.picked)

    def frame_names(self, index: int) -> tuple[str, str]:
        """Return the name of a time point, and that of the time series it is of."""
        if not self.positions:
            return frame_name(self.name, index, len(self)), self.name
        place, time = divmod(index, self.positions)
        series = self.position_names[place]
        if self.positions == 1:
            return series, ""
        return frame_name(series, time, self.positions), series

    @property
    def position_names(self) -> list[str]:
        """Names of the positions; of one without, its own."""
        if not self.positions:
            return [self.name]
        count = len(self) // self.positions
        return [frame_name(self.name, i, count, "p") for i in range(count)]

    @property
    def label_axes(self) -> str:
        """Axes of its labels as a file has them: P, T, Z, Y, X as far as there are."""
        return self.file_axes if self.positions else self.axes.replace("C", "")

    def on_label_axes(self, labels: np.ndarray) -> np.ndarray:
        """Return labels ([T,] [Z,] Y, X) with the axes `label_axes`."""
        axes = self.label_axes
        if not self.positions:
            return labels
        if "T" in axes:
            labels = labels.reshape(-1, self.positions, *labels.shape[1:])
        now = [a for a in "PTZYX" if a in axes]
        return labels.transpose([now.index(a) for a in axes])

    def frames(self) -> Iterator[Image]:
        """Yield the time points; several have the name of all as `series`."""
        return (self.frame(index) for index in range(len(self)))


@dataclass(frozen=True, eq=False)
class LabelImage:
    """Labels as a file holds them.

    Parameters
    ----------
    array : array with the axes of `axes`
        The dtype is the file's (bool as uint8); the doctor finds what is no label.
    axes : str
        ``[T][Z]YX``, without axes of length 1.
    spacing : tuple of float, optional
        µm per pixel along each of ``[Z]YX``.
    name : str
        File name without suffixes.
    notes : tuple of str
        What was assumed or left out, a sentence each.
    positions : int
        As of :class:`ImageSeries`.
    """

    array: np.ndarray
    axes: str
    spacing: tuple[float, ...] | None = None
    name: str = ""
    notes: tuple[str, ...] = ()
    positions: int = 0


def as_series(image: Image | ImageSeries | Any) -> ImageSeries:
    """Return an image of any kind as a series; a bare array is (C, [Z,] Y, X)."""
    if isinstance(image, ImageSeries):
        return image
    if not isinstance(image, Image):
        image = Image(image)
    axes = "CZYX" if image.ndim == 3 else "CYX"
    known = (image.spacing, image.rgb, image.channels, image.name)
    return ImageSeries(image.array, axes, *known, picked=image.picked)


def _fitted(image: Any, wanted: tuple[str, ...], axis: int) -> Any:
    count = image.array.shape[axis]
    numbers = in_order(wanted, image.channels, count, image.picked)
    if image.rgb or numbers is None:
        return None
    if numbers == list(range(count)):
        return image
    names = tuple(image.channels[i] for i in numbers)
    return replace(image, array=take(image.array, numbers, axis), channels=names)


def frame_name(name: str, index: int, count: int, what: str = "t") -> str:
    """Return what one of `count` time points, or positions (p), is called."""
    return f"{name}_{what}{index:0{len(str(count - 1))}}"


def whole_name(name: str) -> str:
    """Return what the whole is called of which an image is a part.

    Examples
    --------
    >>> whole_name("plate_s2_p0_t13")
    'plate'
    """
    return re.sub(r"(_s\d+)?(_p\d+)?(_t\d+)?$", "", name)


@dataclass(frozen=True)
class Stats:
    """The intensity values of one image that its normalisation maps to 0 and 1.

    low, high : one number per channel (one in all for RGB, taken jointly).
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def constant(self) -> bool:
        """Whether no channel has any contrast."""
        return all(a >= b for a, b in zip(self.low, self.high, strict=True))


def intensity_stats(
    image: Image, percentiles: tuple[float, float] = (1.0, 99.8)
) -> Stats:
    """Return percentiles of an image: what its normalisation needs, once per image.

    The colours of RGB are taken jointly, other channels one by one; what lies outside
    is left out.
    """
    low, high = [], []
    sample = subsample(image.array)
    counts = None if image.inside is None else _far_inside(image.inside)
    for group in groups(image.array.shape[0], image.rgb):
        values = finite(sample[group] if counts is None else sample[group][:, counts])
        a, b = np.percentile(values, percentiles) if values.size else (0.0, 0.0)
        if a >= b and values.size:  # few bright pixels on a background of one value
            a, b = values.min(), values.max()
        low.append(float(a))
        high.append(float(b))
    return Stats(tuple(low), tuple(high))


def _far_inside(inside: Any) -> np.ndarray:
    """Return which of the subsample lie inside, away from what is outside.

    Around an artefact there is glare, so that more is left out, unless little is left.
    """
    counts = subsample(inside)[0] > 0
    far = ~beside(~counts, GLARE)
    return far if 2 * far.sum() > counts.sum() else counts


def beside(where: np.ndarray, px: int) -> np.ndarray:
    """Return bool ([Z,] Y, X) with what lies that near in its plane."""
    from scipy import ndimage

    size = (1,) * (where.ndim - 2) + (2 * px + 1,) * 2
    near: np.ndarray = ndimage.maximum_filter(where, size)
    return near


def finite(values: np.ndarray) -> np.ndarray:
    """Return the values, flat and without NaN and infinite ones."""
    values = values.ravel()
    return values[np.isfinite(values)] if values.dtype.kind == "f" else values


def groups(channels: int, rgb: bool) -> list[slice]:
    """Return the channels whose intensities are taken jointly: colours, or each."""
    return [slice(None)] if rgb else [slice(c, c + 1) for c in range(channels)]


def subsample(array: Any) -> np.ndarray:
    """Return an even subsample of (C, [Z,] Y, X), of MOST_VALUES a channel at most."""
    spatial = array.shape[1:]
    step = 1
    while np.prod([-(-s // step) for s in spatial], dtype=float) > MOST_VALUES:
        step += 1
    index = (slice(None), *(slice(None, None, step) for _ in spatial))
    sample = np.asarray(array[index])
    return sample.view(np.uint8) if sample.dtype == bool else sample


def normalise(image: np.ndarray, stats: Stats) -> np.ndarray:
    """Map `stats.low` to 0 and `stats.high` to 1; returns float32.

    Clipped far beyond, where networks have seen nothing. `stats` are those of the whole
    image of which (C, [Z,] Y, X) is a part.
    """
    shape = (-1,) + (1,) * (image.ndim - 1)
    low = np.asarray(stats.low).reshape(shape)
    span = np.asarray(stats.high).reshape(shape) - low
    # A constant image has no contrast to stretch: it becomes 0 everywhere.
    span = np.where(span > 0, span, np.inf).astype(np.float32)
    # Large integers and float64 would lose their contrast if not shifted first.
    exact = np.result_type(image.dtype, np.float32) == np.float32
    shifted = (
        image.astype(np.float32) - low.astype(np.float32) if exact else image - low
    )
    normalised: np.ndarray = shifted.astype(np.float32, copy=False) / span
    return np.clip(normalised, *CLIPPED, out=normalised)
