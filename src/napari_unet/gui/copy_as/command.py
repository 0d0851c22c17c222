"""The command line that reproduces a press of a button."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_unet.config import Config
from napari_unet.config.base import text_of
from napari_unet.data.meaning import PLAIN
from napari_unet.files.datasets import find_pairs
from napari_unet.files.readers import stem
from napari_unet.gui.copy_as.press import (
    FolderPress,
    ItemPress,
    SegmentPress,
    TrainPress,
    safe,
)

# Where the commands write, and where they look for layers that were saved first.
SEGMENTED = "segmented"
TRAINING = "training"
AS_PYTHON = "copy it as Python"


def segment_command(press: SegmentPress) -> str:
    """Return the command line of a press; it writes into the folder `segmented`.

    Raises
    ------
    ValueError
        If the command line has no option for what was pressed.
    """
    if press.box is not None:
        raise ValueError(
            "napari-unet segment takes whole images, not a view; segment the image, "
            f"or {AS_PYTHON}"
        )
    head, file = "", press.path
    _check_savable(press)
    if file is None:
        file = Path(f"{safe(press.image)}.tif")
        head = _save(press.image, None, file.with_suffix(""))
    words = ["napari-unet", "segment", str(file), "--model", press.model]
    words += ["--output", SEGMENTED, *_channel(press.channel), *_device(press.device)]
    options = _options(press.config, press.config.model_dump(exclude_defaults=True))
    return head + shlex.join(words + options) + "\n"


def train_command(press: TrainPress) -> str:
    """Return the command line of a press of Start.

    Layers without files must be saved first; comments in front say which and where.

    Raises
    ------
    ValueError
        If the command line has no option for what was pressed.
    """
    channel = _common(press, "channel")
    meaning = _common(press, "meaning") or PLAIN
    for item in press.items:
        _check_plain(item)
    head, data = "", _data(press.items)
    if data is None:
        pairs = [i for i in press.items if isinstance(i, ItemPress)]
        folders = [i.path for i in press.items if isinstance(i, FolderPress)]
        head, data = _save_pairs(pairs), [*folders, Path(TRAINING)]
    words = ["napari-unet", "train", *map(str, data)]
    words += ["--output", str(press.folder)]
    words += [] if press.init is None else ["--init", press.init]
    words += [*_channel(channel), *_device(press.device)]
    words += _options(meaning, meaning.model_dump(exclude_defaults=True))
    words += _options(press.config, press.config.model_dump(exclude_defaults=True))
    if press.model is not None and press.init is None:
        words += _options(press.model, press.model.model_dump(exclude_unset=True))
    return head + shlex.join(words) + "\n"


def _options(config: Config, given: dict[str, Any], prefix: str = "--") -> list[str]:
    """Return options as :mod:`napari_unet.cli.arguments` parses them."""
    words: list[str] = []
    for name, value in given.items():
        option = name.replace("_", "-")
        inner = getattr(config, name)
        if isinstance(inner, Config):
            words += _options(inner, value, f"{prefix}{option}.")
        elif isinstance(value, bool):
            words.append(f"{prefix}{'' if value else 'no-'}{option}")
        elif value is not None:
            text = text_of(value, type(config).model_fields[name])
            # What begins with a minus would be taken for an option.
            joined = [f"{prefix}{option}={text}"]
            words += joined if text.startswith("-") else [prefix + option, text]
    return words


def _channel(channel: int | None) -> list[str]:
    return [] if channel is None else ["--channel", str(channel)]


def _device(device: str) -> list[str]:
    return [] if device == "auto" else ["--device", device]


def _check_savable(press: SegmentPress | ItemPress) -> None:
    """Raise a ValueError unless a file that napari saves says what the layer is."""
    if press.extra:
        raise ValueError(
            f"{press.image}: the command line takes the channels of an image from one "
            f"file, but these are layers; {AS_PYTHON}"
        )
    if press.path is None and press.axes not in ("YX", "ZYX"):
        raise ValueError(
            f"{press.image}: a file that napari saves does not say which of the axes "
            f"{press.axes} is which; {AS_PYTHON}"
        )


def _common(press: TrainPress, field: str) -> Any:
    """Return what all items have in this field, or raise a ValueError."""
    values = {getattr(item, field, None) for item in press.items}
    if len(values) > 1:
        raise ValueError(
            f"napari-unet train takes one {field} for all images, but these use "
            f"different ones; {AS_PYTHON}"
        )
    return next(iter(values), None)


def _check_plain(item: ItemPress | FolderPress) -> None:
    """Raise a ValueError unless the command line can do what an item asks for."""
    name = str(item.path) if isinstance(item, FolderPress) else item.image
    if item.use != "automatic":
        raise ValueError(
            f"{name}: is for {item.use} only, but napari-unet train chooses itself; "
            f"{AS_PYTHON}"
        )
    if isinstance(item, ItemPress):
        if item.right and item.meaning.zero == "unknown":
            raise ValueError(
                f"{name}: napari-unet train knows nothing of views that are right; "
                f"{AS_PYTHON}"
            )
        _check_savable(item)


def _data(items: Sequence[ItemPress | FolderPress]) -> list[Path] | None:
    """Return the folders and image files that hold exactly these items, in their order.

    None where there is no such thing: then the layers must be saved.
    """
    data = []
    for item in items:
        alone = isinstance(item, FolderPress) or _found(item.path) == [_files(item)]
        if item.path is None or not alone:
            return None
        data.append(item.path)
    pairs = [_files(i) for i in items if isinstance(i, ItemPress)]
    if len(pairs) == len(items):
        for folder in data[0].parents[:2]:
            if _found(folder) == pairs:
                return [folder]
    return data


def _files(item: ItemPress) -> tuple[Path | None, Path | None]:
    return (item.path, item.labels_path)


def _found(path: Path | None) -> list[tuple[Path | None, Path | None]]:
    """Return the images and labels that napari-unet train would take."""
    if path is None:
        return []
    try:
        found = find_pairs(path).for_training()
    except ValueError:  # nothing is there, or nothing that can be used
        return []
    return [] if found.problems else [(p.image, p.labels) for p in found.pairs]


def _save_pairs(pairs: Sequence[ItemPress]) -> str:
    """Return comments that say where the image and labels of each pair must go."""
    names = [safe(p.image if p.path is None else stem(p.path)) for p in pairs]
    text = ""
    for number, (pair, name) in enumerate(zip(pairs, names, strict=True)):
        name += f"_{number}" * (names.count(name) > 1)
        text += _save(pair.image, pair.path, Path(TRAINING) / "images" / name)
        text += _save(pair.labels, pair.labels_path, Path(TRAINING) / "labels" / name)
    return text


def _save(layer: str, path: Path | None, target: Path) -> str:
    """Return the comment about one layer, or the file behind it."""
    if path is None:
        return f'# save the layer "{layer}" as {target.as_posix()}.tif first\n'
    return f"# copy {path} to {target.as_posix()}{path.suffix} first\n"
