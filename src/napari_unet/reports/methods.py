"""What the methods section of a paper says of a model and of a segmentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_unet.config import ModelConfig, PredictConfig, TrainConfig
from napari_unet.config.model import CLASSIFIER_NAMES
from napari_unet.config.train import RATE
from napari_unet.models.store import contents
from napari_unet.text import all_figures, counted, version

NETWORKS = {
    "unet": "U-Net (Ronneberger et al. 2015)",
    "residual": "U-Net with residual blocks (Ronneberger et al. 2015, He et al. 2016)",
    "unet++": "UNet++ (Zhou et al. 2018)",
    "attention": "Attention U-Net (Oktay et al. 2018)",
    "dense": "U-Net with dense blocks (Jegou et al. 2017)",
    "fcn": "fully convolutional network (Long et al. 2015)",
    "forest": "random forest on filtered pixels",
    "tree": "decision tree on filtered pixels",
    "svm": "support vector machine on filtered pixels",
}
OBJECTS = (
    "Objects were grown by a watershed from seeds, in which the foreground is above "
    "{foreground:.3g}, the border between touching objects below {border:.3g} and the "
    "distance to the edge above {distance:.3g} of its largest value."
)


def training_text(name: str, header: Mapping[str, Any]) -> str:
    """Return a paragraph on how a model was trained, and how good it is.

    The parameters are those of :func:`napari_unet.models.card.describe`.
    """
    config, _, card = contents(header)
    return " ".join(_training(name, config, card))


def segmentation_text(
    name: str, header: Mapping[str, Any], config: PredictConfig
) -> str:
    """Return a paragraph on how images were segmented with a model and these options.

    `name` and `header` are those of :func:`napari_unet.models.card.describe`.
    """
    known, thresholds, card = contents(header)
    sentences = [
        f"Images were segmented with napari-unet-live {version()} and the model "
        f"“{name}”.",
        _intensities(known, config),
        *_sizes(known, config),
        *_decoding(known, thresholds, config),
        *_training(name, known, card),
    ]
    return " ".join(sentences)


def _training(name: str, config: ModelConfig, card: Mapping[str, Any]) -> list[str]:
    instances = config.formulation == "instances"
    what = "objects" if instances else "classes"
    shape = "" if config.network in CLASSIFIER_NAMES else f", {_shape(config)}"
    network = NETWORKS.get(config.network, config.network)
    sentences = [
        f"The model “{name}” is a {config.ndim}D {network}{shape}; it learnt {what}"
        f"{_data(card, instances)}."
    ]
    if card.get("steps") and config.network not in CLASSIFIER_NAMES:
        sentences.append(_steps(card))
    if "init" in card:
        sentences.append(f"It started from the model with the hash {card['init']}.")
    found = card.get("validation", {})
    if "figures" in found:
        sentences.append(
            f"On {counted(found['objects'], 'object')} in "
            f"{counted(found['images'], 'image')} that were held back, and on which "
            f"the best weights and the thresholds were chosen, it reached "
            f"{all_figures(found['figures'])}."
        )
    return sentences


def _shape(config: ModelConfig) -> str:
    norm = "no" if config.norm == "none" else config.norm
    return (
        f"{config.depth} poolings, {config.width} features on the first level, "
        f"{norm} normalisation"
    )


def _data(card: Mapping[str, Any], instances: bool) -> str:
    data = card.get("data", [])
    if not data or not instances:
        return f" from {counted(len(data), 'image')}" if data else ""
    objects = sum(entry.get("objects", 0) for entry in data)
    return f" from {counted(len(data), 'image')} with {counted(objects, 'object')}"


def _steps(card: Mapping[str, Any]) -> str:
    options = {**TrainConfig().model_dump(), **card.get("options", {})}
    rate = card.get("rate") or options["rate"] or RATE
    patch = " x ".join(map(str, card.get("patch", ())))
    crops = f" of {card['batch']} crops of {patch} px" if "batch" in card else ""
    optimiser = {"adam": "Adam", "adamw": "AdamW"}[options["optimizer"]]
    torch = str(card.get("versions", {}).get("torch", "")).partition("+")[0]
    return (
        f"It is the best after {card['steps']:,} steps{crops} ({optimiser}, learning "
        f"rate {rate:g}, loss {options['loss']}, seed {card.get('seed', 0)}"
        f"{f', PyTorch {torch}' if torch else ''})."
    )


def _intensities(model: ModelConfig, config: PredictConfig) -> str:
    if config.intensity is not None:
        low, high = (", ".join(f"{v:g}" for v in side) for side in config.intensity)
        return f"Intensities of {low} became 0 and of {high} became 1."
    first, last = model.percentiles
    return (
        f"Intensities were scaled so that the percentiles {first:g} and {last:g} of "
        "each image became 0 and 1."
    )


def _sizes(model: ModelConfig, config: PredictConfig) -> list[str]:
    if config.object_size is not None and model.object_size:
        how = f"taken to be {config.object_size:g} px"
    elif model.any_size:
        how = "estimated in each image"
    else:
        return []
    return [
        f"The diameter of the objects was {how}, and images were resampled until it is "
        f"{model.object_size:g} px."
    ]


def _decoding(
    model: ModelConfig, thresholds: Mapping[str, float], config: PredictConfig
) -> list[str]:
    values = config.over(thresholds)
    mirrored = ["Maps were averaged over mirrored images."] if config.accurate else []
    if model.formulation != "instances":
        if len(model.classes) > 1:
            return [*mirrored, "Each pixel was given its most probable class."]
        least = values.get("foreground", 0.5)
        return [*mirrored, f"A pixel belongs to the class above {least:.3g}."]
    return [
        *mirrored,
        OBJECTS.format(**values),
        f"Objects of fewer than {values['smallest']:.0f} px, or of a mean foreground "
        f"below {values.get('score', 0.0):.3g}, were left out.",
    ]
