"""Pixel classifiers: local features, and a fitted classifier of plain arrays.

They stand beside the networks, with the same interface, for what a network is to beat.
Here is what segmenting needs; :mod:`napari_unet.training.classifiers` fits them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from napari_unet.config import ModelConfig

FINEST = 0.5
# A halo is four times that: a larger one would eat the tile, in 3D before all.
COARSEST = {2: 8.0, 3: 4.0}
# A gaussian is cut at 4 sigma; the Hessian is a difference of differences.
CUT, DIFFERENCES = 4.0, 2
# Pixels that are classified at once, so that what is between stays in the cache.
PIXELS_AT_ONCE = 2**11
LEAST_PROBABILITY = 1e-6


def scales(ndim: int) -> int:
    """Return the number of sigmas: powers of 2 from the finest to the coarsest."""
    return int(math.log2(COARSEST[ndim] / FINEST)) + 1


def pixel_features(image: np.ndarray) -> np.ndarray:
    """Return what a pixel and its surroundings look like at several scales.

    For each channel and sigma: the smoothed intensity, the strength of its edge, and
    the eigenvalues of its Hessian. Nothing depends on the image as a whole.

    Parameters
    ----------
    image : (C, [Z,] Y, X) float32 array

    Returns
    -------
    ([Z,] Y, X, features) float32 array

    References
    ----------
    .. [1] S. van der Walt et al., "scikit-image: image processing in Python", PeerJ 2,
       2014 (multiscale_basic_features).
    .. [2] I. Arganda-Carreras et al., "Trainable Weka Segmentation", Bioinformatics 33,
       2017.
    """
    from skimage.feature import multiscale_basic_features

    ndim, shape = image.ndim - 1, image.shape[1:]
    missing = [(0, max(0, 2 - n)) for n in shape]  # one pixel has no gradient
    if any(after for _, after in missing):
        image = np.pad(image, [(0, 0), *missing], mode="edge")
    found: np.ndarray = multiscale_basic_features(  # type: ignore[no-untyped-call]
        image,
        sigma_min=FINEST,
        sigma_max=COARSEST[ndim],
        workers=torch.get_num_threads(),
        channel_axis=0,
    )
    return found[tuple(slice(n) for n in shape)]


class PixelClassifier(nn.Module):
    """What all pixel classifiers share: the interface of a network.

    A subclass registers its arrays, of shapes that the config decides, as buffers in
    :meth:`make`, and reads them in :meth:`probabilities`. The classes of a semantic
    model are its own; those of an instances model are background, inside and border
    (of an object, where another is near).

    Parameters
    ----------
    config : ModelConfig
    maps : int
        Logits per pixel.
    """

    levels = 1
    exact = True

    def __init__(self, config: ModelConfig, maps: int) -> None:
        super().__init__()
        self.ndim, self.channels, self.maps = config.ndim, config.channels, maps
        self.width = config.width
        self.instances = config.formulation == "instances"
        self.classes = 3 if self.instances else max(2, maps)
        self.features = self.channels * scales(self.ndim) * (self.ndim + 2)
        self.make()

    def make(self) -> None:
        """Register the arrays of an unfitted classifier."""
        raise NotImplementedError

    def probabilities(self, features: Tensor) -> Tensor:
        """Return those of the classes, (P, classes), of (P, features) float32."""
        raise NotImplementedError

    def describe(self) -> str:
        """Return what the classifier consists of."""
        raise NotImplementedError

    @property
    def held(self) -> float:
        """Floats per pixel that memory holds at once."""
        within = scales(self.ndim) * (12 if self.ndim == 2 else 24)
        return 2 * self.features + within

    @property
    def divisor(self) -> tuple[int, ...]:
        """Any size will do."""
        return (1,) * self.ndim

    @property
    def halo(self) -> tuple[int, ...]:
        """How far the features of a pixel look, in px per axis."""
        return (int(CUT * COARSEST[self.ndim] + 0.5) + DIFFERENCES,) * self.ndim

    def outputs(self, image: Tensor, level: int | None = None) -> list[Tensor]:
        """Return the logits of :meth:`forward`, in a list."""
        return [self(image, level)]

    def forward(self, image: Tensor, level: int | None = None) -> Tensor:
        """Return logits (B, maps, ...) of an image (B, C, ...) of any size.

        The features are computed on the CPU.
        """
        del level
        found = []
        with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
            for one in image.float().cpu().numpy():
                rows = torch.from_numpy(pixel_features(one)).flatten(0, -2)
                known = self.by_parts(rows.to(image.device))
                found.append(self._logits(known).T.reshape(-1, *one.shape[1:]))
        return torch.stack(found)

    def by_parts(self, features: Tensor) -> Tensor:
        """Return the probabilities, of a few pixels at once."""
        parts = torch.split(features, PIXELS_AT_ONCE)
        return torch.cat([self.probabilities(part) for part in parts])

    def _logits(self, known: Tensor) -> Tensor:
        """Return (P, maps) logits that the formulation turns into probabilities."""
        if self.instances:
            border, inside = known[:, 2], known[:, 1]
            # The inner distance is read as: how surely away from what touches.
            known = torch.stack([inside + border, border, inside], 1)
        elif self.maps == 1:
            known = known[:, 1:]
        else:
            return known.clamp(min=LEAST_PROBABILITY).log()
        return torch.logit(known, LEAST_PROBABILITY)

    def summary(self, shape: Sequence[int] | None = None) -> str:
        """Return what a pixel is judged by, and how."""
        del shape
        kinds = "intensity, edge and texture"
        sigmas = f"sigma {FINEST:g} to {COARSEST[self.ndim]:g} px"
        field = " x ".join(str(2 * h + 1) for h in self.halo)
        return (
            f"{self.features} features per pixel: {kinds} at {sigmas}\n"
            f"{self.describe()}, {self.classes} classes, receptive field {field} px"
        )


class Forest(PixelClassifier):
    """Decision trees whose votes are averaged.

    Every tree is stored as a complete binary one: node n has the children 2n + 1 and
    2n + 2. Where a tree ends early all below goes to the left.

    References
    ----------
    .. [1] L. Breiman, "Random Forests", Machine Learning 45, 2001.
    """

    trees = 32
    depth = 10

    def make(self) -> None:
        """Register `feature` and `threshold` of nodes, and `votes` of leaves."""
        nodes, leaves = 2**self.depth - 1, 2**self.depth
        self.feature: Tensor
        self.threshold: Tensor
        self.votes: Tensor
        self.register_buffer(
            "feature", torch.zeros(self.trees, nodes, dtype=torch.int16)
        )
        self.register_buffer("threshold", torch.full((self.trees, nodes), torch.inf))
        votes = torch.full((self.trees, leaves, self.classes), 1 / self.classes)
        self.register_buffer("votes", votes / self.trees)

    def probabilities(self, features: Tensor) -> Tensor:
        """Lead all pixels down all trees, level by level, and add up the votes."""
        feature = self.feature.flatten().long()
        threshold, votes = self.threshold.flatten(), self.votes.flatten(0, 1)
        tree = torch.arange(self.trees, device=features.device)
        place = tree.new_zeros(len(features), self.trees)  # within the level
        for level in range(self.depth):
            first = tree * self.threshold.shape[1] + 2**level - 1
            # Three times as fast as to index by an array of two axes.
            node = (place + first).flatten()
            value = features.gather(1, feature.index_select(0, node).view_as(place))
            right = value > threshold.index_select(0, node).view_as(place)
            place = torch.add(right, place, alpha=2)
        leaf = (place + tree * self.votes.shape[1]).flatten()
        return votes.index_select(0, leaf).view(*place.shape, -1).sum(1)

    def describe(self) -> str:
        """Return the number of trees, and how deep they may be."""
        trees = "1 tree" if self.trees == 1 else f"{self.trees} trees"
        return f"{trees} of depth {self.depth}"


class Tree(Forest):
    """One decision tree.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen, C. Stone, "Classification and Regression
       Trees", 1984.
    """

    trees = 1


class SVM(PixelClassifier):
    """A support vector machine with a Gaussian kernel.

    The kernel is that between a pixel and some landmarks, pixels of the training data;
    probabilities are the softmax of the calibrated distances from the hyperplanes.

    References
    ----------
    .. [1] C. Cortes, V. Vapnik, "Support-Vector Networks", Machine Learning 20, 1995.
    .. [2] C. Williams, M. Seeger, "Using the Nystrom Method to Speed Up Kernel
       Machines", NIPS 2000.
    .. [3] J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999.
    """

    landmarks = 256
    # Standardised features are cut there: what is brighter than all that was learnt is
    # bright, not unknown.
    most = 5.0

    def make(self) -> None:
        """Register what standardises, the landmarks and their weights."""
        self.mean: Tensor
        self.spread: Tensor
        self.points: Tensor
        self.weight: Tensor
        self.bias: Tensor
        self.register_buffer("mean", torch.zeros(self.features))
        self.register_buffer("spread", torch.ones(self.features))
        self.register_buffer("points", torch.zeros(self.landmarks, self.features))
        self.register_buffer("weight", torch.zeros(self.landmarks, self.classes))
        self.register_buffer("bias", torch.zeros(self.classes))

    def kernel(self, features: Tensor) -> Tensor:
        """Return exp(-d^2 / number of features) to each landmark, (P, landmarks)."""
        x = ((features - self.mean) / self.spread).clamp(-self.most, self.most)
        squares = x.square().sum(1, keepdim=True) + self.points.square().sum(1)
        distance = (squares - 2 * x @ self.points.T).clamp(min=0)
        return torch.exp(-distance / self.features)

    def probabilities(self, features: Tensor) -> Tensor:
        """Return the softmax of weighted kernels."""
        return torch.softmax(self.kernel(features) @ self.weight + self.bias, 1)

    def describe(self) -> str:
        """Return what the kernel is between."""
        return f"Gaussian kernel on {self.landmarks} landmarks"


CLASSIFIERS: dict[str, type[PixelClassifier]] = {
    "forest": Forest,
    "tree": Tree,
    "svm": SVM,
}
"""Pixel classifiers by name."""
