"""``napari-unet segment``: files in, label files out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from napari_unet.atomic import make_folder
from napari_unet.cli.arguments import Channel, Device
from napari_unet.cli.bars import Show
from napari_unet.cli.data import check_writable
from napari_unet.config import PredictConfig
from napari_unet.events import Progress, drain
from napari_unet.segmentation import outputs
from napari_unet.text import class_name, clock, counted, width


def segment(
    image: tuple[str, ...],
    /,
    *,
    output: Path,
    model: str = "nuclei",
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
    from napari_unet.models.model import Model

    paths, notes = outputs.find_images(image)
    for note in notes:
        print(note, file=sys.stderr)
    outputs.check_outputs(paths, output)
    check_writable(output)
    loaded = Model.load(model, device)
    make_folder(output)
    about = outputs.run_metadata(loaded, model, config, channel)
    failed = 0
    with Show() as show:
        for done, path in enumerate(paths):
            show(Progress("segmenting", done, len(paths)))
            try:
                events = outputs.segment_file(
                    loaded, path, output, config, about, channel=channel
                )
                written = drain(events, show)
                if written is not None:
                    what = _text({**about, **written.told})
                    took = clock(written.seconds)
                    print(f"{path}: {what}, {took} -> {written.file}")
            except ValueError as error:
                failed += 1
                print(f"napari-unet: error: {error}", file=sys.stderr)
    if failed and len(paths) > 1:
        print(f"{failed} of {len(paths)} images failed", file=sys.stderr)
    return 2 if failed else 0


def _text(told: dict[str, Any]) -> str:
    if "objects" in told:
        found = [counted(told["objects"], "object"), width(told)]
        return ", ".join(filter(None, found))
    parts, names = told["classes"].items(), told["model"]["class_names"]
    return ", ".join(f"{class_name(c, names)} {part:.1%}" for c, part in parts)
