"""Records from and to files: JSONL, CSV and Parquet in, Parquet out.

Parquet is the interface of a run directory, so every table has a declared schema: an empty pool, or one
whose every score is missing, has the same columns as any other. Reading user files names the file, the
line and what was wrong with it. JSONL is split at newlines only (a text may hold U+2028).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homespun.errors import DataError
from homespun.records import (
    PAYLOADS,
    Attempt,
    JSONDict,
    Labelled,
    Lineage,
    Row,
    Scores,
    Verdict,
    canonical_json,
)

if TYPE_CHECKING:
    import pyarrow as pa

READABLE = (".jsonl", ".csv", ".parquet")
_SURROGATE, _SURROGATE_ESCAPE = re.compile("[\ud800-\udfff]"), re.compile(r"\\u[dD][89a-fA-F]")


def read_records(path: Path) -> list[JSONDict]:
    """Read a JSONL, CSV or Parquet file into one dict per record (see iter_records)."""
    return list(iter_records(path))


def iter_records(path: Path) -> Iterator[JSONDict]:
    """Read a JSONL, CSV or Parquet file record by record, in constant memory.

    Raises:
        DataError: missing, empty, not UTF-8, malformed (with the line), or of another kind.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    kind = path.suffix.lower()
    if kind not in READABLE:
        raise DataError(f'{path}: cannot read "{kind or "no suffix"}" files; use one of {", ".join(READABLE)}')
    reader = {".jsonl": _iter_jsonl, ".csv": _iter_csv, ".parquet": _iter_parquet}[kind]
    empty = True
    for record in reader(path):
        empty = False
        yield record
    if empty:
        raise DataError(f"{path}: the file is empty; it needs at least one record")


def _lines(path: Path) -> Iterator[str]:
    """Return the lines of a UTF-8 file with their ends, split at newlines only."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}:{number}: not UTF-8 (byte {error.start} of the line); convert it, for example with"
                    " iconv -f cp932 -t utf-8"
                ) from None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _iter_jsonl(path: Path) -> Iterator[JSONDict]:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            yield json_object(line)
        except ValueError as error:
            raise DataError(f"{path}:{number}: {error}") from None


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


def _iter_csv(path: Path) -> Iterator[JSONDict]:
    reader = csv.DictReader(_lines(path), strict=True)
    try:
        for record in reader:
            if None in record or None in record.values():
                raise DataError(
                    f"{path}:{reader.line_num}: has another number of columns than the header"
                    f" ({len(reader.fieldnames or [])})"
                )
            yield dict(record)
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: not CSV: {error}") from None


def _iter_parquet(path: Path) -> Iterator[JSONDict]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                yield from batch.to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a Parquet file: {error}") from None


def read_table(path: Path, at_most: int | None = None) -> pa.Table:
    """Read a Parquet file that this project wrote, or its first `at_most` rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if at_most is None:
        return pq.read_table(path)
    with pq.ParquetFile(path) as file:
        some, count = [], 0
        for batch in file.iter_batches(batch_size=min(at_most, 1024)):
            some.append(batch.slice(0, at_most - count))
            count += len(some[-1])
            if count >= at_most:
                break
        return pa.Table.from_batches(some, file.schema_arrow)


def parquet_bytes(table: pa.Table) -> bytes:
    """Return a table as Parquet; equal tables give equal bytes with one version of pyarrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def _strings(*names: str) -> list[tuple[str, Any]]:
    import pyarrow as pa

    return [(name, pa.string()) for name in names]


def attempt_schema() -> pa.Schema:
    """Return the columns of a table of attempts."""
    import pyarrow as pa

    integers = [(name, pa.int64()) for name in ("prompt_tokens", "completion_tokens", "seed")]
    return pa.schema(
        _strings("id", "key", "status", "problem", "payload", "fields", "output", "language", "groups", "raw")
        + _strings("generator", "model", "prompt", "prompt_hash", "finish_reason")
        + integers
    )


def attempts_table(attempts: Sequence[Attempt]) -> pa.Table:
    """Return attempts as a table; `fields` and `groups` are JSON texts, `id` is empty without a row.

    `payload` names the kind of a row (records.PAYLOADS), `fields` holds what it stores beside its output.
    """
    import pyarrow as pa

    records = []
    for attempt in attempts:
        row = attempt.row
        lineage = row.lineage if row else Lineage("", attempt.key)
        records.append(
            {
                "id": row.id if row else "",
                "key": attempt.key,
                "status": attempt.status,
                "problem": attempt.problem,
                "payload": row.payload.kind if row else "",
                "fields": canonical_json(row.payload.stored() if row else {}),
                "output": row.payload.output if row else "",
                "language": row.language if row else "",
                "groups": canonical_json(dict(attempt.groups)),
                "raw": attempt.raw,
                "generator": lineage.generator,
                "model": lineage.model,
                "prompt": lineage.prompt,
                "prompt_hash": lineage.prompt_hash,
                "finish_reason": attempt.finish_reason,
                "prompt_tokens": attempt.prompt_tokens,
                "completion_tokens": attempt.completion_tokens,
                "seed": lineage.seed,
            }
        )
    return pa.Table.from_pylist(records, schema=attempt_schema())


def attempts_from(table: pa.Table) -> list[Attempt]:
    """Return the attempts of a table made by attempts_table."""
    return [_attempt(record) for record in table.to_pylist()]


def _attempt(record: Mapping[str, Any]) -> Attempt:
    groups = json.loads(record["groups"])
    row = None
    if record["id"]:
        lineage = Lineage(
            generator=record["generator"],
            key=record["key"],
            model=record["model"],
            prompt=record["prompt"],
            prompt_hash=record["prompt_hash"],
            seed=record["seed"],
            finish_reason=record["finish_reason"],
            tokens=record["completion_tokens"],
        )
        kind = PAYLOADS[record.get("payload") or Labelled.kind]
        payload = kind.restored(json.loads(record["fields"]), record["output"])
        row = Row(record["id"], payload, record["language"], groups, lineage)
    return Attempt(
        key=record["key"],
        status=record["status"],
        raw=record["raw"],
        problem=record["problem"],
        groups=groups,
        row=row,
        finish_reason=record["finish_reason"],
        prompt_tokens=record["prompt_tokens"],
        completion_tokens=record["completion_tokens"],
    )


def verdict_schema() -> pa.Schema:
    """Return the columns of a table of verdicts."""
    import pyarrow as pa

    return pa.schema(
        [
            ("row_id", pa.string()),
            ("keep", pa.bool_()),
            ("rule", pa.string()),
            ("score", pa.float64()),
            ("threshold", pa.float64()),
            ("reason", pa.string()),
            ("duplicate_of", pa.string()),
        ]
    )


def verdicts_table(verdicts: Sequence[Verdict]) -> pa.Table:
    """Return verdicts as a table."""
    import pyarrow as pa

    schema = verdict_schema()
    names = schema.names
    records = [{name: getattr(verdict, name) for name in names} for verdict in verdicts]
    return pa.Table.from_pylist(records, schema=schema)


def verdicts_from(table: pa.Table) -> list[Verdict]:
    """Return the verdicts of a table made by verdicts_table."""
    return [Verdict(**record) for record in table.to_pylist()]


def scores_table(scores: Scores) -> pa.Table:
    """Return scores as a table: id, one column per score, reason; the primary's name in the metadata.

    Vectors are fixed-size lists of 32-bit floats.
    """
    import pyarrow as pa

    arrays: dict[str, Any] = {"id": pa.array(scores.ids, pa.string())}
    for name, values in scores.columns.items():
        if getattr(values, "ndim", 1) == 2:  # vectors, one fixed-size list per row
            flat = pa.array(values.reshape(-1), pa.float32())  # type: ignore[union-attr]
            arrays[name] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])  # type: ignore[union-attr]
            continue
        text = any(isinstance(value, str) for value in values)
        arrays[name] = pa.array(values, pa.string() if text else pa.float64())
    arrays["reason"] = pa.array([scores.reasons.get(row_id, "") for row_id in scores.ids], pa.string())
    return pa.table(arrays).replace_schema_metadata({"name": scores.name, "primary": scores.primary})


def scores_from(table: pa.Table) -> Scores:
    """Return the scores of a table made by scores_table."""
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    ids = table.column("id").to_pylist()
    columns = {name: _column(table.column(name)) for name in table.column_names if name not in ("id", "reason")}
    reasons = {row_id: text for row_id, text in zip(ids, table.column("reason").to_pylist(), strict=True) if text}
    return Scores(metadata["name"], metadata["primary"], ids, columns, reasons)


def _column(column: Any) -> Any:
    """Return a column as a list, or as an array rows x dimensions where it holds vectors."""
    import pyarrow as pa

    if not pa.types.is_fixed_size_list(column.type):
        return column.to_pylist()
    values = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return values.flatten().to_numpy(zero_copy_only=False).reshape(len(values), column.type.list_size)


def rows_from_file(path: Path, fields: Sequence[str], labels: Sequence[str], language: str) -> list[Row]:
    """Read real rows for an arm: the task's fields and a `label` column.

    Raises:
        DataError: a column is missing, or a label is not one of the task's.
    """
    rows = []
    for number, record in enumerate(read_records(path), start=1):
        missing = [name for name in (*fields, "label") if not isinstance(record.get(name), str)]
        if missing:
            raise DataError(f"{path}: record {number} lacks {', '.join(missing)}; it has {', '.join(record)}")
        if record["label"] not in labels:
            raise DataError(
                f'{path}: record {number} has the label "{record["label"]}"; the task knows {", ".join(labels)}'
            )
        payload = Labelled({name: record[name] for name in fields}, record["label"])
        lineage = Lineage(generator=path.name, key=str(number))
        rows.append(Row.make(payload, language=language, groups={"label": record["label"]}, lineage=lineage))
    return rows
