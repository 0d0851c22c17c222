"""How soon napari answers with both docks open: without work, training, segmenting.

Needs a display; without one: xvfb-run -a -s "-screen 0 1400x900x24" python ...
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from quick import arguments

GAP = 0.05  # a gap of the interface that is not felt
TICK_MS = 10
CLICKS = 5  # of each kind
SIZE, QUICK_SIZE = 2048, 512
OPENINGS = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=40, help="how long each state is watched"
    )
    parser.add_argument("--opening", choices=["Train", "Segment"], help="only this")
    args = arguments(parser, seconds=1.0)
    with tempfile.TemporaryDirectory() as folder:
        # The user's own settings and models are left alone.
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        if args.opening:
            print(opening(args.opening))
            return
        measured = measure(args.seconds, Path(folder) / "models", args.quick)
        print_gaps({state: gaps for state, (gaps, _) in measured.items()})
        print_clicks({state: clicks for state, (_, clicks) in measured.items()})
    print_openings(args.quick)


def measure(seconds, models, quick):
    """Return the gaps and the clicks of each state."""
    import napari
    from napari.settings import get_plugin_settings

    viewer = napari.Viewer()
    get_plugin_settings()["napari-unet-live"].unet.model_folder = str(models)
    viewer.window.resize(1280, 800)
    place_layers(viewer, QUICK_SIZE if quick else SIZE)
    bench = Bench(viewer)
    clicks = Clicks(viewer, bench)
    measured = {}
    for state, begin, end in (
        ("without work", None, None),
        ("training", bench.train, bench.stop_training),
        ("segmenting", bench.segment, bench.stop_segmenting),
    ):
        if begin is not None:
            begin()
        gaps = watch(seconds)
        measured[state] = gaps, clicks.times(1 if quick else CLICKS)
        if end is not None:
            end()
    viewer.close()
    return measured


def place_layers(viewer, size):
    """Open samples: with labels to train on, a stack, and a large image to segment."""
    viewer.open_sample("napari-unet-live", "nuclei_3d")
    viewer.open_sample("napari-unet-live", "nuclei_2d")
    tile = viewer.layers["nuclei"].data
    repeats = [-(-size // n) for n in tile.shape]
    where = {"scale": viewer.layers["nuclei"].scale, "units": ("µm", "µm")}
    large = np.tile(tile, repeats)[:size, :size]
    viewer.add_image(large, name="large", **where)
    viewer.add_labels(np.zeros_like(large, np.int32), name="painted", **where)


class Bench:
    """Both docks, and what they are told to do."""

    def __init__(self, viewer):
        from napari_unet.gui import worker
        from napari_unet.gui.docks import open_dock

        self.viewer, self.worker = viewer, worker
        self.trainer = open_dock(viewer, "Train")
        self.segmenter = open_dock(viewer, "Segment")
        self.trainer.add_pair(viewer.layers["nuclei"], viewer.layers["nuclei labels"])
        self.trainer.form.labels_mean.background_button.click()
        until(lambda: not worker.running(), "torch was not imported")

    def train(self):
        from napari_unet.events import StepDone

        told = []
        self.trainer.start()
        (job,) = self.worker.running("training")
        job.told.connect(told.append)
        until(lambda: any(isinstance(e, StepDone) for e in told), "no step was taken")

    def stop_training(self):
        self.trainer.stop()
        # The buttons change once all that the job told has been heard.
        stop = self.trainer.buttons.stop
        until(lambda: not self.worker.running(), "training did not stop")
        until(lambda: not stop.isEnabled(), "the dock did not notice the end")

    def segment(self):
        """Segment the large image again and again."""
        from qtpy.QtCore import QTimer

        picker = self.segmenter.form.picker
        picker.set_layer(self.viewer.layers["large"])
        self.again = QTimer()
        self.again.timeout.connect(self.segmenter.form.image_button.click)
        self.again.start(100)  # a disabled button ignores it
        until(lambda: self.worker.running("segmenting"), "nothing is segmented")

    def stop_segmenting(self):
        self.again.stop()
        self.segmenter.runs.stop()
        until(lambda: not self.segmenter.runs.running, "segmenting did not stop")


class Clicks:
    """What a user does meanwhile, and how long each takes until it is shown."""

    def __init__(self, viewer, bench):
        self.viewer, self.bench = viewer, bench
        self.turn = 0

    def times(self, count):
        """Return the seconds of all clicks of each kind."""
        from qtpy.QtWidgets import QApplication

        kinds = (
            self.pan,
            self.zoom,
            self.select,
            self.paint,
            self.hide,
            self.step,
            self.open_menu,
        )
        found = {kind.__name__.replace("_", " "): [] for kind in kinds}
        for self.turn in range(count):
            for kind, times in zip(kinds, found.values(), strict=True):
                pause(0.2)
                began = time.perf_counter()
                kind()
                QApplication.processEvents()
                times.append(time.perf_counter() - began)
                self.box().hidePopup()
        return found

    def box(self):
        return self.bench.segmenter.form.picker.image_box.native

    def pan(self):
        z, y, x = self.viewer.scene.camera.center
        self.viewer.scene.camera.center = (z, y + 10, x + 10)

    def zoom(self):
        self.viewer.scene.camera.zoom *= 1.3 if self.turn % 2 else 1 / 1.3

    def select(self):
        layers = self.viewer.layers
        layers.selection.active = layers[self.turn % len(layers)]

    def paint(self):
        layer = self.viewer.layers["painted"]
        layer.brush_size = 20
        for x in range(200, 400, 10):
            layer.paint((300 + 40 * self.turn, x), self.turn + 1)

    def hide(self):
        layer = self.viewer.layers["painted"]
        layer.visible = not layer.visible

    def step(self):
        self.viewer.dims.set_current_step(0, 5 + self.turn)

    def open_menu(self):
        self.box().showPopup()


def watch(seconds):
    """Return the gaps between the ticks of a timer of the interface."""
    from qtpy.QtCore import Qt, QTimer

    ticks = []
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start(TICK_MS)
    pause(seconds)
    timer.stop()
    return np.diff(ticks)


def pause(seconds):
    """Let the interface run."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(int(1000 * seconds), loop.quit)
    loop.exec()


def until(true, otherwise, seconds=120):
    """Let the interface run until something is true."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise SystemExit(otherwise)
        pause(0.05)


def opening(name):
    """Return how long a dock takes to be shown, torch not being imported."""
    import napari
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer()
    viewer.open_sample("napari-unet-live", "nuclei_2d")
    pause(2)
    assert "torch" not in sys.modules
    began = time.perf_counter()
    _, widget = viewer.window.add_plugin_dock_widget("napari-unet-live", name)
    while not widget.isVisible():
        QApplication.processEvents()
    QApplication.processEvents()
    seconds = time.perf_counter() - began
    viewer.close()
    return seconds


def print_gaps(gaps):
    print(f"gaps of a {TICK_MS} ms timer of the interface")
    head = ("median", "99 %", "worst", f"below {1000 * GAP:.0f} ms")
    print(f"{'':<14}" + "".join(f"{name:>14}" for name in head))
    for state, values in gaps.items():
        figures = [1000 * np.percentile(values, p) for p in (50, 99, 100)]
        row = "".join(f"{figure:11.1f} ms" for figure in figures)
        print(f"{state:<14}{row}{np.mean(values < GAP):14.2%}")


def print_clicks(clicks):
    states = list(clicks)
    count = len(clicks[states[0]]["pan"])
    print(f"\nthe worst of {count} clicks of each kind, until they are shown")
    print(f"{'':<14}" + "".join(f"{state:>22}" for state in states))
    idle = clicks[states[0]]
    rows = {kind: {s: max(clicks[s][kind]) for s in states} for kind in idle}
    rows["all"] = {s: max(max(t) for t in clicks[s].values()) for s in states}
    for kind, worst in rows.items():
        row = "".join(
            f"{1000 * worst[s]:9.0f} ms {worst[s] / worst[states[0]]:6.2f} x"
            for s in states
        )
        print(f"{kind:<14}{row}")


def print_openings(quick):
    first, last = (0, 1) if quick else (1, OPENINGS + 1)
    count = f"median of {last - first} fresh processes"
    print(f"\nopening a dock, torch not imported, {count}")
    # As installed: with the bytecode that the first, uncounted run leaves.
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    for name in ("Train",) if quick else ("Train", "Segment"):
        command = [sys.executable, __file__, "--opening", name]
        runs = []
        for _ in range(last):
            done = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, env=environment
            )
            runs.append(float(done.stdout))
        print(f"{name:<14}{statistics.median(runs[first:]):11.3f} s")


if __name__ == "__main__":
    main()
