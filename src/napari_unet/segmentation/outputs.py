"""What segmenting leaves behind: label files, and what says how they were made."""

from __future__ import annotations

import glob
import math
import os
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.atomic import longest_name, make_folder, sha256
from napari_unet.boxes import Box
from napari_unet.config import PredictConfig
from napari_unet.data.images import ImageSeries
from napari_unet.decoding.axes import checked_axes
from napari_unet.events import Control, Event, Note, Progress
from napari_unet.files.layouts import (
    folders,
    image_files,
    image_folders,
    is_lost,
    listing,
)
from napari_unet.files.matching import labels_beside, without
from napari_unet.files.outlines import EXPORTS, write_outlines
from napari_unet.files.readers import read_images, stem
from napari_unet.files.writers import write_json, write_labels, write_table
from napari_unet.text import class_name, too_little_memory, version

if TYPE_CHECKING:
    from napari_unet.models.model import Model
    from napari_unet.segmentation.result import Result


TABLE = "objects.csv"
COLUMNS = ("image", "id", "frame", "size", "unit", "score")


@dataclass(frozen=True)
class Written:
    """The labels of one image file.

    source : the image
    file : where the labels are, a JSON file beside them
    told : what the JSON file says of the run and of the result
    objects : a row per object, as ``objects.csv`` has them; none of classes
    """

    source: Path
    file: Path
    told: dict[str, Any]
    seconds: float
    objects: list[dict[str, Any]]


def segment_files(
    inputs: Sequence[str],
    output: Path,
    model: str,
    config: PredictConfig,
    tell: Callable[[Written | ValueError], None],
    *,
    channel: str | None = None,
    axes: str | None = None,
    series: str | None = None,
    exports: Sequence[str] = (),
    device: str = "auto",
    control: Control | None = None,
) -> Generator[Event, None, int]:
    """Segment the files that :func:`find_images` finds; returns how many there are.

    Each gets NAME_labels.tif and NAME_labels.json in a folder, made if need be, and
    objects.csv lists the objects of all; older ones are replaced. Of several images in
    a file the names end in _s0_labels.tif, _s1_labels.tif ...; `axes` and `series` are
    as for :func:`~napari_unet.files.readers.read_images`. `exports` are kinds of
    outlines that are written as well, as
    :func:`~napari_unet.files.outlines.checked_exports` has them. `tell` is given what
    was written of each image, or why nothing was: the next one is segmented all the
    same. After a `stop` no more is written. A ValueError before work starts: if there
    is no image or no model, or results would replace each other.
    """
    axes = axes if axes is None else checked_axes(axes)
    paths, notes = find_images(inputs)
    for note in notes:
        yield Note(note)
    check_outputs(paths, output)
    yield Progress("loading the model", 0)
    from napari_unet.device import is_out_of_memory
    from napari_unet.models.model import Model

    loaded = Model.load(model, device)
    about = run_metadata(loaded, model, config, channel)
    about["options"] |= {"axes": axes, "series": series}
    objects: list[dict[str, Any]] | None = None
    for done, path in enumerate(paths):
        yield Progress("segmenting", done, len(paths))
        try:
            for image in read_images(path, axes, series):
                written = yield from segment_file(
                    *(loaded, image, path, output, config, about, channel),
                    exports=exports,
                    control=control,
                )
                if written is None:
                    break
                objects = [] if objects is None else objects
                objects += written.objects
                tell(written)
        except (ValueError, MemoryError, RuntimeError) as error:
            if not isinstance(error, ValueError) and not is_out_of_memory(error):
                raise
            told = error if isinstance(error, ValueError) else None
            tell(told or ValueError(f"{path}: {too_little_memory(error)}"))
            continue
        if control is not None and control.stopped:
            break
    if loaded.formulation.instances and objects is not None:
        write_table(output / TABLE, COLUMNS, objects)
    return len(paths)


def find_images(inputs: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Return the image files that paths, folders and patterns stand for, and notes.

    Labels that lie beside their image in a folder are not taken for images.
    """
    found: list[Path] = []
    notes: list[str] = []
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            images, more = _in_folder(path)
            found += images
            notes += more
        elif path.exists() or not glob.has_magic(text):
            found.append(path)  # whether it is an image is found out on reading
        else:
            matches = _matching(text)
            if not matches:
                raise ValueError(f"{text}: nothing matches this pattern; check it")
            found += [p for p in matches if not p.is_dir()]
    if not found:
        raise ValueError("there is no image to segment; name an image or a folder")
    return list(dict.fromkeys(found)), notes


def _matching(pattern: str) -> list[Path]:
    """Return what matches a pattern, in which brackets may be those of a name."""
    literal = Path()
    escaped: list[str] = []
    for part in Path(pattern).parts:
        literal /= part
        escaped.append(glob.escape(part) if os.path.lexists(literal) else part)
    in_names = pattern.replace("[", "[[]")
    for text in (str(Path(*escaped)), pattern, in_names):
        if found := sorted(Path(p) for p in glob.glob(text, recursive=True)):
            return found
    return []


def _in_folder(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the images of a folder, of its images/, or of its folders' images/."""
    nested = [place for f in folders(folder) for place in image_folders(f)]
    for group in ([folder], image_folders(folder), nested):
        images: list[Path] = []
        strays: list[str] = []
        lost: list[str] = []
        for place in group:
            files, others = image_files(place)
            images += files
            lost += [f.name for f in others if is_lost(f)]
            strays += [f.name for f in others if not is_lost(f)]
        labels = labels_beside(images)
        if images:
            beside = "labels beside their image are not segmented"
            skipped = {
                beside: [f.name for f in labels],
                "files that are no images were skipped": strays,
                "links to files that are not there were skipped": lost,
            }
            notes = [f"{folder}: {listing(w, n)}" for w, n in skipped.items() if n]
            return without(images, labels), notes
    raise ValueError(f"{folder}: holds no images; give a folder with images")


def check_outputs(paths: Sequence[Path], output: Path) -> None:
    """Raise a ValueError if results cannot be named so.

    If one would be another one, or an image, or its name is too long.
    """
    # Some systems do not tell upper from lower case.
    names = Counter(stem(p).casefold() for p in paths)
    same, count = names.most_common(1)[0]
    if count > 1:
        twice = [str(p) for p in paths if stem(p).casefold() == same]
        raise ValueError(
            f"{', '.join(twice[:4])} would write the same "
            f"{stem(Path(twice[0]))}_labels.tif; segment them into separate folders"
        )
    most = longest_name(output)
    for path in paths:
        name = f"{stem(path)}_labels.json"  # the longest of what is written of it
        if (length := len(os.fsencode(name))) > most:
            raise ValueError(
                f"{path}: the names of its results would be {length} characters long, "
                f"{most} are the most in {output}; give the image a shorter name"
            )
    results = {os.path.realpath(output / f"{stem(p)}_labels.tif") for p in paths}
    lost = [str(p) for p in paths if os.path.realpath(p) in results]
    if lost:
        raise ValueError(
            f"{lost[0]} would be overwritten by its neighbour's labels; choose another "
            "folder for the results"
        )


def segment_file(
    model: Model,
    image: ImageSeries,
    path: Path,
    output: Path,
    config: PredictConfig,
    about: dict[str, Any],
    channel: str | None = None,
    exports: Sequence[str] = (),
    control: Control | None = None,
) -> Generator[Event, None, Written | None]:
    """Segment an image of a file; writes NAME_labels.tif and .json.

    Nothing after a `stop`. `about`, as :func:`run_metadata` returns it, goes into the
    JSON file.
    """
    from napari_unet.segmentation.segment import segment

    if channel is not None:
        image = image.select(channel)
    for note in image.notes:
        yield Note(f"{image.name}: {note}")
    result = yield from segment(model, image, config, control=control)
    if not result.complete and control is not None and control.stopped:
        return None
    file = make_folder(output) / f"{image.name}_labels.tif"
    labels = image.on_label_axes(result.labels)
    write_labels(file, labels, image.spacing, axes=image.label_axes)
    for kind in exports:
        outlined = output / f"{image.name}{EXPORTS[kind]}"
        about_objects = outline_properties(model, result)
        axes = image.axes.replace("C", "")
        write_outlines(outlined, result.labels, axes, about_objects)
    told = {**about, **result_metadata(model, result)}
    content = {
        "image": {
            "path": str(path),
            "sha256": sha256(path),
            "shape": list(image.array.shape),
            "axes": image.axes,
            "spacing": image.spacing,
        },
        **told,
        "notes": list(dict.fromkeys([*image.notes, *result.notes])),
    }
    write_json(file.with_suffix(".json"), content)
    rows = object_rows(model, image, config, result)
    return Written(path, file, told, result.seconds, rows)


def object_rows(
    model: Model, image: ImageSeries, config: PredictConfig, result: Result
) -> list[dict[str, Any]]:
    """Return a row of :data:`COLUMNS` per object; none of classes.

    The size is an area, or the volume of objects of a stack: in µm where the spacing is
    known, else in px.
    """
    if not model.formulation.instances:
        return []
    ndim = object_ndim(model, image, config)
    one = 1.0 if image.spacing is None else math.prod(image.spacing[-ndim:])
    unit = f"{'px' if image.spacing is None else 'µm'}{'²³'[ndim - 2]}"
    sizes, scores = np.round(result.area * one, 6), np.round(result.score, 4)
    columns = result.ids.tolist(), result.frame.tolist(), sizes.tolist()
    rows = zip(*columns, scores.astype(float).tolist(), strict=True)
    names = image.position_names
    times = image.positions or len(image)  # of one position
    return [
        {
            **{"image": names[frame // times], "id": number, "frame": frame % times},
            **{"size": size, "unit": unit, "score": round(score, 4)},
        }
        for number, frame, size, score in rows
    ]


def outline_properties(model: Model, result: Result) -> dict[int, dict[str, Any]]:
    """Return what QuPath is told of objects, or of classes, by their numbers."""
    if model.formulation.instances:
        scores = np.round(result.score, 4).astype(float).tolist()
        return {
            number: {"measurements": {"Score": score}}
            for number, score in zip(result.ids.tolist(), scores, strict=True)
        }
    names = model.config.names
    return {
        c: {
            "objectType": "annotation",
            "classification": {"name": names.get(c) or class_name(c, {})},
        }
        for c in sorted(model.config.classes)
    }


def object_ndim(
    model: Model, image: ImageSeries, config: PredictConfig, box: Box | None = None
) -> int:
    """Return 2 where objects are outlines on planes, 3 where they are bodies."""
    axes = image.axes.replace("C", "")
    planes = 1
    if "Z" in axes:
        planes = int(image.array.shape[image.axes.index("Z")])
        if box is not None:
            z = box[axes.index("Z")]
            planes = int(z.stop - z.start)
    return 3 if config.link > 0 and planes > 1 else int(model.config.ndim)


def run_metadata(
    model: Model, path: str, config: PredictConfig, channel: str | int | None
) -> dict[str, Any]:
    """Return what the results of all images of a run have in common; JSON-able."""
    from napari_unet.device import pick_dtype

    told: dict[str, Any] = {
        "path": path,
        "hash": model.hash(),
        "thresholds": model.thresholds,
    }
    if not model.formulation.instances:
        names, colours = model.config.names, model.config.colours
        told["class_names"] = {str(c): name for c, name in names.items()}
        told["class_colours"] = {str(c): colour for c, colour in colours.items()}
    return {
        "model": told,
        "options": {**config.model_dump(mode="json"), "channel": channel},
        "device": str(model.device),
        "number_format": str(pick_dtype(model.device, config.precision))[6:],
        "versions": {n: version(n) for n in ("napari-unet-live", "torch", "numpy")},
    }


def result_metadata(model: Model, result: Result) -> dict[str, Any]:
    """Return what is told of one result; JSON-able."""
    return {
        "normalisation": [
            {"low": list(s.low), "high": list(s.high)} for s in result.stats
        ],
        **counts(model, result),
        "object_size": result.object_size and round(result.object_size, 2),
        "seconds": round(result.seconds, 3),
        "notes": list(result.notes),
    }


def counts(model: Model, result: Result) -> dict[str, Any]:
    """Return what was found: the number of objects, or the part of each class."""
    if model.formulation.instances:
        return {"objects": len(result.ids)}
    labels = result.labels if result.box is None else result.labels[result.box]
    parts = {c: float((labels == c).mean()) for c in sorted(model.config.classes)}
    return {"classes": {str(c): round(part, 5) for c, part in parts.items()}}
