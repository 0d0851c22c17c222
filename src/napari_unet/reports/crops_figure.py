"""Pictures of the crops that a training draws, with what is to be learnt over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.boxes import nearest
from napari_unet.colours import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from napari_unet.config import ModelConfig
from napari_unet.models.thumbnail import in_colours, outlines, png
from napari_unet.reports.figures import save

if TYPE_CHECKING:
    from napari_unet.reports.crops import Crops, Source

EDGE = 192
"""Longer edge of a crop in a picture, px."""
ROWS, COLUMNS = 3, 4
GAP = 4
WHITE = 255
COLOURS = (ORANGE, SKY, GREEN, PURPLE, VERMILION, BLUE)
# How much of the image shows through where objects touch, and where nothing is known.
TOUCHING, UNKNOWN = 0.4, 0.45


def tiles(crops: Crops, config: ModelConfig, edge: int = EDGE) -> list[np.ndarray]:
    """Draw crops, each with what the network is to say of it; of stacks, middle planes.

    Each is (height, width, 3) uint8, `edge` px long on its longer side.
    """
    if config.ndim == 3:
        middle = crops.image.shape[2] // 2
        planes = {name: array[:, :, middle] for name, array in vars(crops).items()}
        crops = replace(crops, **planes)
    pictures = []
    for image, target, weight in zip(
        crops.image, crops.target, crops.weight, strict=True
    ):
        picture = _enlarged(image, config.input == "rgb", edge)
        height, width = picture.shape[:2]
        index = nearest(weight.shape[1:], (height, width))
        known = weight[0][index] > 0
        picture[~known] *= UNKNOWN
        shown = np.where(weight > 0, target, 0)
        maps = [one[index] for one in shown]
        _draw(picture, maps, config)
        pictures.append(picture.round().astype(np.uint8))
    return pictures


def save_picture(found: Source, path: str | Path) -> None:
    """Draw crops on the left, and without augmentation on the right; a PNG file."""
    count, config = ROWS * COLUMNS, found.model.config
    sides = [
        side_by_side(tiles(crops, config))
        for crops in (found.crops(count), found.plain(count))
    ]
    save(png(side_by_side(sides, 2, 6 * GAP)), path)


def side_by_side(
    pictures: Sequence[np.ndarray], columns: int = COLUMNS, gap: int = GAP
) -> np.ndarray:
    """Put pictures of one size side by side, on white; (height, width, 3) uint8."""
    high, wide = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    columns = min(columns, len(pictures))
    size = (rows * (high + gap) - gap, columns * (wide + gap) - gap, 3)
    whole = np.full(size, WHITE, np.uint8)
    for number, picture in enumerate(pictures):
        y, x = divmod(number, columns)
        top, left = y * (high + gap), x * (wide + gap)
        whole[top : top + high, left : left + wide] = picture
    return whole


def legend(config: ModelConfig, unknown: bool = False) -> list[tuple[str, str]]:
    """Return the colours in the pictures, as ``#rrggbb``, and what they stand for.

    `unknown`: crops hold places where nothing is known, which are darker, of no colour.
    """
    if config.formulation == "instances":
        found = [(ORANGE, "outlines of objects"), (BLUE, "where objects touch")]
    else:
        values = sorted(config.classes)
        names = [config.names.get(value, f"class {value}") for value in values]
        found = list(zip(_class_colours(config), names, strict=True))
    return [*found, ("", "darker: not annotated")] if unknown else found


def described(found: Source, count: int, plain: bool = False) -> str:
    """Return a sentence that says what the pictures of so many crops show."""
    config = found.model.config
    size = " x ".join(map(str, found.patch))
    text = f"{count} crops of {size} px"
    if config.ndim == 3:
        text += " (their middle planes)"
    if config.any_size and config.object_size:
        size = f"{config.object_size:g} px and smaller"
        text += f" from images resampled to objects of {size}"
    ending = "without augmentation" if plain else "as this training draws them"
    return f"{text}, {ending}"


def _enlarged(image: np.ndarray, rgb: bool, edge: int) -> np.ndarray:
    """Return (C, Y, X) as grey or colours, (height, width, 3) float from 0 to 255."""
    from PIL import Image

    height, width = image.shape[1:]
    scale = edge / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(in_colours(image, rgb))
    resized = picture.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(resized).astype(np.float32)


def _draw(picture: np.ndarray, maps: Sequence[np.ndarray], config: ModelConfig) -> None:
    """Draw outlines of objects and where they touch, or of the regions of classes."""
    if config.formulation == "instances":
        touching = maps[1] > 0.5
        blue = (1 - TOUCHING) * _values(SKY)
        picture[touching] = TOUCHING * picture[touching] + blue
        picture[outlines(maps[0] > 0.5)] = _values(ORANGE)
        return
    index = maps[0].round().astype(int)
    edges = outlines(index)
    for number, colour in enumerate(_class_colours(config), start=1):
        picture[edges & (index == number)] = _values(colour)


def _class_colours(config: ModelConfig) -> list[str]:
    """Return a colour per class, in the order of their values."""
    if config.class_colours:
        return list(config.colours.values())
    return [COLOURS[i % len(COLOURS)] for i in range(len(config.classes))]


def _values(colour: str) -> np.ndarray:
    """Return ``#rrggbb`` as three numbers."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32)
