"""The figures of a run on documents: what is drawn where, what stands beside it, and that other pages have none."""

from __future__ import annotations

import copy
import math
import re
from dataclasses import replace
from typing import Any

import knowledge
import pytest
import sample
from test_page import Page
from test_page import _luminance as luminance

from homespun.report import charts, format
from homespun.report.page import HERE, render, run_sections
from homespun.report.sections.curves import EXPOSURE, LINES, LOSS, TABLE_ROWS, VARIANTS, Figure
from homespun.report.sections.forgetting import FORGETTING
from homespun.report.sections.kinds import KINDS
from homespun.report.sections.reach import REACH
from homespun.run.readback import RunData


@pytest.fixture(scope="module")
def run() -> RunData:
    return knowledge.knowledge()


@pytest.fixture(scope="module")
def page(run: RunData) -> Page:
    return Page(render(run))


def _figures(run: RunData, section: Any = EXPOSURE) -> list[Figure]:
    view = section.view(run)
    return view["figures"] if view else []


def _changed(run: RunData, change: Any) -> RunData:
    results = copy.deepcopy(run.results)
    change(results)
    return replace(run, results=results)


def test_pages_without_curves_have_none_of_it() -> None:
    for other in (sample.sample(1), sample.after_generation(), sample.empty()):
        text = render(other)
        assert "--ink0" not in text and 'id="exposure"' not in text and "Did it help?" in text


def test_the_recommendation_stands_on_top(run: RunData, page: Page) -> None:
    advice = run.results["recommendation"]
    assert page.within("h1") == [format.tied(advice["headline"]).replace("\u00a0%", " %")]
    said = page.within("li")
    for sentence in advice["sentences"]:
        assert format.tied(sentence) in said
    sections = [attrs["id"] for tag, attrs in page.elements if tag == "section"]
    assert sections[0] == "recommendation"
    assert sections == list(run_sections())
    assert "Did selecting help?" in page.within("h2")
    assert "original is highest after" in page.text


def test_at_most_six_lines_share_a_plot_and_no_two_look_alike(run: RunData) -> None:
    shown = set()
    for figure in (*_figures(run), *_figures(run, LOSS), *_figures(run, VARIANTS)):
        for plot in figure.plots:
            styles = [line.style for line in plot.lines if line.style != "control"]
            assert len(styles) == len(set(styles)) <= LINES
            shown |= {line.name for line in plot.lines}
    assert set(run.results["arms"]) <= shown  # controls too, in grey
    figures = _figures(run)
    titles = [figure.title for figure in figures]
    assert titles == ["One arm of each strategy", "paraphrase", "facts"]
    style = {arm: style for style, arm, _ in figures[0].legend}
    for figure in figures[1:]:
        assert (style[figure.title], figure.title) in [(s, arm) for s, arm, _ in figure.legend]


def test_twelve_strategies_stay_readable() -> None:
    def many(results: dict[str, Any]) -> None:
        entries = results["evaluations"]["closed_book"]["arms"]
        for number in range(12):
            results["arms"][f"way {number}"] = {**results["arms"]["facts"], "from": [f"way {number}"]}
            entries[f"way {number}"] = copy.deepcopy(entries["facts"])
        results["recommendation"] = knowledge.recommend(results)

    changed = _changed(knowledge.knowledge(("facts",)), many)
    assert [len(figure.plots[0].lines) for figure in _figures(changed)] == [6, 6, 1]


def test_few_arms_share_one_plot_of_exposures_and_one_of_tokens() -> None:
    run = knowledge.knowledge(knowledge.FEW, 1)
    (figure,) = _figures(run)
    assert [plot.across for plot in figure.plots] == ["exposures", "training tokens"]
    assert [line.name for line in figure.plots[0].lines] == list(knowledge.FEW)
    assert figure.plots[0].y_ticks == figure.plots[1].y_ticks
    ends = [float(line.points.split()[-1].split(",")[0]) for line in figure.plots[0].lines]
    assert ends == [100.0] * 4  # all were shown as often
    ends = {line.name: float(line.points.split()[-1].split(",")[0]) for line in figure.plots[1].lines}
    assert ends["graph"] == 100.0 and ends["facts"] == pytest.approx(100 * 11_800 / 21_000, abs=0.01)
    assert _figures(run, VARIANTS) == [] and "mean of 1 training seed." in Page(render(run)).text


def test_a_line_stands_where_its_numbers_are(run: RunData) -> None:
    (line,) = [line for line in _figures(run)[0].plots[0].lines if line.name == "facts"]
    curve = run.results["evaluations"]["closed_book"]["arms"]["facts"]["curve"]
    points = [tuple(map(float, point.split(","))) for point in line.points.split()]
    assert [x for x, _ in points] == [point["exposures"] / 10 for point in curve]
    heights = [point["metrics"]["accuracy"]["mean"] for point in curve]
    assert all((b[1] <= a[1]) == (h >= g) for a, b, g, h in zip(points, points[1:], heights, heights[1:], strict=False))
    assert len(line.band.split()) == 2 * len(curve)
    assert line.marks[0] == pytest.approx(points[-1], abs=0.01)  # the end always has its mark


def test_every_number_of_a_figure_is_in_its_table(run: RunData, page: Page) -> None:
    said = " ".join(page.within("span"))
    for name in run.results["arms"]:
        entry = run.results["evaluations"]["closed_book"]["arms"][name]
        if "/random" in name:
            continue
        for point in entry["curve"]:
            assert format.value_of("accuracy", point["metrics"]["accuracy"]["mean"]) in page.within("b")
            assert f"{format.amount(point['tokens'])} tokens" in said
    labels = [attrs["aria-label"] for tag, attrs in page.elements if tag == "svg" and attrs.get("role") == "img"]
    assert any(label.startswith("accuracy against training tokens: facts ends at 9") for label in labels)


def test_long_curves_are_thinned_in_the_table_and_say_so() -> None:
    def long(results: dict[str, Any]) -> None:
        entry = results["evaluations"]["closed_book"]["arms"]["facts"]
        last = entry["curve"][-1]
        entry["curve"] = [{**last, "exposures": n, "tokens": 10 * n} for n in range(1, 101)]

    changed = _changed(knowledge.knowledge(("facts",)), long)
    (figure,) = _figures(changed)
    assert len(figure.rows) == TABLE_ROWS and figure.left_out == 100 - TABLE_ROWS
    assert (figure.rows[0][0], figure.rows[-1][0]) == ("1", "100")
    assert f"{100 - TABLE_ROWS} checkpoints in between are left out" in Page(render(changed)).text


def test_what_each_arm_needed(run: RunData, page: Page) -> None:
    view = REACH.view(run)
    table = run.results["recommendation"]["reach"]["0.85"]
    assert (view["threshold"], view["base"]) == ("85\u00a0%", "paraphrase")
    rows = dict(view["rows"])
    exposures, tokens = rows["facts"]
    assert exposures.text == format.amount(table["facts"]["exposures"])
    assert exposures.width == pytest.approx(table["facts"]["exposures"] / 10, abs=0.01)
    assert exposures.low < exposures.width < exposures.high
    assert exposures.saving == f"{format.percent(table['facts']['exposures_saving'], 1)} fewer"
    assert tokens.width == pytest.approx(100 * table["facts"]["tokens"] / 21_040_000, abs=0.01)
    assert rows["original"][0].text == "not reached"
    assert rows["paraphrase"][0].saving == ""
    for arm, row in table.items():
        if row["exposures"] is not None and row["exposures_high"] is None:  # the lower end never gets there
            assert rows[arm][0].high == 100.0
    order = [table[arm]["exposures"] or math.inf for arm in rows]
    assert order == sorted(order)
    assert "not reached" in page.within("span")


def test_variants_stand_in_order_with_all_at_the_end(run: RunData) -> None:
    (figure,) = _figures(run, VARIANTS)
    assert [text for _, text in figure.plots[0].x_ticks] == ["10", "100", "all"]
    names = [name for _, name, _ in figure.legend]
    assert names == ["paraphrase", "facts", "facts, low perplexity 0.5 within document", "facts, d4 0.5"]
    assert [row[0] for row in figure.rows] == ["10", "100", "all"]
    assert figure.rows[0][1][2] == ("–", "")


def test_categories_and_kinds_have_shades_for_their_size(run: RunData) -> None:
    categories, kinds = KINDS.view(run)["tables"]
    assert categories["heads"] == ["asked forward", *knowledge.CATEGORIES]
    assert kinds["heads"] == ["asked forward", "asked in reverse", "holds the value", "answer of another document"]
    cells = dict(categories["rows"])
    shades = [tint.shade for tints in cells.values() for tint in tints]
    assert (min(shades), max(shades)) == (0.0, 1.0)
    ends = run.results["evaluations"]["closed_book"]["arms"]["graph"]["curve"][-1]["metrics"]
    assert cells["graph"][2].text == format.value_of("accuracy", ends["category:product"]["mean"])
    assert all(tints[-1].negative for _, tints in kinds["rows"])


def test_forgetting_stands_once_with_its_verdict(run: RunData, page: Page) -> None:
    (general,) = FORGETTING.view(run)["evaluations"]
    assert (general["evaluation"], general["before"]) == ("general", "62.0\u00a0%")
    first = general["arms"][0]
    said = {"arm": "original", "after": "53.0\u00a0%", "change": "−9.0", "verdict": "hurt", "bits": "1.21 → 1.30"}
    assert first | said == first and first["middle"] < first["before"]
    assert "1.23 bits per byte, 1.21 before" in page.text
    charts_of = [a["aria-label"] for t, a in page.elements if t == "figure" and "comparison" in (a.get("class") or "")]
    assert charts_of == ["accuracy on general before and after", "accuracy of every arm on closed_book"]


def test_categories_do_not_widen_the_table_of_numbers(page: Page) -> None:
    heads = page.within("th")
    assert "accuracy reverse" in heads and "category:product" not in heads


def test_curves_alone_are_enough() -> None:
    """Without a recommendation the lines are there; what it would have said is not."""
    changed = _changed(knowledge.knowledge(), lambda results: results.pop("recommendation"))
    names = {line.name for figure in _figures(changed) for line in figure.plots[0].lines}
    assert set(knowledge.WRITTEN) <= names
    page = Page(render(changed))
    sections = [attrs["id"] for tag, attrs in page.elements if tag == "section"]
    assert sections == [key for key in run_sections() if key not in ("recommendation", "variants", "forgetting")]
    assert "The run has no thresholds." in page.within("p")


def test_a_threshold_that_nobody_reaches() -> None:
    def low(results: dict[str, Any]) -> None:
        for entry in results["evaluations"]["closed_book"]["arms"].values():
            for point in entry["curve"]:
                for value in point["metrics"].values():
                    for key in ("mean", "low", "high"):
                        value[key] *= 0.3
        results["recommendation"] = knowledge.recommend(results)

    text = Page(render(_changed(knowledge.knowledge(knowledge.FEW), low))).text
    assert "No strategy reaches 50 %" in text
    assert "No arm reaches any of the thresholds." in text


def test_a_curve_without_losses_has_no_figure_of_them() -> None:
    def lossless(results: dict[str, Any]) -> None:
        for entry in results["evaluations"]["closed_book"]["arms"].values():
            for point in entry["curve"]:
                point["loss"] = None

    assert _figures(_changed(knowledge.knowledge(knowledge.FEW), lossless), LOSS) == []


def test_the_pool_speaks_of_forms_and_documents(page: Page) -> None:
    assert "The same per form" in page.within("caption")
    assert "73 of 80 cells of the form × document grid have at least one accepted row." in page.within("p")
    assert not re.search(
        r"\bkeywords?\b|\blabels?\b", page.text.split("The same per form")[1].split("Time and tokens")[0]
    )


@pytest.mark.parametrize("scheme", [0, 1])
def test_lines_stand_out_from_the_page(scheme: int) -> None:
    """Graphics need a contrast of 3 (WCAG 1.4.11)."""

    def colors(sheet: str, name: str) -> list[str]:
        blocks = re.findall(r":root \{(.*?)\}", (HERE / sheet).read_text(encoding="utf-8"), re.DOTALL)
        return re.findall(rf"--{name}\d?: #([0-9a-f]{{6}})", blocks[scheme])

    def light(color: str) -> float:
        return luminance(tuple(int(color[at : at + 2], 16) / 255 for at in (0, 2, 4)))

    (ground,) = colors("page.css", "page")
    inks = colors("sections/curves.css", "ink")
    assert len(inks) == LINES
    for ink in inks:
        low, high = sorted((light(ink), light(ground)))
        assert (high + 0.05) / (low + 0.05) >= 3


# geometry and words


def test_axes_from_zero_and_of_shares() -> None:
    assert charts.axis_from_zero(1000) == charts.Axis(0.0, 1000, (0.0, 200.0, 400.0, 600.0, 800.0, 1000.0))
    assert charts.axis_from_zero(0).high == 1.0
    full = charts.axis_of_shares([0.1, 1.0])
    assert (full.low, full.high) == (0.0, 1.0)
    high = charts.axis_of_shares([0.8, 0.9])
    assert 0.75 < high.low < 0.8 and high.high < 1.0
    assert charts.path([(0, 1.0), (1, math.nan), (2, 0.0)], charts.axis_from_zero(2), full) == "0.00,0.00 100.00,100.00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (0.5, "0.5"), (213.4, "213"), (2400, "2,400"), (48_200, "48.2\u00a0k"), (1.24e6, "1.24\u00a0M")],
)
def test_amounts(value: float | None, expected: str) -> None:
    assert format.amount(value) == expected


def test_metrics_of_documents_are_shares() -> None:
    for metric in ("accuracy", "accuracy_reverse", "elsewhere", "contained", "category:terms of use", "accuracy:ja"):
        assert format.is_share(metric)
    for metric in ("judge_score", "bits_per_byte", "bits_per_byte:ja", "wikitext:word_perplexity"):
        assert not format.is_share(metric)
    assert format.metric_name("category:terms of use") == "terms of use"
