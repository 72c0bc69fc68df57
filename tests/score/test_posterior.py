import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_cases import make_row

from homespun.score.posterior import label_marks, one_sided, pool_biases


def means(scores, biases):
    weights = np.exp(np.array(scores) + biases)
    return (weights / weights.sum(1, keepdims=True)).mean(0)


def test_biases_of_two_rows_by_hand():
    """Both rows favour the first label by e^2; one row of each label wants .5, so the bias is minus 2."""
    found = pool_biases([[2.0, 0.0], [2.0, 0.0]], [0, 1])
    assert found == pytest.approx([-1.0, 1.0])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-5, 5)] * 3, st.integers(0, 2)), min_size=1, max_size=20))
def test_mean_posteriors_match_the_smoothed_shares(entries):
    scores, own = [entry[:3] for entry in entries], [entry[3] for entry in entries]
    counts = np.bincount(own, minlength=3) + 1
    assert means(scores, pool_biases(scores, own)) == pytest.approx(counts / counts.sum(), abs=1e-6)


@given(st.floats(-50, 50))
def test_a_common_taste_changes_nothing(taste):
    scores = [[0.3, -1.0], [-0.4, 0.0], [2.0, 0.1]]
    own = [0, 1, 0]
    biased = [[one + taste, two] for one, two in scores]
    plain, moved = pool_biases(scores, own), pool_biases(biased, own)
    assert (plain[0] - plain[1]) - (moved[0] - moved[1]) == pytest.approx(taste, abs=1e-6)


def test_a_label_without_rows_and_hopeless_scores_stay_finite():
    assert all(map(math.isfinite, pool_biases([[0.0, -5000.0]], [0])))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([10, 7], True),  # of ten rows of each label, so many are given the first label
        ([7, 7], True),
        ([10, 6], False),  # 60 % is not more than 60 %
        ([10, 4], False),  # an accurate model where 40 % of the second label's rows are wrong
        ([10, 7, 7], True),
        ([10, 10, 6], False),
        ([10], False),  # taste or truth: rows of one label cannot tell
    ],
)
def test_one_sided_is_one_label_for_most_rows_of_every_label(said, expected):
    own = [label for label in range(len(said)) for _ in range(10)]
    scores = [[1.0, 0.0, 0.0] if row < many else [0.0, 1.0, 0.5] for many in said for row in range(10)]
    assert one_sided(scores, own) is expected


def kept(rows, labels, wrong, taste, calibration, seed, gap=3.3):
    """Return the shares kept of the wrong rows, and of the right rows of the label that is kept least.

    `wrong` of the rows of the second label are of the first. The model's log scores are normal with variance gap^2,
    gap^2 higher for the true label (right on 97 to 99 %), and `taste` gap^2 higher for the first.
    """
    rng = np.random.default_rng([rows, labels, seed])
    own = np.arange(rows) % labels
    second = np.flatnonzero(own == 1)
    true = own.copy()
    true[second[: round(wrong * len(second))]] = 0
    scores = rng.normal(0, gap, (rows, labels))
    scores[np.arange(rows), true] += gap**2
    scores[:, 0] += taste * gap**2
    names = [f"label {each}" for each in range(labels)]
    made = [make_row(number, names[label]) for number, label in enumerate(own)]
    marks = label_marks(made, names, scores.tolist(), [0.0] * labels, calibration)
    agrees = np.array([mark.values["agrees"] for mark in marks])
    least = min(agrees[(own == label) & (true == label)].mean() for label in range(labels))
    return agrees[own != true].mean() if wrong else 0.0, least


def mean_kept(rows, labels, wrong, taste, calibration):
    return np.mean([kept(rows, labels, wrong, taste, calibration, seed) for seed in range(10)], axis=0)


@pytest.mark.parametrize("rows", [100, 400])
@pytest.mark.parametrize("labels", [2, 3, 4])
def test_wrong_rows_of_one_label_stay_visible_and_a_taste_is_taken_off(rows, labels):
    wrong, _ = mean_kept(rows, labels, 0.4, 0.0, "auto")
    assert wrong == mean_kept(rows, labels, 0.4, 0.0, "none")[0] <= 0.04
    assert mean_kept(rows, labels, 0.4, 0.0, "pool")[0] > 0.1  # two labels: 0.27
    _, least = mean_kept(rows, labels, 0.0, 1.5, "auto")  # gives the first label to over 85 % of all rows
    assert least > 0.9
    assert mean_kept(rows, labels, 0.0, 1.5, "none")[1] < 0.3
