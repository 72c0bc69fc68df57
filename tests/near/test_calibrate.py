"""Thresholds from the distribution of nearest neighbours (methods.md D4)."""

import random

import numpy as np
import pytest

from homespun.errors import UsageError
from homespun.near.calibrate import USUAL, calibrate, equal_error
from homespun.near.rouge import rouge_l


def made(count, copies, seed=0):
    """Texts of 20 words of 300, and copies of some of them with two words changed (F 0.9)."""
    rng = random.Random(seed)
    texts = [[rng.randrange(300) for _ in range(20)] for _ in range(count)]
    for text in rng.sample(texts, copies):
        texts.append([*text[:18], 1000, 1001])
    return texts


def test_nearest_neighbours_are_exact():
    texts = made(60, 10)
    expected = sorted(max(rouge_l(a, b) for j, b in enumerate(texts) if j != i) for i, a in enumerate(texts))
    assert np.allclose(calibrate(texts).nearest, expected)


def test_the_threshold_lies_between_two_heaps():
    found = calibrate(made(300, 100))
    assert 0.4 < found.proposed < 0.9 and "two heaps" in found.why
    assert found.share_above(found.proposed) == 0.5  # 100 texts and their 100 copies, of 400
    assert len(found.lines()) == 22 and f"{found.proposed:g}" in found.lines()[-1]


def test_without_a_gap_the_usual_threshold_is_proposed():
    rng = random.Random(0)
    base = [rng.randrange(300) for _ in range(37)]
    ladder = [[*base[: n % 37], *(1000 + 50 * n + k for k in range(37 - n % 37))] for n in range(370)]
    assert calibrate(ladder).proposed == USUAL
    assert calibrate(made(10, 3)).why.endswith("too few rows to see a distribution")
    assert calibrate([]).proposed == USUAL


def test_groups_have_neighbours_of_their_own():
    texts = [list("abcd"), list("abcd"), list("wxyz"), []]
    assert calibrate(texts, ["x", "y", "x", "x"]).nearest.tolist() == [0.0, 0.0, 0.0]
    assert calibrate(texts, ["x", "x", "x", "x"]).nearest.tolist() == [0.0, 1.0, 1.0]


def test_a_sample_is_compared_with_all():
    found = calibrate(made(300, 100), sample=50, seed=1)
    assert len(found.nearest) == 50
    assert np.array_equal(found.nearest, calibrate(made(300, 100), sample=50, seed=1).nearest)


def test_equal_error():
    threshold, error = equal_error(copies=[0.9, 0.8, 0.7, 0.4], different=[0.1, 0.2, 0.3, 0.6])
    assert threshold == 0.4 and error == 0.25
    assert equal_error([0.9, 0.8], [0.1, 0.2]) == (0.2, 0.0)
    with pytest.raises(UsageError, match="0 pairs of copies"):
        equal_error([], [0.5])
