"""Files in: clear errors with lines. Tables: what is written is read back."""

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import DataError
from homespun.records import Attempt, Labelled, Lineage, Row, Scores, Verdict
from homespun.tables import (
    attempts_from,
    attempts_table,
    parquet_bytes,
    read_records,
    rows_from_file,
    scores_from,
    scores_table,
    verdicts_from,
    verdicts_table,
)

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


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.jsonl", b"", "empty"),
        ("a.jsonl", b"\n\n", "empty"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', "a.jsonl:2"),
        ("a.jsonl", b'{"a": NaN}\n', "NaN is not JSON"),
        ("a.jsonl", b"[1]\n", "expected a JSON object"),
        ("a.jsonl", '{"a": "映画"}'.encode("cp932"), "a.jsonl:1: not UTF-8"),
        ("a.csv", b"a,b\n1,2\n3\n", "a.csv:3"),
        ("a.parquet", b"nonsense", "not a Parquet file"),
        ("a.txt", b"x", "one of .jsonl, .csv, .parquet"),
    ],
)
def test_bad_files_are_named_with_their_line(tmp_path, name, data, words):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError, match="a\\.") as caught:
        read_records(path)
    assert words in str(caught.value)


def test_lone_surrogates_of_a_file_become_valid_text(tmp_path):
    line = r'{"a\udc00": ["x \ud800", "\ud83d\ude00", "\\ud800", 1, null]}'
    (tmp_path / "a.jsonl").write_text(line)
    assert read_records(tmp_path / "a.jsonl") == [{"a\ufffd": ["x \ufffd", "😀", "\\ud800", 1, None]}]


def test_the_three_formats_read_alike(tmp_path):
    records = [{"review": "a, \u2028 b", "label": "x"}, {"review": "映画", "label": "y"}]
    (tmp_path / "a.jsonl").write_text('{"review": "a, \u2028 b", "label": "x"}\n{"review": "映画", "label": "y"}\n')
    (tmp_path / "a.csv").write_text('\ufeffreview,label\n"a, \u2028 b",x\n映画,y\n')
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.csv", "a.parquet"):
        assert read_records(tmp_path / name) == records


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
