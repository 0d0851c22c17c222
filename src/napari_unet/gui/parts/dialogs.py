"""Asking for a folder or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.utils.history import get_open_history, update_open_history
from napari.utils.misc import in_ipython
from qtpy.QtWidgets import QFileDialog, QWidget


def ask_folder(
    parent: QWidget | None, title: str, start: Path | None = None
) -> Path | None:
    """Ask for a folder; None where nothing was chosen."""
    only = QFileDialog.Option.ShowDirsOnly
    place = str(start or get_open_history()[0])
    chosen = QFileDialog.getExistingDirectory(parent, title, place, only | _options())
    return _remembered(chosen)


def ask_file(parent: QWidget | None, title: str, kinds: str) -> Path | None:
    """Ask for a file that is there; None where nothing was chosen."""
    chosen, _ = QFileDialog.getOpenFileName(
        parent, title, get_open_history()[0], kinds, options=_options()
    )
    return _remembered(chosen)


def _remembered(chosen: str) -> Path | None:
    """Return the path; napari's next dialog begins there."""
    if not chosen:
        return None
    update_open_history(chosen)
    return Path(chosen)


def ask_new_file(parent: QWidget, title: str, name: str, kinds: str) -> Path | None:
    """Ask where to write a file, `name` proposed; None where nothing was chosen."""
    chosen, _ = QFileDialog.getSaveFileName(
        parent, title, name, kinds, options=_options()
    )
    return Path(chosen) if chosen else None


def _options() -> Any:
    # A native dialog hangs IPython's event loop.
    option = QFileDialog.Option
    return option.DontUseNativeDialog if in_ipython() else option(0)
