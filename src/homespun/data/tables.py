"""Rows, verdicts and scores from and to the Parquet tables of a run directory.

Parquet is the interface of a run directory, so every table has a declared schema: an empty pool, or one
whose every score is missing, has the same columns as any other. Files of the user's are read by dataset/read.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homespun.data.read import read_records
from homespun.data.records import (
    Attempt,
    Labelled,
    Lineage,
    Row,
    Scores,
    Verdict,
    canonical_json,
)
from homespun.errors import DataError
from homespun.registry import find_any

if TYPE_CHECKING:
    import pyarrow as pa


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

    `payload` names the kind of a row (registry.py), `fields` holds what it stores beside its output.
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
        kind = find_any("payload", record.get("payload") or "labelled")
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
