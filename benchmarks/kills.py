"""What is lost when napari is killed at random moments while one paints and trains.

    python benchmarks/kills.py [--kills 20] [--quick]

A window with an image, labels and the Train dock: a training runs, and five times per
second a pixel is painted with the next number, as a brush does. The process is killed
(SIGKILL) at a random moment, and started anew: it goes on with what was kept. Told are
the seconds of painting that were lost, and the step that the training resumed at. Needs
a display; without one: xvfb-run -a -s "-screen 0 1400x900x24" python ...
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from quick import arguments

EDGE = 256
STROKE_MS = 200
LEAST, MOST = 4.0, 25.0  # seconds between the first stroke and the kill


def child(log: Path) -> None:
    """Paint and train until somebody ends it."""
    import napari
    from qtpy.QtCore import QTimer

    from napari_unet.config import ModelConfig, TrainConfig
    from napari_unet.events import StepDone
    from napari_unet.gui.docks import open_dock
    from napari_unet.gui.keep import kept

    told = log.open("a", buffering=1)
    viewer = napari.Viewer()
    works = kept.entries()
    if not works:
        rng = np.random.default_rng(0)
        viewer.add_image(rng.normal(100, 20, (EDGE, EDGE)), name="plate")
        labels = np.zeros((EDGE, EDGE), np.int32)
        for number, at in enumerate(range(8, EDGE - 16, 24), start=1):
            labels[at : at + 12, at : at + 12] = number
        viewer.add_labels(labels, name="plate labels")
    dock = open_dock(viewer, "Train")

    def ready() -> None:
        layer = dock.table.pairs[0].labels
        row = layer.data[0]
        last = int(row.max())
        told.write(f"found {last} {time.time()}\n")
        steps: list[int] = []

        def step(event: object) -> None:
            if isinstance(event, StepDone) and not steps:
                steps.append(event.step)
                told.write(f"step {event.step} {time.time()}\n")

        dock._job.told.connect(step)

        def stroke() -> None:
            nonlocal last
            last += 1
            layer.brush_size = 1
            layer.paint((0, last % EDGE), last)
            told.write(f"stroke {last} {time.time()}\n")

        timer = QTimer(viewer.window._qt_window)
        timer.timeout.connect(stroke)
        timer.start(STROKE_MS)

    def begin() -> None:
        if works:
            dock.kept.changed.connect(resume)
            dock.kept.bring_back(works[0].folder)
            return
        dock.form.labels_mean.background_button.click()
        dock.form.model_picker.set_path(None)
        dock.form.train_form.set_value(TrainConfig(steps=10**6, batch=2, patch=64))
        dock.form.model_form.set_value(ModelConfig(depth=2, width=4))
        dock.start()
        ready()

    def resume() -> None:
        dock.go_on()
        ready()

    QTimer.singleShot(500, begin)
    napari.run()


def lines(log: Path) -> list[tuple[str, int, float]]:
    """Return what a process told, but for a last line that is not whole."""
    found = []
    for line in log.read_text().split("\n")[:-1]:
        what, number, when = line.split()
        found.append((what, int(number), float(when)))
    return found


class Window:
    """A process that paints and trains."""

    def __init__(self, home: Path) -> None:
        self.log = Path(tempfile.mkstemp(dir=home, suffix=".log")[1])
        environment = {**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home)}
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, "--child", str(self.log)],
            env=environment,
            stderr=subprocess.DEVNULL,
        )

    def wait(self, what: str) -> tuple[int, float]:
        """Wait until it tells that, and return the number and the time."""
        while True:
            for told, number, when in lines(self.log):
                if told == what:
                    return number, when
            if self.process.poll() is not None:
                raise RuntimeError(f"the window ended before its first {what}")
            time.sleep(0.05)

    def kill(self) -> tuple[list[tuple[str, int, float]], float]:
        """Kill it; returns what it told, and when it died."""
        died = time.time()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return lines(self.log), died


def main() -> None:
    """Kill, start anew, and print what was lost each time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--child", type=Path)
    given = arguments(parser, kills=1)
    if given.child is not None:
        child(given.child)
        return
    least, most = (1.0, 3.0) if given.quick else (LEAST, MOST)
    rng = random.Random(0)
    lost: list[float] = []
    print("| kill | after s | lost s of painting | resumed at step |")
    print("| ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        window = Window(Path(folder))
        for kill in range(1, given.kills + 1):
            window.wait("step")
            _, first = window.wait("stroke")
            time.sleep(rng.uniform(least, most))
            told, died = window.kill()
            strokes = {number: when for what, number, when in told if what == "stroke"}
            window = Window(Path(folder))
            found, _ = window.wait("found")
            missing = [when for number, when in strokes.items() if number > found]
            lost.append(died - min(missing) if missing else 0.0)
            resumed, _ = window.wait("step")
            row = f"{kill} | {died - first:.1f} | {lost[-1]:.1f} | {resumed}"
            print(f"| {row} |", flush=True)
        window.kill()
    print(f"at most {max(lost):.1f} s of painting were lost in {len(lost)} kills")


if __name__ == "__main__":
    main()
