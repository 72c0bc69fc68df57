"""The reader of record files: the formats read alike, and whatever is no record is told with its place."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from homespun.data.find import parts
from homespun.data.read import entries, iter_records, read_records
from homespun.errors import DataError


def told(path):
    """Return (number, record or problem) of all entries."""
    return [(one.number, one.record or one.problem) for part in parts(path) for one in entries(part)]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.jsonl", b"", "empty"),
        ("a.jsonl", b"\xef\xbb\xbf", "empty"),
        ("a.jsonl", b"\n \n", "empty"),
        ("a.jsonl", b'{"a": 1}\n\n{"a": \n', "a.jsonl:3: not a JSON object"),
        ("a.jsonl", b'{"a": 1}\n{"a": "cut o', "a.jsonl:2: not a JSON object"),
        ("a.jsonl", b'{"a": NaN}\n', "NaN is not JSON"),
        ("a.jsonl", b'{"a": 1}\n\0\0\0\0', "a.jsonl:2: not a JSON object"),
        ("a.jsonl", b'{"a":' * 99_999, "a.jsonl:1: not a JSON object that can be read: nested too deeply"),
        ("a.jsonl", b'{"a": 1' + b"0" * 9_999 + b"}", "a.jsonl:1: not a JSON object"),
        ("a.jsonl", b"[1]\n", "expected a JSON object"),
        ("a.jsonl", '{"a": "映画"}'.encode("cp932"), "a.jsonl:1: not UTF-8 (byte 7 of the line); convert it"),
        ("a.jsonl", '{"a": 1}'.encode("utf-16"), "a.jsonl:1: not UTF-8"),
        ("a.csv", b"", "empty"),
        ("a.csv", b"a,b\n", "empty"),
        ("a.csv", b"a,b\n1,2\n3\n", "a.csv:3: has 1 columns, and the header has 2"),
        ("a.csv", b'a,b\n1,"2\n\n3', "a.csv:2: not CSV: unexpected end of data (read up to line 4)"),
        ("a.csv", b"a,a\n1,2\n", "a.csv:1: column names stand twice: a"),
        ("a.csv", "a,b\n1,2\n3,映画\n".encode("cp932"), "a.csv:3: not UTF-8 (byte 2 of the line)"),
        ("a.parquet", b"nonsense", "not a sound Parquet file"),
        ("a.txt", b"x", "Readable: .jsonl, .csv, .parquet"),
        ("a.jsonl.gz", b"x", "unpack it first: gunzip FILE"),
    ],
)
def test_bad_files_are_named_with_their_line(tmp_path, name, data, words):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError, match="a\\.") as caught:
        read_records(path)
    assert words in str(caught.value)


def test_sound_records_come_before_the_error_and_around_the_problem(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n[2]\n{"a": 3}')
    records = iter_records(tmp_path / "a.jsonl")
    assert next(records) == {"a": 1}
    with pytest.raises(DataError, match=r"a\.jsonl:2: expected a JSON object, got \[2\]"):
        next(records)
    assert told(tmp_path / "a.jsonl") == [(1, {"a": 1}), (2, "expected a JSON object, got [2]"), (3, {"a": 3})]


def test_a_folder_is_no_file_of_records(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_records(tmp_path)


def test_values_that_python_cannot_hold_are_told_row_by_row(tmp_path):
    dates = pa.array([0, 10**8], pa.int32()).cast(pa.date32())
    broken = pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0])),
                                                    pa.py_buffer(b"a\xff")])  # fmt: skip
    for column, words in ((dates, "holds a value that cannot be read"), (broken, "'utf-8' codec can't decode")):
        chunks = pa.chunked_array([column.slice(0, 1), column, column.slice(0, 1)])
        pq.write_table(pa.table({"a": chunks}), tmp_path / "a.parquet")
        found = told(tmp_path / "a.parquet")
        assert [number for number, record in found if isinstance(record, dict)] == [1, 2, 4]
        assert words in found[2][1]
        with pytest.raises(DataError, match=r"a\.parquet:3: holds a value"):
            read_records(tmp_path / "a.parquet")


def test_parquet_columns_of_one_name_are_refused(tmp_path):
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column names stand twice: a"):
        read_records(tmp_path / "a.parquet")


def test_lone_surrogates_of_a_file_become_valid_text(tmp_path):
    line = r'{"a\udc00": ["x \ud800", "\ud83d\ude00", "\\ud800", 1, null]}'
    (tmp_path / "a.jsonl").write_text(line)
    assert read_records(tmp_path / "a.jsonl") == [{"a\ufffd": ["x \ufffd", "😀", "\\ud800", 1, None]}]


def test_the_formats_read_alike(tmp_path):
    long = "0" * 200_000  # beyond what `csv` takes for a cell by default
    records = [{"review": "a, \u2028 b", "label": "x"}, {"review": "映画", "label": long}]
    (tmp_path / "a.jsonl").write_text(
        '\ufeff{"review": "a, \u2028 b", "label": "x"}\r\n{"review": "映画", "label": "' + long + '"}'
    )
    (tmp_path / "a.csv").write_text('\ufeffreview,label\r\n"a, \u2028 b",x\r\n映画,' + long)
    table = pa.Table.from_pylist(records)
    pq.write_table(table, tmp_path / "a.parquet")
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    for name in ("a.jsonl", "a.csv", "a.parquet", "a.arrow"):
        assert read_records(tmp_path / name) == records


def test_nested_values_of_parquet_stay_nested(tmp_path):
    records = [{"a": {"b": [{"c": 1}, None]}, "d": None}]
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    assert read_records(tmp_path / "a.parquet") == records
