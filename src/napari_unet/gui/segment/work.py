"""The work behind the Segment dock, as generators for jobs; no Qt, no layers."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from napari_unet.boxes import Box
from napari_unet.config import PredictConfig
from napari_unet.data.images import ImageSeries
from napari_unet.events import Control, Event, Note, Progress
from napari_unet.gui.results.outcome import Outcome
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
    about["box"] = box and [[s.start, s.stop] for s in box]
    instances = model.formulation.instances
    linked = settings.config.link > 0 and _planes(image, box) > 1
    ndim = 3 if linked else model.config.ndim
    return Outcome(result, about, instances, ndim, image.spacing)


def _planes(image: ImageSeries, box: Box | None) -> int:
    """Return how many planes of a stack are segmented."""
    if "Z" not in image.axes:
        return 1
    if box is None:
        return int(image.array.shape[image.axes.index("Z")])
    z = box[image.axes.replace("C", "").index("Z")]
    return int(z.stop - z.start)


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
    results: list[outputs.Written | ValueError] = []
    count = yield from outputs.segment_files(
        [str(source)],
        output,
        settings.model,
        settings.config,
        results.append,
        channel=None if channel is None else str(channel),
        device=settings.device,
        control=control,
    )
    failed = [r for r in results if isinstance(r, ValueError)]
    for error in failed:
        yield Note(str(error))
    done = len(results) - len(failed)
    return f"{done:,} of {counted(count, 'image')} segmented, in {output}"
