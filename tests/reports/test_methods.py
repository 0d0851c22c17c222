"""The text for a paper says what was done, for every network and formulation."""

import pytest

from napari_unet.config import ModelConfig, PredictConfig, TrainConfig
from napari_unet.formulations import formulation_of
from napari_unet.models.store import BUILT_IN, read_header, read_weights
from napari_unet.networks import NETWORKS
from napari_unet.networks.pixel_classifiers import CLASSIFIERS
from napari_unet.reports.methods import NETWORKS as NAMES
from napari_unet.reports.methods import segmentation_text, training_text


def header(config, **card):
    thresholds = formulation_of(config).thresholds
    return {
        "config": config.model_dump(mode="json"),
        "thresholds": thresholds,
        "card": card,
    }


@pytest.mark.parametrize("formulation", ["instances", "semantic"])
@pytest.mark.parametrize("network", [*NETWORKS, *CLASSIFIERS])
def test_every_model_has_a_text(network, formulation):
    assert set(NAMES) == {*NETWORKS, *CLASSIFIERS}
    config = ModelConfig(network=network, formulation=formulation)
    text = segmentation_text("mine", header(config), PredictConfig())
    assert NAMES[network] in text and "“mine”" in text
    assert ("watershed" in text) == (formulation == "instances")
    assert "  " not in text and text.endswith(".") and "None" not in text


def test_the_text_of_the_built_in_model():
    known = read_header(read_weights(BUILT_IN / "nuclei"), "nuclei")
    text = training_text("nuclei", known)
    for part in (
        "The model “nuclei” is a 2D U-Net (Ronneberger et al. 2015), 4 poolings, 24 ",
        "best after 1,400 steps of 8 crops of 128 x 128 px (AdamW, learning rate 0.",
        "loss ce+dice, seed 0, PyTorch 2.13.0)",
        "started from the model with the hash ",
        "On 2,866 objects in 60 images that were held back",
        "AP50 0.745",
    ):
        assert part in text, text
    whole = segmentation_text("nuclei", known, PredictConfig())
    assert whole.endswith(text)
    assert "The diameter of the objects was estimated in each image" in whole


def test_options_that_were_given_are_in_the_text():
    model = ModelConfig(object_size=20.0)
    config = PredictConfig(
        threshold=0.31,
        score=0.42,
        smallest=53,
        object_size=64,
        intensity=((3,), (97,)),
        accurate=True,
    )
    text = segmentation_text("mine", header(model), config)
    for part in (
        "foreground is above 0.31",
        "fewer than 53 px",
        "foreground below 0.42",
        "taken to be 64 px, and images were resampled until it is 20 px",
        "Intensities of 3 became 0 and of 97 became 1",
        "mirrored images",
    ):
        assert part in text, text


def test_options_of_the_training_are_in_the_text():
    options = TrainConfig(optimizer="adam", rate=0.02, loss="focal")
    card = {
        "steps": 12,
        "options": options.model_dump(mode="json", exclude_defaults=True),
        "data": [{"objects": 4}, {"objects": 3}],
    }
    text = training_text("mine", header(ModelConfig(), **card))
    assert "from 2 images with 7 objects" in text
    assert "12 steps (Adam, learning rate 0.02, loss focal, seed 0)" in text
    assert "held back" not in text
