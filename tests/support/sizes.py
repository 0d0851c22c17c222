"""Discs of one diameter, and a model that measures them."""

import numpy as np
from scipy import ndimage

from napari_unet.config import ModelConfig
from napari_unet.formulations.targets import relative_size
from napari_unet.labels import LabelledObjects
from napari_unet.models.model import Model
from support.made import Echo, ball

ANY = ModelConfig(any_size=True, object_size=24.0, depth=2, width=2)


def discs(diameter, shape=(400, 400), count=12, seed=0):
    """Separate discs of one diameter, as an image (1, Y, X) of 0 and 1, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    for _ in range(40 * count):
        centre = rng.uniform(diameter / 2, np.array(shape) - diameter / 2)
        near = ball(shape, centre, diameter * 0.8)
        if not labels[near].any():
            labels[ball(shape, centre, diameter / 2)] = labels.max() + 1
        if labels.max() == count:
            break
    return (labels > 0)[None].astype(np.float32), labels


class Ruler(Echo):
    """A model that measures the objects of a binary image instead of guessing."""

    def maps(self, images, precision="auto", level=None):
        del precision, level
        image = np.clip(np.array(images, np.float32)[:, :1], 0, 1)
        found = []
        for one in image[:, 0]:
            labels, _ = ndimage.label(one > 0.5)
            size, _ = relative_size(LabelledObjects(labels), self.config.object_size)
            found.append(np.stack([one, 0 * one, one, size]))
        return np.array(found, np.float32)


def ruler(**options):
    model = Model.create(ANY.replace(input="grey", **options), device="cpu")
    return Ruler(model.config, model.network)
