"""ND2, LIF and CZI files through bioio, which the extra ``bioio`` installs."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.decoding.axes import Raw
from napari_unet.decoding.series import Entry, choose

# bioio logs a broken file besides the error that we raise.
logging.getLogger("bioio").addHandler(logging.NullHandler())

PLUGINS = {".nd2": "bioio_nd2", ".lif": "bioio_lif", ".czi": "bioio_czi"}
"""The module that reads each kind of file."""

# bioio-czi is under the GPL-3, so it stands in an extra of its own.
EXTRAS = {".nd2": "bioio", ".lif": "bioio", ".czi": "bioio,czi"}


def check_installed(path: Path) -> None:
    """Raise a ValueError with the line that installs what reads this kind of file."""
    suffix = path.suffix.lower()
    try:
        _modules(suffix)
    except ImportError as error:
        extras = EXTRAS[suffix]
        several = "extras" if "," in extras else "extra"
        raise ValueError(
            f"{path}: reading {suffix} needs the {several} {extras} ({error}); install "
            f'from a checkout of napari-unet-live: pip install -e ".[{extras}]"'
        ) from None


def read_bioio(path: Path, series: str | None = None) -> Iterator[Raw]:
    """Read scenes of a file at full resolution, one after the other.

    series : which, as for :func:`napari_unet.decoding.series.choose`

    A ValueError if bioio cannot read it; errors of the decoders below pass through.
    """
    image = _open(path)
    scenes = [str(scene) for scene in image.scenes]
    several = len(scenes) > 1
    entries = [_entry(image, s) if several else Entry(s, ()) for s in scenes]
    chosen, note = choose(entries, series)
    if not chosen:
        raise ValueError("it holds no image")
    apart = several and (len(chosen) > 1 or series is not None)
    for number in chosen:
        if several:
            image.set_scene(scenes[number])
        yield replace(
            _scene(image),
            notes=(note,) if note else (),
            number=number if apart else None,
            several=len(chosen),
        )


def _entry(image: Any, scene: str) -> Entry:
    image.set_scene(scene)
    sizes = {a: int(getattr(image.dims, a, 1)) for a in str(image.dims.order)}
    samples = sizes.pop("S", 0)
    return Entry(scene, tuple(sizes.values()), (str(image.dtype), samples))


def _scene(image: Any) -> Raw:
    array, axes = np.asarray(image.data), str(image.dims.order)
    sizes = dict(zip(axes, array.shape, strict=True))
    if sizes.get("M", 1) > 1:
        raise ValueError(f"its {sizes['M']} tiles are not stitched")
    rgb = sizes.get("S", 0) in (3, 4) and sizes.get("C", 1) == 1
    if rgb:
        array = array.take(range(3), axis=axes.index("S"))  # without alpha
    # Without a calibration some readers say None, some 0.
    sizes_um = image.physical_pixel_sizes
    spacing = {a: float(getattr(sizes_um, a) or 0) for a in "ZYX"}
    names = tuple(str(name) for name in image.channel_names or ())
    made_up = all(name.startswith("Channel:") for name in names)
    return Raw(
        array,
        axes,
        {axis: um for axis, um in spacing.items() if 0 < um < np.inf},
        rgb,
        () if made_up else names,
    )


def frame_seconds(path: Path) -> float | None:
    """Return the seconds between two time points; None where not known."""
    interval = _open(path).time_interval
    return interval.total_seconds() or None if interval is not None else None


def _open(path: Path) -> Any:
    bioio, plugin = _modules(path.suffix.lower())
    from bioio_base.exceptions import UnsupportedFileFormatError

    try:
        return bioio.BioImage(path, reader=plugin.Reader)
    except UnsupportedFileFormatError as error:
        # It names the path twice, and each reader that it tried.
        raise ValueError(str(error).rpartition(f"{path}'. ")[2]) from error


def _modules(suffix: str) -> tuple[Any, Any]:
    return importlib.import_module("bioio"), importlib.import_module(PLUGINS[suffix])
