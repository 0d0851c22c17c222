"""Asking for a folder or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.utils.misc import in_ipython
from qtpy.QtWidgets import QFileDialog, QWidget


def ask_folder(parent: QWidget, title: str, start: Path | str = "") -> Path | None:
    """Ask for a folder; None where nothing was chosen."""
    only = QFileDialog.Option.ShowDirsOnly
    chosen = QFileDialog.getExistingDirectory(
        parent, title, str(start), only | _options()
    )
    return Path(chosen) if chosen else None


def ask_file(parent: QWidget, title: str, kinds: str) -> Path | None:
    """Ask for a file that is there; None where nothing was chosen."""
    chosen, _ = QFileDialog.getOpenFileName(
        parent, title, "", kinds, options=_options()
    )
    return Path(chosen) if chosen else None


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
