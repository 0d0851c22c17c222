"""What the machine has for training and segmenting."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import packages_distributions
from pathlib import Path

import psutil

from napari_unet.text import version

GIB = 2**30


def describe_machine() -> list[str]:
    """Tell what there is to compute with, and what keeps a GPU from being used.

    A line each: device, memory, cores, versions, and remedies where due.
    """
    import torch

    if torch.cuda.is_available():
        lines = [_gpu(i) for i in range(torch.cuda.device_count())]
    elif torch.backends.mps.is_available():
        lines = ["device: mps (Apple GPU)"]
    else:
        lines = ["device: cpu", *_why_no_gpu(torch.version.cuda)]
    lines.append(f"memory: {psutil.virtual_memory().total / GIB:.1f} GiB")
    lines.append(f"cores: {_cores()}, torch uses {torch.get_num_threads()}")
    lines.append(f"system: {platform.platform()}, Python {platform.python_version()}")
    names = ("napari-unet-live", "torch", "numpy", "napari")
    lines.append("versions: " + ", ".join(f"{n} {version(n)}" for n in names))
    lines += _namesake(packages_distributions().get("napari_unet", []))
    return lines


def _gpu(index: int) -> str:
    import torch

    found = torch.cuda.get_device_properties(index)
    return f"device: cuda:{index} ({found.name}, {found.total_memory / GIB:.1f} GiB)"


def _why_no_gpu(cuda: str | None) -> list[str]:
    """Say why torch does not use an NVIDIA GPU that is there."""
    driver = Path("/proc/driver/nvidia")
    if not (shutil.which("nvidia-smi") or driver.exists()):
        return []
    if cuda is None:
        return [
            "NVIDIA GPU found, torch has no CUDA: do "
            "`uv pip install --reinstall --torch-backend=auto torch`"
        ]
    return [
        f"NVIDIA GPU found, but torch (CUDA {cuda}) cannot use it: update the NVIDIA "
        "driver, or do `uv pip install --reinstall --torch-backend=auto torch`"
    ]


def _cores() -> int:
    # A container or a scheduler may allow fewer cores than there are.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _namesake(distributions: list[str]) -> list[str]:
    """Warn of the other project that installs the same import package."""
    if "napari-unet" not in {name.lower().replace("_", "-") for name in distributions}:
        return []
    return [
        "napari-unet, another project with the same import name, is installed, too: "
        "uninstall it, then install napari-unet-live again"
    ]
