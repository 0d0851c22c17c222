"""The work behind the Segment dock, as generators for jobs; no Qt, no layers."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from statistics import median as median_of

from napari_unet.boxes import Box, as_lists
from napari_unet.config import PredictConfig
from napari_unet.data.images import ImageSeries
from napari_unet.events import Control, Event, Progress
from napari_unet.gui.results.images_table import ImageDone, ImageRow
from napari_unet.gui.results.outcome import Outcome
from napari_unet.gui.wording import in_dock
from napari_unet.segmentation import outputs
from napari_unet.segmentation.cache import MapCache
from napari_unet.text import counted

WHAT = "segmenting"  # the whole, of which other steps are a small part


@dataclass(frozen=True)
class SegmentSettings:
    """With what is segmented: path of the model, options, device."""

    model: str
    config: PredictConfig
    device: str = "auto"


def segment_layer(
    image: ImageSeries,
    settings: SegmentSettings,
    box: Box | None,
    channel: int | None,
    cache: MapCache | None,
    focus: Box | None,
    control: Control,
) -> Generator[Event, None, Outcome]:
    """Segment the image of a layer, or the part of it in `box`.

    `channel` is what was chosen of the image's layer; it is only told. `cache` spares
    the network where only thresholds have changed. `focus` is what of each time point
    comes first.
    """
    control.focus(focus)
    yield Progress("loading the model", 0)
    from napari_unet.models.model import Model
    from napari_unet.segmentation.segment import segment

    model = Model.load(settings.model, settings.device)
    result = yield from segment(
        model, image, settings.config, box=box, control=control, cache=cache
    )
    about = outputs.run_metadata(model, settings.model, settings.config, channel)
    about |= outputs.result_metadata(model, result)
    about["complete"] = result.complete
    about["axes"] = image.axes.replace("C", "")
    about["box"] = box and as_lists(box)
    instances = model.formulation.instances
    ndim = outputs.object_ndim(model, image, settings.config, box)
    return Outcome(result, about, instances, ndim, image.spacing)


def segment_folder(
    source: Path,
    output: Path,
    settings: SegmentSettings,
    channel: int | None,
    control: Control,
) -> Generator[Event, None, str]:
    """Segment the images of a folder; returns a sentence.

    It writes what the command line writes, and goes on after an image that fails.
    """
    rows: list[ImageRow] = []

    def tell(written: outputs.Written | ValueError) -> None:
        rows.append(_row(written))

    events = outputs.segment_files(
        [str(source)],
        output,
        settings.model,
        settings.config,
        tell,
        channel=None if channel is None else str(channel),
        device=settings.device,
        control=control,
    )
    count = yield from _with_rows(events, rows)
    done = len(rows)
    stopped = f"stopped after {done} of {counted(count, 'image')}, "
    return f"{stopped if done < count else ''}in {output}"


def _with_rows(
    events: Generator[Event, None, int], rows: list[ImageRow]
) -> Generator[Event, None, int]:
    """Yield events, and rows as soon as they come."""
    told = 0
    while True:
        try:
            event: Event | None = next(events)
        except StopIteration as end:
            event, count = None, int(end.value)
        yield from map(ImageDone, rows[told:])
        told = len(rows)
        if event is None:
            return count
        yield event


def _row(written: outputs.Written | ValueError) -> ImageRow:
    if isinstance(written, ValueError):
        text = in_dock(str(written))
        name, _, why = text.partition(": ")
        return ImageRow(Path(name).name, note=why or text, failed=True)
    told, rows = written.told, written.objects
    median = median_of(row["size"] for row in rows) if rows else None
    return ImageRow(
        written.source.name,
        told.get("objects"),
        median,
        rows[0]["unit"] if rows else "",
        in_dock(" ".join(told["notes"])),
    )
