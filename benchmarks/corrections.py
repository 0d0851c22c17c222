"""What a correction of an object takes: in our docks, and with napari's own tools.

    python benchmarks/corrections.py [--quick]

Discs are segmented by a model that learnt such discs; of the result, 10 objects are
missed, 10 are cut in two, 10 pairs are merged, and 10 false ones are added. Each error
is corrected twice in a real viewer, by events of the mouse and by keys: with Ctrl,
Alt, Shift and double clicks of ours, and with fill bucket, picker and brush. Told are
actions (clicks, keys, strokes), seconds of the interface (none of the person), and
how many objects were right thereafter (IoU of at least 0.8). Needs a display; without
one: xvfb-run -a -s "-screen 0 1400x900x24" python ...
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

CELL = 80
RADIUS = 14
COUNT = 10  # errors of each kind
QUICK = 2
RIGHT = 0.8  # IoU
KINDS = ("false", "split", "merged", "missed")
BRUSH = 8


def field(count: int, rng: np.random.Generator) -> tuple:
    """Return an image, and per kind of error the middles of the discs of each cell."""
    cells = [(kind, index) for kind in KINDS for index in range(count)]
    columns = 8
    rows = -(-len(cells) // columns)
    shape = (rows * CELL, columns * CELL)
    labels, middles = np.zeros(shape, np.int32), {kind: [] for kind in KINDS}
    grid = np.mgrid[: shape[0], : shape[1]]
    for place, (kind, _) in enumerate(cells):
        corner = np.array(divmod(place, columns)) * CELL
        middle = corner + CELL / 2 + rng.uniform(-3, 3, 2)
        turn = rng.uniform(0, np.pi)
        away = RADIUS * np.array([np.sin(turn), np.cos(turn)])
        pair = [middle - away, middle + away] if kind == "merged" else [middle]
        middles[kind].append(pair)
        for disc in pair if kind != "false" else []:
            inside = np.hypot(*(grid - disc[:, None, None])) < RADIUS
            labels[inside & (labels == 0)] = labels.max() + 1
    image = 100.0 * (labels > 0) + rng.normal(20, 5, shape)
    return image.astype(np.float32), labels, middles


def trained(folder: Path, rng: np.random.Generator) -> None:
    """Train a small model on such discs."""
    from napari_unet import ModelConfig, Sample, TrainConfig, drain, train

    samples = []
    for _ in range(2):
        image, labels, _ = field(4, rng)
        samples.append(Sample(image[None], labels, None))
    config = TrainConfig(steps=150, patch=96, batch=4, rate=5e-3, warmup=10)
    drain(train(samples, None, folder, config, model=ModelConfig(depth=2, width=8)))


class Person:
    """The mouse and the keyboard over the canvas; counts what they do."""

    def __init__(self, viewer, layer):
        self.viewer, self.layer, self.actions = viewer, layer, 0
        # There is no public way to the widget that is drawn on.
        self.canvas = viewer.window._qt_viewer.canvas

    def click(self, at, keys="", times=1):
        self.stroke([at], keys, times)

    def stroke(self, places, keys="", times=1):
        """Press at the first place, move to the others, let go; or click twice."""
        from qtpy.QtCore import QEvent, Qt

        self.actions += 1
        held = getattr(Qt.KeyboardModifier, f"{keys or 'No'}Modifier")
        kinds = QEvent.Type
        first, *others = [self._on_canvas(place) for place in places]
        self._send(kinds.MouseButtonPress, first, held)
        for place in others:
            self._send(kinds.MouseMove, place, held)
            time.sleep(0.006)  # napari hears of no more moves than that
        self._send(kinds.MouseButtonRelease, (others or [first])[-1], held)
        if times == 2:
            self._send(kinds.MouseButtonDblClick, first, held)
            self._send(kinds.MouseButtonRelease, first, held)

    def key(self, key):
        """Press a key."""
        from vispy.util.keys import Key

        self.actions += 1
        events = self.canvas._scene_canvas.events
        events.key_press(key=Key(key))
        events.key_release(key=Key(key))

    def _on_canvas(self, place):
        from qtpy.QtCore import QPointF

        world = np.array(self.layer.data_to_world(place))
        camera = self.viewer.scene.camera
        height, width = self.canvas.size
        y, x = (world - camera.center[-2:]) * camera.zoom + (height / 2, width / 2)
        return QPointF(x, y)

    def _send(self, kind, place, held):
        from qtpy.QtCore import QEvent, QPointF, Qt
        from qtpy.QtGui import QMouseEvent
        from qtpy.QtWidgets import QApplication

        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        widget = self.canvas.native
        moving = kind == QEvent.Type.MouseMove
        down = none if kind == QEvent.Type.MouseButtonRelease else left
        over = QPointF(widget.mapToGlobal(place.toPoint()))
        button = none if moving else left
        QApplication.sendEvent(
            widget, QMouseEvent(kind, place, over, button, down, held)
        )
        QApplication.processEvents()


def between(a, b, count=12):
    return list(np.linspace(a, b, count))


def across(pair):
    """A line between two discs that touch."""
    a, b = pair
    middle, way = (a + b) / 2, (b - a) / np.linalg.norm(b - a)
    side = way[::-1] * (1, -1) * RADIUS
    return middle - side, middle + side


class Ours:
    """Corrections as the docks offer them."""

    name = "these docks"

    def __init__(self, person):
        self.person = person

    def false(self, pair):
        self.person.click(pair[0], "Control")

    def split(self, pair):
        away = np.array([0, RADIUS / 2])
        self.person.stroke(between(pair[0] - away, pair[0] + away), "Alt")

    def merged(self, pair):
        self.person.stroke(between(*across(pair)), "Shift")

    def missed(self, pair):
        data, at = self.person.layer.data, tuple(pair[0].astype(int))
        self.person.click(pair[0], times=2)
        until(lambda: data[at], 20)


class Napari:
    """The same with napari's own tools and keys."""

    name = "napari's tools"

    def __init__(self, person):
        self.person = person

    def false(self, pair):
        self.person.key("4")  # the fill bucket
        self.person.layer.selected_label = 0  # typed into its field
        self.person.actions += 1
        self.person.click(pair[0])
        self.person.key("6")

    def split(self, pair):
        away = np.array([0, RADIUS / 2])
        self.person.key("5")  # the picker
        self.person.click(pair[0] - away)
        self.person.key("4")
        self.person.click(pair[0] + away)
        self.person.key("6")

    def merged(self, pair):
        """One of the two is painted anew, over the old number."""
        self.paint(pair[1])

    def missed(self, pair):
        self.paint(pair[0])

    def paint(self, middle):
        self.person.key("M")
        self.person.key("2")
        self.person.layer.brush_size = BRUSH
        spiral = [
            middle + radius * np.array([np.sin(turn), np.cos(turn)])
            for radius in (RADIUS - BRUSH / 2, RADIUS - BRUSH * 1.25)
            for turn in np.linspace(0, 2 * np.pi, 25)
        ]
        self.person.stroke([*spiral, middle])
        self.person.key("6")


def spoiled(found: np.ndarray, middles: dict) -> np.ndarray:
    """Return labels with all errors."""
    labels = found.copy()
    grid = np.mgrid[: found.shape[0], : found.shape[1]]
    number = int(found.max())
    for (disc,) in middles["false"]:
        number += 1
        labels[np.hypot(*(grid - disc[:, None, None])) < RADIUS] = number
    for (disc,) in middles["split"]:
        number += 1
        mine = found == found[tuple(disc.astype(int))]
        labels[mine & (grid[1] > disc[1])] = number
    for a, b in middles["merged"]:
        labels[found == found[tuple(b.astype(int))]] = found[tuple(a.astype(int))]
    for (disc,) in middles["missed"]:
        labels[found == found[tuple(disc.astype(int))]] = 0
    return labels


def right(labels: np.ndarray, found: np.ndarray, pair: list, kind: str) -> bool:
    """Return whether the objects of one cell are as they were found."""
    if kind == "false":
        return not labels[tuple(pair[0].astype(int))]
    for disc in pair:
        at = tuple(disc.astype(int))
        mine, true = labels == labels[at], found == found[at]
        if not labels[at] or (mine & true).sum() < RIGHT * (mine | true).sum():
            return False
    return True


def until(done, seconds: float = 60.0) -> None:
    """Let the interface run until something is so."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while not done():
        QApplication.processEvents()
        time.sleep(0.002)
        if time.monotonic() > end:
            raise SystemExit("nothing came")


def measure(count: int, folder: Path) -> list:
    """Return name, kind, actions, seconds and how many were right, of each."""
    import napari

    from napari_unet.gui.docks import open_dock

    rng = np.random.default_rng(0)
    trained(folder / "discs", rng)
    image, _, middles = field(count, rng)
    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    viewer.add_image(image, name="discs")
    dock = open_dock(viewer, "Segment")
    dock.form.model.set_path(str(folder / "discs"))
    dock.segment_image()
    until(lambda: not dock.runs.running)
    layer = viewer.layers[-1]
    viewer.layers.selection.active = layer
    viewer.reset_view()
    found = layer.data.copy()
    rows = []
    for way in (Ours, Napari):
        layer.data[:] = spoiled(found, middles)
        layer.refresh()
        person = Person(viewer, layer)
        does = way(person)
        for kind in KINDS:
            before, began = person.actions, time.perf_counter()
            for pair in middles[kind]:
                getattr(does, kind)(pair)
            seconds = time.perf_counter() - began
            good = sum(right(layer.data, found, p, kind) for p in middles[kind])
            rows.append((way.name, kind, person.actions - before, seconds, good))
    viewer.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2 errors of each kind")
    count = QUICK if parser.parse_args().quick else COUNT
    with tempfile.TemporaryDirectory() as folder:
        # The user's own settings are left alone.
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        rows = measure(count, Path(folder))
    print(f"{count} errors of each kind, per correction")
    print(f"{'':<16}{'error':<10}{'actions':>9}{'seconds':>9}{'right':>9}")
    for name, kind, actions, seconds, good in rows:
        each = f"{actions / count:9.1f}{seconds / count:9.2f}"
        print(f"{name:<16}{kind:<10}{each}{good:6} of {count}")
    for name in dict.fromkeys(row[0] for row in rows):
        mine = [row for row in rows if row[0] == name]
        actions, seconds = (sum(row[i] for row in mine) for i in (2, 3))
        every = len(KINDS) * count
        each = f"{actions / every:9.1f}{seconds / every:9.2f}"
        print(f"{name:<16}{'all':<10}{each}{sum(r[4] for r in mine):6} of {every}")


if __name__ == "__main__":
    main()
