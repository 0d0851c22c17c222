"""Training: one loop, read from top to bottom in :func:`train`."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from napari_unet.boxes import common, within
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.config.train import RATE
from napari_unet.data.samples import Sample
from napari_unet.device import free_memory, is_out_of_memory
from napari_unet.events import Control, Event, LabelUpdate, Note, Progress
from napari_unet.locks import FolderLock
from napari_unet.models.model import Model
from napari_unet.networks.pixel_classifiers import CLASSIFIERS
from napari_unet.training.checkpoint import history_row, read_painted
from napari_unet.training.classifiers import train_classifier
from napari_unet.training.crops import draw, encode_views, seed_step
from napari_unet.training.fine_tuning import (
    KNOWN,
    compared,
    keep_statistics,
    look,
    pack,
)
from napari_unet.training.preview import illustrate, preview
from napari_unet.training.run import Run
from napari_unet.training.setup import new_run, starting_point
from napari_unet.training.validation import Validation, epoch_end, validate

GRADIENT_NORM = 1.0
# Fewer objects would move the thresholds of a model that knows many by chance.
LEAST_SEARCHED = 50
# The last validation tries more thresholds, and takes so many times as long.
FINAL_SEARCH = 2.0
EVENT_SECONDS = 0.2
WARMUP = 0.1  # of a budget in minutes, at most


def train(
    samples: Sequence[Sample],
    validation: Sequence[Sample] | None,
    folder: str | Path,
    config: TrainConfig | None = None,
    *,
    model: ModelConfig | None = None,
    init: Model | str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    control: Control | None = None,
) -> Generator[Event, None, Model]:
    """Train a model; yields events, returns the best model, which is also on disk.

    Parameters
    ----------
    samples : sequence of Sample
        Images with labels.
    validation : sequence of Sample or None
        Images that pick the best epoch and the thresholds; None: a part of `samples`,
        as `config.validation` says, that shares no pixel with the rest.
    folder : str or Path
        Where the model goes: the best so far at any moment, and what `resume` needs.
    config : TrainConfig, optional
        10 minutes where it names no budget.
    model : ModelConfig, optional
        What is trained; what it leaves open is chosen from the data.
    init : Model, str or Path, optional
        Start from these weights instead; then `model` is not used.
    resume : bool
        Go on with the run in `folder`, with its options but the budget of `config`.
    device : str
    control : Control, optional
        `stop` ends at the next step, validates, saves and returns.

    Returns
    -------
    Model
        The best one, with its thresholds.

    Raises
    ------
    ValueError
        If options, samples or the folder are not fit for it; before work starts.

    Examples
    --------
    >>> model = drain(train(samples, None, "kidney"))  # doctest: +SKIP
    """
    config = config or TrainConfig()
    control, place = control or Control(), Path(folder)
    with FolderLock(place) as lock:
        start = starting_point(place, config, model, init, resume, device)
        if start.network in CLASSIFIERS:
            trained = yield from train_classifier(
                start, samples, validation, place, device, control, lock
            )
        else:
            run = yield from new_run(start, samples, validation, place, device, lock)
            yield from apply(run, read_painted(place, start.header))
            trained = yield from _loop(run, control, device)
    return trained


def _loop(run: Run, control: Control, device: str) -> Generator[Event, None, Model]:
    """Train until the budget is used up; returns the best model."""
    run.rescore = False  # the state knows how good the best one is with these labels
    if run.counters.step == 0:
        # From here on a kill leaves a model that loads and a run that resumes.
        run.save_best()
        run.save_state()
        yield from _begin(run, control)
    last = run.counters.step
    while run.goes_on() and not control.stopped:
        yield from _wait(run, control)
        yield from _take_updates(run, control)
        run.minutes_to_steps()
        loss = yield from _step(run)
        if loss is not None:
            if not math.isfinite(loss):
                yield Note(
                    f"the loss is {loss} at step {run.counters.step}, so training "
                    "stops and the best model is kept; a lower rate may help"
                )
                return Model.load(run.folder, device)
            yield run.step_event(loss)
        ends = run.counters.step % run.epoch_steps == 0
        if ends:
            last = run.counters.step
            yield from _end_epoch(run)
        if run.clock.due(ends):
            yield from _preview(run, control)
    if run.counters.step > last or not run.counters.history:
        yield from _end_epoch(run)
    yield from _finish(run, control)
    return Model.load(run.folder, device)


def _wait(run: Run, control: Control) -> Generator[Event, None, None]:
    """Wait while paused, which is no time of the budget."""
    waiting = time.monotonic()
    yield from control.wait_while_paused()
    run.began += time.monotonic() - waiting


def _begin(run: Run, control: Control) -> Generator[Event, None, None]:
    """Look at what the model to start from makes of the data, before the first step."""
    if run.start is None:
        return
    yield from _preview(run, control)
    found = yield from look(run.start, run.training + run.validation, run.config)
    objects = sum(len(e.centres) for e in run.validation)
    searched = run.config.thresholds and objects >= LEAST_SEARCHED
    rate = run.config.rate or found.rate
    run.config = run.config.replace(rate=rate, thresholds=searched)
    run.card["rate"] = float(f"{rate:.2g}")
    if found.quality is not None:
        run.counters.knew = run.card["knew"] = round(found.quality, 3)
    if not found.knowledge:
        run.averaged.thresholds = dict(run.averaged.formulation.thresholds)
    if run.validation and not run.counters.history:
        yield from _end_epoch(run)
    run.save_state()


def _preview(run: Run, control: Control) -> Generator[Event, None, None]:
    """Show what the averaged weights make of the view, and set when to do so again."""
    began = time.monotonic()
    step = run.counters.step
    yield from preview(run.averaged, run.given, run.seen, control, step)
    run.clock.shown(time.monotonic() - began)


def _step(run: Run) -> Generator[Event, None, float | None]:
    """Take one optimiser step; returns the loss where it is time to tell it."""
    config, counters = run.config, run.counters
    rng = seed_step(config.seed, counters.step, run.generator)
    what = (*run.drawn, run.model, run.patch, run.batch, config.augment)
    batch = draw(*what, rng, run.generator)
    for group in run.optimizer.param_groups:
        group["lr"] = (config.rate or RATE) * _rate(run)
    while True:
        try:
            loss = _backward(run, batch.image, batch.target, batch.weight)
            break
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or run.parts >= run.batch:
                raise
        run.parts *= 2
        free_memory(run.model.device)
        yield Note(
            f"memory ran out; continuing with {math.ceil(run.batch / run.parts)} crops "
            f"at a time, {run.batch} a step as before"
        )
    torch.nn.utils.clip_grad_norm_(run.model.network.parameters(), GRADIENT_NORM)
    run.optimizer.step()
    counters.step += 1
    _average(run)
    run.losses.append(loss)
    now = time.monotonic()
    if now - run.told < EVENT_SECONDS and counters.step % run.epoch_steps:
        return None  # reading the loss would make a GPU wait
    run.told = now
    return float(loss)


def _rate(run: Run) -> float:
    """Return the part of the learning rate that this step takes."""
    config, step = run.config, run.counters.step
    part = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    total = run.total_steps
    if total is None:  # a short budget has no time for many steps of warm-up
        part = max(part, min(1.0, run.done / WARMUP))
    # What is painted late is to be learnt too.
    if config.decay and total and not run.counters.painted:
        part = min(part, (total - step) / (config.decay * total))
    return part


def _backward(
    run: Run, image: torch.Tensor, target: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """Accumulate the gradients of one batch, part by part; returns its loss."""
    network, formulation = run.model.network, run.model.formulation
    network.train()
    if run.start and (run.counters.knew is None or run.counters.knew >= KNOWN):
        keep_statistics(network)
    run.optimizer.zero_grad(set_to_none=True)
    total = torch.zeros((), device=image.device)
    size = math.ceil(len(image) / run.parts)
    for part in range(0, len(image), size):
        where = slice(part, part + size)
        crops = image[where]
        if crops.ndim == 4:
            crops = crops.contiguous(memory_format=torch.channels_last)
        with torch.autocast(
            crops.device.type, run.dtype, enabled=run.dtype != torch.float32
        ):
            outputs = network.outputs(crops)
        losses = [
            formulation.loss(logits.float(), target[where], weight[where], run.config)
            for logits in outputs
        ]
        loss = torch.stack(losses).mean() * (len(crops) / len(image))
        torch.autograd.backward(loss)
        total += loss.detach()
    return total


def _average(run: Run) -> None:
    """Move the averaged weights and batch statistics towards the trained ones."""
    step = run.counters.step
    # Early on the average follows closely, or it would drag the first weights along.
    keep = min(run.config.average, step / (step + 9)) if run.config.average else 0.0
    with torch.no_grad():
        torch._foreach_lerp_(*run.pairs, 1 - keep)


def _end_epoch(run: Run) -> Generator[Event, None, None]:
    """Validate the averaged weights, keep them if they are the best, save the state."""
    counters, began = run.counters, time.monotonic()
    counters.epoch += bool(counters.step)  # epoch 0: the model that it starts from
    loss = float(torch.stack(run.losses).mean()) if run.losses else None
    run.losses.clear()
    found: Validation | None = None
    if run.validation:
        found = yield from validate(
            run.averaged, run.validation, run.config, counters.epoch
        )
        run.averaged.thresholds = dict(found.thresholds)
        if run.rescore:
            yield from _rescore_best(run)
    best = found is None or counters.best is None or found.score >= counters.best
    if best := best and run.averaged.finite:
        counters.best = found.score if found else None
        run.save_best(found)
    counters.stale = 0 if best else counters.stale + 1
    end = epoch_end(
        found,
        epoch=counters.epoch,
        step=counters.step,
        loss=loss,
        best=best,
        seconds=run.seconds,
        seconds_left=run.seconds_left(),
    )
    counters.history.append(history_row(end))
    run.save_state()
    again = 1 + FINAL_SEARCH * run.config.thresholds + 2 * bool(run.start)
    run.ends = again * (time.monotonic() - began)
    yield end


def _rescore_best(run: Run) -> Generator[Event, None, None]:
    """Score the kept best again, since the labels that judge it have changed."""
    best = Model.load(run.folder, str(run.model.device))
    found = yield from validate(best, run.validation, run.config, run.counters.epoch)
    run.counters.best, run.rescore = found.score, False


def _finish(run: Run, control: Control) -> Generator[Event, None, None]:
    """Complete the best model: thresholds searched once more, and a thumbnail."""
    best = Model.load(run.folder, str(run.model.device))
    if run.validation and (run.config.thresholds or run.start):
        found = yield from validate(best, run.validation, run.config)
        best.thresholds = dict(found.thresholds)
        best.card["validation"] |= found.summary()
        if run.start:
            plain = run.config.replace(thresholds=False)
            before = yield from validate(run.start, run.validation, plain)
            best.card["start"] = compared(before, found)
    if run.config.keep_crops:
        best.rehearsal = pack(*run.drawn, run.config.seed)
    yield from illustrate(best, (run.validation or run.training)[0])
    best.save(run.folder)
    yield from preview(best, run.given, run.seen, control, run.counters.step)


def _take_updates(run: Run, control: Control) -> Iterator[Event]:
    """Put new labels into the samples that they belong to, and encode those again."""
    updates = control.take_updates()
    if updates:
        yield from apply(run, updates)


def apply(run: Run, updates: Sequence[LabelUpdate]) -> Iterator[Event]:
    """Learn from these labels from now on; those that were known change nothing."""
    parts = [e.given for e in [*run.training, *run.validation]]
    known = {id(s): s for s in [*run.given, *parts]}  # most parts are whole images
    changed = {
        key: new for key, s in known.items() if (new := painted(s, updates)) is not s
    }
    run.counters.painted |= bool(changed)
    for index, sample in enumerate(run.given):
        if id(sample) in changed:
            run.given[index] = changed[id(sample)]
            run.painted.add(index)
            run.repainted.add(index)
    for done, (key, sample) in enumerate(changed.items(), start=1):
        for members, judges in ((run.training, False), (run.validation, True)):
            where = [i for i, e in enumerate(members) if id(e.given) == key]
            if where:
                fresh = encode_views(sample, run.model, judges)
                members[where[0] : where[-1] + 1] = fresh
                run.rescore |= judges
        yield Progress("encoding", done, len(changed))


def painted(sample: Sample, updates: Sequence[LabelUpdate]) -> Sample:
    """Return a sample with the new labels of those boxes that reach into it.

    The sample is an image as it was given, or a part that the split cut out of it; the
    boxes are in images as they were given. It is returned itself where none does, or
    where they bring what it has.
    """
    start = sample.start or (0,) * sample.ndim
    place = tuple(slice(a, a + n) for a, n in zip(start, sample.shape, strict=True))
    for update in updates:
        both = common(update.box, place) if update.name == sample.name else None
        if both is None:
            continue
        here, there = within(both, place), within(both, update.box)
        new, dtype, mask = update.labels[there], sample.labels.dtype, sample.mask
        fits = int(new.max()) <= np.iinfo(dtype).max
        labels = np.array(sample.labels, dtype if fits else np.int64)
        labels[here] = new
        if update.mask is not None:
            mask = np.ones(sample.shape, bool) if mask is None else np.array(mask)
            mask[here] = update.mask[there]
        same = np.array_equal(labels, sample.labels)
        if not (same and _masks_equal(mask, sample.mask)):
            sample = replace(sample, labels=labels, mask=mask)
    return sample


def _masks_equal(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    if a is None or b is None:  # all is annotated
        other = b if a is None else a
        return other is None or bool(other.all())
    return np.array_equal(a, b)
