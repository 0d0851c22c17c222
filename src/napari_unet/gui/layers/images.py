"""Layers of napari -> images and labels as the core takes them; no Qt.

axes.py says which axis is which, placement.py where a layer lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_unet.boxes import Box
from napari_unet.data.images import ImageSeries
from napari_unet.gui.layers.axes import KEY, axes_of, full, long_axes, shape_of
from napari_unet.gui.layers.placement import spacing_of

if TYPE_CHECKING:
    import dask.array as da

COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Pair:
    """An image layer and the labels on it, as they were when training started."""

    layer: Image
    labels: Labels
    axes: str
    image: ImageSeries

    @property
    def letters(self) -> str:
        """Axes of its labels."""
        return self.image.axes.replace("C", "")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of its labels, ([T,] [Z,] Y, X)."""
        return _spatial(self.image)


def channel_names(layer: Image, axes: str) -> tuple[str, ...]:
    """Return the names of the channels; () without a channel axis or where not known.

    A reader leaves them as ``layer.metadata[KEY]["channels"]``.
    """
    ours = layer.metadata.get(KEY)
    names = tuple(ours.get("channels", ())) if isinstance(ours, dict) else ()
    if "C" not in axes or len(names) != shape_of(layer)[axes.index("C")]:
        return ()
    return tuple(str(name) for name in names)


def image_of(
    layer: Image, axes: str, channel: int | None = None, extra: Sequence[Image] = ()
) -> ImageSeries:
    """Return the image of a layer at full resolution, lazily.

    Parameters
    ----------
    layer : Image layer
    axes : str
        Its axes, as :func:`axes_of` has them.
    channel : int, optional
        One of its channels; None: all.
    extra : sequence of Image layer
        Further channels, of the same shape without the channels.

    Returns
    -------
    ImageSeries
        Its array is a view, or a dask array where the values must be changed, joined,
        or read first.

    Raises
    ------
    ValueError
        If the values are no real numbers, there is no such channel, or a further
        channel does not fit.
    """
    array, letters = _canonical(layer, axes)
    at = letters.index("C")
    names = channel_names(layer, axes) or COLOURS * layer.rgb
    chosen = range(array.shape[at]) if channel is None else (channel,)
    if not set(chosen) <= set(range(array.shape[at])):
        raise ValueError(
            f"{layer.name}: has no channel {channel}; choose 0 to {array.shape[at] - 1}"
        )
    array = array[(slice(None),) * at + (slice(chosen[0], chosen[-1] + 1),)]
    names = tuple(names[i] for i in chosen) if names else ()
    if extra:
        numbered = tuple(f"{layer.name} {i}" for i in chosen)
        names = names or (numbered if "C" in axes else (layer.name,))
        names = (*names, *(other.name for other in extra))
        more = [_further(other, layer, axes) for other in extra]
        from dask.array import concatenate

        array = concatenate([_lazy(array), *more], axis=at)
    rgb = layer.rgb and channel is None and not extra
    names, spacing = () if rgb else names, spacing_of(layer, axes)
    picked = bool(extra)
    return ImageSeries(array, letters, spacing, rgb, names, layer.name, picked=picked)


def is_channel_of(layer: Image, image: Image, axes: str) -> bool:
    """Whether a layer can be a further channel of an image with these axes."""
    return layer is not image and _axes_as_channel(layer, image, axes) is not None


def labels_of(layer: Labels, axes: str, image: ImageSeries | None = None) -> np.ndarray:
    """Return a copy of the labels drawn on an image, at full resolution.

    Parameters
    ----------
    layer : Labels layer
        With the axes of the image; those of the channels and of length 1 may miss.
    axes : str
        The axes of the image's layer.
    image : ImageSeries, optional
        The image, whose shape the labels must have.

    Returns
    -------
    ([T,][Z,] Y, X) integer array
        Labels on several channels are put together.

    Raises
    ------
    ValueError
        If the shapes differ, or the labels differ between channels.
    """
    return labels_reader(layer, axes, image)()


def labels_reader(
    layer: Labels, axes: str, image: ImageSeries | None = None, box: Box | None = None
) -> Callable[[], np.ndarray]:
    """Return what reads the labels as :func:`labels_of`, for a job: it knows no layer.

    What is painted before it reads is read, too. Of labels on an image, `box` is the
    part to read, in the axes ``[T,][Z,]Y,X`` of the image; None: all.
    """
    data, name, shape = full(layer), layer.name, shape_of(layer)
    own = labels_axes(layer, axes, image)
    sizes = {} if own is None else _long_sizes(own, shape)
    spans = {} if box is None else dict(zip(sizes, box, strict=True))
    wanted = f"the image has the axes {' '.join(axes)}"
    if image is not None:
        wanted = f"{image.name} has {_spatial(image)}"

    def read() -> np.ndarray:
        wrong = image is not None and tuple(sizes.values()) != _spatial(image)
        if own is None or wrong:
            raise ValueError(
                f"{name}: the labels have shape {shape} but {wanted}; use labels "
                "drawn on this very image"
            )
        part = data[tuple(spans.get(axis, slice(None)) for axis in own)]
        return _in_order(np.array(part), own, "".join(sizes), name)

    return read


def labels_axes(
    layer: Labels, axes: str, image: ImageSeries | None = None
) -> str | None:
    """Return the axes of the labels drawn on an image; None: they do not fit.

    layer, axes, image : as for :func:`labels_of`
    """
    candidates = [axes, axes.replace("C", "")]
    if image is not None:
        candidates.append("".join(a for a in axes if a in image.axes and a != "C"))
    return next((own for own in candidates if len(own) == layer.ndim), None)


def box_on_image(layer: Labels, axes: str, image: ImageSeries, box: Box) -> Box | None:
    """Return a box in a labels layer as one in its image, in the axes [T,][Z,]Y,X.

    None: the layer does not fit the image any more.
    """
    own = labels_axes(layer, axes, image)
    if own is None:
        return None
    spans = dict(zip(own, box, strict=True))
    return tuple(spans[axis] for axis in _long_sizes(own, shape_of(layer)))


def _canonical(layer: Image, axes: str) -> tuple[Any, str]:
    """Return the lazy array with channels and its axes, in the order [T]C[Z]YX."""
    array = full(layer)
    dtype = np.dtype(array.dtype)
    if dtype.kind not in "buif":
        raise ValueError(
            f"{layer.name}: {dtype} values are no intensities; convert the image to "
            "real numbers"
        )
    if not isinstance(array, np.ndarray) or not dtype.isnative:
        # A big-endian array may be the map of a large file: converted when read.
        array = _lazy(array).astype(dtype.newbyteorder("="))
    if dtype.kind == "b":
        array = array.view(np.uint8)
    if layer.rgb:
        array, axes = array[..., :3], axes + "C"
    there = [n > 1 or a in "CYX" for a, n in zip(axes, array.shape, strict=True)]
    array = array[tuple(slice(None) if keep else 0 for keep in there)]
    axes = "".join(a for a, keep in zip(axes, there, strict=True) if keep)
    if "C" not in axes:
        array, axes = array[np.newaxis], "C" + axes
    letters = "".join(a for a in "TCZYX" if a in axes)
    return array.transpose([axes.index(a) for a in letters]), letters


def _lazy(array: Any) -> da.Array:
    """Return a dask array that reads another array, zarr for example, when needed."""
    # A third of a second, which a dock that opens has not.
    import dask.array as da

    if isinstance(array, da.Array):
        return array
    chunks = getattr(array, "chunks", None) or "auto"
    return da.from_array(array, chunks=chunks, name=False)


def _further(layer: Image, image: Image, axes: str) -> da.Array:
    """Return the lazy array of a further channel of `image`."""
    own = _axes_as_channel(layer, image, axes)
    if own is None:
        raise ValueError(
            f"{layer.name}: has shape {tuple(full(layer).shape)} but {image.name} has "
            f"{tuple(full(image).shape)}; a further channel is one grey image of the "
            "same shape"
        )
    return _lazy(_canonical(layer, own)[0])


def _axes_as_channel(layer: Image, image: Image, axes: str) -> str | None:
    """Return the axes of `layer` as a further channel of `image`; None: it is none."""
    own = axes if layer.ndim == len(axes) else axes.replace("C", "")
    if layer.rgb or layer.ndim != len(own) or axes_of(layer) not in (None, own):
        return None
    sizes = dict(zip(axes, shape_of(image), strict=True)) | {"C": 1}
    return own if shape_of(layer) == tuple(sizes[a] for a in own) else None


def _long_sizes(axes: str, shape: Sequence[int]) -> dict[str, int]:
    """Return the lengths of the axes that are Y, X or longer than 1, as [T][Z]YX."""
    sizes = dict(zip(axes, shape, strict=True))
    there = long_axes(axes, shape)
    return {axis: sizes[axis] for axis in "TZYX" if axis in there}


def _in_order(array: np.ndarray, axes: str, there: str, name: str) -> np.ndarray:
    """Put labels in the order `there`, [T][Z]YX, without channels and other axes."""
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if "C" in axes:
        at = axes.index("C")
        merged, axes = array.max(axis=at), axes.replace("C", "")
        other = (array != 0) & (array != np.expand_dims(merged, at))
        if other.any():
            raise ValueError(
                f"{name}: the labels differ between channels at "
                f"{np.count_nonzero(other):,} px; draw them on one channel"
            )
        array = merged
    array = array[tuple(slice(None) if a in there else 0 for a in axes)]
    order = [a for a in axes if a in there]
    return np.ascontiguousarray(array.transpose([order.index(a) for a in there]))


def _spatial(image: ImageSeries) -> tuple[int, ...]:
    sizes = zip(image.axes, image.array.shape, strict=True)
    return tuple(int(n) for a, n in sizes if a != "C")
