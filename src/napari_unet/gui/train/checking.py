"""What is wrong with pairs of layers, found as a training finds it. No Qt here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.config import ModelConfig
from napari_unet.data import doctor
from napari_unet.data.meaning import Meaning
from napari_unet.data.samples import Sample
from napari_unet.events import Control, Event, Progress
from napari_unet.gui.layers.images import labels_reader
from napari_unet.models.store import contents, find_model, read_header, read_weights
from napari_unet.training.annotated import Annotated, samples_of

if TYPE_CHECKING:
    from napari_unet.gui.pairs.pair_row import PairRow, Target

Reader = Callable[[], Annotated]


@dataclass(frozen=True)
class Seen:
    """What a look has found.

    Parameters
    ----------
    turn : int
        Of the look.
    findings : tuple of Finding
    origins : tuple of (str, int, int)
        Of each sample: its name, which pair it is of, and the time point.
    """

    turn: int
    findings: tuple[doctor.Finding, ...] = ()
    origins: tuple[tuple[str, int, int], ...] = ()


def reader_of(row: PairRow, target: Target, meaning: Meaning) -> Reader:
    """Return what makes the item of a pair in a job: labels may be slow to read."""
    read = labels_reader(target.labels, target.axes, target.image)
    use, right, numbers = row.use, row.right, asdict(meaning)
    return lambda: Annotated(target.image, read(), use, **numbers, right=right)


def look(
    turn: int,
    readers: Sequence[Reader],
    learnt: ModelConfig | str,
    alone: bool,
    control: Control,
) -> Generator[Event, None, Seen]:
    """Find what is wrong; nothing where a training would be refused; long work.

    Parameters
    ----------
    turn : int
    readers : sequence of callable
        One a pair.
    learnt : ModelConfig or str
        What is to be learnt, or the model that training starts from.
    alone : bool
        Whether these are all data: others may hold the objects that are missing here.
    control : Control
    """
    del control
    try:
        items: list[Annotated] = []
        for read in readers:
            yield Progress("checking", len(items), len(readers))
            items.append(read())
        found = yield from samples_of(items)
        samples = [sample for each in found for sample in each.values()]
        config = _settled(learnt, samples)
        findings = doctor.check(
            samples, formulation=config.formulation, any_size=config.any_size
        )
    except ValueError:  # Start tells it
        return Seen(turn)
    told = [f for f in findings if alone or f.problem != doctor.EMPTY]
    origins = [
        (sample.name, pair, frame)
        for pair, each in enumerate(found)
        for frame, sample in each.items()
    ]
    return Seen(turn, tuple(told), tuple(origins))


def _settled(learnt: ModelConfig | str, samples: Sequence[Sample]) -> ModelConfig:
    """Return what a training settles on."""
    if isinstance(learnt, str):
        header = read_header(read_weights(find_model(learnt)), Path(learnt).name)
        return contents(header)[0]
    from napari_unet.training.recipe import fit

    if not samples:
        raise ValueError("no sample has labels")
    return fit(learnt, samples)
