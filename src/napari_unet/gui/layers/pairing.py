"""Which labels belong to which image, and what they are likely to mean; no Qt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from napari.layers import Image, Labels

from napari_unet.data.meaning import Zero
from napari_unet.gui.layers.axes import KEY, axes_of, choices_of, shape_of


def ours(layer: Any) -> dict[str, Any]:
    """Return what the docks wrote into a layer's metadata; empty for other layers."""
    found = layer.metadata.get(KEY)
    return found if isinstance(found, dict) else {}


def our_layer(layers: Iterable[Any], key: str, value: object) -> Any:
    """Return the layer in whose metadata the docks wrote a value; None: it is gone."""
    return next((y for y in layers if ours(y).get(key) == value), None)


def is_preview(layer: Any) -> bool:
    """Return whether a layer shows what a network makes of an image: not to work on."""
    return bool(ours(layer).get("preview"))


def images_in(layers: Iterable[Any]) -> list[Image]:
    """Return the images to work on."""
    return [y for y in layers if isinstance(y, Image) and not is_preview(y)]


def labels_in(layers: Iterable[Any]) -> list[Labels]:
    """Return the labels to work on."""
    return [y for y in layers if isinstance(y, Labels) and not is_preview(y)]


def fits(labels: Labels | Image, image: Image, axes: str | None = None) -> bool:
    """Return whether labels have the shape of an image, without its channels.

    axes : of the image; None: those that it has or could have
    """
    return axes_on(labels, image, axes) is not None


def axes_on(
    labels: Labels | Image, image: Image, axes: str | None = None
) -> str | None:
    """Return a letter for each axis of labels that lie on an image; None: they do not.

    axes : of the image; None: those that it has or could have
    """
    known = axes or axes_of(image)
    for order in (known,) if known else choices_of(image):
        here = dict(zip(order, shape_of(image), strict=True))
        here.pop("C", None)
        long = [a for a, n in here.items() if n > 1 or a in "YX"]
        for own in (order, "".join(here), "".join(long)):
            if len(own) == labels.ndim:
                sizes = dict(zip(own, shape_of(labels), strict=True))
                if all(sizes.get(a, 1) == n for a, n in here.items()):
                    return own
                break
    return None


def labels_on(
    image: Image, layers: Iterable[Any], used: Sequence[Any] = ()
) -> Labels | None:
    """Return the labels layer that is most likely drawn on an image.

    Those of another shape and those named after another image are none. Layers that
    are not `used` elsewhere come first, then those that are named after the image, then
    the newest.
    """
    layers = list(layers)
    images = [other for other in layers if isinstance(other, Image)]
    found: list[tuple[bool, bool, int]] = []
    for index, layer in enumerate(layers):
        if not isinstance(layer, Labels) or is_preview(layer):
            continue
        named = [i for i in images if named_after(layer, i)]
        owner = max(named, key=lambda i: len(i.name), default=None)
        if fits(layer, image) and owner in (image, None):
            found.append((layer not in used, owner == image, index))
    return layers[max(found)[2]] if found else None


def image_under(labels: Labels, layers: Iterable[Any]) -> Image | None:
    """Return the image that labels are most likely drawn on."""
    images = [i for i in images_in(layers) if fits(labels, i)]
    named = [i for i in images if named_after(labels, i)]
    if named:
        return max(named, key=lambda i: len(i.name))
    return images[-1] if images else None


def named_after(labels: Labels, image: Image) -> bool:
    """Return whether the image's name is a part of the labels': "a" of "a_labels"."""
    edge = r"[^\W_]"  # no letter or digit may go on, or "image 1" were in "image 10"
    pattern = f"(?<!{edge}){re.escape(image.name)}(?!{edge})"
    return re.search(pattern, labels.name) is not None


def usual_zero(layer: Labels) -> Zero | None:
    """Return what 0 is likely to mean; None: only who painted the labels knows."""
    if "model" in ours(layer):
        return "unknown"  # what a model left out may still be an object
    source = layer.source
    if source.path or source.sample or source.reader_plugin or "file" in ours(layer):
        return "background"
    return None
