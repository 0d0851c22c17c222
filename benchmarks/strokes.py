"""How soon a pixel classifier shows a first result, and follows a stroke of the brush.

    python benchmarks/strokes.py [--quick]

Some nuclei and a line of background are annotated in the sample image and in one of
1024 x 1024 px; `forest` is fitted in the Train dock, and a further line of background
is painted five times. Timed from the press of Start, and from each stroke, until the
layer with the result is filled; held against the fit alone. Needs a display; without
one: xvfb-run -a -s "-screen 0 1400x900x24" python ...
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from quick import arguments

SIZES = (256, 1024)
NUCLEI = 8
BACKGROUND = 9_999
STROKES = 5


def annotated(size: int, sample: np.ndarray, labels: np.ndarray) -> tuple:
    """Return an image of so many px, and labels of some of its nuclei and of ground."""
    repeats = [-(-size // n) for n in sample.shape]
    image = np.tile(sample, repeats)[:size, :size]
    whole = np.tile(labels, repeats)[:size, :size]
    painted = np.where(np.isin(whole, np.unique(whole)[1 : 1 + NUCLEI]), whole, 0)
    painted[:256, 256:] = 0  # of the first tile only
    painted[256:] = 0
    line(painted, whole, 128)
    return image, painted, whole


def line(painted: np.ndarray, whole: np.ndarray, row: int) -> None:
    """Paint a line of background between the nuclei, 3 px wide."""
    part = painted[row : row + 3]
    part[whole[row : row + 3] == 0] = BACKGROUND


def until(done, seconds: float = 300.0) -> float:
    """Run the interface until something is so; returns for how long."""
    from qtpy.QtWidgets import QApplication

    began = time.perf_counter()
    while not done():
        QApplication.processEvents()
        time.sleep(0.02)  # the job has a thread of its own
        if time.perf_counter() - began > seconds:
            raise TimeoutError("nothing came")
    return time.perf_counter() - began


class Shown:
    """Counts how often the preview was filled."""

    def __init__(self, dock) -> None:
        self.count = 0
        fill = dock.preview.show

        def show(preview) -> None:
            fill(preview)
            self.count += 1

        dock.preview.show = show


def measure(size: int, models: Path, strokes: int) -> tuple[float, list[float]]:
    """Return seconds from Start to a result, and from each stroke to the next one."""
    import napari
    from napari.settings import get_plugin_settings

    viewer = napari.Viewer()
    get_plugin_settings()["napari-unet-live"].unet.model_folder = str(models)
    viewer.window.resize(1280, 800)
    viewer.open_sample("napari-unet-live", "nuclei_2d")
    data = [layer.data for layer in viewer.layers[:2]]
    viewer.layers.clear()
    image, painted, whole = annotated(size, *data)
    viewer.add_image(image, name="cells")
    layer = viewer.add_labels(painted, name="cells labels")
    dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Train")[1]
    form = dock.form
    until(lambda: form.network_box.findText("forest") >= 0)
    form.model_picker.set_path(None)
    form.network_box.setCurrentText("forest")
    form.labels_mean.unknown_button.click()
    form.labels_mean.background_box.setValue(BACKGROUND)
    shown = Shown(dock)
    dock.start()
    first = until(lambda: shown.count == 1)
    later = []
    for number in range(strokes):
        until(lambda: not dock.why_not())
        line(layer.data, whole, 20 + 15 * number)
        layer.refresh()
        layer.events.paint(value=[])
        wanted = shown.count + 1
        later.append(until(lambda: shown.count == wanted))  # noqa: B023
    until(lambda: not dock.why_not())
    viewer.close()
    return first, later


def main() -> None:
    """Measure each size and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    given = arguments(parser)
    sizes, strokes = (SIZES[:1], 1) if given.quick else (SIZES, STROKES)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        for size in sizes:
            first, later = measure(size, Path(folder) / f"models {size}", strokes)
            middle = statistics.median(later)
            print(
                f"{size} x {size} px: first result {first:.2f} s after Start, then "
                f"{middle:.2f} s after a stroke (worst {max(later):.2f} s)",
                flush=True,
            )


if __name__ == "__main__":
    main()
