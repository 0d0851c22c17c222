"""``napari-unet measure``: labels and images in, a table of their objects out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from napari_unet.atomic import make_folder
from napari_unet.cli.arguments import Axes, Channel, Series
from napari_unet.cli.bars import Show
from napari_unet.cli.data import check_writable
from napari_unet.events import Note, drain
from napari_unet.text import counted


def measure(
    labels: tuple[Path, ...],
    /,
    *,
    output: Path,
    image: Annotated[tuple[Path, ...], Parameter(show_default=False)] = (),
    summary: Path | None = None,
    channel: Channel = None,
    axes: Axes = None,
    series: Series = None,
) -> None:
    """Measure the objects in labels: sizes, shapes, and the intensities of an image.

    Parameters
    ----------
    labels
        Label images, or folders of them.
    image
        The images that the labels are of, or folders of them: what is measured in
        each channel. Without them, shapes alone.
    output
        The table, a CSV file with a row an object; an older one is replaced.
    summary
        Another CSV file with a row an image: objects, how many per mm², the part that
        they cover, their median size.
    """
    from napari_unet.measures.files import Measured, find_labels, measure_files

    objects = 0

    def tell(found: Measured) -> None:
        nonlocal objects
        objects += len(found.table["label"])
        for note in found.notes:
            show(Note(f"{found.labels}: {note}"))
        for one in found.summaries:
            print(one)

    tables = [table for table in (output, summary) if table is not None]
    for table in tables:
        check_writable(table.absolute().parent)
    pairs = find_labels(labels, image)
    for table in tables:
        make_folder(table.absolute().parent)
    about = {"channel": channel, "axes": axes, "series": series}
    with Show() as show:
        drain(measure_files(pairs, output, tell, summary=summary, **about), show)
    print(f"written: {output} ({counted(objects, 'object')})")
    if summary is not None:
        print(f"written: {summary}")
