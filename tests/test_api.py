"""The package's public face: names, and what importing them costs."""

import subprocess
import sys

import pytest

import napari_unet

HEAVY = ("torch", "qtpy", "napari", "magicgui", "dask", "matplotlib", "skimage")


def run_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_every_public_name_loads_and_is_listed():
    for name in napari_unet.__all__:
        assert getattr(napari_unet, name) is not None
        assert name in dir(napari_unet)
    assert {"Sample", "train", "segment", "evaluate", "Model", "drain"} <= set(
        napari_unet.__all__
    )


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        napari_unet.trian  # noqa: B018


def test_names_are_the_ones_of_their_modules():
    from napari_unet import events
    from napari_unet.data.samples import Sample

    assert napari_unet.Sample is Sample
    assert napari_unet.events is events
    assert napari_unet.drain is events.drain


def test_names_that_need_napari_are_there_but_listed_nowhere():
    code = "from napari_unet import *; import sys; print('napari' in sys.modules)"
    assert run_python(code) == "False"
    pytest.importorskip("napari")
    for name in ("image_of", "labels_of", "placement", "with_layer_axes"):
        assert name not in napari_unet.__all__
        assert callable(getattr(napari_unet, name))


def test_importing_the_package_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys, time; t = time.process_time(); import napari_unet; "
        "t = time.process_time() - t; "
        f"print(t, *[m for m in {(*HEAVY, 'numpy', 'pydantic')} if m in sys.modules])"
    )
    runs = [run_python(code).split() for _ in range(3)]
    assert min(float(seconds) for seconds, *_ in runs) < 0.2
    assert runs[0][1:] == []
