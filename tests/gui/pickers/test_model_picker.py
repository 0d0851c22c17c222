"""The models that a user can choose, and how."""

from __future__ import annotations

import os
import shutil

import pytest
from qtpy.QtCore import QBuffer
from qtpy.QtGui import QImage

from napari_unet.config.model import CLASSIFIER_NAMES
from napari_unet.gui.pickers import model_card
from napari_unet.gui.pickers import model_picker as module
from napari_unet.gui.pickers.model_picker import ModelPicker, models
from napari_unet.networks.pixel_classifiers import CLASSIFIERS
from support import segment_dock

own_models = segment_dock.own_models


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "models"
    made.mkdir()
    return made


def put(trained, folder, name, age=0):
    copy = shutil.copytree(trained, folder / name)
    os.utime(copy / "model.safetensors", (1e9 - age, 1e9 - age))
    return str(copy)


def names():
    return list(models().entries().values())


@pytest.fixture
def picker(qtbot):
    def make(**options):
        made = ModelPicker(**options)
        qtbot.addWidget(made)
        made.show()
        return made

    return make


def texts(picker):
    return [picker.combo.itemText(i) for i in range(picker.combo.count())]


def test_trained_models_are_listed_newest_first(trained, folder, monkeypatch, tmp_path):
    built_in = tmp_path / "built in"
    monkeypatch.setattr(module, "BUILT_IN", built_in)
    put(trained, built_in, "nuclei")
    put(trained, folder, "old", 100)
    put(trained, folder, "new")
    (folder / "no model").mkdir()
    models().add(trained)
    assert names() == ["nuclei (built in)", "new", "old", "discs"]


def test_a_model_is_added_once_and_under_one_path(trained, folder):
    inside = put(trained, folder, "mine")
    assert models().add(trained / ".." / trained.name) == str(trained)
    models().add(str(trained))
    models().add(inside)
    assert names() == ["mine", "discs"]


@pytest.mark.parametrize("name", ["empty", "nowhere"])
def test_what_is_no_model_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=name):
        models().add(tmp_path / name)
    assert not models().entries()


def test_without_a_model_there_is_nothing_to_choose(picker):
    made = picker()
    assert texts(made) == ["no model yet"] and made.path is None
    assert not made.combo.isEnabled()
    assert not made.card_button.isEnabled() and made.card_button.toolTip()


def test_choosing_reaches_every_picker_list_and_is_remembered(trained, picker, qtbot):
    made = picker()
    with qtbot.waitSignal(models().chosen) as sent:
        models().choose(trained)
    assert sent.args == [str(trained)] and models().chosen_path == str(trained)
    assert texts(made) == ["discs"] and made.path == str(trained)


def test_new_models_appear_when_the_menu_opens_and_the_choice_stays(
    trained, folder, picker, qtbot
):
    first = put(trained, folder, "first", 100)
    made = picker()
    assert made.path == first
    put(trained, folder, "second")
    with qtbot.assertNotEmitted(made.changed):
        made.combo.showPopup()
    made.combo.hidePopup()
    assert texts(made) == ["second", "first"] and made.path == first
    shutil.rmtree(first)
    with qtbot.waitSignal(made.changed):
        made.refresh()
    assert texts(made) == ["second"]


def test_from_scratch_is_an_entry_of_its_own(trained, folder, picker, qtbot):
    path = put(trained, folder, "mine")
    made = picker(scratch=True)
    assert texts(made) == ["from scratch", "mine"] and made.path is None
    with qtbot.waitSignal(made.changed):
        made.set_path(path)
    assert made.path == path
    made.set_path(None)
    assert made.path is None


def test_nothing_starts_from_a_pixel_classifier(trained, folder, picker, tmp_path):
    from napari_unet import Model
    from napari_unet.config import ModelConfig

    forest = Model.create(ModelConfig(network="forest"), device="cpu")
    path = forest.save(folder / "grown")
    shared = forest.share(tmp_path / "shared")
    put(trained, folder, "mine")
    models().add(shared)
    assert set(texts(picker())) == {"mine", "grown", "shared"}
    made = picker(scratch=True)
    assert texts(made) == ["from scratch", "mine"]
    for where in (path, shared):
        with pytest.raises(ValueError, match="fitted anew each time"):
            made.set_path(where)
    assert made.path is None
    config = folder / "grown" / "config.json"
    config.write_text("no text")
    os.utime(config, (1e9, 1e9))
    made.refresh()
    assert "grown" in texts(made), "what it is cannot be told; Start says"


def test_the_classifiers_are_those_of_the_core():
    assert set(CLASSIFIER_NAMES) == set(CLASSIFIERS)


def test_a_file_and_a_folder_can_be_chosen(
    trained, tmp_path, picker, monkeypatch, notices
):
    from napari_unet import Model

    shared = Model.load(trained, "cpu").share(tmp_path / "shared")
    made = picker()
    monkeypatch.setattr(module, "ask_file", lambda *_: shared)
    made._ask_file()
    assert made.path == str(shared) and made.combo.currentText() == "shared"
    monkeypatch.setattr(module, "ask_folder", lambda *_: tmp_path)
    made._ask_folder()
    assert len(notices) == 1 and "model.safetensors is missing" in notices[0]
    assert made.path == str(shared), "what was chosen before stays"
    monkeypatch.setattr(module, "ask_folder", lambda *_: None)
    made._ask_folder()
    assert len(notices) == 1


def test_the_card_shows_text_and_picture(trained, folder, picker, qtbot):
    path = put(trained, folder, "mine")
    image, buffer = QImage(400, 40, QImage.Format.Format_RGB32), QBuffer()
    image.save(buffer, "PNG")
    (folder / "mine" / "thumbnail.png").write_bytes(bytes(buffer.data()))
    made = picker()
    assert made.path == path and not made.card.isVisible()
    made.card_button.click()
    qtbot.waitUntil(lambda: made.card.text.text().startswith("mine finds objects"))
    assert "AP50" in made.card.text.text()
    assert "threshold" not in made.card.text.text(), "that is folded away"
    assert made.card.technical.text().startswith("mine: unet")
    assert "validation: AP50" in made.card.technical.text()
    assert made.card.picture.isVisible()
    assert made.card.picture.pixmap().width() == 320
    made.card_button.click()
    assert not made.card.isVisible()


def test_the_card_shares_the_model_as_one_file(
    trained, folder, picker, qtbot, tmp_path, monkeypatch, notices
):
    from napari_unet import Model

    path = put(trained, folder, "mine")
    made = picker()
    made.card_button.click()
    asked = []

    def ask(_parent, _title, name, _kinds):
        asked.append(name)
        return tmp_path / "for you"

    monkeypatch.setattr(model_card, "ask_new_file", ask)
    made.card.share_button.click()
    file = tmp_path / "for you.unetmodel"
    qtbot.waitUntil(file.exists)
    assert asked == ["mine.unetmodel"]
    assert Model.load(file, "cpu").hash() == Model.load(path, "cpu").hash()
    before = file.read_bytes()
    made.card.share_button.click()
    assert "is there already" in notices[-1], "the dialog asked about another name"
    assert file.read_bytes() == before


def test_a_damaged_card_is_told_once(trained, folder, picker, qtbot, notices):
    put(trained, folder, "mine")
    (folder / "mine" / "model.safetensors").write_bytes(b"x" * 100)
    made = picker()
    made.card_button.click()
    qtbot.waitUntil(lambda: bool(notices))
    assert len(notices) == 1 and "mine" in notices[0]
    assert made.card.text.text() == "the card cannot be read"
