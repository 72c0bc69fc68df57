"""The rule `minhash`: near copies of longer texts are dropped, and say of which row."""

import pytest
from pydantic import ValidationError
from selection_pool import NO_SCORES, make_row

from homespun.data.records import Labelled, Lineage, Row
from homespun.errors import UsageError
from homespun.select.rules.minhash import MinHash

LONG = " ".join(f"word{number}" for number in range(60))
NEAR = LONG.replace("word59", "another")


def test_a_near_copy_names_the_first():
    rows = [make_row(0, text=LONG), make_row(1, text="something else"), make_row(2, text=NEAR)]
    kept, other, near = MinHash(threshold=0.8)(rows, NO_SCORES, 0)
    assert kept.keep and other.keep and kept.score is None
    assert (near.keep, near.duplicate_of, near.score) == (False, rows[0].id, pytest.approx(55 / 57))
    assert near.reason == f"Jaccard similarity 0.9649 with row {rows[0].id} is above 0.8"
    assert near.rule == "minhash 0.8"


def test_the_threshold_decides():
    rows = [make_row(0, text=LONG), make_row(1, text=NEAR)]
    assert [v.keep for v in MinHash(threshold=0.97)(rows, NO_SCORES, 0)] == [True, True]


def test_only_rows_of_one_group_are_compared():
    rows = [make_row(0, text=LONG), make_row(1, text=LONG, keyword="cast"), make_row(2, text=NEAR)]
    rule = MinHash(within="keyword")
    assert [v.keep for v in rule(rows, NO_SCORES, 0)] == [True, True, False]
    assert str(rule) == "minhash 0.8 within keyword"


def test_japanese_and_texts_of_signs_are_not_silently_empty():
    text = "主人公の姉の笑顔がとても印象に残り、音楽も映像も最後まで美しかった。"
    texts = [text, text, "?!?!", "?!?!", "", ""]
    rows = [
        Row.make(Labelled({"review": t}, ""), language="ja", groups={}, lineage=Lineage("t", str(i)))
        for i, t in enumerate(texts)
    ]
    assert [v.keep for v in MinHash()(rows, NO_SCORES, 0)] == [True, False, True, False, True, True]


def test_bad_settings():
    for threshold in (0, 1):
        with pytest.raises(ValidationError):
            MinHash(threshold=threshold)
    with pytest.raises(UsageError, match=r'no field "reviews".*Did you mean "review"'):
        MinHash(fields=("reviews",))([make_row(0)], NO_SCORES, 0)
    with pytest.raises(UsageError, match="more permutations"):
        MinHash(threshold=0.05, permutations=16)([make_row(0)], NO_SCORES, 0)
