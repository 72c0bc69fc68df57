import pytest
from selection_pool import NO_SCORES, make_row

from homespun.data.records import Labelled, Lineage, Row
from homespun.select.rules.rouge import RougeL


def japanese(number, text):
    return Row.make(Labelled({"text": text}, "x"), language="ja", groups={}, lineage=Lineage("file", str(number)))


def test_the_first_stays_and_the_others_name_it():
    rows = [make_row(n, text=text) for n, text in enumerate(["a b c d e", "a b c d f", "x y z", "a b c d e f"])]
    verdicts = RougeL(threshold=0.7)(rows, NO_SCORES, 0)
    assert [verdict.keep for verdict in verdicts] == [True, False, True, False]
    assert verdicts[1].duplicate_of == rows[0].id and verdicts[1].score == pytest.approx(0.8)
    assert verdicts[1].reason == f"ROUGE-L 0.8 with row {rows[0].id} is above 0.7"


def test_the_tokenizer_decides_and_is_named():
    rows = [japanese(0, "平均を計算する"), japanese(1, "分散を計算する"), japanese(2, "平均を計算する。")]
    rule = RougeL(threshold=0.45, tokenizer="characters")
    assert [verdict.keep for verdict in rule(rows, NO_SCORES, 0)] == [True, False, False]
    rule = RougeL(threshold=0.5, tokenizer="characters")
    assert [verdict.keep for verdict in rule(rows, NO_SCORES, 0)] == [True, True, False]
    assert str(rule) == "rouge_l 0.5 by characters"


def test_stems():
    pytest.importorskip("nltk")
    rows = [make_row(0, text="reviews of moving films"), make_row(1, text="review of move film")]
    assert [verdict.keep for verdict in RougeL(stem=True)(rows, NO_SCORES, 0)] == [True, False]
    assert [verdict.keep for verdict in RougeL()(rows, NO_SCORES, 0)] == [True, True]
