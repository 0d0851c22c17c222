"""What comes in: lazy arrays are taken, what cannot be right is refused."""

import numpy as np
import pytest

from napari_unet.config import ModelConfig, PredictConfig, TrainConfig
from napari_unet.data.images import Image
from napari_unet.data.samples import Sample
from napari_unet.events import Progress
from napari_unet.models.model import Model
from napari_unet.training.setup import check_fit
from support.made import ball, blobs, echo, maps_of, notes, segmented

SMALL = PredictConfig(tile=64, block=64)


class Lazy:
    """Shape, dtype and slicing, and no more."""

    def __init__(self, array):
        self._array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, index):
        return self._array[index]


class LazyOut(Lazy):
    def __setitem__(self, index, values):
        self._array[index] = values


def test_lazy_image_and_output(crowd):
    model, image, _ = crowd
    expected, _ = segmented(model, image, SMALL)
    out = np.full(image.shape[1:], 99, np.int64)
    lazy = LazyOut(out)
    result, _ = segmented(model, Lazy(image), SMALL, out=lazy)
    assert result.labels is lazy
    np.testing.assert_array_equal(out, expected.labels)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.zeros((5, 5), np.int32), r"out has shape \(5, 5\) but the image has \(210"),
        (np.zeros((210, 190), np.uint16), "out holds uint16, too few values"),
        (np.zeros((210, 190)), "out holds float64"),
    ],
)
def test_an_output_that_does_not_fit_is_refused(crowd, out, message):
    model, image, _ = crowd
    with pytest.raises(ValueError, match=message):
        segmented(model, image, out=out)


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_image_holds_no_objects(value):
    model = Model.create(ModelConfig(depth=1, width=2), device="cpu")
    out = np.full((50, 40), 9, np.int32)
    result, events = segmented(model, np.full((1, 50, 40), value, np.uint8), out=out)
    (note,) = notes(events)
    assert note == "image: the image is constant, so it holds no objects"
    assert result.notes == (note,) and result.complete
    assert not result.labels.any() and len(result.ids) == 0


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("value", [1e4, -1e4, np.nan])
def test_what_shows_nothing_changes_nothing_else(ndim, value):
    model = echo(ndim)
    labels = blobs(3, (8, 80, 80)[-ndim:], 12, (3, 5)).labels
    image = maps_of(model, labels)
    image += np.random.default_rng(0).random(image.shape).astype(np.float32) / 20
    clean, _ = segmented(model, image)
    image[..., 30:40, 50:60] = value
    result, events = segmented(model, image)
    near = np.zeros(labels.shape, bool)
    near[..., 28:42, 48:62] = True
    far = ~np.isin(clean.labels, np.unique(clean.labels[near]))
    assert len(clean.ids) > 5 and len(np.unique(clean.labels[far])) > 4
    np.testing.assert_array_equal(result.labels[far] > 0, clean.labels[far] > 0)
    assert not result.labels[..., 31:39, 51:59].any()
    assert "left out" in notes(events)[0]
    box = tuple(slice(0, n // 2) for n in labels.shape)
    part, _ = segmented(model, image, box=box)
    np.testing.assert_array_equal(part.labels[box] > 0, result.labels[box] > 0)


def test_what_is_bright_is_looked_at_where_nothing_else_is_found():
    y, x = np.indices((128, 128))
    image = np.random.default_rng(0).normal(300, 10, (128, 128))
    for centre in ((40, 40), (80, 90)):
        image[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 100] = 65535
    result, events = segmented(Model.load("nuclei"), image[None].astype(np.uint16))
    assert len(result.ids) == 2 and result.labels[40, 40] and result.labels[80, 90]
    assert "nothing was found without the brightest pixels" in "".join(notes(events))


@pytest.mark.parametrize("glare", [0, 60000])
def test_few_objects_in_little_of_the_intensities_are_told(glare):
    y, x = np.indices((128, 128))
    image = np.random.default_rng(0).normal(300, 10, (1, 128, 128))
    for row, column in np.ndindex(4, 4):
        place = (y - 16 - 32 * row) ** 2 + (x - 16 - 32 * column) ** 2
        image += 300 * np.exp(-place / 60)
    image += glare * np.exp(-((y - 64) ** 2 + (x - 64) ** 2) / 200)
    result, events = segmented(Model.load("nuclei"), image.astype(np.uint16))
    told = [n for n in notes(events) if "--intensity LOW/HIGH" in n]
    assert bool(told) == bool(glare) and (len(result.ids) > 10) == (not glare)
    semantic = Model.create(ModelConfig(formulation="semantic", depth=1, width=2))
    _, events = segmented(semantic, image.astype(np.uint16))
    assert not [n for n in notes(events) if "found" in n], "classes are no objects"


@pytest.mark.parametrize(
    ("expected", "shape", "options", "message"),
    [
        (
            "grey",
            (5, 32, 32),
            {},
            r"wants one channel, .* 5 channels \(0, 1, 2, 3, 4\)",
        ),
        ("grey", (2, 32, 32), {"channels": ("DAPI", "actin")}, r"\(DAPI, actin\)"),
        ("rgb", (2, 32, 32), {}, r"wants one channel or RGB, .* 2 channels \(0, 1\)"),
    ],
)
def test_too_many_channels_are_listed(expected, shape, options, message):
    model = Model.create(ModelConfig(depth=1, width=2, input=expected), device="cpu")
    with pytest.raises(ValueError, match=message) as error:
        segmented(model, np.random.rand(*shape), name="well", **options)
    assert "--channel" in str(error.value) and str(error.value).startswith("well: ")


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((1, 32, 32), {}, r"wants 2 channels \(DAPI, actin\), .* 1 channel \(0\)"),
        ((3, 32, 32), {}, r"has 3 channels \(0, 1, 2\); .*--channel 0,1\)"),
        ((3, 32, 32), {"rgb": True}, "wants 2 channels .* the image has RGB colours"),
        (
            (2, 32, 32),
            {"channels": ("DAPI", "GFP")},
            r"has 2 channels \(DAPI, GFP\), no actin; name its channels so",
        ),
    ],
)
def test_named_channels_must_be_there(shape, options, message):
    model = two_channels()
    with pytest.raises(ValueError, match=message):
        segmented(model, np.random.rand(*shape), **options)


def two_channels() -> Model:
    config = ModelConfig(depth=1, width=2, input=("DAPI", "actin"))
    return Model.create(config, device="cpu")


@pytest.mark.parametrize(
    ("names", "picked", "taken", "told"),
    [
        (("DAPI", "actin"), False, (0, 1), ""),
        (("Actin ", "dapi"), False, (1, 0), ""),
        (("a: actin", "a: DAPI"), True, (1, 0), ""),
        (("GFP", "actin", "DAPI"), False, (2, 1), "of its channels GFP is left out"),
        (("x", "y"), True, (0, 1), "its channels x, y are taken as DAPI, actin"),
        ((), False, (0, 1), "have no names, are taken as DAPI, actin"),
    ],
)
def test_channels_are_taken_by_name(names, picked, taken, told):
    model, array = two_channels(), np.random.rand(len(names) or 2, 32, 32)
    image = Image(array, channels=names, picked=picked)
    np.testing.assert_array_equal(model.fitted(image).array, array[list(taken)])
    result, events = segmented(model, image)
    found = notes(events)
    assert len(found) == bool(told) and all(told in note for note in found)
    assert result.labels.shape == (32, 32)


def test_a_2d_image_on_a_3d_model_is_refused():
    model = Model.create(ModelConfig(ndim=3, depth=1, width=2), device="cpu")
    with pytest.raises(ValueError, match=r"image is 2D \(32, 32\) but the model is 3D"):
        segmented(model, np.random.rand(1, 32, 32))


def test_a_tile_smaller_than_the_halo_is_refused(crowd):
    model, image, _ = crowd
    with pytest.raises(ValueError, match="tile 32 is too small for a halo of 23 px"):
        segmented(model, image, PredictConfig(tile=32))


def test_events_come_while_a_float_image_is_checked(monkeypatch):
    from napari_unet.segmentation import checks

    monkeypatch.setattr(checks, "CHECKED_EDGE", 64)
    model = echo()
    image = maps_of(model, ball((100, 100), (50, 50), 20).astype(int))
    _, events = segmented(model, image)
    assert [e for e in events if isinstance(e, Progress) and e.what == "checking"]
    assert [e for e in events if isinstance(e, Progress) and e.what == "numbering"]


def test_samples_are_brought_into_the_order_of_the_model():
    array, labels = np.random.rand(3, 32, 32), np.zeros((32, 32), np.uint8)
    samples = [
        Sample(array[:2], labels, channels=("DAPI", "Actin")),
        Sample(array, labels, channels=("actin", "GFP", "dapi"), name="b"),
    ]
    first, second = check_fit(two_channels(), samples, TrainConfig())
    assert first is samples[0]
    np.testing.assert_array_equal(second.image.array, array[[2, 0]])
    other = Sample(array[:2], labels, channels=("DAPI", "GFP"), name="c")
    with pytest.raises(ValueError, match="c: the model wants .* no actin"):
        check_fit(two_channels(), [other], TrainConfig())
