"""Whether an image fits a model, and which of its channels the model takes."""

from __future__ import annotations

from napari_unet.config import ModelConfig
from napari_unet.data.channels import are_numbered, find
from napari_unet.data.images import Image
from napari_unet.text import counted


def fitted(config: ModelConfig, image: Image) -> Image:
    """Return an image with the channels that a model wants, in its order.

    Channels are taken by name, whatever its case. A ValueError unless the image fits
    the model.
    """
    if config.ndim == 3 and image.ndim == 2:
        raise ValueError(
            f"{image.name}: the image is 2D {image.shape} but the model is 3D; "
            "use a stack, or a 2D model"
        )
    wanted, count = config.input, image.array.shape[0]
    if isinstance(wanted, tuple):
        found = image.fitted(wanted)
        expects = f"{counted(len(wanted), 'channel')} ({', '.join(wanted)})"
        order = ",".join(map(str, range(len(wanted))))
        remedy = (
            "name its channels so, pick them in this order (command line: --channel "
            f"{order}), or choose another model"
        )
    else:
        found = image if image.rgb or count == 1 else None
        expects = "one channel" if wanted == "grey" else "one channel or RGB"
        remedy = "choose one channel (command line: --channel)"
    if found is None:
        raise ValueError(
            f"{image.name}: the model wants {expects}, the image has "
            f"{_told(image, wanted)}; {remedy}"
        )
    return found


def channels_told(config: ModelConfig, image: Image) -> str:
    """Return what is to be told of the channels of an image that fits; "": nothing."""
    wanted, has = config.input, image.channels
    if not isinstance(wanted, tuple) or are_numbered(wanted):
        return ""
    names = ", ".join(wanted)
    if not has:
        return f"its channels, which have no names, are taken as {names}"
    if any(find(name, has) is None for name in wanted):
        return f"its channels {', '.join(has)} are taken as {names}"
    kept = fitted(config, image).channels
    left = [name for name in has if name not in kept]
    return f"of its channels {', '.join(left)} is left out" if left else ""


def _told(image: Image, wanted: str | tuple[str, ...]) -> str:
    """Return what channels an image has, and which are missing."""
    if image.rgb:
        return "RGB colours"
    names, count = image.channels, image.array.shape[0]
    text = f"{counted(count, 'channel')} ({', '.join(names or map(str, range(count)))})"
    if names and isinstance(wanted, tuple):
        missing = [n for n in wanted if find(n, names) is None]
        text += f", no {' and no '.join(missing)}" * bool(missing)
    return text
