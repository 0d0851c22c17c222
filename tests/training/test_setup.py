"""Before a training: what of the data is told."""

import numpy as np

from napari_unet.config import ModelConfig
from napari_unet.data.samples import Sample
from napari_unet.events import Note
from napari_unet.training.setup import check_data


def test_labels_and_classes_that_do_not_meet_are_told():
    labels = np.zeros((40, 40), np.uint8)
    labels[2:12, 2:12], labels[20:30, 2:12], labels[20:30, 20:30] = 1, 2, 3
    image = np.random.default_rng(0).random((1, 40, 40), np.float32)
    samples = [Sample(image, labels, name="a")]

    def told(*classes):
        config = ModelConfig(formulation="semantic", classes=classes)
        events = check_data(samples, config)
        return [e.text for e in events if isinstance(e, Note)][1:]

    assert told(1, 2, 3) == told(1) == []
    (left,) = told(1, 2)
    assert left.startswith("label 3 is left out, in none of the classes 1, 2: ")
    assert told(1, 2, 3, 7) == ["class 7 cannot be learnt: no image has such labels"]
