"""A fair comparison of networks: the same images, judges, budget and seeds for all."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from napari_unet.atomic import make_folder, reason
from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.data.samples import Sample, data_hash, split
from napari_unet.device import free_memory, pick_device
from napari_unet.events import Event, Note, Progress
from napari_unet.files.writers import write_json
from napari_unet.models.model import Model
from napari_unet.reports.evaluation import evaluate
from napari_unet.reports.figures import png, save
from napari_unet.reports.gallery import LINES, MARKERS
from napari_unet.reports.machine import describe_machine
from napari_unet.text import FIGURES, all_figures, counted
from napari_unet.training.checkpoint import HISTORY, has_state, read_history
from napari_unet.training.loop import train
from napari_unet.training.recipe import complete
from napari_unet.training.run import DEFAULT_MINUTES
from napari_unet.training.setup import check_fit

Images = tuple[Sequence[Sample], Sequence[Sample]]  # to train on, and to judge by
Options = tuple[TrainConfig, ModelConfig]
Row = dict[str, Any]

SPREAD = "Mean ± standard deviation over the seeds; one seed shows nothing of chance."
COLUMNS = {name: (head, ".3f") for name, head in FIGURES.items()} | {
    "parameters": ("parameters", ",.0f"),
    "steps": ("steps", ",.0f"),
    "steps_per_second": ("steps/s", ".2f"),
    "seconds_per_image": ("segmenting, s per image", ".3f"),
}


def compare(
    samples: Sequence[Sample],
    judges: Sequence[Sample] | None,
    folder: str | Path,
    networks: Sequence[str],
    seeds: Sequence[int] = (0,),
    config: TrainConfig | None = None,
    model: ModelConfig | None = None,
    device: str = "auto",
) -> Generator[Event, None, list[Row]]:
    """Train networks one after the other and judge them; yields events, returns rows.

    After each, ``comparison.json``, ``.md`` and ``.png`` show the rows so far. Where it
    was cut off, the next call resumes: no finished model is made again.

    Parameters
    ----------
    samples, judges : sequences of Sample
        Images to train on, and others to judge by; None: a fifth of `samples` judges.
    folder : str or Path
        For the comparison and, in it, the model folders ``NETWORK-SEED``.
    networks, seeds : sequences of str and of int
        Each network, or pixel classifier, is trained once with each seed.
    config, model, device
        As for :func:`napari_unet.train`; their seed and network do not count.

    Returns
    -------
    list of dict
        One per model: `network`, `seed`, scores (`ap50`, `ap75`, `ap90`, `mean9` of
        objects, pooled; `dice`, `iou`) and costs; or why it `failed`.

    Raises
    ------
    ValueError
        Before any work, if options, images or the folder are not fit for it.
    """
    place, config, model = Path(folder), config or TrainConfig(), model or ModelConfig()
    images = split(samples, 0.2, seed=0) if judges is None else (samples, judges)
    if not (config.minutes or config.steps or config.epochs):
        config = config.replace(minutes=DEFAULT_MINUTES)
    options = {
        f"{network}-{seed}": (config.replace(seed=seed), model.replace(network=network))
        for seed in seeds
        for network in networks
    }
    if not options:
        raise ValueError("there is nothing to compare; name networks and seeds")
    settings = _settings(config, model, images, device)
    rows = _read(place, settings)
    missing = [name for name in options if name not in rows]
    if missing:
        yield from _check([options[name] for name in missing], images, device)
    _write(make_folder(place), settings, rows, options)
    for number, name in enumerate(missing, start=1):
        yield Note(f"[{number}/{len(missing)}] {name}")
        network, _, seed = name.rpartition("-")
        rows[name] = {"network": network, "seed": int(seed)}
        try:
            rows[name] |= yield from _make(place / name, *options[name], images, device)
        except (ValueError, RuntimeError, MemoryError) as error:
            rows[name]["failed"] = f"{name} failed: {reason(error)}"
        scores = all_figures({f: rows[name][f] for f in FIGURES if f in rows[name]})
        yield Note(rows[name].get("failed", f"{name}: {scores}"))
        _write(place, settings, rows, options)
        free_memory(pick_device(device))
    return [rows[name] for name in options]


def _settings(
    config: TrainConfig, model: ModelConfig, images: Images, device: str
) -> Row:
    """Return what all models share, and what must be the same to resume."""
    settings = config.model_dump(mode="json", exclude={"seed"}, exclude_defaults=True)
    settings |= model.model_dump(mode="json", exclude={"network"}, exclude_unset=True)
    settings["device"] = str(pick_device(device))
    data = [data_hash(given) for given in images]
    known = {entry["sha256"] for entry in data[0] if entry["objects"]}
    both = [entry["name"] for entry in data[1] if entry["sha256"] in known]
    if both:
        raise ValueError(
            f"{', '.join(both[:3])}: {counted(len(both), 'image')} would be trained on "
            "and judge, too; judge by other images"
        )
    for what, given in zip(("trained on", "judged by"), data, strict=True):
        digest = hashlib.sha256(json.dumps(given).encode()).hexdigest()[:8]
        labels = counted(sum(entry["objects"] for entry in given), "label")
        settings[what] = f"{counted(len(given), 'image')}, {labels} (hash {digest})"
    return settings


def _read(place: Path, settings: Row) -> dict[str, Row]:
    """Return the rows of finished models; raise a ValueError for other settings."""
    file = place / "comparison.json"
    before = _before(file) if file.is_file() else {}
    old = before.get("settings", settings)
    if not before and (place.is_file() or (place.is_dir() and any(place.iterdir()))):
        raise ValueError(f"{place} holds no comparison; choose a new folder")
    changed = [
        f"{name} was {old.get(name, 'left out')}, is {settings.get(name, 'left out')}"
        for name in sorted(old.keys() | settings.keys())
        if old.get(name) != settings.get(name)
    ]
    if changed:
        raise ValueError(
            f"{place} holds another comparison: {'; '.join(changed)}; give the same "
            "options and images, or choose a new folder"
        )
    rows: dict[str, Row] = before.get("rows", {})
    return {n: r for n, r in rows.items() if "failed" not in r and (place / n).is_dir()}


def _before(file: Path) -> dict[str, Any]:
    """Return what an earlier comparison wrote; a ValueError if it is damaged."""
    try:
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
        rows = [*found["rows"].values(), found["settings"]]
        if not all(isinstance(row, dict) for row in rows):
            raise TypeError("it holds no rows")
        return found
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{file} is damaged ({reason(error)}); choose a new folder"
        ) from None


def _check(options: Sequence[Options], images: Images, device: str) -> Iterator[Event]:
    """Raise a ValueError if a training or the judging could not begin."""
    checking = Progress("checking", 0, len(images[0]))
    yield checking
    nowhere = Path(__file__, "none")  # below a file there is no folder
    for config, model in options:
        # A training checks all its input before it does anything else.
        events = train(images[0], None, nowhere, config, model=model, device=device)
        next(e for e in events if not isinstance(e, Note) and e != checking)
    if not any(judge.labels.any() for judge in images[1]):
        raise ValueError("there are no objects to judge by; give images with labels")
    probe = Model.create(complete(model, images[0]), device="cpu")
    check_fit(probe, images[1], config)
    next(evaluate(images[1], model=probe))


def _make(
    folder: Path, config: TrainConfig, model: ModelConfig, images: Images, device: str
) -> Generator[Event, None, Row]:
    """Train and judge a model, or what is missing of it; returns scores and costs."""
    resume = has_state(folder)
    if resume or not (folder / HISTORY).exists():  # a finished classifier has no state
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        yield from train(
            images[0], None, folder, config, model=model, resume=resume, device=device
        )
    trained, history = Model.load(folder, device), read_history(folder)
    if not history:
        raise ValueError("it ended before its first epoch; a lower rate may help")
    report = (yield from evaluate(images[1], model=trained)).to_dict()
    write_json(folder / "figures.json", report)
    row = {"score": report["dice"], "dice": report["dice"], "iou": report["iou"]}
    if pooled := report.get("pooled"):
        row |= {f"ap{n}": pooled["ap"][f"0.{n}"] for n in (50, 75, 90)}
        row |= {"score": pooled["mean9"], "mean9": pooled["mean9"]}
    steps, seconds = int(history[-1]["step"]), float(history[-1]["seconds"])
    if parameters := sum(p.numel() for p in trained.network.parameters()):
        row |= {"parameters": parameters, "steps": steps}  # no classifier has them
        row["steps_per_second"] = steps / max(seconds, 0.1)
    row["seconds_per_image"] = report["seconds"] / report["images"]
    return row | {"machine": "; ".join(describe_machine())}


def _write(
    place: Path, settings: Row, rows: Mapping[str, Row], names: Iterable[str]
) -> None:
    """Write what is known of all models, and show those of these names."""
    write_json(place / "comparison.json", {"settings": settings, "rows": rows})
    shown = [rows[name] for name in names if name in rows]
    save(markdown(shown, settings).encode(), place / "comparison.md")
    if any("score" in row for row in shown):
        save(draw(shown), place / "comparison.png")


def by_network(rows: Iterable[Row]) -> dict[str, dict[str, list[float]]]:
    """Return the figures of each network, one per seed; the best network first."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        for name in row.keys() & {"score", *COLUMNS}:
            found.setdefault(row["network"], {}).setdefault(name, []).append(row[name])
    return dict(sorted(found.items(), key=lambda item: -fmean(item[1]["score"])))


def markdown(rows: Sequence[Row], settings: Row) -> str:
    """Return the comparison as Markdown."""
    networks = by_network(rows)
    shown = [name for name in COLUMNS if any(name in f for f in networks.values())]
    lines = [
        f"| network | {' | '.join(COLUMNS[name][0] for name in shown)} |",
        f"| --- |{' ---: |' * len(shown)}",
    ]
    for network, figures in networks.items():
        cells = (_cell(figures.get(name, []), COLUMNS[name][1]) for name in shown)
        lines.append(f"| {network} | {' | '.join(cells)} |")
    about = "; ".join(f"{name}: {value}" for name, value in settings.items())
    machines = {f"Machine: {row['machine']}" for row in rows if "machine" in row}
    failed = [row["failed"] for row in rows if "failed" in row]
    table = "\n".join(lines) if networks else "No model is finished."
    return "\n\n".join([table, SPREAD, about, *sorted(machines), *failed]) + "\n"


def _cell(values: Sequence[float], style: str) -> str:
    spread = stdev(values) if len(values) > 1 else 0
    text = f"{fmean(values):{style}}" if values else "-"
    return f"{text} ± {spread:{style}}" if spread else text


def draw(rows: Iterable[Row]) -> bytes:
    """Draw score over time of segmenting, a point per seed; returns a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), dpi=100, layout="constrained")
    axes = figure.subplots()
    for i, (network, figures) in enumerate(by_network(rows).items()):
        colour, marker = LINES[i % len(LINES)], MARKERS[i % len(MARKERS)]
        x, y = figures["seconds_per_image"], figures["score"]
        axes.plot(x, y, marker, color=colour, label=network, markersize=9)
        axes.set_ylabel("mean AP at IoU .50 to .90" if "mean9" in figures else "Dice")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, high - 0.1), high)  # small differences should look small
    axes.set(xlabel=COLUMNS["seconds_per_image"][0], xlim=0)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper")
    return png(figure)
