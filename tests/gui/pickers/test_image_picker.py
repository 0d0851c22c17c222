"""The picker of an image: it follows the layers, asks once and guesses in sight."""

import gc

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QAbstractButton, QComboBox, QVBoxLayout, QWidget

from napari_unet.gui.layers.axes import KEY, set_axes
from napari_unet.gui.layers.placement import spacing_of
from napari_unet.gui.pickers.image_picker import ImagePicker

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.integers(0, 999, shape).astype(np.uint16)


class Dock(QWidget):
    """A dock with pickers in it, as ours are."""

    def __init__(self, viewer, count=1):
        super().__init__()
        self.pickers = [ImagePicker(viewer) for _ in range(count)]
        layout = QVBoxLayout(self)
        for picker in self.pickers:
            layout.addWidget(picker)

    def reset_choices(self, event=None):
        for picker in self.pickers:
            picker.reset_choices()


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def docked(viewer):
    def dock(count=1):
        widget = Dock(viewer, count)
        viewer.window.add_dock_widget(widget, name="pickers")
        return widget.pickers[0] if count == 1 else widget.pickers

    return dock


def choices(picker):
    return [layer for layer in picker.image_box.choices if layer is not None]


def buttons(picker):
    return {b.text(): b for b in picker.axes_row.question.buttons.buttons()}


def asked(picker):
    return picker.axes_row.question.label.text()


# -------------------------------------------------------------------------- layers


def test_the_active_image_is_taken_until_the_user_chooses(viewer, docked):
    first = viewer.add_image(noise(40, 50), name="first")
    second = viewer.add_image(noise(40, 50), name="second")
    picker = docked()
    assert picker.layer is second
    viewer.layers.selection.active = first
    assert picker.layer is first and picker.image_box.value is first
    labels = viewer.add_labels(np.zeros((40, 50), int))
    assert viewer.layers.selection.active is labels
    assert picker.layer is first
    picker.image_box.value = second  # as the user does
    viewer.layers.selection.active = first
    third = viewer.add_image(noise(40, 50), name="third")
    assert picker.layer is second
    assert choices(picker) == [first, second, third]


def test_a_choice_of_no_image_stays(viewer, docked):
    viewer.add_image(noise(40, 50))
    picker = docked()
    picker.image_box.value = None
    viewer.add_image(noise(40, 50))
    assert picker.layer is None


def test_without_a_selection_the_topmost_image_is_taken(viewer, docked):
    image = viewer.add_image(noise(40, 50))
    viewer.add_labels(np.zeros((40, 50), int))
    viewer.layers.selection.clear()
    assert docked().layer is image


def test_layers_that_come_go_and_change_their_name_are_followed(viewer, docked):
    picker = docked()
    assert picker.layer is None
    assert picker.why_not() == "There is no image here; open an image first"
    assert picker.shape_text() == ""
    first = viewer.add_image(noise(40, 50), name="first")
    assert picker.layer is first
    other = viewer.add_image(noise(40, 50), name="other")
    picker.image_box.value = first
    first.name = "renamed"
    assert picker.layer is first and picker.image_box.current_choice == "renamed"
    assert picker.image().name == "renamed"
    viewer.layers.remove(first)
    assert picker.layer is other
    viewer.layers.clear()
    assert picker.layer is None and picker.image_box.value is None
    with pytest.raises(ValueError, match="There is no image here"):
        picker.image()


def test_set_layer_is_a_choice_too(viewer, docked, make_napari_viewer):
    first = viewer.add_image(noise(40, 50), name="first")
    second = viewer.add_image(noise(40, 50), name="second")
    picker = docked()
    picker.set_layer(first)
    viewer.layers.selection.active = second
    assert picker.layer is first
    picker.set_layer(None)
    assert picker.layer is second
    stranger = make_napari_viewer().add_image(noise(40, 50), name="stranger")
    assert stranger not in choices(picker)
    with pytest.raises(ValueError, match="stranger is not among the images"):
        picker.set_layer(stranger)


def test_changed_tells_of_another_image_and_of_nothing_else(viewer, docked, qtbot):
    layer = viewer.add_image(noise(28, 40, 50), name="stack")
    picker = docked()
    with qtbot.assertNotEmitted(picker.changed):
        picker.reset_choices()
        layer.opacity = 0.5
        viewer.add_labels(np.zeros((28, 40, 50), int))
    for change in (
        lambda: set_axes(layer, "ZYX"),
        lambda: setattr(layer, "units", "µm"),
        lambda: setattr(layer, "scale", (2, 1, 1)),
        lambda: setattr(layer, "data", noise(20, 40, 50)),
        lambda: setattr(layer, "name", "other"),
        lambda: viewer.add_image(noise(40, 50)),
    ):
        with qtbot.waitSignal(picker.changed, timeout=1000):
            change()


# ---------------------------------------------------------------------------- axes


@pytest.mark.parametrize(("answer", "axes"), [("Z", "CZYX"), ("T", "TCYX")])
def test_z_or_t_is_asked_once_for_a_layer(viewer, docked, answer, axes):
    layer = viewer.add_image(noise(28, 40, 50), name="stack")
    one, other = docked(2)
    for picker in (one, other):
        assert asked(picker) == "28 planes: are they depth (Z) or time (T)?"
        assert picker.axes_row.question.isVisibleTo(picker)
        assert picker.shape_text() == "? Y X  28 x 40 x 50 px"
        assert picker.axes is None
        assert picker.why_not() == "Say first what the axes of stack are: Z or T"
    buttons(one)[answer].click()
    for picker in (one, other):
        assert not picker.axes_row.question.isVisibleTo(picker)
        assert picker.why_not() == ""
        assert picker.image().axes == axes
    assert layer.metadata[KEY] == {"axes": one.axes}
    viewer.add_image(noise(40, 50))
    viewer.layers.selection.active = layer
    assert one.layer is layer and one.why_not() == ""


@pytest.mark.parametrize(
    ("shape", "text", "answers"),
    [
        (
            (3, 40, 50),
            "3 planes: channels (C), depth (Z) or time (T)?",
            ["C", "Z", "T"],
        ),
        ((1, 28, 40, 50), "28 planes: are they depth (Z) or time (T)?", ["Z", "T"]),
        ((9, 28, 40, 50), "9 x 28 planes: which axes are they?", ["T Z", "Z T"]),
        (
            (9, 3, 28, 40, 50),
            "9 x 3 x 28 planes: which axes are they?",
            ["T C Z", "Z C T"],
        ),
    ],
)
def test_what_is_asked_depends_on_the_lengths(viewer, docked, shape, text, answers):
    viewer.add_image(np.zeros(shape, np.uint8), rgb=False)
    picker = docked()
    assert asked(picker) == text
    assert list(buttons(picker)) == answers
    buttons(picker)[answers[0]].click()
    assert picker.why_not() == ""


def test_known_axes_are_not_asked_but_can_be_changed(viewer, docked):
    labels = ("t", "y", "x")
    viewer.add_image(noise(28, 40, 50), axis_labels=labels, name="labelled")
    picker = docked()
    row = picker.axes_row
    assert asked(picker) == "" and picker.axes == "TYX"
    assert not row.choices_box.isVisibleTo(picker)
    row.change_button.click()
    assert row.choices_box.isVisibleTo(picker) and not row.line.isVisibleTo(picker)
    entries = [row.choices_box.itemText(i) for i in range(row.choices_box.count())]
    assert entries == ["T Y X", "Z Y X", "C Y X"]
    assert row.choices_box.currentText() == "T Y X"
    row.choices_box.setCurrentIndex(1)
    row.choices_box.activated.emit(1)
    assert picker.axes == "ZYX"
    assert row.line.isVisibleTo(picker) and not row.choices_box.isVisibleTo(picker)


def test_a_flat_image_has_no_other_axes(viewer, docked):
    picker = docked()
    row = picker.axes_row
    button = row.change_button
    assert not button.isEnabled() and button.toolTip() == "Choose an image first."
    viewer.add_image(noise(40, 50))
    button.click()
    assert row.spacing.isVisibleTo(picker) and row.line.isVisibleTo(picker)
    assert not row.choices_box.isVisibleTo(picker)
    assert not row.spacing.button.isEnabled()
    assert row.spacing.button.toolTip() == "Give a number above 0 for each axis first."


def test_the_size_of_a_voxel_can_be_said(viewer, docked):
    image = viewer.add_image(noise(28, 40, 50), axis_labels=("z", "y", "x"))
    labels = viewer.add_labels(np.zeros((28, 40, 50), int))
    viewer.layers.selection.active = image
    picker = docked()
    row = picker.axes_row
    row.change_button.click()
    boxes = row.spacing.boxes
    assert all(box.isVisibleTo(picker) and box.text() == "?" for box in boxes.values())
    for axis, value in zip("ZYX", (2, 0.25, 0.25), strict=True):
        boxes[axis].setValue(value)
    row.spacing.button.click()
    assert picker.image().spacing == (2, 0.25, 0.25)
    assert picker.shape_text() == "Z Y X  28 x 40 x 50  2 x 0.25 x 0.25 µm"
    for layer in (image, labels):
        np.testing.assert_allclose(layer.scale, (2, 0.25, 0.25))
    row.change_button.click()
    assert [box.text() for box in boxes.values()] == ["2", "0.25", "0.25"]
    boxes["Z"].setValue(0)
    assert not row.spacing.button.isEnabled()


def test_too_many_axes_are_one_sentence(viewer, docked):
    viewer.add_image(np.zeros((2, 2, 2, 2, 40, 50), np.uint8), name="much")
    picker = docked()
    assert asked(picker) == ""
    assert picker.why_not().startswith("much has 6 axes; an image has 2 to 5")


@pytest.mark.parametrize(
    ("shape", "options", "text"),
    [
        ((40, 50), {}, "Y X  40 x 50 px"),
        ((40, 50), {"scale": (0.25, 0.25), "units": "µm"}, "Y X  40 x 50  0.25 µm"),
        ((40, 50, 3), {"rgb": True}, "Y X RGB  40 x 50 px"),
        (
            (5, 40, 50),
            {
                "scale": (0.5, 0.1234, 0.1234),
                "units": "µm",
                "axis_labels": ("z", "y", "x"),
            },
            "Z Y X  5 x 40 x 50  0.5 x 0.123 x 0.123 µm",
        ),
    ],
)
def test_what_was_guessed_is_in_sight(viewer, docked, shape, options, text):
    viewer.add_image(np.zeros(shape, np.uint8), **options)
    picker = docked()
    assert picker.shape_text() == text
    assert picker.axes_row.line.text().replace("\N{NO-BREAK SPACE}", " ") == text


# ------------------------------------------------------------------------ channels


def test_a_channel_is_chosen_where_there_is_a_channel_axis(viewer, docked, qtbot):
    layer = viewer.add_image(noise(3, 40, 50), rgb=False, name="stains")
    picker = docked()
    assert not picker.channel_box.isVisibleTo(picker)
    set_axes(layer, "CYX")
    box = picker.channel_box
    assert box.isVisibleTo(picker) and picker.channel is None
    assert [box.itemText(i) for i in range(4)] == ["all", "0", "1", "2"]
    assert picker.image().array.shape == (3, 40, 50)
    with qtbot.waitSignal(picker.changed):
        box.setCurrentIndex(2)
    assert picker.channel == 1
    np.testing.assert_array_equal(picker.image().array[0], layer.data[1])
    layer.metadata = {KEY: {"axes": "CYX", "channels": ["DAPI", "GFP", "RFP"]}}
    assert [box.itemText(i) for i in range(1, 4)] == ["DAPI", "GFP", "RFP"]
    set_axes(layer, "ZYX")
    assert picker.channel is None and not box.isVisibleTo(picker)


def test_colours_are_no_channels_to_choose_from(viewer, docked):
    viewer.add_image(np.zeros((40, 50, 3), np.uint8), rgb=True)
    picker = docked()
    assert not picker.channel_box.isVisibleTo(picker)
    assert picker.image().rgb


def test_the_chosen_channel_stays_while_images_have_the_same_ones(viewer, docked):
    labels = ("c", "y", "x")
    first = viewer.add_image(noise(3, 40, 50), rgb=False, axis_labels=labels)
    viewer.add_image(noise(3, 40, 50), rgb=False, axis_labels=labels)
    picker = docked()
    picker.channel_box.setCurrentIndex(2)
    viewer.layers.selection.active = first
    assert picker.layer is first and picker.channel == 1
    viewer.add_image(noise(2, 40, 50), rgb=False, axis_labels=labels)
    assert picker.channel is None


def test_further_layers_become_channels(viewer, docked, qtbot):
    dapi = viewer.add_image(noise(40, 50), name="DAPI")
    picker = docked()
    assert not picker.add_button.isEnabled()
    assert "No other grey image" in picker.add_button.toolTip()
    gfp = viewer.add_image(noise(40, 50), name="GFP")
    rfp = viewer.add_image(noise(40, 50), name="RFP")
    viewer.add_image(noise(40, 51), name="odd")
    picker.image_box.value = dapi
    with qtbot.waitSignal(picker.changed):
        picker.add_button.click()
    picker.add_button.click()
    assert picker.extra == (gfp, rfp)
    assert not picker.add_button.isEnabled()
    assert picker.image().channels == ("DAPI", "GFP", "RFP")
    row = picker.channel_rows[0]
    assert [c.name for c in row.box.choices if c] == ["GFP", "RFP"]
    gfp.name = "YFP"
    assert picker.image().channels == ("DAPI", "YFP", "RFP")
    viewer.layers.remove(rfp)
    assert picker.extra == (gfp,)
    with qtbot.waitSignal(picker.changed):
        row.remove_button.click()
    assert picker.extra == () and picker.image().array.shape == (1, 40, 50)


def test_further_channels_go_with_the_image_that_they_do_not_fit(viewer, docked):
    dapi = viewer.add_image(noise(40, 50), name="DAPI")
    viewer.add_image(noise(40, 50), name="GFP")
    other = viewer.add_image(noise(60, 70), name="other")
    picker = docked()
    picker.image_box.value = dapi
    picker.add_button.click()
    picker.image_box.value = other
    assert picker.extra == () and picker.why_not() == ""


# ------------------------------------------------------------------------- spacing


@pytest.mark.parametrize("kind", ["ZC", "R", "names"])
def test_what_the_file_says_of_its_axes_is_not_asked(viewer, docked, tmp_path, kind):
    path, array = tmp_path / "a.tif", noise(3, 2, 40, 50)
    if kind == "ZC":
        tifffile.imwrite(path, array, imagej=True, metadata={"axes": "ZCYX"})
    elif kind == "R":
        options = {"photometric": "minisblack", "metadata": {"axes": "RYX"}}
        tifffile.imwrite(path, array[:, 0], **options)
    else:
        with tifffile.TiffWriter(path) as writer:
            for page, name in zip(array[:, 0], ("DAPI", "GFP", "RFP"), strict=True):
                writer.write(page, description=name, metadata=None, contiguous=False)
    viewer.open(path, plugin="napari")
    picker = docked()
    assert not picker.axes_row.question.isVisibleTo(picker)
    image = picker.image()
    assert image.axes == {"ZC": "CZYX", "R": "TCYX", "names": "CYX"}[kind]
    assert image.channels == (("DAPI", "GFP", "RFP") if kind == "names" else ())


def test_spacing_in_the_file_is_offered_and_used(viewer, docked, tmp_path):
    path = tmp_path / "stack.tif"
    metadata = {"axes": "ZYX", "unit": "um", "spacing": 0.5}
    tifffile.imwrite(
        path, noise(5, 40, 50), imagej=True, resolution=(5, 5), metadata=metadata
    )
    viewer.open(path, plugin="napari")
    labels = viewer.add_labels(np.zeros((5, 40, 50), int))
    picker = docked()
    offer = picker.axes_row.offer
    assert offer.label.text() == "The file says 0.5 x 0.2 x 0.2 µm per pixel"
    assert picker.image().spacing is None
    offer.buttons.buttons()[0].click()
    assert not offer.isVisibleTo(picker)
    assert picker.image().spacing == pytest.approx((0.5, 0.2, 0.2))
    assert spacing_of(labels, "ZYX") == picker.image().spacing
    assert viewer.layers.extent.units is not None  # napari calls them consistent


# --------------------------------------------------------------------- as a widget


def test_it_works_with_the_viewer_that_napari_gives_to_plugins(
    make_napari_viewer_proxy,
):
    viewer = make_napari_viewer_proxy()
    first = viewer.add_image(noise(28, 40, 50), name="first")
    second = viewer.add_image(noise(28, 40, 50), name="second")
    dock = Dock(viewer)
    viewer.window.add_dock_widget(dock, name="pickers")
    (picker,) = dock.pickers
    assert picker.layer == second
    viewer.layers.selection.active = first
    assert picker.layer == first
    picker.set_layer(second)
    buttons(picker)["Z"].click()
    picker.add_button.click()
    assert picker.image().channels == ("second", "first")


def test_layers_change_after_the_dock_is_closed(viewer):
    layer = viewer.add_image(noise(28, 40, 50))
    dock = Dock(viewer)
    picker = dock.pickers[0]
    viewer.window.add_dock_widget(dock, name="pickers")
    told = []
    picker.changed.connect(lambda: told.append(1))
    dock.deleteLater()
    viewer.window.remove_dock_widget(dock)
    _delete(picker)
    set_axes(layer, "ZYX")
    viewer.add_image(noise(40, 50))
    assert not told


def _delete(picker):
    """Let Qt delete what is to be deleted; `picker` keeps only its Python half."""
    from qtpy.QtCore import QCoreApplication, QEvent

    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()
    gc.collect()
    with pytest.raises(RuntimeError):
        picker.objectName()


def test_every_field_has_a_tooltip_and_fits_a_narrow_dock(viewer, docked):
    viewer.add_image(noise(2, 9, 28, 40, 50), name="a name longer than a dock")
    viewer.add_image(noise(2, 9, 28, 40, 50))
    picker = docked()
    set_axes(viewer.layers[1], "CTZYX")
    picker.add_button.click()
    picker.axes_row.change_button.click()
    for kind in (QAbstractButton, QComboBox):
        for widget in picker.findChildren(kind):
            assert widget.toolTip(), widget
    assert picker.minimumSizeHint().width() <= 350
