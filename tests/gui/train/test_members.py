"""Every network of the menu trains from the Train dock to a model that segments."""

import numpy as np
import pytest

from napari_unet import Model, PredictConfig, drain, segment
from napari_unet.networks.pixel_classifiers import CLASSIFIERS
from support.train_dock import (  # noqa: F401
    SHORT,
    SMALL,
    Dock,
    add_pair,
    own_models,
)


# Each network is trained by the tests of the loop; here, what the form knows of them.
@pytest.mark.parametrize("name", ["unet", "unet++", *CLASSIFIERS])
def test_a_member_trains_and_segments(make_napari_viewer, qtbot, own_models, name):  # noqa: F811
    viewer = make_napari_viewer()
    add_pair(viewer)
    dock = Dock(viewer, qtbot)
    box = dock.form.network_box
    qtbot.waitUntil(lambda: box.findText(name) >= 0, timeout=60_000)
    box.setCurrentText(name)
    dock.set(SHORT, SMALL)
    dock.train()
    assert "is ready" in dock.text
    (folder,) = own_models.iterdir()
    model = Model.load(folder, "cpu")
    assert model.config.network == name
    found = drain(segment(model, viewer.layers["cells"].data[None], PredictConfig()))
    assert found.labels.shape == (96, 128) and np.issubdtype(
        found.labels.dtype, np.integer
    )
