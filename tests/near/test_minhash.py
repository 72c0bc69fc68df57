"""MinHash: no wrong pair, the recall of the formula, exact copies always found."""

import json
import random
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import UsageError
from homespun.near import minhash
from homespun.near.minhash import RECALL, Banding, banding, pairs, recall
from homespun.near.minhash import greedy as directly
from homespun.near.pairs import KEPT, greedy
from homespun.near.shingles import _order, shingles
from homespun.text.words import words

TOKENS = st.lists(st.lists(st.sampled_from("abc"), max_size=9), max_size=14)


def sets_of(tokens, size):
    """Return each text's set of shingles, as a reader of the definition would write it."""
    return [
        frozenset(tuple(text[i : i + size]) for i in range(max(len(text) - size, 0) + 1)) if text else frozenset()
        for text in tokens
    ]


def jaccard(one, other):
    return len(one & other) / len(one | other) if one | other else 0.0


def brute(tokens, size, floor, groups=None):
    sets = sets_of(tokens, size)
    return {
        (i, j): jaccard(sets[i], sets[j])
        for j in range(len(sets))
        for i in range(j)
        if jaccard(sets[i], sets[j]) > floor and (groups is None or groups[i] == groups[j])
    }


def thorough(*args, **more):
    """Search with bands of one value: a pair of Jaccard .3 is missed with a chance of 5e-10."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("homespun.near.minhash.banding", lambda *_: Banding(60, 1))
        return pairs(*args, **more)


def found(tokens, *args, **more):
    return as_dict(pairs(tokens, *args, **more))


def as_dict(result):
    return dict(
        zip(zip(result.earlier.tolist(), result.later.tolist(), strict=True), result.score.tolist(), strict=True)
    )


@given(TOKENS, st.integers(1, 4))
def test_shingles_are_sets_of_runs(tokens, size):
    got, expected = shingles(iter(tokens), size), sets_of(tokens, size)
    assert got.sizes.tolist() == [len(each) for each in expected]
    assert len(set(got.values.tolist())) == len(frozenset().union(*expected))  # equal hash, equal shingle
    for place in range(len(tokens)):
        own = got.values[got.starts[place] : got.starts[place + 1]]
        assert (own[1:] > own[:-1]).all()


@given(TOKENS, st.integers(1, 3), st.sampled_from([0.3, 0.5, 2 / 3, 0.8]), st.booleans())
def test_pairs_are_those_of_brute_force_up_to_copies(tokens, size, floor, grouped):
    """All but the pairs that a copy of an earlier text would start."""
    groups = [str(len(text) % 2) for text in tokens] if grouped else None
    got = as_dict(thorough(tokens, floor, groups, shingle=size))
    truth = brute(tokens, size, floor, groups)
    sets = sets_of(tokens, size)
    keys = [(each, groups[place] if groups else "") for place, each in enumerate(sets)]
    assert got == {pair: score for pair, score in truth.items() if keys.index(keys[pair[0]]) == pair[0]}


@given(TOKENS, st.integers(1, 3), st.sampled_from([0.3, 0.5, 0.8]))
def test_leaving_out_pairs_of_copies_changes_no_decision(tokens, size, floor):
    truth = brute(tokens, size, floor)
    kept: list[int] = []
    for later in range(len(tokens)):
        if not any((earlier, later) in truth for earlier in kept):
            kept.append(later)
    got = greedy(thorough(tokens, floor, shingle=size), floor)
    assert np.flatnonzero(got.of == KEPT).tolist() == kept


def test_bands_find_a_pair_at_the_threshold():
    for threshold in (0.3, 0.5, 0.7, 0.8, 0.9, 0.95):
        assert recall(threshold) >= RECALL
        assert recall(threshold, threshold + 0.04) > recall(threshold) > recall(threshold, threshold - 0.1)
    assert banding(0.8) == Banding(21, 6)
    assert recall(0.8) == pytest.approx(1 - (1 - 0.8**6) ** 21)


def planted(size, shared, count, seed):
    """Return pairs of disjoint texts of one-word shingles, each pair with Jaccard shared / (2 size - shared)."""
    rng = random.Random(seed)
    tokens = []
    for pair in range(count):
        vocabulary = [f"{pair}-{word}" for word in range(2 * size - shared)]
        rng.shuffle(vocabulary)
        tokens += [vocabulary[:size], vocabulary[size - shared :]]
    return tokens


@pytest.mark.parametrize(("size", "shared"), [(40, 30), (40, 35), (9, 7)])  # Jaccard .6, .778, .636
def test_recall_is_that_of_the_formula(size, shared):
    """Searched at .5 with 24 permutations, where a good part is missed; 3 standard errors of 1500 pairs."""
    bands = Banding(4, 6)
    similarity = shared / (2 * size - shared)
    tokens = planted(size, shared, 1500, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("homespun.near.minhash.banding", lambda *_: bands)
        got = len(found(tokens, 0.5, shingle=1))
    expected = bands.recall(similarity)
    assert 0.1 < expected < 0.95
    assert abs(got / 1500 - expected) < 3 * (expected * (1 - expected) / 1500) ** 0.5


def test_copies_are_always_found_and_do_not_multiply():
    text = "one two three four five six seven".split()
    got = pairs([text] * 5000 + [["other"]] + [text], 0.95, permutations=64)
    assert len(got) == 5000 and set(got.earlier.tolist()) == {0} and set(got.score.tolist()) == {1.0}


def test_short_texts_are_compared_whole_and_empty_ones_never():
    assert found([["hi", "you"], ["hi", "you"], ["you", "hi"], [], []], 0.5) == {(0, 1): 1.0}
    assert len(pairs([], 0.5)) == 0 and len(pairs([[]], 0.5)) == 0


def test_texts_of_two_groups_are_never_compared():
    text = "one two three four five six".split()
    assert found([text, text, text], 0.5, ["a", "b", "a"]) == {(0, 2): 1.0}


def test_a_similarity_equal_to_the_floor_is_no_pair():
    """Four of five shingles shared: .8 exactly."""
    tokens = [list("abcde"), list("abcd")]
    assert found(tokens, 0.8, shingle=1) == {}
    assert found(tokens, 0.79, shingle=1) == {(0, 1): 0.8}


def test_one_giant_text_among_short_ones():
    giant = [str(word) for word in range(100_000)]
    got = found([giant, ["a", "b"], [*giant, "end"], ["a", "b"]], 0.8)
    assert set(got) == {(0, 2), (1, 3)} and got[0, 2] == pytest.approx(99_996 / 99_997)


def test_hashes_are_the_same_in_every_process():
    code = "from homespun.near.shingles import shingles; print(shingles([['a', 'b', 'ü']], 2).values.tolist())"
    runs = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout for _ in range(2)}
    assert runs == {f"{shingles([['a', 'b', 'ü']], 2).values.tolist()}\n"}


def test_hashes_that_differ_in_their_last_bits_are_still_in_order():
    runs = np.array([7, 6, 5, 4, 1 << 63, 3, 3], dtype=np.uint64)
    text_of = np.array([0, 0, 1, 1, 0, 1, 0])
    assert _order(runs, text_of, 2).tolist() == np.lexsort((runs, text_of)).tolist()


def test_bad_settings_are_named():
    for threshold in (0, 1, -0.1, 1.5):
        with pytest.raises(UsageError, match=f"threshold is {threshold}"):
            pairs([["a"]], threshold)
    with pytest.raises(UsageError, match="more permutations or a higher threshold"):
        banding(0.05, 16)
    with pytest.raises(UsageError, match="shingle is 0"):
        shingles([["a"]], 0)
    with pytest.raises(UsageError, match="1 groups for 2 texts"):
        pairs([["a"], ["b"]], 0.5, ["x"])


LINES = Path(__file__).parents[3] / "shared/data/knowledge_en/model_written_variants.jsonl"


@pytest.mark.skipif(not LINES.exists(), reason="real texts are not on this machine")
def test_pairs_of_real_lines_are_those_of_an_inverted_index():
    texts = [json.loads(line)["text"] for line in LINES.read_text("utf-8").splitlines()]
    lines = [line for text in texts for line in text.split("\n") if len(line.split()) > 6]
    tokens = [words(line, "en") for line in dict.fromkeys(lines)]
    sets = sets_of(tokens, 5)
    holding = defaultdict(list)
    shared: Counter[tuple[int, int]] = Counter()
    for place, own in enumerate(sets):
        for shingle in own:
            shared.update((earlier, place) for earlier in holding[shingle])
            holding[shingle].append(place)
    truth = {pair: jaccard(sets[pair[0]], sets[pair[1]]) for pair in shared}
    first = {own: place for place, own in reversed(list(enumerate(sets)))}
    truth = {pair: score for pair, score in truth.items() if score > 0.5 and first[sets[pair[0]]] == pair[0]}
    got = found(tokens, 0.5)
    assert len(truth) > 50 and set(got.items()) <= set(truth.items())
    assert len(got) >= 0.97 * len(truth)


@given(
    texts=st.lists(st.lists(st.sampled_from("abcd"), max_size=12), max_size=40),
    threshold=st.sampled_from([0.3, 0.5, 0.8]),
    grouped=st.booleans(),
)
def test_one_threshold_decided_directly_is_that_of_all_pairs(texts, threshold, grouped):
    groups = ["ab"[place % 2] for place in range(len(texts))] if grouped else None
    expected = greedy(pairs(texts, threshold, groups, shingle=2), threshold)
    got = directly(texts, threshold, groups, shingle=2)
    assert got.of.tolist() == expected.of.tolist()
    assert np.array_equal(got.score, expected.score, equal_nan=True)


def test_pages_of_one_template_are_compared_with_the_first_alone(monkeypatch):
    compared = []
    best = minhash._best
    monkeypatch.setattr(minhash, "_best", lambda *given: compared.append(len(given[2])) or best(*given))
    page = [f"word{place}" for place in range(100)]
    found = directly([[*page, f"end{place}"] for place in range(2000)], 0.8)
    assert found.kept.tolist() == [True] + [False] * 1999
    assert sum(compared) == 1999


def test_many_candidates_are_compared_at_once_with_the_same_answer(monkeypatch):
    rng = random.Random(3)
    page = [f"word{place}" for place in range(30)]
    texts = [[rng.choice(["x", word]) for word in page] for _ in range(120)]
    one_by_one, at_once = [], []
    for most, found in ((10**9, one_by_one), (0, at_once)):
        monkeypatch.setattr(minhash, "MANY", most)
        for threshold in (0.3, 0.5):
            got = directly(texts, threshold, shingle=1)
            found += [got.of.tolist(), got.score[~got.kept].tolist()]
    assert one_by_one == at_once
    assert 0 < sum(place != KEPT for place in at_once[0]) < 120
