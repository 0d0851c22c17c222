"""[look] beside the augmentation: crops of the training that Start would start."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.compat import isalive
from qtpy.QtWidgets import QApplication

from napari_unet.config import AugmentConfig
from napari_unet.gui import worker
from napari_unet.gui.train.crops_window import TITLE
from napari_unet.reports.crops_figure import tiles
from support import train_dock
from support.train_dock import SHORT

own_models = train_dock.own_models


plain_dock = train_dock.dock


@pytest.fixture
def dock(plain_dock, qtbot):
    """The dock once torch has named the networks."""
    dock = plain_dock
    networks = dock.form.network_box
    qtbot.waitUntil(lambda: networks.findText("forest") >= 0, timeout=60_000)
    return dock


def press(dock, button):
    """Press a button, and wait for the crops."""
    assert button.isEnabled(), button.toolTip()
    button.click()
    dock.qtbot.waitUntil(lambda: dock.widget.look._job is None, timeout=30_000)


def shown(dock):
    """What stands in the window, (12, height, width, 3)."""
    arrays = []
    for picture in dock.widget.look.pictures:
        image = picture.pixmap().toImage()
        image = image.convertToFormat(image.Format.Format_RGBA8888)
        bits = image.constBits()
        if hasattr(bits, "setsize"):  # PyQt
            bits.setsize(image.sizeInBytes())
        size = (image.height(), image.width(), 4)
        arrays.append(np.frombuffer(bits, np.uint8).reshape(size)[..., :3].copy())
    return np.array(arrays)


def test_a_press_shows_what_this_training_would_draw(dock, own_models, notices):
    look, button = dock.widget.look, dock.form.look_button
    dock.form.options.expand()
    assert button.isVisibleTo(dock.widget) and not look.isVisible()
    press(dock, button)
    assert look.isVisible() and not look.isModal() and look.windowTitle() == TITLE
    source = look.seen.source
    assert source.config == dock.form.settings().config
    expected = tiles(source.crops(12), source.model.config)
    np.testing.assert_array_equal(shown(dock), expected)
    assert min(shown(dock).shape[1:3]) >= 96
    assert look.text.text() == "12 crops of 32 x 32 px, as this training draws them."
    assert look.width() <= 1280 and look.height() <= 760
    look.plain_box.click()
    np.testing.assert_array_equal(
        shown(dock), tiles(source.plain(12), source.model.config)
    )
    look.close_button.click()
    assert not look.isVisible() and look.seen is None
    assert not own_models.exists() and not notices


def test_other_options_show_the_same_places_and_others_show_others(dock):
    look, button = dock.widget.look, dock.form.look_button
    press(dock, button)
    first, plain = shown(dock), look.seen.tiles[1]
    press(dock, button)
    np.testing.assert_array_equal(shown(dock), first)
    dock.set(SHORT.replace(augment=AugmentConfig(brightness=1)))
    press(dock, button)
    assert not np.array_equal(shown(dock), first)
    np.testing.assert_array_equal(look.seen.tiles[1], plain)
    brighter = shown(dock)
    press(dock, look.others_button)
    others = shown(dock)
    assert not np.array_equal(others, brighter)
    assert not np.array_equal(look.seen.tiles[1], plain)
    press(dock, button)
    np.testing.assert_array_equal(shown(dock), others)


def test_it_is_greyed_with_the_reason(dock):
    button = dock.form.look_button
    dock.form.network_box.setCurrentText("forest")
    assert not button.isEnabled()
    assert "without augmentation" in button.toolTip()
    dock.form.network_box.setCurrentText("unet")
    assert button.isEnabled()
    dock.viewer.layers.remove("cells labels")
    assert not button.isEnabled()
    reason = dock.buttons.start.toolTip()
    assert button.toolTip() == reason and "labels" in reason


def test_what_is_wrong_is_told_once_and_leaves_no_empty_window(dock, notices):
    dock.set(SHORT.replace(patch=512))
    press(dock, dock.form.look_button)
    assert not dock.widget.look.isVisible()
    (text,) = notices
    assert "patch 512 is larger than the image" in text
    assert dock.form.look_button.isEnabled()


def test_it_closes_with_the_dock_and_its_job_ends(dock):
    look = dock.widget.look
    dock.form.look_button.click()
    assert look.isVisible() and not dock.form.look_button.isEnabled()
    dock.close()
    assert not isalive(look)
    assert TITLE not in [w.windowTitle() for w in QApplication.topLevelWidgets()]
    assert worker.jobs().stop(20)
