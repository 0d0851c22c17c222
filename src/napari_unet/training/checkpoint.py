"""What a run needs to go on: weights, averaged weights, optimiser, counters.

Stored as safetensors with JSON in its header, so that reading it runs no code.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import nn

from napari_unet.atomic import atomic, make_folder, open_regular, reason
from napari_unet.data.samples import Sample
from napari_unet.events import EpochEnd, LabelUpdate
from napari_unet.files.writers import write_table
from napari_unet.models.archives import ARCHIVE_ERRORS, check_archive
from napari_unet.models.schema import State, check
from napari_unet.models.store import REHEARSAL, read_header

STATE = "state.safetensors"
RUN = "run"
HISTORY = "history.csv"
MOST_PAINTED = 2**34
COLUMNS = ("epoch", "step", "seconds", "loss", "validation_loss", "score", "best")


@dataclass
class Counters:
    """Where a run stands. `history` has one row per epoch.

    total : steps at which a run of some minutes ends, once that is known
    painted : whether labels came while it ran
    knew : quality of the model to start from on what was annotated
    """

    step: int = 0
    total: int | None = None
    painted: bool = False
    knew: float | None = None
    epoch: int = 0
    seconds: float = 0.0
    best: float | None = None
    stale: int = 0
    thresholds: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


def save_state(
    folder: Path,
    counters: Counters,
    config: Mapping[str, Any],
    data: Sequence[Mapping[str, Any]],
    networks: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    painted: Sequence[Sample] = (),
) -> None:
    """Write ``run/state.safetensors`` in one step, and ``history.csv``.

    painted : samples whose labels changed since the start
    """
    tensors = {
        f"{name}.{key}": tensor
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": value for key, value in state.items()}
    tensors = {key: t.detach().cpu().contiguous().clone() for key, t in tensors.items()}
    name = f"painted-{counters.step}.npz" if painted else None
    header = {
        "format": 1,
        "counters": asdict(counters),
        "train": dict(config),
        "data": list(data),
        "painted": name,
    }
    run = make_folder(folder / RUN)
    if name:  # first, so that a state never misses its labels
        _write_painted(run / name, painted)
    content = safetensors.torch.save(tensors, {"napari_unet": json.dumps(header)})
    with atomic(run / STATE) as temporary:
        temporary.write_bytes(content)
    for old in run.glob("painted-*.npz"):
        if old.name != name:
            old.unlink(missing_ok=True)
    write_history(folder, counters.history)


def _write_painted(path: Path, samples: Sequence[Sample]) -> None:
    arrays = {"names": np.array([sample.name for sample in samples])}
    for index, sample in enumerate(samples):
        arrays[f"labels{index}"] = sample.labels
        if sample.mask is not None:
            arrays[f"mask{index}"] = sample.mask
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    with atomic(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def read_painted(folder: Path, header: Mapping[str, Any]) -> list[LabelUpdate]:
    """Return what was painted while a run learnt; a ValueError if that is damaged."""
    if not header.get("painted"):
        return []
    path = folder / RUN / str(header["painted"])
    try:
        with open_regular(path) as file:
            check_archive(file, MOST_PAINTED)
            file.seek(0)
            with np.load(file, allow_pickle=False) as stored:
                return list(_updates(dict(stored)))
    except (OSError, SyntaxError, *ARCHIVE_ERRORS) as error:
        raise ValueError(damaged(path, error)) from None


def _updates(arrays: Mapping[str, np.ndarray]) -> Iterator[LabelUpdate]:
    for index, name in enumerate(arrays["names"]):
        labels, mask = arrays[f"labels{index}"], arrays.get(f"mask{index}")
        if labels.dtype.kind not in "iu" or (
            mask is not None and (mask.dtype != bool or mask.shape != labels.shape)
        ):
            raise ValueError(f"{name} has no labels")
        box = tuple(slice(0, n) for n in labels.shape)
        yield LabelUpdate(str(name), box, labels, mask)


def damaged(path: Path, error: BaseException) -> str:
    """Return what is said of a run that cannot be read."""
    return (
        f"{path} is damaged ({reason(error)}); train without --resume, or from --init"
    )


def history_row(end: EpochEnd) -> dict[str, Any]:
    """Return what ``history.csv`` says of a validation."""
    row: dict[str, Any] = {
        "epoch": end.epoch,
        "step": end.step,
        "seconds": round(end.seconds, 1),
    }
    for name in ("loss", "validation_loss", "score"):
        value = getattr(end, name)
        row[name] = "" if value is None else round(value, 5)
    figures = {name: round(value, 5) for name, value in end.metrics.items()}
    return {**row, "best": int(end.best), **figures}


def write_history(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write ``history.csv``: one row per epoch, all figures."""
    names = [*COLUMNS, *dict.fromkeys(k for r in rows for k in r if k not in COLUMNS)]
    write_table(folder / HISTORY, names, rows)


def has_state(folder: Path) -> bool:
    """Return whether there is a run to resume."""
    return (folder / RUN / STATE).is_file()


def read_history(folder: Path) -> list[dict[str, str]]:
    """Read ``history.csv``, a row per epoch; empty where a figure was not known."""
    with open(folder / HISTORY, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_state(folder: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return the header and the tensors of a run; a ValueError if it is damaged."""
    path = folder / RUN / STATE
    try:
        with open_regular(path) as file:
            data = file.read()
    except OSError as error:
        raise ValueError(damaged(path, error)) from None
    header = read_header(data, str(path))
    try:
        check(State, header)
        tensors = safetensors.torch.load(data)
        for name, tensor in tensors.items():
            if not bool(tensor.isfinite().all()):
                raise ValueError(f"{name} holds NaN or infinite values")
    except (ValueError, KeyError, safetensors.SafetensorError) as error:
        raise ValueError(damaged(path, error)) from None
    return header, tensors


def write_rehearsal(folder: Path, crops: bytes) -> None:
    """Keep the crops that a run rehearses."""
    with atomic(make_folder(folder / RUN) / REHEARSAL) as temporary:
        temporary.write_bytes(crops)


def read_rehearsal(folder: Path) -> bytes | None:
    """Return the crops that a run rehearses, if any."""
    path = folder / RUN / REHEARSAL
    return path.read_bytes() if path.exists() else None


def restore(
    tensors: Mapping[str, torch.Tensor],
    networks: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
) -> None:
    """Put the tensors of :func:`read_state` back."""
    for name, network in networks.items():
        network.load_state_dict(_below(tensors, f"{name}."))
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in _below(tensors, "optimizer.").items():
        index, _, part = key.partition(".")
        like = parameters[int(index)]
        if tensor.shape == like.shape:
            # The fused optimiser reads memory in order: the layouts must be the same.
            tensor = torch.empty_like(like, device=tensor.device).copy_(tensor)
        state.setdefault(int(index), {})[part] = tensor
    _check_state(state, parameters)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _check_state(
    state: Mapping[int, Mapping[str, torch.Tensor]], parameters: Sequence[torch.Tensor]
) -> None:
    """Raise a ValueError unless the optimiser has all that it needs, or nothing."""
    for index, like in enumerate(parameters if state else ()):
        found = {name: t.shape for name, t in state.get(index, {}).items()}
        needed = dict.fromkeys(("exp_avg", "exp_avg_sq"), like.shape)
        if found != {"step": torch.Size(), **needed}:
            raise ValueError(f"the optimiser lacks what it knew of tensor {index}")


def _below(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        key.removeprefix(prefix): tensor
        for key, tensor in tensors.items()
        if key.startswith(prefix)
    }


def clean(folder: Path) -> None:
    """Remove half-written files that a killed run left behind."""
    for place in (folder, folder / RUN):
        for path in place.glob(".*.part*"):
            path.unlink(missing_ok=True)
