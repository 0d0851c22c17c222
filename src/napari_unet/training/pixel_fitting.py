"""Fitting pixel classifiers: scikit-learn finds, and what it found becomes arrays.

Segmenting needs the arrays alone, no scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import torch

from napari_unet.events import Control, Event, Progress
from napari_unet.networks.pixel_classifiers import (
    CLASSIFIERS,
    SVM,
    Forest,
    PixelClassifier,
)

LEAST_LEAF = 3  # pixels
TREES_AT_ONCE = 16  # between two events
FOLDS = 3  # of the cross-validation that calibrates
# Directions in which the landmarks differ less than this would be mostly noise.
LEAST_DIRECTION = 1e-4


def grow_trees(
    forest: Forest,
    x: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    seed: int,
    control: Control,
) -> Generator[Event, None, None]:
    """Grow trees on (P, features), (P,) classes and weights; `stop` ends with fewer."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    options = {
        "max_depth": forest.depth,
        "min_samples_leaf": LEAST_LEAF,
        "random_state": seed,
    }
    if forest.trees == 1:
        yield Progress("growing", 0, 1)
        grown = [DecisionTreeClassifier(**options).fit(x, y, weight)]
        plant(forest, [t.tree_ for t in grown], grown[0].classes_)
        return
    threads = torch.get_num_threads()
    kind = RandomForestClassifier(0, warm_start=True, n_jobs=threads, **options)
    while kind.n_estimators < forest.trees:
        kind.n_estimators = min(kind.n_estimators + TREES_AT_ONCE, forest.trees)
        kind.fit(x, y, weight)
        yield Progress("growing trees", kind.n_estimators, forest.trees)
        if control.stopped:
            break
    plant(forest, [t.tree_ for t in kind.estimators_], kind.classes_)


def plant(forest: Forest, trees: Sequence[Any], classes: np.ndarray) -> None:
    """Copy trees of scikit-learn into a forest; trees that it lacks have no vote."""
    forest.feature.zero_()
    forest.threshold.fill_(torch.inf)
    forest.votes.zero_()
    for i, tree in enumerate(trees):
        # Of the level at hand, the node of `tree` at each place of the complete one.
        nodes = np.zeros(1, np.int64)
        for _ in range(forest.depth):
            first, leaf = len(nodes) - 1, tree.children_left[nodes] < 0
            places = slice(first, first + len(nodes))
            limit = np.where(leaf, np.inf, rounded_down(tree.threshold[nodes]))
            feature = np.where(leaf, 0, tree.feature[nodes]).astype(np.int16)
            forest.threshold[i, places] = torch.from_numpy(limit.astype(np.float32))
            forest.feature[i, places] = torch.from_numpy(feature)
            left = np.where(leaf, nodes, tree.children_left[nodes])
            right = np.where(leaf, nodes, tree.children_right[nodes])
            nodes = np.stack([left, right], 1).ravel()
        votes = tree.value[nodes, 0]
        votes = votes / votes.sum(1, keepdims=True) / len(trees)
        forest.votes[i][:, classes] = torch.from_numpy(votes.astype(np.float32))


def rounded_down(values: np.ndarray) -> np.ndarray:
    """Return what float32 numbers exceed if and only if they exceed the float64."""
    near = values.astype(np.float32)
    below = np.nextafter(near, np.float32(-np.inf))
    return np.where(near > values, below, near)


def separate(
    svm: SVM,
    x: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    seed: int,
    control: Control,
) -> Generator[Event, None, None]:
    """Fit hyperplanes on (P, features), (P,) classes and weights, and calibrate them.

    The margins that calibrate are of pixels that were held out.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    del control
    rng = np.random.default_rng([seed, 1])
    parts = [np.flatnonzero(y == c) for c in np.unique(y)]
    parts = [np.resize(rng.permutation(p), max(FOLDS, len(p))) for p in parts]
    fold = np.concatenate([np.arange(len(p)) % FOLDS for p in parts])
    order = np.concatenate(parts)
    x, y, weight = x[order], y[order], weight[order]
    mapped, basis = _landmarks(svm, x, rng)

    def plane(chosen: np.ndarray | slice) -> Any:
        linear = LinearSVC(dual=False, random_state=seed)
        return linear.fit(mapped[chosen], y[chosen], weight[chosen])

    margins = []
    for held in range(FOLDS):
        yield Progress("separating", held, FOLDS + 1)
        margins.append(plane(fold != held).decision_function(mapped[fold == held]))
    yield Progress("separating", FOLDS, FOLDS + 1)
    last = plane(slice(None))
    held_out = np.concatenate(margins).reshape(len(x), -1)
    order = np.argsort(fold, kind="stable")
    platt = LogisticRegression(max_iter=1000).fit(held_out, y[order], weight[order])
    slope, offset = platt.coef_, platt.intercept_
    weights = basis @ last.coef_.T @ slope.T
    bias = slope @ last.intercept_ + offset
    svm.weight.zero_()
    svm.bias.fill_(-torch.inf)  # a class that was not there has no probability
    svm.bias[platt.classes_] = 0
    columns = platt.classes_[-len(offset) :]  # of two classes, the second's
    svm.weight[: len(basis), columns] = torch.from_numpy(weights).float()
    svm.bias[columns] = torch.from_numpy(bias).float()


def _landmarks(
    svm: SVM, x: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Standardise, choose landmarks; returns where pixels lie in the kernel's space.

    mapped : (P, R) float64; its inner products are the kernels, as far as landmarks
        tell
    basis : (landmarks, R) float64; turns kernels to the landmarks into that
    """
    spread = x.std(0)
    svm.mean.copy_(torch.from_numpy(x.mean(0)))
    svm.spread.copy_(torch.from_numpy(np.where(spread > 0, spread, 1)))
    chosen = rng.choice(len(x), min(svm.landmarks, len(x)), replace=False)
    points = ((torch.from_numpy(x[chosen]) - svm.mean) / svm.spread).clamp(
        -svm.most, svm.most
    )
    svm.points.zero_()
    svm.points[: len(chosen)] = points
    kernel = svm.kernel(torch.from_numpy(x))[:, : len(chosen)].double().numpy()
    values, vectors = np.linalg.eigh(kernel[chosen])
    keep = values > LEAST_DIRECTION * values[-1]
    basis = vectors[:, keep] / np.sqrt(values[keep])
    return kernel @ basis, basis


Fit = Callable[..., Generator[Event, None, None]]
FITS: dict[type[PixelClassifier], Fit] = {
    **{kind: grow_trees for kind in CLASSIFIERS.values() if issubclass(kind, Forest)},
    SVM: separate,
}
"""How each pixel classifier is fitted."""
