"""Tables: what is written is read back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.data.records import Attempt, Labelled, Lineage, Row, Scores, Verdict
from homespun.data.tables import (
    attempts_from,
    attempts_table,
    parquet_bytes,
    rows_from_file,
    scores_from,
    scores_table,
    verdicts_from,
    verdicts_table,
)
from homespun.errors import DataError

text = st.text(st.characters(codec="utf-8"), max_size=30)


@given(text, text)
def test_attempts_survive(words, raw):
    row = Row.make(
        Labelled({"review": words}, "positive"),
        language="ja",
        groups={"label": "positive", "keyword": "脚本"},
        lineage=Lineage("labelled", "k", "m", "p/1", "ab", 2**62, "stop", 7),
    )
    good = Attempt("k", "parsed", raw, "", row.groups, row, "stop", 11, 7)
    bad = Attempt("k2", "unparsed", raw, "empty", {"label": "negative", "keyword": "x"}, None, "length", 3, 4)
    assert attempts_from(attempts_table([good, bad])) == [good, bad]


def test_equal_tables_give_equal_bytes():
    verdicts = [Verdict("a", True, "r", 0.5, 0.4, "ok"), Verdict("b", False, "r", None, None, "no", "a")]
    assert parquet_bytes(verdicts_table(verdicts)) == parquet_bytes(verdicts_table(list(verdicts)))
    assert verdicts_from(verdicts_table(verdicts)) == verdicts
    assert verdicts_table([]).schema == verdicts_table(verdicts).schema


def test_scores_survive_with_missing_values():
    scores = Scores("p", "x", ["a", "b"], {"x": [0.1, math.nan], "label": ["yes", ""]}, {"b": "no answer"})
    again = scores_from(scores_table(scores))
    assert again.columns["x"][0] == 0.1 and math.isnan(again.columns["x"][1])
    assert again.columns["label"] == ["yes", ""]
    assert (again.name, again.primary, again.reasons) == ("p", "x", {"b": "no answer"})


def test_rows_from_a_file(tmp_path):
    path = tmp_path / "real.jsonl"
    path.write_text('{"review": "Fine.", "label": "positive"}\n')
    (row,) = rows_from_file(path, ["review"], ["positive", "negative"], "en")
    assert (row.text, row.payload.output, row.lineage.generator) == ("Fine.", "positive", "real.jsonl")
    path.write_text('{"review": "Fine.", "label": "good"}\n')
    with pytest.raises(DataError, match='"good"; the task knows positive, negative'):
        rows_from_file(path, ["review"], ["positive", "negative"], "en")
    path.write_text('{"text": "Fine.", "label": "positive"}\n')
    with pytest.raises(DataError, match="lacks review; it has text, label"):
        rows_from_file(path, ["review"], ["positive", "negative"], "en")
