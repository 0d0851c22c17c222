"""Options: frozen, bounded, described; errors are one plain sentence each."""

import json
import subprocess
import sys

import pytest
from pydantic import ValidationError

from napari_unet.config import (
    PRESETS,
    AugmentConfig,
    ModelConfig,
    PredictConfig,
    TrainConfig,
    checked,
)
from napari_unet.config.base import group_of, label_of

CONFIGS = [ModelConfig, AugmentConfig, TrainConfig, PredictConfig]


@pytest.mark.parametrize("kind", CONFIGS)
def test_defaults_are_valid_and_survive_json(kind):
    config = kind()
    assert kind.model_validate_json(config.model_dump_json()) == config
    assert kind.model_validate(json.loads(json.dumps(config.model_dump()))) == config


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_field_is_described(kind):
    for name, field in kind.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize("kind", CONFIGS)
def test_labels_are_written_alike_and_differ(kind):
    labels = [label_of(name, field) for name, field in kind.model_fields.items()]
    assert len(set(labels)) == len(labels)
    for label in labels:
        assert label[0].isupper() and "_" not in label and len(label) < 26, label


def test_few_options_are_in_no_group():
    def at_hand(kind):
        return {n for n, info in kind.model_fields.items() if not group_of(info)}

    assert at_hand(PredictConfig) == {
        *("threshold", "score", "smallest", "object_size", "link", "intensity"),
        "accurate",
    }
    assert at_hand(TrainConfig) == {
        *("minutes", "patch", "batch", "rate", "validation", "augment")
    }


@pytest.mark.parametrize("kind", CONFIGS)
def test_frozen_and_strict_about_names(kind):
    config = kind()
    name = next(iter(kind.model_fields))
    with pytest.raises(ValidationError):
        setattr(config, name, getattr(config, name))
    with pytest.raises(ValueError, match="^widht: is not an option; check its spell"):
        checked(kind, {"widht": 3})


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (ModelConfig, {"depth": 0}, "depth: .*greater than or equal to 1, got 0"),
        (ModelConfig, {"width": 1}, "width: .*greater than or equal to 2, got 1"),
        (ModelConfig, {"ndim": 4}, "ndim: .*2 or 3, got 4"),
        (
            ModelConfig,
            {"norm": "layer"},
            "norm: .*'batch', 'group' or 'none', got 'layer'",
        ),
        (ModelConfig, {"dropout": 1.0}, "dropout: .*less than 1 or .*, got 1.0"),
        (ModelConfig, {"dropout": (0.1, 0.2)}, "dropout has 2 rates but .* 5 levels"),
        (ModelConfig, {"strides": ((2, 2),)}, "strides has 1 levels but depth is 4"),
        (
            ModelConfig,
            {"depth": 1, "strides": ((2, 9),)},
            "strides .* must hold 2 numbers from 1 to 4",
        ),
        (
            ModelConfig,
            {"depth": 1, "ndim": 3, "strides": ((2, 2),)},
            "must hold 3 numbers",
        ),
        (ModelConfig, {"percentiles": (99, 1)}, "percentiles .*must rise within 0 to"),
        (ModelConfig, {"percentiles": (-1, 99)}, "percentiles .*must rise"),
        (ModelConfig, {"classes": ()}, "classes .*must be label values"),
        (ModelConfig, {"classes": (0, 1)}, "classes .*must be label values from 1"),
        (ModelConfig, {"classes": (2**31,)}, "classes .*to 2147483647"),
        (ModelConfig, {"classes": (2, 2)}, "classes .*must differ"),
        (ModelConfig, {"class_colours": ("red",)}, "class_colours holds 'red'; write"),
        (TrainConfig, {"class_weights": "rare"}, "class_weights: .*got 'rare'"),
        (ModelConfig, {"object_size": 0}, "object_size: .*greater than 0, got 0"),
        (TrainConfig, {"minutes": 1, "steps": 5}, "minutes and steps are given; choo"),
        (TrainConfig, {"minutes": -1}, "minutes: .*greater than 0, got -1"),
        (TrainConfig, {"patch": 4}, "patch 4 must lie within 8 to 4096 px"),
        (TrainConfig, {"patch": (64, 9999)}, "patch .*must lie within 8 to 4096 px"),
        (TrainConfig, {"validation": 1}, "validation: .*less than 1, got 1"),
        (TrainConfig, {"rate": 0}, "rate: .*greater than 0, got 0"),
        (TrainConfig, {"augment": {"noise": 2}}, "augment.noise: .*got 2"),
        (PredictConfig, {"threshold": 1}, "threshold: .*less than 1, got 1"),
        (PredictConfig, {"tile": 8}, "tile: .*greater than or equal to 32, got 8"),
        (PredictConfig, {"intensity": ((0,), (1, 2))}, "as many low as high values"),
        (PredictConfig, {"intensity": ((5,), (5,))}, "each low one below its high"),
    ],
)
def test_out_of_range_options_are_one_sentence(kind, options, message):
    with pytest.raises(ValueError, match=message) as error:
        checked(kind, options)
    text = str(error.value)
    assert "\n" not in text and "pydantic" not in text and "https" not in text


def test_several_wrong_options_are_told_at_once():
    with pytest.raises(ValueError, match=r"^depth: .*, got 0; width: .*, got 0$"):
        checked(ModelConfig, {"depth": 0, "width": 0})


@pytest.mark.parametrize("word", ["one", (1, "two")])
def test_a_word_where_a_number_belongs(word):
    with pytest.raises(ValueError, match="patch") as error:
        checked(TrainConfig, {"patch": word})
    assert "int" not in str(error.value).replace("integer", "")


def test_replace_checks_and_keeps_what_was_left_open():
    config = TrainConfig(steps=5, augment=AugmentConfig(noise=0.5))
    changed = config.replace(batch=3)
    assert (changed.steps, changed.batch, changed.augment.noise) == (5, 3, 0.5)
    assert changed.model_fields_set == {"steps", "augment", "batch"}
    assert config.batch is None
    with pytest.raises(ValueError, match="batch"):
        config.replace(batch=0)


def test_channels_of_the_network():
    assert ModelConfig().channels == 1
    assert ModelConfig(input="rgb").channels == 3
    assert ModelConfig(input=("DAPI", "actin")).channels == 2


def test_the_guide_preset_is_the_guide():
    guide = PRESETS["guide"]
    model = checked(ModelConfig, guide["model"])
    train = checked(TrainConfig, guide["train"])
    assert (model.width, model.depth, model.norm) == (16, 4, "none")
    assert model.formulation == "semantic" and len(model.classes) == 1
    assert len(model.dropout) == 5
    assert (train.optimizer, train.rate, train.loss) == ("adam", 1e-3, "ce")
    assert (train.batch, train.epochs, train.patience) == (16, 25, 2)
    assert train.validation == 0.1 and not train.thresholds and train.average == 0
    neutral = train.augment
    assert not (neutral.flips or neutral.turns or neutral.noise or neutral.blur)
    assert neutral.scaling == neutral.gamma == 1


def test_options_load_without_torch():
    code = "import sys, napari_unet.config; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
