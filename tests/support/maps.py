"""Maps of whole images and by tiles."""

import numpy as np

from napari_unet.config import PredictConfig
from napari_unet.data.images import Image, intensity_stats
from napari_unet.events import drain
from napari_unet.segmentation.prediction import (
    predict_maps,
)
from napari_unet.segmentation.tiles import padded_shape

FLOAT32 = PredictConfig(precision="float32")


def whole_maps(made, array, rgb=False):
    """The maps of the padded image in one pass."""
    stats = intensity_stats(Image(array, rgb))
    padded = padded_shape(array.shape[1:], made.divisor)
    after = [(0, p - n) for p, n in zip(padded, array.shape[1:], strict=True)]
    array_padded = np.pad(array, [(0, 0), *after], mode="edge")
    maps = made.maps(made.prepare(array_padded, rgb, stats)[None], "float32")[0]
    return maps[(slice(None), *(slice(n) for n in array.shape[1:]))]


def tiled_maps(made, array, config=FLOAT32, rgb=False, control=None):
    events = predict_maps(
        made, Image(array, rgb), intensity_stats(Image(array, rgb)), config, control
    )
    return drain(events)
