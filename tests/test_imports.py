"""The core runs without Qt, napari and dask, and options load without torch."""

import ast
import pkgutil
from pathlib import Path

import pytest

import napari_unet
from support.fresh import loaded_after

GUI = (
    "napari",
    "qtpy",
    "superqt",
    "magicgui",
    "pyqtgraph",
    "dask",
    "zarr",
    "matplotlib.pyplot",
)
# The plugin's folder, and what only `python -m` calls.
NOT_CORE = ("gui", "__main__")

FOLDER = Path(napari_unet.__file__).parent
# From the ground up. A room imports from itself and from rooms before it.
FLOORS = (
    "hall config scoring networks formulations data decoding files measures models "
    "segmentation training reports gui cli face"
).split()
# The same within gui/; the two docks know nothing of each other.
GUI_FLOORS = (
    "hall parts layers correct copy_as pickers pairs results inside open keep segment "
    "train"
).split()


def core():
    folder = Path(napari_unet.__file__).parent
    found = [m.name for m in pkgutil.walk_packages([str(folder)], "napari_unet.")]
    return [n for n in found if n.split(".")[1] not in NOT_CORE]


def test_the_core_needs_no_gui_and_no_dask():
    names = core()
    assert {"napari_unet.training.loop", "napari_unet.models.model"} <= set(names)
    assert not loaded_after("import " + ", ".join(names)) & set(GUI)


@pytest.mark.parametrize(
    "module", ["napari_unet", "napari_unet.config", "napari_unet.events"]
)
def test_what_loads_at_once_loads_no_torch(module):
    loaded = loaded_after(f"import {module}")
    assert not loaded & {*GUI, "torch", "skimage", "scipy", "matplotlib"}


@pytest.mark.parametrize("dock", ["segment", "train"])
def test_a_dock_that_opens_loads_nothing_heavy(dock):
    loaded = loaded_after(f"import napari_unet.gui.{dock}.dock")
    assert not loaded & {"torch", "sklearn", "pyqtgraph", "matplotlib.pyplot"}


def room(module):
    """The room of a module, given by the parts of its name; of the face, none."""
    if not module or module[0] in ("__init__", "__main__"):
        return "face"
    return module[0] if module[0] in FLOORS else "hall"


def gui_room(module):
    return module[1] if len(module) > 1 and module[1] in GUI_FLOORS else "hall"


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


def all_upward():
    for path in sorted(FOLDER.rglob("*.py")):
        here = path.relative_to(FOLDER).with_suffix("").parts
        for there in upward(path.read_text(encoding="utf-8"), here):
            yield ".".join(here), there


def test_imports_go_down_only():
    assert not set(all_upward())


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("data.samples", "from ..training.loop import train"),
        ("data.samples", "from .. import training"),
        ("boxes", "from napari_unet.training import loop"),
        ("text", "import napari_unet.gui.worker as worker"),
        ("text", "from napari_unet.gui.worker import Job"),
        ("networks.base", "from napari_unet.models.model import Model"),
        ("networks.base", "def late():\n    from ..segmentation import prediction"),
        ("files.readers", "class A:\n    def f(self):\n        import napari_unet"),
        ("gui.parts.form", "from napari_unet.gui.layers.images import image_of"),
        ("gui.segment.runs", "from ..train.dock import TrainWidget"),
    ],
)
def test_an_upward_import_is_noticed(module, line):
    here = tuple(module.split("."))
    source = FOLDER.joinpath(*here).with_suffix(".py").read_text(encoding="utf-8")
    assert not upward(source, here)
    assert len(upward(f"{source}\n{line}\n", here)) == 1


def test_rooms_are_small_and_say_what_they_are_for():
    for folder in [FOLDER, *(p.parent for p in FOLDER.rglob("__init__.py"))]:
        modules = [p for p in folder.glob("*.py") if p.stem not in ("__init__",)]
        assert len(modules) <= 16, f"{folder.name} holds {len(modules)} modules"
        face = (folder / "__init__.py").read_text(encoding="utf-8")
        assert len(ast.get_docstring(ast.parse(face)) or "") >= 10, folder
