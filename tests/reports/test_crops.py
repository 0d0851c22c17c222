"""Contracts of a look at augmentation: it shows what training draws, and no other."""

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from napari_unet.cli import main
from napari_unet.config import AugmentConfig, ModelConfig, TrainConfig
from napari_unet.data.images import intensity_stats, normalise
from napari_unet.data.samples import Sample
from napari_unet.events import drain
from napari_unet.models.model import Model
from napari_unet.reports.crops import Crops, source
from napari_unet.reports.crops_figure import described, legend, side_by_side, tiles
from napari_unet.training import loop as training
from support.made import UNVARIED, blobs

SMALL = ModelConfig(depth=1, width=2)
STRONG = AugmentConfig(rotation=45, elastic=3, blur=1, part=0.5)
SHORT = TrainConfig(steps=2, batch=4, patch=32, warmup=1, augment=STRONG)


def samples(shape=(96, 96), count=3, **options):
    return [blobs(seed, shape, 20, **options) for seed in range(count)]


def of_two_sizes():
    small, large = blobs(0, radius=(3, 4)), blobs(1, (200, 200), 12, radius=(15, 18))
    return [small, large]


def classes():
    """Two classes, and a part that is not annotated."""
    one = blobs(0, (96, 96), 20)
    mask = np.ones(one.shape, bool)
    mask[:, 60:] = False
    return [Sample(one.image, (one.labels > 0) + (one.labels % 2), mask=mask)]


CASES = {
    "2D": (samples(), SMALL, SHORT),
    "3D": (samples((16, 48, 48)), SMALL, SHORT.replace(patch=(8, 32, 32))),
    "any size": (of_two_sizes(), SMALL.replace(any_size=True), SHORT),
    "classes": (classes(), SMALL.replace(formulation="semantic"), SHORT),
}


def looked(case, config=None, **options):
    given, model, usual = CASES[case]
    found = drain(source(given, None, config or usual, model=model, device="cpu"))
    return found.crops(**options)


def equal(a, b):
    return all(np.array_equal(vars(a)[name], vars(b)[name]) for name in vars(a))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("started", [False, True], ids=["scratch", "from a model"])
def test_it_shows_what_training_draws(monkeypatch, tmp_path, case, started):
    given, model, config = CASES[case]
    options = {"model": model}
    if started:  # of which other options than those of the data decide
        first = drain(source(given, None, config, model=model, device="cpu")).model
        changed = first.config.replace(percentiles=(10, 90))
        options = {"init": Model.create(changed, device="cpu")}
    drawn = []

    def record(*arguments):
        drawn.append(draw(*arguments))
        return drawn[-1]

    draw = training.draw
    monkeypatch.setattr(training, "draw", record)
    drain(training.train(given, None, tmp_path / "m", config, device="cpu", **options))
    assert len(drawn) == 2
    found = drain(source(given, None, config, device="cpu", **options)).crops(8)
    for name in ("image", "target", "weight"):
        parts = torch.cat([getattr(batch, name) for batch in drawn])
        np.testing.assert_array_equal(getattr(found, name), parts.numpy())


@pytest.mark.parametrize("case", CASES)
def test_equal_steps_give_equal_crops(case):
    first, again, later = (looked(case, step=step) for step in (0, 0, 3))
    assert equal(first, again)
    assert not np.array_equal(first.image, later.image)
    assert len(first.image) == 12 and first.image.dtype == np.float32
    patch = (8, 32, 32) if case == "3D" else (32, 32)
    assert first.image.shape[2:] == first.target.shape[2:] == patch
    other = looked(case, SHORT.replace(seed=1, patch=patch))
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("case", ["2D", "3D"])
def test_without_augmentation_crops_are_parts_of_the_normalised_images(case):
    given, _, config = CASES[case]
    found = looked(case, config.replace(augment=UNVARIED, validation=0))
    whole = [normalise(s.image.array, intensity_stats(s.image))[0] for s in given]
    for crop in found.image:
        places = [
            image[
                tuple(slice(a, a + n) for a, n in zip(p, crop.shape[1:], strict=True))
            ]
            for image in whole
            for p in np.argwhere(image == crop.flat[0])
        ]
        assert any(np.array_equal(place, crop[0]) for place in places)


@pytest.mark.parametrize("case", CASES)
def test_plain_crops_are_the_same_places(case):
    """Where nothing is varied they are the crops; flips and turns keep all values."""
    given, model, config = CASES[case]
    made = drain(
        source(given, None, config.replace(augment=UNVARIED), model=model, device="cpu")
    )
    assert equal(made.crops(), made.plain())
    mirrored = UNVARIED.replace(flips=True, turns=True)
    turned = drain(
        source(given, None, config.replace(augment=mirrored), model=model, device="cpu")
    )
    crops, plain = turned.crops(), turned.plain()
    assert not np.array_equal(crops.image, plain.image)
    for a, b in zip(crops.image, plain.image, strict=True):
        np.testing.assert_array_equal(np.sort(a, None), np.sort(b, None))
    # Of warped ones the margin is cut off: their middle moves hardly.
    bent = UNVARIED.replace(elastic=0.01, part=1)
    made = drain(
        source(given, None, config.replace(augment=bent), model=model, device="cpu")
    )
    difference = np.abs(made.crops().image - made.plain().image).mean()
    assert difference < 0.25 * np.abs(made.plain().image).mean() or case == "any size"


def test_pictures_show_objects_borders_classes_and_what_is_unknown():
    target = np.zeros((1, 3, 8, 8), np.float32)
    target[0, 0, 2:6, 2:6] = 1
    target[0, 1, 3:5, 3] = 1
    crops = Crops(np.full((1, 1, 8, 8), 0.5, np.float32), target, np.ones_like(target))
    crops.weight[..., 7] = 0
    (picture,) = tiles(crops, ModelConfig(), 80)
    assert picture.shape == (80, 80, 3) and picture.dtype == np.uint8
    assert picture[20, 40].tolist() == [0xE6, 0x9F, 0x00], "the edge of the object"
    assert picture[10, 10].tolist() == [127] * 3, "the image"
    blue = picture[40, 35].astype(int)
    assert blue[2] > blue[0] + 50, "where objects touch"
    assert picture[40, 75].max() < 70, "not annotated"
    target = np.zeros((1, 1, 8, 8), np.float32)
    target[0, 0, :, :4], target[0, 0, :, 4:] = 1, 2
    crops = Crops(crops.image, target, np.ones_like(target))
    config = ModelConfig(
        formulation="semantic",
        classes=(7, 3),
        class_names=("a", "b"),
        class_colours=("#ff0000", "#00ff00"),
    )
    (picture,) = tiles(crops, config, 80)
    assert picture[40, 39].tolist() == [255, 0, 0]
    assert picture[40, 40].tolist() == [0, 255, 0]
    assert legend(config, True)[:2] == [("#ff0000", "a"), ("#00ff00", "b")]
    assert "not annotated" in legend(config, True)[2][1]


def test_pictures_of_stacks_are_their_middle_planes():
    image = np.zeros((1, 1, 5, 8, 8), np.float32)
    image[:, :, 2] = 1
    target = np.zeros((1, 3, 5, 8, 8), np.float32)
    crops = Crops(image, target, np.ones_like(target))
    (picture,) = tiles(crops, ModelConfig(ndim=3), 96)
    assert (picture == 255).all()
    assert side_by_side([picture] * 5, 4).shape == (196, 396, 3)


def test_a_sentence_says_what_is_seen():
    given, model, config = CASES["any size"]
    made = drain(source(given, None, config, model=model, device="cpu"))
    assert described(made, 12) == (
        "12 crops of 32 x 32 px from images resampled to objects of 24 px and smaller, "
        "as this training draws them"
    )
    assert described(made, 12, plain=True).endswith(", without augmentation")


def test_what_cannot_be_trained_cannot_be_looked_at():
    given = samples()
    with pytest.raises(ValueError, match="no samples"):
        drain(source([]))
    with pytest.raises(ValueError, match="a forest learns from pixels as they are"):
        drain(source(given, model=ModelConfig(network="forest")))
    with pytest.raises(ValueError, match="patch 128 is larger than the image"):
        drain(source(given, None, TrainConfig(patch=128), device="cpu"))


def test_the_command_line_draws_and_trains_nothing(capsys, tmp_path):
    for name in ("images", "labels"):
        (tmp_path / "data" / name).mkdir(parents=True)
    one = blobs()
    tifffile.imwrite(tmp_path / "data/images/a.tif", one.image.array[0])
    tifffile.imwrite(tmp_path / "data/labels/a.tif", one.labels)
    file = tmp_path / "new" / "crops.png"
    line = ["train", str(tmp_path / "data"), "--output", str(tmp_path / "model")]
    line += ["--show-crops", str(file), "--patch", "32", "--augment.rotation", "30"]
    assert main([*line, "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "12 crops of 32 x 32 px, as this training draws them; right:" in out
    with Image.open(file) as picture:
        assert picture.size == (2 * (4 * 196 - 4) + 24, 3 * 196 - 4)
    assert not (tmp_path / "model").exists()
    assert main([*line, "--resume"]) == 2
    assert "leave out --resume" in capsys.readouterr().err
