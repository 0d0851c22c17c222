"""Layers that are in the way are hidden, and come back unless somebody touched them."""

import numpy as np
import pytest
from qtpy.QtCore import QObject

from napari_unet.gui.layers.axes import KEY
from napari_unet.gui.layers.hiding import Alone, Hidden, drawn_on
from support.waits import deliver


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


def add(viewer, name, **mark):
    return viewer.add_labels(np.ones((6, 8), int), name=name, metadata={KEY: mark})


def test_what_is_hidden_comes_back_unless_somebody_touched_it(viewer):
    a, b, c, away = (add(viewer, name) for name in "abcd")
    away.visible = False
    hidden = Hidden(viewer)
    hidden.hide([a, b, c, away])
    assert not any(y.visible for y in (a, b, c, away))
    b.visible = True
    b.visible = False
    viewer.layers.remove(c)
    hidden.show()
    assert (a.visible, b.visible, away.visible) == (True, False, False)
    a.visible = False
    hidden.show()
    assert not a.visible, "once is enough"


def test_labels_of_an_image_are_told_from_those_of_others(viewer):
    cells = viewer.add_image(np.zeros((6, 8)), name="cells")
    other = viewer.add_image(np.zeros((6, 8)), name="other")
    mine = add(viewer, "cells labels")
    add(viewer, "other labels")
    marked = add(viewer, "anything", image=str(cells.unique_id))
    add(viewer, "cells by name", image=str(other.unique_id))
    add(viewer, "other errors", errors=str(other.unique_id), preview=True)
    free = add(viewer, "truth")
    viewer.add_labels(np.ones((5, 8), int), name="cells small")
    assert drawn_on(cells, viewer.layers, "YX") == [mine, marked, free]


def test_a_layer_is_alone_while_it_is_in_sight(viewer):
    image = viewer.add_image(np.zeros((6, 8)), name="cells")
    below, errors = add(viewer, "cells labels"), add(viewer, "cells errors")
    owner = QObject()
    alone = Alone(viewer, errors, image, "YX", owner)
    alone.arrange()
    assert errors.visible and not below.visible
    errors.visible = False
    assert below.visible
    errors.visible = True
    assert not below.visible
    alone.fold(True)
    assert below.visible and not errors.visible
    alone.fold(False)
    assert errors.visible and not below.visible
    owner.deleteLater()
    deliver()
    assert below.visible and not errors.visible


def test_a_layer_that_is_removed_brings_the_others_back(viewer):
    image = viewer.add_image(np.zeros((6, 8)), name="cells")
    below, errors = add(viewer, "cells labels"), add(viewer, "cells errors")
    owner = QObject()
    Alone(viewer, errors, image, "YX", owner).arrange()
    viewer.layers.remove(errors)
    assert below.visible
    owner.deleteLater()
    deliver()
