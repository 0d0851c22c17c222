"""Validation: maps predicted once, thresholds searched on them, quality measured."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from napari_unet.config import PredictConfig, TrainConfig
from napari_unet.data.resampling import resize
from napari_unet.events import EpochEnd, Event, Progress
from napari_unet.models.model import Model
from napari_unet.scoring import metrics
from napari_unet.scoring.classes import confusion, dice_iou
from napari_unet.scoring.metrics import Matching
from napari_unet.segmentation.prediction import predict_maps
from napari_unet.training.crops import Encoded

# Pixels or voxels that an object must have.
SMALLEST = {
    2: (0, 4, 8, 12, 16, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200),
    3: (0, 10, 25, 50, 100, 200, 300, 400, 600, 800, 1200, 1600, 2000),
}
SCORES = (0, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
# Raising one of these must gain this much: on few objects a tiny gain is chance.
LEAST_GAIN = 5e-4


@dataclass(frozen=True)
class Validation:
    """What one validation found.

    score : what picks the best model (instances: mean9 of pooled AP; classes: Dice)
    metrics : figures by name
    objects : true objects behind the figures
    matchings : of each image, with the objects that the thresholds leave
    """

    score: float
    metrics: Mapping[str, float]
    thresholds: Mapping[str, float]
    loss: float
    objects: int
    matchings: Sequence[Matching] = ()

    def summary(self) -> dict[str, Any]:
        """Return what the model card says of it."""
        figures = {name: round(value, 4) for name, value in self.metrics.items()}
        return {"objects": self.objects, "figures": figures}


def epoch_end(found: Validation | None, **figures: Any) -> EpochEnd:
    """Return the event of a validation, or of none; `figures` are its other fields."""
    if found is None:
        return EpochEnd(
            validation_loss=None, score=None, metrics={}, objects=0, **figures
        )
    return EpochEnd(
        validation_loss=found.loss,
        score=found.score,
        metrics=found.metrics,
        objects=found.objects,
        **figures,
    )


@dataclass
class _Case:
    encoded: Encoded
    maps: np.ndarray

    @property
    def pixel(self) -> float:
        """Pixels of the image for each that the network sees."""
        given, seen = self.encoded.given.shape, self.encoded.sample.shape
        return math.prod(given) / math.prod(seen)


@dataclass
class _Matched:
    """All objects of one image, what they match, and each one's score; see `_Case`."""

    matching: metrics.Matching
    score: np.ndarray
    pixel: float

    def dropped(self, thresholds: Mapping[str, float]) -> metrics.Matching:
        """Drop the objects that are too small, or of too low a score."""
        large = self.matching.pred_sizes >= thresholds["smallest"] * self.pixel
        return self.matching.drop(large & (self.score >= thresholds["score"]))


def validate(
    model: Model,
    samples: Sequence[Encoded],
    config: TrainConfig,
    turn: int | None = None,
) -> Generator[Event, None, Validation]:
    """Predict, search the thresholds from the model's own, and score.

    A model of any size is told the true size of the objects in each image. With `turn`,
    the number of the epoch, one threshold is bettered, each in its turn, since every
    try decodes all images; None: all of them, as at the end of a run.
    """
    cases, losses = [], []
    predict = PredictConfig(precision=config.precision)
    for done, encoded in enumerate(samples, start=1):
        maps = yield from predict_maps(
            model, encoded.sample.image, encoded.stats, predict
        )
        losses.append(_loss(model, encoded, maps, config))
        if encoded.given.shape != encoded.sample.shape:
            maps = resize(maps, encoded.given.shape)
        cases.append(_Case(encoded, maps.astype(np.float16)))
        yield Progress("validating", done, len(samples))
    thresholds = dict(model.thresholds)
    if config.thresholds:
        plan = _plan(model.formulation.search, turn)
        thresholds = yield from _search(model, cases, thresholds, plan)
    loss = float(np.mean(losses))
    found = yield from _score(model, cases, thresholds, config, loss)
    return found


def _loss(
    model: Model, encoded: Encoded, maps: np.ndarray, config: TrainConfig
) -> float:
    formulation = model.formulation
    logits = formulation.logits_of(torch.from_numpy(maps)[None])
    target = torch.from_numpy(encoded.target).float()[None]
    weight = torch.from_numpy(encoded.weight).float()[None]
    return float(formulation.loss(logits, target, weight, config))


def _plan(
    search: Mapping[str, Sequence[float]], turn: int | None
) -> list[tuple[str, float]]:
    """Return which threshold to better by which step, in order."""
    names = list(search)
    if turn is not None and names:
        name = names[turn % len(names)]
        return [(name, search[name][0])]
    rounds = max((len(steps) for steps in search.values()), default=0)
    return [
        (n, s[min(r, len(s) - 1)]) for r in range(rounds) for n, s in search.items()
    ]


def _search(
    model: Model,
    cases: Sequence[_Case],
    start: Mapping[str, float],
    plan: Sequence[tuple[str, float]],
) -> Generator[Event, None, dict[str, float]]:
    """Better one threshold at a time, going on as long as it helps."""
    best = dict(start)
    best_score = yield from _quick(model, cases, best)
    for name, step in plan:
        for sign in (1, -1):
            moved = False
            while 0.05 <= (value := round(best[name] + sign * step, 4)) <= 0.95:
                trial = {**best, name: value}
                score = yield from _quick(model, cases, trial)
                if score <= best_score:
                    break
                best, best_score, moved = trial, score, True
            if moved:
                break
    return best


def _quick(
    model: Model, cases: Sequence[_Case], thresholds: Mapping[str, float]
) -> Generator[Event, None, float]:
    if not model.formulation.instances:
        table = yield from _confusion(model, cases, thresholds)
        return _mean_dice(model, table)
    found = yield from _matchings(model, cases, thresholds)
    return _best(found, "score", SCORES, thresholds)[1]


def _score(
    model: Model,
    cases: Sequence[_Case],
    thresholds: dict[str, float],
    config: TrainConfig,
    loss: float,
) -> Generator[Event, None, Validation]:
    if not model.formulation.instances:
        table = yield from _confusion(model, cases, thresholds)
        figures = {"dice": _mean_dice(model, table), "iou": _mean_dice(model, table, 1)}
        objects = sum(len(c.encoded.centres) for c in cases)
        return Validation(figures["dice"], figures, thresholds, loss, objects)
    found = yield from _matchings(model, cases, thresholds)
    smallest = SMALLEST[model.config.ndim]
    if config.thresholds:
        for name, values in (("smallest", smallest), ("score", SCORES)):
            value, _ = _best(found, name, values, thresholds)
            thresholds = {**thresholds, name: value}
    matchings = [f.dropped(thresholds) for f in found]
    scores = metrics.score(matchings)
    pooled = scores.pooled
    figures = {
        "ap50": pooled.ap["0.50"],
        "ap75": pooled.ap["0.75"],
        "ap90": pooled.ap["0.90"],
        "mean9": pooled.mean9,
        "dice": scores.dice,
    }
    return Validation(
        pooled.mean9, figures, thresholds, loss, scores.objects, matchings
    )


def _matchings(
    model: Model, cases: Sequence[_Case], thresholds: Mapping[str, float]
) -> Generator[Event, None, list[_Matched]]:
    """Decode without dropping any objects, and match."""
    everything = {**thresholds, "smallest": 0.0, "score": 0.0}
    found = []
    for done, case in enumerate(cases, start=1):
        sample = case.encoded.given
        objects = model.formulation.decode(
            case.maps.astype(np.float32), everything, sample.spacing
        )
        matching = metrics.match(sample.labels, objects.labels, sample.mask)
        # Objects beside the mask are not among the matched.
        score = objects.score[np.searchsorted(objects.ids, matching.pred_ids)]
        found.append(_Matched(matching, score, case.pixel))
        yield Progress("scoring", done, len(cases))
    return found


def _scores(
    found: Sequence[_Matched], thresholds: Mapping[str, float]
) -> metrics.Scores:
    return metrics.score([f.dropped(thresholds) for f in found])


def _best(
    found: Sequence[_Matched],
    name: str,
    values: Sequence[float],
    thresholds: Mapping[str, float],
) -> tuple[float, float]:
    """Return the best of the values of a threshold by which objects are dropped."""
    best, best_score = 0.0, -LEAST_GAIN
    for value in values:
        score = _scores(found, {**thresholds, name: value}).pooled.mean9
        if score > best_score + LEAST_GAIN:
            best, best_score = float(value), score
    return best, best_score


def _confusion(
    model: Model, cases: Sequence[_Case], thresholds: Mapping[str, float]
) -> Generator[Event, None, np.ndarray]:
    classes = model.config.classes
    total = np.zeros((len(classes) + 1,) * 2, np.int64)
    for done, case in enumerate(cases, start=1):
        found = model.formulation.decode(case.maps.astype(np.float32), thresholds)
        known = case.encoded.weight[0] > 0
        truth = np.array([0, *sorted(classes)])[case.encoded.target[0].astype(int)]
        total += confusion(truth, found.labels, classes, known)
        yield Progress("scoring", done, len(cases))
    return total


def _mean_dice(model: Model, table: np.ndarray, which: int = 0) -> float:
    by_class = dice_iou(table, model.config.classes)
    return float(np.mean([figures[which] for figures in by_class.values()]))
