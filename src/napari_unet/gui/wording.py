"""Sentences of the core in the words of the docks: no options of the command line."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from napari_unet.config import Config, ModelConfig, PredictConfig, TrainConfig

# What stands in a dock under other words; the longer one comes first.
PHRASES = (
    (r" \(command line: --channel[^)]*\)", " (Channel and + channel, at the image)"),
    (r", or --resume its run", ", or go on with its run (Start from)"),
    (r"start from it with --init", "choose it under Start from"),
    (r"train with --init into", "choose it under Start from, and train into"),
    (r"train without --resume, or from --init", "train anew, or choose a Start from"),
    (r"\[Paint background\], --background", "[Paint background]"),
    (r"; `napari-unet doctor` lists all", ""),
    (r", or see what `napari-unet doctor` says", ""),
    (r"\(the formulation semantic\)", "(Learn: classes)"),
    (r"--init\b", "Start from"),
    (r"--resume\b", "Go on"),
    (r"--output\b", "Model name"),
)
_OPTION = re.compile(r"(?<![\w-])--(?:no-)?([a-z][a-z-]*)")


def in_dock(text: str) -> str:
    """Return a sentence as a dock says it.

    Examples
    --------
    >>> in_dock("choose another model, or train with --rehearsal 0")
    'choose another model, or train with Rehearsal (part) 0'
    """
    for pattern, words in PHRASES:
        text = re.sub(pattern, words, text)
    text = _OPTION.sub(lambda found: _title(found[1].replace("-", "_")), text)
    return _fields().sub(lambda found: _title(found[0]), text)


def _title(name: str) -> str:
    return _titles().get(name) or name.replace("_", " ").capitalize()


@functools.cache
def _titles() -> Mapping[str, str]:
    """Return what forms call the options."""
    kinds: tuple[type[Config], ...] = (ModelConfig, TrainConfig, PredictConfig)
    return {
        name: info.title or ""
        for kind in kinds
        for name, info in kind.model_fields.items()
    }


@functools.cache
def _fields() -> re.Pattern[str]:
    """Return what finds the names of options that are no words of English."""
    names = "|".join(name for name in _titles() if "_" in name)
    return re.compile(rf"(?<![\w./-])({names})(?![\w./-])")
