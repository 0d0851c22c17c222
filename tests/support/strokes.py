"""What reaches a training."""

import pytest

from napari_unet.training import loop as training
from support.train_dock import (  # noqa: F401
    LONG,
    Dock,
    add_pair,
    own_models,
)


@pytest.fixture
def taken(monkeypatch):
    """The updates that trainings took, as (name, box, labels, mask)."""
    found = []
    take = training._take_updates

    def spy(run, control):
        for update in control._updates:
            found.append((update.name, update.box, update.labels, update.mask))
        yield from take(run, control)

    monkeypatch.setattr(training, "_take_updates", spy)
    return found
