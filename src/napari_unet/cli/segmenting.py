"""``napari-unet segment``: files in, label files out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from napari_unet.cli.arguments import Axes, Channel, Device, Series
from napari_unet.cli.bars import Show
from napari_unet.cli.data import check_writable
from napari_unet.config import PredictConfig
from napari_unet.events import drain
from napari_unet.files.outlines import checked_exports
from napari_unet.segmentation.outputs import Written, segment_files
from napari_unet.text import class_name, clock, counted, printable, width


def segment(
    image: tuple[str, ...],
    /,
    *,
    output: Path,
    model: str = "nuclei",
    config: PredictConfig,
    channel: Channel = None,
    axes: Axes = None,
    series: Series = None,
    device: Device = "auto",
    export: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
) -> int:
    """Segment images; writes NAME_labels.tif and .json for each, and objects.csv.

    Parameters
    ----------
    image
        Images, folders of images, or patterns such as "day1/*.tif".
    model
        A model: the folder that training wrote, a file, or a built-in name.
    output
        Folder of the results; older ones of the same name are replaced.
    export
        Outlines beside the labels: roi (NAME_rois.zip, for Fiji), geojson
        (NAME.geojson, for QuPath), or both with a comma between.
    """
    exports = checked_exports(export)
    check_writable(output)
    failed = 0

    def tell(result: Written | ValueError) -> None:
        nonlocal failed
        if isinstance(result, ValueError):
            failed += 1
            text = printable(str(result))
            print(f"napari-unet: error: {text}", file=sys.stderr)
        else:
            took = clock(result.seconds)
            print(f"{result.source}: {_text(result.told)}, {took} -> {result.file}")

    with Show() as show:
        known = (image, output, model, config, tell)
        events = segment_files(
            *known,
            channel=channel,
            axes=axes,
            series=series,
            exports=exports,
            device=device,
        )
        count = drain(events, show)
    if failed and count > 1:
        print(f"{failed} of {count} images failed", file=sys.stderr)
    return 2 if failed else 0


def _text(told: dict[str, Any]) -> str:
    if "objects" in told:
        found = [counted(told["objects"], "object"), width(told)]
        return ", ".join(filter(None, found))
    parts, names = told["classes"].items(), told["model"]["class_names"]
    return ", ".join(f"{class_name(c, names)} {part:.1%}" for c, part in parts)
