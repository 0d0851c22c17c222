"""The manifest: what npe2's own validation does not look at."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from npe2 import PluginManager, PluginManifest

import napari_unet
from napari_unet.decoding.bioformats import PLUGINS

ROOT = Path(__file__).parents[1]
MANIFEST = Path(napari_unet.__file__).with_name("napari.yaml")
BUNDLED = ["nuclei_2d", "nuclei_3d", "timelapse", "tissue"]
DOWNLOADED = ["dsb2018_fluorescence", "dsb2018_all_kinds"]


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(MANIFEST)


@pytest.fixture(scope="module")
def plugins(manifest: PluginManifest) -> PluginManager:
    manager = PluginManager()
    manager.register(manifest)
    manager.activate(manifest.name)
    return manager


def commands_in(part: Any) -> Iterator[str]:
    """All values of keys called `command`, at any depth."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "command" and value is not None:
                yield value
            yield from commands_in(value)
    elif isinstance(part, list):
        for value in part:
            yield from commands_in(value)


def test_names(manifest):
    assert manifest.name == "napari-unet-live"
    assert manifest.display_name == "U-Net"
    assert {"Segmentation", "Image Processing", "Dataset"} <= set(manifest.categories)


def test_entry_point_leads_to_the_manifest():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    entry = project["entry-points"]["napari.manifest"]
    assert entry == {project["name"]: "napari_unet:napari.yaml"}
    assert project["name"] == "napari-unet-live"


def test_every_command_exists_and_is_used(manifest):
    contributions = manifest.contributions.model_dump()
    defined = [c["id"] for c in contributions["commands"]]
    assert len(set(defined)) == len(defined)
    assert set(commands_in(contributions)) == set(defined)


def test_every_command_resolves(manifest, plugins):
    pytest.importorskip("napari")
    for command in manifest.contributions.commands:
        assert command.id.startswith("napari-unet-live.")
        assert callable(plugins.commands.get(command.id))


def test_the_docks_are_called_as_code_calls_them(manifest):
    names = [w.display_name for w in manifest.contributions.widgets]
    assert names == ["Train", "Segment"]


def test_menus_are_napari_s_or_ours_and_declared(manifest):
    menus = pytest.importorskip("napari._app_model.constants._menus")
    declared = {s.id for s in manifest.contributions.submenus}
    used = set()
    for menu, items in manifest.contributions.menus.items():
        assert menu in menus.MenuId.contributables() or menu in declared
        for item in items:
            used |= {item.submenu} if hasattr(item, "submenu") else set()
    assert used == declared == {"napari-unet-live/unet"}


def test_titles_are_verbs(manifest):
    first = {c.title.split()[0] for c in manifest.contributions.commands}
    assert first == {"Train", "Segment", "Open", "Download"}


def test_only_files_that_nobody_else_reads_are_claimed(manifest):
    (reader,) = manifest.contributions.readers
    ours = {"*.ome.tif", "*.ome.tiff", "*.unetmodel"}
    assert set(reader.filename_patterns) == ours | {f"*{suffix}" for suffix in PLUGINS}
    assert not reader.accepts_directories


def test_bundled_samples_open_through_their_commands(manifest, plugins):
    samples = {s.key: s for s in manifest.contributions.sample_data}
    assert list(samples) == [*BUNDLED, "immunohistochemistry", *DOWNLOADED]
    for key in BUNDLED:
        layers = samples[key].open(_registry=plugins.commands)
        assert [kind for _, _, kind in layers] == ["image", "labels"]


def test_downloads_say_so_and_how_large_they_are(manifest):
    pytest.importorskip("platformdirs")
    from napari_unet.files.downloads import ARCHIVES

    commands = {c.id: c.title for c in manifest.contributions.commands}
    samples = {s.key: s.display_name for s in manifest.contributions.sample_data}
    for key, archive in zip(DOWNLOADED, ARCHIVES.values(), strict=True):
        size = f"{archive.megabytes:.0f} MB"
        assert samples[key] == f"{archive.title} (download, {size})"
        command = key.replace("dsb2018", "napari-unet-live.download")
        assert commands[command] == f"Download {archive.title[0].lower()}" + (
            f"{archive.title[1:]} ({size})"
        )


def test_configurations_are_the_preferences(manifest):
    pytest.importorskip("platformdirs")
    from napari_unet.gui.preferences import Preferences

    (key,) = manifest.contributions.configurations
    page = manifest.contributions.configurations[key]
    assert key == "unet"
    fields = [field.name for field in dataclasses.fields(Preferences)]
    assert list(page.properties) == fields
    assert {k: p.default for k, p in page.properties.items()} == {
        "device": "auto",
        "model_folder": "",
        "memory": 0,
    }
    assert all(p.description for p in page.properties.values())
    where = page.properties["model_folder"].description.replace("\\", "/")
    assert where.count("/".join(Preferences.model_folder.parts[-2:])) == 3


def test_preferences_are_read_from_napari(manifest, request, tmp_path):
    settings = pytest.importorskip("napari.settings")
    request.getfixturevalue("plugin_settings")  # a folder of the test's own
    request.getfixturevalue("npe2pm").register(manifest)
    from napari_unet.gui.preferences import PLUGIN, Preferences, preferences

    page = settings.get_plugin_settings()[PLUGIN].unet
    assert preferences() == Preferences()
    page.device = "cpu"
    page.model_folder = f" {tmp_path} "
    page.memory = 1.5
    assert preferences() == Preferences("cpu", tmp_path, 1.5)
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        page.memory = -1
