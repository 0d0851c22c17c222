"""How long the outlines of objects are, and how large their surfaces."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np

from napari_unet.measures.groups import Groups

# What a pixel of the border adds, by 10 for each neighbour of the border across a
# corner, 2 for each across an edge, and 1: K. Benkrid, D. Crookes, "Design and FPGA
# Implementation of a Perimeter Estimator" (2000), as scikit-image has it.
_WEIGHTS = np.zeros(50)
_WEIGHTS[[5, 7, 15, 17, 25, 27]] = 1
_WEIGHTS[[21, 33]] = np.sqrt(2)
_WEIGHTS[[13, 23]] = (1 + np.sqrt(2)) / 2


def perimeters(groups: Groups) -> np.ndarray:
    """Return the perimeters of objects in a plane, in px, as scikit-image does."""
    labels = np.pad(groups.labels, 2)
    inner = labels[1:-1, 1:-1]
    edge = np.zeros(labels.shape, bool)
    differs = inner != labels[:-2, 1:-1]
    for other in (labels[2:, 1:-1], labels[1:-1, :-2], labels[1:-1, 2:]):
        differs |= inner != other
    edge[1:-1, 1:-1] = differs & (inner != 0)
    flat, border = labels.ravel(), np.flatnonzero(edge)
    edge_at, own = edge.ravel(), flat[border]
    code = np.ones(len(border), np.int64)
    for dy, dx in itertools.product((-1, 0, 1), repeat=2):
        if dy or dx:
            beside = border + dy * labels.shape[1] + dx
            same = edge_at[beside] & (flat[beside] == own)
            code += same * (10 if dy and dx else 2)
    total = np.bincount(own, _WEIGHTS[code], len(groups.ids) + 1)
    found: np.ndarray = total[1:]
    return found


def surfaces(groups: Groups, spacing: tuple[float, ...]) -> np.ndarray:
    """Return the surfaces of bodies, in the unit of the spacing squared.

    The area of the triangles that marching cubes puts between pixels of the object and
    others.
    """
    labels = np.pad(groups.labels, 1)
    shifts = list(itertools.product((0, 1), repeat=3))
    before, behind = slice(0, -1), slice(1, None)
    corners = [
        labels[tuple(behind if s else before for s in shift)] for shift in shifts
    ]
    mixed = np.zeros(corners[0].shape, bool)
    for corner in corners[1:]:
        mixed |= corner != corners[0]
    values = np.stack([corner[mixed] for corner in corners])
    areas = _areas(spacing)
    total = np.zeros(len(groups.ids) + 1)
    for i, own in enumerate(values):
        new = own > 0
        for earlier in values[:i]:
            new &= earlier != own
        same = values[:, new] == own[new]
        code = (same * (1 << np.arange(8))[:, None]).sum(axis=0)
        total += np.bincount(own[new], areas[code], len(total))
    return total[1:]


@lru_cache(maxsize=8)
def _areas(spacing: tuple[float, ...]) -> np.ndarray:
    """Return the area of the triangles in a cube, by which corners lie inside."""
    from skimage.measure import marching_cubes, mesh_surface_area

    areas = np.zeros(256)
    for code in range(1, 255):
        cube = (code >> np.arange(8) & 1).reshape(2, 2, 2).astype(np.float32)
        points, faces, *_ = marching_cubes(  # type: ignore[no-untyped-call]
            cube, 0.5, spacing=spacing
        )
        area = mesh_surface_area(points, faces)  # type: ignore[no-untyped-call]
        areas[code] = area
    return areas
