"""What the docks know of a network: its places, how they are joined; no Qt."""

from __future__ import annotations

from collections.abc import Collection, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.events import Control, Event, Progress
from napari_unet.models.store import (
    WEIGHTS,
    contents,
    find_model,
    read_header,
    read_weights,
)

if TYPE_CHECKING:
    from napari_unet.models.model import Model

Key = tuple[int, int]  # level and column, as in napari_unet.networks


@dataclass(frozen=True)
class Place:
    """Feature maps at one place of a network, and where they come from.

    stride : px of what the network sees per pixel of the maps, along each axis
    source : the finer place that is pooled, or the coarser one that is upsampled
    """

    name: str
    features: int
    stride: tuple[int, ...]
    source: Key | None
    skips: tuple[Key, ...]


@dataclass(frozen=True)
class Graph:
    """A network as it is drawn.

    skips : places whose features join others of their level
    gates : levels whose skip an attention gate weighs
    last : whose features become the result
    fields : first and last px, per axis, that pixels 0, 1 ... depend on; see
        napari_unet.networks.Network
    """

    places: dict[Key, Place]
    skips: tuple[Key, ...]
    gates: tuple[int, ...]
    last: Key
    fields: list[list[tuple[int, int]]]

    @property
    def depth(self) -> int:
        """The coarsest level."""
        return max(level for level, _ in self.places)

    @property
    def nested(self) -> bool:
        """Whether there are more places than on one way down and one up."""
        return max(column for _, column in self.places) > 1

    def across(self, key: Key) -> float:
        """Return where a place is drawn: 0 is on the left, 1 on the right."""
        level, column = key
        if self.nested:
            return (level + 2 * column) / (2 * self.depth)
        if level == self.depth and (level, 1) not in self.places:
            return 0.5
        return float(column)

    def skip_name(self, key: Key) -> str:
        """Return what the skips from a place are called."""
        return f"skip {key[0]}.{key[1]}" if self.nested else f"skip {key[0]}"

    def without(self, keys: Collection[Key]) -> str:
        """Return how names say that skips are off; nothing where there are none."""
        names = [self.skip_name(key) for key in sorted(keys)]
        return f" without {', '.join(names)}" if names else ""


class LoadedModel:
    """A model that is read again only where its file has changed.

    Jobs use it one after the other.
    """

    def __init__(self) -> None:
        self.stamp: object = None  # tells the model from others
        self._model: Model | None = None
        self._graph: Graph | None = None

    def get(self, path: str, device: str) -> tuple[Model, Graph]:
        """Return the model and its graph; a ValueError if it cannot be read."""
        from napari_unet.models.model import Model

        where = find_model(path)
        file = where / WEIGHTS if where.is_dir() else where
        stamp = path, device, file.stat().st_mtime_ns if file.exists() else 0
        if self._model is None or self._graph is None or stamp != self.stamp:
            self._model = Model.load(path, device)
            self._graph, self.stamp = graph_of(self._model), stamp
        return self._model, self._graph


def find_graph(
    path: str, device: str, loaded: LoadedModel, control: Control
) -> Generator[Event, None, tuple[str, Graph | str]]:
    """Return the path of a model with its graph, or why there is none; long work."""
    yield Progress("reading the model", 0)
    from napari_unet.networks.pixel_classifiers import CLASSIFIERS

    config, _, _ = contents(read_header(read_weights(find_model(path)), path))
    if config.network in CLASSIFIERS:
        return path, (
            f"a {config.network} classifies each pixel by itself and has no "
            "levels; choose a network"
        )
    return path, loaded.get(path, device)[1]


def graph_of(model: Model) -> Graph:
    """Return the graph of a model's network."""
    import torch

    from napari_unet.networks.attention import AttentionGate
    from napari_unet.reports.inside import places, skips

    network, names = model.network, places(model)
    small = torch.zeros(1, model.config.channels, *model.divisor, device=model.device)
    with torch.inference_mode():
        found = network.inside(small)
    made = {}
    for key, node in network.nodes.items():
        stride = network.scale(key[0])
        source = node.up if node.down is None else node.down
        features = found[key].shape[1]
        made[key] = Place(names[key], features, stride, source, node.skips)
    gates = [
        level
        for level, gate in enumerate(getattr(network, "gate", []))
        if isinstance(gate, AttentionGate)
    ]
    fields = network.receptive_fields
    return Graph(made, tuple(skips(model)), tuple(gates), network.last, fields)
