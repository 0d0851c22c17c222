"""The picture on a model's card."""

import io

import numpy as np
import pytest
from PIL import Image

from napari_unet.data.images import Stats
from napari_unet.models.thumbnail import OUTLINE, outlines, thumbnail


@pytest.mark.parametrize("shape", [(1, 20, 30), (3, 20, 30), (2, 5, 20, 30)])
def test_outlines_are_drawn_over_the_stretched_image(shape):
    image = np.full(shape, 50.0)
    labels = np.zeros(shape[1:], int)
    labels[..., 5:12, 5:12], labels[..., 5:12, 12:20] = 1, 2
    stats = Stats((0.0,) * shape[0], (100.0,) * shape[0])
    content = thumbnail(image, False, stats, labels)
    picture = np.asarray(Image.open(io.BytesIO(content)))
    assert picture.shape == (20, 30, 3)
    drawn = (picture == OUTLINE).all(-1)
    flat = labels if labels.ndim == 2 else labels[2]
    np.testing.assert_array_equal(drawn, outlines(flat))
    assert (picture[~drawn] == 127).all()


def test_outlines_part_touching_objects_and_leave_the_inside():
    labels = np.zeros((9, 12), int)
    labels[2:7, 2:6], labels[2:7, 6:10] = 1, 2
    edge = outlines(labels)
    assert edge[4, 5]
    assert edge[4, 6]
    assert not edge[4, 3]
    assert not edge[labels == 0].any()
