"""Folders, zips and models that are dropped on a dock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import QEvent, QMimeData, QObject
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QWidget

from napari_unet.gui.worker import report

SUFFIXES = (".zip", ".unetmodel")
KINDS = (QEvent.Type.DragEnter, QEvent.Type.DragMove, QEvent.Type.Drop)


def accept_folders(widget: QWidget, callback: Callable[[Path], None]) -> None:
    """Let folders, ``.zip`` and ``.unetmodel`` files be dropped on a widget.

    Everything else is ignored, so that it goes where it went before.

    Parameters
    ----------
    widget : QWidget
        A dock's widget, the ones in it included.
    callback : callable
        Called with each path; its ValueErrors become notifications.
    """
    _Drops(widget, callback)


class _Drops(QObject):
    """Sees a widget's drag and drop events before the widget does."""

    def __init__(self, widget: QWidget, callback: Callable[[Path], None]) -> None:
        super().__init__(widget)  # which keeps it alive
        self._callback = callback
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the drops that are for us."""
        if event.type() not in KINDS or not isinstance(event, QDropEvent):
            return False
        paths = _paths(event.mimeData())
        if not paths:
            event.ignore()
            return True
        event.acceptProposedAction()
        if event.type() == QEvent.Type.Drop:
            for path in paths:
                try:
                    self._callback(path)
                except ValueError as error:
                    report(error)
        return True


def _paths(data: QMimeData) -> list[Path]:
    """Return what was dropped if all of it is for us, else nothing."""
    urls = data.urls()
    paths = [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
    ours = [p for p in paths if p.is_dir() or p.suffix.lower() in SUFFIXES]
    return ours if len(ours) == len(urls) else []
