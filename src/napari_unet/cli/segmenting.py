"""``napari-unet segment``: files in, label files out."""

from __future__ import annotations

import glob
import sys
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.config import PredictConfig
from napari_unet.events import Note, Progress, drain
from napari_unet.files import make_folder, sha256
from napari_unet.layouts import LABEL_SUFFIX, image_files, listing
from napari_unet.readers import ImageFile, frames, read_image, stem
from napari_unet.writers import write_json, write_labels

from .bars import Show, clock, counted
from .data import check_writable
from .options import Channel, Device

if TYPE_CHECKING:
    from napari_unet.model import Model
    from napari_unet.segmentation import Result


def segment(
    image: tuple[str, ...],
    /,
    *,
    model: str,
    output: Path,
    config: PredictConfig,
    channel: Channel = None,
    device: Device = "auto",
) -> int:
    """Segment images; writes NAME_labels.tif and NAME_labels.json for each.

    Parameters
    ----------
    image
        Images, folders of images, or patterns such as "day1/*.tif".
    model
        A model: the folder that training wrote, a file, or a built-in name.
    output
        Folder of the results; older ones of the same name are replaced.
    """
    from napari_unet.model import Model

    paths = find_images(image)
    check_outputs(paths, output)
    check_writable(output)
    loaded = Model.load(model, device)
    make_folder(output)
    about = _about(loaded, model, config, channel)
    failed = 0
    with Show() as show:
        for done, path in enumerate(paths):
            show(Progress("segmenting", done, len(paths)))
            try:
                print(_segment_file(loaded, path, output, config, channel, about, show))
            except ValueError as error:
                failed += 1
                print(f"napari-unet: error: {error}", file=sys.stderr)
    if failed and len(paths) > 1:
        print(f"{failed} of {len(paths)} images failed", file=sys.stderr)
    return 2 if failed else 0


def find_images(inputs: Sequence[str]) -> list[Path]:
    """Return the image files that paths, folders and patterns stand for.

    Labels that lie beside their image in a folder are not taken for images.

    Raises
    ------
    ValueError
        If one of them stands for nothing.
    """
    found: list[Path] = []
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            found += _in_folder(path)
        elif path.exists() or not glob.has_magic(text):
            found.append(path)  # whether it is an image is found out on reading
        else:
            matches = sorted(Path(p) for p in glob.glob(text, recursive=True))
            if not matches:
                raise ValueError(f"{text}: nothing matches this pattern; check it")
            found += [p for p in matches if p.is_file()]
    if not found:
        raise ValueError("there is no image to segment; name an image or a folder")
    return list(dict.fromkeys(found))


def _in_folder(folder: Path) -> list[Path]:
    """Return the images of a folder, of its images/, or of its folders' images/."""
    places = [folder, folder / "images", *sorted(folder.glob("*/images"))]
    for group in ([places[0]], [places[1]], places[2:]):
        images: list[Path] = []
        strays: list[str] = []
        for place in group:
            if place.is_dir():
                files, others = image_files(place)
                images += files
                strays += [f.name for f in others]
        names = {stem(f) for f in images}
        labels = [
            f
            for f in images
            if LABEL_SUFFIX.search(stem(f)) and LABEL_SUFFIX.sub("", stem(f)) in names
        ]
        if images:
            for what, skipped in (
                (
                    "labels beside their image are not segmented",
                    [f.name for f in labels],
                ),
                ("files that are no images were skipped", strays),
            ):
                if skipped:
                    print(f"{folder}: {listing(what, skipped)}", file=sys.stderr)
            return [f for f in images if f not in labels]
    raise ValueError(f"{folder}: holds no images; give a folder with images")


def check_outputs(paths: Sequence[Path], output: Path) -> None:
    """Raise a ValueError if a result would be another result, or an image."""
    # Some systems do not tell upper from lower case.
    names = Counter(stem(p).casefold() for p in paths)
    twice = [str(p) for p in paths if names[stem(p).casefold()] > 1]
    if twice:
        raise ValueError(
            f"{', '.join(twice[:4])} would write the same "
            f"{stem(Path(twice[0]))}_labels.tif; segment them into separate folders"
        )
    results = {(output / f"{stem(p)}_labels.tif").resolve() for p in paths}
    lost = [str(p) for p in paths if p.resolve() in results]
    if lost:
        raise ValueError(
            f"{lost[0]} would be overwritten by its neighbour's labels; choose another "
            "--output"
        )


def _segment_file(
    model: Model,
    path: Path,
    output: Path,
    config: PredictConfig,
    channel: str | None,
    about: dict[str, Any],
    show: Show,
) -> str:
    """Segment one file and write its results; returns a line about it."""
    image = read_image(path)
    if channel is not None:
        image = image.select(channel)
    for note in image.notes:
        show(Note(f"{image.name}: {note}"))
    results = _segment_frames(model, image, config, show)
    labels = _joined([r.labels for r in results], model.formulation.instances)
    if "T" not in image.axes:
        labels = labels[0]
    file = output / f"{image.name}_labels.tif"
    write_labels(file, labels, image.spacing, axes=image.axes.replace("C", ""))
    seconds = sum(r.seconds for r in results)
    notes = [*image.notes, *dict.fromkeys(n for r in results for n in r.notes)]
    what = _found(model, results, labels)
    content = {
        "image": {
            "path": str(path),
            "sha256": sha256(path),
            "shape": list(image.array.shape),
            "axes": image.axes,
            "spacing": image.spacing,
        },
        **about,
        "normalisation": [{"low": r.stats.low, "high": r.stats.high} for r in results],
        **what,
        "seconds": round(seconds, 3),
        "notes": notes,
    }
    write_json(file.with_suffix(".json"), content)
    return f"{path}: {_text(what)}, {clock(seconds)} -> {file}"


def _segment_frames(
    model: Model, image: ImageFile, config: PredictConfig, show: Show
) -> list[Result]:
    from napari_unet.segmentation import segment as segmenting

    results = []
    for frame in frames(image):
        events = segmenting(
            model,
            frame.image,
            config,
            rgb=image.rgb,
            spacing=image.spacing,
            channels=image.channels,
            name=frame.name,
        )
        results.append(drain(events, show))
    return results


def _joined(planes: Sequence[np.ndarray], instances: bool) -> np.ndarray:
    """Stack time points; an object's number occurs once in the whole file."""
    stack, last = np.stack(planes), 0
    for plane in stack if instances else ():
        plane[plane > 0] += last
        last = max(last, int(plane.max()))
    return stack


def _found(
    model: Model, results: Sequence[Result], labels: np.ndarray
) -> dict[str, Any]:
    """Return what was found: the number of objects, or the part of each class."""
    if model.formulation.instances:
        return {"objects": sum(len(r.ids) for r in results)}
    parts = {c: float((labels == c).mean()) for c in sorted(model.config.classes)}
    return {"classes": {str(c): round(part, 5) for c, part in parts.items()}}


def _text(found: dict[str, Any]) -> str:
    if "objects" in found:
        return counted(found["objects"], "object")
    return ", ".join(f"class {c} {part:.1%}" for c, part in found["classes"].items())


def _about(
    model: Model, path: str, config: PredictConfig, channel: str | None
) -> dict[str, Any]:
    """Return what the results of all images have in common."""
    from napari_unet import __version__
    from napari_unet.device import pick_dtype

    return {
        "model": {"path": path, "hash": model.hash(), "thresholds": model.thresholds},
        "options": {**config.model_dump(mode="json"), "channel": channel},
        "device": str(model.device),
        "number_format": str(pick_dtype(model.device, config.precision))[6:],
        "versions": {"napari-unet-live": __version__}
        | {name: version(name) for name in ("torch", "numpy")},
    }
