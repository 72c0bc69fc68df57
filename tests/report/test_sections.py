"""Formats, geometry and sections of the page of a run, on cases worked out by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import sample
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from homespun.data.records import Attempt, Labelled, Scores, Variant
from homespun.report import charts, format
from homespun.report.parts import Tint, correlations
from homespun.report.sections.costs import COSTS
from homespun.report.sections.coverage import COVERAGE
from homespun.report.sections.funnel import FUNNEL
from homespun.report.sections.made import MADE
from homespun.report.sections.rows import ROWS
from homespun.report.sections.scores import CORRELATION, SCORES
from homespun.report.sections.training import TRAINING
from homespun.report.sections.verdicts import VERDICTS
from homespun.run.readback import RunData


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
    run = sample.empty()
    run.scores = [Scores(name, "x", ["r0", "r1", "r2"], {"x": [0.1, 0.9, math.nan]}) for name in ("one", "two")]
    run.results = {"arms": {arm: {"control": f"{arm}/random"} for arm in ("all", "b", "a")}}
    for arm, by, values in (("all", "three", [1, 1, 1]), ("b", "three", [0, 1, 0]), ("a", "two", [1, 0, 0])):
        sample.select(run, arm, by, values)
    view = SCORES.view(run)
    assert [(panel.column, panel.arm, panel.used) for panel in view["panels"]] == [
        ("two.x", "a", True), ("one.x", "b", False), ("one.x", "a", False), ("two.x", "b", False)
    ]  # fmt: skip
    first = view["panels"][0]
    assert (first.kept, first.dropped, first.unscored, len(first.cuts)) == (1, 1, 1, 1)
    assert (view["more"], view["left_out"]) == ([], 0)


def test_correlations_of_scores_that_ended_between_two_of_them() -> None:
    run = sample.empty()
    run.scores = [Scores("a", "x", list("pqrs"), {"x": [1, 2, 3, 4]}), Scores("b", "x", list("srq"), {"x": [1, 2, 3]})]
    view = CORRELATION.view(run)
    assert view["names"] == ["a.x", "b.x"]
    assert view["rows"][0] == ("a.x", [Tint("1.00", 0.0), Tint("−1.00", 1.0, True)])
    assert correlations(["a", "b"], [[1, math.nan], [math.nan, 1]], "")["rows"][0][1][1].text == "–"
    assert correlations(["a"], [[1]], "") == "No correlations: fewer than two scores."


def _labelled(*cells: tuple[str, str, bool]) -> RunData:
    run = sample.empty()
    attempts = [
        sample.attempt(
            Labelled({"review": f"{word} {label} {kept} {number}"}, label),
            {"label": label, "keyword": word},
            str(number),
        )
        for number, (label, word, kept) in enumerate(cells)
    ]
    sample.add_pool(run, "labelled", attempts, lambda row: "hygiene: x" if " False " in row.text else "")
    return run


def test_coverage_adds_up_and_finds_empty_cells() -> None:
    view = COVERAGE.view(
        _labelled(("x", "w", True), ("x", "w", True), ("x", "w", False), ("y", "w", False), ("x", "v", True))
    )
    assert [(word, [tint.text for tint in tints]) for word, tints in view["tables"][0]] == [
        ("v", ["1/1", "–"]), ("w", ["2/3", "0/1"])
    ]  # fmt: skip
    assert (view["filled"], view["cells"], [bar.count for bar in view["per_label"]]) == (2, 3, [3, 0])
    assert dict(view["diversity"])["mean length"] == "4" and view["sampled"] == "3"


def test_losses_pair_an_arm_with_its_control_and_average_the_ends() -> None:
    curve = [1.0] * 10 + [0.5] * 80 + [0.2] * 10
    run = sample.empty()
    run.results = {"arms": {"a": {"control": "a/random"}, "a/random": {"control": None}, "b": {"control": None}}}
    shared = {"lr": 1e-4, "lora": {"rank": 8, "dropout": None}}
    for arm, seeds, epochs in (("a", 2, 2), ("a/random", 1, 2), ("b", 1, 4)):
        losses = curve if arm != "b" else []
        card = {"losses": losses, "settings": {"epochs": epochs, **shared}}
        run.cards[arm] = dict.fromkeys(range(seeds), card)
    view = TRAINING.view(run)
    (panel,) = [panel for panel in view["panels"] if panel.lines[0]]
    assert (panel.arm, len(panel.lines), len(panel.control_lines)) == ("a", 2, 1)
    assert (panel.first, panel.last, panel.seeds, panel.steps) == ("1", "0.2", 2, 100)
    shared = [("lr", "0.0001"), ("lora", "rank 8, dropout none")]
    assert view["settings"] == [*shared, ("a", "epochs 2"), ("a/random", "epochs 2"), ("b", "epochs 4")]


def test_stages_add_up() -> None:
    run = sample.empty()
    stages = {"models/a/seed-0": {"seconds": 10.0}, "pool/g@1": {"seconds": 30.0, "units": 60, "tokens": 3000}}
    run.results, run.manifest = {"usage": {"stages": stages}}, {"resumed": ["pool/g@1"]}
    view = COSTS.view(run)
    assert [(s["name"], s["width"], s["rate"], s["speed"], s["resumed"]) for s in view["stages"]] == [
        ("write g, replicate 1", 75.0, "2 rows/s", "100", True), ("train a, seed 0", 25.0, "–", "–", False)
    ]  # fmt: skip
    assert (view["time"], view["tokens"], view["resumed"]) == ("40\u00a0s", "3,000", True)


def test_manifest_is_flattened() -> None:
    run = sample.empty()
    run.manifest = {"v": "1", "usage": {}, "models": {"writer": {"id": "m", "gpu": None}}}
    models = ("models", [("writer id", ["m"]), ("writer gpu", ["none"])])
    assert MADE.view(run)["tables"] == [("run", [("v", ["1"])]), models]


DOCUMENTS = {"d1": "Kelm weighs 3 kg.", "d2": "Aruden was founded in 1987."}


def _documents() -> RunData:
    """Return two documents and four variants of them, one dropped and one unparsed."""
    run = sample.empty(task=None, generate={"rewrites": SimpleNamespace(gives=Variant)})

    def attempt(document: str, form: str, text: str | None) -> Attempt:
        groups = {"document": document, "form": form}
        return sample.attempt(text and Variant(text), groups, f"{document}|{form}", raw="I cannot.")

    rewrites = [
        attempt("d1", "easy", "3 kg is what Kelm weighs."),
        attempt("d2", "easy", "Aruden was founded long ago."),
        attempt("d1", "qa", "How heavy is Kelm? 3 kg."),
        attempt("d2", "qa", None),
    ]
    sample.add_pool(
        run, "original", [attempt(name, "original", text) for name, text in DOCUMENTS.items()], lambda _: ""
    )
    sample.add_pool(run, "rewrites", rewrites, lambda row: 'fidelity: "1987" is missing' if "long" in row.text else "")
    return run


def test_variants_are_counted_by_form_and_document() -> None:
    funnel = FUNNEL.view(_documents())["funnels"][1]
    asked_answered_parsed_accepted = {form: cells[:4] for form, cells in funnel["groups"]}
    assert asked_answered_parsed_accepted == {"easy": ["2", "2", "2", "1"], "qa": ["2", "2", "1", "1"]}
    view = COVERAGE.view(_documents())
    assert (view["label"], view["keyword"], view["labels"]) == ("form", "document", ["easy", "original", "qa"])
    cells = {word: [tint.text for tint in tints] for word, tints in view["tables"][0]}
    assert cells == {"d1": ["1/1", "1/1", "1/1"], "d2": ["0/1", "1/1", "0/1"]}


def test_a_variant_is_shown_beside_its_document() -> None:
    groups = {group.name.lower(): group for group in ROWS.view(_documents())["groups"]}
    assert {name: group.total for name, group in groups.items()} == {
        "kept": 4,
        "dropped by hygiene": 1,
        "unparsed answer": 1,
    }
    (dropped,) = groups["dropped by hygiene"].cards
    assert dropped.fields == [("document", DOCUMENTS["d2"]), ("text", "Aruden was founded long ago.")]
    assert (dropped.label, dropped.keyword, dropped.reason) == ("easy", "d2", 'fidelity: "1987" is missing')
    assert [("", DOCUMENTS["d1"])] in [card.fields for card in groups["kept"].cards]  # the document stands alone


def test_accepted_rows_are_audited() -> None:
    """A label that length tells, scores that are one filter, and one opening; what retells begins as its text does."""
    run = sample.empty()
    attempts = [
        sample.attempt(
            Labelled({"review": "I loved this film" + " very" * (9 if number % 2 else 2) + f" {number}"}, label),
            {"label": label},
            str(number),
        )
        for number, label in enumerate(["negative", "positive"] * 30)
    ]
    sample.add_pool(run, "labelled", attempts, lambda _: "")
    ids = [row.id for row in run.accepted()]
    run.scores = [
        Scores(name, "x", ids, {"x": [float(n) for n in range(60)], "y": [float(n) for n in range(60)]})
        for name in "ab"
    ]
    run.results = {"arms": {arm: {"control": "r"} for arm in "ab"}}
    for arm in "ab":
        sample.select(run, arm, arm, run.numbers["a.x"])
    found = VERDICTS.view(run)["care"]
    assert found[0].startswith('the label "negative" can be guessed from length alone (AUC 1.00')
    assert "a.x and b.x: these two filters do the same thing (Spearman 1.00, beyond 0.9)" in found
    assert not any(".y" in warning for warning in found)  # no rule reads these
    assert found[-1].startswith('100% of the accepted rows begin with "i loved this film"')
    variants = [sample.attempt(Variant(f"Kelm weighs 3 kg {n}."), {}, str(n)) for n in range(20)]
    other = sample.empty(task=None)
    sample.add_pool(other, "variants", variants, lambda _: "")
    assert VERDICTS.view(other)["care"] == []


def test_what_a_judge_disagrees_with_is_told_raw_and_calibrated() -> None:
    raw = ["good"] * 4 + ["good", "good", "good", ""]  # the last could not be judged

    def told(label: list[str]) -> str:
        run = _labelled(*((label, "w", True) for label in ["good"] * 4 + ["bad"] * 4))
        run.scores = [Scores("judge", "label", [row.id for row in run.accepted()], {"label": label, "raw_label": raw})]
        return next(said for said in VERDICTS.view(run)["care"] if said.startswith("judge"))

    said = "judge disagrees with the label of 0% of good, 100% of bad rows"
    assert told(raw) == said
    calibrated = told(["good", "good", "good", "bad", "good", "bad", "bad", ""])
    assert calibrated.startswith(f"{said}; calibrated, of 25% of good, 33% of bad")
