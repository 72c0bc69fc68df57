"""What is kept, written in the order it was read: lines byte for byte, tables with their own schema.

JSONL from JSONL and CSV from CSV are the same bytes; Parquet from Parquet or Arrow has the same schema and
values. JSONL can be written from anything, Parquet too if a field holds one type throughout, CSV only from CSV
with the same columns. Files are read again for it, so nothing of a record is held between the two readings. A
file is wholly there or not at all.
"""

from __future__ import annotations

import base64
import csv
import datetime
import io
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from homespun.data.find import Part
from homespun.data.read import BATCH, BOM, batches, csv_header, entries, schema_of
from homespun.data.store import disk_errors
from homespun.errors import DataError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

WRITABLE = (".jsonl", ".csv", ".parquet")
Kept = Sequence[int]  #: numbers of the records of a part that are kept, ascending
Stamp = tuple[int, int]
Step = Callable[[int], None]  #: called with how many records were passed


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file that appears under its name when it is complete, or not at all; a pipe is opened as it is.

    Raises:
        StoreError: it cannot be written; an older file is then still there.
    """
    if path.exists() and not path.is_file():  # /dev/stdout is no name to be taken by a file
        with disk_errors(path), path.open("wb") as stream:
            yield stream
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def check(out: Path, parts: Sequence[Part]) -> None:
    """Refuse an output that these files cannot be written to.

    Raises:
        UsageError: unknown suffix, or CSV from something else than CSV with the same columns.
    """
    kind = out.suffix.lower()
    if kind not in WRITABLE:
        raise UsageError(f'{out}: cannot write "{kind or "no suffix"}" files; end it in {", ".join(WRITABLE)}')
    if kind != ".csv":
        return
    if any(part.kind != "csv" for part in parts):
        other = next(part for part in parts if part.kind != "csv")
        raise UsageError(f"{out}: CSV is written from CSV only, and {other.name} is none; end it in .jsonl or .parquet")
    first = csv_header(parts[0])[0]
    for part in parts:
        if csv_header(part)[0] != first:
            raise UsageError(
                f"{out}: {part.name} has other columns than {parts[0].name}; end it in .jsonl, or select one by one"
            )


def write(out: Path, kept: Sequence[tuple[Part, Kept]], step: Step, stamps: Sequence[Stamp] = ()) -> None:
    """Write the kept records of the files one after the other.

    Args:
        out: the file to write.
        kept: the files, each with the numbers of the records to take.
        step: told how many records were passed.
        stamps: what `stamp` said of each file when its records were numbered.

    Raises:
        DataError: a file is not what it was then; nothing is written.
        UsageError: see check; or Parquet from records whose fields change their type.
        StoreError: the file cannot be written.
    """
    check(out, [part for part, _ in kept])
    writer = {".jsonl": _to_jsonl, ".csv": _to_csv, ".parquet": _to_parquet}[out.suffix.lower()]
    with whole(out) as stream:
        writer(stream, kept, step)
        for (part, _), known in zip(kept, stamps, strict=False):
            if stamp(part) != known:
                raise DataError(f"{part.name}: changed while it was read; {out} is not written. Run the command again")


def stamp(part: Part) -> Stamp:
    """Return size and time of change of a file."""
    found = part.path.stat()
    return found.st_size, found.st_mtime_ns


def _to_jsonl(stream: BinaryIO, kept: Sequence[tuple[Part, Kept]], step: Step) -> None:
    unended = False
    for part, numbers in kept:
        if part.kind == "jsonl":
            lines: Iterable[bytes] = _lines(part, numbers, step)
        else:
            lines = (json_line(record) for record in _records(part, numbers, step))
        for line in lines:
            stream.write(b"\n" + line if unended else line)
            unended = not line.endswith(b"\n")


def _to_csv(stream: BinaryIO, kept: Sequence[tuple[Part, Kept]], step: Step) -> None:
    header = csv_header(kept[0][0])[1]
    stream.write(header)
    unended = not header.endswith((b"\n", b"\r"))
    for part, numbers in kept:
        wanted = set(numbers)
        for entry in entries(part):
            step(1)
            if entry.number in wanted:
                stream.write(b"\n" + entry.raw if unended else entry.raw)
                unended = not entry.raw.endswith((b"\n", b"\r"))


def _lines(part: Part, numbers: Kept, step: Step) -> Iterator[bytes]:
    """Return the kept lines of a JSONL file as they are."""
    waiting = iter(numbers)
    wanted = next(waiting, None)
    number = 0
    with part.path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if number % BATCH == 0:
                step(BATCH)
            if number == wanted:
                yield line.removeprefix(BOM) if number == 1 else line
                wanted = next(waiting, None)
    step(number % BATCH)


def _records(part: Part, numbers: Kept, step: Step) -> Iterator[Mapping[str, Any]]:
    waiting = iter(numbers)
    wanted = next(waiting, None)
    for entry in entries(part):
        step(1)
        if entry.number == wanted and entry.record is not None:
            yield entry.record
            wanted = next(waiting, None)


def json_line(record: Mapping[str, Any]) -> bytes:
    """Return a record as a line of a JSONL file (see json_text)."""
    return json_text(record).encode("utf-8", "replace") + b"\n"


def json_text(record: Mapping[str, Any]) -> str:
    """Return a record as JSON: times in ISO 8601, bytes in base64, NaN as null."""
    try:
        return json.dumps(record, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:
        return json.dumps(_without_nan(record), ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    if isinstance(value, Mapping):
        return {name: _without_nan(part) for name, part in value.items()}
    return value


def _to_parquet(stream: BinaryIO, kept: Sequence[tuple[Part, Kept]], step: Step) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(kept)
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for part, numbers in kept:
            tables = _filtered(part, numbers, step) if _columnar(part) else _built(part, numbers, schema, step)
            for table in _in_groups(tables):
                try:
                    writer.write_table(_fitted(table, schema))
                except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                    raise _mixed(part, error) from None


def _fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table in the common schema; a column that its file lacks is null."""
    import pyarrow as pa

    if table.schema == schema:
        return table
    have = set(table.column_names)
    columns = [
        table.column(field.name).cast(field.type) if field.name in have else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _columnar(part: Part) -> bool:
    return part.kind in ("parquet", "arrow")


def _schema(kept: Sequence[tuple[Part, Kept]]) -> pa.Schema:
    """Return the one schema of all files; of lines it is what their values say, read batch by batch."""
    import pyarrow as pa

    found = []
    for part, numbers in kept:
        if _columnar(part):
            found.append(schema_of(part))
            continue
        records = _records(part, numbers, lambda count: None)
        while some := list(islice(records, BATCH)):
            try:
                found.append(_table(some).schema)
                found = [pa.unify_schemas(found, promote_options="permissive")]
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise _mixed(part, error) from None
    if len(found) == 1:
        return found[0]
    try:
        return pa.unify_schemas(found, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UsageError(
            f"the files have columns of different types: {error}; write .jsonl, or select one by one"
        ) from None


def _mixed(part: Part, error: Exception) -> UsageError:
    return UsageError(
        f"{part.name}: a field holds values of several types, which Parquet cannot: {error}; write .jsonl"
    )


def _table(records: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return records as a table with every field that any of them has."""
    import pyarrow as pa

    names = list(dict.fromkeys(name for record in records for name in record))
    return pa.table({name: pa.array([record.get(name) for record in records]) for name in names})


def _built(part: Part, numbers: Kept, schema: pa.Schema, step: Step) -> Iterator[pa.Table]:
    import pyarrow as pa

    records = _records(part, numbers, step)
    while some := list(islice(records, BATCH)):
        try:
            yield pa.Table.from_pylist(some, schema=schema)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise _mixed(part, error) from None


def _filtered(part: Part, numbers: Kept, step: Step) -> Iterator[pa.Table]:
    import numpy as np
    import pyarrow as pa

    wanted, passed = np.asarray(numbers, dtype=np.int64), 0
    for batch in batches(part):
        inside = wanted[np.searchsorted(wanted, passed + 1) : np.searchsorted(wanted, passed + len(batch), "right")]
        if len(inside):
            yield pa.Table.from_batches([batch]).take(pa.array(inside - passed - 1))
        passed += len(batch)
        step(len(batch))


def _in_groups(tables: Iterator[pa.Table], rows: int = 64 * BATCH) -> Iterator[pa.Table]:
    """Join small tables, so that the file gets row groups of a size that reads fast."""
    import pyarrow as pa

    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= rows:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def write_records(out: Path, columns: Mapping[str, type], records: Iterable[Mapping[str, Any]]) -> int:
    """Write records of declared columns (str, int or float, None where there is no value) and say how many.

    Raises:
        UsageError: the suffix is none of .jsonl, .csv, .parquet.
        StoreError: the file cannot be written.
    """
    kind = out.suffix.lower()
    if kind not in WRITABLE:
        raise UsageError(f'{out}: cannot write "{kind or "no suffix"}" files; end it in {", ".join(WRITABLE)}')
    count = 0
    with whole(out) as stream:
        if kind == ".jsonl":
            count = lines_to(stream, records)
        elif kind == ".csv":
            text = io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="", write_through=True)
            table = csv.DictWriter(text, list(columns))
            table.writeheader()
            for record in records:
                table.writerow(record)
                count += 1
            text.detach()
        else:
            count = table_to(stream, columns, records)
    return count


def lines_to(stream: BinaryIO, records: Iterable[Mapping[str, Any]]) -> int:
    """Write records as JSONL and say how many."""
    count = 0
    for record in records:
        stream.write(json_line(record))
        count += 1
    return count


def table_to(
    stream: BinaryIO, columns: Mapping[str, type], records: Iterable[Mapping[str, Any]], at_once: int = 16 * BATCH
) -> int:
    """Write records as Parquet, `at_once` of them in a row group, and say how many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    waiting, count = iter(records), 0
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        while some := list(islice(waiting, at_once)):
            writer.write_table(pa.Table.from_pylist(some, schema=schema))
            count += len(some)
    return count
