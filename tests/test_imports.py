"""The core runs without Qt, napari and dask, and options load without torch."""

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import napari_unet

GUI = ("napari", "qtpy", "superqt", "magicgui", "pyqtgraph", "dask", "zarr")
# The plugin's folder, and what only `python -m` calls.
NOT_CORE = ("gui", "__main__")

FOLDER = Path(napari_unet.__file__).parent
# From the ground up. A room imports from itself and from rooms before it.
FLOORS = (
    "hall config scoring networks formulations data files models segmentation "
    "training reports gui cli face"
).split()
# The same within gui/; the two docks know nothing of each other.
GUI_FLOORS = (
    "hall parts layers copy_as pickers pairs results inside open segment train"
).split()


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


# Where each module of the flat house goes: the rooms to come.
ROOMS = {
    "config": "augment_config config options predict_config presets",
    "data": "doctor gui.numbers resampling samples separate sizes",
    "files": "axes bioformats datasets downloads layouts loading pictures "
    "readers sample_data tiff writers zips",
    "formulations": "losses",
    "gui.copy_as": "code command press segment_copy train_copy",
    "gui.inside": "inside inside_drawing inside_graph inside_layers inside_part "
    "inside_work",
    "gui.layers": "axes classes edits layers matching placing right_views",
    "gui.open": "download open reader reading show",
    "gui.pairs": "findings folder_row live_labels meaning mending pair_row pairs",
    "gui.parts": "clipboard connections csv_button dialogs drops form progress "
    "row sorted_table steady",
    "gui.pickers": "axes_row channel_row model_card model_name models picker "
    "spacing_row",
    "gui.results": "compare compared errors_layer errors_table measures "
    "objects_table results",
    "gui.segment": "segment_form segment_runs segment_states segment_widget "
    "segment_work",
    "gui.train": "augmented_look checking curve loss_chart loss_plot "
    "next_button next_place train_again train_checks train_foot "
    "train_form train_monitor train_presses train_preview "
    "train_settings train_widget",
    "models": "card gui.classifiers model model_file thumbnail",
    "networks": "pixel_features",
    "reports": "augmented augmented_figures evaluation figures gallery inside "
    "inside_figures machine methods",
    "reports.contest": "contest contest.figures contest.plan contest.table "
    "contest.work",
    "scoring": "class_metrics comparison errors metrics runs",
    "segmentation": "blocks checks doubt estimate kept linking outputs prediction "
    "room segment_job segmentation series",
    "training": "augment baselines checkpoint crops gui.annotated intensities "
    "memory pixel_fitting preview recipe run start strokes "
    "training validation",
}
ROOM_OF = {
    ("gui." if room.startswith("gui.") else "") + name: room
    for room, names in ROOMS.items()
    for name in names.split()
}


def parts_of(module):
    """The parts of a module's place in the rooms to come."""
    module = module[:-1] if module[-1:] == ("__init__",) else module
    name = ".".join(module)
    moved = ROOM_OF.get(name)
    return (*moved.split("."), module[-1]) if moved else tuple(module)


def room(module):
    parts = parts_of(module)
    if parts and parts[0] == "contest":
        return "reports"
    if parts and len(parts) == 1 and parts[0] != "__main__" and parts[0] not in FLOORS:
        return "hall"
    return parts[0] if parts and parts[0] != "__main__" else "face"


def gui_room(module):
    return parts_of(module)[1] if len(parts_of(module)) > 2 else "hall"


def module_of(names):
    """The longest part of a dotted name that is a module of ours: its parts."""
    parts = list(names)
    while parts:
        place = FOLDER.joinpath(*parts)
        if place.with_suffix(".py").exists() or (place / "__init__.py").exists():
            break
        parts.pop()
    return tuple(parts)


def imported(node, package):
    """The modules of ours that an import statement names, as parts of their names."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        base = package[: len(package) + 1 - node.level] if node.level else ()
        start = ".".join([*base, *filter(None, [node.module])])
        names = [f"{start}.{alias.name}" for alias in node.names]
    else:
        return
    for name in names:
        first, *rest = name.split(".")
        if first == "napari_unet":
            yield module_of(rest)


def for_types(tree):
    """All that stands below ``if TYPE_CHECKING:``, which never runs."""
    blocks = (n for n in ast.walk(tree) if isinstance(n, ast.If))
    guarded = (b for b in blocks if "TYPE_CHECKING" in ast.unparse(b.test))
    return {id(n) for block in guarded for s in block.body for n in ast.walk(s)}


def imports(source, here):
    """All modules of ours that a file imports, at its head or inside a function."""
    tree = ast.parse(source)
    types, package = for_types(tree), ("napari_unet", *here[:-1])
    for node in ast.walk(tree):
        if id(node) not in types:
            yield from imported(node, package)


def goes_up(here, there):
    """Whether an import between two modules, given by their parts, leads upwards."""
    a, b = room(here), room(there)
    if a == "cli" and b == "gui":
        return there != ("gui", "open", "demo")
    if FLOORS.index(a) != FLOORS.index(b):
        return FLOORS.index(b) > FLOORS.index(a)
    if a != "gui":
        return False
    a, b = gui_room(here), gui_room(there)
    return GUI_FLOORS.index(b) > GUI_FLOORS.index(a) or (a, b) == ("train", "segment")


def upward(source, here):
    """The imports of a file that lead upwards, as dotted names."""
    return {".".join(t) for t in imports(source, here) if goes_up(here, t)}


# What is still to be cut, or moves with its definition.
KNOWN = {
    ("cli.__init__", ""),
    ("cli.demo", "gui.show"),
    ("gui.classifiers", "methods"),
    ("gui.right_views", "gui.inside_layers"),
    ("gui.segment_copy", "gui.segment_work"),
    ("gui.train_copy", "gui.pair_row"),
    ("gui.train_copy", "gui.segment_work"),
    ("methods", ""),
    ("outputs", ""),
    ("resampling", "model"),
    ("resampling", "prediction"),
}


def all_upward():
    for path in sorted(FOLDER.rglob("*.py")):
        here = path.relative_to(FOLDER).with_suffix("").parts
        for there in upward(path.read_text(encoding="utf-8"), here):
            yield ".".join(here), there


def test_imports_go_down_only():
    assert set(all_upward()) == KNOWN


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("samples", "from .training import train"),
        ("samples", "from . import training"),
        ("tiling", "from napari_unet import training"),
        ("words", "import napari_unet.gui.worker as worker"),
        ("words", "from .gui.worker import Job"),
        ("networks.base", "from ..model import Model"),
        ("networks.base", "def late():\n    from ..prediction import predict_maps"),
        ("readers", "class Late:\n    def f(self):\n        from .series import Frame"),
        ("gui.form", "from .layers import image_of"),
        ("gui.segment_runs", "from .train_widget import TrainWidget"),
    ],
)
def test_an_upward_import_is_noticed(module, line):
    here = tuple(module.split("."))
    source = FOLDER.joinpath(*here).with_suffix(".py").read_text(encoding="utf-8")
    assert not upward(source, here)
    assert len(upward(f"{source}\n{line}\n", here)) == 1
