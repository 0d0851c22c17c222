"""Nuclei with known outlines, and what a microscope makes of them; in 2D and 3D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

SMALLEST = 30  # px; a nucleus that the image's edge cuts to less is left out


@dataclass(frozen=True)
class Nucleus:
    """An ellipse (ellipsoid) with a low-order Fourier contour in the plane.

    centre, radii : in lateral pixels, one number an axis.
    bumps, phases : relative amplitude and phase of the contour's orders 2, 3, ...
    blur : px, how far out of focus it lies.
    texture : which part of the slide's texture it shows.
    """

    centre: tuple[float, ...]
    radii: tuple[float, ...]
    angle: float
    bumps: tuple[float, ...]
    phases: tuple[float, ...]
    brightness: float = 1.0
    blur: float = 0.0
    texture: int = 0

    def box(self, axes: Sequence[np.ndarray]) -> tuple[slice, ...]:
        """Return the part of the picture that can hold the nucleus."""
        reach = 1.6 * max(self.radii) + 4
        return tuple(
            slice(*np.searchsorted(axis, (centre - reach, centre + reach)))
            for axis, centre in zip(axes, self.centre, strict=True)
        )

    def rho(self, axes: Sequence[np.ndarray]) -> np.ndarray:
        """Return the relative radius within :meth:`box`; the outline is 1."""
        near = [a[b] for a, b in zip(axes, self.box(axes), strict=True)]
        delta = [g - c for g, c in zip(np.ix_(*near), self.centre, strict=True)]
        y, x = delta[-2], delta[-1]
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        v = (cos * y - sin * x) / self.radii[-2]
        u = (sin * y + cos * x) / self.radii[-1]
        theta = np.arctan2(v, u)
        contour = np.ones(theta.shape)
        for i, (bump, phase) in enumerate(zip(self.bumps, self.phases, strict=True)):
            contour += bump * np.cos((i + 2) * theta + phase)
        square = (u**2 + v**2) / contour**2
        if len(delta) == 3:
            square = square + (delta[0] / self.radii[0]) ** 2
        return np.sqrt(square)


def pixels(
    shape: Sequence[int], step: Sequence[float] | None = None
) -> list[np.ndarray]:
    """Return the pixels' positions along each axis, in lateral pixels."""
    return [
        np.arange(n) * s for n, s in zip(shape, step or (1,) * len(shape), strict=True)
    ]


def field(
    rng: np.random.Generator, shape: Sequence[int], sigma: float | Sequence[float]
) -> np.ndarray:
    """Return smooth noise of mean 0 and standard deviation 1."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    return (noise - noise.mean()) / noise.std()


def nucleus(
    rng: np.random.Generator, centre: Sequence[float], mean: float, spread: float
) -> Nucleus:
    """Return a nucleus of the mean radius `mean` (px) with a shape of its own."""
    stretch = np.exp(abs(rng.normal(0, 0.14)))
    lateral = (mean / stretch, mean * stretch)
    return Nucleus(
        centre=tuple(centre),
        radii=(mean,) * (len(centre) - 2) + lateral,
        angle=rng.uniform(0, np.pi),
        bumps=tuple(rng.normal(0, (0.04, 0.055, 0.03, 0.015))),
        phases=tuple(rng.uniform(0, 2 * np.pi, 4)),
        brightness=float(np.exp(rng.normal(-0.3, spread))),
        texture=int(rng.integers(1 << 16)),
    )


def place(
    rng: np.random.Generator,
    axes: Sequence[np.ndarray],
    count: int,
    diameter: tuple[float, float],
    clustering: float,
    spread: float = 0.35,
    allowed: np.ndarray | None = None,
) -> list[Nucleus]:
    """Scatter nuclei.

    Parameters
    ----------
    count : how many, at most.
    diameter : px, from and to.
    clustering : part of them that is put against one that lies there already.
    spread : standard deviation of the logarithm of their brightness.
    allowed : (Y, X) bool, where centres may lie.
    """
    nuclei: list[Nucleus] = []
    size = [axis[-1] + 1 for axis in axes]
    for _ in range(60 * count):
        mean = rng.uniform(*diameter) / 2
        centre = rng.uniform(0, size)
        if nuclei and rng.random() < clustering:
            other = nuclei[rng.integers(len(nuclei))]
            way = rng.standard_normal(len(size))
            way *= (mean + np.mean(other.radii)) * 0.97 / np.linalg.norm(way)
            centre = np.array(other.centre) + way
        if np.any(centre < 0) or np.any(centre >= size):
            continue
        if allowed is not None and not allowed[tuple(centre.astype(int))]:
            continue
        if all(
            np.linalg.norm(centre - n.centre) > 0.93 * (mean + np.mean(n.radii))
            for n in nuclei
        ):
            nuclei.append(nucleus(rng, centre, mean, spread))
        if len(nuclei) == count:
            break
    areas = np.bincount(outline(nuclei, axes).ravel(), minlength=len(nuclei) + 1)
    return [n for n, area in zip(nuclei, areas[1:], strict=True) if area >= SMALLEST]


def outline(nuclei: Sequence[Nucleus], axes: Sequence[np.ndarray]) -> np.ndarray:
    """Draw nucleus i as label i + 1; where two overlap, the nearer centre wins.

    Returns
    -------
    uint16 array; every label is one connected component.
    """
    nearest = np.ones([len(a) for a in axes])
    labels = np.zeros(nearest.shape, np.uint16)
    for i, n in enumerate(nuclei, start=1):
        rho, box = n.rho(axes), n.box(axes)
        labels[box][rho < nearest[box]] = i
        np.minimum(nearest[box], rho, out=nearest[box])
    for i, box in enumerate(ndimage.find_objects(labels), start=1):
        parts, count = ndimage.label(labels[box] == i) if box else (None, 0)
        if count > 1:
            largest = np.bincount(parts.ravel())[1:].argmax() + 1
            labels[box][(parts > 0) & (parts != largest)] = 0
    return labels


def chromatin(
    rng: np.random.Generator, shape: Sequence[int], spots: float = 0.0
) -> np.ndarray:
    """Return the brightness within nuclei: mottled, with nucleoli and chromocentres."""
    texture = 1 + 0.15 * field(rng, shape, 1.5) + 0.12 * field(rng, shape, 3.0)
    texture -= 0.35 * np.clip(field(rng, shape, 2.2) - 1.5, 0, 1)
    texture += spots * np.clip(field(rng, shape, 1.8) - 1.1, 0, 1.2)
    return np.clip(texture, 0.1, None)


def stain(
    nuclei: Sequence[Nucleus],
    axes: Sequence[np.ndarray],
    texture: np.ndarray,
    psf: float | Sequence[float],
) -> np.ndarray:
    """Return the light of all nuclei: domed, with a soft edge, textured, blurred.

    Parameters
    ----------
    texture : relative brightness; every nucleus shows its own part of it.
    psf : standard deviation of the microscope's blur in pixels.
    """
    planes: dict[float, np.ndarray] = {}
    for n in nuclei:
        rho, box = n.rho(axes), n.box(axes)
        edge = np.clip(0.45 + (1 - rho) * min(n.radii) / 2.5, 0, 1)
        dome = 0.65 + 0.35 * np.sqrt(np.clip(1 - rho**2, 0, 1))
        # The part of the texture moves with the nucleus.
        starts = [
            b.start - round(c) - n.texture * (k + 3)
            for k, (b, c) in enumerate(zip(box, n.centre, strict=True))
        ]
        at = [
            (s + np.arange(size)) % whole
            for s, size, whole in zip(starts, rho.shape, texture.shape, strict=True)
        ]
        plane = planes.setdefault(n.blur, np.zeros(texture.shape))
        plane[box] += n.brightness * edge * dome * texture[np.ix_(*at)]
    return sum(
        ndimage.gaussian_filter(plane, np.hypot(psf, blur), mode="nearest")
        for blur, plane in planes.items()
    )


def debris(rng: np.random.Generator, shape: Sequence[int], count: int) -> np.ndarray:
    """Return small bright dots and flakes that are no nuclei."""
    dirt = np.zeros(shape)
    for _ in range(count):
        centre, angle = rng.uniform(0, shape), rng.uniform(0, np.pi)
        y, x = np.ix_(*(np.arange(s) - c for s, c in zip(shape, centre, strict=True)))
        u = np.cos(angle) * x + np.sin(angle) * y
        v = np.cos(angle) * y - np.sin(angle) * x
        wide, long = rng.uniform(0.7, 1.4), rng.uniform(1.0, 2.6)
        dirt += rng.uniform(0.5, 2.2) * np.exp(-((u / long) ** 2 + (v / wide) ** 2) / 2)
    return dirt


def illumination(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    """Return light that falls off from a bright place near the centre."""
    y, x = np.ix_(*(np.linspace(-1, 1, s) for s in shape))
    cy, cx = rng.uniform(-0.6, 0.6, 2)
    return np.exp(-rng.uniform(0.15, 0.4) * ((y - cy) ** 2 + (x - cx) ** 2))


def camera(rng: np.random.Generator, photons: np.ndarray, dtype: str) -> np.ndarray:
    """Return grey values with shot and read noise.

    Shot noise is drawn as a Gaussian of the photons' variance: unlike Poisson draws, it
    cannot turn a last-bit difference between machines into another picture.
    """
    noisy = photons + np.sqrt(photons) * rng.standard_normal(photons.shape)
    noisy += 1.5 * rng.standard_normal(photons.shape)
    offset, white = (5, 200) if dtype == "uint8" else (110, 3200)
    grey = offset + noisy * (white - offset) / np.percentile(photons, 99.8)
    return np.clip(np.round(grey), 0, np.iinfo(dtype).max).astype(dtype)
