"""Differences, verdicts' p values and plans: cases by hand, references in scipy, invariants."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy import stats as reference

from homespun.stats import inference
from homespun.stats.inference import (
    LEVEL,
    POWER,
    Part,
    concluded,
    crossed_part,
    equivalence,
    group_means,
    half_width,
    holm,
    items_needed,
    level_at,
    mcnemar_exact,
    paired,
    power,
    replicate_variance,
    replicates_needed,
    sign_flips,
    smallest_visible,
    two_sided,
    unit_part,
)

parts = st.lists(st.builds(Part, st.floats(1e-6, 1e-2), st.integers(1, 2000)), min_size=1, max_size=3)
small_tables = st.integers(0, 10_000).map(lambda seed: np.random.default_rng(seed).integers(0, 2, (2, 3, 12)) * 1.0)
probabilities = st.floats(0, 1)


# parts of the variance


def test_parts_are_those_of_the_two_way_analysis_of_variance():
    gaps = np.random.default_rng(2).normal(size=(3, 40))
    grand, rows, columns = gaps.mean(), gaps.mean(axis=1), gaps.mean(axis=0)
    between_items = 3 * ((columns - grand) ** 2).sum() / 39
    between_replicates = 40 * ((rows - grand) ** 2).sum() / 2
    inner = ((gaps - rows[:, None] - columns + grand) ** 2).sum() / (2 * 39)
    assert replicate_variance(gaps) == pytest.approx(between_replicates / 40)
    found = unit_part(gaps)
    assert found.df == 39
    assert found.variance == pytest.approx(max(between_items - inner, 0) / (3 * 40))


def test_items_that_move_alike_leave_the_t_test_over_replicates():
    a = np.repeat([[0.0], [1.0], [1.0], [1.0]], 500, axis=1)
    found = paired(a, np.full((4, 500), 0.5))
    expected = reference.ttest_1samp(a[:, 0] - 0.5, 0)
    assert found.parts["items"].variance == 0
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))


def test_replicates_that_only_repeat_each_other_leave_the_t_test_over_items():
    rng = np.random.default_rng(1)
    a, b = (np.repeat(rng.random((1, 200)) < share, 3, axis=0) * 1.0 for share in (0.8, 0.7))
    found = paired(a, b)
    expected = reference.ttest_rel(a[0], b[0])
    assert found.parts["replicates"].variance == pytest.approx(0, abs=1e-30)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))


def test_one_replicate_or_one_unit_measures_no_chance():
    for shape in ((1, 30), (3, 1)):
        found = paired(np.ones(shape), np.zeros(shape))
        assert (found.difference, found.low, found.high, found.p) == (1, None, None, None)


def test_the_same_answers_differ_by_nothing():
    found = paired(np.ones((2, 30)), np.ones((2, 30)))
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


@given(small_tables, st.permutations(range(3)), st.permutations(range(12)))
def test_order_does_not_matter_and_the_other_way_round_is_the_negative(table, replicates, items):
    a, b = table
    found = paired(a, b)
    assert found.low <= found.difference <= found.high
    assert 0 <= found.p <= 1
    assert (found.low <= 0 <= found.high) == (found.p >= LEVEL) or abs(found.p - LEVEL) < 1e-9
    again = paired(a[replicates][:, items], b[replicates][:, items])
    assert (again.low, again.high, again.p) == pytest.approx((found.low, found.high, found.p))
    back = paired(b, a)
    assert (back.low, back.high, back.p) == pytest.approx((-found.high, -found.low, found.p))


def test_group_means_of_equal_groups_keep_the_mean_and_give_the_t_over_groups():
    values = np.random.default_rng(3).normal(size=(2, 12))
    groups = list("bbbaaacccddd")
    found = group_means(values, groups)
    assert found.shape == (2, 4)
    assert found[:, 0] == pytest.approx(values[:, :3].mean(axis=1))  # in order of first appearance
    assert found.mean(axis=1) == pytest.approx(values.mean(axis=1))
    one = np.repeat(values[:1], 2, axis=0)
    t_over_groups = reference.ttest_1samp(values[0].reshape(4, 3).mean(axis=1), 0)
    assert paired(group_means(one, groups), np.zeros((2, 4))).p == pytest.approx(t_over_groups.pvalue)
    assert group_means(np.array([[0.0, 0, 1]]), ["long", "long", "short"]).mean() == 0.5  # not a third


def test_group_means_leave_out_items_to_which_a_metric_does_not_apply():
    found = group_means(np.array([[1.0, np.nan, np.nan, 0.0]]), list("aabc"))
    assert found[0, [0, 2]].tolist() == [1, 0]
    assert np.isnan(found[0, 1])


def test_two_ways_of_belonging_together_by_hand():
    # 2 premises x 3 hypotheses, one item each; rows move together, columns do not: residuals +1 and -1
    gaps = np.array([[1.0, 1, 1, -1, -1, -1]])
    premise, hypothesis = list("aaabbb"), list("xyzxyz")
    # by premise: sums 3 and -3, 18/36 x 2/(2 - 1) = 1; by hypothesis: sums 0; by both: 6/36 x 6/5 = .2
    found = crossed_part(gaps, [premise, hypothesis])
    assert found == (pytest.approx(1.0), 1)  # 1 + 0 - .2 is less than the larger one
    assert crossed_part(gaps, [premise]) == (pytest.approx(1.0), 1)
    # both count: residuals (1, 0, -1) + (1, -1): rows sum to +-3, columns to 2, 0, -2; by both 10/36 x 6/5
    gaps = np.array([[2.0, 1, 0, 0, -1, -2]])
    variance = 18 / 36 * 2 + 8 / 36 * 3 / 2 - 10 / 36 * 6 / 5
    assert crossed_part(gaps, [premise, hypothesis]) == (pytest.approx(variance), 1)


# decisions


@given(parts, st.floats(1e-4, 1.0))
def test_p_is_where_the_interval_ends(found, distance):
    p = two_sided(distance, found)
    assume(p > 1e-100)  # beyond it only "smaller than this" is known
    assert half_width(found, p) == pytest.approx(distance, rel=1e-6)
    assert two_sided(-distance, found) == p


@given(parts)
def test_intervals_are_no_narrower_than_other_approximations(found):
    variance = sum(part.variance for part in found)
    quantiles = [reference.t.isf(LEVEL / 2, part.df) for part in found]
    weighted = sum(q * part.variance for q, part in zip(quantiles, found, strict=True)) / variance
    assert half_width(found) >= weighted * math.sqrt(variance) * (1 - 1e-9)  # Cochran and Cox
    df = variance**2 / sum(part.variance**2 / part.df for part in found)
    assert half_width(found) >= reference.t.isf(LEVEL / 2, df) * math.sqrt(variance) * (1 - 1e-6)  # Satterthwaite


def test_many_comparisons_at_once_are_those_one_by_one():
    many = [Part(np.array([1e-4, 2e-4, 0.0]), 2), Part(np.array([3e-4, 0.0, 0.0]), 299)]
    distance = np.array([0.05, 0.06, 0.01])
    together = two_sided(distance, many)
    for index in range(3):
        alone = [Part(part.variance[index], part.df) for part in many]
        assert together[index] == pytest.approx(two_sided(distance[index], alone))
        assert half_width(many)[index] == pytest.approx(half_width(alone))


def test_equivalence_is_two_one_sided_t_tests():
    gaps = np.random.default_rng(4).normal(0.005, 0.05, 30)
    found = [Part(gaps.var(ddof=1) / 30, 29)]
    above = reference.ttest_1samp(gaps, -0.03, alternative="greater").pvalue
    below = reference.ttest_1samp(gaps, 0.03, alternative="less").pvalue
    assert equivalence(gaps.mean(), found, 0.03) == pytest.approx(max(above, below))
    assert equivalence(0.03, found, 0.03) == equivalence(-0.04, found, 0.03) == 1


def test_without_variance_everything_is_certain():
    certain = [Part(0.0, 1), Part(0.0, 99)]
    assert two_sided(0.0, certain) == 1
    assert two_sided(0.01, certain) == 0
    assert equivalence(0.0, certain, 0.03) == 0
    assert equivalence(0.05, certain, 0.03) == 1
    assert concluded(0.01, {"items": certain[0]}) == inference.Difference(0.01, {"items": certain[0]}, 0.01, 0.01, 0.0)
    assert power(0.01, certain) == 1
    assert power(0.0, certain) == 0


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_a_sign_test(b, c):
    p = mcnemar_exact(b, c)
    by_hand = min(1.0, 2 * sum(math.comb(b + c, k) for k in range(min(b, c) + 1)) / 2 ** (b + c))
    assert p == pytest.approx(by_hand)
    assert p == pytest.approx(mcnemar_exact(c, b))


def test_sign_flips_by_brute_force():
    gaps = np.array([0.5, -0.1, 0.3, 0.2, 0.0, 0.4])
    flipped = [abs(np.dot(signs, gaps)) for signs in itertools.product((1, -1), repeat=6)]
    assert sign_flips(gaps) == np.mean([total >= 1.3 - 1e-9 for total in flipped])
    assert sign_flips(np.zeros(5)) == 1
    assert sign_flips(np.ones(3)) == 0.25


def test_sign_flips_of_many_groups_are_drawn():
    gaps = np.random.default_rng(5).normal(0.3, 1, 60)
    assert sign_flips(gaps) == pytest.approx(reference.ttest_1samp(gaps, 0).pvalue, abs=0.01)
    assert 0 < sign_flips(np.ones(40)) < 1e-3  # the flip that was seen counts


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


def test_levels_by_hand():
    assert [level_at(count) for count in (1, 2, 3, 5)] == pytest.approx([0, 0.025, 0.0375, 0.046875])
    assert level_at(3, 0.025) == pytest.approx(0.01875)  # three quarters of what two replicates left
    assert level_at(5, 0.04375) == pytest.approx(0.00625 * 15 / 16)
    assert level_at(3, level_at(5)) == pytest.approx(0.75 * 0.003125)  # fewer, or as many of other seeds: a new look


@given(st.lists(st.integers(1, 40), max_size=30))
@example([2, 3, 5])
@example([5, 3])
@example([3] * 20)
def test_looks_together_spend_at_most_the_level(counts):
    spent = 0.0
    for count in counts:
        level = level_at(count, spent)
        assert level >= 0
        spent += level
    assert spent <= LEVEL * (1 + 1e-12)


# planning


@pytest.mark.parametrize(
    ("effect", "count", "expected"),
    [
        (2.0, 3, 0.47075),
        (2.0, 5, 0.90888),
        (1.0, 5, 0.40139),
        (1.0, 10, 0.80310),
        (0.5, 30, 0.75396),
        (0.3, 100, 0.84395),
        (4.0, 2, 0.34284),
        (0.0, 7, 0.05000),
    ],
)
def test_power_of_one_part_is_that_of_the_t_test(effect, count, expected):
    """statsmodels 0.15, TTestPower().power(effect, count, 0.05): effect in standard deviations."""
    assert power(effect, [Part(1 / count, count - 1)]) == pytest.approx(expected, abs=1e-3)


def test_power_of_two_parts_is_what_simulation_gives():
    found, rng = [Part(1e-4, 2), Part(2e-4, 299)], np.random.default_rng(6)
    seen = [Part(part.variance * rng.chisquare(part.df, 40_000) / part.df, part.df) for part in found]
    differences = rng.normal(0.06, math.sqrt(3e-4), 40_000)
    assert power(0.06, found) == pytest.approx((np.abs(differences) > half_width(seen)).mean(), abs=0.01)
    assert power(-0.06, found) == power(0.06, found)


@given(parts, st.sampled_from([0.05, 0.025, 0.01]))
def test_smallest_visible_undoes_power(found, level):
    assert power(smallest_visible(found, level), found, level) == pytest.approx(POWER, abs=2e-3)


@pytest.mark.parametrize(("one", "share"), [(4e-4, 0.0), (1e-3, 0.0), (2e-4, 0.1)])
@pytest.mark.parametrize("level", [level_at, lambda count: level_at(count, level_at(3)), lambda count: LEVEL])
def test_replicates_needed_is_the_smallest_number_at_the_level_of_its_look(one, share, level):
    unit = Part(2e-5, 1999)
    needed = replicates_needed(0.03, unit, one, level, share)

    def found(count):
        return power(0.03, [unit, Part(one * (share + (1 - share) / count), count - 1)], level(count))

    assert found(needed) >= POWER
    assert needed == 2 or found(needed - 1) < POWER


def test_what_an_earlier_look_spent_takes_more_replicates():
    unit = Part(2e-5, 1999)
    assert replicates_needed(0.03, unit, 1e-3, lambda count: level_at(count, level_at(3))) > replicates_needed(
        0.03, unit, 1e-3
    )


def test_some_differences_no_number_of_replicates_or_items_shows():
    unit, other = Part(1e-4, 299), Part(1e-4, 4)
    assert replicates_needed(0.02, unit, 1e-4) is None  # 2.8 x 1 point of the items alone
    assert replicates_needed(0.02, Part(1e-6, 299), 4e-4, share=0.5) is None  # a choice that is drawn once
    assert items_needed(0.02, 300, unit, [other]) is None
    assert items_needed(0.02, 300, Part(1e-4, 299), []) == pytest.approx(300 * 7.85 * 1e-4 / 0.02**2, rel=0.01)


def test_items_needed_is_the_smallest_number():
    unit, other = Part(1e-4, 299), [Part(2e-5, 9)]
    needed = items_needed(0.03, 300, unit, other)

    def found(count):
        return power(0.03, [Part(1e-4 * 300 / count, count - 1), *other])

    assert found(needed) >= POWER > found(needed - 1)


def test_scipy_is_not_imported_with_the_module():
    import subprocess
    import sys

    code = "import sys, homespun.stats.inference; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
