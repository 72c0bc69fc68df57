import math
from dataclasses import replace

import pytest
from pydantic import ValidationError
from selection_pool import NO_SCORES, decide, make_row, make_rows, numbers, one_column

from homespun.data.records import Scores
from homespun.errors import UsageError
from homespun.registry import BUILT_IN, find_any
from homespun.select.base import Columns, Rule
from homespun.select.rules.agreement import Agreement
from homespun.select.rules.combine import AllOf, AnyOf
from homespun.select.rules.duplicates import ExactDuplicates
from homespun.select.rules.share import Bottom, Random, Top, share_of
from homespun.select.rules.threshold import AtLeast, AtMost, Band
from homespun.task import Task

TASK = Task(description="d", fields=("review",), labels={"positive": "good", "negative": "bad"})


def keeps(*given, **more):
    return [verdict.keep for verdict in decide(*given, **more)]


# Thresholds


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (AtLeast(by="score", value=0.5), [False, True, True]),
        (AtMost(by="score", value=0.5), [True, True, False]),
        (Band(by="score", low=0.5, high=0.98), [False, True, False]),
        (AtLeast(by="score.value", value=1.0), [False, False, True]),
    ],
)
def test_bounds_are_inclusive(rule, expected):
    rows = make_rows("ppp")
    assert keeps(rule, rows, one_column(rows, [0.4, 0.5, 1.0])) == expected


def test_band_keeps_the_middle_of_the_three_cosines():
    """methods.md A2: cosines 1, .6, 0 and the band [.5, .98] keep only the second."""
    rows = make_rows("ppp")
    verdicts = Band(by="score", low=0.5, high=0.98)(rows, one_column(rows, [1.0, 0.6, 0.0]), 0)
    assert [verdict.keep for verdict in verdicts] == [False, True, False]
    assert [verdict.threshold for verdict in verdicts] == [0.98, 0.5, 0.5]  # the nearer bound


def test_a_verdict_explains_itself():
    rows = make_rows("p")
    (verdict,) = AtLeast(by="score", value=0.5)(rows, one_column(rows, [0.25]), 0)
    assert (verdict.score, verdict.threshold) == (0.25, 0.5)
    assert verdict.reason == "score 0.25 is below 0.5"
    assert verdict.rule == "at_least score 0.5"


@pytest.mark.parametrize("rule", [AtLeast(by="score", value=-9), AtMost(by="score", value=9), Top(by="score", share=1)])
def test_a_row_without_a_score_is_dropped_with_its_reason(rule):
    rows = make_rows("pp")
    columns = Columns.of([numbers(rows, [1.0, math.nan], reasons={1: "the answer could not be read"})])
    kept, dropped = rule(rows, columns, 0)
    assert kept.keep
    assert not dropped.keep
    assert dropped.reason == "could not be scored: the answer could not be read"
    assert dropped.score is None


def test_band_upside_down_is_refused():
    with pytest.raises(ValidationError, match=r"low 0\.9 is above high 0\.1"):
        Band(by="score", low=0.9, high=0.1)


def test_a_nan_threshold_is_refused():
    with pytest.raises(ValidationError):
        AtLeast(by="score", value=math.nan)


# Shares


@pytest.mark.parametrize(
    ("share", "count", "expected"),
    [(0.5, 3, 2), (0.5, 4, 2), (0.6, 5, 3), (0.145, 100, 15), (0.35, 10, 4), (0.4, 1, 0), (1.0, 7, 7), (0.25, 2, 1)],
)
def test_shares_round_half_up_in_decimal(share, count, expected):
    assert share_of(share, count) == expected


def test_top_and_bottom():
    rows = make_rows("pppp")
    columns = one_column(rows, [0.1, 0.9, 0.5, 0.7])
    assert keeps(Top(by="score", share=0.5), rows, columns) == [False, True, False, True]
    assert keeps(Bottom(by="score", count=1), rows, columns) == [True, False, False, False]


def test_top_within_label_keeps_each_label_its_share():
    rows = make_rows("ppnnnn")
    columns = one_column(rows, [0.9, 0.8, 0.1, 0.2, 0.3, 0.4])
    rule = Top(by="score", share=0.5, within="label")
    assert keeps(rule, rows, columns) == [True, False, False, False, True, True]
    verdicts = rule(rows, columns, 0)
    assert verdicts[1].reason == "score 0.8 ranks 2 of 2 in label positive; 1 kept"
    assert {verdict.threshold for verdict in verdicts[:2]} == {0.9}
    assert {verdict.threshold for verdict in verdicts[2:]} == {0.3}
    assert str(rule) == "top score 0.5 within label"


def test_count_within_is_per_group_and_a_small_group_keeps_all():
    rows = make_rows("pnnn")
    columns = one_column(rows, [0.5, 0.1, 0.2, 0.3])
    assert keeps(Top(by="score", count=2, within="label"), rows, columns) == [True, False, True, True]


def test_ties_are_kept_in_the_order_of_the_rows():
    rows = make_rows("pppp")
    columns = one_column(rows, [0.5, 0.5, 0.5, 0.5])
    assert keeps(Top(by="score", count=2), rows, columns) == [True, True, False, False]
    assert keeps(Bottom(by="score", count=2), rows, columns) == [True, True, False, False]


def test_a_share_is_of_the_scored_rows():
    rows = make_rows("pppp")
    columns = one_column(rows, [0.1, 0.2, math.nan, math.nan])
    assert keeps(Top(by="score", share=0.5), rows, columns) == [False, True, False, False]


@pytest.mark.parametrize("amount", [{}, {"share": 0.5, "count": 3}])
def test_an_amount_is_share_or_count(amount):
    with pytest.raises(ValidationError, match="either share or count"):
        Top(by="score", **amount)


@pytest.mark.parametrize("amount", [{"share": 0}, {"share": 1.01}, {"share": 60}, {"count": 0}])
def test_amounts_out_of_range_are_refused(amount):
    with pytest.raises(ValidationError):
        Random(**amount)


def test_an_unknown_group_names_the_known_ones():
    rows = make_rows("p")
    with pytest.raises(UsageError, match=r'no group "lable".*Did you mean "label".*label, keyword'):
        Top(by="score", share=0.5, within="lable")(rows, one_column(rows, [1.0]), 0)


def test_random_follows_the_seed_and_not_the_order():
    rows = make_rows("p" * 40)
    rule = Random(count=20)
    chosen = {row.id for row, keep in zip(rows, keeps(rule, rows, seed=1), strict=True) if keep}
    turned = list(reversed(rows))
    assert chosen == {row.id for row, keep in zip(turned, keeps(rule, turned, seed=1), strict=True) if keep}
    other = {row.id for row, keep in zip(rows, keeps(rule, rows, seed=2), strict=True) if keep}
    assert len(chosen) == len(other) == 20
    assert chosen != other
    fixed = Random(count=20, seed=5)
    assert keeps(fixed, rows, seed=1) == keeps(fixed, rows, seed=2)


def test_a_larger_draw_contains_a_smaller_one():
    rows = make_rows("p" * 30)
    few, many = keeps(Random(count=5), rows), keeps(Random(count=20), rows)
    assert all(large for small, large in zip(few, many, strict=True) if small)


# Agreement


def labels(rows, answers, name="judge"):
    values = {"agreement": [1.0] * len(rows), "label": answers}
    return Scores(name, "agreement", [row.id for row in rows], values, {rows[-1].id: "no answer"})


@pytest.mark.parametrize("by", ["judge", "judge.label"])
def test_agreement_compares_with_the_rows_own_output(by):
    rows = make_rows("pnpp")
    columns = Columns.of([labels(rows, ["positive", "positive", "UNSURE", ""])])
    verdicts = Agreement(by=by)(rows, columns, 0)
    assert [verdict.keep for verdict in verdicts] == [True, False, False, False]
    assert verdicts[1].reason == "judge.label says positive, the row says negative"
    assert verdicts[3].reason == "could not be scored: no answer"
    assert Agreement(by=by).needs() == {"judge.label"}


def test_agreement_asks_the_judge_unless_told():
    assert Agreement().needs() == {"judge.label"}
    assert Agreement(by="probability").needs() == {"probability.label"}


# Duplicates


def test_the_first_copy_stays_and_the_others_name_it():
    texts = ["Great film", "Ｇｒｅａｔ　FILM ", "Great film!", "great  film"]  # full width, case, spaces
    rows = [make_row(i, text=text) for i, text in enumerate(texts)]
    verdicts = ExactDuplicates()(rows, NO_SCORES, 0)
    assert [verdict.keep for verdict in verdicts] == [True, False, True, False]
    assert [verdict.duplicate_of for verdict in verdicts] == [None, rows[0].id, None, rows[0].id]
    assert verdicts[1].reason == f"repeats row {rows[0].id}"


def test_one_input_with_two_labels_is_dropped_whole():
    rows = [make_row(0, "positive", "same"), make_row(1, "negative", "same"), make_row(2, "positive", "other")]
    assert keeps(ExactDuplicates(), rows) == [False, False, True]
    assert keeps(ExactDuplicates(conflicts="keep_first"), rows) == [True, False, True]


def test_duplicates_refuses_a_field_that_the_task_lacks():
    with pytest.raises(UsageError, match=r'no field "reveiw".*Did you mean "review"'):
        ExactDuplicates(fields=("reveiw",)).check(TASK)
    ExactDuplicates(fields=("review",)).check(TASK)


# All and any


def test_all_and_any():
    rows = make_rows("pppp")
    columns = Columns.of([numbers(rows, [0, 0, 1, 1], "a"), numbers(rows, [0, 1, 0, 1], "b")])
    inner = [{"kind": "at_least", "by": "a", "value": 1}, {"kind": "at_least", "by": "b", "value": 1}]
    both, either = AllOf(rules=inner), AnyOf(rules=inner)
    assert keeps(both, rows, columns) == [False, False, False, True]
    assert keeps(either, rows, columns) == [False, True, True, True]
    assert both.needs() == {"a", "b"}
    assert str(both) == "all(at_least a 1, at_least b 1)"
    assert both(rows, columns, 0)[1].reason == "a 0 is below 1"  # the rule that decided
    assert either(rows, columns, 0)[0].reason == "a 0 is below 1; b 0 is below 1"


def test_rules_inside_all_see_the_same_rows():
    rows = make_rows("pppp")
    columns = one_column(rows, [1, 2, 3, 4])
    half = Top(by="score", share=0.5)
    assert keeps(AllOf(rules=(half, half)), rows, columns) == [False, False, True, True]


def test_any_keeps_a_row_that_one_rule_cannot_score():
    rows = make_rows("p")
    columns = Columns.of([numbers(rows, [math.nan], "a"), numbers(rows, [1.0], "b")])
    inner = (AtLeast(by="a", value=0), AtLeast(by="b", value=0))
    assert keeps(AnyOf(rules=inner), rows, columns) == [True]
    (dropped,) = AllOf(rules=inner)(rows, columns, 0)
    assert dropped.reason.startswith("could not be scored")


def test_combined_rules_nest_and_survive_a_round_trip():
    rule = AllOf.model_validate(
        {
            "kind": "all",
            "rules": [
                {"kind": "any", "rules": [{"kind": "random", "share": 0.5}, {"kind": "agreement", "by": "judge"}]},
                {"kind": "exact_duplicates"},
            ],
        }
    )
    assert str(rule) == "all(any(random 0.5, agreement judge.label), exact_duplicates)"
    assert AllOf.model_validate(rule.model_dump()) == rule
    assert rule.needs() == {"judge.label"}


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        ([], "at least 1"),
        ([{"by": "x"}], "a rule is a mapping with a kind"),
        ([{"kind": "at_leest", "by": "x", "value": 1}], 'Did you mean "at_least"'),
        ([{"kind": "at_least", "by": "x"}], "Field required"),
    ],
)
def test_a_broken_inner_rule_is_refused(inner, words):
    with pytest.raises(ValidationError, match=words):
        AnyOf(rules=inner)


def test_check_reaches_the_rules_inside():
    with pytest.raises(UsageError, match='no field "title"'):
        AnyOf(rules=(Random(count=1), ExactDuplicates(fields=("title",)))).check(TASK)


# Columns and registry


def test_columns_refuse_what_is_not_there():
    rows = make_rows("pp")
    columns = Columns.of([numbers(rows, [1, 2], "judge"), labels(rows, ["positive", ""], "blind")])
    with pytest.raises(UsageError, match=r'no score "juge" .*Did you mean "judge"'):
        columns.numbers("juge", rows)
    with pytest.raises(UsageError, match=r'"judge" has no column "valeu".*Did you mean "value"'):
        columns.numbers("judge.valeu", rows)
    with pytest.raises(UsageError, match="is a column of text"):
        columns.numbers("blind.label", rows)
    with pytest.raises(UsageError, match="is a column of numbers"):
        columns.texts("judge", rows)
    with pytest.raises(UsageError, match="lacks 1 of 1 rows"):
        columns.numbers("judge", [make_row(99)])


def test_columns_look_rows_up_by_id():
    rows = make_rows("ppp")
    assert one_column(rows, [1, 2, 3]).numbers("score", [rows[2], rows[0]]) == [3, 1]


def test_every_built_in_rule_loads_under_its_kind():
    for kind in BUILT_IN["rule"]:
        cls = find_any("rule", kind)
        assert issubclass(cls, Rule)
        assert cls.model_fields["kind"].default == kind


def test_the_verdicts_on_many_copies_are_short_and_few_looks():
    """One text 3,000 times with 3,000 outputs: each verdict names a few of them, and none looks at all rows again."""
    looks = 0

    class Counting(str):
        __slots__ = ()

        def __hash__(self) -> int:
            nonlocal looks
            looks += 1
            return super().__hash__()

    rows = [make_row(n, text="the same") for n in range(3000)]
    rows = [replace(row, payload=replace(row.payload, output=Counting(f"{n:04d}"))) for n, row in enumerate(rows)]
    verdicts = ExactDuplicates()(rows, NO_SCORES, 0)
    assert looks < 10 * len(rows)
    assert verdicts[7].reason == (
        "3000 rows have this input with different outputs: 0000, 0001, 0002, 0003, 0004 and 2995 more"
    )
