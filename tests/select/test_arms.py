import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selection_pool import NO_SCORES, make_row, make_rows, numbers, one_column

from homespun.errors import UsageError
from homespun.records import Labelled, Lineage, Response, Row, Variant
from homespun.select.arms import NO_RULE, apply, check_columns, control, cut, first_variants, label_of
from homespun.select.base import Columns
from homespun.select.combine import AllOf
from homespun.select.explain import alone, nearest_to_threshold
from homespun.select.share import Bottom, Random, Top
from homespun.select.threshold import AtLeast, AtMost, Band

SCORES = st.one_of(st.floats(0, 1), st.just(math.nan), st.sampled_from([0.0, 0.5, 1.0]))
POOL = st.lists(st.tuples(st.sampled_from("pn"), SCORES), max_size=30)
WITHIN = st.sampled_from([None, "label", "keyword"])
SHARES = st.floats(0.05, 1)
SIMPLE_RULES = st.one_of(
    st.builds(lambda value: AtLeast(by="score", value=value), st.floats(0, 1)),
    st.builds(lambda value: AtMost(by="score", value=value), st.floats(0, 1)),
    st.builds(lambda low: Band(by="score", low=low, high=low + 0.3), st.floats(0, 1)),
    st.builds(lambda share, within: Top(by="score", share=share, within=within), SHARES, WITHIN),
    st.builds(lambda count, within: Bottom(by="score", count=count, within=within), st.integers(1, 9), WITHIN),
    st.builds(lambda share, within: Random(share=share, within=within), SHARES, WITHIN),
)
RULES = st.lists(st.one_of(SIMPLE_RULES, st.builds(lambda a, b: AllOf(rules=(a, b)), SIMPLE_RULES, SIMPLE_RULES)))


def pool_of(entries):
    rows = make_rows("".join(letter for letter, _ in entries))
    return rows, one_column(rows, [score for _, score in entries])


def counts(rows):
    return Counter(map(label_of, rows))


@given(POOL, RULES, st.integers(0, 3))
def test_every_candidate_gets_one_verdict_and_the_counts_add_up(entries, rules, seed):
    rows, columns = pool_of(entries)
    arm = apply(rules, rows, columns, seed)
    assert [verdict.row_id for verdict in arm.verdicts] == [row.id for row in rows]
    assert [row for row, verdict in zip(rows, arm.verdicts, strict=True) if verdict.keep] == list(arm.kept)
    assert len(arm.kept) + sum(arm.dropped_by.values()) == len(rows)
    assert set(arm.dropped_by) == {str(rule) for rule in rules}
    dropping = Counter(verdict.rule for verdict in arm.verdicts if not verdict.keep)
    assert dropping == Counter({rule: count for rule, count in arm.dropped_by.items() if count})
    assert arm.unscored <= sum(math.isnan(score) for _, score in entries)
    assert apply(rules, rows, columns, seed) == arm


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
            [len(row.text.split()) + 1 for row in some if label_of(row) == label] for some in (drawn, kept, rows)
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


def test_rules_apply_in_order_and_each_sees_what_is_left():
    rows = make_rows("pppp")
    columns = Columns.of([numbers(rows, [1, 2, 3, 4], "a"), numbers(rows, [4, 3, 2, 1], "b")])
    half, late = Top(by="a", share=0.5), Top(by="b", count=1)
    arm = apply([half, late], rows, columns, 0)
    assert arm.kept == (rows[2],)
    assert arm.dropped_by == {"top a 0.5": 2, "top b 1 row": 1}
    assert [verdict.rule for verdict in arm.verdicts] == ["top a 0.5"] * 2 + ["top b 1 row"] * 2
    assert apply([half, half], rows, columns, 0).kept == (rows[3],)


def test_an_arm_without_rules_keeps_everything():
    rows = make_rows("pn")
    arm = apply([], rows, NO_SCORES, 0)
    assert arm.kept == tuple(rows)
    assert [verdict.rule for verdict in arm.verdicts] == [NO_RULE] * 2
    assert (arm.dropped_by, arm.unscored) == ({}, 0)


def test_unscored_rows_are_counted():
    rows = make_rows("ppp")
    arm = apply([AtLeast(by="score", value=0.5)], rows, one_column(rows, [math.nan, 0.1, 0.9]), 0)
    assert (arm.unscored, arm.dropped_by) == (1, {"at_least score 0.5": 2})


def test_a_row_may_stand_only_once():
    row = make_row(1)
    with pytest.raises(UsageError, match=f"1 rows stand more than once .* {row.id}"):
        apply([], [row, row], NO_SCORES, 0)


def test_rules_are_checked_against_the_columns_to_come():
    known = {"probability": ("posterior", "pmi"), "judge": ("agreement",)}
    check_columns([Top(by="probability", share=0.5), AtLeast(by="probability.pmi", value=0)], known)
    with pytest.raises(UsageError, match=r'the score "juge".*Did you mean "judge".*Known: probability, judge'):
        check_columns([AtLeast(by="juge", value=0)], known)
    with pytest.raises(UsageError, match=r'column "rating" of score "judge".*Known: agreement'):
        check_columns([AllOf(rules=(AtLeast(by="judge.rating", value=4),))], known)


def test_nearest_to_threshold():
    rows = make_rows("ppppp")
    verdicts = AtLeast(by="score", value=0.5)(rows, one_column(rows, [0.1, 0.45, 0.55, 0.95, math.nan]), 0)
    (found,) = nearest_to_threshold(verdicts, 1)
    assert [verdict.score for verdict in found.kept] == [0.55]
    assert [verdict.score for verdict in found.dropped] == [0.45]
    (all_of_them,) = nearest_to_threshold(verdicts, 9)
    assert [verdict.score for verdict in all_of_them.dropped] == [0.45, 0.1]
    assert nearest_to_threshold(Random(share=0.5)(rows, NO_SCORES, 0), 3) == []


def test_alone_counts_what_each_rule_would_drop_of_all_rows():
    rows = make_rows("pppp")
    columns = one_column(rows, [1, 2, 3, 4])
    rules = [Top(by="score", share=0.5), AtLeast(by="score", value=2)]
    assert alone(rules, rows, columns, 0) == {"top score 0.5": 2, "at_least score 2": 1}
    assert apply(rules, rows, columns, 0).dropped_by == {"top score 0.5": 2, "at_least score 2": 0}


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
    three = first_variants(rows, 3)
    assert [row.lineage.generator for row in three if row.groups["document"] == "a"] == ["facts", "facts", "graph"]
    assert {row.id for row in three} < {row.id for row in first_variants(rows, 4)}
    assert first_variants(rows, 99) == tuple(rows)
    unknown = Row.make(Variant("x"), language="en", groups={}, lineage=Lineage("g", "k"))
    with pytest.raises(UsageError, match="has no document"):
        first_variants([unknown], 1)
