"""A train dock that only writes down what it is asked for."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_unet.gui.open import open as opening


class TrainDock(QWidget):
    """Stands in for the train dock under its name."""

    def __init__(self):
        super().__init__()
        self.pairs = []
        self.folders = []

    def reset_choices(self):
        """Makes it a dock of ours."""

    def add_pair(self, image, labels):
        self.pairs.append((image.name, labels.name))

    def add_folder(self, path):
        self.folders.append(path)


def with_dock(viewer):
    """The viewer with the dock open in it."""
    viewer.window.add_dock_widget(TrainDock(), name="Train (U-Net)")
    return viewer


def dock(viewer):
    return opening.open_dock(viewer, "Train")


def wait(qtbot):
    """Until nothing is being opened."""
    qtbot.waitUntil(lambda: not opening._openings, timeout=30_000)
