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

    device : what the docks propose: auto, cpu, cuda, cuda:1, mps
    model_folder : where trained models go, a folder each
    memory : most memory for a tile, in GB; None: chosen from what is free
    """

    device: str = "auto"
    model_folder: Path = user_data_path(PLUGIN, appauthor=False) / "models"
    memory: float | None = None


def preferences() -> Preferences:
    """Return the preferences; the defaults where napari does not know the plugin."""
    from napari.settings import get_plugin_settings

    page: Any = getattr(get_plugin_settings().get(PLUGIN), "unet", None)
    if page is None:
        return Preferences()
    folder = str(page.model_folder).strip()
    return Preferences(
        str(page.device),
        Path(folder).expanduser() if folder else Preferences.model_folder,
        float(page.memory) or None,
    )
