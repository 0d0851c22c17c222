"""The card of a model as text: what it is, what it was trained on, how good it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from napari_unet.models.store import contents
from napari_unet.text import all_figures, class_name, clock, counted, headline

UNKNOWN = 0.15
"""Quality on what was annotated below which a model does not know the kind."""


def describe(name: str, header: Mapping[str, Any]) -> list[str]:
    """Return what the header of a model tells, a sentence per line.

    Of the header, `config`, `thresholds` and `card` are told; `name` is what the user
    calls the model.

    Examples
    --------
    >>> header = {"config": {"ndim": 3}, "thresholds": {}, "card": {"steps": 20}}
    >>> describe("nuclei", header)[0]
    'nuclei: unet, instances, 3D, grey'
    """
    config, thresholds, card = contents(header)
    inputs = config.input if isinstance(config.input, str) else ", ".join(config.input)
    lines = [
        f"{name}: {config.network}, {config.formulation}, {config.ndim}D, {inputs}"
    ]
    if config.formulation == "semantic":
        names = {str(value): name for value, name in config.names.items()}
        known = ", ".join(class_name(c, names) for c in sorted(config.classes))
        lines.append(f"classes: {known}")
    for threshold, value in thresholds.items():
        lines.append(f"threshold {threshold}: {value:g}")
    if config.object_size:
        known = f"{config.object_size:g} px wide"
        lines.append(
            f"objects: of any size; images are resampled until they are {known}"
            if config.any_size
            else f"objects: about {known}"
        )
    if config.spacing:
        lines.append(f"spacing: {' x '.join(f'{s:g}' for s in config.spacing)} µm")
    data = card.get("data", [])
    objects = sum(entry.get("objects", 0) for entry in data)
    numbers = f"{counted(len(data), 'image')}, {counted(objects, 'object')}"
    lines.append(f"data: {numbers}, licence {card.get('licence', 'not stated')}")
    lines += [f"training: {best_after(card)}", quality(card)]
    if "init" in card:
        lines.append(f"started from: the model with hash {card['init']}")
    if "verdict" in card.get("start", {}):
        lines.append(f"against the model that it started from: {gain(card['start'])}")
    for part in ("options", "versions"):
        if part in card:
            lines.append(f"{part}: {json.dumps(card[part])}")
    return lines


def in_short(name: str, header: Mapping[str, Any]) -> list[str]:
    """Return what somebody asks first: what it finds, learnt from what, how well.

    Examples
    --------
    >>> header = {"config": {"ndim": 3}, "thresholds": {}, "card": {"steps": 20}}
    >>> in_short("nuclei", header)[0]
    'nuclei finds objects in stacks, in one grey channel.'
    """
    config, _, card = contents(header)
    what = "objects"
    if config.formulation == "semantic":
        names = {str(value): name for value, name in config.names.items()}
        what = ", ".join(class_name(c, names) for c in sorted(config.classes))
    elif config.any_size:
        what = "objects of any size"
    elif config.object_size:
        what = f"objects of about {config.object_size:g} px"
    where = "2D images" if config.ndim == 2 else "stacks"
    inputs = {"grey": "one grey channel", "rgb": "colour or grey"}
    seen = inputs.get(str(config.input), f"the channels {', '.join(config.input)}")
    data = card.get("data", [])
    objects = sum(entry.get("objects", 0) for entry in data)
    lines = [
        f"{name} finds {what} in {where}, in {seen}.",
        f"It learnt from {counted(len(data), 'image')} with "
        f"{counted(objects, 'object')}; licence: {card.get('licence', 'not stated')}.",
    ]
    found = card.get("validation", {})
    if "figures" in found:
        judged = f"{counted(found['images'], 'image')} held back from training"
        lines.append(f"{headline(found['figures'], found['objects'])} in {judged}.")
    else:
        lines.append("How good it is nobody has measured: too few annotated objects.")
    if "verdict" in card.get("start", {}):
        lines.append(f"Against the model that it started from: {gain(card['start'])}.")
    return lines


def gain(start: Mapping[str, Any]) -> str:
    """Return what a model gained over the one that it started from.

    Examples
    --------
    >>> found = {"gain": 0.031, "low": 0.01, "high": 0.05, "objects": 41}
    >>> gain(found | {"verdict": "better"})
    'better (mean9 +0.031, 0.010 to 0.050; 41 objects)'
    """
    figures = f"mean9 {start['gain']:+.3f}, {start['low']:.3f} to {start['high']:.3f}"
    return f"{start['verdict']} ({figures}; {counted(start['objects'], 'object')})"


def best_after(card: Mapping[str, Any]) -> str:
    """Return when in its training the model was the best."""
    took = clock(card.get("seconds", 0.0))
    return f"best after {counted(card.get('steps', 0), 'step')}, {took}"


def quality(card: Mapping[str, Any]) -> str:
    """Return the figures of a model card with the objects behind them."""
    found = card.get("validation", {})
    if "figures" not in found:
        return "no validation: there were too few annotated objects to hold some back"
    return (
        f"validation: {all_figures(found['figures'])} on "
        f"{counted(found['objects'], 'object')} in {counted(found['images'], 'image')}"
    )
