"""Where a model is least certain; known parts are left out."""

import numpy as np
import pytest

from napari_unet import Model, ModelConfig, drain
from napari_unet.config import PredictConfig
from napari_unet.events import Control, TileDone
from napari_unet.formulations import FORMULATIONS
from napari_unet.formulations.semantic import Semantic
from napari_unet.segmentation.uncertainty import least_certain
from support.made import Echo, echo

EDGE = 128  # of the place, where the size of objects is not known


def unsure_at(shape, *places):
    """Maps that are sure but in squares of 40 px around places, each with a value."""
    maps = np.zeros((3, *shape), np.float32)
    maps[0] = 1
    maps[:, ..., :2, :2] = 0  # so that the percentiles leave 0 and 1 as they are
    for place, value in places:
        box = tuple(slice(max(0, p - 20), p + 20) for p in place[-2:])
        maps[(0, *place[:-2], *box)] = value
    return maps


def holds(box, place):
    return all(s.start <= p < s.stop for s, p in zip(box, place, strict=True))


@pytest.mark.parametrize("name", FORMULATIONS)
def test_uncertainty_is_0_where_sure_and_1_where_even(name):
    config = ModelConfig(formulation=name, classes=(1,))
    formulation = FORMULATIONS[name](config)
    sure = np.zeros((formulation.channels, 4, 5), np.float32)
    assert formulation.uncertainty(sure).shape == (4, 5)
    assert (
        not formulation.uncertainty(sure).any()
        and not formulation.uncertainty(sure + 1).any()
    )
    np.testing.assert_allclose(formulation.uncertainty(sure + 0.5), 1)


def test_uncertainty_of_classes_looks_at_the_two_likeliest():
    formulation = Semantic(ModelConfig(formulation="semantic", classes=(1, 2, 3)))
    maps = np.array([[0.5, 1, 0.25], [0.5, 0, 0.25], [0, 0, 0.25], [0, 0, 0.25]])
    np.testing.assert_allclose(formulation.uncertainty(maps[:, None]), [[1, 0, 0.25]])


@pytest.mark.parametrize("tile", [None, 96])
def test_the_place_is_where_the_uncertainty_is(tile):
    maps = unsure_at((300, 420), ((60, 350), 0.8), ((230, 90), 0.6))
    place = drain(least_certain(echo(), maps, PredictConfig(tile=tile)))
    assert [s.stop - s.start for s in place.box] == [EDGE, EDGE]
    assert holds(place.box, (230, 90)) and not holds(place.box, (60, 350))
    expected = 4 * 0.6 * 0.4 / 2 * 40**2 / EDGE**2
    assert place.uncertainty == pytest.approx(expected, rel=0.02)


def test_what_is_known_is_left_out():
    maps = unsure_at((300, 420), ((60, 350), 0.8), ((230, 90), 0.6))
    known = np.zeros((300, 420), bool)
    known[200:, :200] = True
    place = drain(least_certain(echo(), maps, known=known))
    assert holds(place.box, (60, 350))
    assert drain(least_certain(echo(), maps, known=known | True)) is None
    with pytest.raises(ValueError, match="known has shape"):
        drain(least_certain(echo(), maps, known=known[1:]))


def test_a_place_at_the_corner_lies_inside():
    maps = unsure_at((300, 420), ((299, 419), 0.5))
    place = drain(least_certain(echo(), maps))
    assert place.box == (slice(300 - EDGE, 300), slice(420 - EDGE, 420))
    small = drain(least_certain(echo(), unsure_at((50, 60), ((49, 59), 0.5))))
    assert small.box == (slice(0, 50), slice(0, 60))


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_stack_gives_a_plane(ndim):
    maps = unsure_at((4, 150, 160), ((1, 40, 40), 0.7), ((2, 100, 110), 0.5))
    place = drain(least_certain(echo(ndim), maps))
    assert place.box[0] == slice(2, 3) and holds(place.box, (2, 100, 110))
    known = np.zeros((4, 150, 160), bool)
    known[2] = True
    again = drain(least_certain(echo(ndim), maps, known=known))
    assert again.box[0] == slice(1, 2) and holds(again.box, (1, 40, 40))


def test_a_model_of_any_size_gives_a_place_of_the_image():
    config = ModelConfig(any_size=True, object_size=24.0, depth=2, width=2)
    config = config.replace(
        input=("foreground", "border", "distance", "size"), percentiles=(0.0, 100.0)
    )
    model = Model.create(config, device="cpu")
    model = Echo(model.config, model.network)
    maps = unsure_at((300, 420), ((230, 90), 0.6))
    maps = np.concatenate([maps, maps[2:]])
    known = np.zeros((300, 420), bool)
    known[200:260, 60:80] = True
    options = PredictConfig(object_size=12.0)  # so the network sees it twice as large
    place = drain(least_certain(model, maps, options, known=known))
    assert holds(place.box, (230, 95))
    assert [s.stop - s.start for s in place.box] == [60, 60]


def test_stop_returns_the_best_so_far():
    maps = unsure_at((300, 420), ((60, 60), 0.8), ((230, 350), 0.5))
    control = Control()

    def first_tile(event):
        if isinstance(event, TileDone):
            control.stop()

    options = PredictConfig(tile=160)
    place = drain(least_certain(echo(), maps, options, control=control), first_tile)
    assert holds(place.box, (60, 60))


def test_a_constant_image_has_no_place():
    model = Model.create(ModelConfig(depth=1, width=2), device="cpu")
    assert drain(least_certain(model, np.ones((1, 64, 64), np.uint8))) is None
