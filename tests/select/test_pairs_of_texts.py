"""Rows of two fields: a row repeats another where both of its texts do, however long the one that they share."""

import pytest
from selection_pool import NO_SCORES

from homespun import select
from homespun.data.records import Labelled, Lineage, Row
from homespun.errors import UsageError
from homespun.generate.hygiene import Checker
from homespun.registry import lookup
from homespun.score.base import Scorer
from homespun.select.base import Rule
from homespun.task import Task

PREMISE = "The committee met on the first floor of the old town hall to settle which of the four bridges comes first."
CLAIMS = [
    "Bridges are to be mended.", "Nobody came that evening at all.", "Four plans lay on a table.", "It rained.",
    "Officials sat upstairs for hours.", "A fifth crossing has been built.", "They voted by hand.",
    "Money was not discussed once.", "The hall is quite new.", "Two members left early.", "Tea was served cold.",
    "Every bridge is sound already.",
]  # fmt: skip
TASK = Task(description="Does it follow?", fields=("premise", "hypothesis"), labels={"yes": "it does", "no": "not"})


def rows_of(pairs):
    return [
        Row.make(Labelled(dict(zip(TASK.fields, pair, strict=True)), "yes"), language="en", groups={},
                 lineage=Lineage("nli", f"{number:02d}"))
        for number, pair in enumerate(pairs)
    ]  # fmt: skip


ROWS = rows_of([*((PREMISE, claim) for claim in CLAIMS), (PREMISE.replace("old", "small"), CLAIMS[0] + " Soon.")])
RULES = {"rouge_l": {"threshold": 0.7}, "minhash": {"threshold": 0.6, "shingle": 1}}


@pytest.mark.parametrize("kind", RULES)
def test_a_shared_premise_is_no_near_copy(kind):
    rule = lookup(Rule, kind).model_validate({"kind": kind, **RULES[kind]})
    verdicts = rule(ROWS, NO_SCORES, 0)
    assert [verdict.keep for verdict in verdicts] == [True] * 12 + [False]
    assert verdicts[-1].duplicate_of == ROWS[0].id
    assert verdicts[-1].score == pytest.approx({"rouge_l": 10 / 11, "minhash": 5 / 6}[kind])  # of the hypotheses
    only = rule.model_copy(update={"fields": ("premise",)})(ROWS, NO_SCORES, 0)
    assert [verdict.keep for verdict in only] == [True] + [False] * 12
    found = getattr(select, kind)(ROWS, rule.threshold) if kind == "rouge_l" else None
    assert found is None or ([v.keep for v in found.verdicts], found.at(0.95).dropped) == ([True] * 12 + [False], [])


def test_rows_as_they_are_written_are_compared_alike():
    checker = Checker(TASK, "en")
    for row in ROWS:
        checker.add(row)
    assert [verdict.row_id for verdict in checker.verdicts if verdict.keep] == [row.id for row in ROWS[:12]]
    assert checker.verdicts[-1].duplicate_of == ROWS[0].id


def test_what_makes_one_of_several_texts_must_be_told_which():
    with pytest.raises(UsageError, match=r"calibrate looks at one text .* premise, hypothesis"):
        select.calibrate(ROWS)
    embedding = lookup(Scorer, "embedding")
    with pytest.raises(
        UsageError, match=r"embedding: rows have the fields premise, hypothesis.* fields: \[hypothesis\]"
    ):
        embedding(kind="embedding").check(TASK)
    with pytest.raises(UsageError, match=r"embedding: rows have the fields premise, hypothesis"):
        embedding(kind="embedding")(ROWS, None)
    embedding(kind="embedding", fields=("premise", "hypothesis")).check(TASK)
