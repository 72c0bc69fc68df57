"""Rows of several texts: the least score decides; the search finds what comparing all rows with all finds."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.near import minhash, pairs, rouge
from homespun.near.parts import Measure, least, on_end

WORDS = st.lists(st.sampled_from("abcd"), max_size=6)
ROWS = st.lists(st.lists(WORDS, min_size=2, max_size=2), max_size=12)
ROUGE = Measure(rouge.greedy, rouge.pairs, list, rouge.pairs, rouge.rouge_l)
MINHASH = Measure(
    partial(minhash.greedy, shingle=2),
    partial(minhash.pairs, shingle=2),
    partial(minhash.shingled, size=2),
    partial(minhash.pairs, shingle=1),
    minhash.jaccard,
)


def test_least():
    assert least(rouge.rouge_l, ["a b".split(), "c d".split()], ["a b".split(), "c e".split()]) == 0.5
    assert (
        least(rouge.rouge_l, [["a"], []], [["a"], []]) == 1 and least(rouge.rouge_l, [["a"], []], [["a"], ["b"]]) == 0
    )
    assert least(rouge.rouge_l, [["a"]], [["a"], ["a"]]) == 0
    assert on_end([["a"], ["a", "b"]]) == ["0 a", "1 a", "1 b"] and on_end([["a"]]) == ["a"]


@given(ROWS, st.sampled_from([0.3, 0.5, 0.7]))
def test_rouge_l_of_every_text_is_above(rows, threshold):
    wanted = {}
    for later, row in enumerate(rows):
        kept = [earlier for earlier in range(later) if earlier not in wanted]
        scores = {e: least(rouge.rouge_l, rows[e], row) for e in kept if any(rows[e]) and any(row)}
        best = max(scores, key=lambda e: (scores[e], -e), default=None)
        if best is not None and scores[best] > threshold:
            wanted[later] = best
    found = ROUGE.kept(rows, threshold, None, several=True)
    of = {n: of for n, of in enumerate(found.of.tolist()) if of != pairs.KEPT}
    assert of.keys() == wanted.keys()  # a copy of a dropped row names what that one repeats
    assert all(least(rouge.rouge_l, rows[other], rows[n]) == found.score[n] > threshold for n, other in of.items())
    index, repeated = rouge.RougeIndex(threshold), {}
    for number, row in enumerate(rows):
        near = index.nearest(*row)
        if near is None:
            index.add(str(number), *row)
        else:
            repeated[number] = int(near[0])
    assert repeated == wanted


def test_rounding_as_published_decides_each_text():
    one, other = (
        [["a", "b", "c", "d", "e", "f", "g", "x"], ["q"]],
        [["a", "b", "c", "d", "e", "f", "g", *"uvwyz"], ["q"]],
    )
    assert rouge.rouge_l(one[0], other[0]) == 0.7 < rouge.rouge_l(one[0], other[0], ties="rouge-score")
    search = partial(rouge.pairs, ties="rouge-score")
    as_published = Measure(rouge.greedy, search, list, search, partial(rouge.rouge_l, ties="rouge-score"))
    assert ROUGE.kept([one, other], 0.7, None, several=True).kept.tolist() == [True, True]
    assert as_published.kept([one, other], 0.7, None, several=True).kept.tolist() == [True, False]


@pytest.mark.parametrize(("words", "shingles"), [("a b c", ["a b", "b c"]), ("a", ["a"]), ("", [])])
def test_shingles(words, shingles):
    assert minhash.shingled(words.split(), 2) == shingles


def test_minhash_needs_every_text():
    long = [f"w{n}" for n in range(40)]
    rows = [[long, ["a", "b", "c"]], [long, ["d", "e", "f"]], [long[1:], ["a", "b", "c"]]]
    found = MINHASH.kept(rows, 0.8, None, several=True)
    assert found.of.tolist() == [pairs.KEPT, pairs.KEPT, 0] and found.score[2] == pytest.approx(38 / 39)
    assert MINHASH.kept(rows, 0.8, ["x", "x", "y"], several=True).kept.all()
