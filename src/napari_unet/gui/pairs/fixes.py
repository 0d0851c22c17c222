"""What can be done about a finding: going to its place, mending the labels. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
from napari.viewer import Viewer

from napari_unet.data.disconnected import split_parts
from napari_unet.data.doctor import Finding
from napari_unet.data.meaning import Meaning, understood
from napari_unet.data.poses import Pose
from napari_unet.data.whole import filled, without_background
from napari_unet.events import Control, Event, Progress
from napari_unet.gui.layers.axes import shape_of
from napari_unet.gui.layers.images import Pair, labels_axes
from napari_unet.gui.layers.placement import go_to


@dataclass(frozen=True)
class Origin:
    """Where a sample comes from: the layers of a pair, and the time point in them."""

    target: Pair
    frame: int

    def pixel(self, place: Sequence[int]) -> tuple[int, ...] | None:
        """Return a place in the sample as one in the labels layer; None: it is gone.

        place : ([Z,] Y, X)
        """
        own = _axes_now(self.target)
        if own is None:
            return None
        point = [self.frame, *place] if self.film else place
        at = dict(zip(self.target.letters, point, strict=True))
        return tuple(at.get(axis, 0) for axis in own)

    @property
    def film(self) -> bool:
        """Whether there are several time points."""
        return "T" in self.target.image.axes


def show(viewer: Viewer, origin: Origin, place: Sequence[int], select: bool) -> None:
    """Bring a place in a sample into the middle of the view, and select the layer.

    place : ([Z,] Y, X)
    select : whether to select the label that is there, too
    """
    layer = origin.target.labels
    pixel = origin.pixel(place)
    if pixel is None or layer not in viewer.layers:
        return
    layer.visible = True
    viewer.layers.selection.active = layer
    label = int(np.asarray(layer.data[pixel])) if not layer.multiscale else 0
    if select and label:
        layer.selected_label = label
    go_to(viewer, layer, pixel)


@dataclass(frozen=True, eq=False)  # arrays have no one truth value
class Mended:
    """Labels of which something was put right.

    where : tuple of integer arrays; the pixels that change, ([T,] [Z,] Y, X)
    before, after : integer arrays; their labels
    count : how many ids are new
    """

    where: tuple[np.ndarray, ...]
    before: np.ndarray
    after: np.ndarray
    count: int


def mend(
    read: Callable[[], np.ndarray],
    film: bool,
    meaning: Meaning,
    finding: Finding,
    control: Control,
) -> Generator[Event, None, Mended]:
    """Do what a finding says would fix it, at all time points; long work.

    read : returns the labels, ([T,] [Z,] Y, X)
    film : whether the first axis is time
    meaning : of the numbers: those that are no objects stay as they are

    A ValueError if the dtype has too few numbers.
    """
    labels = read()
    # What is turned, is turned with all that was painted.
    known = labels if finding.fix == "pose" else understood(labels, meaning)[0]
    after = labels.copy()
    old = {*np.unique(labels).tolist(), *meaning.others}
    taken = set(old)  # an id means the same object in all time points
    for done in range(len(labels) if film else 1):
        if control.stopped:
            break
        yield Progress("fixing", done, len(labels) if film else 1)
        part = np.s_[done] if film else np.s_[:]
        fixed = _mended(known[part], finding, taken)
        changed = fixed != known[part]
        after[part][changed] = fixed[changed]
        taken.update(np.unique(fixed[changed]).tolist())
    where = np.nonzero(after != labels)
    return Mended(where, labels[where], after[where], len(taken) - len(old))


def _mended(labels: np.ndarray, finding: Finding, taken: set[int]) -> np.ndarray:
    if isinstance(finding.value, Pose):
        return finding.value.applied(labels)
    if finding.fix == "background" and finding.value is not None:
        return without_background(labels, finding.value, taken)
    return filled(labels) if finding.fix == "fill" else split_parts(labels, taken)


def write(target: Pair, found: Mended) -> bool:
    """Write mended labels into their layer, as one edit that can be undone.

    Pixels that were painted meanwhile stay as they are. Returns whether any was
    written; a ValueError if the layer cannot be edited.
    """
    layer, own = target.labels, _axes_now(target)
    if own is None:
        return False
    if not (layer.editable and isinstance(layer.data, np.ndarray)):
        raise ValueError(
            f"{layer.name}: these labels cannot be edited; save them, open the file, "
            "and choose it as the labels"
        )
    at = dict(zip(target.letters, found.where, strict=True))
    channels = shape_of(layer)[own.index("C")] if "C" in own else 1
    places, values = [], []
    for channel in range(channels):
        here = np.full(found.before.shape, channel)
        index = np.array([at.get(a, here if a == "C" else 0 * here) for a in own])
        same = layer.data[tuple(index)] == found.before
        places.append(index[:, same])
        values.append(found.after[same])
    after = np.concatenate(values)
    if after.size:
        layer.visible = True  # what is not in sight is no place to write to in napari
        layer.data_setitem(tuple(np.concatenate(places, axis=1)), after)
    return bool(after.size)


def _axes_now(target: Pair) -> str | None:
    """Return the axes of the labels layer; None: it holds something else now."""
    own = labels_axes(target.labels, target.axes, target.image)
    if own is None:
        return None
    sizes = dict(zip(own, shape_of(target.labels), strict=True))
    here = tuple(sizes.get(axis, 1) for axis in target.letters)
    return own if here == target.shape else None
