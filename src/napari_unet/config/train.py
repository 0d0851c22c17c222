"""How training images are varied, see :mod:`napari_unet.training.augment`."""

from __future__ import annotations

from pydantic import Field

from napari_unet.config.base import Config


class AugmentConfig(Config):
    """How training images are varied. All at their neutral value: not at all."""

    flips: bool = Field(True, description="Mirror images.")
    turns: bool = Field(
        True, description="Quarter turns (3D: in planes of equal spacing)."
    )
    rotation: float = Field(
        0.0, ge=0, le=180, description="Rotation in the YX plane by up to ± degrees."
    )
    scaling: float = Field(
        1.4, ge=1, le=4, description="Zoom between 1/scaling and scaling."
    )
    elastic: float = Field(
        0.0, ge=0, le=20, description="Elastic deformation, standard deviation in px."
    )
    brightness: float = Field(
        0.1, ge=0, le=1, description="Shift of the intensities by up to ±."
    )
    contrast: float = Field(
        0.3, ge=0, le=0.9, description="Gain between 1 - contrast and 1 + contrast."
    )
    gamma: float = Field(
        1.4, ge=1, le=4, description="Gamma between 1/gamma and gamma."
    )
    noise: float = Field(
        0.05, ge=0, le=1, description="Gaussian noise, standard deviation up to."
    )
    background: float = Field(
        0.0, ge=0, le=2, description="Uneven background: smooth light added, up to."
    )
    debris: float = Field(
        0.0, ge=0, le=1, description="Part of the crops onto which specks are put."
    )
    colour: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Models of RGB: part of the crops whose colours are changed or "
        "lost; grey ones are coloured like a merge of fluorescence channels.",
    )
    blur: float = Field(
        0.0, ge=0, le=5, description="Gaussian blur up to sigma, in px."
    )
    inversion: float = Field(
        0.0, ge=0, le=1, description="Part of the images that are inverted."
    )
    part: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Part of the crops that are rotated, scaled, deformed or blurred.",
    )
