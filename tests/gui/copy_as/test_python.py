"""Copied code and copied command lines do what the press did."""

import re
import shlex

import numpy as np
import pytest
import tifffile

from napari_unet.cli import main
from napari_unet.config import AugmentConfig, ModelConfig, PredictConfig, TrainConfig
from napari_unet.data.meaning import Meaning
from napari_unet.events import drain
from napari_unet.files.readers import read_image, read_labels
from napari_unet.gui.copy_as.command import segment_command, train_command
from napari_unet.gui.copy_as.press import (
    FolderPress,
    ItemPress,
    SegmentPress,
    TrainPress,
)
from napari_unet.gui.copy_as.python import segment_python, train_python
from napari_unet.models.model import Model
from napari_unet.segmentation.segment import segment
from support.made import blobs

SHORT = TrainConfig(
    steps=3, patch=48, batch=2, warmup=2, augment=AugmentConfig(flips=False, noise=0.1)
)
SMALL = ModelConfig(depth=2, width=4)
UNKNOWN = Meaning(zero="unknown")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data set folder of three pairs, and a file of two channels."""
    root = tmp_path_factory.mktemp("code") / "it's data"
    for seed in range(3):
        sample = blobs(seed, (72, 80), 12)
        for kind, array in (
            ("images", sample.image.array[0].astype(np.uint8)),
            ("labels", sample.labels.astype(np.uint16)),
        ):
            (root / kind).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(root / kind / f"discs {seed}.tif", array)
    image = blobs(5, (72, 80), 12).image.array.astype(np.uint8)
    both = np.concatenate([np.zeros_like(image), image])
    tifffile.imwrite(root / "two.ome.tif", both, metadata={"axes": "CYX"})
    return root


def executed(code, **names):
    """Run copied code; of this package it imports the package alone."""
    assert set(re.findall(r"from (napari_unet\S*)", code)) <= {"napari_unet"}
    exec(compile(code, "<copied>", "exec"), names)
    return names


def run(command, tmp_path, monkeypatch):
    """Run the last line of a copied command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    name, *words = shlex.split(command.splitlines()[-1])
    assert name == "napari-unet"
    assert main(words) == 0


def pair(data, number, **options):
    file = f"discs {number}.tif"
    return ItemPress(
        f"discs {number}",
        data / "images" / file,
        "YX",
        f"discs {number} labels",
        data / "labels" / file,
        **options,
    )


def weights(model):
    return {k: v.numpy() for k, v in model.network.state_dict().items()}


def assert_same_training(a, b):
    assert a.config == b.config and a.thresholds == b.thresholds
    for name, value in weights(a).items():
        np.testing.assert_array_equal(value, weights(b)[name])


@pytest.mark.parametrize(
    "config",
    [
        PredictConfig(),
        PredictConfig(threshold=0.4, tile=64, accurate=True, smallest=3),
        PredictConfig(intensity=((-5.0,), (90.0,))),
    ],
)
def test_a_file_is_segmented_alike(trained, data, tmp_path, monkeypatch, config):
    file = data / "two.ome.tif"
    press = SegmentPress("two", file, "CYX", str(trained), config, 1, device="cpu")
    image = read_image(file).select(1)
    truth = drain(segment(Model.load(trained, "cpu"), image, config)).labels
    assert truth.max() > 3
    monkeypatch.chdir(tmp_path)

    executed(segment_python(press))
    assert np.array_equal(read_labels("two_segmented.tif").array, truth)

    run(segment_command(press), tmp_path, monkeypatch)
    labels = read_labels(tmp_path / "segmented" / "two_labels.tif")
    assert np.array_equal(labels.array, truth)


def test_only_what_differs_is_written(trained, data):
    file = data / "images" / "discs 0.tif"
    press = SegmentPress("discs 0", file, "YX", "nuclei", PredictConfig(score=None))
    assert "PredictConfig" not in segment_python(press)
    assert segment_command(press) == (
        f"napari-unet segment {shlex.quote(str(file))} --model nuclei "
        "--output segmented\n"
    )


def test_a_view_of_a_layer_is_segmented_alike(make_napari_viewer, trained):
    from napari_unet.gui.layers.images import image_of

    viewer = make_napari_viewer()
    film = np.stack([blobs(s, (72, 80), 12).image.array[0] for s in (1, 2)])
    layer = viewer.add_image(film, name='it\'s "a" film', scale=(1, 0.5, 0.5))
    box = (slice(1, 2), slice(8, 60), slice(0, 70))
    config = PredictConfig(score=0.1)
    press = SegmentPress(
        layer.name, None, "TYX", str(trained), config, device="cpu", box=box
    )
    image = image_of(layer, "TYX")
    model = Model.load(trained, "cpu")
    truth = drain(segment(model, image, config, box=box)).labels
    assert truth.max() > 3

    code = segment_python(press)
    assert code.startswith("# For napari's console")
    executed(code, viewer=viewer)
    labels = viewer.layers[f"{layer.name} labels"]
    assert np.array_equal(labels.data, truth)
    assert np.array_equal(labels.scale, layer.scale)

    with pytest.raises(ValueError, match="not a view"):
        segment_command(press)


def test_a_layer_with_extra_channels_is_copied_as_python_only(
    make_napari_viewer, trained
):
    viewer = make_napari_viewer()
    for name in ("a", "b"):
        viewer.add_image(np.zeros((8, 8)), name=name)
    press = SegmentPress("a", None, "YX", str(trained), PredictConfig(), extra=("b",))
    code = segment_python(press)
    names = executed(code.partition("model = ")[0], viewer=viewer)
    assert names["image"].array.shape == (2, 8, 8)
    with pytest.raises(ValueError, match="from one file"):
        segment_command(press)


def test_a_command_says_which_layer_must_be_saved(trained):
    press = SegmentPress("a/b: c", None, "YX", str(trained), PredictConfig())
    comment, command = segment_command(press).splitlines()
    assert comment == '# save the layer "a/b: c" as a_b_c.tif first'
    assert shlex.split(command)[2] == "a_b_c.tif"
    press = SegmentPress("film", None, "TYX", str(trained), PredictConfig())
    with pytest.raises(ValueError, match="TYX"):
        segment_command(press)


def test_pairs_of_files_are_trained_on_alike(data, tmp_path, monkeypatch):
    from napari_unet.training.annotated import Annotated, train_on

    items = tuple(pair(data, i) for i in range(3))
    press = TrainPress(items, tmp_path / "a", SHORT, SMALL, device="cpu")
    pairs = [
        Annotated(read_image(i.path), read_labels(i.labels_path).array) for i in items
    ]
    pressed = drain(
        train_on(pairs, tmp_path / "pressed", SHORT, model=SMALL, device="cpu")
    )
    copied = executed(train_python(press))["model"]
    assert_same_training(pressed, copied)

    command = train_command(press)
    assert shlex.split(command)[2:4] == [str(data), "--output"]  # exactly these pairs
    (tmp_path / "a").rename(tmp_path / "first")
    run(command, tmp_path, monkeypatch)
    assert_same_training(pressed, Model.load(tmp_path / "a", "cpu"))


def test_a_folder_is_trained_on_alike(data, tmp_path, monkeypatch):
    press = TrainPress((FolderPress(data),), tmp_path / "a", SHORT, SMALL, device="cpu")
    copied = executed(train_python(press))["model"]
    (tmp_path / "a").rename(tmp_path / "first")
    run(train_command(press), tmp_path, monkeypatch)
    assert_same_training(copied, Model.load(tmp_path / "a", "cpu"))


def test_layers_are_trained_on_alike(make_napari_viewer, trained, tmp_path):
    from napari_unet.gui.layers.images import image_of, labels_of
    from napari_unet.training.annotated import Annotated, train_on

    viewer = make_napari_viewer()
    pairs, items = [], []
    for seed, use in ((1, "training"), (2, "validation")):
        sample = blobs(seed, (72, 80), 12)
        image = viewer.add_image(
            np.stack([sample.image.array[0]] * 2), name=f"image {seed}"
        )
        labels = viewer.add_labels(sample.labels, name=f"labels {seed}")
        meaning = {"zero": "unknown", "background": 1, "ignore": 2}
        pairs.append(
            Annotated(
                image_of(image, "CYX", channel=1),
                labels_of(labels, "YX"),
                use,
                **meaning,
            )
        )
        options = {"use": use, "meaning": Meaning(**meaning)}
        items.append(
            ItemPress(image.name, None, "CYX", labels.name, channel=1, **options)
        )
    config = SHORT.replace(rate=5e-3)
    press = TrainPress(
        tuple(items), tmp_path / "a", config, init=str(trained), device="cpu"
    )
    pressed = drain(
        train_on(pairs, tmp_path / "b", config, init=str(trained), device="cpu")
    )
    code = train_python(press)
    assert code.startswith("# For napari's console")
    assert_same_training(pressed, executed(code, viewer=viewer)["model"])
    with pytest.raises(ValueError, match="for training only"):
        train_command(press)


def test_partly_annotated_files_are_trained_on_alike(data, tmp_path, monkeypatch):
    meaning = Meaning(zero="unknown", background=1, ignore=2)
    items = tuple(pair(data, i, meaning=meaning) for i in range(3))
    press = TrainPress(items, tmp_path / "a", SHORT, SMALL, device="cpu")
    copied = executed(train_python(press))["model"]
    (tmp_path / "a").rename(tmp_path / "first")
    command = train_command(press)
    assert "--zero unknown --background 1 --ignore 2" in command
    run(command, tmp_path, monkeypatch)
    assert_same_training(copied, Model.load(tmp_path / "a", "cpu"))


def test_the_command_line_ignores_the_same_label(data, tmp_path):
    meaning = Meaning(ignore=3)
    items = (pair(data, 0, meaning=meaning), FolderPress(data, meaning=meaning))
    words = shlex.split(train_command(TrainPress(items, tmp_path, SHORT)))
    assert words[words.index("--ignore") + 1] == "3"
    assert "ignore=3" in train_python(TrainPress(items, tmp_path, SHORT))


def test_some_pairs_of_a_folder_are_named_by_their_files(data, tmp_path):
    items = (pair(data, 2), pair(data, 0))
    words = shlex.split(train_command(TrainPress(items, tmp_path, SHORT)))
    names = [str(data / "images" / f"discs {i}.tif") for i in (2, 0)]
    assert words[2:5] == [*names, "--output"]


def test_layers_are_saved_as_a_folder_first(data, tmp_path, monkeypatch):
    painted = ItemPress(
        "discs 0", data / "images" / "discs 0.tif", "YX", "discs 0 labels"
    )
    unsaved = ItemPress("my image", None, "YX", "my labels")
    press = TrainPress((painted, unsaved), tmp_path / "a", SHORT, SMALL, device="cpu")
    *comments, command = train_command(press).splitlines()
    assert comments == [
        f"# copy {data / 'images' / 'discs 0.tif'} to training/images/discs_0.tif "
        "first",
        '# save the layer "discs 0 labels" as training/labels/discs_0.tif first',
        '# save the layer "my image" as training/images/my_image.tif first',
        '# save the layer "my labels" as training/labels/my_image.tif first',
    ]
    for kind in ("images", "labels"):
        (tmp_path / "training" / kind).mkdir(parents=True)
        for seed, name in enumerate(("discs_0", "my_image")):
            array = tifffile.imread(data / kind / f"discs {seed}.tif")
            tifffile.imwrite(tmp_path / "training" / kind / f"{name}.tif", array)
    run(command, tmp_path, monkeypatch)
    assert len(Model.load(tmp_path / "a", "cpu").card["data"]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"use": "validation"}, "for validation only"),
        ({"meaning": UNKNOWN, "right": ((slice(0, 9),) * 2,)}, "views that are right"),
        ({"extra": ("b",)}, "from one file"),
    ],
)
def test_what_the_command_line_cannot_do_is_said(data, tmp_path, options, message):
    press = TrainPress((pair(data, 0, **options),), tmp_path, SHORT)
    with pytest.raises(ValueError, match=message):
        train_command(press)
    for other in ({"channel": 0}, {"meaning": UNKNOWN}):
        press = TrainPress((pair(data, 0), pair(data, 1, **other)), tmp_path, SHORT)
        with pytest.raises(ValueError, match=f"one {next(iter(other))} for all"):
            train_command(press)


@pytest.mark.quick
def test_every_option_survives_the_command_line(data, tmp_path, monkeypatch):
    from napari_unet.cli import training

    config = TrainConfig(
        epochs=2,
        patch=(48, 64),
        batch=3,
        rate=1e-5,
        optimizer="adam",
        class_weights=(1.0, 2.5),
        thresholds=False,
        licence="CC BY 4.0",
        augment=AugmentConfig(turns=False, rotation=12.5),
    )
    model = ModelConfig(
        input=("DAPI",),
        dropout=(0.0, 0.1, 0.2),
        strides=((1, 2), (2, 2)),
        depth=2,
        classes=(3,),
        percentiles=(0.5, 99.0),
        formulation="semantic",
    )
    seen = []

    def stand_in(samples, output, config, model, *rest):
        seen.extend([config, model])
        return Model.create(ModelConfig(depth=1, width=2), device="cpu")

    monkeypatch.setattr(training, "run", stand_in)
    monkeypatch.setattr(training, "_describe", lambda *arguments: None)
    press = TrainPress((FolderPress(data),), tmp_path / "a", config, model)
    run(train_command(press), tmp_path, monkeypatch)
    assert seen == [config, model]
    assert seen[1].model_fields_set == model.model_fields_set
