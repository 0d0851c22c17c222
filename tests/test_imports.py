"""The core runs without Qt, napari and dask, and options load without torch."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import napari_unet

GUI = ("napari", "qtpy", "superqt", "magicgui", "pyqtgraph", "dask", "zarr")
# The plugin's folder, the storage library's module, and what napari alone calls.
NOT_CORE = ("gui", "large", "__main__")


def core():
    folder = Path(napari_unet.__file__).parent
    found = [m.name for m in pkgutil.walk_packages([str(folder)], "napari_unet.")]
    return [n for n in found if n.split(".")[1] not in NOT_CORE]


def loaded_after(code):
    """The top-level modules that a fresh Python has loaded after this code."""
    code += "\nimport sys; print(*sorted({n.split('.')[0] for n in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


def test_the_core_needs_no_gui_and_no_dask():
    names = core()
    assert {"napari_unet.training", "napari_unet.segmentation"} <= set(names)
    assert not loaded_after("import " + ", ".join(names)) & set(GUI)


@pytest.mark.parametrize(
    "module", ["napari_unet", "napari_unet.config", "napari_unet.events"]
)
def test_what_loads_at_once_loads_no_torch(module):
    loaded = loaded_after(f"import {module}")
    assert not loaded & {*GUI, "torch", "skimage", "scipy", "matplotlib"}


def test_imports_go_down_only():
    """The house's floors; a module imports from its own floor or from below."""
    floors = [
        {"config", "options", "presets", "events", "tiling", "files"},
        {"networks", "formulations", "losses", "samples", "augment", "blocks"},
        {"model", "model_file", "device"},
        {"prediction", "training", "segmentation", "doctor", "doubt", "augmented"},
        {"cli", "gui"},
    ]
    floor_of = {name: n for n, names in enumerate(floors) for name in names}
    folder = Path(napari_unet.__file__).parent
    for path in folder.rglob("*.py"):
        here = path.relative_to(folder).with_suffix("").parts[0]
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if not line.startswith("from") or len(words) < 4:
                continue
            there = words[1].removeprefix("napari_unet").lstrip(".").split(".")[0]
            if here in floor_of and there in floor_of:
                assert floor_of[there] <= floor_of[here], f"{path.name}: {line}"
