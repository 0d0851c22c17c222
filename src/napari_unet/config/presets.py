"""Named sets of options."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    # The guide's network and training, to the letter: nothing of ours added.
    "guide": {
        "model": {
            "formulation": "semantic",
            "classes": (1,),
            "norm": "none",
            "dropout": (0.1, 0.1, 0.2, 0.2, 0.3),
            "width": 16,
            "depth": 4,
        },
        "train": {
            "epochs": 25,
            "batch": 16,
            "rate": 1e-3,
            "warmup": 0,
            "optimizer": "adam",
            "average": 0.0,
            "loss": "ce",
            "validation": 0.1,
            "patience": 2,
            "thresholds": False,
            "augment": {
                "flips": False,
                "turns": False,
                "scaling": 1.0,
                "brightness": 0.0,
                "contrast": 0.0,
                "gamma": 1.0,
                "noise": 0.0,
            },
        },
    },
}
"""Named sets of options; everything not named keeps its default."""
