from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selection_pool import NO_SCORES, POOL, RULES, make_rows, one_column, pool_of

from homespun.data.records import Labelled, Lineage, Response, Row, Variant
from homespun.errors import UsageError
from homespun.select.arms import axis_of, check_columns, control, cut, first_of_each
from homespun.select.engine import apply
from homespun.select.rules.combine import AllOf
from homespun.select.rules.share import Random, Top
from homespun.select.rules.threshold import AtLeast


def counts(rows):
    return Counter(map(axis_of, rows))


@given(POOL, RULES, st.integers(0, 3))
def test_a_control_has_the_arms_size_and_label_balance(entries, rules, seed):
    rows, columns = pool_of(entries)
    kept = apply(rules, rows, columns, seed).kept
    drawn = control(kept, rows, seed)
    assert counts(drawn) == counts(kept)
    positions = [rows.index(row) for row in drawn]
    assert positions == sorted(set(positions))  # plan order, no row twice
    assert control(kept, rows, seed) == drawn


def long_rows(entries):
    return [
        replace(row, payload=replace(row.payload, fields={"review": "word " * words}))
        for row, (_, words) in zip(make_rows("".join(letter for letter, _ in entries)), entries, strict=True)
    ]


@given(st.lists(st.tuples(st.sampled_from("pn"), st.integers(1, 60)), min_size=1, max_size=30), st.data())
def test_a_control_of_as_many_tokens_is_within_half_a_row_in_each_label(entries, data):
    rows = long_rows(entries)
    kept = data.draw(st.lists(st.sampled_from(rows), min_size=1, unique_by=lambda row: row.id))
    drawn = control(kept, rows, 0, "tokens")
    assert control(kept, rows, 0, "tokens") == drawn and set(counts(drawn)) == set(counts(kept))
    for label in counts(kept):
        mine, theirs, longest = (
            [len(row.text.split()) + 1 for row in some if axis_of(row) == label] for some in (drawn, kept, rows)
        )
        assert abs(sum(mine) - sum(theirs)) <= max(longest) / 2 or len(mine) == 1


def test_a_control_of_as_many_tokens_has_fewer_rows_for_an_arm_of_short_ones():
    rows = long_rows([("p", 9 if i % 2 else 39) for i in range(400)])
    short = [row for row in rows if len(row.text.split()) == 9][:100]
    drawn = control(short, rows, 0, "tokens")  # 1,000 words in rows of 25 on average, each with its label
    assert 30 <= len(drawn) <= 52 and len(control(short, rows, 0)) == 100
    assert sum(len(row.text.split()) + 1 for row in drawn) == pytest.approx(1000, abs=20)
    assert len({tuple(row.id for row in control(short, rows, seed, "tokens")) for seed in range(20)}) == 20


def test_a_control_is_drawn_anew_for_each_seed_and_without_a_taste():
    rows = make_rows("pn" * 20)
    kept = rows[:10]
    drawn = [control(kept, rows, seed) for seed in range(200)]
    assert len(set(map(tuple, ([row.id for row in one] for one in drawn)))) > 190
    often = Counter(row.id for one in drawn for row in one)
    assert set(often) == {row.id for row in rows}
    # Each row is drawn with probability 1/4: 50 of 200, standard deviation 6.1; 5 of them in 40 rows.
    assert all(abs(often[row.id] - 50) < 31 for row in rows)


def test_a_control_of_a_random_arm_is_another_draw():
    rows = make_rows("p" * 40)
    kept = apply([Random(count=20)], rows, NO_SCORES, 0).kept
    assert control(kept, rows, 0) != kept


def test_a_control_cannot_be_drawn_from_too_few():
    rows = make_rows("ppn")
    with pytest.raises(UsageError, match='cannot draw 2 rows of label "positive" from 1'):
        control(rows[:2], rows[1:], 0)


@given(st.text("pn", max_size=30), st.integers(0, 40), st.integers(0, 3))
def test_a_cut_is_as_even_as_the_rows_allow(letters, size, seed):
    rows = make_rows(letters)
    chosen = cut(rows, size, seed)
    assert len(chosen) == min(size, len(rows))
    positions = [rows.index(row) for row in chosen]
    assert positions == sorted(set(positions))
    before, after = counts(rows), counts(chosen)
    for label, other in (("positive", "negative"), ("negative", "positive")):
        if after[label] < before[label]:  # it had more to give
            assert after[label] >= after[other] - 1


def test_a_cut_of_an_uneven_pool():
    rows = make_rows("p" + "n" * 9)
    assert counts(cut(rows, 4, 0)) == {"positive": 1, "negative": 3}
    assert counts(cut(make_rows("pn" * 5), 5, 0)) == {"positive": 2, "negative": 3}


def test_rules_are_checked_against_the_columns_to_come():
    known = {"probability": ("posterior", "pmi"), "judge": ("agreement",)}
    check_columns([Top(by="probability", share=0.5), AtLeast(by="probability.pmi", value=0)], known)
    with pytest.raises(UsageError, match=r'the score "juge".*Did you mean "judge".*Known: probability, judge'):
        check_columns([AtLeast(by="juge", value=0)], known)
    with pytest.raises(UsageError, match=r'column "rating" of score "judge".*Known: agreement'):
        check_columns([AllOf(rules=(AtLeast(by="judge.rating", value=4),))], known)


@pytest.mark.parametrize(
    ("payload", "group"),
    [
        (lambda text: Labelled({"review": text}, "good"), "label"),
        (Variant, "document"),
        (lambda text: Response((("user", "Say something."),), text), "prompt"),
    ],
)
def test_a_control_balances_what_its_rows_are_by_nature(payload, group):
    """20 prompts with 8 answers each: by lot alone one of each would cover 13."""
    rows = [
        Row.make(
            payload(f"{i} {j}"), language="en", groups={group: f"{i}", "n": f"{j}"}, lineage=Lineage("g", f"{i}|{j}")
        )
        for i in range(20)
        for j in range(8)
    ]
    columns = one_column(rows, [float(row.groups["n"]) for row in rows])
    kept = apply([Top(by="score", count=1, within=group)], rows, columns, 0).kept
    for alike in ("rows", "tokens"):
        drawn = control(kept, rows, 1, alike)
        assert drawn != kept and Counter(row.groups[group] for row in drawn) == {f"{i}": 1 for i in range(20)}


def test_the_first_variants_of_each_document_are_balanced_and_nested():
    def variant(document, generator, number):
        lineage = Lineage(generator, f"{document}|easy|{number}")
        return Row.make(Variant(f"{generator} {number}"), language="en", groups={"document": document}, lineage=lineage)

    rows = [variant(d, g, n) for g in ("facts", "graph") for n in range(4) for d in ("a", "b")][:-1]  # b lacks a graph
    three = first_of_each(rows, 3)
    assert [row.lineage.generator for row in three if row.groups["document"] == "a"] == ["facts", "facts", "graph"]
    assert {row.id for row in three} < {row.id for row in first_of_each(rows, 4)}
    assert first_of_each(rows, 99) == tuple(rows)
    unknown = Row.make(Variant("x"), language="en", groups={}, lineage=Lineage("g", "k"))
    with pytest.raises(UsageError, match="has no document"):
        first_of_each([unknown], 1)
