"""Formats, geometry and views of the report, on cases worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from homespun.report import charts, data_view, format, run_view
from homespun.report.data import ArmInfo, Cell, ReportData, ScoreColumn, StageCost


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ("a\tb\nc\r\nd", "a\tb\nc\nd"),
        ("全角　空白", "全角　空白"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\ufeffx\u00ad", "⟨U+FEFF⟩x⟨U+00AD⟩"),
        ("\ud83d", "⟨U+D83D⟩"),
        (Markup("<b>\u202e</b>"), "<b>\u202e</b>"),
        (3, 3),
    ],
)
def test_visible(value: object, expected: object) -> None:
    assert format.visible(value) == expected


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        (format.value_of, ("macro_f1", 0.8734), "87.3\u00a0%"),
        (format.value_of, ("judge_score", -0.5), "−0.500"),
        (format.value_of, ("accuracy", math.nan), "–"),
        (format.interval_of, ("accuracy", 0.81, 0.9), "81.0 to 90.0\u00a0%"),
        (format.interval_of, ("accuracy", None, None), ""),
        (format.change_of, ("accuracy", -0.0421), "−4.2"),
        (format.change_of, ("rouge", 0.0421), "+0.042"),
        (format.change_of, ("accuracy", -0.0001), "0.0"),
        (format.change_in_words, ("accuracy", -0.042), "4.2 points lower"),
        (format.change_in_words, ("accuracy", 0.0004), "no difference"),
        (format.tied, ("+1.0 % to -2.0 (p = 0.03)",), "+1.0\u00a0% to −2.0 (p\u00a0=\u00a00.03)"),
        (format.tied, ("a-1 and 3-4, p < 0.001",), "a-1 and 3-4, p\u00a0<\u00a00.001"),
        (format.p_value, (0.0004,), "< 0.001"),
        (format.p_value, (0.0421,), "0.042"),
        (format.plain, (12345.0,), "12,345"),
        (format.plain, (-0.04282,), "−0.0428"),
        (format.plain, (math.inf,), "–"),
        (format.percent, (398, 400), "99.5\u00a0%"),
        (format.percent, (86, 100), "86\u00a0%"),
        (format.percent, (1, 0), "–"),
        (format.duration, (0.2,), "0.2\u00a0s"),
        (format.duration, (59.7,), "1\u00a0min 0\u00a0s"),
        (format.duration, (552,), "9\u00a0min 12\u00a0s"),
        (format.duration, (7500,), "2\u00a0h 5\u00a0min"),
        (format.day_and_time, ("2026-03-01T14:05:33+0900",), "2026-03-01 14:05 +0900"),
        (format.day_and_time, ("2026-03-01T14:05:33.25Z",), "2026-03-01 14:05 UTC"),
        (format.day_and_time, ("yesterday",), "yesterday"),
    ],
)
def test_formats(function: object, arguments: tuple[object, ...], expected: str) -> None:
    assert function(*arguments) == expected  # type: ignore[operator]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_an_axis_covers_its_values_with_round_ticks(values: list[float]) -> None:
    axis = charts.axis_over(values)
    assert axis.low < min(values) and max(values) < axis.high
    assert 1 <= len(axis.ticks) <= 12
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks)
    assert all(0 <= axis.at(value) <= 100 for value in values)


def test_axis_of_accuracies() -> None:
    axis = charts.axis_over([0.78, 0.92])
    assert axis.ticks == (0.8, 0.85, 0.9)
    assert axis.decimals == 2
    assert axis.at(axis.low) == 0 and axis.at(axis.high) == 100 and axis.at(-5) == 0


def test_histogram_counts_kept_above_and_dropped_below() -> None:
    axis = charts.Axis(0.0, 26.0, (0.0,))
    values = [0.5, 0.5, 0.5, 25.5, 25.5, math.nan]
    found = charts.histogram(values, [True, True, False, False, False, True], axis)
    first, last = found.bins
    assert (first.x, first.kept, first.dropped) == (0.0, 50.0, 25.0)
    assert (last.kept, last.dropped) == (0.0, 50.0)
    assert found.line == 50.0  # two kept at most above, two dropped at most below


def test_polyline_ends_where_the_run_ends_and_skips_gaps() -> None:
    axis = charts.Axis(0.0, 2.0, (0.0, 2.0))
    assert charts.polyline([2.0, math.nan, 0.0], 3, axis) == "0.00,0.00 100.00,100.00"
    assert charts.polyline([], 3, axis) == ""
    points = charts.polyline([1.0] * 1000, 2000, axis).split()
    assert len(points) <= charts.LOSS_POINTS + 1
    assert points[-1] == "49.97,50.00"


def test_scores_that_an_arm_selects_by_come_first() -> None:
    values, kept = [0.1, 0.9, math.nan], {"all": [True] * 3, "b": [False, True, False], "a": [True, False, False]}
    columns = [ScoreColumn("one", values, kept), ScoreColumn("two", values, kept, ("a",), {"a": (0.5, math.nan)})]
    shown, folded, left_out = data_view.view_scores(ReportData("n", "en", "", "", {}, scores=columns))
    assert [(panel.column, panel.arm, panel.used) for panel in shown] == [
        ("two", "a", True),
        ("one", "b", False),
        ("one", "a", False),
        ("two", "b", False),
    ]
    assert (shown[0].kept, shown[0].dropped, shown[0].unscored, len(shown[0].cuts)) == (1, 1, 1, 1)
    assert (folded, left_out) == ((), 0)


def test_correlations_fill_from_either_triangle() -> None:
    names, square = data_view.view_correlations(
        ReportData("n", "en", "", "", {}, correlations={"a": {"b": -0.5}, "c": {"a": math.nan}})
    )
    assert names == ("a", "c", "b")
    table = {(a, b): square[i][j] for i, a in enumerate(names) for j, b in enumerate(names)}
    assert table["a", "b"] == table["b", "a"] == data_view.Tint("−0.50", 0.5, True)
    assert table["a", "a"].text == "1.00"
    assert table["c", "a"].text == table["b", "c"].text == "–"


def test_coverage_adds_generators_and_finds_empty_cells() -> None:
    cells = [Cell("x", "w", 2, 1), Cell("x", "w", 2, 2), Cell("y", "w", 2, 0), Cell("x", "v", 1, 1)]
    view = data_view.view_coverage(ReportData("n", "en", "", "", {}, coverage=cells))
    assert view is not None
    assert [(word, [tint.text for tint in tints]) for word, tints in view.tables[0]] == [
        ("w", ["3/4", "0/2"]),
        ("v", ["1/1", "–"]),
    ]
    assert (view.empty, view.cells, [bar.count for bar in view.per_label]) == (1, 3, [4, 0])


def test_losses_pair_an_arm_with_its_control_and_average_the_ends() -> None:
    curve = [1.0] * 10 + [0.5] * 80 + [0.2] * 10
    arms = [
        ArmInfo("a", 5, control="a/random", losses={0: curve, 1: curve}),
        ArmInfo("a/random", 5, losses={0: curve}),
        ArmInfo("b", 5),
    ]
    (panel,) = run_view.view_losses(ReportData("n", "en", "", "", {}, arms=arms))
    assert (panel.arm, panel.control, len(panel.lines), len(panel.control_lines)) == ("a", "a/random", 2, 1)
    assert (panel.first, panel.last, panel.seeds, panel.steps) == ("1", "0.2", 2, 100)


def test_settings_are_said_once_where_arms_share_them() -> None:
    arms = [
        ArmInfo("a", 1, settings={"epochs": 2, "lr": 1e-4, "lora": {"rank": 8, "dropout": None}}),
        ArmInfo("b", 1, settings={"epochs": 4, "lr": 1e-4, "lora": {"rank": 8, "dropout": None}}),
    ]
    shared, own = run_view.view_settings(ReportData("n", "en", "", "", {}, arms=arms))
    assert shared == (("lr", "0.0001"), ("lora", "rank 8, dropout none"))
    assert own == (("a", "epochs 2"), ("b", "epochs 4"))


def test_stages_add_up() -> None:
    stages = [StageCost("generate", 30.0, 60, "rows", 3000, 100.4), StageCost("select", 10.0)]
    views, time, tokens = run_view.view_stages(ReportData("n", "en", "", "", {}, stages=stages))
    assert [(v.width, v.rate, v.speed) for v in views] == [(75.0, "2 rows/s", "100"), (25.0, "–", "–")]
    assert (time, tokens) == ("40\u00a0s", "3,000")


def test_manifest_is_flattened() -> None:
    tables = run_view.view_manifest(
        ReportData("n", "en", "", "", {}, manifest={"v": "1", "models": {"writer": {"id": "m", "gpu": None}}})
    )
    assert tables == (("run", (("v", "1"),)), ("models", (("writer id", "m"), ("writer gpu", "none"))))
