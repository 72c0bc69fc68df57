import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homespun.score.posterior import pool_biases


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
