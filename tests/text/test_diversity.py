"""Diversity of a set of texts (methods.md 2E-1 to 2E-3)."""

import hashlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.text.diversity import compression_ratio, distinct_n, sample, self_bleu

TEXTS = [
    line.split()
    for line in (
        "the film is a slow and quiet look at grief",
        "the film is a loud and silly look at grief",
        "a quiet film about grief that never raises its voice",
        "not one of its jokes lands and the film never ends",
        "the film",
        "the cast is good and the film is good and the end is good",
    )
]
# Mean over i of nltk.translate.bleu_score.sentence_bleu(TEXTS[:i] + TEXTS[i + 1:], TEXTS[i], weights=[1 / n] * n,
# smoothing_function=SmoothingFunction().method1), NLTK 3.10.4.
NLTK = {
    1: 0.5097625631914124,
    2: 0.33867106415317205,
    3: 0.2688915140017539,
    4: 0.1736949521405223,
    5: 0.0983424650580285,
}


def test_distinct_n():
    assert distinct_n([["a", "b", "a", "b"]], 2) == 2 / 3
    assert distinct_n([["a"], ["a"]], 1) == 0.5
    assert math.isnan(distinct_n([["a"]], 2))


@pytest.mark.parametrize("n", NLTK)
def test_self_bleu_is_that_of_nltk(n):
    assert self_bleu(TEXTS, n) == pytest.approx(NLTK[n], rel=1e-12)


def test_self_bleu_of_copies_is_one_and_of_strangers_nothing():
    assert self_bleu([["a", "b", "c", "d", "e"]] * 3) == pytest.approx(1)
    assert self_bleu([list("abcde"), list("fghij")]) == 0
    assert math.isnan(self_bleu([["a"], []]))


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=6), max_size=8), st.integers(1, 4))
def test_self_bleu_is_a_share_whatever_the_order(texts, n):
    value = self_bleu(texts, n)
    assert math.isnan(value) if sum(map(bool, texts)) < 2 else 0 <= value <= 1 + 1e-12
    assert value == pytest.approx(self_bleu(texts[::-1], n), nan_ok=True)


def test_self_bleu_looks_at_so_many_texts():
    texts = [list(hashlib.sha256(str(i).encode()).hexdigest()[:12]) for i in range(40)]
    assert self_bleu(texts, 2, at_most=10) == self_bleu(texts, 2, at_most=10)
    assert self_bleu(texts, 2, at_most=10) != self_bleu(texts, 2, at_most=10, seed=1)
    assert self_bleu(texts, 2, at_most=10) < self_bleu(texts, 2)  # more texts, more matches


def test_repetition_compresses_and_noise_does_not():
    noise = "".join(hashlib.sha256(str(i).encode()).hexdigest() for i in range(32))[:2000]
    assert compression_ratio(["ab" * 1000]) > 50
    assert 1 < compression_ratio([noise]) < 2.5
    assert math.isnan(compression_ratio([]))
    assert compression_ratio(["\ud800"]) < 1  # a broken text is still counted


def test_a_larger_sample_contains_a_smaller_one():
    keys = [f"row {number}" for number in range(100)]
    small, large = sample(keys, 10), sample(keys, 50)
    assert len(small) == 10 and set(small) < set(large)
    assert small == sorted(small) != sample(keys, 10, seed=1)
    assert sample(keys, 1000) == list(range(100))
