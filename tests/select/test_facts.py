"""The rule that keeps rows so that the facts of a document are stated evenly."""

from __future__ import annotations

from collections import Counter
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from selection_pool import NO_SCORES, kept

from homespun.data.records import Lineage, Row, Variant
from homespun.errors import UsageError
from homespun.select.rules.facts import FactBalanced, balanced
from homespun.select.rules.share import Random
from homespun.text.compose import planned


def make(stated: list[str], document: str = "a") -> list[Row]:
    return [
        Row.make(
            Variant(f"text {number}"),
            language="en",
            groups={"document": document, "form": "facts", "number": str(number), "facts": facts},
            lineage=Lineage("pool", f"{document}|facts|{number}"),
        )
        for number, facts in enumerate(stated)
    ]


def coverage(rows, places):
    return Counter(fact for place in places for fact in rows[place].groups["facts"].split())


@pytest.mark.parametrize(
    ("stated", "count", "expected"),
    [
        (["0", "0", "0", "1", "1", "2"], 3, [0, 3, 5]),  # each fact once before one twice
        (["0", "0", "0", "1", "1", "2"], 5, [0, 1, 3, 4, 5]),
        (["0 1", "0 1", "2 3", "2 3"], 2, [0, 2]),
        (["0 1 2 3", "0", "1 2 3"], 2, [0, 1]),  # none is then two ahead: the earlier row
        (["0 1", "0 2", "1 2", "3 4"], 2, [0, 3]),
        (["0", "0 1", "1 2"], 2, [0, 2]),
        (["0 1", "0 1", "0", "0"], 4, [0, 1, 2, 3]),
        (["", "0", "0"], 2, [1, 2]),  # a row without facts comes last
        (["", "0", ""], 2, [0, 1]),
        (["0", "1"], 9, [0, 1]),
    ],
)
def test_facts_that_are_stated_least_come_next(stated, count, expected):
    assert kept(FactBalanced(count=count), make(stated)) == expected


def test_a_share_is_rounded_half_up_within_each_document():
    rows = make(["0", "0", "1"], "a") + make(["5 6", "5", "6", "5 6", ""], "b")
    rule = FactBalanced(share=0.5)
    assert kept(rule, rows) == [0, 2, 3, 4, 5]
    assert str(rule) == "fact_balanced 0.5 within document"


def test_documents_do_not_share_facts():
    mixed = [row for pair in zip(make(["0", "0", "1"], "a"), make(["0", "1", "1"], "b"), strict=True) for row in pair]
    assert kept(FactBalanced(count=2), mixed) == [0, 1, 3, 4]
    assert kept(FactBalanced(count=2, within=None), mixed) == [0, 3]
    assert kept(FactBalanced(count=1, within="form"), mixed) == [0]


def test_verdicts_name_the_facts():
    verdicts = FactBalanced(count=2)(make(["0 1", "0 1", "2", ""]), NO_SCORES, 0)
    assert [verdict.reason for verdict in verdicts] == [
        "states facts 0 1, stated 0 times each by the rows kept before it; 2 of 4 kept in document a",
        "states facts 0 1; times stated by the rows kept: 0: 1, 1: 1; 2 of 4 kept in document a",
        "states fact 2, stated 0 times each by the rows kept before it; 2 of 4 kept in document a",
        "states no facts; 2 of 4 kept in document a",
    ]
    verdicts = FactBalanced(share=1)(make(["0 1", "1 2", ""]), NO_SCORES, 0)
    assert verdicts[1].reason.startswith("states facts 1 2, stated 0.5 times each by the rows kept before it")
    assert verdicts[2].reason == "states no facts; no others left; 3 of 3 kept in document a"


def test_even_coverage_of_passages_that_were_planned_evenly():
    """Half of 100 passages of 3 to 8 of 8 facts: by lot counts are 7 apart, chosen one, and rows are no shorter."""
    apart = {"chosen": [], "drawn": []}
    sizes = []
    for seed in range(20):
        rows = make([" ".join(map(str, planned(8, number, f"{seed}"))) for number in range(100)], f"d{seed}")
        for name, rule in (("chosen", FactBalanced(share=0.5)), ("drawn", Random(share=0.5, seed=seed))):
            counts = coverage(rows, kept(rule, rows)).values()
            apart[name].append(max(counts) - min(counts))
            if name == "chosen":
                sizes.append(sum(counts) / 50)
    assert max(apart["chosen"]) == 1 and mean(apart["drawn"]) > 5
    assert mean(sizes) == pytest.approx(5.5, abs=0.1)


FACTS = st.lists(st.sets(st.integers(0, 6), max_size=5).map(sorted).map(tuple), min_size=1, max_size=25)


@given(FACTS, st.data())
def test_every_choice_is_the_first_even_one_or_the_least_stated(stated, data):
    wanted = data.draw(st.integers(0, len(stated)))
    chosen, counts = balanced(stated, wanted)
    assert chosen == balanced(stated, len(stated))[0][:wanted]  # more rows contain fewer
    facts = sorted({fact for row in stated for fact in row})
    assert counts == {fact: sum(fact in stated[place] for place, _ in chosen) for fact in facts}
    so_far = dict.fromkeys(facts, 0)
    left = list(range(len(stated)))
    for place, average in chosen:
        means = {other: mean(so_far[f] for f in stated[other]) if stated[other] else float("inf") for other in left}
        even = []
        for other in left:
            after = [so_far[fact] + (fact in stated[other]) for fact in facts]
            if stated[other] and max(after) - min(after) <= 1:
                even.append(other)
        assert place == (even or sorted(left, key=lambda other: (means[other], other)))[0]
        assert average == pytest.approx(means[place])
        left.remove(place)
        for fact in stated[place]:
            so_far[fact] += 1


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.data())
def test_rows_of_one_fact_are_within_one_of_each_other_while_there_are_any(single, data):
    wanted = data.draw(st.integers(1, len(single)))
    _, counts = balanced([(fact,) for fact in single], wanted)
    there = Counter(single)
    most = max(counts.values())
    assert all(count >= most - 1 or count == there[fact] for fact, count in counts.items())


def test_what_cannot_be_done():
    with pytest.raises(ValidationError, match="either share or count"):
        FactBalanced()
    with pytest.raises(UsageError, match='group facts is "zero one"; fact_balanced reads numbers'):
        kept(FactBalanced(count=1), make(["zero one"]))
    row = Row.make(Variant("x"), language="en", groups={"document": "a"}, lineage=Lineage("pool", "a"))
    with pytest.raises(UsageError, match='rows have no group "facts"'):
        FactBalanced(count=1)([row], NO_SCORES, 0)
    assert FactBalanced(count=1)([], NO_SCORES, 0) == []
