"""Pairs and what a threshold keeps of them (methods.md C6, test; D4)."""

import math

import numpy as np
import pytest

from homespun.errors import UsageError
from homespun.near.pairs import KEPT, Pairs, chained, greedy

COS20, COS40 = math.cos(math.radians(20)), math.cos(math.radians(40))
CHAIN = Pairs.of(3, 0.7, [0, 1, 0], [1, 2, 2], [COS20, COS20, COS40])  # A0, B20, C40


def test_a_chain_keeps_its_ends_greedily_and_its_first_row_by_the_reference_rule() -> None:
    assert greedy(CHAIN, 0.9).of.tolist() == [KEPT, 0, KEPT]
    assert chained(CHAIN, 0.9).of.tolist() == [KEPT, 0, 1]


def test_a_score_equal_to_the_threshold_is_no_repeat() -> None:
    pairs = Pairs.of(2, 0.5, [0], [1], [0.7])
    assert greedy(pairs, 0.7).kept.all()
    assert greedy(pairs, 0.6999).of.tolist() == [KEPT, 0]


def test_the_best_kept_row_is_named_and_the_first_of_equals() -> None:
    pairs = Pairs.of(4, 0.5, [0, 1, 2], [3, 3, 3], [0.8, 0.9, 0.9])
    repeats = greedy(pairs, 0.7)
    assert repeats.of.tolist() == [KEPT, KEPT, KEPT, 1]
    assert repeats.score[3] == 0.9 and np.isnan(repeats.score[:3]).all()


def test_pairs_may_be_given_in_any_order() -> None:
    pairs = Pairs.of(3, 0.0, [1, 0], [2, 1], [0.9, 0.9])
    assert pairs.later.tolist() == [1, 2]
    assert greedy(pairs, 0.5).of.tolist() == [KEPT, 0, KEPT]


def test_a_threshold_below_the_floor_is_refused() -> None:
    with pytest.raises(UsageError, match=r"0\.6 lies below 0\.7"):
        greedy(CHAIN, 0.6)
