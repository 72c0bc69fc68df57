"""The one reader of record files: JSONL, CSV, Parquet, Arrow; record by record, in constant memory.

What cannot be read is told, never skipped: `entries` hands it out as a problem in words and goes on, `iter_records`
ends there with an error. JSONL and CSV entries carry their bytes, so that what is kept can be written back unchanged.
A number is the line a record begins at (JSONL, CSV; split at newlines only, since a text may hold U+2028), or its
place from 1 (Parquet, Arrow, curator's answers). Files are UTF-8, with or without a byte order mark.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from homespun.data.find import Part, parts
from homespun.data.records import JSONDict
from homespun.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 1024  #: rows of a Parquet or Arrow file that are held together
BOM = b"\xef\xbb\xbf"
_NOT_UTF8 = "not UTF-8 (byte {} of the line); convert it, for example with iconv -f cp932 -t utf-8"
_SURROGATE, _SURROGATE_ESCAPE = re.compile("[\ud800-\udfff]"), re.compile(r"\\u[dD][89a-fA-F]")


class Entry(NamedTuple):
    """One record of a file, or why it is none."""

    number: int
    record: JSONDict | None
    problem: str = ""
    raw: bytes = b""  #: JSONL, CSV: its line or lines


def entries(part: Part, fields: Collection[str] | None = None) -> Iterator[Entry]:
    """Return the entries of a file in order; blank lines are no entries.

    Args:
        part: the file.
        fields: of Parquet and Arrow, only these top-level fields (those that are there); all unless given.

    Raises:
        DataError: the file as a whole cannot be read: not Parquet, no CSV header.
    """
    if part.kind == "jsonl":
        return _jsonl(part)
    if part.kind == "csv":
        return _csv(part)
    if part.kind == "curator":
        return _curator(part)
    return _columnar(part, fields)


def read_records(path: Path) -> list[JSONDict]:
    """Return the records of a file (see iter_records)."""
    return list(iter_records(path))


def iter_records(path: Path) -> Iterator[JSONDict]:
    """Return the records of a file, all of which must be sound.

    Raises:
        DataError: missing, of another kind, without a record; or one cannot be read, with its number.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    (part,) = parts(path)
    empty = True
    for entry in entries(part):
        if entry.record is None:
            raise DataError(f"{path}:{entry.number}: {entry.problem}")
        empty = False
        yield entry.record
    if empty:
        raise DataError(f"{path}: the file is empty; it needs at least one record")


def _jsonl(part: Part) -> Iterator[Entry]:
    with part.path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            raw = line.removeprefix(BOM) if number == 1 else line
            try:
                text = raw.decode("utf-8")
                if not text or text.isspace():
                    continue
                record = json_object(text)
            except UnicodeDecodeError as error:
                yield Entry(number, None, _NOT_UTF8.format(error.start), raw)
            except ValueError as error:
                yield Entry(number, None, str(error), raw)
            else:
                yield Entry(number, record, "", raw)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)  # json.loads with an option makes one a call


def json_object(line: str) -> JSONDict:
    """Return the object that a line of JSONL holds; a lone surrogate in its texts becomes U+FFFD.

    Raises:
        ValueError: in words, without the place.
    """
    try:
        record = _DECODER.decode(line)
    except ValueError as error:
        raise ValueError(f"not a JSON object: {error}") from None
    except RecursionError:
        raise ValueError("not a JSON object that can be read: nested too deeply") from None
    if not isinstance(record, dict):
        raise ValueError(f"expected a JSON object, got {line.strip()[:40]}")
    return _sound(record) if _SURROGATE_ESCAPE.search(line) else record


def _sound(value: Any) -> Any:
    """Return a JSON value whose texts are valid: a lone surrogate, which only an escape can write, becomes U+FFFD."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_sound(part) for part in value]
    if isinstance(value, dict):
        return {_sound(name): _sound(part) for name, part in value.items()}
    return value


def csv_header(part: Part) -> tuple[list[str], bytes]:
    """Return the names of a CSV file's columns and the bytes of its header.

    Raises:
        DataError: it has none, or a name stands twice, or it is not UTF-8.
    """
    csv.field_size_limit(2**31 - 1)  # one giant cell is a cell, not an error
    with part.path.open("rb") as stream:
        lines = _Lines(stream)
        try:
            header = next(csv.reader(lines, strict=True), None)
        except csv.Error as error:
            raise DataError(f"{part.name}:1: not CSV: {error}") from None
    if lines.problem:
        raise DataError(f"{part.name}:1: not UTF-8, but perhaps UTF-16 or Latin-1; save it as UTF-8")
    if not header:
        raise DataError(f"{part.name}: the file is empty; CSV begins with a line of column names")
    _check_names(header, f"{part.name}:1")
    return header, lines.take()


def _check_names(names: Collection[str], place: str) -> None:
    """Refuse columns of one name: a record would hold the last of them alone."""
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DataError(f"{place}: column names stand twice: {', '.join(twice)}")


class _Lines:
    """Hands lines to the CSV reader as text and keeps their bytes."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.count, self.problem = stream, 0, ""
        self.read: list[bytes] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line: bytes = next(self.stream)
        if self.count == 0:
            line = line.removeprefix(BOM)
        self.count += 1
        self.read.append(line)
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            self.problem = self.problem or _NOT_UTF8.format(error.start)
            return line.decode("utf-8", "replace")

    def take(self) -> bytes:
        """Return the bytes read since the last call."""
        taken = b"".join(self.read)
        self.read, self.problem = [], ""
        return taken


def _csv(part: Part) -> Iterator[Entry]:
    header, _ = csv_header(part)
    with part.path.open("rb") as stream:
        lines = _Lines(stream)
        reader = csv.reader(lines, strict=True)
        next(reader)
        lines.take()
        while True:
            first = lines.count + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                last = f" (read up to line {lines.count})" if lines.count > first else ""
                yield Entry(first, None, f"not CSV: {error}{last}", lines.take())
                continue
            problem, raw = lines.problem, lines.take()
            if not cells:
                continue
            if problem:
                yield Entry(first, None, problem, raw)
            elif len(cells) != len(header):
                yield Entry(first, None, f"has {len(cells)} columns, and the header has {len(header)}", raw)
            else:
                yield Entry(first, dict(zip(header, cells, strict=True)), "", raw)


def _columnar(part: Part, fields: Collection[str] | None) -> Iterator[Entry]:
    number = 0
    for batch in batches(part, fields):
        try:
            found = [Entry(number, record) for number, record in enumerate(batch.to_pylist(), number + 1)]
        except (ValueError, OverflowError):  # a date beyond the year 9999, a text that is not UTF-8: see which
            found = [_row(batch.slice(at, 1), number + 1 + at) for at in range(len(batch))]
        yield from found
        number += len(batch)


def _row(batch: pa.RecordBatch, number: int) -> Entry:
    try:
        return Entry(number, batch.to_pylist()[0])
    except (ValueError, OverflowError) as error:
        return Entry(number, None, f"holds a value that cannot be read: {error}")


def batches(part: Part, fields: Collection[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Return a Parquet or Arrow file (stream or file format) in slices of at most BATCH rows."""
    with _opened(part) as (schema, found):
        _check_names(schema.names, part.name)
        names = [name for name in schema.names if fields is None or name in fields]
        if part.kind == "parquet":
            yield from found.iter_batches(batch_size=BATCH, columns=None if fields is None else names)
            return
        for whole in found:
            batch = whole if fields is None else whole.select(names)
            for start in range(0, len(batch), BATCH):
                yield batch.slice(start, BATCH)


def schema_of(part: Part) -> pa.Schema:
    """Return the schema of a Parquet or Arrow file."""
    with _opened(part) as (schema, _):
        return schema


@contextmanager
def _opened(part: Part) -> Iterator[tuple[pa.Schema, Any]]:
    """Open a Parquet file (as such) or an Arrow file (as its batches)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if part.kind == "parquet":
            with pq.ParquetFile(part.path) as file:
                yield file.schema_arrow, file
            return
        with pa.memory_map(part.name) as source:
            found = _arrow(source)
            yield (
                found.schema,
                (
                    found
                    if isinstance(found, pa.ipc.RecordBatchStreamReader)
                    else (found.get_batch(index) for index in range(found.num_record_batches))
                ),
            )
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{part.name}: not a sound {part.kind.capitalize()} file: {error}") from None


def _arrow(source: Any) -> Any:
    """Open an Arrow file as a stream, which is what `datasets` writes, or else as a file."""
    import pyarrow as pa

    try:
        return pa.ipc.open_stream(source)
    except pa.ArrowInvalid:
        source.seek(0)
        return pa.ipc.open_file(source)


def _curator(part: Part) -> Iterator[Entry]:
    """Return the rows that curator parsed from its answers, or question and answer where it parsed none."""
    number = 0
    for entry in _jsonl(part):
        answer = entry.record
        rows: Any = None if answer is None else answer.get("parsed_response_message")
        if answer is None or answer.get("response_errors"):
            problem = entry.problem or f"curator got no answer: {answer and answer['response_errors']}"
            number += 1
            yield Entry(number, None, problem)
        elif isinstance(rows, list):
            for row in rows:
                number += 1
                good = isinstance(row, dict)
                yield Entry(number, row if good else None, "" if good else f"expected an object, got {str(row)[:40]}")
        else:
            number += 1
            asked = (answer.get("generic_request") or {}).get("original_row")
            yield Entry(number, {**(asked or {}), "response": answer.get("response_message")})


def size(part: Part) -> int:
    """Return the bytes of a file, for progress."""
    return part.path.stat().st_size


def count(part: Part) -> int:
    """Return the number of records of a Parquet or Arrow file, without reading them; 0 for others."""
    if part.kind == "parquet":
        import pyarrow.parquet as pq

        with pq.ParquetFile(part.path) as file:
            return int(file.metadata.num_rows)
    return 0 if part.kind != "arrow" else sum(len(batch) for batch in batches(part, ()))
