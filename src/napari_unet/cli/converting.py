"""``napari-unet convert``: labels to outlines of other programs, and back."""

from __future__ import annotations

from pathlib import Path

from napari_unet.cli.arguments import Axes, Series
from napari_unet.cli.bars import Show
from napari_unet.cli.data import check_writable
from napari_unet.events import Note
from napari_unet.text import counted

TIFF = (".tif", ".tiff")


def convert(
    labels: Path,
    /,
    *,
    to: Path,
    image: Path | None = None,
    axes: Axes = None,
    series: Series = None,
) -> None:
    """Convert labels to outlines for Fiji (.zip) or QuPath (.geojson), and back.

    Parameters
    ----------
    labels
        A label image, or outlines: a .zip or .roi of Fiji's ROI Manager, or GeoJSON.
    to
        The file to write, replaced if it is there: rois.zip, cells.geojson, or
        labels.tif.
    image
        The image that the labels are of: how large they are, and the size of a pixel.
    """
    from napari_unet.files.outlines import are_outlines, read_outlines, write_outlines
    from napari_unet.files.readers import read_image, read_labels
    from napari_unet.files.writers import write_labels
    from napari_unet.labels import LabelledObjects

    if not are_outlines(to) and to.suffix.lower() not in TIFF:
        raise ValueError(
            f"--to {to}: is no kind of file that is written; give it the suffix .zip "
            "(Fiji), .geojson (QuPath) or .tif (labels)"
        )
    check_writable(to.absolute().parent)
    if to.resolve() == labels.resolve():
        raise ValueError(f"--to {to}: is the file to convert; give another name")
    shown = None if image is None else read_image(image, axes, series)
    if are_outlines(labels):
        found = read_outlines(labels, shown)
    else:
        found = read_labels(labels, "" if shown is None else shown.label_axes)
    with Show() as show:
        for note in found.notes:
            show(Note(f"{labels}: {note}"))
    spacing = found.spacing if shown is None else shown.spacing or found.spacing
    if are_outlines(to):
        count = write_outlines(to, found.array, found.axes)
        print(f"written: {to} ({counted(count, 'outline')})")
        return
    array, its_axes = found.array, found.axes
    if shown is not None:
        array, its_axes = shown.on_label_axes(array), shown.label_axes
    write_labels(to, array, spacing, axes=its_axes)
    print(f"written: {to} ({counted(len(LabelledObjects(array).ids), 'object')})")
