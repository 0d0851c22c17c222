"""The place to annotate next: the work that finds it, and the view of it; no Qt."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.events import Box, Control, Event, Progress
from napari_unet.files.readers import ImageFile, frames
from napari_unet.gui.layers.axes import long_axes, shape_of
from napari_unet.gui.layers.placement import go_to
from napari_unet.gui.worker import Work

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

MARGIN = 0.95  # of the view is filled


@dataclass(frozen=True, eq=False)  # arrays have no one truth value
class Annotation:
    """An image, and what of it is annotated.

    known : ([T,] [Z,] Y, X) bool array
        The axes of the image without its channels.
    """

    image: ImageFile
    known: np.ndarray


def next_work(
    images: Sequence[Annotation], model: str, device: str
) -> Work[tuple[int, Box] | None]:
    """Return the work that finds where a model is least sure.

    It returns the number of the image, and the place in it in the axes of `known`;
    None if all is known. A stop returns the best of what has been looked at.
    """

    def work(control: Control) -> Generator[Event, None, tuple[int, Box] | None]:
        yield Progress("loading the model", 0)
        from napari_unet.models.model import Model
        from napari_unet.segmentation.uncertainty import least_sure

        loaded = Model.load(model, device)
        best, most = None, 0.0
        for index, one in enumerate(images):
            timed = "T" in one.image.axes
            for time, frame in enumerate(frames(one.image)):
                if control.stopped:
                    return best
                place = yield from least_sure(
                    loaded,
                    frame.image,
                    rgb=one.image.rgb,
                    spacing=one.image.spacing,
                    channels=one.image.channels,
                    name=frame.name,
                    known=one.known[time] if timed else one.known,
                    control=control,
                )
                if place is not None and place.doubt > most:
                    most = place.doubt
                    before = (slice(time, time + 1),) if timed else ()
                    best = (index, (*before, *place.box))
        return best

    return work


def fill_view(viewer: Viewer, layer: Image, axes: str, box: Box) -> None:
    """Fill the view with a part of an image; sliders of other axes stay.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    layer : Image layer
    axes : str
        Of `layer`.
    box : tuple of slice
        In the axes ``[T,][Z,]Y,X``, without those of length 1.
    """
    there = [a for a in "TZYX" if a in long_axes(axes, shape_of(layer))]
    spans = dict(zip(there, box, strict=True))
    now = np.rint(layer.world_to_data(viewer.dims.point))
    first = np.clip(now, 0, np.array(shape_of(layer)) - 1)
    last = first.copy()
    for i, axis in enumerate(axes):
        if axis in spans:
            first[i], last[i] = spans[axis].start, spans[axis].stop - 1
    middle = (first + last) / 2
    sliders = [i for i, a in enumerate(axes) if a not in "YX"]
    middle[sliders] = np.floor(middle[sliders])
    go_to(viewer, layer, middle)
    shown = list(viewer.dims.displayed[-2:])
    corners = [np.zeros(viewer.dims.ndim) for _ in range(2)]
    for corner, at in zip(corners, (first - 0.5, last + 0.5), strict=True):
        corner[-layer.ndim :] = layer.data_to_world(at)
    extent = np.abs(corners[1] - corners[0])[shown]
    canvas = np.array(viewer.canvas.size, float)
    viewer.scene.camera.zoom = float(MARGIN * np.min(canvas / np.maximum(extent, 1e-9)))
