"""Labels that are wrong as a whole are named, and mended where that is safe."""

import re

import numpy as np
import pytest

from napari_unet.data.doctor import check
from napari_unet.data.poses import Pose
from napari_unet.data.samples import Sample
from napari_unet.data.whole import filled, without_background


def discs(shape=(96, 96), seed=0) -> np.ndarray:
    """Labels of discs (on planes: cylinders) of several sizes in no order."""
    rng, labels = np.random.default_rng(seed), np.zeros(shape, np.uint16)
    yy, xx = np.indices(shape[-2:])
    for number in range(1, 17):
        row, column = divmod(number - 1, 4)
        y, x = (
            12 + 23 * row + rng.integers(-3, 4),
            12 + 23 * column + rng.integers(-3, 4),
        )
        labels[..., np.hypot(yy - y, xx - x) < rng.uniform(4, 8)] = number
    return labels


def image_of(labels, bright=True) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 10, labels.shape)
    return (100 + (50 if bright else -50) * (labels > 0) + noise)[None].astype(
        np.float32
    )


def findings(drawn, image=None, formulation="instances"):
    image = image_of(discs(drawn.shape)) if image is None else image
    return check([Sample(image, drawn, name="a")], formulation=formulation)


TRUE = discs()
INVERTED = np.where(TRUE > 0, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(96, 96), (6, 96, 96)])
@pytest.mark.parametrize("bright", [True, False])
def test_right_labels_have_no_findings(shape, bright):
    labels = discs(shape)
    assert findings(labels, image_of(labels, bright)) == []
    assert findings(labels, image_of(labels, bright), "semantic") == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (INVERTED, "look inverted: 255 covers"),
        ((TRUE == 0).astype(np.uint8), "look inverted: 1 covers"),
        (TRUE + 1, "label 1 looks like the background: .* around the 16 other labels"),
        (np.where(TRUE > 0, TRUE, 99), "label 99 looks like the background"),
        (
            np.where(TRUE > 0, 1, 2),
            "label 2 looks .* and 16 separate objects are all 1",
        ),
        (
            np.where(TRUE > 0, 2, 1),
            "label 1 looks .* and 16 separate objects are all 2",
        ),
        (discs((6, 96, 96)) + 1, "label 1 looks like the background"),
    ],
)
def test_a_background_with_a_number(wrong, words):
    (finding,) = findings(wrong)
    assert finding.severity == "warning" and finding.fix == "background"
    assert wrong[finding.place] == finding.value
    assert re.search(words, str(finding))
    mended = without_background(wrong, finding.value)
    assert len(np.unique(mended)) == 17 and mended.dtype == wrong.dtype
    np.testing.assert_array_equal(mended > 0, discs(wrong.shape) > 0)
    assert findings(mended) == []


def test_classes_may_cover_all_but_are_not_inverted():
    assert findings(np.where(TRUE > 0, 2, 1), formulation="semantic") == []
    (finding,) = findings(INVERTED, formulation="semantic")
    assert finding.fix == "background"


def test_a_large_background_with_holes_is_right():
    joined = (TRUE > 0).astype(np.uint8)
    joined[:, 40:56] = joined[40:56] = 1  # one object from side to side
    assert all(f.fix != "background" for f in findings(joined))


@pytest.mark.parametrize("shape", [(96, 96), (6, 96, 96)])
@pytest.mark.parametrize("binary", [False, True])
def test_outlines(shape, binary):
    from scipy import ndimage

    labels = discs(shape)
    size = (1,) * (labels.ndim - 2) + (3, 3)
    outlines = np.where(labels != ndimage.minimum_filter(labels, size), labels, 0)
    drawn = (outlines > 0).astype(np.uint8) if binary else outlines
    hollow = next(f for f in findings(drawn) if f.fix == "fill")
    assert "16 of 16 objects are hollow" in str(hollow)
    np.testing.assert_array_equal(filled(drawn) > 0, labels > 0)
    if not binary:
        np.testing.assert_array_equal(filled(outlines), labels)


@pytest.mark.parametrize("bright", [True, False])
@pytest.mark.parametrize(
    ("pose", "words"),
    [
        (Pose(True, (False, False)), r"look transposed \(X and Y swapped\)"),
        (Pose(False, (True, False)), "look flipped top to bottom"),
        (Pose(False, (False, True)), "look flipped left to right"),
        (Pose(False, (True, True)), "look turned by 180°"),
    ],
)
def test_labels_in_another_pose(pose, words, bright):
    wrong = pose.applied(TRUE)
    (finding,) = findings(wrong, image_of(TRUE, bright))
    assert finding.value == pose
    assert re.search(words, str(finding))
    np.testing.assert_array_equal(finding.value.applied(wrong), TRUE)
    assert wrong[finding.place] > 0


def test_a_stack_upside_down():
    labels = np.stack([np.roll(discs(seed=z), 6 * z, (0, 1)) for z in range(4)])
    found = findings(labels[::-1], image_of(labels))
    (finding,) = [f for f in found if f.fix == "pose"]
    assert "look upside down in Z" in str(finding)
    np.testing.assert_array_equal(finding.value.applied(labels[::-1]), labels)


def test_shifted_labels():
    wrong = np.roll(TRUE, (6, -8), (0, 1))
    finding = findings(wrong, image_of(TRUE))[0]
    assert "shifted: they fit the image better 6 px up and 8 px right" in str(finding)
    assert finding.fix is None
    assert findings(np.roll(TRUE, 1, 0), image_of(TRUE)) == [], "so some draw"


def test_transposed_labels_of_another_shape_are_named():
    with pytest.raises(ValueError, match="they look transposed: swap X and Y"):
        Sample(np.zeros((1, 4, 20, 30), np.uint8), np.zeros((4, 30, 20), np.uint8))


def test_few_objects_in_each_of_many_images_tell_it_together():
    ones = [np.where(TRUE == n, TRUE, 0) for n in (1, 2, 3, 5, 6, 7, 9)]
    samples = [
        Sample(0.2 * image_of(one) + 0.8 * image_of(0 * one), one.T, name=str(i))
        for i, one in enumerate(ones)
    ]
    (finding,) = check(samples, formulation="instances")
    assert "taken together, the labels look transposed" in str(finding)
