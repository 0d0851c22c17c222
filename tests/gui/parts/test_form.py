"""The form's contract: whatever a config holds comes back out of the form's rows."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.config import AugmentConfig, ModelConfig, PredictConfig, TrainConfig
from napari_unet.config.base import parse, simple_type, text_of
from napari_unet.gui.parts.form import ConfigForm, Fold

# Values that are not the default, for every option of every config.
VALUES = {
    ModelConfig: {
        "network": ["another"],
        "formulation": ["semantic"],
        "ndim": [3],
        "input": ["rgb", ("DAPI", "actin"), ("DAPI",), ("grey",), ("a, b",)],
        "depth": [1, 7],
        "width": [2, 256],
        "norm": ["none", "group"],
        "dropout": [0.25, (0.1, 0.1, 0.2, 0.2, 0.3)],
        "upsampling": ["interpolate"],
        "strides": [((2, 2),) * 4, ((1, 2), (2, 2), (3, 4), (2, 1))],
        "classes": [(1, 2), (7,)],
        "class_names": [("nucleus", "round cell"), ("a",)],
        "class_colours": [("#e69f00", "#0072B2"), ("#000000",)],
        "border_width": [3],
        "percentiles": [(0.0, 100.0), (1e-7, 99.999)],
        "object_size": [21.7, 1 / 3],
        "any_size": [True],
        "stem": [2],
        "spacing": [(0.25, 0.25), (2.0, 0.1625)],
    },
    AugmentConfig: {
        "flips": [False],
        "turns": [False],
        "rotation": [180.0],
        "scaling": [1.0],
        "elastic": [3.5],
        "brightness": [0.0],
        "contrast": [0.9],
        "gamma": [1.05],
        "noise": [3e-4],
        "background": [0.5],
        "debris": [0.25],
        "colour": [1.0],
        "blur": [1e-12],
        "inversion": [0.5],
        "part": [1.0],
    },
    TrainConfig: {
        "minutes": [0.05, 10.0],
        "steps": [1, 2_000_000],
        "epochs": [3],
        "patch": [128, (128,), (32, 128, 128)],
        "batch": [1024],
        "rate": [3e-4, 1e-12, 0.1 + 0.2],
        "rehearsal": [0.0, 0.25],
        "keep_crops": [False],
        "warmup": [0, 100_000],
        "decay": [0.4, 0.0],
        "optimizer": ["adam"],
        "average": [0.0, 0.99999],
        "loss": ["dice"],
        "class_weights": [(0.5, 1.0), (3.0,), "frequencies"],
        "validation": [0.0],
        "patience": [1],
        "thresholds": [False],
        "augment": [AugmentConfig(flips=False, noise=3e-4), AugmentConfig(gamma=1)],
        "licence": ["CC BY 4.0, with changes", "", " spaces "],
        "seed": [2**31 - 1],
        "precision": ["bfloat16"],
    },
    PredictConfig: {
        "threshold": [0.35],
        "score": [1.0, 1e-5, 0.0],
        "smallest": [0, 150],
        "object_size": [21.7],
        "link": [0.0, 0.25],
        "intensity": [((0.0,), (1.0,)), ((-1.5, 0.0, 3.0), (10.0, 20.0, 65535.0))],
        "accurate": [True],
        "tile": [32],
        "level": [1, 4],
        "memory": [0.5],
        "block": [16384],
        "precision": ["float16"],
    },
}
CASES = [(k, n, v) for k, names in VALUES.items() for n in names for v in names[n]]


def row(form, name):
    return form._rows[name]


def editor(form, name):
    return row(form, name).focusProxy()


def write(qtbot, form, name, text):
    """Type into a field and leave it."""
    field = editor(form, name)
    field.clear()
    qtbot.keyClicks(field, text)
    field.editingFinished.emit()


@pytest.fixture
def form(qtbot):
    made = ConfigForm(TrainConfig)
    qtbot.addWidget(made)
    return made


def test_every_option_is_tried_here():
    for kind, names in VALUES.items():
        assert set(names) == set(kind.model_fields)


@pytest.mark.parametrize(
    ("kind", "name", "value"), CASES, ids=[f"{k.__name__}.{n}={v}" for k, n, v in CASES]
)
def test_what_goes_in_comes_out(qtbot, kind, name, value):
    form = ConfigForm(kind)
    qtbot.addWidget(form)
    config = kind(**{name: value})
    form.set_value(config)
    found = form.value()
    assert found == config
    assert type(getattr(found, name)) is type(getattr(config, name))
    assert found.model_fields_set == {name}


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (kind, name, value)
        for kind, name, value in CASES
        if not (name == "augment" or simple_type(kind.model_fields[name]))
    ],
)
def test_values_as_text_are_read_back(kind, name, value):
    """Forms and the command line write and read options with the same functions."""
    if value == ("a, b",):
        pytest.skip("text cannot tell it from two names; the form keeps the value")
    info = kind.model_fields[name]
    read = parse(text_of(value, info), info)
    assert getattr(kind(**{name: read}), name) == value


@pytest.mark.parametrize("kind", VALUES)
def test_any_config_comes_out_as_it_went_in(qtbot, kind):
    form = ConfigForm(kind)
    qtbot.addWidget(form)
    choices = {name: st.sampled_from(values) for name, values in VALUES[kind].items()}
    if kind is TrainConfig:  # one budget only
        del choices["steps"], choices["epochs"]
    if kind is ModelConfig:  # these must fit each other
        del choices["depth"], choices["ndim"], choices["any_size"]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.fixed_dictionaries({}, optional=choices))
    def check(options):
        config = kind(**options)
        form.set_value(config)
        assert form.value() == config
        assert form.value().model_fields_set == set(options)

    check()


def test_a_new_form_sets_nothing(form):
    assert form.value() == TrainConfig()
    assert form.value().model_fields_set == set()


def test_what_is_at_its_default_is_not_set(form):
    form.set_value(TrainConfig(decay=0.3, augment=AugmentConfig(flips=True), batch=8))
    assert form.value().model_fields_set == {"batch"}
    form.set_value(TrainConfig(augment=AugmentConfig(flips=False, turns=True)))
    assert form.value().augment.model_fields_set == {"flips"}


def test_typed_numbers_are_not_touched(qtbot, form):
    write(qtbot, form, "rate", "3e-4")
    assert form.value().rate == 3e-4
    assert editor(form, "rate").text() == "3e-4"


@pytest.mark.parametrize(
    ("text", "patch"),
    [("128", 128), ("128,64", (128, 64)), (" 128, 64 ", (128, 64)), ("", None)],
)
def test_text_is_read_as_on_the_command_line(qtbot, form, text, patch):
    form.set_value(TrainConfig(patch=32))
    write(qtbot, form, "patch", text)
    assert form.value().patch == patch


def test_an_empty_field_means_the_default_and_shows_it(qtbot, form):
    form.set_value(TrainConfig(average=0.1))
    write(qtbot, form, "average", "")
    assert form.value() == TrainConfig()
    assert editor(form, "average").placeholderText() == "0.998"
    assert editor(form, "rate").placeholderText() == "automatic"
    assert editor(form, "patch").placeholderText() == "automatic"
    assert editor(form, "minutes").placeholderText() == "not set"


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("rate", "fast", "rate: .*number.*'fast'"),
        ("rate", "2", r"rate: .*less than or equal to 1, got '2'"),
        ("batch", "0", "batch: .*greater than or equal to 1, got '0'"),
        ("batch", "2.5", "batch: .*'2.5'"),
        ("patch", "auto", "patch: .*'auto'"),
        ("class_weights", "1;2", "class_weights.*'1;2'"),
        ("validation", "1", "validation: .*less than 1, got '1'"),
    ],
)
def test_bad_text_is_one_sentence_and_marks_its_row(qtbot, form, name, text, sentence):
    form.show()
    form.folds["More options"].expand()
    write(qtbot, form, name, text)
    marked = [n for n, r in form._rows.items() if r._sign.isVisible()]
    assert marked == [name]
    assert text in editor(form, name).toolTip(), "the tooltip says what is wrong"
    assert "border" in row(form, name).styleSheet()
    with pytest.raises(ValueError, match=sentence):
        form.value()
    write(qtbot, form, name, "")
    assert not row(form, name)._sign.isVisible() and not row(form, name).styleSheet()
    assert editor(form, name).toolTip() == row(form, name).toolTip()
    assert form.value() == TrainConfig()


def test_what_concerns_two_options_marks_both(qtbot, form):
    write(qtbot, form, "minutes", "5")
    write(qtbot, form, "steps", "100")
    with pytest.raises(ValueError, match="minutes and steps are given; choose one"):
        form.value()
    assert [n for n, r in form._rows.items() if not r._sign.isHidden()] == [
        *("minutes", "steps")
    ]


def test_a_bad_value_in_a_group_marks_its_row(qtbot, form):
    group = form._groups["augment"]
    write(qtbot, group, "gamma", "9")
    with pytest.raises(ValueError, match=r"augment.gamma: .* 4, got '9'"):
        form.value()
    assert not row(group, "gamma")._sign.isHidden()


def test_changed_tells_of_every_kind_of_row(qtbot, form):
    with qtbot.waitSignal(form.changed):
        write(qtbot, form, "rate", "0.01")
    with qtbot.waitSignal(form.changed):
        editor(form, "thresholds").click()
    with qtbot.waitSignal(form.changed):
        editor(form, "optimizer").setCurrentText("adam")
    with qtbot.waitSignal(form.changed):
        editor(form, "warmup").stepBy(1)
    with qtbot.waitSignal(form.changed):
        editor(form._groups["augment"], "flips").click()
    found = form.value()
    assert found.model_fields_set == {
        *("rate", "thresholds", "optimizer", "warmup", "augment")
    }
    with qtbot.waitSignal(form.changed):
        form.set_value(TrainConfig())
    assert form.value() == TrainConfig()


def test_set_value_tells_once(qtbot, form):
    told = []
    form.changed.connect(lambda: told.append(1))
    form.set_value(TrainConfig(rate=0.1, thresholds=False, warmup=3, patch=64))
    assert len(told) == 1


def test_choices_make_a_menu_and_keep_what_is_chosen(qtbot):
    form = ConfigForm(TrainConfig, ["loss", "rate"])
    qtbot.addWidget(form)
    form.set_choices("loss", ["ce", "ce+dice"])
    menu = editor(form, "loss")
    assert isinstance(menu, QComboBox) and menu.currentText() == "ce+dice"
    menu.setCurrentText("ce")
    form.set_choices("loss", ["ce", "dice", "ce+dice"])
    assert form.value().loss == "ce"
    form.set_value(TrainConfig(loss="of a later version"))
    assert form.value().loss == "of a later version"


def test_only_the_wanted_fields_in_their_order(qtbot):
    form = ConfigForm(TrainConfig, ["rate", "patch"])
    qtbot.addWidget(form)
    assert list(form._rows) == ["rate", "patch"]
    form.set_value(TrainConfig(rate=0.1, seed=5))
    assert form.value() == TrainConfig(rate=0.1), "a form speaks for its rows only"


@pytest.mark.parametrize("kind", VALUES)
def test_every_field_has_its_help(qtbot, kind):
    form = ConfigForm(kind)
    qtbot.addWidget(form)
    for name, shown in form._rows.items():
        info = kind.model_fields[name]
        start = info.description.split()[0]
        assert start in editor(form, name).toolTip()
        assert "None:" not in shown.toolTip(), "nobody can type None"
        if info.default is not None:
            assert "[default: " in shown.toolTip()
        if info.metadata:
            assert any(word in shown.toolTip() for word in ("[from", "[above", "[to"))


def test_the_wheel_scrolls_and_changes_nothing(qtbot, form):
    form.show()
    for name in ("warmup", "optimizer"):
        field = editor(form, name)
        centre = field.rect().center()
        wheel = QWheelEvent(
            QPointF(centre),
            QPointF(field.mapToGlobal(centre)),
            QPoint(),
            QPoint(0, -120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        assert not field.hasFocus()
        QApplication.sendEvent(field, wheel)
    assert form.value() == TrainConfig()


def test_tab_goes_through_the_rows_in_their_order(qtbot):
    form = ConfigForm(PredictConfig)
    qtbot.addWidget(form)
    form.set_choices("object_size", ["10", "20"])  # a menu that came later
    form.show()
    form.activateWindow()
    qtbot.waitUntil(form.isActiveWindow)
    fold = form.folds["Speed and memory"]
    fold.expand()
    fields = [editor(form, name) for name in PredictConfig.model_fields]
    at_hand = [field for field in fields if not fold.isAncestorOf(field)]
    rest = [field for field in fields if fold.isAncestorOf(field)]
    fields[0].setFocus()
    seen = []
    for _ in [*fields, fold]:
        seen.append(QApplication.focusWidget())
        form.focusNextChild()
    assert seen == [*at_hand, fold.toggleButton(), *rest]


def test_an_option_that_does_not_apply_is_hidden_and_not_set(qtbot):
    form = ConfigForm(TrainConfig)
    qtbot.addWidget(form)
    form.set_value(TrainConfig(rate=0.1, seed=3, augment=AugmentConfig(flips=False)))
    form.folds["More options"].expand()
    for name in ("rate", "seed", "augment"):
        form.apply(name, False)
        form.apply(name, False)
    assert form.value().model_fields_set == set()
    assert not row(form, "rate").isVisibleTo(form)
    assert not row(form, "seed").isVisibleTo(form)
    write(qtbot, form, "batch", "8")
    assert form.value() == TrainConfig(batch=8)
    for name in ("rate", "seed", "augment"):
        form.apply(name, True)
    assert row(form, "seed").isVisibleTo(form)
    assert form.value().model_fields_set == {"rate", "seed", "augment", "batch"}


def test_the_fold_of_a_group_can_stand_elsewhere(qtbot):
    form = ConfigForm(PredictConfig, apart=["Speed and memory"])
    qtbot.addWidget(form)
    fold = form.folds["Speed and memory"]
    qtbot.addWidget(fold)
    assert not form.isAncestorOf(fold)
    with qtbot.waitSignal(form.changed):
        write(qtbot, form, "tile", "64")
    assert form.value() == PredictConfig(tile=64)


def test_a_fold_is_closed_out_of_tabs_way_and_grows(qtbot):
    inner = QWidget()
    layout = QVBoxLayout(inner)
    layout.addWidget(QLineEdit())
    host = QWidget()
    outer = QVBoxLayout(host)
    section = Fold("Options", inner)
    outer.addWidget(section)
    outer.addStretch()
    qtbot.addWidget(host)
    host.resize(300, 400)
    host.show()
    button = section.findChild(QPushButton)
    assert "Options" in button.text() and not inner.isVisible()
    closed = section.height()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: inner.isVisible() and section.height() > closed)
    opened = section.height()
    layout.addWidget(QLineEdit())
    qtbot.waitUntil(lambda: section.height() > opened)
    button.click()
    qtbot.waitUntil(lambda: section.height() == closed)
    assert not inner.isVisible()


def test_no_row_is_wider_than_a_dock(qtbot):
    for kind in VALUES:
        form = ConfigForm(kind)
        qtbot.addWidget(form)
        assert form.minimumSizeHint().width() <= 320
