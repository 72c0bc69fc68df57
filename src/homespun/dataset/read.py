"""Records of a file one after the other, in constant memory; what cannot be read is told, never skipped.

Where tables.iter_records stops at the first bad line, these go on: an entry is a record or a problem in words.
JSONL and CSV entries carry their bytes, so that what is kept can be written back unchanged. A number is the
line a record begins at (JSONL, CSV), or its place from 1 (Parquet, Arrow, curator's answers).
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from homespun.dataset.find import Part
from homespun.errors import DataError
from homespun.records import JSONDict
from homespun.tables import json_object

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 1024  #: rows of a Parquet or Arrow file that are held together
BOM = b"\xef\xbb\xbf"


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


def _jsonl(part: Part) -> Iterator[Entry]:
    with part.path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            raw = line.removeprefix(BOM) if number == 1 else line
            try:
                text = raw.decode("utf-8")
                if text.isspace():
                    continue
                record = json_object(text)
            except UnicodeDecodeError as error:
                yield Entry(number, None, f"not UTF-8 (byte {error.start} of the line)", raw)
            except ValueError as error:
                yield Entry(number, None, str(error), raw)
            else:
                yield Entry(number, record, "", raw)


def csv_header(part: Part) -> tuple[list[str], bytes]:
    """Return the names of a CSV file's columns and the bytes of its header.

    Raises:
        DataError: it has none, or a name stands twice, or it is not UTF-8.
    """
    with part.path.open("rb") as stream:
        lines = _Lines(stream)
        try:
            header = next(csv.reader(lines, strict=True), None)
        except csv.Error as error:
            raise DataError(f"{part.name}:1: not CSV: {error}") from None
    if lines.bad:
        raise DataError(f"{part.name}:1: not UTF-8, but perhaps UTF-16 or Latin-1; save it as UTF-8")
    if not header:
        raise DataError(f"{part.name}: the file is empty; CSV begins with a line of column names")
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise DataError(f"{part.name}:1: column names stand twice: {', '.join(sorted(twice))}")
    return header, lines.take()


class _Lines:
    """Hands lines to the CSV reader as text and keeps their bytes."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.count, self.bad = stream, 0, False
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
        except UnicodeDecodeError:
            self.bad = True
            return line.decode("utf-8", "replace")

    def take(self) -> bytes:
        """Return the bytes read since the last call."""
        taken = b"".join(self.read)
        self.read, self.bad = [], False
        return taken


def _csv(part: Part) -> Iterator[Entry]:
    csv.field_size_limit(2**31 - 1)  # one giant cell is a cell, not an error
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
            bad, raw = lines.bad, lines.take()
            if not cells:
                continue
            if bad:
                yield Entry(first, None, "not UTF-8", raw)
            elif len(cells) != len(header):
                yield Entry(first, None, f"has {len(cells)} columns, and the header has {len(header)}", raw)
            else:
                yield Entry(first, dict(zip(header, cells, strict=True)), "", raw)


def _columnar(part: Part, fields: Collection[str] | None) -> Iterator[Entry]:
    number = 0
    for batch in batches(part, fields):
        for record in batch.to_pylist():
            number += 1
            yield Entry(number, record)


def batches(part: Part, fields: Collection[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Return a Parquet or Arrow file (stream or file format) in slices of at most BATCH rows."""
    with _opened(part) as (schema, found):
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
