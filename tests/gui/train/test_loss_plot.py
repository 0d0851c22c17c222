"""The plot of a training: what it draws, marks and says; bounded, in theme colours."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QColor, QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_unet.events import EpochEnd, StepDone
from napari_unet.gui.train.loss_chart import loss_ticks, time_ticks
from napari_unet.gui.train.loss_plot import Curve, LossPlot, legible


def step(seconds, loss):
    return StepDone(int(seconds), None, loss, seconds, None, 1.0)


def epoch(seconds, loss, ap50, best=False, objects=112):
    figures = {"ap50": ap50, "mean9": 0.9 * ap50}
    return EpochEnd(
        1, int(seconds), loss, loss, 0.9 * ap50, figures, objects, best, seconds
    )


def not_validated(seconds):
    return EpochEnd(1, int(seconds), 1.0, None, None, {}, 0, True, seconds)


def drawn(line):
    """Return what a curve or scatter shows: times and values."""
    return tuple(np.asarray(values).tolist() for values in line.getData())


def text(plot):
    return plot._values.text().replace("\u00a0", " ")


@pytest.fixture
def plot(qtbot):
    # A viewer without its window has the theme, and is quick to make.
    made = LossPlot(ViewerModel())
    qtbot.addWidget(made)
    made.resize(340, 260)
    with qtbot.waitExposed(made):
        made.show()
    made.show_now = lambda: qtbot.waitUntil(lambda: not made._timer.isActive())
    return made


def test_losses_and_quality_are_drawn_over_time(plot):
    chart = plot._chart
    plot.add_step(step(10, 1.0))
    for seconds, loss, ap50 in ((30, 1.0, 0.5), (60, 0.1, 0.75)):
        plot.add_epoch(epoch(seconds, loss, ap50))
    plot.show_now()
    assert drawn(chart.training) == ([10], [0])
    assert drawn(chart.validation) == ([30, 60], pytest.approx([0, -1])), "logarithms"
    assert drawn(chart.quality) == ([30, 60], [0.5, 0.75])
    assert drawn(chart.triangles) == drawn(chart.quality)
    assert chart.getPlotItem().getAxis("right").labelText == "AP50"
    assert "AP50" in plot._legend.text()
    assert "AP50 0.750 (112 objects)" in text(plot)


def test_lines_differ_without_colour(plot):
    chart = plot._chart
    styles = [line.opts["pen"].style() for line in (chart.validation, chart.quality)]
    assert styles == [Qt.PenStyle.DashLine, Qt.PenStyle.SolidLine]
    assert chart.circles.opts["symbol"] != chart.triangles.opts["symbol"]


def test_a_semantic_model_is_judged_by_dice(plot):
    figures = {"dice": 0.7, "iou": 0.6}
    plot.add_step(step(1, 1.0))
    plot.add_epoch(EpochEnd(1, 1, 1.0, 1.0, 0.7, figures, 9, True, 1.0))
    plot.show_now()
    assert drawn(plot._chart.quality)[1] == [0.7]
    assert "Dice 0.700 (9 objects)" in text(plot)


def test_the_axes_have_names_before_anything_is_drawn(plot):
    def axes():
        item = plot._chart.getPlotItem()
        return [item.getAxis(side).labelText for side in ("left", "right")]

    assert axes() == ["loss", "AP50"]
    plot.expect("dice")
    assert axes() == ["loss", "Dice"]
    assert "training&nbsp;loss" in plot._legend.text()
    plot.add_epoch(epoch(100, 0.8, 0.25))
    plot.expect("dice")
    assert axes() == ["loss", "AP50"], "as the validation told"


def test_the_training_loss_is_smoothed_from_its_first_value(plot):
    losses = [2.0, 1.0, 2.0, 1.0] * 50
    for i, loss in enumerate(losses):
        plot.add_step(step(i, loss))
    plot.show_now()
    _, values = drawn(plot._chart.training)
    assert values[0] == pytest.approx(math.log10(2.0))
    assert 10 ** values[-1] == pytest.approx(1.5, abs=0.05)


def test_the_last_epoch_that_was_best_is_marked(plot):
    chart = plot._chart
    assert not chart.best.isVisible()
    for seconds, best in ((10, True), (20, True), (30, False)):
        plot.add_epoch(epoch(seconds, 1.0, 0.5, best))
    plot.show_now()
    assert chart.best.isVisible() and chart.best.value() == 20
    assert chart.word.isVisible() and chart.word.toPlainText() == "best"
    plot.clear()
    assert not chart.best.isVisible() and not chart.word.isVisible()


def test_it_says_that_nothing_is_validated(plot):
    plot.add_step(step(1, 1.0))
    plot.add_epoch(not_validated(1))
    plot.show_now()
    said = plot._chart.message.toPlainText()
    assert "no validation" in said and "fewer than 20 annotated objects" in said
    assert not plot._chart.best.isVisible(), "the last weights count, not the best"
    plot.clear()
    plot.add_step(step(1, 1.0))
    plot.show_now()
    assert plot._chart.message.toPlainText() == ""


def test_an_empty_plot_says_what_it_is_for(plot):
    assert "once training has begun" in plot._chart.message.toPlainText()
    plot.add_step(step(1, 1.0))
    plot.show_now()
    assert plot._chart.message.toPlainText() == ""


def test_hovering_tells_the_values_of_that_time(plot, qtbot):
    for seconds in range(0, 301, 10):
        plot.add_step(step(seconds, 1.0))
    plot.add_epoch(epoch(100, 0.8, 0.25))
    plot.add_epoch(epoch(200, 0.6, 0.5))
    plot.show_now()
    assert text(plot).startswith("5:00") and "AP50 0.500" in text(plot)
    assert hover(plot, 153) == (
        "2:30   training loss 1.000   validation loss 0.800   AP50 0.250 (112 objects)"
    )
    # Moves that follow each other at once are left out.
    qtbot.waitUntil(lambda: hover(plot, 50) == "50 s   training loss 1.000")
    QApplication.sendEvent(plot, QEvent(QEvent.Type.Leave))
    assert text(plot).startswith("5:00")


def hover(plot, seconds):
    """Move the mouse to a time; returns what is written then."""
    chart = plot._chart
    view = chart.getPlotItem().vb
    middle = view.viewRect().center().y()
    place = chart.mapFromScene(view.mapViewToScene(QPointF(seconds, middle)))
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(place),
        QPointF(chart.viewport().mapToGlobal(place)),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(chart.viewport(), event)
    return text(plot)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_losses_that_are_no_numbers_do_no_harm(plot, value):
    plot.add_step(step(1, value))
    plot.add_step(step(2, 0.0))
    plot.add_epoch(epoch(2, value, 0.5))
    plot.show_now()
    assert drawn(plot._chart.training)[0] == [2]
    assert drawn(plot._chart.validation) == ([], [])


def test_it_draws_at_most_five_times_a_second(plot, qtbot, monkeypatch):
    plot.show_now()
    drawings = []
    monkeypatch.setattr(plot._chart, "draw", lambda *a: drawings.append(a))
    for i in range(100):
        plot.add_step(step(i, 1.0))
    assert not drawings and plot._timer.isActive() and plot._timer.interval() >= 200
    plot.show_now()
    assert len(drawings) == 1


def test_what_came_while_it_was_hidden_is_drawn_when_it_shows(plot, qtbot):
    plot.hide()
    plot.add_step(step(3, 1.0))
    plot.show_now()
    assert drawn(plot._chart.training)[0] == []
    plot.show()
    assert drawn(plot._chart.training)[0] == [3]


def test_a_long_training_is_thinned_out_and_quick_to_draw(plot):
    for i in range(30_000):
        plot.add_step(step(i, 1.0))
        if i % 10 == 0:
            plot.add_epoch(epoch(i, 1.0, 0.5))
    plot.show_now()
    chart = plot._chart
    assert 500 <= len(drawn(chart.training)[0]) <= 1001
    assert 100 <= len(drawn(chart.quality)[0]) <= 201
    assert len(drawn(chart.triangles)[0]) <= 30, "symbols must not cover each other"
    assert drawn(chart.training)[0][-1] > 29_000


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_colours_come_from_the_theme_and_follow_it(plot, theme):
    viewer = plot._viewer
    viewer.theme = "light" if theme == "dark" else "dark"
    viewer.theme = theme
    back = QColor(*get_theme(theme).background.as_rgb_tuple(alpha=False))
    chart = plot._chart
    assert chart.backgroundBrush().color() == back
    for line in (chart.training, chart.validation, chart.quality):
        assert contrast(line.opts["pen"].color(), back) >= 3
    assert contrast(chart.getPlotItem().getAxis("left").textPen().color(), back) > 4.5


def contrast(a, b):
    def luminance(colour):
        return np.dot((0.2126, 0.7152, 0.0722), np.array(colour.getRgbF()[:3]) ** 2.2)

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_are_moved_no_further_than_needed():
    white, black, yellow = QColor("white"), QColor("black"), QColor("#fff0a0")
    assert legible(yellow, black, white).name() == yellow.name()
    moved = legible(yellow, white, black)
    assert 3 <= contrast(moved, white) < 4.5


def test_a_plot_that_is_gone_is_left_alone(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    plot = LossPlot(viewer)
    dock = viewer.window.add_dock_widget(plot, name="plot")
    viewer.theme = "light"
    viewer.window.remove_dock_widget(dock)
    with qtbot.waitSignal(plot.destroyed):
        plot.deleteLater()
    viewer.theme = "dark"  # raises if the widget is told


def test_it_works_with_the_viewer_that_plugins_get(make_napari_viewer_proxy, qtbot):
    viewer = make_napari_viewer_proxy()
    plot = LossPlot(viewer)
    qtbot.addWidget(plot)
    viewer.theme = "light"
    back = QColor(*get_theme("light").background.as_rgb_tuple(alpha=False))
    assert plot._chart.backgroundBrush().color() == back


def test_it_is_narrow_enough_for_a_dock_and_has_its_help(plot):
    assert plot.minimumSizeHint().width() <= 300
    assert 180 <= plot._chart.height() <= 220
    assert plot._chart.toolTip() and plot._values.toolTip()


def test_the_module_does_not_load_pyqtgraph():
    code = (
        "import sys, napari_unet.gui.train.loss_plot; "
        "print('pyqtgraph' in sys.modules, "
        "'torch' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert found.stdout.split() == ["False", "False"]


# --- points and ticks ---------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100, 1000, 4099])
def test_a_curve_keeps_the_mean_of_all_points(count):
    curve = Curve(8)
    for i in range(count):
        curve.add(i, 2 * i)
    points = curve.array()
    assert len(points) <= 9 and len(points) >= min(count, 4)
    assert (np.diff(points[:, 0]) > 0).all() if count else True
    if count > 8:  # all but the last stand for equally many
        widths = np.diff(points[:-1, 0])
        np.testing.assert_allclose(widths, widths[0])
        assert points[0, 0] <= count / 8
        assert points[-1, 0] >= count * 7 / 8 - 1
    if count:
        np.testing.assert_allclose(points[:, 1], 2 * points[:, 0])


@pytest.mark.parametrize("last", [1, 9.5, 59, 61, 130, 599, 3601, 40_000, 1e6])
@pytest.mark.parametrize("first", [0, 77.7])
def test_times_are_few_within_the_range_and_even(first, last):
    ticks = time_ticks(first, first + last)
    times = [t for t, _ in ticks]
    assert 1 <= len(ticks) <= 6
    assert all(first <= t <= first + last for t in times)
    assert len(set(np.diff(times))) <= 1


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.3, 1.4), (0.91, 1.1), (1e-9, 10), (0.2, 0.21), (0.61, 0.95), (3, 400)],
)
def test_losses_have_a_few_round_ticks(low, high):
    ticks = loss_ticks(low, high)
    assert 2 <= len(ticks) <= 6
    assert all(low <= t <= high for t in ticks) and ticks == sorted(ticks)
    assert all(len(f"{t:g}") <= 6 for t in ticks)
