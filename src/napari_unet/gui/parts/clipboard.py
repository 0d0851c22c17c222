"""Code on the clipboard."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeVar

from napari.utils.notifications import show_info
from qtpy.QtCore import QObject, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QApplication, QMenu, QPushButton

from napari_unet.events import Event
from napari_unet.gui import worker
from napari_unet.text import counted

Press = TypeVar("Press")


class CopyButton(QPushButton):
    """A button with a menu of what can be copied.

    Parameters
    ----------
    kinds : iterable of str
        The entries; `picked` is sent with one.
    """

    picked = Signal(str)

    def __init__(self, kinds: Iterable[str]) -> None:
        super().__init__("Copy as")
        menu = QMenu(self)
        for kind in kinds:
            menu.addAction(kind)
        menu.triggered.connect(self._pick)
        self.setMenu(menu)

    def _pick(self, action: QAction) -> None:
        self.picked.emit(action.text())


class Clipboard(QObject):
    """Copies the code of presses; what files lie behind them is found in a job."""

    def copy(
        self,
        kind: str,
        write: Callable[[Press], str],
        find: worker.Work[Press],
        *args: Any,
    ) -> None:
        """Copy the code of a press.

        Parameters
        ----------
        kind : str
            What the user calls it: "Python" or "command line".
        write : callable
            Makes the code of a press.
        find, *args
            The work that returns the press with the files behind its layers.
        """
        work = (_written, kind, write, find, *args)
        worker.start(self, "reading", *work, on_returned=self._fill)

    def _fill(self, found: tuple[str, str]) -> None:
        kind, text = found
        QApplication.clipboard().setText(text)
        show_info(f"copied as {kind}: {counted(len(text.splitlines()), 'line')}")


def _written(
    kind: str, write: Callable[[Press], str], find: worker.Work[Press], *args: Any
) -> Generator[Event, None, tuple[str, str]]:
    press = yield from find(*args)
    return kind, write(press)
