"""What is wrong with the data stands above Start: its place is shown, it is fixed."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_unet.config import ModelConfig
from napari_unet.data.doctor import Finding, check
from napari_unet.data.images import ImageSeries
from napari_unet.data.meaning import Meaning
from napari_unet.data.samples import Sample
from napari_unet.events import Control, Progress, drain
from napari_unet.files.sample_data import folder
from napari_unet.gui import worker
from napari_unet.gui.layers.images import Pair, image_of, labels_reader
from napari_unet.gui.pairs.fixes import Origin, mend, write
from napari_unet.gui.train import checks as train_checks
from napari_unet.gui.train.checks import Seen, check_pairs
from napari_unet.training.annotated import Annotated
from support import train_dock
from support.made import blobs
from support.train_dock import LONG, Dock, add_pair

own_models = train_dock.own_models


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(train_checks, "LOOK_MS", 20)
    # Menus that fill late are a change of the form, too.
    monkeypatch.setattr(worker, "warm_up", lambda ready: None)


def discs(*parts, shape=(96, 128)):
    """Labels of squares at places: (y, x, id)."""
    labels = np.zeros(shape, np.int32)
    for y, x, label in parts:
        labels[y : y + 9, x : x + 9] = label
    return labels


def dock_with(viewer, qtbot, labels):
    add_pair(viewer, labels=labels)
    dock = Dock(viewer, qtbot)
    dock.set()
    return dock


def wait(dock, *words):
    """Until there are so many findings, with these words."""

    def there():
        texts = dock.widget.findings.texts
        return len(texts) == len(words) and all(
            w in t for w, t in zip(words, texts, strict=True)
        )

    dock.qtbot.waitUntil(there, timeout=60_000)


@pytest.mark.quick
def test_binary_labels_are_fixed_before_start(make_napari_viewer, qtbot, notices):
    viewer = make_napari_viewer()
    binary = (blobs(0, (96, 128), 30).labels > 0) * 7
    dock = dock_with(viewer, qtbot, binary)
    findings, layer = dock.widget.findings, viewer.layers["cells labels"]
    wait(dock, "cannot train: cells: the labels are binary")
    assert findings.button.text() == "⚠ 1 finding: cannot train"
    column = findings.parentWidget().layout()
    assert column.indexOf(findings) < column.indexOf(dock.buttons)
    findings.button.click()
    (row,) = findings.rows
    for button in (row.show_button, row.fix_button):
        assert button.isVisibleTo(dock.widget) and button.toolTip()
    layer.visible = False
    row.fix_button.click()
    assert not row.fix_button.isEnabled(), "once is enough"
    wait(dock)
    assert findings.isHidden() and viewer.layers.selection.active == layer
    image = viewer.layers["cells"].data[None]
    assert check([Sample(image, layer.data)], formulation="instances") == []
    ids = len(np.unique(layer.data)) - 1
    assert ids > 3 and (layer.data.max(), layer.data[layer.data > 0].min()) == (
        6 + ids,
        7,
    )
    assert notices == [f"{ids - 1} objects got a new id; Ctrl-Z takes it back"]
    layer.undo()
    np.testing.assert_array_equal(layer.data, binary)
    wait(dock, "binary")


def test_labels_wrong_as_a_whole_are_fixed_in_one_edit(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    right = blobs(0, (96, 128), 30).labels
    dock = dock_with(viewer, qtbot, right)
    layer, findings = viewer.layers["cells labels"], dock.widget.findings
    for wrong, words, tooltip in (
        (np.where(right > 0, 0, 255), "look inverted", "Make this label 0"),
        (right[:, ::-1].copy(), "look flipped left to right", "Turn the labels"),
    ):
        layer.data = wrong
        wait(dock, f"worth a look: cells: the labels {words}")
        (row,) = findings.rows
        assert tooltip in row.fix_button.toolTip()
        row.show_button.click()
        assert layer.selected_label > 0
        row.fix_button.click()
        qtbot.waitUntil(lambda r=row: r not in findings.rows)
        np.testing.assert_array_equal(layer.data > 0, right > 0)
        layer.undo()
        np.testing.assert_array_equal(layer.data, wrong)


def test_show_goes_to_the_time_point_and_mend_to_all(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    one = discs((9, 9, 1), (40, 40, 2))
    two = discs((9, 9, 1), (9, 60, 1), (70, 90, 2))
    labels = np.stack([one, two, two])
    noise = np.random.default_rng(0).integers(0, 99, labels.shape, np.uint8)
    add_pair(viewer, noise, labels, name="film")
    for layer in viewer.layers:
        layer.axis_labels, layer.scale = ("t", "y", "x"), (1, 0.5, 0.25)
    viewer.dims.set_current_step(0, 0)
    dock = Dock(viewer, qtbot)
    dock.set()
    wait(dock, "worth a look: film_t1: 1 of 2 ids lie on", "film_t2")
    assert dock.widget.findings.button.text() == "⚠ 2 findings"
    drawn = viewer.layers["film labels"]
    viewer.layers.selection.active, drawn.selected_label = viewer.layers["film"], 5
    dock.widget.findings.rows[1].show_button.click()
    assert viewer.dims.current_step[0] == 2
    assert viewer.scene.camera.center[-2:] == (13 * 0.5, 64 * 0.25)
    assert viewer.layers.selection.active == drawn and drawn.selected_label == 1
    dock.widget.findings.rows[1].fix_button.click()
    wait(dock)
    new = [
        np.setdiff1d(drawn.data[frame], labels[frame]).tolist() for frame in range(3)
    ]
    assert new == [[], [3], [4]], "an id is one object in all time points"
    drawn.undo()
    np.testing.assert_array_equal(drawn.data, labels)


def test_findings_follow_the_form_and_the_brush(make_napari_viewer, qtbot, monkeypatch):
    viewer = make_napari_viewer()
    dock = dock_with(viewer, qtbot, discs((9, 9, 1), (40, 40, 1), (70, 70, 2)))
    wait(dock, "(1)")
    dock.form.classes_button.click()
    wait(dock)
    dock.form.instances_button.click()
    wait(dock, "(1)")
    dock.form.labels_mean.ignored_box.setValue(1)
    wait(dock)
    layer = viewer.layers["cells labels"]
    layer.brush_size = 9
    layer.paint((20, 100), 2)
    wait(dock, "binary: 2 separate objects are all 2")
    with monkeypatch.context() as patch:
        patch.setattr(train_checks, "MOST_PIXELS", 96 * 128 - 1)
        dock.widget.checks.request()
        wait(dock)
    dock.widget.checks.request()
    wait(dock, "binary")
    dock.widget.add_folder(folder("nuclei"))  # which is not read
    layer.data = discs()
    wait(dock)


def test_a_look_that_was_overtaken_is_dropped(make_napari_viewer, qtbot, monkeypatch):
    gate, asked, shown = threading.Event(), [], []

    def slow(turn, readers, learnt, alone, control):
        asked.append(turn)
        while not gate.wait(0.01):
            yield Progress("checking", 0)
        return Seen(turn, (Finding("warning", "cells", f"turn {turn}", "rest"),))

    monkeypatch.setattr(train_checks, "check_pairs", slow)
    dock = dock_with(make_napari_viewer(), qtbot, discs((9, 9, 1)))
    findings = dock.widget.findings
    monkeypatch.setattr(
        type(findings), "set_found", lambda self, found: shown.extend(found)
    )
    qtbot.waitUntil(lambda: bool(asked))
    dock.widget.checks.request()
    qtbot.waitUntil(lambda: not dock.widget.checks._timer.isActive())
    assert len(asked) == 1, "one at a time"
    gate.set()
    qtbot.waitUntil(lambda: bool(shown))
    assert len(asked) == 2
    assert [f.problem for f in shown] == [f"turn {asked[1]}"]


def test_nothing_is_fixed_while_a_training_runs(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    dock = dock_with(viewer, qtbot, discs((9, 9, 1), (40, 40, 1), (70, 70, 2)))
    wait(dock, "(1)")
    dock.set(LONG)
    dock.press()
    dock.wait_for_steps()
    wait(dock, "(1)")  # and not twice, though the training tells it, too
    (row,) = dock.widget.findings.rows
    assert not row.fix_button.isEnabled()
    assert "training is running" in row.fix_button.toolTip()
    layer = viewer.layers["cells labels"]
    layer.data_setitem(np.nonzero(layer.data == 1), 2)
    checks = dock.widget.checks
    qtbot.waitUntil(lambda: not checks._timer.isActive())
    assert checks._asked < checks._turn, "nothing is looked at meanwhile"
    dock.press("stop")
    dock.wait()
    wait(dock, "binary: 3")
    assert dock.widget.findings.rows[0].fix_button.isEnabled()


def test_a_look_tells_what_a_training_would():
    image = np.random.default_rng(0).random((1, 96, 128), np.float32)

    def seen(labels, alone=True, **meaning):
        item = Annotated(ImageSeries(image, "CYX", name="a"), labels, **meaning)
        work = check_pairs(1, [lambda: item], ModelConfig(depth=1), alone, Control())
        return [f.problem for f in drain(work).findings]

    assert seen(discs()) == ["the labels are empty"]
    assert seen(discs(), alone=False) == [], "a folder may hold the objects"
    twice = discs((9, 9, 1), (40, 40, 1))
    assert "binary" in seen(twice)[0]
    assert seen(twice, zero="unknown") == [], "no background: Start tells it"
    assert seen(twice[1:]) == [], "another shape: so does it"


def test_labels_on_channels_are_fixed_where_they_lie():
    labels = np.stack([discs((9, 9, 5)), discs((40, 40, 5))])
    image = Image(np.zeros((2, 96, 128), np.uint8), rgb=False)
    layer = Labels(labels.copy())
    target = Pair(image, layer, "CYX", image_of(image, "CYX"))
    read = labels_reader(layer, "CYX", target.image)
    finding = Finding("warning", "cells", "are parts", "rest", fix="split")
    found = drain(mend(read, False, Meaning(ignore=6), finding, Control()))
    assert found.count == 1
    layer.data[1, 40, 40] = 3  # painted meanwhile
    assert write(target, found) and not write(target, found)
    expected = labels.copy()
    expected[1][expected[1] == 5] = 7  # 6 means something else
    expected[1, 40, 40] = 3
    np.testing.assert_array_equal(layer.data, expected)
    assert Origin(target, 0).pixel((44, 45)) == (0, 44, 45)
    layer.editable = False
    with pytest.raises(ValueError, match="cannot be edited"):
        write(target, found)
    layer.data = discs()
    layer.data = discs(shape=(96, 127))
    assert Origin(target, 0).pixel((44, 45)) is None
