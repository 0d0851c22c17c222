"""How training images are varied, see :mod:`napari_unet.training.augment`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from napari_unet.config.base import MORE, Config, Precision


class AugmentConfig(Config):
    """How training images are varied. All at their neutral value: not at all."""

    flips: bool = Field(True, description="Mirror images.")
    turns: bool = Field(
        True,
        title="Quarter turns",
        description="Quarter turns (3D: in planes of equal spacing).",
    )
    rotation: float = Field(
        0.0,
        title="Rotation (± °)",
        ge=0,
        le=180,
        description="Rotation in the YX plane by up to ± degrees.",
    )
    scaling: float = Field(
        1.4,
        title="Scaling (factor)",
        ge=1,
        le=4,
        description="Zoom between 1/scaling and scaling.",
    )
    elastic: float = Field(
        0.0,
        title="Elastic (px)",
        ge=0,
        le=20,
        description="Elastic deformation, standard deviation in px.",
    )
    brightness: float = Field(
        0.1,
        title="Brightness (±)",
        ge=0,
        le=1,
        description="Shift of the intensities by up to ±.",
    )
    contrast: float = Field(
        0.3,
        title="Contrast (±)",
        ge=0,
        le=0.9,
        description="Gain between 1 - contrast and 1 + contrast.",
    )
    gamma: float = Field(
        1.4,
        title="Gamma (factor)",
        ge=1,
        le=4,
        description="Gamma between 1/gamma and gamma.",
    )
    noise: float = Field(
        0.05,
        title="Noise (up to)",
        ge=0,
        le=1,
        description="Gaussian noise, standard deviation up to.",
    )
    background: float = Field(
        0.0,
        title="Background (up to)",
        ge=0,
        le=2,
        description="Uneven background: smooth light added, up to.",
    )
    debris: float = Field(
        0.0,
        title="Debris (part)",
        ge=0,
        le=1,
        description="Part of the crops onto which specks are put.",
    )
    colour: float = Field(
        0.0,
        title="Colour (part)",
        ge=0,
        le=1,
        description="Models of RGB: part of the crops whose colours are changed or "
        "lost; grey ones are coloured like a merge of fluorescence channels.",
    )
    blur: float = Field(
        0.0,
        title="Blur (px)",
        ge=0,
        le=5,
        description="Gaussian blur up to sigma, in px.",
    )
    inversion: float = Field(
        0.0,
        title="Inversion (part)",
        ge=0,
        le=1,
        description="Part of the images that are inverted.",
    )
    part: float = Field(
        0.5,
        title="Moved or blurred (part)",
        ge=0,
        le=1,
        description="Part of the crops that are rotated, scaled, deformed or blurred.",
    )


Weight = Annotated[float, Field(ge=0, le=1_000_000)]
RATE = 2e-3
"""Learning rate of a training from nothing."""


class TrainConfig(Config):
    """How a model is trained. At most one of minutes, steps and epochs is given."""

    minutes: float | None = Field(
        None, gt=0, le=1_000_000, description="Train for so many minutes."
    )
    steps: int | None = Field(
        None,
        json_schema_extra=MORE,
        ge=1,
        le=1_000_000_000,
        description="Train for so many steps.",
    )
    epochs: int | None = Field(
        None,
        json_schema_extra=MORE,
        ge=1,
        le=1_000_000,
        description="Train for so many epochs (the steps between two validations).",
    )
    patch: int | tuple[int, ...] | None = Field(
        None,
        title="Patch (px)",
        description="Edge of the training crops in px; None: chosen from the data.",
    )
    batch: int | None = Field(
        None,
        title="Batch (crops)",
        ge=1,
        le=1024,
        description="Crops per step; None: chosen from the patch.",
    )
    rate: float | None = Field(
        None,
        title="Learning rate",
        gt=0,
        le=1,
        description="Learning rate after warm-up; None: 2e-3, less where the model to "
        "start from knows such objects already.",
    )
    rehearsal: float = Field(
        0.5,
        json_schema_extra=MORE,
        title="Rehearsal (part)",
        ge=0,
        le=0.9,
        description="Part of the crops that are those which the model to start from "
        "brings along, so that it forgets less; 0: none.",
    )
    warmup: int = Field(
        100,
        json_schema_extra=MORE,
        title="Warm-up (steps)",
        ge=0,
        le=100_000,
        description="Steps over which the rate rises.",
    )
    decay: float = Field(
        0.3,
        json_schema_extra=MORE,
        title="Decay (part)",
        ge=0,
        le=0.9,
        description="Last part of the training over which the rate falls to 0, unless "
        "labels came meanwhile; 0: it stays.",
    )
    optimizer: Literal["adamw", "adam"] = Field(
        "adamw",
        json_schema_extra=MORE,
        description="Adam with decoupled weight decay, or plain Adam.",
    )
    average: float = Field(
        0.998,
        json_schema_extra=MORE,
        ge=0,
        lt=1,
        description="Weights are averaged over about 1 / (1 - average) steps; 0: not.",
    )
    loss: str = Field(
        "ce+dice",
        json_schema_extra=MORE,
        description="Loss of the class maps: ce, dice, ce+dice, focal or tversky.",
    )
    class_weights: Literal["frequencies"] | tuple[Weight, ...] | None = Field(
        None,
        json_schema_extra=MORE,
        description="Weight of background and each class in the cross-entropy; "
        "frequencies: the rarer, the more.",
    )
    validation: float = Field(
        0.1,
        title="Validation (part)",
        ge=0,
        lt=1,
        description="Part of the data kept for validation.",
    )
    patience: int | None = Field(
        None,
        json_schema_extra=MORE,
        title="Patience (epochs)",
        ge=1,
        le=1_000_000,
        description="Stop after so many epochs without a better one.",
    )
    thresholds: bool = Field(
        True,
        json_schema_extra=MORE,
        title="Search thresholds",
        description="Search the thresholds on the validation data.",
    )
    keep_crops: bool = Field(
        True,
        json_schema_extra=MORE,
        description="Keep up to 2 MB of the training crops with the model, which later "
        "trainings that start from it rehearse.",
    )
    augment: AugmentConfig = Field(
        default_factory=AugmentConfig,
        title="Augmentation",
        description="How training images are varied.",
    )
    licence: str = Field(
        "not stated",
        json_schema_extra=MORE,
        description="Licence of the training data, for the model card.",
    )
    seed: int = Field(
        0, json_schema_extra=MORE, ge=0, lt=2**31, description="Seed of all randomness."
    )
    precision: Precision = Field("auto", json_schema_extra=MORE)

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        given = [n for n in ("minutes", "steps", "epochs") if getattr(self, n)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are given; choose one of them")
        edges = self.patch if isinstance(self.patch, tuple) else (self.patch,)
        if any(e is not None and not 8 <= e <= 4096 for e in edges):
            raise ValueError(f"patch {self.patch} must lie within 8 to 4096 px")
        return self
