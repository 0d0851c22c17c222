"""The table and the plot of peers.py."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from napari_unet.files.writers import write_json

NAMES = {"unet": "napari-unet", "stardist": "StarDist", "cellpose": "Cellpose 3"}
# Okabe and Ito's colours, told apart by everyone; markers and lines differ, too.
STYLES = {
    "unet": ("#0072B2", "o", "-"),
    "stardist": ("#D55E00", "s", "--"),
    "cellpose": ("#009E73", "^", "-."),
}
SPEEDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)  # Mpx/s, marked
SCORES = ("AP50", "AP75", "AP90", "mean9")


def figures(stages: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one method from what its stages told."""
    train, predict, score = (stages[n] for n in ("train", "predict", "score"))
    seconds, pixels = predict["image_seconds"], predict["image_pixels"]
    found: dict[str, Any] = {}
    for averaging in ("pooled", "per_image"):
        ap = score[averaging]["ap"]
        values = (ap["0.50"], ap["0.75"], ap["0.90"], score[averaging]["mean9"])
        found[averaging] = dict(zip(SCORES, values, strict=True)) | {"ap": ap}
    return {
        **found,
        "steps": train["steps"],
        "train_seconds": train["seconds"],
        "train_wall_seconds": train["wall_seconds"],
        "train_peak_gb": train["peak_bytes"] / 1e9,
        "image_seconds": sum(seconds) / len(seconds),
        "image_seconds_median": statistics.median(seconds),
        "megapixels_per_second": sum(pixels) / 1e6 / sum(seconds),
        "predict_wall_seconds": predict["wall_seconds"],
        "predict_peak_gb": predict["peak_bytes"] / 1e9,
        "images": score["images"],
        "objects": score["objects"],
        "versions": train["versions"],
        "thresholds": train.get("thresholds"),
        "diameter": train.get("diameter_scores"),
    }


def cores(settings: dict[str, Any]) -> str:
    """Return how many cores there were."""
    return f"{settings['cores']} core" + "s" * (settings["cores"] != 1)


def markdown(table: dict[str, dict[str, Any]], settings: dict[str, Any]) -> str:
    """Return the tables of accuracy and of cost."""
    some = next(iter(table.values()))
    heads = [f"{s} {way}" for way in ("pooled", "per image") for s in SCORES]
    lines = [
        f"{settings['minutes']:g} minutes of training from scratch on "
        f"{cores(settings)}; {some['images']} images with {some['objects']} "
        "objects scored.",
        "",
        "| method | " + " | ".join(heads) + " |",
        "| --- |" + " ---: |" * 8,
    ]
    for method, row in table.items():
        values = [row[a][s] for a in ("pooled", "per_image") for s in SCORES]
        cells = " | ".join(f"{value:.3f}" for value in values)
        lines.append(f"| {NAMES[method]} | {cells} |")
    lines += [
        "",
        "| method | steps | training, min | with preparation and tuning, min "
        "| s per image | Mpx/s | peak memory training, GB | segmenting, GB |",
        "| --- |" + " ---: |" * 7,
    ]
    for method, row in table.items():
        lines.append(
            f"| {NAMES[method]} | {row['steps']} | {row['train_seconds'] / 60:.1f} "
            f"| {row['train_wall_seconds'] / 60:.1f} | {row['image_seconds']:.3f} "
            f"| {row['megapixels_per_second']:.2f} | {row['train_peak_gb']:.2f} "
            f"| {row['predict_peak_gb']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def plot(table: dict[str, dict[str, Any]], title: str, file: Path) -> None:
    """Draw average precision over IoU, and accuracy over speed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for method, row in table.items():
        colour, marker, line = STYLES[method]
        ap = row["pooled"]["ap"]
        left.plot(
            [float(t) for t in ap],
            list(ap.values()),
            line,
            color=colour,
            marker=marker,
            label=NAMES[method],
        )
        speed, score = row["megapixels_per_second"], row["pooled"]["mean9"]
        right.plot(speed, score, marker, color=colour, markersize=10)
        right.annotate(
            NAMES[method],
            (speed, score),
            xytext=(0, 10),
            textcoords="offset points",
            ha="center",
        )
    left.set(xlabel="IoU threshold", ylabel="average precision, pooled")
    left.set_ylim(-0.02, 1)
    left.legend(frameon=False)
    right.set(
        xlabel="speed from file to file, Mpx/s",
        ylabel="mean AP at IoU .50 to .90, pooled",
        xscale="log",
        ylim=(-0.02, 1),
    )
    right.set_xticks(SPEEDS, [f"{speed:g}" for speed in SPEEDS])
    right.minorticks_off()
    speeds = [row["megapixels_per_second"] for row in table.values()]
    right.set_xlim(min(speeds) / 2.5, max(speeds) * 2.5)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.suptitle(title)
    figure.savefig(file, dpi=150)


def report(results: dict[str, Any], settings: dict[str, Any], output: Path) -> str:
    """Write table.json, table.md and peers.png; return the table."""
    table = {method: figures(stages) for method, stages in results.items()}
    write_json(output / "table.json", {"settings": settings, "methods": table})
    text = markdown(table, settings)
    (output / "table.md").write_text(text, "utf-8")
    title = f"Trained from scratch for {settings['minutes']:g} min on {cores(settings)}"
    plot(table, title, output / "peers.png")
    return text
