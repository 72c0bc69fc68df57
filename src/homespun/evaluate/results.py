"""Item results as a table and back: what `results/ARM/seed-N/EVALUATION.parquet` holds.

A curve holds the results at several exposures of one training (`EVALUATION.curve.parquet`).

One line per item and mode. Posterior, groups and marks are JSON texts, so the columns are the same for every task.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from homespun.data.records import canonical_json
from homespun.evaluate.base import ItemResult

if TYPE_CHECKING:
    import pyarrow as pa

TEXTS = ("item_id", "gold", "predicted", "mode", "raw", "problem")
MAPPINGS = ("posterior", "groups", "marks")


def results_table(results: Sequence[ItemResult]) -> pa.Table:
    """Return item results as a table."""
    import pyarrow as pa

    records = [
        {
            **{name: getattr(result, name) for name in TEXTS},
            **{name: canonical_json(dict(getattr(result, name))) for name in MAPPINGS},
        }
        for result in results
    ]
    return pa.Table.from_pylist(records, schema=pa.schema([(name, pa.string()) for name in (*TEXTS, *MAPPINGS)]))


def results_from(table: pa.Table) -> list[ItemResult]:
    """Return the item results of a table made by results_table."""
    return [
        ItemResult(
            **{name: record[name] for name in TEXTS},
            **{name: json.loads(record.get(name) or "{}") for name in MAPPINGS},
        )
        for record in table.to_pylist()
    ]


def curve_table(points: Mapping[int, Sequence[ItemResult]]) -> pa.Table:
    """Return item results at several exposures as one table, with a column `exposures`."""
    import pyarrow as pa

    tables = []
    for exposures, results in sorted(points.items()):
        table = results_table(results)
        tables.append(table.append_column("exposures", pa.array([exposures] * len(results), pa.int64())))
    return pa.concat_tables(tables)


def curve_from(table: pa.Table) -> dict[int, list[ItemResult]]:
    """Return exposures -> item results of a table made by curve_table."""
    found: dict[int, list[ItemResult]] = {}
    for exposures, result in zip(table["exposures"].to_pylist(), results_from(table), strict=True):
        found.setdefault(exposures, []).append(result)
    return found
