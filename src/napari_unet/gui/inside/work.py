"""The work behind the look inside, as a generator for jobs; no Qt, no layers."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.data.images import ImageSeries, Stats
from napari_unet.events import Control, Event, Progress
from napari_unet.gui.copy_as.press import SegmentPress
from napari_unet.gui.inside.graph import Graph, Key, LoadedModel
from napari_unet.gui.inside.part import Part, Steps, part_of, zoom_of

if TYPE_CHECKING:
    from napari_unet.models.model import Model
    from napari_unet.reports.inside import Features

MAPS, GATE, RESULT = "maps", "gate", "result"  # the kinds of layers


@dataclass(frozen=True)
class Wish:
    """What is to be looked at.

    press : model, options and device; its box is what is in sight of the image
    graph : of the model, as it is drawn
    key : tells the image from others
    kinds : the layers that are wanted; none: only the zoom is
    place : whose maps, for MAPS
    gate : of which level, for GATE
    without : skips that are off
    """

    image: ImageSeries
    press: SegmentPress
    graph: Graph
    key: object
    kinds: frozenset[str]
    place: Key | None = None
    gate: int | None = None
    without: frozenset[Key] = frozenset()


@dataclass(frozen=True, eq=False)
class Maps:
    """What becomes a layer.

    kind : MAPS, GATE or RESULT
    array : ([features,] [T,] [Z,] Y, X) float32
    steps : of each axis but the features, as
        napari_unet.gui.layers.placement.place_part wants
    """

    kind: str
    name: str
    array: np.ndarray
    steps: Steps


@dataclass(frozen=True, eq=False)
class Seen:
    """What a look has found.

    zoom : px of the network a px of the image
    text : sentences for the user, a line each
    """

    zoom: float
    layers: tuple[Maps, ...] = ()
    text: str = ""


@dataclass
class Known:
    """What looks have found, so that the next is quick; of one model and one image.

    Jobs use it one after the other.
    """

    loaded: LoadedModel = field(default_factory=LoadedModel)
    key: object = None
    size: float | None = None
    stats: dict[int, Stats] = field(default_factory=dict)  # a frame
    place: object = None
    results: dict[frozenset[Key], np.ndarray] = field(default_factory=dict)


def look(wish: Wish, known: Known, control: Control) -> Generator[Event, None, Seen]:
    """Look inside a network; long work."""
    yield Progress("loading the model", 0)
    from napari_unet.segmentation.checks import check_finite

    model, graph = known.loaded.get(wish.press.model, wish.press.device)
    if graph != wish.graph:
        raise ValueError(
            f"{wish.press.model}: the model has become another one; close the fold "
            "and open it again"
        )
    wanted = model.config.input
    fitted = wish.image.fitted(wanted) if isinstance(wanted, tuple) else None
    wish = wish if fitted is None else replace(wish, image=fitted)
    stats = yield from _settle(model, wish, known)
    zoom = zoom_of(model, known.size)
    if not wish.kinds:
        return Seen(zoom)
    assert wish.press.box is not None
    part = part_of(model, wish.image, wish.press.box, zoom, known.size)
    yield from check_finite(part.seen)
    if part.place != known.place:
        known.place = part.place
        known.results.clear()
    run = _Pass(wish, known, model, part, stats)
    yield from run.run()
    return Seen(zoom, tuple(run.layers), "\n".join(run.sentences))


def _settle(model: Model, wish: Wish, known: Known) -> Generator[Event, None, Stats]:
    """Find the size of the objects and the intensities, as for a segmentation."""
    from napari_unet.reports.inside import settled

    config = wish.press.config
    key = wish.key, known.loaded.stamp, config
    if key != known.key:
        known.key = known.place = None
        known.stats.clear()
        middle = len(wish.image) // 2
        picture = wish.image.frame(middle)
        config, known.stats[middle] = yield from settled(model, picture, config)
        known.size, known.key = config.object_size, key
    timed, box = "T" in wish.image.axes, wish.press.box
    index = box[0].start if timed and box is not None else 0
    if index not in known.stats:
        picture = wish.image.frame(index)
        config = config.replace(object_size=known.size)
        _, known.stats[index] = yield from settled(model, picture, config)
    return known.stats[index]


@dataclass
class _Pass:
    """The state of one look."""

    wish: Wish
    known: Known
    model: Model
    part: Part
    stats: Stats
    layers: list[Maps] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)

    def run(self) -> Generator[Event, None, None]:
        """Run the network as often as needed."""
        wish = self.wish
        if {MAPS, GATE} & wish.kinds:
            yield Progress("looking inside", 0)
            self._maps()
        if RESULT in wish.kinds:
            for without in (frozenset[Key](), wish.without):
                if without not in self.known.results:
                    yield Progress("looking inside", 0)
                    self._network([], without)
            self._result()
        if self.part.cut:
            told = f"The view is large: its middle {self.part.told()} px are shown."
            self.sentences.append(told)

    def _network(
        self, wanted: list[Key], without: frozenset[Key]
    ) -> tuple[dict[Key, Features], dict[str, Features]]:
        from napari_unet.reports.inside import look_inside

        part = self.part
        found, gates, maps = look_inside(
            self.model, part.seen, self.stats, part.box, wanted, without
        )
        self.known.results[without] = maps[0]
        return found, gates

    def _maps(self) -> None:
        wish = self.wish
        wanted = [wish.place] if wish.place and MAPS in wish.kinds else []
        found, gates = self._network(wanted, wish.without)
        for key in wanted:
            name, count = wish.graph.places[key].name, wish.graph.places[key].features
            self._add(MAPS, name, found[key])
            size = " x ".join(f"{n:,}" for n in found[key].maps.shape[1:])
            self.sentences.append(
                f"{name}: {count:,} maps of {size} px; the slider below the image goes "
                "through them."
            )
        if GATE in wish.kinds:
            name = f"gate, level {wish.gate}"
            self._add(GATE, name, gates[name])
            self.sentences.append(
                f"{name}: what part of the skip it lets through, 0 to 1."
            )

    def _result(self) -> None:
        """Show the first map of the result, and what it is like without skips."""
        from napari_unet.reports.inside import Features, map_names

        wish, results = self.wish, self.known.results
        result, name = results[wish.without], map_names(self.model)[0]
        start = tuple(s.start for s in self.part.box)
        place = Features(name, result[None], (1,) * result.ndim, start)
        self._add(RESULT, "" if wish.without else name, place)
        if not wish.without:
            self.sentences.append(f"{name}: as it is with all skips.")
        else:
            change = float(np.abs(result - results[frozenset()]).mean())
            off = wish.graph.without(wish.without).strip().capitalize()
            self.sentences.append(
                f"{off}, {name} (0 to 1) changes by {change:.3f} on average."
            )

    def _add(self, kind: str, name: str, features: Features) -> None:
        array, steps = self.part.placed(features)
        parts = self.wish.image.name, name, self.wish.graph.without(self.wish.without)
        full = " ".join(part.strip() for part in parts if part)
        self.layers.append(Maps(kind, full, array if kind == MAPS else array[0], steps))
