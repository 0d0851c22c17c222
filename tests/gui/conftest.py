"""What the GUI tests share; they drive real widgets in a real viewer on a display.

``make_napari_viewer()`` gives one viewer to all tests of a process, one after another:
to make and to end a viewer takes longer than most tests. A new one is what is shown, a
second one in a test, and what a test gets that is marked as ``own_viewer``.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest
from napari.utils._testsupport import make_napari_viewer as new_viewer  # noqa: F401
from napari.utils.notifications import notification_manager
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QOffscreenSurface, QOpenGLContext
from qtpy.QtWidgets import QDockWidget

from napari_unet.gui.preferences import Preferences
from support.waits import deliver

NEEDS_DISPLAY = sys.platform.startswith("linux") and not os.environ.get("DISPLAY")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    skip = pytest.mark.skip(reason="no display: run the tests with xvfb-run")
    for item in items:
        if HERE not in item.path.parents:
            continue
        if NEEDS_DISPLAY:
            item.add_marker(skip)
        if not item.get_closest_marker("quick"):
            item.add_marker("slow")


@pytest.fixture(scope="session", autouse=True)
def _modules_are_no_garbage():
    """Keep modules out of the garbage collections that every viewer's end brings.

    A collection takes half a second with all of torch in it, and there are several.
    """
    import torch

    import napari_unet.training.loop  # noqa: F401

    torch.optim.AdamW([torch.zeros(1, requires_grad=True)])  # imports the rest of torch
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Keep numba, with which napari draws labels, from giving torch its own threads.

    They share OpenMP: with more threads than cores, each step of a training waits for
    the others, in all tests that follow in this process.
    """
    import numba
    import torch

    numba.set_num_threads(1)
    torch.set_num_threads(1)
    yield
    assert torch.get_num_threads() == 1


@pytest.fixture(scope="module", autouse=True)
def _what_is_left_is_no_garbage(qapp):
    """The same for what earlier modules left: whatever survives a collection."""
    deliver()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _jobs_are_not_nice():
    """Do not let jobs starve where all cores are at work on other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_unet.gui.worker.NICENESS", 0)
        yield


@pytest.fixture(autouse=True)
def _work_is_kept_elsewhere(monkeypatch, tmp_path):
    """Keep what tests paint away from what the user of this machine painted."""
    place = Preferences("cpu", tmp_path / "kept")
    monkeypatch.setattr("napari_unet.gui.keep.kept.preferences", lambda: place)


@pytest.fixture(autouse=True)
def _waits_are_patient(monkeypatch):
    """Wait long where all cores are busy; a wait ends as soon as it can."""
    wait = QtBot.waitUntil

    def patient(self, callback, *, timeout=0):
        wait(self, callback, timeout=max(timeout, 60_000))

    monkeypatch.setattr(QtBot, "waitUntil", patient)


@pytest.fixture(scope="session")
def _shared_viewer(qapp):
    from napari import Viewer
    from napari._qt.qt_viewer import QtViewer

    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "threads.status_checker.StatusChecker.start",
            "qt_main_window._QtMainWindow._save_current_window_settings",
        ):
            patch.setattr(f"napari._qt.{name}", lambda *_: None)
        viewer = Viewer(show=False, show_welcome_screen=False)
        QtViewer._instances.clear()  # napari's fixture takes it for a leak
        Viewer._instances.clear()
        viewer.window._qt_window._instances.clear()
        yield viewer
        viewer.window._qt_window._instances.append(viewer.window._qt_window)
        viewer.close()


@pytest.fixture(scope="session")
def _opengl(qapp):
    """Make a context current where none is: napari asks what OpenGL can, at any time.

    It is that of a window as long as one is shown, and none after it was closed.
    """
    context, surface = QOpenGLContext(), QOffscreenSurface()
    context.create()
    surface.create()

    def make_current():
        if QOpenGLContext.currentContext() is None:
            context.makeCurrent(surface)

    return make_current


@pytest.fixture
def make_napari_viewer(request, _opengl):
    """Return a function that gives a viewer: the one of this process if it is free."""
    gc.collect(1)  # as napari's own: widgets of earlier tests that nobody holds
    lent = []

    def make(**options):
        if options or lent or request.node.get_closest_marker("own_viewer"):
            return request.getfixturevalue("new_viewer")(**options)
        lent.append(request.getfixturevalue("_shared_viewer"))
        _opengl()
        window = lent[0].window._qt_window
        window._instances.append(window)  # it is the current viewer
        return lent[0]

    yield make
    for viewer in lent:
        _clear(viewer)
        viewer.window._qt_window._instances.clear()


def _clear(viewer):
    """End all docks and layers; leave the viewer as a new one."""
    viewer.layers.clear()
    vars(viewer.window._qt_viewer.canvas._scene_canvas).pop("visual_at", None)
    parts = vars(viewer.window._qt_viewer).values()
    own = [part for part in parts if isinstance(part, QDockWidget)]
    for dock in viewer.window._qt_window.findChildren(QDockWidget):
        if dock not in own:
            if inner := dock.widget():
                inner.close()
                inner.deleteLater()
            viewer.window.remove_dock_widget(dock)
    deliver()
    viewer.theme = "dark"
    viewer.dims.reset()
    viewer.dims.ndim = 2
    viewer.dims.order = (0, 1)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 0, 0), 1


@pytest.fixture
def notices():
    """What the user was told by napari, in order."""
    told = []

    def note(notification):
        told.append(notification.message)

    notification_manager.notification_ready.connect(note)
    yield told
    notification_manager.notification_ready.disconnect(note)


@pytest.fixture(autouse=True)
def _no_built_in_model(request, monkeypatch, tmp_path):
    """Hide the model of the package from tests that do not ask for it: it is large."""
    if "built_in_model" not in request.fixturenames:
        monkeypatch.setattr(
            "napari_unet.gui.pickers.model_picker.BUILT_IN", tmp_path / "none"
        )


@pytest.fixture
def built_in_model():
    """Ask for the model of the package; its path."""
    from napari_unet.models.store import BUILT_IN

    return str(BUILT_IN / "nuclei")


@pytest.fixture(autouse=True)
def _no_job_outlives_its_test():
    from napari_unet.gui import worker

    yield
    assert worker.jobs().stop(60), "a job did not end"
