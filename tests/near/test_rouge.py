"""ROUGE-L joins against a comparison of all with all (methods.md D4), in both ways that they run."""

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rapidfuzz import process
from rapidfuzz.distance import Indel

from homespun.errors import UsageError
from homespun.near import rouge
from homespun.near.pairs import KEPT, TooManyPairsError
from homespun.near.pairs import greedy as decide
from homespun.near.rouge import RougeIndex, greedy, lcs, pairs, rouge_l
from homespun.text.words import words

SHARED = Path(__file__).parents[3] / "shared" / "data"
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


@pytest.fixture(params=["plain", "compiled"])
def way(request, monkeypatch):
    """Both ways to compare a whole list."""
    if request.param == "compiled":
        pytest.importorskip("numba")
    monkeypatch.setattr(rouge, "COMPILED_FROM", 0 if request.param == "compiled" else 10**9)


def slow_greedy(texts, threshold, groups=None):
    kept, of = [], []
    for place, text in enumerate(texts):
        scores = [(rouge_l(texts[k], text), -k) for k in kept if groups is None or groups[k] == groups[place]]
        best = max((pair for pair in scores if pair[0] > threshold), default=None)
        of.append(KEPT if best is None else -best[1])
        if best is None:
            kept.append(place)
    return of


SMALL = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
LIMITS = st.sampled_from([0.0, 0.3, 0.4, 0.5, 0.6, 2 / 3, 0.7, 0.75, 0.8, 1.0])


@SMALL
@given(st.lists(TOKENS, max_size=12), LIMITS, st.booleans())
def test_greedy_keeps_what_comparing_all_with_all_keeps(way, texts, threshold, grouped):
    groups = [len(text) % 2 for text in texts] if grouped else None
    assert greedy(texts, threshold, groups).of.tolist() == slow_greedy(texts, threshold, groups)


@SMALL
@given(st.lists(TOKENS, max_size=12), LIMITS, LIMITS)
def test_one_search_decides_every_threshold_from_its_floor_on(way, texts, floor, above):
    found = pairs(texts, floor)
    threshold = max(floor, above)
    again = decide(found, threshold)
    assert again.kept.tolist() == greedy(texts, threshold).kept.tolist()
    for earlier, later, score in zip(found.earlier, found.later, found.score, strict=True):
        assert earlier < later and score == rouge_l(texts[earlier], texts[later]) > floor


@SMALL
@given(st.lists(TOKENS, max_size=10, unique_by=tuple), LIMITS)
def test_different_texts_give_every_pair(way, texts, floor):
    found = pairs(texts, floor)
    expected = [(i, j) for j in range(len(texts)) for i in range(j) if rouge_l(texts[i], texts[j]) > floor]
    assert list(zip(found.earlier.tolist(), found.later.tolist(), strict=True)) == expected


def test_copies_make_few_pairs(way):
    texts = [list("abcdefgh"), list("abcdefgx"), *[list("abcdefgh")] * 200]
    found = pairs(texts, 0.7)
    assert len(found) == 1 + 200  # the copies follow both, but only the first of their kind is before it
    assert decide(found, 0.9).of.tolist() == [KEPT, KEPT, *[0] * 200]
    assert decide(found, 0.8).of.tolist() == [KEPT, 0, *[0] * 200]


def test_a_copy_is_dropped_with_the_first_of_its_kind(way):
    texts = [list("abcdefgh"), list("abcdefgx"), list("abcdefgx")]
    assert decide(pairs(texts, 0.7), 0.8).of.tolist() == [KEPT, 0, 0]


@pytest.mark.parametrize("sizes", [(50, 64), (63, 65), (120, 140), (300, 400)])
def test_texts_longer_than_a_machine_word(way, sizes):
    rng = random.Random(0)
    texts = [rng.choices("abcdefgh", k=rng.randint(*sizes)) for _ in range(8)]
    found = pairs(texts, 0.5)
    expected = {
        (i, j): 2 * slow_lcs(texts[i], texts[j]) / (len(texts[i]) + len(texts[j])) for j in range(8) for i in range(j)
    }
    near = {pair: score for pair, score in expected.items() if score > 0.5}
    assert near and near == dict(
        zip(zip(found.earlier.tolist(), found.later.tolist(), strict=True), found.score.tolist(), strict=True)
    )


def test_one_giant_text_among_small_ones(way):
    rng = random.Random(0)
    giant = [rng.randrange(50_000) for _ in range(200_000)]
    texts = [[1, 2, 3], giant, [1, 2, 3, 4], [*giant[:150_000], *giant[150_001:]], []]
    assert greedy(texts, 0.7).of.tolist() == [KEPT, KEPT, 0, 1, KEPT]


def test_empty_lists_and_empty_texts(way):
    assert greedy([], 0.7).of.tolist() == [] and len(pairs([], 0.7)) == 0
    assert greedy([[], [], []], 0.0).kept.all() and len(pairs([[], [], []], 0.0)) == 0


def test_groups_are_compared_apart(way):
    texts = [list("abcd"), list("abcd"), list("abcd")]
    assert greedy(texts, 0.7, ["x", "y", "x"]).of.tolist() == [KEPT, KEPT, 0]


def rouge_score_f(a, b):
    """F as rouge-score 0.1.2 computes it from an LCS (its arguments are target, prediction)."""
    common = slow_lcs(a, b)
    precision, recall = common / len(b), common / len(a)
    return 2 * precision * recall / (precision + recall) if common else 0.0


@SMALL
@given(
    st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=24), min_size=2, max_size=6),
    st.sampled_from([0.4, 0.6, 0.7, 0.8]),
)
def test_ties_fall_as_rouge_score_rounds(way, texts, threshold):
    kept = []
    for place, text in enumerate(texts):
        if not any(rouge_score_f(texts[k], text) > threshold for k in kept):
            kept.append(place)
    assert greedy(texts, threshold, ties="rouge-score").kept.nonzero()[0].tolist() == kept


def test_rouge_score_rounds_some_ties_up(way):
    """Why there are two ways: 12 of 15 and 15 tokens are F = 0.8, which rouge-score's rounding puts above 0.8."""
    ups = [
        (common, m, n)
        for m in range(1, 40)
        for n in range(1, m + 1)
        for common in range(1, n + 1)
        if 10 * common == 4 * (m + n) and rouge_score_f(range(m), [*range(common), *range(100, 100 + n - common)]) > 0.8
    ]
    common, m, n = ups[0]
    texts = [list(range(m)), [*range(common), *range(100, 100 + n - common)]]
    assert rouge_l(*texts) == 0.8
    assert greedy(texts, 0.8).kept.all() and not greedy(texts, 0.8, ties="rouge-score").kept.all()


def real_sentences(count):
    rows = []
    for name, field in (("instructions_en/seed_tasks", "instruction"), ("knowledge_en/model_written_variants", "text")):
        path = SHARED / f"{name}.jsonl"
        if not path.is_file():
            pytest.skip(f"{path} is not there")
        for line in path.read_text(encoding="utf-8").splitlines():
            rows += re.split(r"(?<=[.!?])\s+|\n+", json.loads(line)[field])
    rows = [row for row in rows if words(row, "en")][:count]
    assert len(rows) == count
    return rows


def test_five_thousand_real_rows_fall_as_rouge_score_decides(way):
    """RapidFuzz finds all pairs near the threshold, rouge-score itself decides them; then greedily in order."""
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"])
    rows = real_sentences(5000)
    texts = [words(row, "en") for row in rows]
    numbers = {}
    strings = ["".join(chr(numbers.setdefault(token, len(numbers)) + 256) for token in text) for text in texts]
    near = [[] for _ in rows]  # for each row the earlier ones with an F near the threshold or above
    for start in range(0, 5000, 500):  # never the whole matrix at once
        some = process.cdist(
            strings[start : start + 500], strings[: start + 500], scorer=Indel.normalized_similarity, score_cutoff=0.69
        )
        for i, j in zip(*some.nonzero(), strict=True):
            if j < start + i:
                near[start + i].append(int(j))
    exact, published = set(), set()  # the rows that stay
    for place, earlier in enumerate(near):
        if not any(j in exact and rouge_l(texts[j], texts[place]) > 0.7 for j in earlier):
            exact.add(place)
        if not any(j in published and scorer.score(rows[j], rows[place])["rougeL"].fmeasure > 0.7 for j in earlier):
            published.add(place)
    assert 1000 < len(exact) < 4990
    assert set(greedy(texts, 0.7).kept.nonzero()[0].tolist()) == exact
    assert set(greedy(texts, 0.7, ties="rouge-score").kept.nonzero()[0].tolist()) == published
    assert set(decide(pairs(texts, 0.6), 0.7).kept.nonzero()[0].tolist()) == exact


def test_a_search_may_be_bounded(way):
    texts = [[*"abcdefgh", n] for n in range(20)]
    assert len(pairs(texts, 0.7, most=190)) == 190
    for copies in (texts, [*texts[:1]] * 20, [*texts[:3], *texts[:3]]):
        with pytest.raises(TooManyPairsError):
            pairs(copies, 0.7, most=len(pairs(copies, 0.7)) - 1)
