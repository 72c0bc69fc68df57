"""The report about a set before and after selection (methods.md 2E)."""

import json
import math
import random

import numpy as np
import pytest
from selection_pool import NO_SCORES, make_row, numbers

from homespun.data.records import Labelled, Lineage, Row, Scores
from homespun.select.audit import SetReport, set_report
from homespun.select.base import Columns
from homespun.select.engine import apply
from homespun.select.rules.duplicates import ExactDuplicates
from homespun.select.rules.threshold import AtLeast
from homespun.select.shortcuts import cues

WORDS = "cast plot score light pace end start joke scene voice set cut".split()


def text(rng: random.Random, size: int, *extra: str) -> str:
    found = [*(rng.choice(WORDS) for _ in range(size)), *extra]
    rng.shuffle(found)
    return " ".join(found)


def pool(make, count: int = 200) -> list[Row]:
    """Return rows of two labels in turn, each text from `make(rng, positive)`."""
    rng = random.Random(1)
    return [
        make_row(place, "negative" if place % 2 else "positive", make(rng, place % 2 == 0)) for place in range(count)
    ]


def strengths(rows: list[Row], columns: Columns = NO_SCORES) -> dict[str, float]:
    return {cue.name: cue.strength for cue in cues(rows, columns) if cue.warns}


def test_a_fair_set_has_no_shortcut():
    assert strengths(pool(lambda rng, _: text(rng, rng.randint(4, 12)))) == {}


def test_length_tells_the_label():
    found = strengths(pool(lambda rng, positive: text(rng, rng.randint(4, 8) + 5 * positive)))
    assert found == {"length": pytest.approx(1, abs=0.01), "together": pytest.approx(1, abs=0.01)}


def test_negations_tell_the_label():
    found = strengths(pool(lambda rng, positive: text(rng, 8, "kind" if positive else rng.choice(["not", "didn't"]))))
    assert found["negations"] == 1 and found["together"] > 0.95 and "length" not in found


def test_the_first_word_tells_the_label():
    starts = {True: ["lovely", "great", "fine"], False: ["dull", "slow", "poor"]}
    found = strengths(pool(lambda rng, positive: f"{rng.choice(starts[positive])} {text(rng, 8)}"))
    assert found["first word"] > 0.95 and "length" not in found and "negations" not in found


def test_two_cues_tell_together_what_neither_tells_alone():
    """Length and negations are each noisy; the model of both is judged on rows that it has not seen."""
    rows = pool(lambda rng, p: text(rng, rng.randint(4, 12) + 2 * p, *["not"] * rng.randint(0, 2 + 2 * (not p))), 400)
    by_name = {cue.name: cue.strength for cue in cues(rows, NO_SCORES)}
    assert by_name["together"] > max(by_name["length"], by_name["negations"]) + 0.02


def test_pairs_of_texts_are_compared_with_each_other():
    rng = random.Random(2)
    rows = []
    for place in range(60):
        premise = text(rng, 8)
        hypothesis = premise if place % 2 else text(rng, 8)
        label = "entailment" if place % 2 else "neutral"
        payload = Labelled({"premise": premise, "hypothesis": hypothesis}, label)
        rows.append(Row.make(payload, language="en", groups={"label": label}, lineage=Lineage("t", str(place))))
    cosine = Scores("similarity", "cosine", [r.id for r in rows], {"cosine": [place % 2 for place in range(60)]})
    found = strengths(rows, Columns.of([cosine]))
    assert found["shared words"] > 0.9 and found["similarity.cosine"] == 1


def test_few_rows_prove_no_shortcut():
    rows = pool(lambda rng, positive: text(rng, rng.randint(4, 8) + 5 * positive), 20)
    assert cues(rows[:18], NO_SCORES) == []
    assert all(cue.noise > 0.2 for cue in cues(rows, NO_SCORES))


def test_one_label_or_none_has_no_cue():
    assert cues([make_row(i) for i in range(40)], NO_SCORES) == []


@pytest.fixture
def report() -> SetReport:
    rows = [make_row(i, "pn"[i % 2], f"text number {i} of a set" if i else "text number 1 of a set") for i in range(40)]
    values = [float(i) for i in range(40)]
    twin = [value**2 for value in values]
    twin[7] = math.nan
    rng = np.random.default_rng(0)
    columns = Columns.of(
        [
            numbers(rows, values, "judge"),
            numbers(rows, twin, "rating", {7: "no answer"}),
            numbers(rows, rng.random(40).tolist(), "noise"),
            Scores("embedding", "vector", [row.id for row in rows], {"vector": np.ones((40, 2), np.float32)}),
        ]
    )
    rules = [ExactDuplicates(conflicts="keep_first"), AtLeast(by="judge", value=10), AtLeast(by="rating", value=100)]
    outcome = apply(rules, rows, columns, 0)
    return set_report(rows, {row.id for row in outcome.kept}, columns, outcome.verdicts, rules=rules, examples=2)


def test_the_report_counts_what_each_rule_did(report):
    assert (report.rows, report.kept) == (40, 30)
    assert [(rule.dropped, rule.unscored, rule.alone) for rule in report.rules] == [(1, 0, 1), (9, 0, 10), (0, 0, 10)]
    assert report.labels_before == {"p": 20, "n": 20}


def test_scores_that_rank_alike_are_named(report):
    assert report.columns == ("judge", "rating", "noise") and report.missing == {"judge": 0, "rating": 1, "noise": 0}
    (pair,) = report.twins
    assert (pair.one, pair.other, pair.spearman) == ("judge", "rating", pytest.approx(1))
    assert "these two filters do the same thing" in pair.sentence and pair.sentence in report.warnings
    assert report.spearman[0][1] == report.spearman[1][0] and abs(report.spearman[0][2]) < 0.5


def test_the_nearest_rows_stand_on_both_sides(report):
    near = {edge.rule: edge for edge in report.nearest}
    dropped = near["at_least judge 10"].dropped
    assert [example.score for example in dropped] == [9, 8]
    assert report.nearest[-1].kept[0].score == 100
    assert dropped[0].text == "text number 9 of a set" and not dropped[0].keep


def test_diversity_is_measured_on_as_many_rows_before_and_after(report):
    assert report.before.rows == report.after.rows == 30
    assert 0 < report.before.self_bleu_4 <= 1 and report.before.compression > 2


def test_the_report_is_json(report):
    text = json.dumps(report.as_json(), allow_nan=False)
    found = json.loads(text)
    assert found["kept"] == 30 and found["warnings"] == report.warnings


def test_a_selection_that_keeps_nothing_has_a_report():
    rows = [make_row(i) for i in range(3)]
    found = set_report(rows, set(), NO_SCORES, []).as_json()
    assert found["kept"] == 0 and found["after"]["self_bleu_4"] is None and found["before"]["rows"] == 3


def test_no_rows_have_a_report():
    assert set_report([], set(), NO_SCORES, []).as_json()["before"]["compression"] is None
