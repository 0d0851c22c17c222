"""What a model is: the options of its network and of what it predicts."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from napari_unet.config.base import Config

Rate = Annotated[float, Field(ge=0, lt=1)]
Micrometres = Annotated[float, Field(gt=0, le=1_000_000)]


class ModelConfig(Config):
    """What a model is: the network, what it predicts, what it expects of an image."""

    network: str = Field(
        "unet",
        description="Architecture of the network: unet, residual, unet++, attention, "
        "dense or fcn; or, to compare with, a pixel classifier: forest, tree or svm.",
    )
    formulation: str = Field(
        "instances",
        description="What is learnt: instances (every object) or semantic (classes).",
    )
    ndim: Literal[2, 3] = Field(2, description="Spatial axes of the network.")
    input: Literal["grey", "rgb"] | tuple[str, ...] = Field(
        "grey",
        description="Expected image: grey, rgb (grey is repeated), or channel names.",
    )
    depth: int = Field(
        4, title="Depth (poolings)", ge=1, le=7, description="Number of poolings."
    )
    width: int = Field(
        16,
        title="Width (features)",
        ge=2,
        le=256,
        description="Features of the first level; they double below.",
    )
    norm: Literal["batch", "group", "none"] = Field(
        "batch",
        title="Normalisation",
        description="Normalisation after each convolution; with group, tiles of a "
        "large image differ at their seams.",
    )
    dropout: Rate | tuple[Rate, ...] = Field(
        0.0,
        description="Dropout between the two convolutions of a level: one rate, or one "
        "a level from the top to the bottleneck.",
    )
    upsampling: Literal["transposed", "interpolate"] = Field(
        "transposed",
        description="2x2 transposed convolution, or interpolation and convolution.",
    )
    strides: tuple[tuple[int, ...], ...] | None = Field(
        None,
        description="Pooling per axis, one tuple per level; None: 2 everywhere. Voxels "
        "that are deep in Z are pooled less there.",
    )
    stem: Literal[1, 2] = Field(
        1,
        title="Stem",
        description="2: the levels work at half resolution, and logits are of the full "
        "one; faster, and wants twice the width and a depth of one less.",
    )
    classes: tuple[int, ...] = Field(
        (1,), description="Label values that a semantic model tells apart, without 0."
    )
    class_names: tuple[str, ...] = Field(
        (), description="Names of the classes, in the order of their values."
    )
    class_colours: tuple[str, ...] = Field(
        (),
        description="Colours of the classes, such as #e69f00, in the order of their "
        "values.",
    )
    border_width: int = Field(
        1,
        title="Border (px)",
        ge=1,
        le=3,
        description="Half the width of the touching border, in px.",
    )
    percentiles: tuple[float, float] = Field(
        (1.0, 99.8), description="Percentiles of an image that become 0 and 1."
    )
    object_size: float | None = Field(
        None,
        gt=0,
        le=100_000,
        description="Diameter of the objects that the network knows, in px: half of "
        "all labelled pixels lie in smaller ones.",
    )
    any_size: bool = Field(
        False,
        description="Images of any magnification (2D instances): training images are "
        "resampled to one object size, and the size in a new image is estimated. Left "
        "out: where the objects of the images differ twofold.",
    )
    spacing: tuple[Micrometres, ...] | None = Field(
        None, description="µm per pixel of the training images, along each axis."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.strides is not None:
            if len(self.strides) != self.depth:
                raise ValueError(
                    f"strides has {len(self.strides)} levels but depth is "
                    f"{self.depth}; give one tuple per pooling"
                )
            if any(
                len(s) != self.ndim or not all(1 <= v <= 4 for v in s)
                for s in self.strides
            ):
                raise ValueError(
                    f"strides {self.strides} must hold {self.ndim} numbers from 1 to 4 "
                    "a level"
                )
        if isinstance(self.dropout, tuple) and len(self.dropout) != self.depth + 1:
            raise ValueError(
                f"dropout has {len(self.dropout)} rates but there are {self.depth + 1} "
                "levels; give one rate, or one per level"
            )
        if self.any_size and (self.ndim != 2 or self.formulation != "instances"):
            raise ValueError(
                f"any_size is given for {self.formulation} in {self.ndim}D; it needs "
                "instances in 2D"
            )
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise ValueError(
                f"percentiles {self.percentiles} must rise within 0 to 100"
            )
        if self.spacing is not None and len(self.spacing) != self.ndim:
            axes = "YX" if self.ndim == 2 else "ZYX"
            raise ValueError(
                f"spacing {self.spacing} must hold {self.ndim} numbers, one for each "
                f"of {axes}"
            )
        self._check_names()
        return self

    def _check_names(self) -> None:
        """Raise a ValueError where channels or classes cannot be told apart."""
        if isinstance(self.input, tuple) and (
            len(set(self.input)) < len(self.input) or not 0 < len(self.input) <= 1024
        ):
            raise ValueError(
                f"input {self.input} must name 1 to 1024 channels, each another"
            )
        if not self.classes or not all(0 < c < 2**31 for c in self.classes):
            raise ValueError(
                f"classes {self.classes} must be label values from 1 to 2147483647"
            )
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes {self.classes} must differ")
        for colour in self.class_colours:
            if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
                raise ValueError(
                    f"class_colours holds {colour!r}; write a colour as #rrggbb"
                )

    @property
    def names(self) -> dict[int, str]:
        """Name of each class that has one."""
        return dict(zip(sorted(self.classes), self.class_names, strict=False))

    @property
    def colours(self) -> dict[int, str]:
        """Colour of each class that has one."""
        return dict(zip(sorted(self.classes), self.class_colours, strict=False))

    @property
    def channels(self) -> int:
        """Number of channels that enter the network."""
        if isinstance(self.input, tuple):
            return len(self.input)
        return {"grey": 1, "rgb": 3}[self.input]


CLASSIFIER_NAMES = ("forest", "tree", "svm")
OF_NETWORKS = {
    *("depth", "width", "norm", "dropout", "upsampling", "strides", "stem"),
    *("patch", "batch"),
    *("rate", "warmup", "decay", "optimizer", "average", "patience", "class_weights"),
    *("augment", "rehearsal", "keep_crops"),
}
"""Options, of a model and of its training, that no pixel classifier uses."""
