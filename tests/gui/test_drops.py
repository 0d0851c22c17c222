"""What is dropped on a dock: real drop events, sent as the window system does."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QLabel, QVBoxLayout

from napari_unet.gui import worker
from napari_unet.gui.docks import DockContent

BUTTON, KEYS = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def dock(qtbot):
    """A dock's widget that takes folders, with a child; and what it was given."""
    got = []
    widget = DockContent(None, lambda viewer, path: got.append(path))
    QVBoxLayout(widget).addWidget(QLabel("a row"))
    qtbot.addWidget(widget)
    widget.resize(200, 200)
    return widget, got


def drop(widget, *paths, **kinds):
    """Drag files over a widget and drop them; returns which events it accepted."""
    data = QMimeData()
    data.setUrls(
        [p if isinstance(p, QUrl) else QUrl.fromLocalFile(str(p)) for p in paths]
    )
    for kind, text in kinds.items():
        getattr(data, f"set{kind.title()}")(text)
    action, at = Qt.DropAction.CopyAction, QPoint(50, 50)
    accepted = []
    for kind in (QDragEnterEvent, QDragMoveEvent, QDropEvent):
        place = QPointF(at) if kind is QDropEvent else at
        event = kind(place, action, data, BUTTON, KEYS)
        event.ignore()
        QApplication.sendEvent(widget, event)
        accepted.append(event.isAccepted())
    return accepted


@pytest.mark.parametrize("name", ["folder", "a.zip", "a.unetmodel", "a.TIF", "a.txt"])
def test_folders_and_files_are_taken(dock, tmp_path, name):
    widget, got = dock
    path = tmp_path / name
    path.mkdir() if name == "folder" else path.write_bytes(b"")
    assert drop(widget, path) == [True, True, True]
    assert got == [path]


def test_a_drop_on_a_row_is_a_drop_on_the_dock(dock, tmp_path):
    widget, got = dock
    assert drop(widget.findChild(QLabel), tmp_path) == [True, True, True]
    assert got == [tmp_path]


def test_several_are_given_one_by_one(dock, tmp_path):
    widget, got = dock
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.mkdir()
    assert all(drop(widget, *paths))
    assert got == paths


def test_what_is_not_there_is_left_alone(dock, tmp_path):
    widget, got = dock
    assert drop(widget, tmp_path / "missing") == [False, False, False]
    assert drop(widget, tmp_path, tmp_path / "missing") == [False, False, False]
    assert got == []


def test_text_and_remote_urls_are_left_alone(dock):
    widget, got = dock
    assert drop(widget, text="/tmp") == [False, False, False]
    assert drop(widget, QUrl("https://example.org/a.zip")) == [False, False, False]
    assert got == []


def test_an_error_is_one_notification(qtbot, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(worker, "report", told.append)

    def refuse(viewer, path):
        raise ValueError(f"{path}: no")

    widget = DockContent(None, refuse)
    qtbot.addWidget(widget)
    assert all(drop(widget, tmp_path))
    assert [str(error) for error in told] == [f"{tmp_path}: no"]
