"""Where a layer lies: labels exactly on an image, what is in sight, µm per pixel."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_unet.boxes import Box
from napari_unet.files.readers import read_spacing
from napari_unet.gui.layers.axes import axes_of, shape_of, spatial

if TYPE_CHECKING:
    from napari.layers import Layer, Vectors
    from napari.viewer import Viewer

LINE = 0.01  # width of the edge of a box, of its height


def spacing_of(layer: Image | Labels, axes: str) -> tuple[float, ...] | None:
    """Return µm per pixel for each of ``[Z]YX``; None unless all have a length unit."""
    # An affine transform stretches, too; its columns have length 1 where it does not.
    stretch = np.linalg.norm(layer.affine.linear_matrix, axis=0)
    found = {}
    for axis, unit, scale in zip(axes, layer.units, layer.scale * stretch, strict=True):
        if unit.is_compatible_with("micrometer"):
            found[axis] = abs(float(scale)) * float((1 * unit).to("micrometer").m)
    return _all_of(found, layer, axes)


def file_spacing(layer: Image | Labels) -> tuple[float, ...] | None:
    """Return µm per pixel for ``[Z]YX`` from the TIFF behind a layer that has none.

    napari's own reader leaves them out. Only the file's header is read.
    """
    axes, path = axes_of(layer), layer.source.path
    if axes is None or spacing_of(layer, axes) is not None:
        return None
    if not str(path).lower().endswith((".tif", ".tiff")):
        return None
    return _all_of(read_spacing(str(path)), layer, axes)


def _all_of(
    found: Mapping[str, float], layer: Image | Labels, axes: str
) -> tuple[float, ...] | None:
    """Return lengths for ``[Z]YX``; None where one of them is not known."""
    letters = spatial(layer, axes).replace("T", "")
    if not all(found.get(a) for a in letters):
        return None
    return tuple(found[a] for a in letters)


def use_spacing(
    layer: Image | Labels, spacing: Sequence[float], others: Iterable[Layer] = ()
) -> None:
    """Give a layer a scale in µm, and with it what lies on it.

    spacing : µm per pixel for each of ``[Z]YX``
    others : of these, labels drawn on `layer` and images from the same file follow

    A ValueError if the axes of the layer are not known or do not fit.
    """
    axes = axes_of(layer)
    if axes is None:
        raise ValueError(
            f"{layer.name}: its axes are not known; say first what they are"
        )
    letters = spatial(layer, axes).replace("T", "")
    if len(letters) != len(spacing):
        raise ValueError(
            f"{layer.name}: spacing {tuple(spacing)} does not fit its axes {axes}; "
            f"give one number for each of {' '.join(letters)}"
        )
    values = dict(zip(letters, spacing, strict=True))
    scale = np.array([values.get(a, s) for a, s in zip(axes, layer.scale, strict=True)])
    units = [
        "micrometer" if a in values else str(u)
        for a, u in zip(axes, layer.units, strict=True)
    ]
    ratio = scale / layer.scale
    for other in (*[o for o in others if _lies_on(o, layer, axes)], layer):
        other.translate = other.translate * ratio[-other.ndim :]
        other.scale = other.scale * ratio[-other.ndim :]
        other.units = units[-other.ndim :]


def placement(layer: Image, axes: str) -> dict[str, Any]:
    """Return where a Labels layer lies exactly on an image, as keywords of the layer.

    It has the image's axes without the channels, in the image's order. Channels that
    are not the first axis stay as one entry that covers them all: napari aligns
    layers by their last axes, so that leaving it out would shift the axes before it.
    :func:`with_layer_axes` gives an array these axes.
    """
    rotate, shear = layer.rotate, _matrix(layer.shear, layer.ndim)
    scale, translate = layer.scale.copy(), layer.translate.copy()
    affine = layer.affine.affine_matrix
    kept = _kept(axes)
    if "C" in axes and len(kept) == len(axes):
        channel = axes.index("C")
        count = shape_of(layer)[channel]
        column = (rotate @ shear)[:, channel] * scale[channel]
        translate += column * (count - 1) / 2
        scale[channel] *= count
    rows = np.ix_(kept, kept)
    homogeneous = [*kept, layer.ndim]
    return {
        "scale": scale[kept],
        "translate": translate[kept],
        "rotate": rotate[rows],
        "shear": shear[rows],
        "affine": affine[np.ix_(homogeneous, homogeneous)],
        "units": tuple(layer.units[i] for i in kept),
        "axis_labels": tuple(layer.axis_labels[i] for i in kept),
    }


def place_part(
    layer: Image,
    axes: str,
    steps: Mapping[str, tuple[float, float]],
    front: Sequence[str] = (),
) -> dict[str, Any]:
    """Return where maps of a part of an image lie on it, as keywords of a layer.

    axes : of `layer`; the maps have all of them
    steps : mapping of str to (float, float); per axis, px of the image per pixel of the
        maps, and the place in the image of the first one's centre. Axes that miss have
        one entry that covers them all.
    front : names of axes that the maps have before those of the image
    """
    sizes = zip(axes, shape_of(layer), strict=True)
    step, first = np.array([steps.get(a, (n, (n - 1) / 2)) for a, n in sizes]).T
    rotate, shear = layer.rotate, _matrix(layer.shear, layer.ndim)
    translate = layer.translate + rotate @ shear @ (layer.scale * first)
    more = len(front)

    def widened(matrix: np.ndarray) -> np.ndarray:
        wide = np.eye(len(matrix) + more)
        wide[more:, more:] = matrix
        return wide

    return {
        "scale": np.r_[np.ones(more), layer.scale * step],
        "translate": np.r_[np.zeros(more), translate],
        "rotate": widened(rotate),
        "shear": widened(shear),
        "affine": widened(layer.affine.affine_matrix),
        "units": (*["pixel"] * more, *layer.units),
        "axis_labels": (*front, *layer.axis_labels),
    }


def with_layer_axes(labels: np.ndarray, layer: Image, axes: str) -> np.ndarray:
    """Return a view of labels with the axes that :func:`placement` places.

    Parameters
    ----------
    labels : ([T,][Z,] Y, X) array
        Without axes of length 1, as an ImageSeries of `layer` has them.
    layer : Image layer
    axes : str
        Of `layer`.
    """
    canonical = spatial(layer, axes)
    view = labels.transpose([canonical.index(a) for a in axes if a in canonical])
    letters = [axes[i] for i in _kept(axes)]
    return view[tuple(slice(None) if a in canonical else None for a in letters)]


def point_on(point: Sequence[int], layer: Image, axes: str) -> tuple[int, ...]:
    """Return a place in labels as one in the layer that :func:`placement` places.

    `point` is in ([T,] [Z,] Y, X), without axes of length 1.
    """
    at = dict(zip(spatial(layer, axes), point, strict=True))
    return tuple(at.get(axes[i], 0) for i in _kept(axes))


def go_to(viewer: Viewer, layer: Layer, pixel: Sequence[int] | np.ndarray) -> None:
    """Bring a pixel of a layer into the middle of the view."""
    dims = viewer.dims
    world = np.zeros(dims.ndim)
    world[dims.ndim - layer.ndim :] = layer.data_to_world(pixel)
    for axis in dims.not_displayed:
        if axis >= dims.ndim - layer.ndim:
            dims.set_point(axis, world[axis])
    viewer.scene.camera.center = tuple(world[list(dims.displayed)])


def visible_box(viewer: Viewer, layer: Image, axes: str) -> Box:
    """Return what is in sight of an image: one frame and plane, all planes in 3D.

    It is in the axes ``[T,][Z,]Y,X``, without those of length 1. A ValueError if the
    image is not in sight.
    """
    dims, there = viewer.dims, spatial(layer, axes)
    displayed = {i - dims.ndim + layer.ndim for i in dims.displayed[-2:]}
    whole = "ZYX" if dims.ndisplay == 3 else ""
    at = np.rint(layer.world_to_data(dims.point)).astype(int)
    low, high = _in_sight(viewer, layer)
    box = {}
    for i, (axis, size) in enumerate(zip(axes, shape_of(layer), strict=True)):
        if axis in whole or (axis in "YX" and i not in displayed):
            first, last = 0, size - 1
        elif i in displayed and axis in "ZYX":
            first, last = max(0, low[i]), min(size - 1, high[i])
        else:
            first = last = at[i]
        if axis in there and not 0 <= first <= last < size:
            raise ValueError(
                f"{layer.name} is not in sight; move the view or the sliders to it"
            )
        box[axis] = slice(int(first), int(last) + 1)
    return tuple(box[a] for a in there)


def _in_sight(viewer: Viewer, layer: Image) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and last index, per axis, that the canvas shows in 2D."""
    camera, canvas = viewer.scene.camera, viewer.canvas
    rows, columns = 1, 1
    if canvas.grid.enabled:
        rows, columns = canvas.grid.actual_shape(len(viewer.layers))
    half = np.array(canvas.size) / (rows, columns) / camera.zoom / 2
    corners = []
    for sign in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        point = np.array(viewer.dims.point, float)
        point[list(viewer.dims.displayed[-2:])] = camera.center[-2:] + half * sign
        corners.append(layer.world_to_data(point))
    # Pixel i reaches from i - 0.5 to i + 0.5.
    low = np.floor(np.min(corners, axis=0) + 0.5)
    high = np.ceil(np.max(corners, axis=0) - 0.5)
    return low.astype(int), high.astype(int)


def _kept(axes: str) -> list[int]:
    """Return the axes of an image that a Labels layer on it has."""
    return list(range(axes.startswith("C"), len(axes)))


def _matrix(shear: np.ndarray, ndim: int) -> np.ndarray:
    """Return a shear as a matrix; napari gives the upper triangle as a vector."""
    if shear.ndim == 2:
        return shear
    matrix = np.eye(ndim)
    if shear.any():
        matrix[np.triu_indices(ndim, 1)] = shear
    return matrix


def _lies_on(other: Layer, layer: Image | Labels, axes: str) -> bool:
    """Whether labels lie on an image, or an image from the same file does."""
    if isinstance(other, Image):
        path = layer.source.path
        if other is layer or path is None or other.source.path != path:
            return False
    elif not isinstance(other, Labels) or other is layer:
        return False
    if other.ndim > layer.ndim or other.units[-2:] != layer.units[-2:]:
        return False
    common = [i for i in range(-other.ndim, 0) if axes[i] != "C"]
    same = all(shape_of(other)[i] == shape_of(layer)[i] for i in common)
    here, there = other.extent.world[:, common], layer.extent.world[:, common]
    return same and bool(np.allclose(here, there))


def show_other(layer: Any, data: np.ndarray, place: Mapping[str, Any]) -> None:
    """Show other data in a layer of ours, which may have been hidden."""
    layer.data = data
    for name, value in place.items():
        setattr(layer, name, value)
    layer.visible = True


def add_edges(
    viewer: Viewer,
    edges: np.ndarray,
    height: float,
    image: Image,
    axes: str,
    **about: Any,
) -> Vectors:
    """Add the edges of a box of some height in an image, in its px: (N, 2, axes).

    A layer of vectors: the first layer of shapes of a process may take a minute.
    """
    with undisturbed(viewer):
        return viewer.add_vectors(
            edges,
            edge_width=max(0.5, LINE * height),
            vector_style="line",
            **about,
            **place_part(image, axes, dict.fromkeys(axes, (1.0, 0.0))),
        )


@contextlib.contextmanager
def undisturbed(viewer: Viewer) -> Iterator[None]:
    """Keep what is in sight and what is selected: new layers change both."""
    layers, camera = viewer.layers, viewer.scene.camera
    selected, active = list(layers.selection), layers.selection.active
    centre, zoom = camera.center, camera.zoom
    yield
    camera.center, camera.zoom = centre, zoom
    layers.selection.clear()
    layers.selection.update(layer for layer in selected if layer in layers)
    layers.selection.active = active if active in layers else None
