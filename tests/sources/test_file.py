"""Records of a file: in order, in constant memory, and with the place of what cannot be read."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from homespun.data.records import Record
from homespun.errors import DataError
from homespun.sources.file import FileSource

ROWS = [{"q": "one", "name": "a"}, {"q": "two\u2028lines", "name": "b"}, {"q": "三", "name": "c"}]


def written(folder, kind):
    path = folder / f"prompts.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8")
    elif kind == "csv":
        path.write_text("q,name\n" + "".join(f"{row['q']},{row['name']}\n" for row in ROWS), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    return str(path)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_every_kind_gives_the_same_records_as_often_as_asked(tmp_path, kind):
    source = FileSource(path=written(tmp_path, kind), field="q", id="name")
    wanted = [Record("a", "one"), Record("b", "two\u2028lines"), Record("c", "三")]
    assert list(source()) == wanted and list(source()) == wanted
    assert list(FileSource(path=source.path, field="q", limit=2)()) == [
        Record("1", "one"),
        Record("2", wanted[1].value),
    ]


def test_what_is_not_there_is_named(tmp_path):
    path = written(tmp_path, "jsonl")
    with pytest.raises(DataError, match=r'record 1 has no "qq".* Did you mean "q"'):
        list(FileSource(path=path, field="qq")())
    with pytest.raises(DataError, match="no such file"):
        list(FileSource(path=path + "x", field="q")())
    with pytest.raises(DataError, match="no such file"):
        FileSource(path=path + "x", field="q").digest()


def test_a_name_stands_for_one_record(tmp_path):
    path = tmp_path / "twice.jsonl"
    path.write_text('{"q": "a", "name": "x"}\n{"q": "b", "name": "x"}\n')
    with pytest.raises(DataError, match='record 2 repeats the name "x"'):
        list(FileSource(path=str(path), field="q", id="name")())


def test_records_are_read_one_by_one(tmp_path):
    path = tmp_path / "half.jsonl"
    path.write_text('{"q": "fine"}\nnot json\n', encoding="utf-8")
    records = FileSource(path=str(path), field="q")()
    assert next(records) == Record("1", "fine")
    with pytest.raises(DataError, match=r"half\.jsonl:2"):
        next(records)
