"""Centrality: the figures of methods.md B2, the closed form against all pairs, ROUGE-L by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import at_angles, corpus

from homespun.near.centrality import by_cosine, by_rouge_l, ranks
from homespun.near.cosine import unit
from homespun.near.rouge import rouge_l


def test_three_directions():
    scores = by_cosine(at_angles(0, 30, 90))
    assert scores == pytest.approx([0.4330, 0.6830, 0.2500], abs=5e-5)
    with_self = 1 / 3 + 2 / 3 * scores
    assert with_self == pytest.approx([0.6220, 0.7887, 0.5000], abs=5e-5)
    assert ranks(scores, [1, 1, 1]).tolist() == [2, 1, 3]


def test_copies_count_as_agreement():
    assert by_cosine(at_angles(0, 60), [3, 1]) == pytest.approx([0.8333, 0.5000], abs=5e-5)
    assert by_cosine(at_angles(7), [4]).tolist() == [1.0]


def test_a_single_answer_has_no_score_and_no_answers_give_none():
    assert np.isnan(by_cosine(at_angles(0))).all()
    assert np.isnan(by_rouge_l([["a"]])).all()
    assert len(by_cosine(at_angles(0)[:0])) == 0


@given(seed=st.integers(0, 999), copies=st.lists(st.integers(1, 5), min_size=2, max_size=12))
def test_the_closed_form_is_the_sum_over_all_pairs(seed, copies):
    vectors = unit(corpus(len(copies), 5, 0.3, seed))
    exact, weights = vectors.astype(np.float64), np.array(copies)
    near = exact @ exact.T
    np.fill_diagonal(near, 0)
    expected = (weights - 1 + near @ weights) / (weights.sum() - 1)
    np.testing.assert_allclose(by_cosine(vectors, copies), expected, atol=1e-8)


def test_rouge_l_by_hand():
    """a b c | a b d | x: F is 2/3 between the first two, 0 with the third."""
    texts = [["a", "b", "c"], ["a", "b", "d"], ["x"]]
    assert by_rouge_l(texts) == pytest.approx([1 / 3, 1 / 3, 0])
    assert by_rouge_l(texts, [2, 1, 1]) == pytest.approx([(1 + 2 / 3) / 3, (2 * 2 / 3) / 3, 0])


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=6), min_size=2, max_size=7))
def test_rouge_l_is_the_mean_over_the_others(texts):
    expected = [
        sum(rouge_l(first, second) for j, second in enumerate(texts) if j != i) / (len(texts) - 1)
        for i, first in enumerate(texts)
    ]
    assert by_rouge_l(texts) == pytest.approx(expected, abs=1e-8)


def test_equal_scores_go_to_the_shorter_then_to_the_earlier():
    assert ranks(np.array([0.5, 0.5, 0.5, np.nan, 0.9]), [9, 4, 4, 1, 9]).tolist() == [4, 2, 3, 5, 1]
    scores = by_cosine(unit(corpus(2, 384, 0)))  # of two answers each agrees with the other as much
    assert scores[0] == scores[1]
