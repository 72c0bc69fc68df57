"""Analytic cases, references in scipy, invariants, and a small simulation of coverage."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from homespun import stats
from homespun.stats import (
    NOT_MEASURED,
    SeedSpread,
    auc,
    histogram,
    holm,
    item_values,
    items_needed,
    mcnemar_exact,
    mean_interval,
    paired_difference,
    seed_spread,
    smallest_visible,
    spearman,
    wilson,
)

GOLD = ["a", "a", "a", "b", "b", "c"]
LABELS = ["a", "b", "c"]
values = st.lists(st.sampled_from([0.0, 1.0]), min_size=12, max_size=12)
probabilities = st.floats(0, 1)


# Metrics


def test_accuracy_is_the_share_of_right_answers_per_seed():
    found = item_values([GOLD, ["a"] * 6], GOLD, LABELS, "accuracy")
    assert found.mean(axis=1).tolist() == [1.0, 0.5]


def test_macro_f1_by_hand():
    predicted = ["a", "a", "b", "b", "x", "c"]
    # a: 2 hits, 3 gold, 2 predicted; b: 1 hit, 2 gold, 2 predicted; c: 1, 1, 1; "x" belongs to no label
    found = item_values([predicted], GOLD, LABELS, "macro_f1")
    assert found.mean() == pytest.approx((4 / 5 + 1 / 2 + 1) / 3)


def test_macro_f1_skips_a_label_that_nobody_uses():
    found = item_values([["a", "b"]], ["a", "b"], ["a", "b", "never"], "macro_f1")
    assert found.mean() == 1.0


def test_unparsed_counts_as_wrong_and_belongs_to_no_label():
    assert item_values([["", "b"]], ["a", "b"], ["a", "b"], "accuracy").mean() == 0.5
    assert item_values([["", "b"]], ["a", "b"], ["a", "b"], "macro_f1").mean() == 0.5  # a: 0, b: 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["a", "b", "c", ""])), min_size=1, max_size=40))
def test_macro_f1_agrees_with_counting(pairs):
    gold, predicted = [g for g, _ in pairs], [p for _, p in pairs]
    expected = []
    for label in LABELS:
        hits = sum(g == p == label for g, p in pairs)
        total = gold.count(label) + predicted.count(label)
        if total:
            expected.append(2 * hits / total)
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


def test_one_seed_is_the_paired_t_test():
    rng = np.random.default_rng(1)
    a, b = (rng.random((2, 1, 200)) < [[[0.8]], [[0.7]]]).astype(float)
    found = paired_difference(a, b)
    expected = reference.ttest_rel(a[0], b[0])
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))


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


def test_a_large_seed_effect_widens_the_interval_to_what_seeds_alone_would_give():
    # Every item moves with the seed: the seeds are the only sample, so this is their t interval.
    a = np.repeat([[0.0], [1.0], [1.0], [1.0]], 500, axis=1)
    found = paired_difference(a, np.full((1, 500), 0.5), fixed=True)
    low, high = reference.ttest_1samp(a[:, 0] - 0.5, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))


def test_other_arms_lend_degrees_of_freedom_but_never_narrow_a_shaken_arm():
    rng = np.random.default_rng(4)
    shaken = (rng.random((2, 2, 300)) < np.array([0.7, 0.9])[:, None]).astype(float)
    calm = [(rng.random((2, 300)) < 0.8).astype(float) for _ in range(3)]
    pooled = seed_spread([*shaken, *calm])
    assert pooled.at_least(seed_spread(shaken)).variance == seed_spread(shaken).variance
    assert pooled.df == 5
    found = paired_difference(*shaken, spread=pooled)
    assert found.seeds_variance == seed_spread(shaken).variance  # two arms / two seeds


def test_the_same_answers_differ_by_nothing():
    one = np.ones((2, 30))
    found = paired_difference(one, one)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_arms_of_other_shapes_cannot_be_paired():
    with pytest.raises(ValueError, match="cannot pair"):
        paired_difference(np.ones((2, 30)), np.ones((3, 30)))
    with pytest.raises(ValueError, match="cannot pair"):
        paired_difference(np.ones((2, 30)), np.ones((2, 30)), fixed=True)


def test_all_right_is_not_certain():
    found = mean_interval(np.ones((2, 50)))
    assert found.mean == found.high == 1.0
    assert 0.9 < found.low < 0.94


A = "100101100101"  # with B, mean squares between seeds and of the interaction are equal
B = "110101100101"


@example(*([float(c) for c in text] for text in (A, B, B, A)), [0, 1, 2, 3, 4, 5], False)
@given(values, values, values, values, st.permutations(range(6)), st.booleans())
def test_interval_holds_the_estimate_and_order_does_not_matter(a0, a1, b0, b1, order, swap):
    a, b = np.array([a0, a1]), np.array([b0, b1])
    found = paired_difference(a, b)
    assert found.low <= found.difference <= found.high
    assert 0 <= found.p <= 1
    zero_inside = found.low <= 0 <= found.high
    assert zero_inside == (found.p >= 0.05) or abs(found.p - 0.05) < 1e-9
    items = [2 * i + j for i in order for j in (0, 1)]
    seeds = [1, 0] if swap else [0, 1]
    again = paired_difference(a[seeds][:, items], b[seeds][:, items])
    assert (again.low, again.high, again.p) == pytest.approx((found.low, found.high, found.p))
    back = paired_difference(b, a)
    assert (back.low, back.high, back.p) == pytest.approx((-found.high, -found.low, found.p))
    one = mean_interval(a)
    assert 0 <= one.low <= one.mean <= one.high <= 1


@pytest.mark.parametrize(("seeds", "seed_sd"), [(1, 0.0), (2, 0.0), (2, 0.02), (3, 0.01)])
def test_intervals_cover(seeds, seed_sd):
    """The full table is benchmarks/intervals.py; here five equal arms, 400 runs, bounds at 3 sigma."""
    rng = np.random.default_rng([seeds, int(seed_sd * 100)])
    covered = 0
    for _ in range(400):
        ability = rng.normal(1.5, 1.0, (1, 1, 200)) + rng.normal(0, seed_sd / 0.2, (5, seeds, 1))
        right = (rng.normal(ability, 0.5) > 0).astype(float)
        found = paired_difference(right[0], right[1], spread=seed_spread(right))
        covered += found.low <= 0 <= found.high
    assert covered / 400 > 0.93 - 3 * math.sqrt(0.07 * 0.93 / 400)


# Tests and planning


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_a_sign_test(b, c):
    p = mcnemar_exact(b, c)
    assert 0 <= p <= 1
    assert p == pytest.approx(mcnemar_exact(c, b))
    by_hand = min(1.0, 2 * sum(math.comb(b + c, k) for k in range(min(b, c) + 1)) / 2 ** (b + c))
    assert p == pytest.approx(by_hand)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.2]) == [0.2]


@given(st.lists(probabilities, max_size=8), st.randoms())
def test_holm_keeps_order_and_range(p_values, random):
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    ranked = sorted(zip(p_values, adjusted, strict=True))
    assert [q for _, q in ranked] == sorted(adjusted)
    shuffled = list(range(len(p_values)))
    random.shuffle(shuffled)
    assert holm([p_values[i] for i in shuffled]) == [adjusted[i] for i in shuffled]


def test_items_needed_is_the_normal_formula():
    # (1.96 + 0.84)^2 (0.10 - 0.03^2) / 0.03^2
    assert items_needed(0.03, 0.10) == math.ceil(7.8489 * (0.10 - 0.0009) / 0.0009)
    assert items_needed(-0.03, 0.10) == items_needed(0.03, 0.10)
    assert items_needed(0.0, 0.10) is None
    assert items_needed(0.03, 0.10, seeds_variance=0.0002) is None  # 2.8 x sqrt(0.0002) = 4 points
    assert items_needed(0.03, 0.10, seeds_variance=0.00005) > items_needed(0.03, 0.10)


@given(st.integers(20, 5000), st.floats(0.01, 0.3))
def test_smallest_visible_undoes_items_needed(items, discordance):
    visible = smallest_visible(items, discordance)
    assert items_needed(visible, discordance) == pytest.approx(items, abs=1)


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

    code = "import sys, homespun.stats; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert stats.METRICS == ("accuracy", "macro_f1")
