"""Generate the sample images beside this file: ``python sample_data/make.py [FOLDER]``.

Pictures as a fluorescence microscope (for the tissue, a brightfield one) would take
them, of nuclei whose true outlines are known. The seed is fixed: every run gives the
same arrays. Needs numpy, scipy and tifffile.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage

from cells import (
    Nucleus,
    camera,
    chromatin,
    debris,
    field,
    illumination,
    outline,
    pixels,
    place,
    stain,
)

SEED = 2015  # the year of the U-Net
Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Style:
    """What differs between two slides: the cells, the stain, the camera.

    diameter : px. clustering : part of the nuclei that lie against another one.
    spots : strength of bright chromocentres. spread : of the nuclei's brightness.
    defocus : part of the nuclei that are out of focus.
    photons : of a nucleus of brightness 1; background : photons beside the nuclei.
    """

    shape: tuple[int, int]
    count: int
    diameter: tuple[float, float]
    clustering: float
    dtype: str = "uint8"
    spots: float = 0.0
    spread: float = 0.35
    defocus: float = 0.1
    haze: float = 0.15
    photons: float = 150
    background: float = 8
    debris: int = 4


NUCLEI = (
    Style((256, 256), 34, (20, 28), 0.4, spread=0.4),
    Style((256, 320), 48, (16, 21), 0.5, spots=1.2, defocus=0.15, debris=6),
    Style((360, 360), 42, (27, 37), 0.4, "uint16", photons=90, background=20),
    Style((256, 256), 30, (14, 19), 0.3, photons=60, haze=0.3, background=15, debris=8),
    Style((320, 320), 75, (17, 24), 0.6, "uint16", spread=0.45, defocus=0.12),
    Style((256, 256), 26, (22, 32), 0.45, photons=70, haze=0.45, defocus=0.35),
    Style((300, 260), 45, (15, 22), 0.4, "uint16", spots=0.9, spread=0.5, debris=10),
    Style((280, 280), 42, (20, 30), 0.6, photons=250, background=4, haze=0.08),
    # The demo does not train on these two:
    Style((300, 300), 58, (17, 27), 0.5, spread=0.4, defocus=0.15, debris=8),
    Style((256, 320), 44, (16, 23), 0.5, "uint16", spots=1.0, photons=110, haze=0.25),
)
TRAINING = 8  # the first so many of them


def nuclei_2d(rng: np.random.Generator, style: Style) -> Pair:
    """Return one fluorescence image (Y, X) and its labels."""
    axes = pixels(style.shape)
    nuclei = place(
        rng, axes, style.count, style.diameter, style.clustering, style.spread
    )
    for i, n in enumerate(nuclei):
        if rng.random() < 0.05:  # condensed, as in mitosis or death: small and bright
            radii = (n.radii[0] * 0.55, n.radii[1] * 0.75)
            nuclei[i] = replace(n, radii=radii, brightness=1.9)
        elif rng.random() < style.defocus:
            nuclei[i] = replace(n, blur=2.6, brightness=0.85 * n.brightness)
        elif rng.random() < 0.3:
            nuclei[i] = replace(n, blur=1.2)
    light = stain(nuclei, axes, chromatin(rng, style.shape, style.spots), 0.8)
    haze = ndimage.gaussian_filter(light, 14, mode="constant")
    cytoplasm = ndimage.gaussian_filter(light, 5, mode="constant")
    cytoplasm *= np.clip(1 + 0.6 * field(rng, style.shape, 4), 0, None)
    light = light + style.haze * haze + 0.25 * style.haze * cytoplasm
    light = light + debris(rng, style.shape, style.debris)
    background = style.background * (1 + 0.15 * field(rng, style.shape, 40))
    photons = style.photons * light + np.clip(background, 1, None)
    image = camera(rng, photons * illumination(rng, style.shape), style.dtype)
    return image, outline(nuclei, axes)


def nuclei_3d(rng: np.random.Generator) -> Pair:
    """Return a confocal stack (Z, Y, X), planes twice as far apart as pixels."""
    shape = (32, 128, 128)
    axes = pixels(shape, (2, 1, 1))
    nuclei = place(rng, axes, 34, (24, 33), 0.6, spread=0.25)
    light = stain(nuclei, axes, chromatin(rng, shape, 0.3), (1.3, 0.9, 0.9))
    light += 0.2 * ndimage.gaussian_filter(light, (4, 10, 10), mode="constant")
    depth = np.exp(-np.linspace(0, 0.7, shape[0]))[:, None, None]
    return camera(rng, (70 * light + 5) * depth, "uint8"), outline(nuclei, axes)


FRAMES, DIVIDES = 8, 4  # the daughters appear in this frame


def _apart(cells: dict[int, Nucleus], size: np.ndarray) -> None:
    """Push cells that overlap away from each other, and back into the picture."""
    for _ in range(40):
        for i, a in cells.items():
            for j, b in cells.items():
                way = np.subtract(b.centre, a.centre)
                distance = np.linalg.norm(way)
                missing = np.mean(a.radii) + np.mean(b.radii) - distance
                if i < j and missing > 0:
                    push = 0.55 * missing * way / distance
                    cells[i] = replace(a, centre=tuple(a.centre - push))
                    cells[j] = b = replace(b, centre=tuple(b.centre + push))
                    a = cells[i]
        for i, a in cells.items():
            cells[i] = replace(a, centre=tuple(np.clip(a.centre, 6, size - 6)))


def _divide(mother: Nucleus) -> list[Nucleus]:
    """Return two small daughters beside each other, across the mother's long axis."""
    way = np.array((np.sin(mother.angle), np.cos(mother.angle)))
    radii = (mother.radii[0] * 0.85, mother.radii[0] * 0.5)
    return [
        replace(
            mother,
            centre=tuple(mother.centre + side * 0.75 * mother.radii[0] * way),
            radii=radii,
            texture=mother.texture + side,
        )
        for side in (-1, 1)
    ]


def _frames(rng: np.random.Generator, size: np.ndarray) -> Iterator[dict[int, Nucleus]]:
    """Yield the cells of each frame by their id."""
    axes = pixels(tuple(size))
    found = place(rng, axes, 17, (18, 25), 0.3, spread=0.25)
    cells = dict(enumerate(found, start=1))
    velocity = {i: rng.normal(0, 1.8, 2) for i in cells}
    mother = min(cells, key=lambda i: np.abs(cells[i].centre - size / 2).max())
    for frame in range(FRAMES):
        if frame in (DIVIDES - 2, DIVIDES - 1):  # condensed and round
            m = cells[mother]
            radius = 0.9 * float(np.mean(m.radii))
            cells[mother] = replace(m, radii=(radius, radius), brightness=1.7)
        if frame == DIVIDES:
            daughters = _divide(cells.pop(mother))
            drift = np.subtract(daughters[1].centre, daughters[0].centre) / 6
            for side, daughter in zip((-1, 1), daughters, strict=True):
                cells[max(cells) + 1] = daughter
                velocity[max(cells)] = side * drift
        elif frame > DIVIDES:  # the daughters grow round again
            for i in sorted(cells)[-2:]:
                d = cells[i]
                radii = (d.radii[0], d.radii[1] + 0.3 * (d.radii[0] - d.radii[1]))
                cells[i] = replace(d, radii=radii, brightness=0.85 * d.brightness)
        _apart(cells, size)
        yield dict(cells)
        for i, n in cells.items():
            velocity[i] = 0.8 * velocity[i] + rng.normal(0, 0.7, 2)
            turned = n.angle + rng.normal(0, 0.06)
            cells[i] = replace(n, centre=tuple(n.centre + velocity[i]), angle=turned)


def timelapse(rng: np.random.Generator) -> Pair:
    """Return a film (T, Y, X); a nucleus keeps its id, and one divides."""
    shape = (160, 160)
    axes, texture = pixels(shape), chromatin(rng, shape, 0.5)
    light_field, images, labels = illumination(rng, shape), [], []
    for cells in _frames(rng, np.array(shape)):
        light = stain(list(cells.values()), axes, texture, 1.0)
        light += 0.2 * ndimage.gaussian_filter(light, 10, mode="constant")
        images.append((100 * light + 8) * light_field)
        ids = np.array([0, *cells], np.uint16)
        labels.append(ids[outline(list(cells.values()), axes)])
    return camera(rng, np.stack(images), "uint8"), np.stack(labels)


# Optical density of the two stains in red, green and blue (Ruifrok and Johnston 2001).
HAEMATOXYLIN, EOSIN = (0.65, 0.70, 0.29), (0.07, 0.99, 0.11)


def tissue(rng: np.random.Generator) -> Pair:
    """Return an RGB picture (Y, X, 3) of tissue in haematoxylin and eosin."""
    shape = (256, 256)
    axes = pixels(shape)
    gap = np.clip(4 * (field(rng, shape, 18) - 1.3), 0, 1)  # lumen: nothing but glass
    nuclei = place(rng, axes, 150, (10, 19), 0.45, 0.3, allowed=gap == 0)
    for i, n in enumerate(nuclei):
        if rng.random() < 0.15:  # fibroblasts: long, thin and dark
            radii = (n.radii[0] * 0.5, n.radii[1] * 1.3)
            nuclei[i] = replace(n, radii=radii, brightness=1.2)
    labels = outline(nuclei, axes)
    purple = stain(nuclei, axes, chromatin(rng, shape, 0.35), 0.7)
    bend = [6 * field(rng, shape, 25), 25 * field(rng, shape, 30)]
    at = [i + b for i, b in zip(np.indices(shape), bend, strict=True)]
    fibres = ndimage.map_coordinates(field(rng, shape, (1.4, 14)), at, mode="wrap")
    pink = (
        0.42 + 0.13 * fibres + 0.1 * field(rng, shape, 10) + 0.03 * field(rng, shape, 1)
    )
    pink = np.clip(pink, 0.08, None) * (1 - gap) * (1 - 0.5 * np.clip(purple, 0, 1))
    purple = 0.75 * purple + 0.10 * ndimage.gaussian_filter(purple, 6) * (1 - gap)
    density = np.multiply.outer(purple, HAEMATOXYLIN) + np.multiply.outer(pink, EOSIN)
    rgb = 244 * np.exp(-ndimage.gaussian_filter(density, (0.7, 0.7, 0)))
    rgb += 2.0 * rng.standard_normal(rgb.shape)
    return np.clip(np.round(rgb), 0, 255).astype(np.uint8), labels


def write(path: Path, array: np.ndarray, axes: str, spacing: tuple[float, ...]) -> None:
    """Write an OME-TIFF whose bytes do not change from run to run.

    spacing : µm along Z, Y and X (s along T), in the order of `axes` without S.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata: dict[str, object] = {
        "axes": axes,
        "UUID": "00000000-0000-0000-0000-000000000000",
    }
    for axis, step in zip(axes.removesuffix("S"), spacing, strict=True):
        name = "TimeIncrement" if axis == "T" else f"PhysicalSize{axis}"
        metadata |= {name: step, f"{name}Unit": "s" if axis == "T" else "µm"}
    colour = "rgb" if axes.endswith("S") else "minisblack"
    tifffile.imwrite(
        path, array, ome=True, photometric=colour, compression="zlib", metadata=metadata
    )


def main(folder: Path) -> None:
    """Write all samples into `folder`."""
    for i, style in enumerate(NUCLEI):
        image, labels = nuclei_2d(np.random.default_rng([SEED, i]), style)
        place = folder / "nuclei" if i < TRAINING else folder / "nuclei" / "test"
        write(place / "images" / f"nuclei_{i:02}.tif", image, "YX", (0.325, 0.325))
        write(place / "labels" / f"nuclei_{i:02}.tif", labels, "YX", (0.325, 0.325))
    others = (
        (nuclei_3d, "ZYX", (0.5, 0.25, 0.25)),
        (timelapse, "TYX", (300, 0.5, 0.5)),
        (tissue, "YXS", (0.5, 0.5)),
    )
    for i, (sample, axes, spacing) in enumerate(others):
        image, labels = sample(np.random.default_rng([SEED, 100 + i]))
        write(folder / f"{sample.__name__}.tif", image, axes, spacing)
        path = folder / f"{sample.__name__}_labels.tif"
        write(path, labels, axes.removesuffix("S"), spacing)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
