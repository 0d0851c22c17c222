"""What the data decide: the model's input, strides and classes; patch and batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_unet.config import ModelConfig, TrainConfig
from napari_unet.data.samples import Sample, split
from napari_unet.data.sizes import KNOWN_SIZE, typical_size
from napari_unet.networks.pixel_classifiers import CLASSIFIERS

# Pixels per step. Half as many and twice the steps learn faster: after the same pixels
# of DSB2018, mean9 on held-back training images is .437 with 2**17 and .422 with 2**18.
PIXELS_PER_STEP = 2**17
VOXELS_PER_STEP = 2**18
# Below this many annotated objects a held-back part would be too small to judge by,
# and too dear to lose.
LEAST_OBJECTS = 20
MOST_EPOCH_STEPS = 200
# Fewer held-back objects than this would pick model and thresholds by chance.
LEAST_JUDGES = 8
# More label values than this are the numbers of objects.
MOST_CLASSES = 20
# Images whose objects differ by more than this are resampled to one object size.
DIFFERENT_SIZES = 2.0
# A patch should hold a few objects and their surroundings.
PATCH_IN_OBJECTS = 4


def complete(config: ModelConfig, samples: Sequence[Sample]) -> ModelConfig:
    """Fill in what the user left open from samples, which must be of one kind."""
    given = config.model_fields_set
    ndim = samples[0].ndim
    for sample in samples:
        if sample.ndim != ndim:
            raise ValueError(
                f"{sample.name} is {sample.ndim}D but {samples[0].name} is {ndim}D; "
                "train on images of one kind"
            )
    changes: dict[str, Any] = {"ndim": ndim}
    if "ndim" in given and config.ndim != ndim:
        raise ValueError(
            f"{samples[0].name}: the images are {ndim}D but the model is "
            f"{config.ndim}D; leave ndim out, or choose {ndim}"
        )
    if "input" not in given:
        changes["input"] = _input_of(samples)
    if config.formulation == "semantic" and "classes" not in given:
        changes["classes"] = _classes_of(samples)
    if config.formulation == "instances":
        scaled = config.network not in CLASSIFIERS  # which learn no size
        if not scaled and config.any_size:
            raise ValueError(
                f"any_size is given for network {config.network}, which cannot tell "
                "sizes; leave it out, or choose another network"
            )
        if "any_size" not in given:
            changes["any_size"] = scaled and ndim == 2 and _differ_in_size(samples)
        if config.object_size is None:
            any_size = changes.get("any_size", config.any_size)
            changes["object_size"] = KNOWN_SIZE if any_size else typical_size(samples)
    if "border_width" not in given:
        size = changes.get("object_size") or config.object_size or 0
        changes["border_width"] = 1 if size < 12 else 2 if size < 80 else 3
    if config.spacing is None:
        changes["spacing"] = samples[0].spacing
    if ndim == 3 and "depth" not in given:
        changes["depth"] = 2  # a deep 3D halo eats the tile
    if ndim == 3 and config.strides is None and samples[0].spacing:
        changes["strides"] = strides_for(
            samples[0].spacing, changes.get("depth", config.depth)
        )
    fitted = config.replace(**changes)
    _check_classes(fitted)
    if config.network not in CLASSIFIERS:
        _check_depth(fitted, samples)
    return fitted


def _check_depth(config: ModelConfig, samples: Sequence[Sample]) -> None:
    """Raise a ValueError where the lowest level would see nothing but padding."""
    strides = config.strides or ((2,) * config.ndim,) * config.depth
    largest = np.max([s.shape for s in samples], axis=0)
    pooled, fits = np.ones(config.ndim, int), 0
    for stride in strides:
        pooled = pooled * stride
        if (pooled >= 2 * largest).any():
            size = " x ".join(map(str, largest))
            raise ValueError(
                f"depth {config.depth} pools more than there is in an image of {size} "
                f"px; choose {max(1, fits)} or less, or give larger images"
            )
        fits += 1


def _check_classes(config: ModelConfig) -> None:
    """Raise a ValueError unless each class has a name and a colour, or none has."""
    for option in ("class_names", "class_colours"):
        given = getattr(config, option)
        if given and len(given) != len(config.classes):
            values = ", ".join(map(str, sorted(config.classes)))
            raise ValueError(
                f"{option} has {len(given)} entries but the classes are {values}; "
                "give one per class"
            )


def _classes_of(samples: Sequence[Sample]) -> tuple[int, ...]:
    """Return the label values, or 1 where they are too many to be classes."""
    values = np.unique(np.concatenate([s.objects.ids for s in samples]))
    classes = tuple(int(v) for v in values)
    return classes if 0 < len(classes) <= MOST_CLASSES else (1,)


def _input_of(samples: Sequence[Sample]) -> str | tuple[str, ...]:
    if any(s.rgb for s in samples):
        return "rgb"
    counts = {s.image.array.shape[0] for s in samples}
    if len(counts) > 1:
        first = next(s for s in samples if s.image.array.shape[0] == min(counts))
        other = next(s for s in samples if s.image.array.shape[0] == max(counts))
        raise ValueError(
            f"{first.name} has {min(counts)} channels but {other.name} has "
            f"{max(counts)}; choose one channel (command line: --channel)"
        )
    count = counts.pop()
    if count == 1:
        return "grey"
    return samples[0].channels or tuple(f"channel {i}" for i in range(count))


def strides_for(spacing: tuple[float, ...], depth: int) -> tuple[tuple[int, ...], ...]:
    """Pool an axis only while its pixels are not much deeper than the others'.

    Source: Isensee et al., Nature Methods 18, 2021 (nnU-Net).
    """
    size, strides = list(spacing), []
    for _ in range(depth):
        step = tuple(2 if s < 2 * min(size) else 1 for s in size)
        size = [s * n for s, n in zip(size, step, strict=True)]
        strides.append(step)
    return tuple(strides)


def _differ_in_size(samples: Sequence[Sample]) -> bool:
    """Return whether images differ in magnification, or in anything that looks so."""
    sizes = [size for s in samples if (size := typical_size([s])) is not None]
    if len(sizes) < 2:
        return False
    low, high = np.percentile(sizes, (10, 90))
    return bool(high >= DIFFERENT_SIZES * low)


def patch_of(
    config: TrainConfig,
    model: ModelConfig,
    samples: Sequence[Sample],
    divisor: Sequence[int],
) -> tuple[int, ...]:
    """Return the shape of the training crops; the user's must fit into every image."""
    smallest = np.min([s.shape for s in samples], axis=0)
    if config.patch is not None:
        given = config.patch
        patch = given if isinstance(given, tuple) else (given,) * model.ndim
        if len(patch) != model.ndim:
            raise ValueError(f"patch {patch} has {len(patch)} axes, not {model.ndim}")
        for sample in samples:
            if any(p > n for p, n in zip(patch, sample.shape, strict=True)):
                raise ValueError(
                    f"{sample.name}: patch {_text(patch)} is larger than the image "
                    f"{sample.shape}; choose {min(smallest)} or less, or leave it out"
                )
        return tuple(patch)
    size = model.object_size or 0.0
    if model.ndim == 2:
        edge = min(256, max(128, PATCH_IN_OBJECTS * size))
        wanted = np.array([edge, edge])
    else:
        wanted = np.array([32, 64, 64])
    # Smaller images are completed by mirroring, so the largest count.
    largest = np.max([s.shape for s in samples], axis=0)
    pairs = zip(np.minimum(wanted, largest), divisor, strict=True)
    return tuple(max(8, -(-int(p) // d) * d) for p, d in pairs)


def _text(sizes: Sequence[int]) -> str:
    same = len(set(sizes)) == 1
    return str(sizes[0]) if same else " x ".join(map(str, sizes))


def batch_of(config: TrainConfig, patch: Sequence[int]) -> int:
    """Return the number of crops per step."""
    if config.batch is not None:
        return config.batch
    budget = PIXELS_PER_STEP if len(patch) == 2 else VOXELS_PER_STEP
    return max(2, min(64, budget // math.prod(patch)))


def epoch_steps(
    samples: Sequence[Sample],
    patch: Sequence[int],
    batch: int,
    steps: int | None = None,
) -> int:
    """Return the steps between two validations: one pass over what is annotated.

    At most 200, or a fiftieth of the steps of a long run: validating takes time.
    """
    pixels = sum(
        s.labels.size if s.mask is None else int(s.mask.sum()) for s in samples
    )
    most = max(MOST_EPOCH_STEPS, (steps or 0) // 50)
    return int(np.clip(pixels // (batch * np.prod(patch)), 20, most))


def hold_back(
    samples: Sequence[Sample], config: TrainConfig, formulation: str
) -> tuple[list[Sample], list[Sample]]:
    """Divide samples into those to train on and those that judge; few all train."""
    if formulation == "instances" and _objects(samples) < LEAST_OBJECTS:
        return list(samples), []
    training, judges = split(samples, config.validation, config.seed)
    if formulation == "instances" and _objects(judges) < LEAST_JUDGES:
        return list(samples), []
    return training, judges


def _objects(samples: Sequence[Sample]) -> int:
    return sum(len(s.objects.ids) for s in samples)
