"""The Python code that reproduces a press of a button."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from napari_unet.config import Config
from napari_unet.gui.copy_as.press import (
    FolderPress,
    ItemPress,
    SegmentPress,
    TrainPress,
    safe,
)

WIDTH = 50
LINE = 88
CONSOLE = "# For napari's console: it uses the layers that are open now.\n"
# What the code may use of `napari_unet`.
NAMES = (
    *("Annotated", "AugmentConfig", "Folder", "Model", "ModelConfig", "PredictConfig"),
    *("TrainConfig", "drain", "image_of", "labels_of", "placement", "read_image"),
    *("read_labels", "segment", "train_on", "with_layer_axes", "write_labels"),
)


def segment_python(press: SegmentPress) -> str:
    """Return Python code that gives the labels of a press as `result.labels`.

    It is a script where a file holds the image, else code for napari's console.
    """
    lines = []
    if press.path is None or press.extra:
        lines.append(f"layer = viewer.layers[{press.image!r}]")
        lines.append(f"image = {_image_of('layer', press)}")
        axes = repr(press.axes)
        end = [
            f"labels = with_layer_axes(result.labels, layer, {axes})",
            f"place = placement(layer, {axes})",
            f"viewer.add_labels(labels, name={press.image + ' labels'!r}, **place)",
        ]
    else:
        lines.append(f"image = {_read_image(press)}")
        file = repr(f"{safe(press.image)}_segmented.tif")
        end = [
            "axes = image.axes.replace('C', '')",
            f"write_labels({file}, result.labels, image.spacing, axes=axes)",
        ]
    device = [] if press.device == "auto" else [repr(press.device)]
    lines.append(f"model = {_call('Model.load', [repr(press.model), *device])}")
    options = ["model", "image"]
    options += _config(press.config, press.config.model_dump(exclude_defaults=True))
    if press.box is not None:
        places = [f"{s.start}:{s.stop}" for s in press.box]
        options.append(f"box=np.s_[{', '.join(places)}]")
    lines.append(f"result = drain({_call('segment', options)})")
    return _with_imports("\n".join([*lines, *end]))


def train_python(press: TrainPress) -> str:
    """Return Python code that trains the model of a press.

    It is a script where files hold all images and labels, else code for the console.
    """
    lines: list[str] = []
    items = [_item(item, lines) for item in press.items]
    options = ["items", repr(str(press.folder))]
    options += _config(press.config, press.config.model_dump(exclude_defaults=True))
    if press.init is not None:
        options.append(f"init={press.init!r}")
    elif press.model is not None:
        # What is left open is chosen from the data; a default that was set is not.
        given = press.model.model_dump(exclude_unset=True)
        options += [f"model={code}" for code in _config(press.model, given)]
    if press.device != "auto":
        options.append(f"device={press.device!r}")
    lines.append(f"items = {_list(items)}")
    lines.append(f"model = drain({_call('train_on', options)})")
    return _with_imports("\n".join(lines))


def _item(item: ItemPress | FolderPress, lines: list[str]) -> str:
    """Return the code of one item; adds the lines that must stand before it."""
    if isinstance(item, FolderPress):
        options = [f"Path({str(item.path)!r})"]
    elif item.from_files:
        options = [_read_image(item), f"read_labels({str(item.labels_path)!r}).array"]
    else:
        number = len(lines) // 2 + 1
        image, labels = f"image_{number}", f"labels_{number}"
        own = [f"viewer.layers[{item.labels!r}]", repr(item.axes), image]
        lines.append(f"{image} = {_image_of(f'viewer.layers[{item.image!r}]', item)}")
        lines.append(f"{labels} = {_call('labels_of', own)}")
        options = [image, labels]
    given = item.meaning.model_dump(exclude_defaults=True)
    if item.use != "automatic":
        given = {"use": item.use, **given}
    options += [f"{name}={value!r}" for name, value in given.items()]
    if isinstance(item, ItemPress) and item.right:
        boxes = (", ".join(f"{s.start}:{s.stop}" for s in box) for box in item.right)
        options.append(f"right={_list([f'np.s_[{box}]' for box in boxes])}")
    return _call("Folder" if isinstance(item, FolderPress) else "Annotated", options)


def _with_imports(body: str) -> str:
    """Return code with the imports of the names that occur in it."""
    used = [n for n in NAMES if re.search(rf"\b{n}\b[(.]", body)]
    ours = f"from napari_unet import {', '.join(used)}\n"
    if len(ours) > LINE:
        ours = f"from napari_unet import ({_listed(used)})\n"
    others = "from pathlib import Path\n" if "Path(" in body else ""
    others += "import numpy as np\n" if "np.s_" in body else ""
    head = CONSOLE if "viewer." in body else ""
    return head + (others and f"{others}\n") + ours + f"\n{body}\n"


def _config(config: Config, given: dict[str, Any]) -> list[str]:
    """Return the code that makes a config of these options; none without options."""
    options = []
    for name, value in given.items():
        inner = getattr(config, name)
        code = _config(inner, value)[0] if isinstance(inner, Config) else repr(value)
        options.append(f"{name}={code}")
    return [_call(type(config).__name__, options)] if options else []


def _call(name: str, arguments: Iterable[str]) -> str:
    """Return a call, an argument a line where it is long."""
    return f"{name}({_listed(list(arguments))})"


def _list(items: Sequence[str]) -> str:
    return f"[{_listed(items)}]"


def _listed(parts: Sequence[str]) -> str:
    text = ", ".join(parts)
    if len(text) <= WIDTH and "\n" not in text:
        return text
    return "\n" + textwrap.indent("".join(f"{part},\n" for part in parts), "    ")


def _read_image(press: SegmentPress | ItemPress) -> str:
    select = "" if press.channel is None else f".select({press.channel})"
    return _call("read_image", [repr(str(press.path))]) + select


def _image_of(layer: str, press: SegmentPress | ItemPress) -> str:
    options = [layer, repr(press.axes)]
    if press.channel is not None:
        options.append(f"channel={press.channel}")
    if press.extra:
        extra = [f"viewer.layers[{name!r}]" for name in press.extra]
        options.append(f"extra={_list(extra)}")
    return _call("image_of", options)
