"""The command line that reproduces a press of a button."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
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

    A ValueError if the command line has no option for what was pressed.
    """
    _check(press)
    head, file = "", press.path
    if file is None:
        file = Path(f"{safe(press.image)}.tif")
        head = _save(press.image, None, file.with_suffix(""))
    words = ["napari-unet", "segment", str(file), "--model", press.model]
    words += ["--output", SEGMENTED, *_given(press.device, channel=press.channel)]
    options = _options(press.config, press.config.model_dump(exclude_defaults=True))
    return head + shlex.join(words + options) + "\n"


def train_command(press: TrainPress) -> str:
    """Return the command line of a press of Start.

    Layers without files must be saved first; comments in front say which and where.

    A ValueError if the command line has no option for what was pressed.
    """
    channel = _common(press, "channel")
    meaning = _common(press, "meaning") or PLAIN
    for item in press.items:
        _check(item)
    head, data = "", _data(press.items)
    if data is None:
        pairs = [i for i in press.items if isinstance(i, ItemPress)]
        folders = [i.path for i in press.items if isinstance(i, FolderPress)]
        head, data = _save_pairs(pairs), [*folders, Path(TRAINING)]
    words = ["napari-unet", "train", *map(str, data)]
    words += ["--output", str(press.folder)]
    words += _given(press.device, init=press.init, channel=channel)
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


def _given(device: str, **options: object) -> list[str]:
    """Return the options that are not None, and a device that was chosen."""
    options["device"] = None if device == "auto" else device
    pairs = [(n, v) for n, v in options.items() if v is not None]
    return [word for name, value in pairs for word in (f"--{name}", str(value))]


def _common(press: TrainPress, field: str) -> Any:
    """Return what all items have in this field, or raise a ValueError."""
    values = {getattr(item, field, None) for item in press.items}
    if len(values) > 1:
        raise ValueError(
            f"napari-unet train takes one {field} for all images, but these use "
            f"different ones; {AS_PYTHON}"
        )
    return next(iter(values), None)


def _check(item: SegmentPress | ItemPress | FolderPress) -> None:
    """Raise a ValueError unless the command line can do what was pressed."""
    name = str(item.path) if isinstance(item, FolderPress) else item.image
    for reason in _reasons(item):
        raise ValueError(f"{name}: {reason}; {AS_PYTHON}")


def _reasons(item: SegmentPress | ItemPress | FolderPress) -> Iterator[str]:
    """Yield what the command line cannot do."""
    if isinstance(item, SegmentPress):
        if item.box is not None:
            yield "napari-unet segment takes whole images, not a view"
    elif item.use != "automatic":
        yield f"is for {item.use} only, but napari-unet train chooses itself"
    if isinstance(item, FolderPress):
        return
    if isinstance(item, ItemPress) and item.right and item.meaning.zero == "unknown":
        yield "napari-unet train knows nothing of views that are right"
    if item.extra:
        yield (
            "the command line takes the channels of an image from one file, but these "
            "are layers"
        )
    if item.path is None and item.axes not in ("YX", "ZYX"):
        yield (
            f"a file that napari saves does not say which of the axes {item.axes} is "
            "which"
        )


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
