from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from npe2 import PluginManager, PluginManifest

import napari_unet.sample_data

ROOT = Path(__file__).parents[1]
MANIFEST = Path(napari_unet.sample_data.__file__).with_name("napari.yaml")


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
    for command in manifest.contributions.commands:
        assert command.id.startswith("napari-unet-live.")
        assert callable(plugins.commands.get(command.id))


def test_samples_open_through_their_commands(manifest, plugins):
    assert len(manifest.contributions.sample_data) == 4
    for sample in manifest.contributions.sample_data:
        layers = sample.open(_registry=plugins.commands)
        assert [kind for _, _, kind in layers] == ["image", "labels"]
