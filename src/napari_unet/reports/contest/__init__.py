"""A fair comparison of networks: the same images, judges, budget and seeds for all.

Every training and every judging is a process of its own, so that its peak of memory is
its own. A process ends with the one that started it, however that ends, and what was
cut off goes on the next time.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_unet.atomic import atomic, make_folder
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.data.samples import Sample
from napari_unet.events import Control, Event, Note
from napari_unet.files.writers import write_json
from napari_unet.reports.contest import figures, work
from napari_unet.reports.contest.plan import SETTINGS, Plan, check, check_folder, plan
from napari_unet.reports.contest.table import QUALITY, budget, measured, summary
from napari_unet.text import all_figures, counted

SAMPLES = "samples"
# Stages of a run, and which images each of them reads.
STAGES = {"training": "samples", "figures": "judges"}
WORK = "import sys; from napari_unet.reports.contest.work import main; sys.exit(main())"


@dataclass(frozen=True)
class Run:
    """A network with a seed; its model and results lie in `folder`."""

    network: str
    seed: int
    root: Path

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.network}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        """Where its model lies."""
        return self.root / f"{self.network}-{self.seed}"

    def result(self, stage: str) -> Path:
        """Return the file that is there once a stage is finished."""
        return self.folder / f"{stage}.json"

    @property
    def finished(self) -> bool:
        """Whether all stages are."""
        return all(self.result(stage).exists() for stage in STAGES)


@dataclass(frozen=True)
class Turn(Event):
    """A stage of a run begins, ``"training"`` or ``"figures"``: run `number`."""

    run: Run
    stage: str
    number: int
    total: int


def compare(
    samples: Sequence[Sample],
    judges: Sequence[Sample] | None,
    folder: str | Path,
    networks: Sequence[str],
    *,
    seeds: Sequence[int] = (0,),
    config: TrainConfig | None = None,
    model: ModelConfig | None = None,
    device: str = "auto",
    control: Control | None = None,
) -> Generator[Event, None, dict[str, Any]]:
    """Train networks on the same images and judge them; yields events, returns figures.

    After each run, the figures so far are in ``comparison.json``, ``.md`` and ``.png``
    and in ``curves.png``. What is finished in `folder` is not done again, and a
    training that was cut off goes on.

    Parameters
    ----------
    samples : sequence of Sample
        Images with labels to train on; each training holds a part of them back to pick
        its best epoch, as always.
    judges : sequence of Sample or None
        Other images with labels, which no training sees; None: a fifth of `samples`.
    folder : str or Path
        A model folder ``NETWORK-SEED`` for each run, and the comparison.
    networks : sequence of str
        Names of networks; the comparison is of these.
    seeds : sequence of int
        Each network is trained once with each; several show what is chance.
    config : TrainConfig, optional
        10 minutes where it names no budget; its seed does not count.
    model : ModelConfig, optional
        Its network does not count.
    device : str
    control : Control, optional
        `stop` ends the run at hand, which goes on with the next call.

    Returns
    -------
    dict
        The content of ``comparison.json``: `networks` has, for each that was judged,
        `mean` and `spread` (standard deviation over seeds) of the figures, and the
        figures of its `runs`; `failed` tells why runs failed, by their names.

    Raises
    ------
    ValueError
        Before any work, if options or images are not fit for it, or the folder holds
        anything but a comparison with these very options and images.

    Examples
    --------
    >>> events = compare(samples, None, "which", ["unet", "fcn"])  # doctest: +SKIP
    >>> drain(events)["networks"]["unet"]["mean"]["ap50"]  # doctest: +SKIP
    0.815
    """
    folder, control = Path(folder), control or Control()
    runs = _runs(folder, networks, seeds)
    common = plan(samples, judges, config, model, device)
    settings = common.settings()
    for run in runs:
        common.options(run.network, run.seed)  # a seed may be out of range
    check_folder(folder, settings)
    missing = [run for run in runs if not run.finished]
    if missing:
        new = list(dict.fromkeys(run.network for run in missing))
        yield from check(common, new, runs[0].seed, folder / "new")
        write_json(make_folder(folder) / SETTINGS, settings)
        yield Note(_outlook(common, settings, len(missing), len(runs)))
    failed: dict[str, str] = {}
    try:
        if missing:
            _hand_over(folder, samples=common.samples, judges=common.judges)
        for number, run in enumerate(runs, start=1):
            if run in missing:
                turn = (number, len(runs))
                why = yield from _do(run, common, turn, control)
                failed |= {run.name: why} if why else {}
                table = _report(settings, runs, failed)
                if why or run.finished:
                    yield Note(f"{run.name}: {_outcome(run, table, why)}")
            if control.stopped:
                break
    finally:
        shutil.rmtree(folder / SAMPLES, ignore_errors=True)
    return _report(settings, runs, failed)


def _runs(folder: Path, networks: Sequence[str], seeds: Sequence[int]) -> list[Run]:
    """Return the runs: all networks with the first seed, then with the next."""
    for what, given in (("networks", networks), ("seeds", seeds)):
        if not given:
            raise ValueError(f"there are no {what} to compare; name one or more")
    names, numbers = dict.fromkeys(networks), dict.fromkeys(seeds)
    return [Run(name, seed, folder) for seed in numbers for name in names]


def _outlook(common: Plan, settings: Mapping[str, Any], new: int, total: int) -> str:
    """Return what there is to do."""
    images = f"{len(common.samples)} to train on, {len(common.judges)} to judge by"
    text = f"images: {images}; {counted(new, 'run')}"
    if new < total:
        text += f" of {total}, the others are done"
    return f"{text}; {budget(settings['options'])} of training each"


def _outcome(run: Run, table: Mapping[str, Any], why: str) -> str:
    """Return the figures of a run, or why there are none."""
    if why:
        return f"failed: {why}"
    found = next(
        r for r in table["networks"][run.network]["runs"] if r["seed"] == run.seed
    )
    figures = all_figures({name: found[name] for name in QUALITY if name in found})
    return f"{figures}, after {counted(found['steps'], 'step')}"


def _hand_over(folder: Path, **parts: Sequence[Sample]) -> None:
    """Write images for the processes to read."""
    place = make_folder(folder / SAMPLES)
    for name, samples in parts.items():
        with atomic(place / f"{name}.npz") as temporary:
            work.write_samples(samples, temporary)


def _do(
    run: Run, common: Plan, turn: tuple[int, int], control: Control
) -> Generator[Event, None, str]:
    """Do what is not finished of a run; returns why it failed, or nothing."""
    config, model = common.options(run.network, run.seed)
    log = run.root / f"{run.folder.name}.log"
    for stage, images in STAGES.items():
        if run.result(stage).exists() or control.stopped:
            continue
        yield Turn(run, stage, *turn)
        task = {
            "stage": stage,
            "folder": str(run.folder),
            "samples": str(run.root / SAMPLES / f"{images}.npz"),
            "result": str(run.result(stage)),
            "train": config.model_dump(mode="json"),
            "model": model.model_dump(mode="json", exclude_unset=True),
            "device": common.device,
        }
        why = yield from _process(task, log, control)
        if why:
            return why
        log.unlink()
    return ""


def _process(
    task: Mapping[str, Any], log: Path, control: Control
) -> Generator[Event, None, str]:
    """Do a task in a process of its own; returns why it failed, or nothing."""
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            [sys.executable, "-X", "utf8", "-c", WORK, json.dumps(task)],
            stdin=subprocess.PIPE,  # nothing is written: it closes when this one ends
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                kind, told = json.loads(line)
                yield work.EVENTS[kind](**told)
                if control.stopped:
                    return ""
            code = process.wait()
        finally:
            process.kill()
    if code == 0:
        return ""
    lines = log.read_text("utf-8").splitlines()
    last = next((line for line in reversed(lines) if line.strip()), "it says nothing")
    why = f"killed by signal {-code}" if code < 0 else last
    return f"{why} (see {log})"


def _report(
    settings: Mapping[str, Any], runs: Sequence[Run], failed: Mapping[str, str]
) -> dict[str, Any]:
    """Write the comparison of what is finished; returns it."""
    rows = []
    for run in runs:
        if run.finished:
            found = [json.loads(run.result(s).read_text("utf-8")) for s in STAGES]
            about = {"network": run.network, "seed": run.seed}
            rows.append(about | {"folder": run.folder.name} | measured(*found))
    table = summary(rows, settings, failed)
    figures.write(table, runs[0].root)
    return table
