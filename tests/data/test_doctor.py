"""The doctor: each illness is found, named and given its remedy; health is not."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from napari_unet.data.disconnected import split_parts
from napari_unet.data.doctor import Finding, check, raise_errors
from napari_unet.data.samples import Sample
from napari_unet.events import drain
from napari_unet.files.datasets import find_pairs, load_samples
from napari_unet.reports import machine

RNG = np.random.default_rng(0)


def sample(name="a", labels=None, image=None, ndim=2) -> Sample:
    if labels is None:
        labels = np.zeros((40,) * ndim, np.uint16)
        labels[..., 2:12, 2:12], labels[..., 20:30, 12:22] = 1, 2
    if image is None:
        image = RNG.integers(0, 255, (1, *labels.shape), dtype=np.uint8)
    return Sample(image, labels, name=name)


def errors(samples, formulation="instances", **options) -> list[str]:
    found = check(samples, formulation=formulation, **options)
    return [str(f) for f in found if f.severity == "error"]


def warnings(samples, formulation="instances") -> list[str]:
    found = check(samples, formulation=formulation)
    return [str(f) for f in found if f.severity == "warning"]


def two_squares(first, second, dtype=np.uint16) -> np.ndarray:
    labels = np.zeros((40, 40), dtype)
    labels[2:12, 2:12], labels[20:30, 12:22] = first, second
    return labels


@pytest.mark.parametrize("formulation", ["instances", "semantic"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_healthy_data_have_no_findings(formulation, ndim):
    samples = [sample("a", ndim=ndim), sample("b", ndim=ndim)]
    assert check(samples, formulation=formulation) == []
    assert check([], formulation=formulation) == []


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (two_squares(1, 0.5, np.float32), "100 of 1600 values are not whole"),
        (two_squares(1, np.nan, np.float64), "100 of 1600 values are not whole"),
        (two_squares(1, -3, np.int32), "a: the labels run from -3 to 1"),
        (two_squares(0, 0), "a: the labels are empty; annotate"),
    ],
)
@pytest.mark.parametrize("formulation", ["instances", "semantic"])
def test_labels_that_are_none(labels, words, formulation):
    (error,) = errors([sample(labels=labels)], formulation)
    assert words in error


def test_whole_floats_are_labels():
    given = sample(labels=two_squares(1, 2, np.float32))
    assert (
        given.labels.dtype == np.int32 and check([given], formulation="instances") == []
    )


def test_an_empty_image_among_others_is_legal():
    empty = sample("empty", two_squares(0, 0))
    assert errors([empty, sample()]) == []
    assert errors([empty, empty]) == [
        "all 2 images: the labels are empty; annotate some objects"
    ]


@pytest.mark.parametrize("value", [1, 255])
def test_binary_labels_are_for_semantic_models_only(value):
    binary = [sample(labels=two_squares(value, value))]
    (error,) = errors(binary)
    assert f"binary: 2 separate objects are all {value}" in error
    assert "label" in error and "semantic" in error
    assert errors(binary, "semantic") == []


def test_bool_labels_are_binary():
    (error,) = errors([sample(labels=two_squares(True, True, bool))])
    assert "binary" in error


def test_one_object_is_not_binary():
    speck = two_squares(7, 0)
    speck[35, 35] = 7
    for labels in (two_squares(7, 0), speck, np.full((40, 40), 3)):
        assert check([sample(labels=labels)], formulation="instances") == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers(value):
    image = RNG.random((1, 40, 40), np.float32)
    image[0, :3, 0] = value
    (error,) = errors([sample(image=image)])
    assert "a: 3 of 1600 image values are NaN or infinite; replace" in error


def test_an_image_without_contrast():
    flat = [sample(image=np.full((1, 40, 40), 7, np.uint16))]
    (error,) = errors(flat)
    assert "a: the image is 7 everywhere" in error
    assert errors(flat, require_contrast=False) == []


def test_stacks_among_planes():
    (error,) = errors([sample("flat"), sample("b"), sample("deep", ndim=3)])
    assert error.startswith("deep: is 3D, but the data hold 2 2D and 1 3D images")


def test_one_id_on_separate_parts_is_a_warning():
    labels = two_squares(1, 1)
    labels[32:38, 30:38] = 2
    labels[0, 30] = 2  # a stray pixel is no second object
    (warning,) = warnings([sample(labels=labels)])
    assert "a: 1 of 2 ids lie on separate parts (1)" in warning
    assert warnings([sample(labels=labels)], "semantic") == []


def scattered(ndim, dtype=np.uint16):
    """Labels: 4 on three parts and a stray, 9 on two, 6 on one with two corners."""
    labels = np.zeros((40,) * ndim, dtype)
    flat = labels[20] if ndim == 3 else labels
    flat[2:12, 2:12] = flat[30:38, 20:30] = flat[30:33, 2:12] = flat[0, 39] = 4
    flat[15:20, 2:7] = flat[15:20, 20:26] = 9
    flat[22:25, 30:33] = flat[25:28, 33:36] = 6
    return labels


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("binary", [False, True])
def test_separate_parts_get_ids_of_their_own(ndim, binary):
    labels = scattered(ndim)
    if binary:
        labels[labels > 0] = 4
    before = labels.copy()
    (finding,) = check([sample(labels=labels)], formulation="instances")
    assert finding.fix == "split"
    fixed = split_parts(labels)
    assert check([sample(labels=fixed)], formulation="instances") == []
    np.testing.assert_array_equal(labels, before)
    np.testing.assert_array_equal(fixed > 0, labels > 0)
    assert fixed.dtype == labels.dtype
    first = fixed[20] if ndim == 3 else fixed
    assert (first[2:12, 2:12] == 4).all(), "the largest part keeps the id"
    assert first[0, 39] == 4, "a stray stays with it"
    new = np.setdiff1d(fixed, labels)
    most = 4 if binary else 9
    assert new.tolist() == list(range(most + 1, most + 1 + (5 if binary else 3)))
    np.testing.assert_array_equal(split_parts(fixed), fixed)


def test_new_ids_are_free():
    mask = two_squares(255, 255, np.uint8)
    assert set(np.unique(split_parts(mask))) == {0, 1, 255}
    assert set(np.unique(split_parts(mask, taken=[1, 3]))) == {0, 2, 255}
    low = two_squares(5, 5, np.uint8)
    assert set(np.unique(split_parts(low, taken=[6]))) == {0, 5, 7}


def test_too_many_parts_for_the_dtype_are_refused():
    labels = np.zeros((40, 40), np.uint8)
    labels[::2, ::2] = 255
    with pytest.raises(
        ValueError, match="399 separate .* uint8 has only 254 left; convert .* int32"
    ):
        split_parts(labels)
    assert len(np.unique(split_parts(labels.astype(np.int32)))) == 401


@pytest.mark.parametrize("ndim", [2, 3])
def test_findings_tell_the_place(ndim):
    plane = (20,) * (ndim - 2)
    labels = scattered(ndim)
    (finding,) = check([sample(labels=labels)], formulation="instances")
    assert finding.place[:-2] == plane
    y, x = finding.place[-2:]
    assert 30 <= y < 33 and 2 <= x < 12, "the second part of 4, in reading order"
    image = RNG.random((2, *labels.shape), np.float32)
    image[(1, *plane, 7, 5)] = np.nan
    image[(0, *plane, 9, 5)] = np.nan
    (finding,) = check(
        [sample(image=image, labels=labels * 0 + 1)], formulation="semantic"
    )
    assert finding.place == (*plane, 7, 5) and finding.fix is None
    signed = labels.astype(np.int32)
    signed[(*plane, 8, 30)] = -2
    (finding,) = check([sample(labels=signed)], formulation="instances")
    assert finding.place == (*plane, 8, 30)
    uneven = labels.astype(np.float32)
    uneven[(*plane, 3, 31)] = 0.5
    (finding,) = check([sample(labels=uneven)], formulation="instances")
    assert finding.place == (*plane, 3, 31)
    (finding,) = check([sample(labels=labels * 0)], formulation="instances")
    assert finding.place is None


def test_touching_objects_are_whole():
    labels = np.zeros((40, 40), np.int32)
    labels[5:15, 5:15], labels[5:15, 15:25], labels[15:25, 5:25] = 5, 900_000, 7
    assert check([sample(labels=labels)], formulation="instances") == []


def test_objects_of_other_sizes_are_a_warning():
    tiny = np.zeros((40, 40), np.uint8)
    tiny[5:7, 5:7], tiny[20:22, 5:7] = 1, 2
    (warning,) = warnings([sample("large"), sample("small", tiny)])
    assert warning.startswith("large: objects are 11 px wide, but 2 px in small")


def test_objects_of_other_sizes_are_right_for_a_model_of_any_size():
    tiny = np.zeros((40, 40), np.uint8)
    tiny[5:7, 5:7], tiny[20:22, 5:7] = 1, 2
    given = [sample("large"), sample("small", tiny)]
    assert check(given, formulation="instances", any_size=True) == []


def test_errors_are_raised_all_at_once():
    flat = np.zeros((1, 40, 40), np.uint8)
    findings = check(
        [sample("a", image=flat), sample("b", two_squares(1, -1, int))],
        formulation="instances",
    )
    with pytest.raises(ValueError, match="2 problems\n- a: the image") as raised:
        raise_errors(findings)
    assert "\n- b: the labels run from -1 to 1" in str(raised.value)
    with pytest.raises(ValueError, match=r"^x: is ill; rest$"):
        raise_errors([Finding("error", "x", "is ill", "rest")])
    raise_errors([Finding("warning", "x", "is pale", "rest")])


def test_many_images_are_checked_fast():
    labels = np.zeros((256, 256), np.uint16)
    for i in range(100):
        y, x = divmod(i, 10)
        labels[y * 25 : y * 25 + 15, x * 25 : x * 25 + 15] = i + 1
    samples = [sample(str(i), labels) for i in range(50)]
    start = time.perf_counter()
    assert check(samples, formulation="instances") == []
    assert time.perf_counter() - start < 5


def test_real_data_are_healthy():
    folder = os.environ.get("NAPARI_UNET_DATA")
    if not folder:
        pytest.skip("NAPARI_UNET_DATA does not name the folder of real data")
    for name in ("stage1_train_layout", "nuclei_3d", "timelapse"):
        samples = drain(load_samples(find_pairs(Path(folder) / name)))
        assert errors(samples) == [], name


def test_the_machine_is_described():
    lines = machine.describe_machine()
    assert lines[0].startswith("device: ")
    text = "\n".join(lines)
    for words in (
        "memory: ",
        "cores: ",
        "torch ",
        "numpy ",
        "napari-unet-live ",
        "Python ",
    ):
        assert words in text


def test_an_unused_gpu_has_its_remedy(monkeypatch):
    monkeypatch.setattr(machine.shutil, "which", lambda name: f"/usr/bin/{name}")
    (line,) = machine._why_no_gpu(None)
    assert line.startswith("NVIDIA GPU found, torch has no CUDA: do `uv pip install")
    assert "--torch-backend=auto torch" in line
    (line,) = machine._why_no_gpu("12.8")
    assert "CUDA 12.8" in line and "update the NVIDIA driver" in line
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    monkeypatch.setattr(machine.Path, "exists", lambda path: False)
    assert machine._why_no_gpu(None) == []


def test_the_other_project_of_this_name_is_told_of(monkeypatch):
    for names, count in (
        (["napari-unet-live"], 0),
        (["napari-unet-live", "napari_unet"], 1),
    ):
        found = {"napari_unet": names}
        monkeypatch.setattr(
            machine, "packages_distributions", lambda found=found: found
        )
        lines = machine.describe_machine()
        assert sum("another project" in line for line in lines) == count
