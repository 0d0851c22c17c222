"""Where and in which number format to compute."""

from __future__ import annotations

import psutil
import torch

DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of that name; auto is cuda, else mps, else cpu."""
    cuda = torch.cuda.is_available()
    mps = torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    kind, _, number = name.partition(":")
    if kind not in {"cpu", "cuda", "mps"} or not (number or "0").isdigit():
        raise ValueError(f"device {name!r} is not known; choose auto, cpu, cuda or mps")
    if (kind == "cuda" and not cuda) or (kind == "mps" and not mps):
        raise ValueError(
            f"device {name!r} is not there (torch {torch.__version__}); choose auto or "
            "cpu, or see what `napari-unet doctor` says"
        )
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device {name!r} is not there, {torch.cuda.device_count()} found; "
            "choose a lower number"
        )
    return torch.device(name)


def pick_dtype(
    device: torch.device, precision: str = "auto", training: bool = False
) -> torch.dtype:
    """Return the number format inside the network.

    ``auto`` takes 16 bits only where the hardware multiplies them faster: GPUs with
    tensor cores, and CPUs with AMX (2.5 times in training, 2.1 times in prediction, as
    measured on a U-Net of width 16); without such units bfloat16 is 3 to 5 times
    slower.
    """
    if training and precision == "float16":
        raise ValueError(
            "precision float16 lets small gradients vanish in training; choose "
            "bfloat16 or auto"
        )
    if precision != "auto":
        return DTYPES[precision]
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        if capability >= (8, 0):
            return torch.bfloat16
        # float16 gradients underflow without loss scaling, so only to predict.
        return torch.float16 if capability >= (7, 0) and not training else torch.float32
    if device.type == "cpu" and _has_amx():
        return torch.bfloat16
    return torch.float32


def _has_amx() -> bool:
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out, on whichever device."""
    text = str(error).lower()
    return (
        isinstance(error, (torch.OutOfMemoryError, MemoryError))
        or "out of memory" in text
        or "can't allocate memory" in text
        or "not enough memory" in text
    )


def free_memory(device: torch.device) -> None:
    """Give unused memory back, so that a smaller try can succeed."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def available_memory(device: torch.device) -> int:
    """Return a cautious guess at the bytes that are free on the device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
