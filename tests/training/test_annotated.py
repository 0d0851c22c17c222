"""What the train dock holds -> samples: uses, meanings of 0, frames, names."""

import shutil

import dask.array as da
import numpy as np
import pytest
import tifffile

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.data.images import ImageSeries
from napari_unet.events import EpochEnd, Note, drain
from napari_unet.files.sample_data import folder
from napari_unet.models.model import Model
from napari_unet.training.annotated import Annotated, Folder, load, train_on
from support.made import blobs

QUICK = TrainConfig(steps=2, batch=2, patch=32, warmup=1)
SMALL = ModelConfig(depth=1, width=2)


def pair(seed=0, shape=(48, 64), count=12, name=None, **kwargs):
    """A grey image of discs with its labels."""
    sample = blobs(seed, shape, count)
    image = ImageSeries(sample.image.array, "CYX", name=name or f"image {seed}")
    return Annotated(image, sample.labels, **kwargs)


def film(frames=4, **kwargs):
    samples = [blobs(i, (48, 64), 8) for i in range(frames)]
    image = np.stack([s.image.array for s in samples])
    labels = np.stack([s.labels for s in samples])
    return Annotated(ImageSeries(image, "TCYX", name="film"), labels, **kwargs)


def names(samples):
    return [s.name for s in samples]


def test_a_pair_becomes_a_sample_with_its_values():
    item = pair()
    (sample,), validation = drain(load([item]))
    assert validation is None
    np.testing.assert_array_equal(sample.image.array, item.image.array)
    np.testing.assert_array_equal(sample.labels, item.labels)
    assert sample.mask is None
    assert sample.name == "image 0"


def test_lazy_images_are_read():
    item = pair()
    lazy = ImageSeries(da.from_array(item.image.array), "CYX", (0.5, 0.5), name="lazy")
    (sample,), _ = drain(load([Annotated(lazy, item.labels)]))
    assert type(sample.image.array) is np.ndarray
    assert sample.spacing == (0.5, 0.5)
    np.testing.assert_array_equal(sample.image.array, item.image.array)


def test_frames_are_samples_of_one_series():
    samples, _ = drain(load([film(3)]))
    assert names(samples) == ["film_t0", "film_t1", "film_t2"]
    assert {s.series for s in samples} == {"film"}


def test_names_differ_even_if_the_layers_names_do_not():
    samples, _ = drain(load([pair(0, name="a"), pair(1, name="a"), film(2), film(2)]))
    assert len(set(names(samples))) == len(samples) == 6
    assert names(samples)[:2] == ["a", "a (2)"]
    assert len({s.series for s in samples if s.series}) == 2


def test_a_folder_is_read_with_the_layers():
    samples, validation = drain(load([pair(), Folder(folder("nuclei"))]))
    assert len(samples) == 9
    assert validation is None
    assert len(set(names(samples))) == 9


def test_images_that_an_index_keeps_for_testing_are_not_trained_on(tmp_path):
    shutil.copytree(folder("nuclei"), tmp_path / "data")
    stems = sorted(p.stem for p in (tmp_path / "data" / "images").iterdir())
    rows = [f"{stem},{'train' if i % 2 else 'val'}" for i, stem in enumerate(stems)]
    (tmp_path / "data" / "index.csv").write_text("\n".join(["id,split", *rows]))
    samples, _ = drain(load([Folder(tmp_path / "data")]))
    assert sorted(names(samples)) == stems[1::2]


def test_pixels_that_nobody_annotated_do_not_count():
    labels = np.zeros((48, 64), int)
    labels[5:9, 5:9] = 1
    labels[20:30] = 7
    image = pair().image
    item = Annotated(image, labels, zero="unknown", background=7)
    (sample,), _ = drain(load([item]))
    np.testing.assert_array_equal(sample.mask, labels > 0)
    assert set(np.unique(sample.labels)) == {0, 1}
    assert (labels == 7).any()  # the array that was given is as it was


def test_a_label_that_is_ignored_teaches_nothing_in_layers_and_folders(tmp_path):
    layer = pair(ignore=1)
    (sample,), _ = drain(load([layer]))
    np.testing.assert_array_equal(sample.mask, layer.labels != 1)
    assert 1 not in sample.labels
    for kind, array in (("images", layer.image.array[0]), ("labels", layer.labels)):
        (tmp_path / kind).mkdir()
        tifffile.imwrite(tmp_path / kind / "cells.tif", array)
    (of_folder,), _ = drain(load([Folder(tmp_path, ignore=1)]))
    np.testing.assert_array_equal(of_folder.mask, sample.mask)
    np.testing.assert_array_equal(of_folder.labels, sample.labels)


def test_without_any_background_the_remedy_is_said():
    with pytest.raises(ValueError, match="paint some with a label of its own"):
        drain(load([pair(zero="unknown")]))
    # Background in one of them is enough.
    drain(load([pair(zero="unknown"), pair(1)]))


def test_frames_that_nobody_annotated_are_left_out():
    item = film(4)
    labels = item.labels.copy()
    labels[labels == 0] = 99
    labels[1] = labels[3] = 0
    events = []
    item = Annotated(item.image, labels, zero="unknown", background=99)
    samples, _ = drain(load([item]), events.append)
    assert names(samples) == ["film_t0", "film_t2"]
    assert any("2 of 4" in e.text for e in events if isinstance(e, Note))


def test_numbers_mean_in_a_folder_what_they_mean_in_layers(tmp_path):
    item = film(3)
    labels = item.labels.astype(np.uint16)
    labels[(labels == 0) & (np.arange(64) < 20)] = 99
    labels[1] = 0
    for kind, array in (("images", item.image.array[:, 0]), ("labels", labels)):
        (tmp_path / kind).mkdir()
        file, axes = tmp_path / kind / "film.tif", {"axes": "TYX"}
        tifffile.imwrite(file, array.astype(np.uint16), imagej=True, metadata=axes)
    meaning = {"zero": "unknown", "background": 99, "ignore": 1}
    of_layers, _ = drain(load([Annotated(item.image, labels, **meaning)]))
    events = []
    of_folder, _ = drain(load([Folder(tmp_path, **meaning)]), events.append)
    assert names(of_folder) == names(of_layers) == ["film_t0", "film_t2"]
    for a, b in zip(of_folder, of_layers, strict=True):
        np.testing.assert_array_equal(a.labels, b.labels)
        np.testing.assert_array_equal(a.mask, b.mask)
    notes = " ".join(e.text for e in events if isinstance(e, Note))
    assert "time points without labels were left out" in notes
    with pytest.raises(ValueError, match="0 is the background already"):
        drain(load([Folder(tmp_path, background=99)]))


def test_marked_pairs_validate_and_all_others_train():
    items = [pair(0), pair(1, use="validation"), pair(2, use="training")]
    training, validation = drain(load(items))
    assert names(training) == ["image 0", "image 2"]
    assert names(validation) == ["image 1"]


def test_only_automatic_pairs_are_held_back():
    items = [pair(i, use="automatic" if i < 3 else "training") for i in range(5)]
    training, validation = drain(load(items, TrainConfig(validation=0.3)))
    assert len(validation) == 1
    assert validation[0].name in ("image 0", "image 1", "image 2")
    assert {"image 3", "image 4"} <= set(names(training))
    assert sorted(names(training) + names(validation)) == [
        f"image {i}" for i in range(5)
    ]


def test_few_objects_are_not_held_back():
    items = [pair(0, count=5), pair(1, use="training")]
    training, validation = drain(load(items))
    assert (len(training), validation) == (2, [])


def test_training_pairs_alone_are_not_validated():
    training, validation = drain(load([pair(use="training")]))
    assert (len(training), validation) == (1, [])


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "add an image"),
        ([pair(use="validation")], "nothing to train on"),
        ([Annotated(pair().image, np.zeros((48, 63), int))], "(48, 63)"),
        ([Annotated(film(2).image, np.zeros((48, 64), int))], "(2, 48, 64)"),
    ],
)
def test_what_cannot_be_trained_on_is_one_sentence(items, message):
    with pytest.raises(ValueError) as caught:
        drain(load(items))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_train_on_trains(tmp_path):
    items = [pair(0), pair(1, use="validation")]
    events = []
    model = drain(train_on(items, tmp_path / "m", QUICK, model=SMALL), events.append)
    assert model.card["training"]["names"] == ["image 0"]
    assert model.card["validation"]["names"] == ["image 1"]
    assert any(isinstance(e, EpochEnd) and e.objects == 12 for e in events)
    assert Model.load(tmp_path / "m").config.width == 2


def test_train_on_goes_on_from_a_model(tmp_path, trained):
    model = drain(train_on([pair()], tmp_path / "m", QUICK, init=str(trained)))
    assert model.config == Model.load(trained).config
    assert model.card["init"] == Model.load(trained).hash()
