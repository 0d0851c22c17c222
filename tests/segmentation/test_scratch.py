"""Arrays larger than memory: in a temporary file, with the same results."""

import errno
import gc
import os
import shutil
from collections import namedtuple

import numpy as np
import pytest

from napari_unet.config import PredictConfig
from napari_unet.segmentation import scratch as module
from napari_unet.segmentation.scratch import scratch_array
from support.made import echo, segmented

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def little(monkeypatch, tmp_path):
    """Hardly any memory, and a folder for temporary files."""
    monkeypatch.setattr(module, "available_memory", lambda device: 4_000)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def test_small_arrays_stay_in_memory(little):
    found = scratch_array((10, 100), np.uint8)
    assert type(found) is np.ndarray and not found.any()


def test_large_arrays_are_in_a_file_that_goes_with_them(little, monkeypatch):
    made = []
    real = np.memmap
    monkeypatch.setattr(
        np,
        "memmap",
        lambda file, *rest, **more: (
            made.append(os.fstat(file.fileno())) or real(file, *rest, **more)
        ),
    )
    found = scratch_array((3, 50, 100), np.float32)
    assert made[0].st_size == 60_000
    assert not found.any() and found.shape == (3, 50, 100)
    found[1] = 7
    assert found.sum() == 7 * 5000
    del found
    gc.collect()
    assert list(little.iterdir()) == []


def test_a_full_disk_is_told_before_work_starts(little, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(9e9, 9e9, 1000))
    with pytest.raises(ValueError, match=r"cells: .* takes 0\.0 GB, more than memory"):
        scratch_array((3, 50, 100), np.float32, "cells: the network's output")


@pytest.mark.parametrize(
    ("number", "fits"), [(errno.ENOSPC, False), (errno.EOPNOTSUPP, True)]
)
def test_room_is_reserved_where_the_disk_can(little, monkeypatch, number, fits):
    def refuse(*_):
        raise OSError(number, "no")

    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    if fits:
        assert not scratch_array((3, 50, 100), np.float32).any()
    else:
        with pytest.raises(ValueError, match="more than memory"):
            scratch_array((3, 50, 100), np.float32)


@pytest.mark.parametrize("size", [None, 8.0])
def test_labels_are_the_same_from_a_file(crowd, monkeypatch, tmp_path, size):
    _, image, _ = crowd
    model = echo(object_size=13.0)
    config = PredictConfig(object_size=size)
    expected, _ = segmented(model, image, config)
    files = []
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(module, "available_memory", lambda device: 0)
    real = np.memmap
    monkeypatch.setattr(
        np,
        "memmap",
        lambda *rest, **more: files.append(real(*rest, **more)) or files[-1],
    )
    found, _ = segmented(model, image, config)
    assert len(files) == 1
    np.testing.assert_array_equal(found.labels, expected.labels)
