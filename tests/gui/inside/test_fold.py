"""The fold that looks inside a network: drawing, layers, skips, receptive field."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.layers import Image as ImageLayer
from napari.layers import Vectors

from napari_unet.config import ModelConfig
from napari_unet.data.images import Image, intensity_stats
from napari_unet.gui import worker
from napari_unet.gui.inside import fold as inside
from napari_unet.gui.inside import part as inside_part
from napari_unet.gui.inside.drawing import Drawing
from napari_unet.gui.inside.graph import graph_of
from napari_unet.gui.parts.form import Fold
from napari_unet.gui.pickers.model_picker import models
from napari_unet.models.model import Model
from napari_unet.networks import NETWORKS
from napari_unet.reports.inside import look_inside, places
from support import segment_dock
from support.made import shaken
from support.segment_dock import Dock

own_models = segment_dock.own_models

SHAPE = (44, 60)


def made(name="unet", **options):
    config = ModelConfig(network=name, **{"depth": 2, "width": 4, **options})
    return shaken(Model.create(config, 1, "cpu"))


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(100, 20, shape).astype(np.float32)


class Inside(Dock):
    """The dock with its fold open, and what a user does there."""

    def __init__(self, viewer, qtbot, folder):
        super().__init__(viewer, qtbot)
        self.folder, self.inside = folder, self.form.inside
        self.drawing = self.inside.drawing
        folds = self.widget.findChildren(Fold)
        (self.fold,) = [f for f in folds if f.content() is self.inside]

    def choose(self, model, name="model"):
        models().choose(model.save(self.folder / name))
        self.idle()

    def open(self):
        self.fold.expand(animate=False)
        self.idle()

    def idle(self):
        self.qtbot.waitUntil(lambda: self.inside._job is None, timeout=30_000)

    def click(self, level, column):
        self.drawing.boxes[level, column].click()
        self.idle()

    def tick(self, level, column=0):
        self.drawing.ticks[level, column].click()
        self.idle()

    def made(self, kind=ImageLayer):
        """The layers that the fold has made."""
        ours = [y for y in self.viewer.layers if y.metadata]
        return [y for y in ours if isinstance(y, kind)]

    def point_at(self, *pixel):
        """Move the mouse to a pixel of the first layer."""
        world = self.viewer.layers[0].data_to_world(pixel)
        before = self.viewer.dims.ndim - len(pixel)
        self.viewer.cursor.position = (*self.viewer.dims.point[:before], *world)

    def rectangle(self):
        """The first and last corner of the receptive field, in px of the image."""
        (layer,) = self.made(Vectors)
        corners = layer.data[:, 0]
        return corners.min(0), corners.max(0)


@pytest.fixture
def dock(make_napari_viewer, qtbot, tmp_path):
    return Inside(make_napari_viewer(), qtbot, tmp_path)


def expected(model, image, key, box=None, without=()):
    """What the core sees at a place, of a 2D image."""
    stats = intensity_stats(Image(image[None]), model.config.percentiles)
    box = box or tuple(slice(0, n) for n in image.shape)
    found, gates, maps = look_inside(
        model, Image(image[None]), stats, box, [key], without
    )
    return found[key].maps, gates, maps


def corner(layer, axes=2):
    """Where the corner of the first pixel lies in the world, in the last axes."""
    at = np.zeros(layer.ndim)
    at[-axes:] = -0.5
    return np.array(layer.data_to_world(at))[-axes:]


PLACES = [
    {"scale": (0.5, 0.25), "translate": (7, 8), "units": "um"},
    {"scale": (2, 3), "rotate": 30, "shear": [0.2], "translate": (1, 2)},
    {"affine": [[0.9, 0.1, 5], [-0.2, 1.1, 6], [0, 0, 1]]},
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.quick
def test_maps_lie_exactly_on_the_image(dock, notices, place):
    model, image = made(), values(*SHAPE)
    dock.choose(model)
    layer = dock.viewer.add_image(image, name="cells", **place)
    dock.open()
    dock.click(2, 0)
    (maps,) = dock.made()
    assert maps.name == "cells bottleneck" and maps.data.shape == (16, 11, 15)
    np.testing.assert_allclose(maps.data, expected(model, image, (2, 0))[0], atol=1e-4)
    np.testing.assert_allclose(corner(maps), corner(layer), atol=1e-9)
    # The far corner: the sizes are multiples of the stride.
    far = maps.data_to_world(np.array(maps.data.shape) - 0.5)[-2:]
    np.testing.assert_allclose(far, layer.data_to_world((43.5, 59.5)), atol=1e-9)
    assert maps.axis_labels[0] == "feature"
    assert maps.units[-2:] == layer.units
    assert dock.viewer.layers.selection.active == layer
    assert dock.form.picker.layer == layer and not notices


def test_an_image_of_another_size_is_zoomed_and_still_fits(dock):
    model = made(any_size=True, object_size=12.0)
    dock.choose(model)
    layer = dock.viewer.add_image(values(*SHAPE), name="cells", scale=(0.5, 0.5))
    dock.form.object_size.edit.setText("24")
    dock.open()
    dock.click(1, 0)
    (maps,) = dock.made()
    assert maps.data.shape == (8, 11, 15), "half as large, and pooled once"
    np.testing.assert_allclose(maps.scale[-2:], (2, 2))
    np.testing.assert_allclose(corner(maps), corner(layer), atol=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_is_drawn(dock, name):
    model = made(name)
    dock.choose(model)
    dock.viewer.add_image(values(*SHAPE), name="cells")
    assert dock.drawing.graph is None, "a closed fold reads nothing"
    dock.open()
    assert list(dock.drawing.boxes) == list(places(model))
    assert dock.drawing.boxes[1, 0].text() in ("8 features\nat 1/2", "8\n1/2")
    assert dock.drawing.height() >= 200
    for key, box in dock.drawing.boxes.items():
        dock.click(*key)
        (maps,) = dock.made()
        assert maps.name == f"cells {places(model)[key]}"
        assert box.text().split()[0] == str(maps.data.shape[0])
        stride = 2 ** key[0]
        assert maps.data.shape[1:] == (44 // stride, 60 // stride)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("depth", [1, 4, 6])
def test_boxes_are_apart_and_in_sight(qtbot, name, depth):
    drawing = Drawing()
    qtbot.addWidget(drawing)
    drawing.resize(330, 200)
    drawing.show_graph(graph_of(made(name, depth=depth, width=2)))
    drawing.resize(max(330, drawing.minimumSizeHint().width()), drawing.height())
    parts = [p.geometry() for p in drawing._buttons()]
    assert all(drawing.rect().contains(p) for p in parts)
    apart = [not a.intersects(b) for i, a in enumerate(parts) for b in parts[:i]]
    assert all(apart)
    assert not drawing.grab().isNull()
    for box in drawing.boxes.values():
        lines = box.text().split("\n")
        wide = max(box.fontMetrics().horizontalAdvance(line) for line in lines)
        assert wide <= box.width()
        assert drawing.graph.nested or lines[0].endswith(" features")


def test_layers_go_out_of_sight_with_the_fold(dock):
    dock.choose(made("attention"))
    image = dock.viewer.add_image(values(*SHAPE), name="cells")
    dock.open()
    dock.click(1, 0)
    dock.drawing.gates[1].click()
    dock.idle()
    maps, gate = dock.made()
    dock.fold.collapse(animate=False)
    assert [y.visible for y in (image, maps, gate)] == [True, False, False]
    dock.open()
    assert maps.visible and gate.visible
    maps.visible = False
    dock.fold.collapse(animate=False)
    gate.visible = True
    dock.open()
    assert [y.visible for y in (maps, gate)] == [False, True], "as the user left them"
    dock.close()
    assert not gate.visible and image.visible


def test_gates_are_layers(dock):
    model, image = made("attention"), values(*SHAPE)
    dock.choose(model)
    layer = dock.viewer.add_image(image, name="cells")
    dock.open()
    assert list(dock.drawing.gates) == [0, 1]
    dock.drawing.gates[1].click()
    dock.idle()
    (gate,) = dock.made()
    assert gate.name == "cells gate, level 1"
    wanted = expected(model, image, (0, 0))[1]["gate, level 1"].maps[0]
    np.testing.assert_allclose(gate.data, wanted, atol=1e-5)
    assert tuple(gate.contrast_limits) == (0, 1)
    np.testing.assert_allclose(corner(gate), corner(layer))


def test_a_skip_that_is_off_shows_what_it_was_worth(dock):
    model, image = made(), values(*SHAPE)
    dock.choose(model)
    dock.viewer.add_image(image, name="cells")
    dock.open()
    dock.click(0, 1)
    dock.tick(1)
    maps, result = dock.made()
    assert maps.name == "cells level 0, up without skip 1"
    assert result.name == "cells without skip 1"
    whole = expected(model, image, (0, 1))[2][0]
    found, _, other = expected(model, image, (0, 1), without=[(1, 0)])
    np.testing.assert_allclose(maps.data, found, atol=1e-4)
    np.testing.assert_allclose(result.data, other[0], atol=1e-5)
    change = np.abs(other[0] - whole).mean()
    assert f"foreground (0 to 1) changes by {change:.3f}" in dock.inside.told.text()
    dock.tick(0)
    assert result.name == "cells without skip 0, skip 1"
    dock.tick(0)
    dock.tick(1)
    assert dock.made() == [maps, result] and result.name == "cells foreground"
    np.testing.assert_allclose(result.data, whole, atol=1e-5)


def test_layers_are_replaced_not_multiplied(dock):
    dock.choose(made())
    image = dock.viewer.add_image(values(*SHAPE), name="cells")
    mine = dock.viewer.add_image(np.zeros((4, 5)), name="cells bottleneck")
    dock.form.picker.set_layer(image)
    dock.open()
    dock.click(2, 0)
    dock.click(0, 0)
    (maps,) = dock.made()
    assert maps.name == "cells level 0, down" and not mine.data.any()
    before = maps.data.copy()
    image.data = values(*SHAPE, seed=1)
    maps.visible = False
    dock.click(0, 0)
    assert dock.made() == [maps] and maps.visible
    assert not np.allclose(maps.data, before)
    other = dock.viewer.add_image(values(20, 24), name="others", translate=(5, 5))
    dock.form.picker.set_layer(other)
    dock.click(0, 0)
    assert dock.made() == [maps] and maps.name == "others level 0, down"
    assert maps.data.shape == (4, 20, 24)
    assert list(dock.viewer.layers)[-1] == maps, "nothing hides it"
    dock.viewer.layers.remove(maps)
    dock.click(0, 0)
    assert len(dock.made()) == 1


def test_the_view_stays_and_a_large_one_is_cut(dock, monkeypatch):
    monkeypatch.setattr("napari_unet.reports.inside.MOST_PIXELS", 900)
    dock.choose(made())
    layer = dock.viewer.add_image(values(*SHAPE), name="cells")
    camera = dock.viewer.scene.camera
    camera.zoom, camera.center = camera.zoom * 0.9, (0, 20, 30)
    before = camera.zoom, camera.center[-2:]
    dock.open()
    dock.click(0, 0)
    (maps,) = dock.made()
    assert (camera.zoom, camera.center[-2:]) == before
    assert "The view is large: its middle" in dock.inside.told.text()
    assert 600 < np.prod(maps.data.shape[1:]) <= 900
    centre = maps.extent.world[:, -2:].mean(0)
    np.testing.assert_allclose(centre, layer.extent.world.mean(0), atol=1)


@pytest.mark.parametrize("name", ["ZYX", "TYX", "CYX", "ZCYX"])
def test_one_plane_of_a_stack(dock, name):
    sizes = {"Z": 6, "T": 6, "C": 3}
    model, stack = made(), values(*(sizes[a] for a in name[:-2]), *SHAPE)
    dock.choose(model)
    scale = (3,) * (len(name) - 2) + (0.5, 0.5)
    layer = dock.viewer.add_image(
        stack, name="stack", axis_labels=tuple(name.lower()), scale=scale
    )
    if "C" in name:
        dock.form.picker.channel_box.setCurrentIndex(2)
    dock.viewer.dims.set_point(0, 3)  # plane 1, in world units
    dock.open()
    dock.click(1, 0)
    (maps,) = dock.made()
    assert maps.data.shape == (8, *(1,) * (len(name) - 2), 22, 30)
    plane = stack[1, 1] if name == "ZCYX" else stack[1]
    if name == "CYX":
        np.testing.assert_allclose(
            maps.data[:, 0], expected(model, plane, (1, 0))[0], atol=1e-4
        )
    np.testing.assert_allclose(corner(maps), corner(layer))
    index = np.rint(layer.world_to_data(maps.data_to_world(np.zeros(maps.ndim))[1:]))
    assert index[0] == 1, "a channel lies in the middle of all"
    assert dock.viewer.dims.point[-layer.ndim] == 3, "the plane is the same"


def test_planes_around_for_a_3d_model(dock):
    dock.choose(made(ndim=3))
    stack = values(20, 24, 28)
    layer = dock.viewer.add_image(
        stack, name="stack", axis_labels=("z", "y", "x"), scale=(2, 1, 1)
    )
    dock.viewer.dims.set_point(0, 20)
    dock.open()
    dock.click(1, 0)
    (maps,) = dock.made()
    assert maps.data.shape == (8, 5, 12, 14), "planes 6 to 14, pooled"
    np.testing.assert_allclose(corner(maps, 3)[1:], corner(layer, 3)[1:])
    assert corner(maps, 3)[0] == layer.data_to_world((5.5, 0, 0))[0]
    assert dock.inside.told.text().startswith("level 1, down: 8 maps of 5 x 12 x 14 px")


def test_the_receptive_field_follows_the_cursor(dock):
    model = made()
    dock.choose(model)
    place = {"scale": (0.5, 0.25), "rotate": 20, "units": "um"}
    image = dock.viewer.add_image(values(*SHAPE), name="cells", **place)
    dock.open()
    dock.inside.field.setChecked(True)
    dock.idle()
    fields = model.network.receptive_fields[0]
    for y, x in ((20, 30), (21, 33), (7, 2)):
        dock.point_at(y, x)
        low, high = dock.rectangle()
        for axis, pixel in enumerate((y, x)):
            first, last = fields[pixel % 4]
            assert low[axis] == pixel // 4 * 4 + first - 0.5
            assert high[axis] == pixel // 4 * 4 + last + 0.5
    (layer,) = dock.made(Vectors)
    assert np.allclose(layer.data_to_world((3, 4)), image.data_to_world((3, 4)))
    size = max(last - first + 1 for first, last in fields)
    told = f"{size} x {size} px, {size / 2:.3g} x {size / 4:.3g} µm"
    assert dock.inside.field_size.text() == f"The result depends on {told}"
    dock.point_at(100, 5)
    assert not layer.visible, "beside the image"
    dock.inside.field.setChecked(False)
    assert not dock.made(Vectors)


def test_the_receptive_field_goes_with_image_layer_fold_and_dock(dock):
    dock.choose(made())
    image = dock.viewer.add_image(values(*SHAPE), name="cells")
    dock.open()

    def show():
        dock.inside.field.setChecked(True)
        dock.idle()
        assert len(dock.made(Vectors)) == 1

    show()
    dock.viewer.layers.remove(dock.made(Vectors)[0])
    assert not dock.inside.field.isChecked()
    show()
    dock.viewer.layers.remove(image)
    assert not dock.made(Vectors)
    dock.viewer.add_image(values(*SHAPE), name="others")
    dock.idle()
    assert dock.made(Vectors)[0].name == "others receptive field"
    dock.fold.collapse(animate=False)
    assert not dock.made(Vectors)
    dock.open()
    assert len(dock.made(Vectors)) == 1
    dock.close()
    assert not dock.made(Vectors)
    dock.viewer.cursor.position = (3, 4)


def test_a_receptive_field_on_planes_and_frames_is_no_preview_to_hide(dock, notices):
    dock.choose(made())
    axes = ("t", "z", "y", "x")
    dock.viewer.add_image(values(2, 3, *SHAPE), name="film", axis_labels=axes)
    dock.open()
    dock.inside.field.setChecked(True)
    dock.idle()
    (field,) = dock.made(Vectors)
    assert field.ndim == 4
    dock.segment()
    assert [y.name for y in dock.labels()] == ["film labels"] and not notices
    assert field.visible


def test_it_is_greyed_with_the_reason(dock):
    told = dock.inside.told

    def why():
        for widget in (dock.drawing, *dock.drawing._buttons(), dock.inside.field):
            assert not widget.isEnabled() and widget.toolTip() == told.text()
        return told.text()

    assert why() == "Train a model first, or choose one with folder..."
    dock.open()
    dock.choose(made())
    assert why().startswith("There is no image here")
    dock.viewer.add_image(values(*SHAPE), name="cells")
    assert dock.drawing.isEnabled() and told.text() == inside.HINT
    assert "4 features, 1/1 x 1/1 of" in dock.drawing.boxes[0, 0].toolTip()
    dock.choose(Model.create(ModelConfig(network="forest"), device="cpu"), "forest")
    assert "forest classifies each pixel by itself" in why()
    assert not dock.drawing.boxes
    dock.choose(made("fcn"), "other")
    assert dock.drawing.isEnabled() and dock.drawing.boxes


def test_errors_are_one_sentence(dock, notices):
    dock.choose(made(ndim=3))
    dock.viewer.add_image(values(*SHAPE), name="flat")
    dock.open()
    dock.click(0, 0)
    assert len(notices) == 1 and "the image is 2D" in notices[0]
    assert dock.inside.told.text() == notices[0] and not dock.made()
    dock.inside.field.setChecked(True)
    dock.idle()
    assert not dock.inside.field.isChecked() and len(notices) == 2


def test_nan_is_outside(dock, notices):
    dock.choose(made())
    image = values(*SHAPE)
    image[5, 6] = np.nan
    dock.viewer.add_image(image, name="holes")
    dock.open()
    dock.click(0, 0)
    (maps,) = dock.made()
    assert not notices and np.isfinite(np.asarray(maps.data)).all()


@pytest.mark.parametrize("kind", ["rgb", "multiscale"])
def test_colours_and_pyramids(dock, kind):
    dock.choose(made())
    if kind == "rgb":
        image = np.random.default_rng(0).integers(0, 255, (*SHAPE, 3), np.uint8)
        layer = dock.viewer.add_image(image, name="cells", rgb=True)
    else:
        image = values(*SHAPE)
        layer = dock.viewer.add_image([image, image[::2, ::2]], name="cells")
    dock.open()
    dock.click(1, 1)
    (maps,) = dock.made()
    assert maps.data.shape == (8, 22, 30)
    np.testing.assert_allclose(corner(maps), corner(layer))


def test_a_model_that_was_trained_anew_is_drawn_anew(dock, notices):
    dock.choose(made())
    dock.viewer.add_image(values(*SHAPE), name="cells")
    dock.open()
    made(depth=3).save(dock.folder / "model")
    dock.click(0, 0)
    assert "has become another one" in notices[0]
    dock.fold.collapse(animate=False)
    dock.open()
    assert (3, 0) in dock.drawing.boxes
    dock.click(3, 0)
    assert len(dock.made()) == 1


def test_all_open_images_are_those_of_the_user(dock):
    dock.choose(made())
    dock.viewer.add_image(values(*SHAPE), name="cells")
    dock.open()
    dock.click(0, 0)
    dock.viewer.layers.selection.active = dock.made()[0]
    assert dock.form.picker.layer.name == "cells"
    dock.form.all_action.trigger()
    dock.wait()
    assert [y.name for y in dock.labels()] == ["cells labels"]


@pytest.fixture
def held(monkeypatch):
    """Holds each look until it is let go."""
    gate, real = threading.Event(), inside_part.part_of

    def wait(*arguments):
        gate.wait(20)
        return real(*arguments)

    monkeypatch.setattr("napari_unet.gui.inside.work.part_of", wait)
    yield gate
    gate.set()


def test_the_last_of_several_clicks_counts(dock, held):
    dock.choose(made())
    dock.viewer.add_image(values(*SHAPE), name="cells")
    dock.open()
    for key in ((0, 0), (1, 0), (2, 0)):
        dock.drawing.boxes[key].click()
    assert len(worker.running(inside.LOOKING)) == 1
    held.set()
    dock.idle()
    (maps,) = dock.made()
    assert maps.name == "cells bottleneck"


def test_another_model_drops_a_look(dock, held):
    dock.choose(made())
    dock.viewer.add_image(values(*SHAPE), name="cells")
    dock.open()
    dock.drawing.boxes[0, 0].click()
    models().choose(made("fcn").save(dock.folder / "other"))
    held.set()
    dock.idle()
    assert not dock.made() and (2, 1) in dock.drawing.boxes


def test_a_dock_can_be_closed_while_it_looks(dock, held, notices):
    dock.choose(made())
    dock.viewer.add_image(values(*SHAPE), name="cells")
    dock.open()
    dock.drawing.boxes[0, 0].click()
    dock.close()
    held.set()
    dock.qtbot.waitUntil(lambda: not worker.running(inside.LOOKING))
    assert not dock.made() and not notices


def test_the_fold_needs_no_wider_dock(dock):
    dock.choose(made(depth=4))
    dock.viewer.add_image(values(*SHAPE), name="cells", scale=(0.5, 0.5), units="um")
    before = dock.form.minimumSizeHint().width()
    dock.open()
    dock.tick(0)
    dock.inside.field.setChecked(True)
    dock.idle()
    assert dock.form.minimumSizeHint().width() == before
