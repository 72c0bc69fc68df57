"""Analytic cases, references in scipy, invariants."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from homespun.stats import descriptive
from homespun.stats.descriptive import (
    NOT_MEASURED,
    SeedSpread,
    auc,
    histogram,
    item_values,
    mean_interval,
    seed_spread,
    spearman,
    wilson,
)

GOLD = ["a", "a", "a", "b", "b", "c"]
LABELS = ["a", "b", "c"]
values = st.lists(st.sampled_from([0.0, 1.0]), min_size=12, max_size=12)


# Metrics


def test_accuracy_is_the_share_of_right_answers_per_seed():
    found = item_values([GOLD, ["a"] * 6], GOLD, LABELS, "accuracy")
    assert found.mean(axis=1).tolist() == [1.0, 0.5]


def test_macro_f1_by_hand():
    predicted = ["a", "a", "b", "b", "x", "c"]
    # a: 2 hits, 3 gold, 2 predicted; b: 1 hit, 2 gold, 2 predicted; c: 1, 1, 1; "x" belongs to no label
    found = item_values([predicted], GOLD, LABELS, "macro_f1")
    assert found.mean() == pytest.approx((4 / 5 + 1 / 2 + 1) / 3)


def test_macro_f1_skips_a_label_that_the_gold_lacks():
    found = item_values([["a", "b"]], ["a", "b"], ["a", "b", "never"], "macro_f1")
    assert found.mean() == 1.0


def test_a_stray_prediction_of_a_label_that_the_gold_lacks_costs_one_item():
    gold = ["a"] * 50 + ["b"] * 50
    found = item_values([gold, ["c", *gold[1:]]], gold, LABELS, "macro_f1").mean(axis=1)
    assert found[1] == pytest.approx((2 * 49 / 99 + 1) / 2)  # b keeps its 1, there is no third label with 0


def test_unparsed_counts_as_wrong_and_belongs_to_no_label():
    assert item_values([["", "b"]], ["a", "b"], ["a", "b"], "accuracy").mean() == 0.5
    assert item_values([["", "b"]], ["a", "b"], ["a", "b"], "macro_f1").mean() == 0.5  # a: 0, b: 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["a", "b", "c", ""])), min_size=1, max_size=40))
def test_macro_f1_agrees_with_counting(pairs):
    gold, predicted = [g for g, _ in pairs], [p for _, p in pairs]
    expected = []
    for label in LABELS:
        hits = sum(g == p == label for g, p in pairs)
        if label in gold:
            expected.append(2 * hits / (gold.count(label) + predicted.count(label)))
    assert item_values([predicted], gold, LABELS, "macro_f1").mean() == pytest.approx(sum(expected) / len(expected))


def test_influence_gives_the_variance_of_macro_f1():
    rng = np.random.default_rng(0)
    spread, said = [], []
    for _ in range(400):
        gold = rng.choice(LABELS, 400, p=[0.6, 0.3, 0.1])
        predicted = np.where(rng.random(400) < 0.8, gold, rng.choice(LABELS, 400))
        found = item_values([predicted], gold, LABELS, "macro_f1")
        spread.append(found.mean())
        said.append(found.var(ddof=1) / 400)
    assert np.mean(said) == pytest.approx(np.var(spread, ddof=1), rel=0.2)


def test_unknown_metric():
    with pytest.raises(ValueError, match="accuracy, macro_f1"):
        item_values([["a"]], ["a"], LABELS, "bleu")


# Intervals


def test_seed_spread_is_the_two_way_analysis_of_variance():
    found = np.random.default_rng(2).random((3, 40))
    grand, rows, columns = found.mean(), found.mean(axis=1), found.mean(axis=0)
    between = 40 * ((rows - grand) ** 2).sum() / 2
    inner = ((found - rows[:, None] - columns + grand) ** 2).sum() / (2 * 39)
    spread = seed_spread([found])
    assert spread.df == 2
    assert spread.variance == pytest.approx(max(between - inner, 0) / 40)
    assert spread.mean_square == pytest.approx(between / 40)


def test_seeds_that_only_repeat_each_other_add_no_variance():
    one = (np.random.default_rng(3).random((1, 100)) < 0.8).astype(float)
    assert seed_spread([np.repeat(one, 3, axis=0)]) == SeedSpread(0.0, 0.0, 2)
    assert seed_spread([one]) == NOT_MEASURED


def test_other_arms_lend_degrees_of_freedom_but_never_narrow_a_shaken_arm():
    rng = np.random.default_rng(4)
    shaken = (rng.random((2, 2, 300)) < np.array([0.7, 0.9])[:, None]).astype(float)
    calm = [(rng.random((2, 300)) < 0.8).astype(float) for _ in range(3)]
    pooled = seed_spread([*shaken, *calm])
    assert pooled.at_least(seed_spread(shaken)).variance == seed_spread(shaken).variance
    assert pooled.at_least(seed_spread(shaken)).df == pooled.df == 5


def test_all_right_is_not_certain():
    found = mean_interval(np.ones((2, 50)))
    assert found.mean == found.high == 1.0
    assert 0.9 < found.low < 0.94


@given(values, values, st.permutations(range(6)), st.booleans())
def test_interval_holds_the_estimate_and_order_does_not_matter(first, second, order, swap):
    arm = np.array([first, second])
    found = mean_interval(arm)
    assert 0 <= found.low <= found.mean <= found.high <= 1
    items = [2 * i + j for i in order for j in (0, 1)]
    again = mean_interval(arm[[1, 0] if swap else [0, 1]][:, items])
    assert (again.low, again.mean, again.high) == pytest.approx((found.low, found.mean, found.high))


def test_a_spread_that_is_only_rounding_counts_as_none():
    arm = np.array([[float(c) for c in text] for text in ("100101100101", "110101100101")])
    for seeds in ([0, 1], [1, 0]):  # the mean squares are equal but for the order of sums
        assert seed_spread([arm[seeds]]).variance == 0


def test_wilson():
    assert wilson(18, 20) == pytest.approx((0.699, 0.972), abs=5e-4)
    expected = reference.binomtest(3, 40).proportion_ci(method="wilson")
    assert wilson(3, 40) == pytest.approx((expected.low, expected.high))
    assert wilson(0, 0) == (0.0, 1.0)


# Association and descriptions


def test_auc_by_hand():
    scores = [0.9, 0.8, 0.2, 0.1]
    assert auc(scores, [1, 1, 0, 0]) == (1.0, 4, 0)
    assert auc(scores, [1, 0, 1, 0]).value == 0.75
    assert auc([0.5, 0.5], [1, 0]).value == 0.5  # ties count half
    assert auc([0.9, math.nan, 0.1], [1, 0, 0]) == (1.0, 2, 1)
    assert math.isnan(auc([0.9, 0.1], [1, 1]).value)
    with pytest.raises(ValueError, match="0 or 1"):
        auc([0.9, 0.1], [2, 1])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=2, max_size=30))
def test_auc_is_the_rank_test(pairs):
    ones, zeros = ([x for x, y in pairs if y == k] for k in (1, 0))
    if ones and zeros:
        expected = reference.mannwhitneyu(ones, zeros).statistic / (len(ones) * len(zeros))
        assert auc([x for x, _ in pairs], [y for _, y in pairs]).value == pytest.approx(expected)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=30))
def test_spearman_agrees_with_scipy(pairs):
    x, y = zip(*pairs, strict=True)
    found = spearman(x, y)
    if len(set(x)) > 1 and len(set(y)) > 1:
        assert found.value == pytest.approx(reference.spearmanr(x, y).statistic)
    else:
        assert math.isnan(found.value)


def test_spearman_leaves_out_and_counts_what_is_missing():
    assert spearman([1, 2, math.nan, 4], [1, 2, 3, math.nan]) == (pytest.approx(1.0), 2, 2)
    with pytest.raises(ValueError, match="one length"):
        spearman([1, 2], [1])


def test_histogram_shares_edges_and_loses_no_value():
    found = histogram({"kept": [0.0, 1.0, math.nan], "dropped": [2.0, 4.0]}, bins=4)
    assert found.edges == [0, 1, 2, 3, 4]
    assert found.counts == {"kept": [1, 1, 0, 0], "dropped": [0, 0, 1, 1]}
    assert found.missing == {"kept": 1, "dropped": 0}
    assert sum(histogram({"none": []}).counts["none"]) == 0


def test_scipy_is_not_imported_with_the_module():
    import subprocess
    import sys

    code = "import sys, homespun.stats.descriptive; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert descriptive.METRICS == ("accuracy", "macro_f1")
