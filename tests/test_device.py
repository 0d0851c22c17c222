"""Devices and number formats: what is picked, and what is told otherwise."""

import psutil
import pytest
import torch

from napari_unet import device
from napari_unet.device import is_out_of_memory, pick_device, pick_dtype

CPU = torch.device("cpu")


def test_auto_takes_the_best_there_is(monkeypatch):
    for cuda, mps, expected in (
        (True, True, "cuda"),
        (False, True, "mps"),
        (False, False, "cpu"),
    ):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=cuda: there)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda there=mps: there)
        assert pick_device("auto").type == expected


@pytest.mark.parametrize("name", ["tpu", "cuda:x", "", "CPU", "gpu"])
def test_unknown_devices_are_refused(name):
    with pytest.raises(ValueError, match="is not known; choose auto, cpu, cuda or mps"):
        pick_device(name)


def test_devices_that_are_not_there_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="'cuda' is not there .*doctor"):
        pick_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ValueError, match="'cuda:2' is not there, 2 found"):
        pick_device("cuda:2")


def test_16_bits_only_where_the_hardware_gains_by_it(monkeypatch):
    monkeypatch.setattr(device, "_has_amx", lambda: False)
    assert pick_dtype(CPU) == torch.float32
    assert pick_dtype(CPU, "bfloat16") == torch.bfloat16
    monkeypatch.setattr(device, "_has_amx", lambda: True)
    assert pick_dtype(CPU) == torch.bfloat16
    assert pick_dtype(CPU, "float32") == torch.float32
    cuda = torch.device("cuda")
    for capability, predicting, training in (
        ((9, 0), torch.bfloat16, torch.bfloat16),
        ((7, 5), torch.float16, torch.float32),
        ((6, 1), torch.float32, torch.float32),
    ):
        monkeypatch.setattr(
            torch.cuda, "get_device_capability", lambda _, c=capability: c
        )
        assert pick_dtype(cuda) == predicting
        assert pick_dtype(cuda, training=True) == training


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("no"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("not enough memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
    ],
)
def test_out_of_memory_is_told_from_other_errors(error, expected):
    assert is_out_of_memory(error) == expected


def test_memory_is_told_in_bytes():
    assert 2**20 < device.available_memory(CPU) <= psutil.virtual_memory().total
