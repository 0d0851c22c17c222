"""What the user set for this plugin in napari's Preferences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

PLUGIN = "napari-unet-live"


@dataclass(frozen=True)
class Preferences:
    """The page "U-Net" of napari's Preferences.

    Parameters
    ----------
    device : str
        What the docks propose: auto, cpu, cuda, cuda:1, mps.
    model_folder : Path
        Where trained models go, a folder each.
    memory : float, optional
        Most memory for a tile, in GB; None: chosen from what is free.
    """

    device: str = "auto"
    model_folder: Path = user_data_path(PLUGIN, appauthor=False) / "models"
    memory: float | None = None


def preferences() -> Preferences:
    """Return the preferences; the defaults where napari does not know the plugin."""
    page = _page()
    if page is None:
        return Preferences()
    folder = str(page.model_folder).strip()
    return Preferences(
        str(page.device),
        Path(folder).expanduser() if folder else Preferences.model_folder,
        float(page.memory) or None,
    )


def _page() -> Any:
    from napari.settings import get_plugin_settings

    return getattr(get_plugin_settings().get(PLUGIN), "unet", None)
