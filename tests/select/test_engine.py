"""The engine: verdicts that add up, order, thresholds that are moved, what it holds."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selection_pool import NO_SCORES, POOL, RULES, SIMPLE_RULES, make_row, make_rows, numbers, one_column, pool_of

from homespun.errors import UsageError
from homespun.select.base import Columns
from homespun.select.engine import NO_RULE, Selected, alone, apply, nearest_to_threshold
from homespun.select.rules.share import Random, Top
from homespun.select.rules.threshold import AtLeast


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


@pytest.mark.parametrize("order", [slice(None, None, -1), slice(2)])
def test_a_rule_that_does_not_answer_for_each_row_in_order_is_told_so(order):
    class Other(AtLeast):
        def __call__(self, rows, columns, seed):
            return super().__call__(rows, columns, seed)[order]

    rows = make_rows("ppp")
    with pytest.raises(UsageError, match="one verdict per row, in the rows' order"):
        apply([Other(by="score", value=0.5)], rows, one_column(rows, [0.4, 0.6, 0.8]), 0)


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


@given(POOL, RULES, st.integers(0, 3))
def test_without_verdicts_on_kept_rows_it_decides_the_same(entries, rules, seed):
    rows, columns = pool_of(entries)
    whole, lean = apply(rules, rows, columns, seed), Selected(rows, whole=False)
    for rule in rules:
        lean.apply(rule, columns, seed)
    assert (lean.kept, lean.dropped, lean.steps, lean.last) == (whole.kept, whole.dropped, whole.steps, {})


@given(POOL, SIMPLE_RULES, st.floats(0.05, 1))
def test_a_moved_threshold_decides_as_a_rule_made_with_it(entries, rule, at):
    rows, columns = pool_of(entries)
    if rule.movable is None:
        with pytest.raises(UsageError, match="has no threshold to move"):
            rule.moved(at)
    else:
        new = type(rule).model_validate({**rule.model_dump(), rule.movable: at})
        assert rule.decider(rows, columns, 0)(at) == new(rows, columns, 0)
