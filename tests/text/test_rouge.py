import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import UsageError
from homespun.text.rouge import RougeIndex, lcs, rouge_l
from homespun.text.words import words

TOKENS = st.lists(st.sampled_from("abcd"), max_size=12)


def slow_lcs(a, b):
    rows = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, left in enumerate(a):
        for j, right in enumerate(b):
            rows[i + 1][j + 1] = rows[i][j] + 1 if left == right else max(rows[i][j + 1], rows[i + 1][j])
    return rows[-1][-1]


def test_analytic_cases():
    assert rouge_l("ABCD", "ACBD") == 0.75
    assert rouge_l([], "ABCD") == rouge_l("ABCD", []) == rouge_l([], []) == 0
    for language in ("ja", "en"):
        same = words("この映画は最高だった", language)
        assert rouge_l(same, same) == 1.0
    # 平均を計算する / 分散を計算する: five of seven characters
    assert rouge_l("平均を計算する", "分散を計算する") == pytest.approx(0.714, abs=5e-4)


@given(TOKENS, TOKENS)
def test_lcs_equals_dynamic_programming(a, b):
    assert lcs(a, b) == slow_lcs(a, b)


@given(st.lists(TOKENS, max_size=8), TOKENS, st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.75, 1.0]))
def test_index_equals_comparison_with_every_text(stored, query, threshold):
    index = RougeIndex(threshold)
    for place, tokens in enumerate(stored):
        index.add(str(place), tokens)
    passing = [(rouge_l(query, tokens), str(place)) for place, tokens in enumerate(stored)]
    passing = [(f, key) for f, key in passing if f > threshold]
    best = max((f for f, _ in passing), default=None)
    expected = None if best is None else next((key, f) for f, key in passing if f == best)
    assert index.nearest(query) == expected


def test_threshold_is_exact():
    seven_of_ten = list("abcdefgxyz"), list("abcdefghij")
    at, below = RougeIndex(0.7), RougeIndex(0.69)
    for index in (at, below):
        index.add("a", seven_of_ten[0])
    assert at.nearest(seven_of_ten[1]) is None  # F = 0.7 is not above 0.7
    assert below.nearest(seven_of_ten[1]) == ("a", 0.7)


def test_stream_of_equal_texts_and_a_near_one():
    index = RougeIndex(0.7)
    first, near, far = list("abcdef"), list("abcdex"), list("abxyzw")
    assert index.nearest(first) is None
    index.add("first", first)
    assert index.nearest(first) == ("first", 1.0)
    assert index.nearest(near) == ("first", 2 * 5 / 12)
    assert index.nearest(far) is None
    assert index.nearest([]) is None


def test_threshold_outside_its_range():
    with pytest.raises(UsageError, match=r"7\.0"):
        RougeIndex(7.0)


@pytest.mark.slow
def test_ten_thousand_rows():
    """Ten thousand review-sized texts are compared exactly; 12 s on a loaded core."""
    rng = random.Random(0)
    vocabulary = [f"w{n}" for n in range(3000)]
    weights = [1 / (n + 1) for n in range(3000)]
    texts = [rng.choices(vocabulary, weights, k=rng.randint(8, 40)) for _ in range(10_000)]
    copies = rng.sample(range(1, 10_000), 500)
    for place in copies:
        texts[place] = [*texts[place - 1][:-1], "x"]
    index = RougeIndex(0.7)
    found = 0
    for place, tokens in enumerate(texts):
        if index.nearest(tokens):
            found += 1
        else:
            index.add(str(place), tokens)
    assert 450 <= found <= 500
