"""Labels that were not segmented here, as if they were: from a file, or painted."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_unet.gui.layers.axes import full
from napari_unet.gui.layers.pairing import axes_on
from napari_unet.gui.layers.placement import spacing_of
from napari_unet.gui.results.outcome import Outcome
from napari_unet.segmentation.result import Result


def outcome_of(labels: Labels, image: Image, axes: str) -> Outcome | None:
    """Return labels on an image as an outcome; None: they do not lie on it.

    Its objects are known once the labels are read. Scores are those of the layer's
    features, if it has any, as one has that a dock segmented which is closed.

    axes : of the image's layer
    """
    own = axes_on(labels, image, axes)
    if own is None:
        return None
    ids, scores = _scores(labels)
    none = np.zeros(len(ids), np.int64)
    result = Result(full(labels), ids, scores, none, none, (), 0.0)
    ndim = 3 if "Z" in own and full(labels).shape[own.index("Z")] > 1 else 2
    return Outcome(result, {"axes": own}, True, ndim, spacing_of(image, axes))


def _scores(labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers and scores that the features of a layer tell."""
    features: Any = labels.features
    if not {"index", "score"} <= set(features.columns):
        return np.zeros(0, np.int64), np.zeros(0)
    known = features[["index", "score"]].dropna().sort_values("index")
    ids = known["index"].to_numpy(np.int64)
    return ids, known["score"].to_numpy(float)
