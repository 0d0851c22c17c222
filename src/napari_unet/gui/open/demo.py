"""A viewer that shows a model at work: the end of ``napari-unet demo``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_unet.data.samples import Sample
from napari_unet.gui.docks import open_dock
from napari_unet.gui.pickers.model_picker import models


def show(samples: list[Sample], labels: list[np.ndarray], model: Path) -> None:
    """Open napari on images with their labels and the docks; returns when it is closed.

    samples : 2D, one channel each
    labels : list of (Y, X) integer array
    model : what the Segment dock proposes
    """
    import napari

    viewer = napari.Viewer(title="napari-unet-live demo")
    for sample, found in zip(samples, labels, strict=True):
        scale = sample.spacing or (1.0, 1.0)
        units = "µm" if sample.spacing else "pixel"
        viewer.add_image(
            sample.image.array[0], name=sample.name, scale=scale, units=units
        )
        viewer.add_labels(
            found, name=f"{sample.name} labels", scale=scale, units=units
        ).contour = 2
    for layer in viewer.layers[:-2]:
        layer.visible = False  # one image at a time
    viewer.layers.selection.active = viewer.layers[-2]
    models().add(model)
    models().choose(model)
    open_dock(viewer, "Train")
    open_dock(viewer, "Segment")
    napari.run()
