"""The figures of a comparison, as a table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from napari_unet.text import FIGURES, counted

OBJECTS, CLASSES = ("ap50", "ap75", "ap90", "mean9"), ("dice", "iou")
QUALITY = (*OBJECTS, *CLASSES)
COSTS = {
    "parameters": "parameters",
    "steps": "steps",
    "training_seconds": "training, min",
    "steps_per_second": "steps/s",
    "training_megapixels_per_second": "training, Mpx/s",
    "megapixels_per_second": "segmenting, Mpx/s",
    "training_peak_bytes": "peak GB training",
    "peak_bytes": "peak GB segmenting",
    "training_device_peak_bytes": "peak GPU GB training",
    "device_peak_bytes": "peak GPU GB segmenting",
}
NO_SPREAD = (
    "One seed: how much is chance is not known; `--seeds 0 1 2` adds two more runs of "
    "each network."
)
OTHER_MACHINES = "The runs were made on different machines: speeds do not compare."


def measured(training: Mapping[str, Any], figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of one run from what its stages found."""
    ap: Mapping[str, float] = {}
    if "pooled" in figures:
        pooled = figures["pooled"]
        ap = pooled["ap"]
        scores = [ap["0.50"], ap["0.75"], ap["0.90"], pooled["mean9"]]
        quality = dict(zip(OBJECTS, scores, strict=True))
        behind = {"images": figures["images"], "objects": figures["objects"]}
    else:
        quality = {name: figures[name] for name in CLASSES}
        behind = {"images": figures["images"], "classes": figures["classes"]}
    return {
        **quality,
        **behind,
        "ap": ap,
        "parameters": training["parameters"],
        "steps": training["steps"],
        "best_step": training["best_step"],
        "training_seconds": training["seconds"],
        "steps_per_second": training["steps_per_second"],
        "training_megapixels_per_second": training["megapixels_per_second"],
        "segmenting_seconds": figures["seconds"],
        "megapixels_per_second": figures["megapixels_per_second"],
        "training_peak_bytes": training["peak_bytes"],
        "peak_bytes": figures["peak_bytes"],
        "training_device_peak_bytes": training["device_peak_bytes"],
        "device_peak_bytes": figures["device_peak_bytes"],
        "machines": [training["machine"], figures["machine"]],
    }


def summary(
    rows: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    failed: Mapping[str, str],
) -> dict[str, Any]:
    """Return the content of ``comparison.json`` from the figures of all runs."""
    networks: dict[str, Any] = {}
    for name in dict.fromkeys(row["network"] for row in rows):
        runs = [row for row in rows if row["network"] == name]
        figures = [f for f in (*QUALITY, *COSTS) if f in runs[0]]
        values = {f: [r[f] for r in runs if r[f] is not None] for f in figures}
        networks[name] = {
            "mean": {f: statistics.mean(v) if v else None for f, v in values.items()},
            "spread": {
                f: statistics.stdev(v) if len(v) > 1 else None
                for f, v in values.items()
            },
            "runs": [{k: v for k, v in run.items() if k != "machines"} for run in runs],
        }
    machines = [machine for row in rows for machine in row["machines"]]
    return {
        "format": 1,
        "options": settings["options"],
        "images": {
            what: {
                "images": len(settings[what]),
                "objects": sum(entry["objects"] for entry in settings[what]),
            }
            for what in ("training", "judges")
        },
        "machines": [m for i, m in enumerate(machines) if m not in machines[:i]],
        "networks": networks,
        "failed": dict(failed),
    }


def markdown(table: Mapping[str, Any]) -> str:
    """Return the comparison as Markdown, the best network first."""
    networks: Mapping[str, Any] = table["networks"]
    lines = [f"{line}\n" for line in _told(table)]
    if networks:
        means = [found["mean"] for found in networks.values()]
        shown = [f for f in QUALITY if f in means[0]]
        costs = [f for f in COSTS if any(mean[f] is not None for mean in means)]
        heads = [*(FIGURES[f] for f in shown), *(COSTS[f] for f in costs)]
        lines += [
            f"| network | {' | '.join(heads)} |",
            f"| --- |{' ---: |' * len(heads)}",
        ]
        for name in sorted(networks, key=lambda n: -networks[n]["mean"][main(table)]):
            mean, spread = networks[name]["mean"], networks[name]["spread"]
            cells = [_score(mean[f], spread[f]) for f in shown]
            cells += [_cost(f, mean[f]) for f in costs]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [f"\n{name} failed: {why}" for name, why in table["failed"].items()]
    return "\n".join(lines) + "\n"


def main(table: Mapping[str, Any]) -> str:
    """Return the name of the figure that ranks."""
    some = next(iter(table["networks"].values()))
    return "mean9" if "mean9" in some["mean"] else "dice"


def _told(table: Mapping[str, Any]) -> list[str]:
    """Return what stands above the table: images, budget, seeds, machine."""
    said = {}
    semantic = table["options"].get("formulation") == "semantic"
    for what, found in table["images"].items():
        objects = f" ({counted(found['objects'], 'object')})"
        said[what] = counted(found["images"], "image") + ("" if semantic else objects)
    most = max((len(found["runs"]) for found in table["networks"].values()), default=0)
    lines = [
        f"Trained from scratch on {said['training']}, {budget(table['options'])} each; "
        f"judged by {said['judges']} that no training saw."
    ]
    for machine in table["machines"]:
        cores, threads = (
            counted(machine[what], what[:-1]) for what in ("cores", "threads")
        )
        device = f"device {machine['device']}"
        parts = (machine["cpu"], cores, threads, device, f"torch {machine['torch']}")
        lines.append(f"Machine: {', '.join(parts)}.")
    if len(table["machines"]) > 1:
        lines.append(OTHER_MACHINES)
    if most > 1:
        lines.append(f"Means and standard deviations of up to {most} seeds.")
    return [*lines, NO_SPREAD] if most == 1 else lines


def budget(options: Mapping[str, Any]) -> str:
    """Return how long each network is trained."""
    if "minutes" in options:
        return f"{options['minutes']:g} min"
    unit = "steps" if "steps" in options else "epochs"
    return counted(options[unit], unit[:-1])


def _score(mean: float, spread: float | None) -> str:
    return f"{mean:.3f}" + (f" ± {spread:.3f}" if spread is not None else "")


def _cost(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name.endswith("bytes"):
        return f"{value / 1e9:.2f}"
    if name == "training_seconds":
        return f"{value / 60:.1f}"
    return f"{value:.2f}" if name.endswith("second") else f"{value:,.0f}"
