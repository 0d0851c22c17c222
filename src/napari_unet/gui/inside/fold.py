"""The fold of the Segment dock that looks inside the network of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_unet.events import Event, Progress
from napari_unet.gui import worker
from napari_unet.gui.copy_as.press import SegmentTarget
from napari_unet.gui.inside.drawing import Drawing
from napari_unet.gui.inside.graph import Graph, Key, find_graph
from napari_unet.gui.inside.maps_layer import FieldBox, InsideLayers
from napari_unet.gui.inside.work import GATE, MAPS, RESULT, Known, Seen, Wish, look
from napari_unet.gui.layers.placement import visible_box
from napari_unet.gui.parts.connections import Connections
from napari_unet.gui.parts.dock_widgets import enable, lay_out, sentences
from napari_unet.text import sentence

LOOKING = "looking inside"  # the kind of its jobs
HINT = (
    "A box: how many features, and at what part of the image's height and width. A "
    "click shows them, of what is in sight; without its tick, a skip is off."
)
FIELD_HELP = (
    "Show a rectangle around all pixels that the result under the cursor depends on."
)


class InsideForm(QWidget):
    """The drawn network; what is clicked becomes a layer.

    The dock tells by :meth:`follow` what is chosen, and says by `target` what it would
    segment. Nothing is read before the fold is opened.
    """

    target: Callable[[], SegmentTarget]

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._open = False
        self._path: str | None = None
        self._device, self._why_not = "", ""
        self._image: Image | None = None
        self._graph: Graph | str | None = None  # str: why there is none
        self._known = Known()
        self._place: Key | None = None
        self._gate: int | None = None
        self._asked: set[str] | None = None  # kinds of layers; None: nothing
        self._running: set[str] | None = None
        self._target: SegmentTarget | None = None  # of the job
        self._job: worker.Job | None = None
        self._text = self._doing = ""
        self._layers, self._field = InsideLayers(viewer), FieldBox(viewer)
        layers = self._layers
        self.destroyed.connect(lambda: layers.fold(True))
        self._of_image = Connections(self)
        self.destroyed.connect(self._field.end)
        self.drawing = Drawing()
        self.drawing.picked.connect(self._pick)
        self.drawing.gated.connect(self._pick_gate)
        self.drawing.ticked.connect(self._tick)
        self.field = QCheckBox("receptive field at the cursor")
        self.field.toggled.connect(self._show_field)
        self.field_size, self.told = sentences(), sentences(selectable=True)
        parts = self.drawing, self.told, self.field, self.field_size
        lay_out(QVBoxLayout(self), *parts)
        self._show()

    def set_open(self, opened: bool) -> None:
        """Read the model once the fold is open; a closed one keeps nothing."""
        self._open = opened
        self._graph = None  # it may have been trained anew
        if not opened:
            self._stop()
            self._known = Known()
        self._layers.fold(not opened)
        self._show_field()
        self._go()

    def follow(
        self, image: Image | None, path: str | None, device: str, why_not: str
    ) -> None:
        """Take what is chosen, and why the image cannot go through the model, if so."""
        self._device, self._why_not = device, why_not
        if path != self._path:
            self._stop()
            self._path, self._graph, self._text = path, None, ""
            self._known = Known()
            self._field.end()
            self.drawing.show_graph(None)
        if image is not self._image:
            self._image, self._text = image, ""
            self._of_image.end()
            if image is not None:
                self._of_image.connect(image.events.data, self._forget)
        if self._field.image is not None and not self._field.there:
            self.field.setChecked(False)  # its layer was deleted
        self._show_field()
        self._go()

    def hideEvent(self, event: QHideEvent) -> None:
        """Take the rectangle at the cursor away while nobody sees its tick."""
        super().hideEvent(event)
        self._field.end()

    def showEvent(self, event: QShowEvent) -> None:
        """Show the rectangle again."""
        super().showEvent(event)
        self._show_field()

    def _pick(self, key: Key) -> None:
        self._place = key
        self._ask(MAPS)

    def _pick_gate(self, level: int) -> None:
        self._gate = level
        self._ask(GATE)

    def _tick(self) -> None:
        """Show the result without the skips that are off; what is shown follows."""
        kinds = {MAPS: self._place, GATE: self._gate}
        shown = [k for k, v in kinds.items() if v is not None and self._layers.there(k)]
        self._ask(RESULT, *shown)

    def _show_field(self) -> None:
        """Show the rectangle at the cursor where it is wanted."""
        wanted = self.field.isChecked() and self._open and not self._why_not
        if not wanted or self._field.image is not self._image:
            self._field.end()
            self.field_size.hide()
        waiting = self._asked is not None or self._running is not None
        ready = isinstance(self._graph, Graph) and not waiting
        if wanted and ready and self._field.image is None:
            self._ask()  # any look tells the zoom

    def _ask(self, *kinds: str) -> None:
        """Look as soon as a look that is no longer wanted has ended."""
        self._asked = {*(self._asked or ()), *(self._running or ()), *kinds}
        if self._running is not None and self._job is not None:
            self._running = None
            self._job.abandon()
        self._go()

    def _stop(self) -> None:
        """Drop what is asked."""
        self._asked = self._running = None
        if self._job is not None:
            self._job.abandon()

    def _forget(self, event: Any = None) -> None:
        """Forget what was found in the image: its pixels are others."""
        self._known = Known(self._known.loaded)

    def _go(self) -> None:
        """Start what is to do next."""
        if self._job is None and self._open and self._path is not None:
            if self._graph is None:
                model = self._path, self._device, self._known.loaded
                self._start(self._on_graph, find_graph, *model)
            elif self._asked is not None:
                try:
                    self._look()
                except ValueError as error:
                    self._on_errored(error)
        self._show()

    def _look(self) -> None:
        asked, self._asked = self._asked, None
        if asked is None or not isinstance(self._graph, Graph):
            return
        self._target = target = self.target()
        axes = target.press.axes
        box = visible_box(self._viewer, target.layer, axes)
        press = replace(target.press, box=box)
        wish = Wish(
            target.image,
            press,
            self._graph,
            (target.layer.unique_id, axes, press.channel, press.extra),
            frozenset(asked),
            self._place,
            self._gate,
            self.drawing.without,
        )
        self._running = asked
        self._start(self._on_seen, look, wish, self._known)

    def _start(
        self, on_returned: Callable[[Any], None], work: worker.Work[Any], *args: Any
    ) -> None:
        self._doing = ""
        self._job = worker.start(
            *(self, LOOKING, work, *args),
            on_event=self._on_event,
            on_returned=on_returned,
            on_errored=self._on_errored,
            on_finished=self._on_finished,
        )

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._doing = event.what
            self._show()

    def _on_graph(self, found: tuple[str, Graph | str]) -> None:
        path, graph = found
        if path != self._path or not self._open:
            return
        self._graph = graph
        shown = graph if isinstance(graph, Graph) else None
        if shown != self.drawing.graph:
            self._place = self._gate = None
            self.drawing.show_graph(shown)

    def _on_seen(self, seen: Seen) -> None:
        target = self._target
        if self._running is None or target is None or isinstance(self._graph, str):
            return
        if target.layer not in self._viewer.layers:
            return
        for maps in seen.layers:
            self._layers.show(maps, target.layer, target.press.axes)
        self._text = seen.text or self._text
        if self.field.isChecked() and self._graph is not None:
            fields = self._graph.fields
            self._field.begin(target.layer, target.press.axes, fields, seen.zoom)
            self._tell_size(target)

    def _tell_size(self, target: SegmentTarget) -> None:
        size = self._field.size()
        text = f"The result depends on {size[0]:,} x {size[1]:,} px"
        if target.image.spacing is not None:
            spacing = target.image.spacing[-2:]
            lengths = (f"{n * s:.3g}" for n, s in zip(size, spacing, strict=True))
            text += f", {' x '.join(lengths)} µm"
        self.field_size.setText(text)
        self.field_size.show()

    def _on_errored(self, error: Exception) -> None:
        self._text = worker.told(error)
        if self._graph is None:
            self._graph = self._text
        self._asked = self._running = None
        self.field.setChecked(False)
        worker.report(error)

    def _on_finished(self) -> None:
        self._job = self._running = None
        self._show_field()
        self._go()

    def _show(self) -> None:
        """Grey what cannot be done now, and say what is known."""
        why_not = self._why_not
        if isinstance(self._graph, str):
            why_not = why_not or self._graph
        self.drawing.grey(sentence(why_not))
        enable(self.field, why_not, FIELD_HELP)
        self.drawing.setVisible(self.drawing.graph is not None)
        doing = f"{self._doing.capitalize()} ..." if self._job is not None else ""
        self.told.setText(sentence(why_not) or doing or self._text or HINT)
