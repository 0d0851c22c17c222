"""A press as text on the clipboard."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from napari.utils.notifications import show_info
from qtpy.QtWidgets import QApplication, QMenu, QPushButton

from napari_unet.events import Event
from napari_unet.gui import worker
from napari_unet.text import counted


class CopyButton(QPushButton):
    """A button with a menu of what a press can be copied as.

    writers : what makes text of a press, by what the user calls it
    find : the work that returns a press with the files behind its layers
    """

    # Returns what `find` is called with; None: there is nothing to copy.
    shown: Callable[[], tuple[Any, ...] | None]

    def __init__(
        self, writers: Mapping[str, Callable[[Any], str]], find: worker.Work[Any]
    ) -> None:
        super().__init__("Copy as")
        self._writers, self._find = writers, find
        menu = QMenu(self)
        for kind in writers:
            menu.addAction(kind)
        menu.triggered.connect(lambda action: self.copy(action.text()))
        self.setMenu(menu)

    def copy(self, kind: str) -> None:
        """Copy what is shown, in a job that looks for its files."""
        with worker.reporting():
            shown = self.shown()
            if shown is not None:
                work = _written, kind, self._writers[kind], self._find, *shown
                worker.start(self, "reading", *work, on_returned=self._fill)

    def _fill(self, found: tuple[str, str]) -> None:
        kind, text = found
        QApplication.clipboard().setText(text)
        show_info(f"copied as {kind}: {counted(len(text.splitlines()), 'line')}")


def _written(
    kind: str, write: Callable[[Any], str], find: worker.Work[Any], *args: Any
) -> Generator[Event, None, tuple[str, str]]:
    press = yield from find(*args)
    return kind, write(press)
