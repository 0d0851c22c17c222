"""The file of a model: where it is, what its header says, whether its weights fit."""

from __future__ import annotations

import errno
import functools
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors

from napari_unet.atomic import open_regular, reason
from napari_unet.config import ModelConfig, checked
from napari_unet.config.model import CLASSIFIER_NAMES
from napari_unet.models.archives import ARCHIVE_ERRORS, unpacked
from napari_unet.models.schema import Header, check

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
THUMBNAIL = "thumbnail.png"
REHEARSAL = "rehearsal.npz"
SUFFIX = ".unetmodel"
BUILT_IN = Path(__file__).parent
HEADER = "napari_unet"
# What an archive may unpack to: four times the U-Net of the papers, of 64 features, the
# largest that people share. A folder may hold more.
MOST_BYTES, MOST_IN_FOLDER, MOST_CONFIG = 2**29, 2**32, 2**24
# What comes with a model: it works without.
EXTRAS = {THUMBNAIL: 2**20, REHEARSAL: 2**22}

FORMAT = 1
"""Format number of the model file; :func:`migrate` reads older ones."""


def migrate(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return a header of any older format as one of today's."""
    number = header.get("format")
    if not isinstance(number, int) or number < 1:
        raise ValueError(
            f"format {str(number)[:50]!r} is not a model format of napari-unet-live"
        )
    if number > FORMAT:
        raise ValueError(
            f"format {number} is newer than this version reads ({FORMAT}); "
            "update napari-unet-live"
        )
    return dict(header)


def find_model(path: str | Path) -> Path:
    """Return the folder or file that a path or a built-in name stands for."""
    where = Path(path)
    built_in = BUILT_IN / str(path)
    named = len(where.parts) == 1 and (built_in / WEIGHTS).is_file()
    # Data may be called as the model is: `nuclei`.
    if named and not (where / WEIGHTS).is_file():
        return built_in
    if where.exists():
        return where
    names = sorted(p.parent.name for p in BUILT_IN.glob(f"*/{WEIGHTS}"))
    known = f"; built in: {', '.join(names)}" if names else ""
    raise ValueError(
        f"{path}: there is no such model; give the folder that training wrote, or a "
        f"{SUFFIX} file{known}"
    )


def read_weights(where: Path) -> bytes:
    """Return the bytes of the model file, from a folder or an archive."""
    try:
        if where.is_dir() or where.suffix == ".safetensors":
            return _whole(where / WEIGHTS if where.is_dir() else where)
        return unpacked(where, WEIGHTS, MOST_BYTES)
    except FileNotFoundError:
        raise ValueError(
            f"{where}: {WEIGHTS} is missing, so this is not a model folder; give "
            "the folder that training wrote"
        ) from None
    except OSError as error:
        raise ValueError(
            f"{where}: the model cannot be read ({reason(error)}); check the path"
        ) from error
    except ARCHIVE_ERRORS as error:
        raise ValueError(
            f"{where}: this is not a model file ({reason(error)}); give a {SUFFIX} "
            "file or a model folder"
        ) from None


def read_extra(where: Path, name: str) -> bytes | None:
    """Return the picture or the crops of a model, from a folder or an archive.

    None where there are none, or they cannot be read: the model works without.
    """
    try:
        if where.is_dir():
            return _small(where / name, EXTRAS[name])
        if where.suffix == ".safetensors":
            return None
        return unpacked(where, name, EXTRAS[name])
    except (OSError, *ARCHIVE_ERRORS):
        return None


def _whole(path: Path) -> bytes:
    """Return the bytes of a model's file; of one that is none only the beginning."""
    with open_regular(path) as file:
        length = file.read(8)
        if int.from_bytes(length, "little") > MOST_CONFIG:
            return length
        size = file.seek(0, io.SEEK_END)
        if size > MOST_IN_FOLDER:
            raise OSError(errno.EFBIG, f"it is larger than {MOST_IN_FOLDER >> 30} GiB")
        file.seek(0)
        return file.read()


def _small(path: Path, most: int) -> bytes:
    """Return the bytes of a file, an OSError if there are more than that."""
    with open_regular(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes")
    return data


def read_header(data: bytes, name: str) -> dict[str, Any]:
    """Return the header of a file of ours: a format number and what belongs to it.

    `data` is that of a safetensors file. A ValueError, which calls it `name`, if it is
    truncated, not of this project, or of a newer format.
    """
    stream = io.BytesIO(data)
    length = int.from_bytes(stream.read(8), "little")
    try:
        if length > len(data):
            raise ValueError("truncated")
        header = json.loads(json.loads(stream.read(length))["__metadata__"][HEADER])
        if not isinstance(header, dict):
            raise TypeError("no header")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(
            f"{name}: {WEIGHTS} is truncated or not a model of napari-unet-live; copy "
            "it again, or train the model anew"
        ) from None
    try:
        return migrate(header)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def contents(
    header: Mapping[str, Any],
) -> tuple[ModelConfig, dict[str, float], dict[str, Any]]:
    """Return config, thresholds and card of a header, or raise a ValueError."""
    if not all(isinstance(header.get(k), dict) for k in Header.model_fields):
        raise ValueError(
            f"{WEIGHTS} holds no config, thresholds and card, so it is not a model; "
            "give the folder that training wrote"
        )
    check(Header, header)
    config = checked(ModelConfig, header["config"])
    return config, header["thresholds"], header["card"]


def read_tensors(
    data: bytes, expected: Mapping[str, Tensor], name: str, *, trees: bool = False
) -> dict[str, Tensor]:
    """Return the tensors of a file, floats as float32.

    `trees`: of a pixel classifier, whose leaves have infinite thresholds.

    A ValueError, which calls it `name`, if the safetensors `data` are damaged, or have
    not the names, shapes and kinds of those `expected`.
    """
    from safetensors.torch import load

    try:
        found = load(data)
    except (safetensors.SafetensorError, KeyError) as error:
        raise ValueError(
            f"{name}: {WEIGHTS} is damaged ({reason(error)}); copy it again, or train "
            "the model anew"
        ) from None
    misfit = _misfit(expected, found, trees)
    if misfit:
        raise ValueError(f"{name}: the weights do not fit the config: {misfit}")
    return {k: v.float() if v.is_floating_point() else v for k, v in found.items()}


def _misfit(
    expected: Mapping[str, Tensor], found: Mapping[str, Tensor], trees: bool
) -> str:
    """Return what of the tensors does not fit, or nothing."""
    for key in sorted(expected.keys() - found.keys()):
        return f"{key} is missing"
    for key in sorted(found.keys() - expected.keys()):
        return f"{key} is foreign"
    for key, tensor in expected.items():
        shape, wanted = tuple(found[key].shape), tuple(tensor.shape)
        if shape != wanted:
            return f"{key} has shape {shape}, expected {wanted}"
        if found[key].is_floating_point() != tensor.is_floating_point():
            return f"{key} holds {found[key].dtype}, expected {tensor.dtype}"
        if bool((found[key].isnan() if trees else ~found[key].isfinite()).any()):
            return f"{key} holds NaN or infinite values; copy it again, or train anew"
    return ""


def config_of(path: str | Path) -> ModelConfig | None:
    """Return what a model is, as the text beside its weights says; None: not known."""
    where = Path(path)
    file = where / CONFIG if where.is_dir() else where
    try:
        return _config_in(file, file.stat().st_mtime_ns)
    except OSError:
        return None


def classifier_of(path: str | Path) -> str | None:
    """Return which pixel classifier a model is; None: a network, or not known."""
    config = config_of(path)
    if config is None or config.network not in CLASSIFIER_NAMES:
        return None
    return config.network


@functools.lru_cache(maxsize=256)
def _config_in(file: Path, changed: int) -> ModelConfig | None:
    """Return the config in a text, or in one in an archive; None: there is none."""
    del changed  # the time: another model may lie there later
    try:
        if file.name == CONFIG:
            text = _small(file, MOST_CONFIG)
        else:
            text = unpacked(file, CONFIG, MOST_CONFIG)
        return checked(ModelConfig, migrate(json.loads(text))["config"])
    except (OSError, AttributeError, *ARCHIVE_ERRORS):
        return None
